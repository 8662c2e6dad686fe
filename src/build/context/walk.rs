//! The walk of a context. Several threads list directories and decide what the ignore files keep; what they find does
//! not depend on which of them is first.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{
    ContextError, Entry, EntryKind, IgnoredPath, Listing, SkippedPath, find_ignore, io_error,
    read_instructions,
};
use crate::build::generate::{Generated, Layout, Root};
use crate::build::ignore::{DirState, Ignore, IgnoreError, Rule};
use crate::build::paths;

/// Stack of a walk in bytes: excluded directories that are walked for an exception can be nested two thousand deep
/// before their paths are too long for the system, and each takes a call.
const STACK: usize = 64 << 20;
/// More threads than this only wait for the disk.
const MOST_THREADS: usize = 8;
/// So many directories must wait for more threads to be started: most contexts are walked before one runs.
const WORTH_THREADS: usize = 16;

/// Lists a context. Excluded directories are not entered unless an exception could bring back something below them.
///
/// # Errors
/// A directory that cannot be read and is not ignored, or a pattern found to be malformed.
pub fn walk(context: &Path, ignore: &Ignore) -> Result<Listing, ContextError> {
    let is_dir = fs::metadata(context)
        .map_err(io_error("read", context))?
        .is_dir();
    if !is_dir {
        return Err(ContextError::NotADirectory(context.to_owned()));
    }
    let layers = vec![Layer::of(ignore)];
    let mut all = All::default();
    all.add(Walk::of("", &[]).below(context, layers)?);
    Ok(all.finish())
}

/// Lists the context of a generated Dockerfile: every mounted source under its name. A source in the project directory
/// obeys the project's `.dockerignore`; a mounted directory also obeys one it has itself, which `docker build` would not
/// read. A source that is ignored as a whole is in [`Listing::ignored`] under its name, and the `COPY` of it will fail.
///
/// # Errors
/// As [`walk`], and a source that is gone.
pub fn walk_mounts(project_dir: &Path, generated: &Generated) -> Result<Listing, ContextError> {
    let project_ignore = find_ignore(project_dir, None)?;
    let mut all = All::default();
    for root in &generated.context {
        all.root(project_dir, &project_ignore, root, generated.layout)?;
    }
    Ok(all.finish())
}

/// An ignore file in force during a walk.
#[derive(Clone)]
struct Layer<'a> {
    ignore: &'a Ignore,
    /// The walked root's path relative to the ignore file's directory.
    prefix: String,
    /// State of the directory being walked.
    state: DirState,
}

impl<'a> Layer<'a> {
    /// One that lies in the walked root.
    fn of(ignore: &'a Ignore) -> Self {
        Self {
            ignore,
            prefix: String::new(),
            state: DirState::default(),
        }
    }
}

/// The layers' joint opinion on one entry.
struct Decision<'a> {
    /// The first layer that excludes the entry, with its rule.
    excluded: Option<(&'a Ignore, &'a Rule)>,
    /// Some layer that excludes it has no exception for anything below it.
    prunable: bool,
}

/// Decides one entry; its state in each layer, which the entries below it want, goes to `states`.
fn decide<'a>(
    layers: &[Layer<'a>],
    path: &str,
    states: &mut [DirState],
) -> Result<Decision<'a>, IgnoreError> {
    let mut decision = Decision {
        excluded: None,
        prunable: false,
    };
    for (layer, state) in layers.iter().zip(states) {
        let joined;
        let path = match layer.prefix.is_empty() {
            true => path,
            false => {
                joined = paths::join(&layer.prefix, path);
                &joined
            }
        };
        let (excluded, by) = layer.ignore.step_into(&layer.state, path, state)?;
        if excluded {
            decision.prunable |= layer.ignore.may_prune(path);
            if let (None, Some(rule)) = (&decision.excluded, by) {
                decision.excluded = Some((layer.ignore, rule));
            }
        }
    }
    Ok(decision)
}

/// What was found of all roots.
#[derive(Default)]
struct All {
    /// In the order of the roots: mounts may overlap, and the last one counts.
    entries: Vec<Entry>,
    ignored: BTreeMap<String, IgnoredPath>,
    skipped: BTreeMap<String, SkippedPath>,
}

