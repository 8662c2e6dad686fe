//! Build contexts on disk: the walk, the ignore file that goes with it, and (in [`archive`]) the tar the engine gets.
//!
//! The only place of this module tree that reads the disk. Files are listed here and opened only while they are sent;
//! links are never followed below a context, and pipes, sockets and devices are never opened, as that could block.

pub mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::copied::{ContextFile, FileKind};
use super::generate::{Generated, Layout, Root, SourceKind};
use super::ignore::{DirState, Ignore, IgnoreError, Rule};
use super::paths;

/// What a context consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Sorted by path, so that a directory comes before what is in it.
    pub entries: Vec<Entry>,
    /// What an ignore file keeps out: the topmost path of each excluded part.
    pub ignored: Vec<IgnoredPath>,
    /// What cannot be part of a context: pipes, sockets, devices.
    pub skipped: Vec<SkippedPath>,
}

/// A kept path of a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Relative to the context, with `/`. Bytes that are not UTF-8 are replaced here, not in the archive.
    pub path: String,
    #[serde(flatten)]
    pub kind: EntryKind,
    /// In bytes; 0 for anything but a file.
    pub size: u64,
    /// Permission bits, such as 0o644.
    pub mode: u32,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Where it is on disk.
    #[serde(skip)]
    disk: PathBuf,
    /// The path as bytes on disk have it.
    #[serde(skip)]
    raw: PathBuf,
}

/// What a kept path is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "target", rename_all = "lowercase")]
pub enum EntryKind {
    File,
    Dir,
    /// Where the link points, unchanged.
    Symlink(PathBuf),
}

/// A path an ignore file keeps out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IgnoredPath {
    pub path: String,
    /// Name of the ignore file.
    pub file: String,
    #[serde(flatten)]
    pub rule: Rule,
}

/// A path that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedPath {
    pub path: String,
    /// `a named pipe`, `a socket`, `a device`.
    pub what: &'static str,
}

/// A context that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error("cannot {doing} `{}`: {source}{}", .path.display(), remedy(.source))]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("`{}` is not a directory, so it cannot be a build context", .0.display())]
    NotADirectory(PathBuf),
    #[error("`{}` became shorter while it was sent: stop what is writing it, or ignore it", .0.display())]
    Changed(PathBuf),
    #[error("cannot send the build context: {0}")]
    Send(io::Error),
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            ": make it readable, or keep it out with a line in `.dockerignore`"
        }
        io::ErrorKind::NotFound => ": check the path",
        _ => "",
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ContextError {
    let path = path.to_owned();
    move |source| ContextError::Io {
        doing,
        path,
        source,
    }
}

impl Entry {
    /// Where it is on disk.
    pub fn disk(&self) -> &Path {
        &self.disk
    }
}

impl Listing {
    /// Adds all of `other` below the directory `name`.
    pub fn nest(&mut self, name: &str, other: Listing) {
        let nested = other.entries.into_iter().map(|entry| Entry {
            path: format!("{name}/{}", entry.path),
            raw: Path::new(name).join(&entry.raw),
            ..entry
        });
        self.entries.extend(nested);
    }

    /// The entries as values for [`super::copied::copied`].
    pub fn files(&self) -> Vec<ContextFile> {
        let kind = |entry: &Entry| match &entry.kind {
            EntryKind::File => FileKind::File,
            EntryKind::Dir => FileKind::Dir,
            EntryKind::Symlink(target) => FileKind::Symlink(target.to_string_lossy().into_owned()),
        };
        self.entries
            .iter()
            .map(|entry| ContextFile {
                path: entry.path.clone(),
                kind: kind(entry),
            })
            .collect()
    }

    /// Content in bytes, without the archive's own overhead.
    pub fn size(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }
}

/// More than this is no Dockerfile and no ignore file, in bytes; real ones have some kilobytes.
const LARGEST_INSTRUCTIONS: u64 = 4 << 20;

