//! Collects changes until it is quiet. Pure: the clock is passed in.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Quiet time after which a batch goes out.
const QUIET: Duration = Duration::from_millis(15);
/// A process that writes all the time cannot hold a batch back for longer.
const LONGEST: Duration = Duration::from_millis(250);

/// Changes that belong together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    paths: BTreeSet<PathBuf>,
    rescan: bool,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// What a batch held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Paths that changed.
    pub paths: BTreeSet<PathBuf>,
    /// Events were lost: everything may have changed.
    pub rescan: bool,
    /// When the first of them happened.
    pub since: Instant,
}

impl Batch {
    /// Adds a changed path.
    pub fn add(&mut self, path: PathBuf, now: Instant) {
        self.paths.insert(path);
        self.touch(now);
    }

    /// Notes that events were lost.
    pub fn lost(&mut self, now: Instant) {
        self.rescan = true;
        self.touch(now);
    }

    fn touch(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When the batch should go out; none while it is empty.
    pub fn due(&self) -> Option<Instant> {
        Some((self.last? + QUIET).min(self.first? + LONGEST))
    }

    /// Takes the batch.
    pub fn take(&mut self) -> Option<Changes> {
        let since = self.first?;
        let batch = std::mem::take(self);
        Some(Changes {
            paths: batch.paths,
            rescan: batch.rescan,
            since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_goes_out_after_a_moment_of_quiet() {
        let now = Instant::now();
        let mut batch = Batch::default();
        assert_eq!(batch.due(), None);
        batch.add("a".into(), now);
        batch.add("b".into(), now + Duration::from_millis(10));
        assert_eq!(batch.due(), Some(now + Duration::from_millis(25)));
        let changes = batch.take().unwrap();
        assert_eq!((changes.paths.len(), changes.since), (2, now));
        assert_eq!(batch.due(), None);
    }

    #[test]
    fn continuous_writes_do_not_starve_a_batch() {
        let now = Instant::now();
        let mut batch = Batch::default();
        for step in 0..100 {
            batch.add("a".into(), now + Duration::from_millis(step * 10));
        }
        assert_eq!(batch.due(), Some(now + LONGEST));
    }
}