impl All {
    fn root(
        &mut self,
        project_dir: &Path,
        project_ignore: &Ignore,
        root: &Root,
        layout: Layout,
    ) -> Result<(), ContextError> {
        let source = Path::new(&root.source);
        // A mounted link is followed, as the engine does when it mounts it.
        let found = fs::metadata(source).map_err(io_error("read", source))?;
        let in_project = source
            .strip_prefix(project_dir)
            .ok()
            .map(|below| below.to_string_lossy().into_owned());
        let mut layers = Vec::new();
        if let Some(below) = in_project {
            let mut state = DirState::default();
            for dir in paths::ancestors(&below).chain((!below.is_empty()).then_some(below.as_str()))
            {
                let (verdict, next) = project_ignore.step(&state, dir)?;
                let at_root = dir == below;
                if let (true, Some(rule)) = (verdict.excluded, verdict.by)
                    && (project_ignore.may_prune(dir) || (at_root && root.is_file))
                {
                    let file = project_ignore.file().to_owned();
                    self.ignored.insert(
                        root.name.clone(),
                        IgnoredPath {
                            path: root.name.clone(),
                            file,
                            rule,
                        },
                    );
                    return Ok(());
                }
                state = next;
            }
            layers.push(Layer {
                ignore: project_ignore,
                prefix: below,
                state,
            });
        }
        let mut itself = Found::default();
        if root.is_file || !root.name.is_empty() {
            // A directory is there even when it is empty, so that the `COPY` of it finds something.
            itself.keep(root.name.clone(), None, source.to_owned(), &found);
        }
        self.add(itself);
        if root.is_file {
            return Ok(());
        }
        let own_ignore = match (source == project_dir, layout) {
            (true, Layout::Project | Layout::Staged) => Ignore::default(),
            (false, _) => own_ignore(source, &root.name)?,
        };
        layers.push(Layer::of(&own_ignore));
        self.add(Walk::of(&root.name, &root.hidden).below(source, layers)?);
        Ok(())
    }

    fn add(&mut self, found: Found) {
        self.entries.extend(found.entries);
        // Of a part that another root has excluded already, only its topmost path is told.
        let mut ignored = found.ignored;
        ignored
            .retain(|one| !paths::ancestors(&one.path).any(|dir| self.ignored.contains_key(dir)));
        let ignored = ignored.into_iter().map(|one| (one.path.clone(), one));
        self.ignored.extend(ignored);
        let skipped = found.skipped.into_iter();
        self.skipped
            .extend(skipped.map(|one| (one.path.clone(), one)));
    }

    fn finish(self) -> Listing {
        let mut entries = self.entries;
        // It keeps the order of equals, and is fast where long parts are in order.
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup_by(|later, kept| {
            let same = later.path == kept.path;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Listing {
            entries,
            ignored: self.ignored.into_values().collect(),
            skipped: self.skipped.into_values().collect(),
        }
    }
}

/// What one thread found.
#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    ignored: Vec<IgnoredPath>,
    skipped: Vec<SkippedPath>,
    /// What went wrong, and at which path.
    faults: Vec<(PathBuf, ContextError)>,
    /// Excluded directories that are being walked for the sake of an exception; sent only if it finds something.
    pending: Vec<Entry>,
}

impl Found {
    fn keep(&mut self, path: String, raw: Option<Box<Path>>, disk: PathBuf, found: &Metadata) {
        if let Some(entry) = self.entry(path, raw, disk, found) {
            self.entries.append(&mut self.pending);
            self.entries.push(entry);
        }
    }

