//! The only user of `notify`: one watch per directory that is not ignored.
//!
//! Notify's own recursive watch cannot leave directories out, and loses files that are written right
//! after their directory was made; so directories are walked here, new ones again when they appear.

use std::path::{Path, PathBuf};

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::rule::Matcher;

/// A change on the disk.
#[derive(Clone, Debug)]
pub enum Change {
    /// This path was written, made, moved or removed.
    Path(PathBuf),
    /// Events were lost.
    Lost,
}

/// Watches the paths of the rules.
pub struct Source {
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<notify::Event>>,
    matchers: Vec<Matcher>,
    pending: Vec<Change>,
}

/// Why watching is not possible.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch `{}`: {reason}", .path.display())]
pub struct WatchError {
    /// The path.
    pub path: PathBuf,
    /// Why, with the remedy.
    pub reason: String,
}

impl Source {
    /// Watches every directory below the rules' paths that no rule's patterns leave out.
    pub fn new(matchers: Vec<Matcher>) -> Result<Self, WatchError> {
        let (sender, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event| {
            // The receiver is gone only when the run is over.
            let _ = sender.send(event);
        });
        let root = matchers
            .first()
            .map(|matcher| matcher.rule.path.clone())
            .unwrap_or_default();
        let watcher = watcher.map_err(|error| failed(&root, &error))?;
        let mut source = Self {
            watcher,
            events,
            matchers,
            pending: Vec::new(),
        };
        let roots: Vec<PathBuf> = source
            .matchers
            .iter()
            .map(|matcher| matcher.rule.path.clone())
            .collect();
        for root in roots {
            if root.is_dir() {
                source.walk(&root, false)?;
            } else if let Some(parent) = root.parent().filter(|parent| parent.is_dir()) {
                // A file is watched through its directory: editors replace files.
                source.add(parent)?;
            } else {
                return Err(WatchError {
                    path: root,
                    reason: "there is no such file or directory; correct `path` of the watch rule"
                        .to_owned(),
                });
            }
        }
        Ok(source)
    }

    /// The next change; none when watching has ended.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.pending.pop() {
                return Some(change);
            }
            match self.events.recv().await? {
                Ok(event) if event.need_rescan() => return Some(Change::Lost),
                Ok(event) => self.take(event),
                Err(_) => return Some(Change::Lost),
            }
        }
    }

    fn take(&mut self, event: notify::Event) {
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        let may_be_new = matches!(
            event.kind,
            EventKind::Create(_)
                | EventKind::Modify(ModifyKind::Name(
                    RenameMode::To | RenameMode::Both | RenameMode::Any
                ))
        );
        for path in event.paths {
            if may_be_new && path.is_dir() {
                // What cannot be watched any more was reported at the start already.
                let _ = self.walk(&path, true);
            }
            self.pending.push(Change::Path(path));
        }
    }

    /// Watches `directory` and all below it; with `report`, files found count as changed, since
    /// they can have been written before the watch was there.
    fn walk(&mut self, directory: &Path, report: bool) -> Result<(), WatchError> {
        let wanted = self.matchers.iter().any(|matcher| {
            let above = matcher.rule.path.starts_with(directory);
            above || (directory.starts_with(&matcher.rule.path) && !matcher.prunes(directory))
        });
        if !wanted {
            return Ok(());
        }
        self.add(directory)?;
        let Ok(entries) = std::fs::read_dir(directory) else {
            return Ok(()); // gone again, or not ours to read
        };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                self.walk(&entry.path(), report)?;
            } else if report {
                self.pending.push(Change::Path(entry.path()));
            }
        }
        Ok(())
    }

    fn add(&mut self, directory: &Path) -> Result<(), WatchError> {
        match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
            Err(error) if !matches!(error.kind, notify::ErrorKind::PathNotFound) => {
                Err(failed(directory, &error))
            }
            _ => Ok(()),
        }
    }
}

fn failed(path: &Path, error: &notify::Error) -> WatchError {
    let reason = match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the limit of watched directories is reached; raise it: `sysctl fs.inotify.max_user_watches=524288`".to_owned()
        }
        _ => error.to_string(),
    };
    WatchError {
        path: path.to_owned(),
        reason,
    }
}
