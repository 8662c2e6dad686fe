//! What envsim has brought into a container for one sync rule, and what is to be done when the disk has changed.
//!
//! A [`Mirror`] is an index of the files below the rule's path as they were when they were last sent. It compares the
//! disk with it where events say that something changed, or everywhere when events were lost, and tells the steps that
//! make the container equal. It trusts no event to say what happened: only what the disk shows counts.

mod known;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::ops::Bound::{Excluded, Included};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::rule::Matcher;
pub use known::{Kind, Known};

/// One thing to do in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The path on the host.
    pub source: PathBuf,
    /// The path below the rule's target, as bytes; empty for the target itself.
    pub below: Vec<u8>,
    /// What.
    pub what: What,
}

/// What is to be at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A file with the content that [`Step::source`] has.
    File {
        /// Permission bits.
        mode: u32,
        /// Bytes when it was looked at.
        size: u64,
        /// Last change of the content, in nanoseconds since 1970.
        modified_ns: i64,
    },
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where it points, as written.
        to: Vec<u8>,
    },
    /// Nothing.
    Gone {
        /// What was there.
        was: Kind,
    },
}

/// What the host has done with a path since it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinceSent {
    /// It was never sent, and the host does not have it.
    NeverThere,
    /// It is as it was sent.
    AsSent,
    /// It was changed, made or removed, or cannot be looked at.
    Changed,
}

/// The index of one sync rule.
#[derive(Debug)]
pub struct Mirror {
    matcher: Matcher,
    known: BTreeMap<Vec<u8>, Known>,
    notes: Vec<String>,
    /// Directories that a note was made of.
    told: HashSet<PathBuf>,
}

/// One comparison.
#[derive(Default)]
struct Run {
    steps: Vec<Step>,
    /// Paths that a step was made for.
    sent: HashSet<Vec<u8>>,
    /// Paths that were asked for on the way to others, and what they are.
    ways: HashMap<Vec<u8>, Way>,
    /// Directories whose entries have not been compared yet.
    open: Vec<Vec<u8>>,
}

/// Whether a path is a directory that can be gone into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// It is not there, or it is something else, such as a link: those are never followed.
    None,
    /// It cannot be looked at.
    Unknown,
}

impl Mirror {
    /// An empty index: nothing was sent yet.
    pub fn new(matcher: Matcher) -> Self {
        Self {
            matcher,
            known: BTreeMap::new(),
            notes: Vec::new(),
            told: HashSet::new(),
        }
    }

    /// The rule.
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// How many files, directories and links the index holds.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What was sent for a path below the rule's.
    pub fn known(&self, below: &[u8]) -> Option<&Known> {
        self.known.get(below)
    }

    /// Compares everything: at first every file that the rule is about, and after events were lost those whose
    /// attributes differ or cannot be trusted to tell (see [`Known::looked`]).
    pub fn scan(&mut self) -> Vec<Step> {
        let root = self.matcher.rule.path.clone();
        self.changed([root], false)
    }

    /// Compares the `dirty` paths, directories with all below them, and takes what the disk has into the index. Files
    /// and links among them are sent even when their attributes are the same if the change is `explicit`, told by an
    /// event. Parents come before children, and what goes before what takes its place.
    pub fn changed<P: AsRef<Path>>(
        &mut self,
        dirty: impl IntoIterator<Item = P>,
        explicit: bool,
    ) -> Vec<Step> {
        let root = &self.matcher.rule.path;
        let below = dirty.into_iter().filter_map(|path| {
            let path = path.as_ref();
            let whole = root.starts_with(path).then(Vec::new);
            let below = || {
                Some(
                    path.strip_prefix(root)
                        .ok()?
                        .as_os_str()
                        .as_bytes()
                        .to_vec(),
                )
            };
            whole.or_else(below)
        });
        let below: BTreeSet<Vec<u8>> = below.collect();
        let mut run = Run::default();
        for below in below {
            self.settle(&below, explicit, &mut run);
            while let Some(directory) = run.open.pop() {
                self.settle_entries(&directory, &mut run);
            }
        }
        run.steps
    }

    /// What is at a path of the container is not known any more, nor below it: sending failed. The next scan sends it
    /// again, or removes it when it is gone by then.
    pub fn forget(&mut self, below: &[u8]) {
        let paths: Vec<Vec<u8>> = self.at_and_below(below);
        for path in paths {
            self.known
                .entry(path)
                .and_modify(|known| known.sent = false);
        }
        for path in ancestors(below) {
            let parent = self.known.entry(path.to_vec());
            parent.or_insert(Known::doubtful(Kind::Directory));
        }
        let itself = self.known.entry(below.to_vec());
        itself.or_insert(Known::doubtful(Kind::File));
    }