    /// The entry for a path, or `None` with a note for one that cannot be sent.
    fn entry(
        &mut self,
        path: String,
        raw: Option<Box<Path>>,
        disk: PathBuf,
        found: &Metadata,
    ) -> Option<Entry> {
        let kind = found.file_type();
        let what = if kind.is_fifo() {
            Some("a named pipe")
        } else if kind.is_socket() {
            Some("a socket")
        } else if kind.is_block_device() || kind.is_char_device() {
            Some("a device")
        } else {
            None
        };
        if let Some(what) = what {
            self.skipped.push(SkippedPath { path, what });
            return None;
        }
        let (kind, size) = if kind.is_dir() {
            (EntryKind::Dir, 0)
        } else if kind.is_symlink() {
            // A link that is gone by now is nothing to send.
            (EntryKind::Symlink(fs::read_link(&disk).ok()?), 0)
        } else {
            (EntryKind::File, found.len())
        };
        Some(Entry {
            path,
            kind,
            size,
            mode: found.mode() & 0o7777,
            mtime: u64::try_from(found.mtime()).unwrap_or(0),
            disk,
            raw,
        })
    }

    /// Takes what another thread found.
    fn add(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.ignored.extend(other.ignored);
        self.skipped.extend(other.skipped);
        self.faults.extend(other.faults);
    }
}

/// A directory to be listed.
struct Dir<'a> {
    disk: PathBuf,
    /// Its path in the context, as in [`Entry`].
    path: String,
    raw: Option<Box<Path>>,
    layers: Vec<Layer<'a>>,
    /// It is walked for an exception below it, and need not be readable.
    excluded: bool,
    /// It, or a directory above it, is told to be ignored.
    ignored: bool,
}

/// The walk below one root.
struct Walk<'a> {
    /// Where the root goes in the context.
    name: &'a str,
    /// Paths under the root that another mount hides.
    hidden: BTreeSet<&'a str>,
    open: Mutex<Open<'a>>,
    /// A directory was added, or the last one is done.
    changed: Condvar,
}

#[derive(Default)]
struct Open<'a> {
    waiting: Vec<Dir<'a>>,
    /// Directories that wait or are being listed.
    unfinished: usize,
}

/// A directory is done when this ends, even by a panic: no other thread then waits for it.
struct Listed<'w, 'a>(&'w Walk<'a>);

impl Drop for Listed<'_, '_> {
    fn drop(&mut self) {
        let mut open = self.0.open();
        open.unfinished -= 1;
        if open.unfinished == 0 {
            self.0.changed.notify_all();
        }
    }
}

