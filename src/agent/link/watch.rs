//! Watches roots for changes made in the container, with every directory below them.
//!
//! What links do themselves is not told: they move files into place from hidden names, which the kernel notes as
//! such. When so much changes that it cannot be told path by path, the root itself is told as changed: then
//! anything below it may be.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::inotify::{CREATE, DIRECTORY, IGNORED, Inotify, MOVED_FROM, MOVED_TO, Note, OVERFLOW};
use super::new::HIDDEN;
use super::roots::Root;
use crate::at::{ENOENT, ENOSPC, errno};
use crate::wire::frame::At;

/// How often a path is told at most.
const PAUSE: Duration = Duration::from_millis(50);
/// Paths that can be told one by one.
const MOST_PATHS: usize = 8192;
/// Directories that are watched.
const MOST_DIRECTORIES: usize = 65_536;
/// How often notes are fetched before something else gets its turn.
const READS: usize = 32;

pub struct Watch {
    inotify: Inotify,
    roots: HashMap<u16, Root>,
    /// What each watch stands for: the same directory can be below several roots.
    places: HashMap<i32, Vec<At>>,
    /// When paths were told, of the last moments.
    told: HashMap<At, Instant>,
    /// Changed again since they were told.
    waiting: HashSet<At>,
    /// To be told now.
    ready: Vec<At>,
    /// Cookie of a move away from a hidden name.
    own_move: Option<u32>,
}

impl Watch {
    pub fn new() -> Result<Self, Failure> {
        let inotify = Inotify::new().map_err(|error| {
            Failure::new(errno(&error), format!("cannot watch for changes: {error}"))
        })?;
        Ok(Self {
            inotify,
            roots: HashMap::new(),
            places: HashMap::new(),
            told: HashMap::new(),
            waiting: HashSet::new(),
            ready: Vec::new(),
            own_move: None,
        })
    }

    /// Watches a root. The failure is the first directory that cannot be watched; the others are.
    pub fn begin(&mut self, number: u16, root: &Root) -> Result<(), Failure> {
        self.forget(number);
        let root = root.again().map_err(|e| Failure::of("watch", b"", &e))?;
        self.roots.insert(number, root);
        let at = At {
            root: number,
            path: Vec::new(),
        };
        self.add(at, false).map_or(Ok(()), Err)
    }

    /// Ends the watch of a root.
    pub fn forget(&mut self, number: u16) {
        if self.roots.remove(&number).is_some() {
            self.drop_places(|at| at.root == number);
            self.waiting.retain(|at| at.root != number);
            self.ready.retain(|at| at.root != number);
        }
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// How long until something is to be told.
    pub fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let due = |at: &At| {
            self.told
                .get(at)
                .map_or(Duration::ZERO, |told| PAUSE.saturating_sub(told.elapsed()))
        };
        self.waiting.iter().map(due).min()
    }

    /// The paths to tell now.
    pub fn changes(&mut self) -> Vec<At> {
        self.fetch(None);
        self.told.retain(|_, told| told.elapsed() < PAUSE);
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (later, due): (HashSet<At>, HashSet<At>) =
            waiting.partition(|at| self.told.contains_key(at));
        self.waiting = later;
        for at in due {
            self.changed(at);
        }
        std::mem::take(&mut self.ready)
    }

    /// What was just done at this path was done by us.
    pub fn own(&mut self, at: &At) {
        self.fetch(Some(at));
    }

    fn fetch(&mut self, own: Option<&At>) {
        for _ in 0..READS {
            let notes = self.inotify.read();
            if notes.is_empty() {
                return;
            }
            for note in notes {
                self.take(&note, own);
            }
        }
    }

    fn take(&mut self, note: &Note, own: Option<&At>) {
        let is = |kind| note.mask & kind != 0;
        if is(OVERFLOW) {
            return self.all_changed();
        }
        if is(IGNORED) {
            self.places.remove(&note.watch);
            return;
        }
        if note.name.starts_with(HIDDEN) {
            self.own_move = is(MOVED_FROM).then_some(note.cookie);
            return;
        }
        let places = self.places.get(&note.watch).cloned().unwrap_or_default();
        let here: Vec<At> = places
            .iter()
            .map(|place| below(place, &note.name))
            .collect();
        let moved_by_us = is(MOVED_TO) && self.own_move == Some(note.cookie);
        let by_us = moved_by_us || own.is_some_and(|own| here.contains(own));
        for at in here {
            if is(DIRECTORY) && is(MOVED_FROM) {
                self.drop_places(|place| is_in(place, &at));
            }
            if !by_us {
                self.changed(at.clone());
            }
            if is(DIRECTORY) && is(CREATE | MOVED_TO) {
                // It may have got its content before it was watched.
                self.add(at, !by_us);
            }
        }
    }

    /// Watches a directory and all below it; with `tell` what is in it is new.
    fn add(&mut self, at: At, tell: bool) -> Option<Failure> {
        let mut first = None;
        let mut note = |failure: Failure| {
            if failure.errno != ENOENT {
                first.get_or_insert(failure);
            }
        };
        let mut next = vec![at];
        while let Some(at) = next.pop() {
            let Some(root) = self.roots.get(&at.root) else {
                continue;
            };
            if self.places.len() >= MOST_DIRECTORIES {
                let what = format!("more than {MOST_DIRECTORIES} directories cannot be watched");
                note(Failure::new(ENOSPC, what));
                break;
            }
            let dir = match root.directory(&at.path) {
                Ok(dir) => dir,
                Err(failure) => {
                    note(failure);
                    continue;
                }
            };
            let names = match self.inotify.add(&dir).and_then(|watch| {
                let places = self.places.entry(watch).or_default();
                if !places.contains(&at) {
                    places.push(at.clone());
                }
                dir.list()
            }) {
                Ok(names) => names,
                Err(error) => {
                    note(Failure::of("watch", &at.path, &error));
                    continue;
                }
            };
            for name in names.flatten().filter(|name| !name.starts_with(HIDDEN)) {
                let at = below(&at, &name);
                if tell {
                    self.changed(at.clone());
                }
                if dir.look(&name).is_ok_and(|found| found.is_dir()) {
                    next.push(at);
                }
            }
        }
        first
    }

    fn drop_places(&mut self, gone: impl Fn(&At) -> bool) {
        let inotify = &self.inotify;
        self.places.retain(|watch, places| {
            places.retain(|place| !gone(place));
            if places.is_empty() {
                inotify.remove(*watch);
            }
            !places.is_empty()
        });
    }

    fn changed(&mut self, at: At) {
        if self
            .told
            .get(&at)
            .is_some_and(|told| told.elapsed() < PAUSE)
        {
            self.waiting.insert(at);
        } else {
            self.told.insert(at.clone(), Instant::now());
            self.ready.push(at);
        }
        if self.ready.len() > MOST_PATHS || self.waiting.len() > MOST_PATHS {
            self.all_changed();
        }
    }

    fn all_changed(&mut self) {
        self.told.clear();
        self.waiting.clear();
        let root = |root: &u16| At {
            root: *root,
            path: Vec::new(),
        };
        self.ready = self.roots.keys().map(root).collect();
    }
}

fn below(place: &At, name: &[u8]) -> At {
    let path = match &place.path[..] {
        b"" => name.to_owned(),
        path => [path, b"/", name].concat(),
    };
    At {
        root: place.root,
        path,
    }
}

/// Whether `place` is `directory` or below it.
fn is_in(place: &At, directory: &At) -> bool {
    place.root == directory.root
        && place
            .path
            .strip_prefix(&directory.path[..])
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
