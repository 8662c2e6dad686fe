//! Decides when a change goes out: a complete file at once, everything else after a moment of quiet. Pure: the clock is
//! passed in.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Quiet of a path after which a change goes out that does not say that the file is complete.
const QUIET: Duration = Duration::from_millis(10);
/// A path that changes all the time goes out after this long all the same.
const LONGEST: Duration = Duration::from_millis(100);
/// A file that is written over and over goes out no more often than this.
const AGAIN: Duration = Duration::from_millis(10);

/// Changes that wait to go out.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    waiting: HashMap<PathBuf, Waiting>,
    lost: Option<Waiting>,
    /// When paths went out that were complete, for as long as [`AGAIN`] lasts.
    sent: HashMap<PathBuf, Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    first: Instant,
    last: Instant,
    complete: bool,
}

impl Waiting {
    fn since(now: Instant) -> Self {
        Self {
            first: now,
            last: now,
            complete: false,
        }
    }

    /// When it goes out, given when the same path last went out.
    fn due(&self, sent: Option<Instant>) -> Instant {
        match self.complete {
            true => sent.map_or(self.first, |sent| self.first.max(sent + AGAIN)),
            false => (self.last + QUIET).min(self.first + LONGEST),
        }
    }
}

/// What goes out together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Paths that changed, each with when its first change was seen.
    pub paths: BTreeMap<PathBuf, Instant>,
    /// Events were lost: everything may have changed.
    pub rescan: bool,
    /// When the first of them was seen.
    pub since: Instant,
}

impl Batch {
    /// A file was closed after it was written, or took its place by a rename: it is complete.
    pub fn closed(&mut self, path: PathBuf, now: Instant) {
        let waiting = self.waiting.entry(path).or_insert(Waiting::since(now));
        waiting.last = now;
        waiting.complete = true;
    }

    /// A path changed in another way.
    pub fn touched(&mut self, path: PathBuf, now: Instant) {
        let waiting = self.waiting.entry(path).or_insert(Waiting::since(now));
        waiting.last = now;
        // Whoever writes on has opened the file again, and will close it.
        waiting.complete = false;
    }

    /// Events were lost.
    pub fn lost(&mut self, now: Instant) {
        self.lost.get_or_insert(Waiting::since(now)).last = now;
    }

    /// When something goes out next; none while nothing waits.
    pub fn due(&self) -> Option<Instant> {
        let paths = self.waiting.iter();
        let paths = paths.map(|(path, waiting)| waiting.due(self.sent.get(path).copied()));
        paths
            .chain(self.lost.map(|waiting| waiting.due(None)))
            .min()
    }

    /// Takes what is due; none when nothing is.
    pub fn take(&mut self, now: Instant) -> Option<Changes> {
        self.sent.retain(|_, sent| *sent + AGAIN > now);
        let mut paths = BTreeMap::new();
        let sent = &mut self.sent;
        self.waiting.retain(|path, waiting| {
            if waiting.due(sent.get(path).copied()) > now {
                return true;
            }
            sent.insert(path.clone(), now);
            paths.insert(path.clone(), waiting.first);
            false
        });
        let lost = self.lost.take_if(|waiting| waiting.due(None) <= now);
        let times = paths.values().copied();
        let since = times.chain(lost.map(|waiting| waiting.first)).min()?;
        Some(Changes {
            paths,
            rescan: lost.is_some(),
            since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    fn names(changes: Option<Changes>) -> Vec<String> {
        let paths = changes.map(|changes| changes.paths).unwrap_or_default();
        paths
            .into_keys()
            .map(|path| path.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_complete_file_goes_out_at_once_and_takes_nothing_along() {
        let now = Instant::now();
        let mut batch = Batch::default();
        assert_eq!(batch.due(), None);
        batch.touched("half".into(), now);
        batch.touched("whole".into(), now);
        batch.closed("whole".into(), after(now, 3));
        assert!(batch.due().is_some_and(|due| due <= after(now, 3)));
        let changes = batch.take(after(now, 3)).expect("something is due");
        assert_eq!(changes.since, now);
        assert_eq!(names(Some(changes)), ["whole"]);
        assert_eq!(batch.take(after(now, 9)), None);
        assert_eq!(names(batch.take(after(now, 10))), ["half"]);
        assert_eq!(batch.due(), None);
    }

    #[test]
    fn a_file_that_is_written_over_and_over_goes_out_every_ten_milliseconds() {
        let now = Instant::now();
        let mut batch = Batch::default();
        let mut times = 0;
        for millis in 0..100 {
            batch.closed("a".into(), after(now, millis));
            times += usize::from(batch.take(after(now, millis)).is_some());
        }
        assert_eq!(times, 10);
        assert_eq!(batch.due(), Some(after(now, 100)));
    }

    #[test]
    fn other_changes_wait_for_quiet_but_not_for_ever_and_for_no_other_path() {
        let now = Instant::now();
        let mut batch = Batch::default();
        batch.touched("once".into(), now);
        for millis in (0..200).step_by(5) {
            batch.touched("log".into(), after(now, millis));
            let expected: &[&str] = match millis {
                10 => &["once"],
                100 => &["log"],
                _ => &[],
            };
            assert_eq!(
                names(batch.take(after(now, millis))),
                expected,
                "after {millis} ms"
            );
        }
    }

    #[test]
    fn lost_events_are_told_with_the_time_of_the_first() {
        let now = Instant::now();
        let mut batch = Batch::default();
        batch.lost(now);
        batch.lost(after(now, 4));
        assert_eq!(batch.due(), Some(after(now, 14)));
        assert_eq!(
            batch.take(after(now, 14)),
            Some(Changes {
                paths: BTreeMap::new(),
                rescan: true,
                since: now
            })
        );
    }
}