/// Reads a Dockerfile or an ignore file. A pipe or a device is never opened: that could wait for ever.
///
/// # Errors
/// A file that cannot be read, is no regular file, or is too large to be what it is taken for.
pub fn read_instructions(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > LARGEST_INSTRUCTIONS {
        let length = found.len();
        return Err(io::Error::other(format!(
            "it has {length} bytes; the limit is {LARGEST_INSTRUCTIONS}"
        )));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LARGEST_INSTRUCTIONS)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The ignore file of a build: `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context,
/// else one that ignores nothing. The first replaces the second; they are not merged.
///
/// # Errors
/// A file that cannot be read or that the builders refuse.
pub fn find_ignore(context: &Path, dockerfile: Option<&Path>) -> Result<Ignore, ContextError> {
    let beside = dockerfile.map(|dockerfile| {
        let mut name = dockerfile.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for path in beside.into_iter().chain([context.join(".dockerignore")]) {
        match read_instructions(&path) {
            Ok(text) => {
                let name = path
                    .strip_prefix(context)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned();
                return Ok(Ignore::parse(text, &name)?);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(io_error("read", &path)(error)),
        }
    }
    Ok(Ignore::default())
}

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
    with_room(|| {
        let mut walk = Walk::default();
        let layers = [Layer {
            ignore,
            prefix: String::new(),
            state: DirState::default(),
        }];
        walk.dir(context, Path::new(""), &layers)?;
        Ok(walk.finish())
    })
}

/// Stack of a walk in bytes: directories can be nested two thousand deep before their paths are too
/// long for the system, and each takes a call.
const STACK: usize = 64 << 20;

/// Does `work` on a stack that every tree of directories fits.
fn with_room<T: Send>(
    work: impl FnOnce() -> Result<T, ContextError> + Send,
) -> Result<T, ContextError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let running = thread
            .spawn_scoped(scope, work)
            .map_err(ContextError::Send)?;
        match running.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Lists the context of a generated Dockerfile: every mounted source under its name. A source in the project directory
/// obeys the project's `.dockerignore`; a mounted directory also obeys one it has itself, which `docker build` would not
/// read. A source that is ignored as a whole is in [`Listing::ignored`] under its name, and the `COPY` of it will fail.
///
/// # Errors
/// As [`walk`], and a source that is gone.
pub fn walk_mounts(project_dir: &Path, generated: &Generated) -> Result<Listing, ContextError> {
    let project_ignore = find_ignore(project_dir, None)?;
    with_room(|| {
        let mut walk = Walk::default();
        for root in &generated.context {
            walk.root(project_dir, &project_ignore, root, generated.layout)?;
        }
        Ok(walk.finish())
    })
}

/// What a mount's source is, links followed.
pub fn look(source: &Path) -> SourceKind {
    match fs::metadata(source) {
        Err(_) => SourceKind::Missing,
        Ok(found) if found.is_dir() => SourceKind::Dir,
        Ok(found) if found.is_file() => SourceKind::File,
        Ok(found) if found.file_type().is_socket() => SourceKind::Socket,
        Ok(_) => SourceKind::Device,
    }
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

/// The layers' joint opinion on one entry.
struct Decision<'a> {
    /// The first layer that excludes the entry, with its rule.
    excluded: Option<(&'a Ignore, Rule)>,
    /// Some layer that excludes it has no exception for anything below it.
    prunable: bool,
    below: Vec<Layer<'a>>,
}

fn decide<'a>(layers: &[Layer<'a>], path: &str) -> Result<Decision<'a>, IgnoreError> {
    let mut decision = Decision {
        excluded: None,
        prunable: false,
        below: Vec::new(),
    };
    for layer in layers {
        let path = paths::join(&layer.prefix, path);
        let (verdict, state) = layer.ignore.step(&layer.state, &path)?;
        if verdict.excluded {
            decision.prunable |= layer.ignore.may_prune(&path);
            if let (None, Some(rule)) = (&decision.excluded, verdict.by) {
                decision.excluded = Some((layer.ignore, rule));
            }
        }
        decision.below.push(Layer {
            state,
            ..layer.clone()
        });
    }
    Ok(decision)
}

#[derive(Default)]
struct Walk {
    /// By path: mounts may overlap.
    entries: BTreeMap<String, Entry>,
    ignored: BTreeMap<String, IgnoredPath>,
    skipped: BTreeMap<String, SkippedPath>,
    /// Excluded directories that are being walked for the sake of an exception; sent only if it finds something.
    pending: Vec<Entry>,
    /// Where the walked root goes in the context.
    name: PathBuf,
    hidden: BTreeSet<String>,
}

impl Walk {
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
        self.name = PathBuf::from(&root.name);
        self.hidden = root.hidden.iter().cloned().collect();
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
        if root.is_file {
            self.keep(source, Path::new(""), &found);
            return Ok(());
        }
        let own_ignore = match (source == project_dir, layout) {
            (true, Layout::Project | Layout::Staged) => Ignore::default(),
            (false, _) => own_ignore(source, &root.name)?,
        };
        layers.push(Layer {
            ignore: &own_ignore,
            prefix: String::new(),
            state: DirState::default(),
        });
        if !root.name.is_empty() {
            // Even when empty, so that the `COPY` of it finds something.
            self.keep(source, Path::new(""), &found);
        }
        self.dir(source, Path::new(""), &layers)
    }

    /// Walks one directory. `below` is its path under the walked root.
    fn dir(&mut self, disk: &Path, below: &Path, layers: &[Layer<'_>]) -> Result<(), ContextError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(disk).map_err(io_error("read directory", disk))? {
            names.push(entry.map_err(io_error("read directory", disk))?.file_name());
        }
        names.sort();
        for name in names {
            let (disk, below) = (disk.join(&name), below.join(&name));
            let found = match fs::symlink_metadata(&disk) {
                Ok(found) => found,
                // Gone since the directory was read, as temporary files are.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("read", &disk)(error)),
            };
            let relative = below.to_string_lossy().into_owned();
            if self.hidden.contains(&relative) {
                continue;
            }
            let decision = decide(layers, &relative)?;
            let excluded = decision.excluded.is_some();
            if let Some((ignore, rule)) = decision.excluded {
                self.note_ignored(&below, ignore, rule);
            }
            if !found.is_dir() {
                if !excluded {
                    self.keep(&disk, &below, &found);
                }
                continue;
            }
            if excluded && decision.prunable {
                continue;
            }
            if !excluded {
                self.keep(&disk, &below, &found);
                self.dir(&disk, &below, &decision.below)?;
                continue;
            }
            let depth = self.pending.len();
            let entry = self.entry(&disk, &below, &found);
            self.pending.extend(entry);
            match self.dir(&disk, &below, &decision.below) {
                // What is not sent need not be readable.
                Err(ContextError::Io { path, source, .. })
                    if path == disk && source.kind() == io::ErrorKind::PermissionDenied => {}
                done => done?,
            }
            self.pending.truncate(depth);
        }
        Ok(())
    }

    /// Notes an excluded path, unless the directory it is in is excluded already.
    fn note_ignored(&mut self, below: &Path, ignore: &Ignore, rule: Rule) {
        let path = self.name.join(below).to_string_lossy().into_owned();
        if paths::ancestors(&path).any(|dir| self.ignored.contains_key(dir)) {
            return;
        }
        let file = ignore.file().to_owned();
        self.ignored
            .insert(path.clone(), IgnoredPath { path, file, rule });
    }

    fn keep(&mut self, disk: &Path, below: &Path, found: &Metadata) {
        let Some(entry) = self.entry(disk, below, found) else {
            return;
        };
        for parent in self.pending.drain(..) {
            self.entries.insert(parent.path.clone(), parent);
        }
        self.entries.insert(entry.path.clone(), entry);
    }

    /// The entry for a path, or `None` with a note for one that cannot be sent.
    fn entry(&mut self, disk: &Path, below: &Path, found: &Metadata) -> Option<Entry> {
        let raw = if below.as_os_str().is_empty() {
            self.name.clone()
        } else {
            self.name.join(below)
        };
        let path = raw.to_string_lossy().into_owned();
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
            self.skipped
                .insert(path.clone(), SkippedPath { path, what });
            return None;
        }
        let (kind, size) = if kind.is_dir() {
            (EntryKind::Dir, 0)
        } else if kind.is_symlink() {
            // A link that is gone by now is nothing to send.
            (EntryKind::Symlink(fs::read_link(disk).ok()?), 0)
        } else {
            (EntryKind::File, found.len())
        };
        let mtime = u64::try_from(found.mtime()).unwrap_or(0);
        Some(Entry {
            path,
            kind,
            size,
            mode: found.mode() & 0o7777,
            mtime,
            disk: disk.to_owned(),
            raw,
        })
    }

    fn finish(self) -> Listing {
        Listing {
            entries: self.entries.into_values().collect(),
            ignored: self.ignored.into_values().collect(),
            skipped: self.skipped.into_values().collect(),
        }
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

#[cfg(test)]
mod tests;
