//! The only user of `notify`: one watch per directory that is not ignored.
//!
//! Notify's own recursive watch cannot leave directories out, and loses files that are written right
//! after their directory was made; so directories are walked here, new ones again when they appear.
//! What the system has no watches left for is looked at again and again ([`super::poll`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::poll::{Listing, PERIOD, Poller, drop_below};
use super::rule::Matcher;

/// Events that may wait to be looked at; beyond that they count as lost, and memory stays bounded.
const MOST_WAITING: usize = 1 << 16;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This file is complete: whoever wrote it has closed it, or it came by a rename.
    Closed(PathBuf),
    /// This path was written, made, moved, removed, or got other attributes.
    Touched(PathBuf),
    /// Events were lost: everything may have changed.
    Lost,
    /// Not everything can be watched: a sentence for the user, told once.
    Note(String),
}

/// Linux's number of "too many levels of symbolic links".
const ELOOP: i32 = 40;

/// Watches the paths of the rules.
pub struct Source {
    /// None when the system gives no instance.
    watcher: Option<RecommendedWatcher>,
    /// Why the last directory was not watched, and why there is no watcher.
    refused: Option<Refused>,
    poller: Option<Poller>,
    events: mpsc::UnboundedReceiver<Raw>,
    sender: mpsc::UnboundedSender<Raw>,
    backlog: Arc<Backlog>,
    matchers: Vec<Matcher>,
    /// Directories, and whether the system watches them; the others are looked at.
    directories: BTreeMap<PathBuf, By>,
    pending: VecDeque<Change>,
    told: bool,
    /// Watches that may be added at most; only tests have fewer than the system.
    most: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Watch,
    Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// No further watch.
    Watches,
    /// No further instance.
    Instances,
    /// The file system cannot be watched.
    Other,
}

/// What an event says of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It was removed or moved away.
    Left,
    /// It was moved here: a file is complete.
    Came,
    Other,
}

enum Raw {
    Event(notify::Result<notify::Event>),
    Looked(PathBuf),
}

/// Counts events that wait.
#[derive(Default)]
struct Backlog {
    waiting: AtomicUsize,
    lost: AtomicBool,
}

