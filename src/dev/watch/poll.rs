//! Looks again and again at directories that the system cannot watch.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time between two looks.
pub const PERIOD: Duration = Duration::from_millis(500);
/// A look may take this part of the time at most: large trees are looked at less often.
const SHARE: u32 = 10;
/// A file that changed this shortly before it was looked at may change again without its times telling, as git's index
/// knows ("racy git"): time stamps of file systems are coarse.
const RACY: i64 = 50_000_000;

/// Whether a file whose content or attributes changed at `changed` may have changed again after it was looked at, at
/// `looked`, without its times telling. Both in nanoseconds since 1970.
pub fn is_racy(changed: i64, looked: i64) -> bool {
    changed >= looked.saturating_sub(RACY)
}

/// Now, in nanoseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// A time of a file, in nanoseconds since 1970.
pub fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// What one entry of a directory was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    mode: u32,
    size: u64,
    inode: u64,
    modified: i64,
    changed: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        // A directory's own size and times tell of its entries, which are looked at by themselves.
        let kept = |value: i64| if metadata.is_dir() { 0 } else { value };
        Self {
            mode: metadata.mode(),
            size: kept(metadata.len() as i64) as u64,
            inode: metadata.ino(),
            modified: kept(nanoseconds(metadata.mtime(), metadata.mtime_nsec())),
            changed: kept(nanoseconds(metadata.ctime(), metadata.ctime_nsec())),
        }
    }
}

/// The entries of a directory at one time.
pub struct Listing {
    looked: i64,
    entries: HashMap<OsString, Stamp>,
}

impl Listing {
    /// Looks at a directory; what cannot be read has no entries.
    pub fn of(directory: &Path) -> Self {
        let looked = now();
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let entries = entries.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((entry.file_name(), Stamp::of(&metadata)))
        });
        Self {
            looked,
            entries: entries.collect(),
        }
    }

    /// Names of the entries that are not as they were before.
    fn changed_since(&self, before: &Self) -> Vec<OsString> {
        let gone = before.entries.keys();
        let gone = gone.filter(|name| !self.entries.contains_key(*name));
        let other = self.entries.iter().filter(|(name, stamp)| {
            before
                .entries
                .get(*name)
                .is_none_or(|earlier| earlier != *stamp || is_racy(stamp.changed, before.looked))
        });
        let other = other.map(|(name, _)| name);
        gone.chain(other).cloned().collect()
    }
}

enum Order {
    Add(PathBuf, Listing),
    /// A directory and those below it.
    Drop(PathBuf),
}

/// A thread that looks at directories; it ends when this is dropped.
pub struct Poller {
    orders: Sender<Order>,
}

impl Poller {
    /// Starts the thread; `tell` gets each path that changed, and says whether anybody still listens.
    pub fn start(tell: impl Fn(PathBuf) -> bool + Send + 'static) -> std::io::Result<Self> {
        let (orders, received) = channel();
        std::thread::Builder::new()
            .name("watch-poll".to_owned())
            .spawn(move || run(&received, &tell))?;
        Ok(Self { orders })
    }

    /// Looks at `directory` from now on; changes are told against `listing`.
    pub fn add(&self, directory: PathBuf, listing: Listing) {
        // The thread is gone only when nobody listens any more.
        let _ = self.orders.send(Order::Add(directory, listing));
    }

    /// Leaves `directory` and all below it alone.
    pub fn drop_below(&self, directory: &Path) {
        let _ = self.orders.send(Order::Drop(directory.to_owned()));
    }
}

fn run(orders: &Receiver<Order>, tell: &dyn Fn(PathBuf) -> bool) {
    let mut known: BTreeMap<PathBuf, Listing> = BTreeMap::new();
    let mut next = Instant::now() + PERIOD;
    loop {
        match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Order::Add(directory, listing)) => {
                known.insert(directory, listing);
                continue;
            }
            Ok(Order::Drop(top)) => {
                drop_below(&mut known, &top);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let began = Instant::now();
        for (directory, before) in &mut known {
            let after = Listing::of(directory);
            let changed = after.changed_since(before);
            *before = after;
            if !changed.into_iter().all(|name| tell(directory.join(name))) {
                return;
            }
        }
        next = Instant::now() + PERIOD.max(began.elapsed() * SHARE);
    }
}

/// Takes a directory and all below it out of a map of directories.
pub fn drop_below<T>(map: &mut BTreeMap<PathBuf, T>, top: &Path) -> Vec<PathBuf> {
    let below = map.range(top.to_owned()..).map(|(path, _)| path.clone());
    let below: Vec<PathBuf> = below.take_while(|path| path.starts_with(top)).collect();
    for path in &below {
        map.remove(path);
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_that_differs_is_told() {
        let stamp = |modified| Stamp {
            mode: 0o100_644,
            size: 1,
            inode: 1,
            modified,
            changed: modified,
        };
        let listing = |looked, entries: &[(&str, i64)]| Listing {
            looked,
            entries: entries
                .iter()
                .map(|(name, modified)| ((*name).into(), stamp(*modified)))
                .collect(),
        };
        let second = 1_000_000_000;
        let before = listing(
            9 * second,
            &[("same", 1), ("gone", 1), ("racy", 9 * second)],
        );
        let after = listing(
            10 * second,
            &[("same", 1), ("new", 1), ("racy", 9 * second)],
        );
        let mut changed = after.changed_since(&before);
        changed.sort();
        assert_eq!(changed, ["gone", "new", "racy"]);
        // What was racy once is not told for ever.
        let later = listing(
            11 * second,
            &[("same", 1), ("new", 1), ("racy", 9 * second)],
        );
        assert!(later.changed_since(&after).is_empty());
    }

    #[test]
    fn a_directory_is_dropped_with_those_below_it_and_no_other() {
        let paths = ["/a", "/a/b", "/a/b/c", "/a-b", "/a/bc", "/b"];
        let mut map: BTreeMap<PathBuf, ()> = paths.iter().map(|path| (path.into(), ())).collect();
        let dropped = drop_below(&mut map, Path::new("/a/b"));
        assert_eq!(dropped, [Path::new("/a/b"), Path::new("/a/b/c")]);
        assert_eq!(map.len(), 4);
    }
}
