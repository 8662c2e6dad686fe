//! The tar of a build context, streamed.
//!
//! The engine does not apply `.dockerignore` to a context it gets as an archive, so only what is to be seen by `COPY` is
//! written. Owners become 0:0, as `docker build` makes them; permissions, modification times and links stay.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tar::{Builder, EntryType, Header};

use super::{ContextError, Entry, EntryKind, Listing, io_error};

/// A file that is put into the archive whatever the context says, such as the Dockerfile. It takes the place of a
/// context file of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// Path in the archive.
    pub name: String,
    pub content: Content,
}

/// Where an extra file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// A file on disk, links followed.
    Disk(PathBuf),
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    pub files: u64,
    /// Content in bytes.
    pub bytes: u64,
}

/// The name of the Dockerfile in the archive, to be given to the engine, and the extra file to write when the context
/// does not have it under that name: it is ignored, outside of the context, or a link.
///
/// The engine needs the Dockerfile in the archive, so a `COPY . .` sees an extra one, which `docker build` would hide.
pub fn place_dockerfile(
    context: &Path,
    dockerfile: &Path,
    listing: &Listing,
) -> (String, Option<Extra>) {
    let resolved = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let inside = resolved(dockerfile)
        .strip_prefix(resolved(context))
        .ok()
        .map(Path::to_owned);
    if let Some(name) = inside.and_then(|path| path.to_str().map(str::to_owned))
        && listing
            .entries
            .iter()
            .any(|entry| entry.path == name && entry.kind == EntryKind::File)
    {
        return (name, None);
    }
    let name = ".envsim.Dockerfile".to_owned();
    (
        name.clone(),
        Some(Extra {
            name,
            content: Content::Disk(dockerfile.to_owned()),
        }),
    )
}

/// Writes the archive. Files are opened one after the other and copied through; the context is never held in memory.
///
/// # Errors
/// A file that cannot be read, or that becomes shorter while it is sent (both with its path), or a failure of `out`.
pub fn write(
    listing: &Listing,
    extras: &[Extra],
    out: impl Write,
) -> Result<Written, ContextError> {
    let mut archive = Builder::new(out);
    let mut written = Written::default();
    for extra in extras {
        match &extra.content {
            Content::Text(text) => {
                let mut header = header(EntryType::Regular, 0o644, 0);
                header.set_size(text.len() as u64);
                archive
                    .append_data(&mut header, &extra.name, text.as_bytes())
                    .map_err(ContextError::Send)?;
                written.bytes += text.len() as u64;
            }
            Content::Disk(path) => {
                let found = fs::metadata(path).map_err(io_error("read", path))?;
                let mut header = header(EntryType::Regular, 0o644, 0);
                written.bytes += append_file(
                    &mut archive,
                    &mut header,
                    Path::new(&extra.name),
                    path,
                    found.len(),
                )?;
            }
        }
        written.files += 1;
    }
    for entry in &listing.entries {
        if extras.iter().any(|extra| extra.name == entry.path) {
            continue;
        }
        written.bytes += append(&mut archive, entry)?;
        written.files += u64::from(entry.kind != EntryKind::Dir);
    }
    let mut out = archive.into_inner().map_err(ContextError::Send)?;
    out.flush().map_err(ContextError::Send)?;
    Ok(written)
}

fn header(kind: EntryType, mode: u32, mtime: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

fn append<W: Write>(archive: &mut Builder<W>, entry: &Entry) -> Result<u64, ContextError> {
    match &entry.kind {
        EntryKind::Dir => {
            let mut header = header(EntryType::Directory, entry.mode, entry.mtime);
            archive
                .append_data(&mut header, entry.raw().join(""), io::empty())
                .map_err(ContextError::Send)?;
            Ok(0)
        }
        EntryKind::Symlink(target) => {
            let mut header = header(EntryType::Symlink, 0o777, entry.mtime);
            archive
                .append_link(&mut header, entry.raw(), target)
                .map_err(ContextError::Send)?;
            Ok(0)
        }
        EntryKind::File => {
            // Looked at again: what was a file when it was listed may be a pipe by now, and opening that would block.
            match fs::metadata(&entry.disk) {
                Ok(found) if found.is_file() => {
                    let mut header = header(EntryType::Regular, entry.mode, entry.mtime);
                    append_file(archive, &mut header, entry.raw(), &entry.disk, found.len())
                }
                Ok(_) => Err(ContextError::Changed(entry.disk.clone())),
                // Deleted since: the same as deleted before.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
                Err(error) => Err(io_error("read", &entry.disk)(error)),
            }
        }
    }
}

/// Writes exactly `size` bytes, as the header says; a file that grew meanwhile is cut.
fn append_file<W: Write>(
    archive: &mut Builder<W>,
    header: &mut Header,
    name: &Path,
    disk: &Path,
    size: u64,
) -> Result<u64, ContextError> {
    let file = File::open(disk).map_err(io_error("open", disk))?;
    header.set_size(size);
    let mut content = Exactly {
        file,
        left: size,
        failed: None,
    };
    let appended = archive.append_data(header, name, &mut content);
    if let Some(error) = content.failed {
        return Err(io_error("read", disk)(error));
    }
    if content.left > 0 && appended.is_ok() {
        return Err(ContextError::Changed(disk.to_owned()));
    }
    appended.map_err(ContextError::Send)?;
    Ok(size)
}

/// Reads up to a number of bytes, and keeps apart the errors of reading from those of writing.
struct Exactly {
    file: File,
    left: u64,
    failed: Option<io::Error>,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        match self.file.read(&mut buffer[..wanted]) {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}