    /// Everything that the container should have of the rule, as steps.
    pub fn all(&self) -> Vec<Step> {
        let known = self.known.iter().filter(|(_, known)| known.sent);
        let steps = known.map(|(below, known)| Step {
            source: self.path(below),
            below: below.clone(),
            what: known.what(),
        });
        steps.collect()
    }

    /// What the host has done with a path below the rule's since it was sent.
    pub fn since_sent(&self, below: &[u8]) -> SinceSent {
        let known = self.known.get(below).filter(|known| known.sent);
        match (self.look(below), known) {
            (Ok(None), None) => SinceSent::NeverThere,
            // A file that had changed just before it was sent counts as changed again: better a conflict too many.
            (Ok(Some(found)), Some(known)) if known.is(&found) => SinceSent::AsSent,
            _ => SinceSent::Changed,
        }
    }

    /// Sentences about what could not be read, each told once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn path(&self, below: &[u8]) -> PathBuf {
        match below.is_empty() {
            true => self.matcher.rule.path.clone(),
            false => self.matcher.rule.path.join(OsStr::from_bytes(below)),
        }
    }

    /// What is on the disk. The rule's own path may be a link, no other is followed.
    fn look(&self, below: &[u8]) -> std::io::Result<Option<Known>> {
        let path = self.path(below);
        let looked = super::poll::now();
        let metadata = match below.is_empty() {
            true => std::fs::metadata(&path),
            false => path.symlink_metadata(),
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let to = match metadata.is_symlink() {
            false => Vec::new(),
            true => match std::fs::read_link(&path) {
                Ok(to) => to.into_os_string().into_vec(),
                Err(error) if is_gone(&error) || error.kind() == ErrorKind::InvalidInput => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        Ok(Known::of(&metadata, to, looked))
    }

    /// Brings one path up to date, unless something on the way to it is no directory: then that says it all.
    fn settle(&mut self, below: &[u8], explicit: bool, run: &mut Run) {
        let on_the_way: Vec<Vec<u8>> = match below.is_empty() {
            true => Vec::new(),
            false => std::iter::once(&b""[..])
                .chain(ancestors(below))
                .map(<[u8]>::to_vec)
                .collect(),
        };
        for ancestor in on_the_way {
            let way = match run.ways.get(&ancestor) {
                Some(way) => *way,
                None => match self.look(&ancestor) {
                    Ok(Some(found)) if found.kind == Kind::Directory => Way::Open,
                    Ok(_) => Way::None,
                    Err(error) => {
                        self.note(&ancestor, &error);
                        Way::Unknown
                    }
                },
            };
            run.ways.insert(ancestor.clone(), way);
            match way {
                Way::Open => {}
                Way::None => return self.settle_here(&ancestor, false, run),
                Way::Unknown => return,
            }
        }
        self.settle_here(below, explicit, run);
    }

    /// The same where the way is known to be open.
    fn settle_here(&mut self, below: &[u8], explicit: bool, run: &mut Run) {
        let found = match self.look(below) {
            Ok(Some(found)) => found,
            Ok(None) => return self.gone(below, run),
            Err(error) => return self.note(below, &error),
        };
        let path = self.path(below);
        let before = self.known.get(below);
        let is_directory = found.kind == Kind::Directory;
        let relevant = match is_directory {
            true => below.is_empty() || !self.matcher.prunes(&path),
            false => self.matcher.relevant(&path).is_some(),
        };
        if !relevant {
            return self.gone(below, run);
        }
        let other_kind = before.is_some_and(|before| !before.kind.is_like(&found.kind));
        let mut same = before.is_some_and(|before| before.is(&found));
        // Something can be known below a file only where sending failed.
        if other_kind || (!is_directory && !self.below(below).is_empty()) {
            self.gone(below, run);
            same = false;
        }
        if !is_directory {
            if (explicit || !same) && !run.sent.contains(below) {
                self.put(below, found, run);
            }
            return;
        }
        // A directory of which only some files are included is made when one of them needs it.
        let wanted = self.known.contains_key(below) || self.matcher.relevant(&path).is_some();
        if wanted && !same {
            self.put(below, found, run);
        }
        run.open.push(below.to_vec());
    }

    /// Compares what is in a directory.
    fn settle_entries(&mut self, below: &[u8], run: &mut Run) {
        let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
        let entries = std::fs::read_dir(self.path(below));
        let read = entries.and_then(|entries| {
            for entry in entries {
                names.insert(entry?.file_name().into_vec());
            }
            Ok(())
        });
        match read {
            Ok(()) => {}
            // It went, or became something else, while we looked.
            Err(error) if is_gone(&error) => return self.gone(below, run),
            // What is known of it stays as it is.
            Err(error) => return self.note(below, &error),
        }
        for child in self.children(below) {
            if !names.contains(last(&child)) {
                self.gone(&child, run);
            }
        }
        for name in names {
            self.settle_here(&join(below, &name), false, run);
        }
    }

    /// Makes the step for what was found, after those for the directories it needs.
    fn put(&mut self, below: &[u8], found: Known, run: &mut Run) {
        let parents: Vec<Vec<u8>> = ancestors(below).map(<[u8]>::to_vec).collect();
        for parent in parents {
            let known = self.known.get(&parent);
            if known.is_some_and(|known| known.kind == Kind::Directory) {
                continue;
            }
            self.gone(&parent, run);
            // It was a directory a moment ago; where it is none any more, its own change comes.
            if let Ok(Some(directory)) = self.look(&parent)
                && directory.kind == Kind::Directory
            {
                self.push(&parent, directory, run);
            }
        }
        self.push(below, found, run);
    }

    fn push(&mut self, below: &[u8], found: Known, run: &mut Run) {
        let what = found.what();
        // The target of a directory is there, and its attributes are the image's.
        let of_root = below.is_empty() && found.kind == Kind::Directory;
        self.known.insert(below.to_vec(), found);
        if !of_root {
            run.sent.insert(below.to_vec());
            run.steps.push(Step {
                source: self.path(below),
                below: below.to_vec(),
                what,
            });
        }
    }

    /// Takes a path and all below it out of the index, deepest first.
    fn gone(&mut self, below: &[u8], run: &mut Run) {
        for path in self.at_and_below(below).into_iter().rev() {
            let Some(known) = self.known.remove(&path) else {
                continue;
            };
            if path.is_empty() && known.kind == Kind::Directory {
                continue;
            }
            run.sent.remove(&path);
            run.steps.push(Step {
                source: self.path(&path),
                below: path,
                what: What::Gone { was: known.kind },
            });
        }
    }

    /// Known paths at and below one, parents before children.
    fn at_and_below(&self, below: &[u8]) -> Vec<Vec<u8>> {
        let itself = self
            .known
            .get_key_value(below)
            .map(|(path, _)| path.clone());
        itself.into_iter().chain(self.below(below)).collect()
    }

    fn below(&self, below: &[u8]) -> Vec<Vec<u8>> {
        if below.is_empty() {
            let all = self.known.keys().filter(|path| !path.is_empty());
            return all.cloned().collect();
        }
        // `0` is the byte after `/`.
        let (from, to) = ([below, b"/"].concat(), [below, b"0"].concat());
        let range = (Included(&from[..]), Excluded(&to[..]));
        let known = self.known.range::<[u8], _>(range);
        known.map(|(path, _)| path.clone()).collect()
    }

    /// Known paths directly in a directory; what is known has known parents.
    fn children(&self, below: &[u8]) -> Vec<Vec<u8>> {
        let mut all = self.below(below);
        let skip = if below.is_empty() { 0 } else { below.len() + 1 };
        all.retain(|path| !path[skip..].contains(&b'/'));
        all
    }

    fn note(&mut self, below: &[u8], error: &std::io::Error) {
        let path = self.path(below);
        if self.told.insert(path.clone()) {
            self.notes.push(format!(
                "`{}` cannot be read and is not synced: {error}",
                path.display()
            ));
        }
    }
}

/// Whether the path is not there, or something on the way to it is no directory.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Paths above one, without the root, the highest first.
fn ancestors(below: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = below.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(at, _)| &below[..at])
}

fn last(below: &[u8]) -> &[u8] {
    below.rsplit(|byte| *byte == b'/').next().unwrap_or(below)
}

fn join(below: &[u8], name: &[u8]) -> Vec<u8> {
    match below.is_empty() {
        true => name.to_vec(),
        false => [below, b"/", name].concat(),
    }
}
