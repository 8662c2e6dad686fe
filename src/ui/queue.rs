//! What waits to be written. A log that comes faster than its reader takes it waits here, and no more of it
//! is read from the engine, which keeps it: nothing is dropped, and memory is bounded.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::{Handle, RuntimeFlavor};

/// A row of items between those who emit them and the one thread that writes.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    /// Bytes from which on those who can wait do.
    limit: usize,
    filled: Condvar,
    emptied: Condvar,
}

struct State<T> {
    items: Vec<T>,
    bytes: usize,
    closed: bool,
    woken: bool,
}

/// What the writer got.
pub struct Taken<T> {
    /// In the order in which they came.
    pub items: Vec<T>,
    /// No more will come.
    pub closed: bool,
}

impl<T> Queue<T> {
    /// An empty one in which about `limit` bytes may wait.
    pub fn new(limit: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: Vec::new(),
                bytes: 0,
                closed: false,
                woken: false,
            }),
            limit,
            filled: Condvar::new(),
            emptied: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Every change is one statement or repaired by the next, so a poisoned lock holds no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds `item` of `bytes` bytes. When the row is full and `patient`, it waits for room; what is not
    /// patient is so little that it is always taken.
    ///
    /// # Errors
    /// The item, when nobody writes any more.
    pub fn push(&self, item: T, bytes: usize, patient: bool) -> Result<(), T> {
        let state = self.state();
        if patient && state.bytes >= self.limit && !state.closed {
            drop(state);
            return blocking(|| {
                let mut state = self.state();
                while state.bytes >= self.limit && !state.closed {
                    state = self
                        .emptied
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                self.add(state, item, bytes)
            });
        }
        self.add(state, item, bytes)
    }

    fn add(&self, mut state: MutexGuard<'_, State<T>>, item: T, bytes: usize) -> Result<(), T> {
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        state.bytes += bytes;
        let first = state.items.len() == 1;
        drop(state);
        if first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Wakes the writer although there may be nothing to write.
    pub fn wake(&self) {
        self.state().woken = true;
        self.filled.notify_one();
    }

    /// Nothing more is taken; the writer gets what is there.
    pub fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
        self.emptied.notify_all();
    }

    /// Whether nothing more is taken.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Everything there is, as soon as there is something or the writer is woken.
    pub fn take(&self) -> Taken<T> {
        let mut state = self.state();
        while state.items.is_empty() && !state.closed && !state.woken {
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.taken(state)
    }

    /// Nothing, at `end` or when the queue is closed: until then items gather.
    pub fn pause_until(&self, end: Instant) {
        let mut state = self.state();
        while !state.closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (state, _) = self
                .filled
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn taken(&self, mut state: MutexGuard<'_, State<T>>) -> Taken<T> {
        state.woken = false;
        state.bytes = 0;
        let taken = Taken {
            items: std::mem::take(&mut state.items),
            closed: state.closed,
        };
        drop(state);
        self.emptied.notify_all();
        taken
    }

    /// Waits until the writer is woken or the queue is closed, and takes nothing. True when it is closed.
    pub fn wait_woken(&self) -> bool {
        let mut state = self.state();
        while !state.closed && !state.woken {
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.woken = false;
        state.closed
    }
}

/// Runs what may block for long. A worker of the runtime hands its other tasks over before.
fn blocking<R>(run: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(run),
        _ => run(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn of_three_writers_nothing_is_lost_or_reordered_and_the_row_stays_short() {
        let queue = Arc::new(Queue::new(1000));
        let longest = AtomicUsize::new(0);
        let mut next = [0usize; 3];
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let queue = queue.clone();
                scope.spawn(move || {
                    for number in 0..5_000 {
                        assert_eq!(queue.push((writer, number), 10, true), Ok(()));
                    }
                });
            }
            while next != [5_000; 3] {
                let taken = queue.take();
                longest.fetch_max(taken.items.len(), Ordering::Relaxed);
                for (writer, number) in taken.items {
                    assert_eq!(next[writer], number);
                    next[writer] += 1;
                }
            }
        });
        // 1000 bytes are full; each writer may have seen room for one more.
        assert!(longest.load(Ordering::Relaxed) <= 103);
    }

    #[test]
    fn what_cannot_wait_is_taken_by_a_full_row_and_nothing_by_a_closed_one() {
        let queue = Queue::new(1);
        assert_eq!(queue.push("a", 10, true), Ok(()));
        assert_eq!(queue.push("b", 10, false), Ok(()));
        queue.close();
        assert_eq!(queue.push("c", 10, true), Err("c"));
        let taken = queue.take();
        assert_eq!(taken.items, ["a", "b"]);
        assert!(taken.closed);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_task_that_waits_for_room_does_not_hold_the_others() {
        let queue = Arc::new(Queue::new(1));
        assert_eq!(queue.push(0, 10, true), Ok(()));
        let full = queue.clone();
        let waits = tokio::spawn(async move { full.push(1, 10, true) });
        // The only worker is free for this.
        let other = tokio::spawn(async { 7 });
        assert_eq!(other.await.expect("it runs"), 7);
        assert_eq!(queue.take().items, [0]);
        assert_eq!(waits.await.expect("it runs"), Ok(()));
        assert_eq!(queue.take().items, [1]);
    }
}
