//! The same work on many items, by several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than this only wait for the disk.
const MOST: usize = 8;
/// Fewer items are done before a thread has started.
const WORTH_A_THREAD: usize = 32;

/// What `work` says of the items, with the place of each and in that order. Every thread has a `state`
/// of its own, such as a buffer.
pub fn each<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> Option<R> + Sync,
) -> Vec<(usize, R)> {
    let next = AtomicUsize::new(0);
    let told = Mutex::new(Vec::new());
    let run = || {
        let mut state = state();
        let mut own = Vec::new();
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            own.extend(work(&mut state, item).map(|result| (at, result)));
        }
        if let Ok(mut told) = told.lock() {
            told.append(&mut own);
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(MOST).min(items.len() / WORTH_A_THREAD + 1);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut all = told.into_inner().unwrap_or_default();
    all.sort_unstable_by_key(|(at, _)| *at);
    all
}