impl Backlog {
    /// Whether one more may wait.
    fn admits(&self) -> bool {
        if self.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
            self.lost.store(true, Ordering::Relaxed);
            return false;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Source {
    /// Watches every directory below the rules' paths that no rule's patterns leave out. What is not there yet is
    /// watched once it appears, as Docker Compose does (`greatestExistingAncestors` of its `pkg/watch`).
    pub fn new(matchers: Vec<Matcher>) -> Self {
        Self::with_at_most(matchers, usize::MAX)
    }

    fn with_at_most(matchers: Vec<Matcher>, most: usize) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let (out, admitted) = (sender.clone(), backlog.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Each reading of a file makes such an event, the agent's and ours too.
            let of_reading = event.as_ref().is_ok_and(|event| match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
                EventKind::Access(_) => !event.need_rescan(),
                _ => false,
            });
            if !of_reading && admitted.admits() {
                // The receiver is gone only when the run is over.
                let _ = out.send(Raw::Event(event));
            }
        });
        let mut source = Self {
            refused: watcher.as_ref().err().map(|_| Refused::Instances),
            watcher: watcher.ok(),
            poller: None,
            events,
            sender,
            backlog,
            matchers,
            directories: BTreeMap::new(),
            pending: VecDeque::new(),
            told: false,
            most,
        };
        source.watch_all();
        source
    }

    /// The next change; none when watching has ended.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if self.backlog.lost.swap(false, Ordering::Relaxed) {
                self.lose();
            }
            if let Some(change) = self.pending.pop_front() {
                return Some(change);
            }
            let raw = self.events.recv().await?;
            self.backlog.waiting.fetch_sub(1, Ordering::Relaxed);
            match raw {
                Raw::Event(Ok(event)) if event.need_rescan() => self.lose(),
                Raw::Event(Ok(event)) => self.take(event),
                Raw::Event(Err(_)) => self.lose(),
                Raw::Looked(path) => self.look(path, How::Other),
            }
        }
    }

    /// How many directories the system watches, and how many are looked at every half second.
    pub fn counts(&self) -> (usize, usize) {
        let watched = self.directories.values().filter(|by| **by == By::Watch);
        let watched = watched.count();
        (watched, self.directories.len() - watched)
    }

    /// Events were lost, of new directories too: all are walked again.
    fn lose(&mut self) {
        self.pending
            .retain(|change| matches!(change, Change::Note(_)));
        self.pending.push_back(Change::Lost);
        let before = std::mem::take(&mut self.directories);
        if let Some(poller) = &self.poller {
            poller.drop_below(Path::new(""));
        }
        self.watch_all();
        for path in before.into_keys() {
            if !self.directories.contains_key(&path) {
                self.unwatch(&path);
            }
        }
    }

    fn watch_all(&mut self) {
        for matcher in self.matchers.clone() {
            self.reach(&matcher.rule.path, false);
        }
        self.tell();
    }

    fn take(&mut self, event: notify::Event) {
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                let complete = event.paths.into_iter();
                let complete: Vec<PathBuf> = complete.filter(|path| self.concerns(path)).collect();
                self.pending
                    .extend(complete.into_iter().map(Change::Closed));
            }
            EventKind::Access(_) => {}
            EventKind::Modify(ModifyKind::Data(_)) => {
                let touched = event.paths.into_iter();
                let touched: Vec<PathBuf> = touched.filter(|path| self.concerns(path)).collect();
                self.pending
                    .extend(touched.into_iter().map(Change::Touched));
            }
            // Both ends of a rename were told one by one already.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {}
            kind => {
                let how = match kind {
                    EventKind::Remove(_)
                    | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => How::Left,
                    EventKind::Modify(ModifyKind::Name(_)) => How::Came,
                    _ => How::Other,
                };
                for path in event.paths {
                    self.look(path, how);
                }
            }
        }
        self.tell();
    }

    /// Looks at a path that changed.
    fn look(&mut self, path: PathBuf, how: How) {
        let metadata = path.symlink_metadata();
        let is_directory = metadata.as_ref().is_ok_and(std::fs::Metadata::is_dir);
        let was_directory = self.directories.contains_key(&path);
        // One that came by a rename is watched anew: it may be known here already because it was found before this
        // was told, by a watch that ended when its old name was left.
        if was_directory && (how != How::Other || !is_directory) {
            self.leave(&path);
        }
        if is_directory && !self.directories.contains_key(&path) {
            self.walk(&path, true);
        }
        // Roots that appear or go with it. A root may be a link to a directory.
        let roots = self.matchers.iter().map(|matcher| &matcher.rule.path);
        let roots: BTreeSet<PathBuf> = roots
            .filter(|root| root.starts_with(&path))
            .cloned()
            .collect();
        for root in roots {
            self.reach(&root, true);
            if root != path {
                self.pending.push_back(Change::Touched(root));
            }
        }
        let of_directory = was_directory || (is_directory && self.wanted(&path));
        if of_directory || self.concerns(&path) {
            let is_file = metadata.is_ok_and(|metadata| metadata.is_file());
            self.pending.push_back(match how == How::Came && is_file {
                true => Change::Closed(path),
                false => Change::Touched(path),
            });
        }
    }

    /// A directory is not there any more, or not under this name.
    fn leave(&mut self, path: &Path) {
        for gone in drop_below(&mut self.directories, path) {
            self.unwatch(&gone);
        }
        if let Some(poller) = &self.poller {
            poller.drop_below(path);
        }
    }

    /// Frees a watch. Notify has done so where it saw the directory go.
    fn unwatch(&mut self, directory: &Path) {
        if let Some(watcher) = &mut self.watcher {
            // Most likely it is not known any more.
            let _ = watcher.unwatch(directory);
        }
        if self.refused == Some(Refused::Watches) {
            self.refused = None;
        }
    }

    /// Watches a root, or what there is of the way to it.
    fn reach(&mut self, root: &Path, report: bool) {
        loop {
            if root.is_dir() {
                if !self.directories.contains_key(root) {
                    self.walk(root, report);
                }
                return;
            }
            // A file is watched through its directory: editors replace files.
            let mut above = root.ancestors().skip(1);
            let Some(nearest) = above.find(|above| above.is_dir()) else {
                return;
            };
            if self.directories.contains_key(nearest) {
                return;
            }
            self.add(nearest);
            // What appeared before the watch was there is looked for once more.
        }
    }

    /// Watches `directory` and all below it; with `report`, files found count as changed, since
    /// they can have been written before the watch was there.
    fn walk(&mut self, directory: &Path, report: bool) {
        let mut open = vec![directory.to_owned()];
        while let Some(directory) = open.pop() {
            if !self.wanted(&directory) {
                continue;
            }
            self.add(&directory);
            let Ok(entries) = std::fs::read_dir(&directory) else {
                continue; // gone again, or not ours to read
            };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() {
                    open.push(entry.path());
                } else if report {
                    let path = entry.path();
                    if self.concerns(&path) {
                        self.pending.push_back(Change::Touched(path));
                    }
                }
            }
        }
    }

    /// Whether a rule can be about something in `directory`.
    fn wanted(&self, directory: &Path) -> bool {
        self.matchers
            .iter()
            .any(|matcher| !matcher.prunes(directory))
    }

    /// Whether a rule is about `path`.
    fn concerns(&self, path: &Path) -> bool {
        self.matchers
            .iter()
            .any(|matcher| matcher.relevant(path).is_some())
    }

    fn add(&mut self, directory: &Path) {
        if self.directories.contains_key(directory) {
            return;
        }
        if self.refused.is_none() && self.counts_watches() >= self.most {
            self.refused = Some(Refused::Watches);
        }
        if let (Some(watcher), None | Some(Refused::Other)) = (&mut self.watcher, self.refused) {
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.directories.insert(directory.to_owned(), By::Watch);
                    return;
                }
                Err(error) => match refusal(&error) {
                    Some(refused) => self.refused = Some(refused),
                    // It is gone again, or not ours to read: its attributes change before that does.
                    None => return,
                },
            }
        }
        // The listing is made before the directory is walked, so that nothing falls in between.
        let listing = Listing::of(directory);
        if self.poller.is_none() {
            let (out, admitted) = (self.sender.clone(), self.backlog.clone());
            let tell = move |path| !admitted.admits() || out.send(Raw::Looked(path)).is_ok();
            self.poller = Poller::start(tell).ok();
        }
        if let Some(poller) = &self.poller {
            poller.add(directory.to_owned(), listing);
            self.directories.insert(directory.to_owned(), By::Look);
        }
    }

    fn counts_watches(&self) -> usize {
        match self.most {
            usize::MAX => 0,
            _ => self.counts().0,
        }
    }

    /// Says once that not all is watched.
    fn tell(&mut self) {
        if self.told || self.poller.is_none() {
            return;
        }
        let (_, looked) = self.counts();
        if looked == 0 {
            return;
        }
        self.told = true;
        let many = match looked {
            1 => "1 directory is".to_owned(),
            many => format!("{many} directories are"),
        };
        let reason = match (self.watcher.is_some(), self.refused) {
            (false, _) => {
                "this user has no inotify instance left; raise the limit: `sysctl fs.inotify.max_user_instances=1024`"
            }
            (true, Some(Refused::Other)) => "its file system cannot be watched",
            (true, _) => {
                "this user has no inotify watch left; raise the limit: `sysctl fs.inotify.max_user_watches=1048576`"
            }
        };
        self.pending.push_back(Change::Note(format!(
            "{many} looked at every {} ms instead of being watched, so that changes arrive later: {reason}",
            PERIOD.as_millis()
        )));
    }
}

/// Why the system does not watch a directory that is there; none when it is not, or may not be read.
fn refusal(error: &notify::Error) -> Option<Refused> {
    match &error.kind {
        ErrorKind::MaxFilesWatch => Some(Refused::Watches),
        ErrorKind::PathNotFound => None,
        // It has become a link that leads to itself.
        ErrorKind::Io(error) if error.raw_os_error() == Some(ELOOP) => None,
        ErrorKind::Io(error) => match error.kind() {
            std::io::ErrorKind::NotFound
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::PermissionDenied => None,
            _ => Some(Refused::Other),
        },
        _ => Some(Refused::Other),
    }
}

#[cfg(test)]
mod tests;