impl<'a> Walk<'a> {
    fn of(name: &'a str, hidden: &'a [String]) -> Self {
        Self {
            name,
            hidden: hidden.iter().map(String::as_str).collect(),
            open: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Everything below the root, which is at `disk`.
    fn below(&self, disk: &Path, layers: Vec<Layer<'a>>) -> Result<Found, ContextError> {
        self.push(Dir {
            disk: disk.to_owned(),
            path: self.name.to_owned(),
            raw: None,
            layers: layers
                .into_iter()
                .filter(|layer| !layer.ignore.is_empty())
                .collect(),
            excluded: false,
            ignored: false,
        });
        let found = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK);
            let first = thread
                .spawn_scoped(scope, || self.first())
                .map_err(ContextError::Send)?;
            match first.join() {
                Ok(found) => Ok::<_, ContextError>(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        // The first in the order of the paths, whichever thread met it.
        let faults = found.faults.into_iter();
        match faults.min_by(|(one, _), (other, _)| one.cmp(other)) {
            Some((_, fault)) => Err(fault),
            None => Ok(Found {
                faults: Vec::new(),
                ..found
            }),
        }
    }

    /// The first thread, which starts the others when there is enough to do.
    fn first(&self) -> Found {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let mut others = Vec::new();
            let mut found = Found::default();
            while let Some(dir) = self.next() {
                let _listed = Listed(self);
                self.list(&dir, &mut found);
                if others.is_empty() && self.open().waiting.len() >= WORTH_THREADS {
                    let start = |_| {
                        let thread = std::thread::Builder::new().stack_size(STACK);
                        thread.spawn_scoped(scope, || self.other()).ok()
                    };
                    others = (1..processors.min(MOST_THREADS))
                        .filter_map(start)
                        .collect();
                }
            }
            found.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            for other in others {
                match other.join() {
                    Ok(other) => found.add(other),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            found
        })
    }

    fn other(&self) -> Found {
        let mut found = Found::default();
        while let Some(dir) = self.next() {
            let _listed = Listed(self);
            self.list(&dir, &mut found);
        }
        found.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        found
    }

    fn open(&self) -> MutexGuard<'_, Open<'a>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, dir: Dir<'a>) {
        let mut open = self.open();
        open.unfinished += 1;
        open.waiting.push(dir);
        self.changed.notify_one();
    }

    /// A directory to list; none when all are done.
    fn next(&self) -> Option<Dir<'a>> {
        let mut open = self.open();
        loop {
            if let Some(dir) = open.waiting.pop() {
                return Some(dir);
            }
            if open.unfinished == 0 {
                return None;
            }
            let changed = self.changed.wait(open);
            open = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lists one directory. Directories in it that are kept are left to whoever is next.
    fn list(&self, dir: &Dir<'a>, found: &mut Found) {
        let mut fault = |error: io::Error| {
            if !(dir.excluded && error.kind() == io::ErrorKind::PermissionDenied) {
                let error = io_error("read directory", &dir.disk)(error);
                found.faults.push((dir.disk.clone(), error));
            }
        };
        let listed = fs::read_dir(&dir.disk).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return fault(error),
        };
        let mut states = vec![DirState::default(); dir.layers.len()];
        let mut closed = Vec::new();
        for one in listed {
            let looked = match one.metadata() {
                Ok(looked) => looked,
                // Gone since the directory was read, as temporary files are.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let disk = one.path();
                    let error = io_error("read", &disk)(error);
                    found.faults.push((disk, error));
                    continue;
                }
            };
            let name = one.file_name();
            let path = paths::join(&dir.path, &name.to_string_lossy());
            let below_root = match self.name.is_empty() {
                true => &path,
                false => &path[self.name.len() + 1..],
            };
            if self.hidden.contains(below_root) {
                continue;
            }
            let decision = match decide(&dir.layers, below_root, &mut states) {
                Ok(decision) => decision,
                Err(error) => {
                    found.faults.push((one.path(), error.into()));
                    continue;
                }
            };
            let excluded = decision.excluded.is_some();
            if let (Some((ignore, rule)), false) = (decision.excluded, dir.ignored) {
                found.ignored.push(IgnoredPath {
                    path: path.clone(),
                    file: ignore.file().to_owned(),
                    rule: rule.clone(),
                });
            }
            if excluded && (decision.prunable || !looked.is_dir()) {
                continue;
            }
            let raw = raw(dir, &name);
            let disk = dir.disk.join(&name);
            if !looked.is_dir() {
                found.keep(path, raw, disk, &looked);
                continue;
            }
            let layers = dir.layers.iter().zip(&states);
            let inner = Dir {
                disk: disk.clone(),
                path: path.clone(),
                raw: raw.clone(),
                layers: layers
                    .map(|(layer, state)| Layer {
                        state: state.clone(),
                        ..layer.clone()
                    })
                    .collect(),
                excluded,
                ignored: dir.ignored || excluded,
            };
            if excluded {
                closed.push((found.entry(path, raw, disk, &looked), inner));
            } else {
                found.keep(path, raw, disk, &looked);
                self.push(inner);
            }
        }
        for (entry, inner) in closed {
            let depth = found.pending.len();
            found.pending.extend(entry);
            self.list(&inner, found);
            found.pending.truncate(depth);
        }
    }
}

/// The path of an entry as bytes on disk have it, where that is no UTF-8.
fn raw(dir: &Dir<'_>, name: &OsStr) -> Option<Box<Path>> {
    match (&dir.raw, name.to_str()) {
        (None, Some(_)) => None,
        (Some(above), _) => Some(above.join(name).into()),
        (None, None) => Some(Path::new(&dir.path).join(name).into()),
    }
}

/// The ignore file a mounted directory has itself.
fn own_ignore(source: &Path, name: &str) -> Result<Ignore, ContextError> {
    let path = source.join(".dockerignore");
    match read_instructions(&path) {
        Ok(text) => Ok(Ignore::parse(text, &paths::join(name, ".dockerignore"))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ignore::default()),
        Err(error) => Err(io_error("read", &path)(error)),
    }
}
