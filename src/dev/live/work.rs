//! What a change asks of one service.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Instant;

use crate::app::Hook;
use crate::dev::watch::mirror::{Step, What};
use crate::event::Changed;
use crate::wire::frame::{At, Request};

/// Where the files of a rule go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the root in the container.
    pub root: u16,
    /// The name below it, of a rule that is about one file; empty for a directory.
    pub prefix: Vec<u8>,
}

impl Place {
    /// The steps, each with its place.
    pub fn steps(&self, steps: Vec<Step>) -> impl Iterator<Item = RootStep> {
        steps.into_iter().map(|step| RootStep {
            root: self.root,
            prefix: self.prefix.clone(),
            step,
        })
    }
}

/// A step and the root it is below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootStep {
    /// Number of the root in the container.
    pub root: u16,
    /// See [`Place::prefix`].
    pub prefix: Vec<u8>,
    /// What to bring.
    pub step: Step,
}

/// How a step is sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Sending {
    /// The file is read when its turn comes.
    File(PathBuf, At),
    /// Everything else is in the request.
    Ask(Request),
}

impl RootStep {
    /// Where it goes.
    pub fn at(&self) -> At {
        At {
            root: self.root,
            path: match self.step.below.is_empty() {
                true => self.prefix.clone(),
                false => self.step.below.clone(),
            },
        }
    }

    /// Whether the host still has it so. What a file holds does not count: it is read when it is sent.
    pub fn is_of_now(&self) -> bool {
        let source = &self.step.source;
        let there = source.symlink_metadata();
        match &self.step.what {
            What::File { .. } => there.is_ok_and(|there| there.is_file()),
            What::Directory { .. } => there.is_ok_and(|there| there.is_dir()),
            What::Link { to } => std::fs::read_link(source)
                .is_ok_and(|there| there.as_os_str().as_bytes() == to.as_slice()),
            What::Gone { .. } => there.is_err(),
        }
    }

    /// How it is sent; `seen` is when the change was seen, in microseconds since 1970.
    pub fn sending(&self, seen: u64) -> Sending {
        let at = self.at();
        match &self.step.what {
            What::File { .. } => Sending::File(self.step.source.clone(), at),
            What::Directory { mode } => Sending::Ask(Request::Directory {
                at,
                mode: *mode,
                seen,
            }),
            What::Link { to } => Sending::Ask(Request::Link {
                at,
                to: to.clone(),
                seen,
            }),
            What::Gone { .. } => Sending::Ask(Request::Remove { at, seen }),
        }
    }
}

/// What a batch of changes asks of one service.
#[derive(Clone, Debug)]
pub struct Work {
    /// What to bring into the container, in this order.
    pub steps: Vec<RootStep>,
    /// What changed, of rules that bring nothing.
    pub paths: Vec<Changed>,
    /// Restart the service's process, or signal it.
    pub restart: bool,
    /// The user asked for the restart: then it is one, whatever the file says about signals.
    pub by_hand: bool,
    /// Commands of `sync+exec`, each once.
    pub run: Vec<Hook>,
    /// When the first change was seen.
    pub since: Instant,
    /// The same in microseconds since 1970.
    pub seen: u64,
}

impl Work {
    /// Nothing yet, of changes first seen at `since`.
    pub fn new(since: Instant, seen: u64) -> Self {
        Self {
            steps: Vec::new(),
            paths: Vec::new(),
            restart: false,
            by_hand: false,
            run: Vec::new(),
            since,
            seen,
        }
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && !self.restart && self.run.is_empty()
    }

    /// Takes `later` in: its steps come after.
    pub fn join(&mut self, later: Self) {
        self.steps.extend(later.steps);
        for path in later.paths {
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
        }
        self.restart |= later.restart;
        self.by_hand |= later.by_hand;
        for hook in later.run {
            if !self.run.contains(&hook) {
                self.run.push(hook);
            }
        }
        self.since = self.since.min(later.since);
        self.seen = self.seen.min(later.seen);
    }
}
