//! Build contexts on disk: the walk (in [`walk`]), the ignore file that goes with it, and (in [`archive`]) the tar the
//! engine gets.
//!
//! The only place of this module tree that reads the disk. Files are listed here and opened only while they are sent;
//! links are never followed below a context, and pipes, sockets and devices are never opened, as that could block.

pub mod archive;
mod walk;

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::copied::{ContextFile, FileKind};
use super::generate::SourceKind;
use super::ignore::{Ignore, IgnoreError, Rule};

pub use walk::{walk, walk_mounts};

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
    /// The path as bytes on disk have it, where that is no UTF-8.
    #[serde(skip)]
    raw: Option<Box<Path>>,
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

    /// The path as bytes on disk have it.
    fn raw(&self) -> &Path {
        self.raw.as_deref().unwrap_or(Path::new(&self.path))
    }
}

impl Listing {
    /// Adds all of `other` below the directory `name`.
    pub fn nest(&mut self, name: &str, other: Listing) {
        let nested = other.entries.into_iter().map(|entry| Entry {
            path: format!("{name}/{}", entry.path),
            raw: entry.raw.map(|raw| Path::new(name).join(raw).into()),
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

#[cfg(test)]
mod tests;
