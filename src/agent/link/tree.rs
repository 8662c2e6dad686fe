//! Looking: what is below a place, and the content of a file. Both stream, whatever their size.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use super::failure::Failure;
use super::new::{self, HIDDEN};
use super::outbox::Outbox;
use super::roots::{MODE_BITS, Root};
use crate::at::{Dir, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, Listing, errno};
use crate::wire::frame::{Entry, EntryKind, PIECE, Reply, is_below};
use crate::wire::hash::ContentHash;

/// Directories in one another. Each keeps two descriptors, of which a process may have 1024 at least.
const DEEPEST: usize = 256;
const BUFFER: usize = 64 * 1024;

struct Level {
    dir: Dir,
    names: Listing,
    /// Length of the path of this directory.
    path: usize,
}

struct Walk<'a> {
    request: u64,
    hash: bool,
    skip: HashSet<Vec<u8>>,
    path: Vec<u8>,
    levels: Vec<Level>,
    buffer: Vec<u8>,
    out: &'a mut Outbox,
    /// The first thing that could not be looked at.
    failure: Option<Failure>,
}

/// Tells what is below `path`, directories before what they hold; of anything but a directory, itself. What
/// cannot be looked at is left out, and the first of it is the failure.
pub fn list(
    root: &Root,
    request: u64,
    path: &[u8],
    skip: Vec<Vec<u8>>,
    hash: bool,
    out: &mut Outbox,
) -> io::Result<Result<(), Failure>> {
    let mut walk = Walk {
        request,
        hash,
        skip: skip.into_iter().collect(),
        path: path.to_owned(),
        levels: Vec::new(),
        buffer: vec![0; BUFFER],
        out,
        failure: None,
    };
    match root.directory(path) {
        Ok(dir) => {
            if let Err(error) = walk.descend(dir) {
                return Ok(Err(Failure::of("list", path, &error)));
            }
        }
        Err(failure) if matches!(failure.errno, ENOTDIR | ELOOP) => {
            let (dir, name) = match root.parent(path, false) {
                Ok(place) => place,
                Err(failure) => return Ok(Err(failure)),
            };
            let found = match dir.look(name) {
                Ok(found) => found,
                Err(error) => return Ok(Err(Failure::of("look at", path, &error))),
            };
            walk.tell(&dir, name, &found)?;
        }
        Err(failure) => return Ok(Err(failure)),
    }
    walk.run()?;
    Ok(walk.failure.map_or(Ok(()), Err))
}

impl Walk<'_> {
    fn run(&mut self) -> io::Result<()> {
        while let Some(mut level) = self.levels.pop() {
            self.path.truncate(level.path);
            let Some(name) = level.names.next() else {
                continue;
            };
            let below = match name {
                Ok(name) => self.visit(&level.dir, &name)?,
                Err(error) => {
                    self.note("list", &error);
                    continue;
                }
            };
            self.levels.push(level);
            if let Some(dir) = below
                && let Err(error) = self.descend(dir)
            {
                self.note("list", &error);
            }
        }
        Ok(())
    }

    /// Tells of a name; gives the directory to look into next, with its path set.
    fn visit(&mut self, dir: &Dir, name: &[u8]) -> io::Result<Option<Dir>> {
        if name.starts_with(HIDDEN) {
            new::clear_left_over(dir, name);
            return Ok(None);
        }
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        if !is_below(&self.path) {
            self.note("tell", &io::Error::from_raw_os_error(ENAMETOOLONG));
            return Ok(None);
        }
        let found = match dir.look(name) {
            Ok(found) => found,
            Err(error) => {
                self.note("look at", &error);
                return Ok(None);
            }
        };
        self.tell(dir, name, &found)?;
        if !found.is_dir() || self.skip.contains(&self.path) {
            return Ok(None);
        }
        match dir.dir(name) {
            Ok(below) => Ok(Some(below)),
            Err(error) => {
                self.note("list", &error);
                Ok(None)
            }
        }
    }

    fn descend(&mut self, dir: Dir) -> io::Result<()> {
        if self.levels.len() >= DEEPEST {
            return Err(io::Error::from_raw_os_error(ENAMETOOLONG));
        }
        let names = dir.list()?;
        let path = self.path.len();
        self.levels.push(Level { dir, names, path });
        Ok(())
    }

    /// What has gone in between is as if it had never been there.
    fn note(&mut self, doing: &str, error: &io::Error) {
        if self.failure.is_none() && errno(error) != ENOENT {
            self.failure = Some(Failure::of(doing, &self.path, error));
        }
    }

    fn tell(&mut self, dir: &Dir, name: &[u8], found: &Metadata) -> io::Result<()> {
        let kind = if found.is_dir() {
            EntryKind::Directory
        } else if found.is_symlink() {
            match dir.read_link(name) {
                Ok(to) => EntryKind::Link { to },
                Err(error) => {
                    self.note("read the link", &error);
                    return Ok(());
                }
            }
        } else if !found.is_file() {
            EntryKind::Other
        } else if !self.hash {
            EntryKind::File {
                size: found.len(),
                hash: None,
            }
        } else {
            match dir
                .read(name)
                .and_then(|file| hashed(file, &mut self.buffer))
            {
                Ok((size, hash)) => EntryKind::File {
                    size,
                    hash: Some(hash),
                },
                Err(error) => {
                    self.note("read", &error);
                    if errno(&error) == ENOENT {
                        return Ok(());
                    }
                    EntryKind::File {
                        size: found.len(),
                        hash: None,
                    }
                }
            }
        };
        let entry = Entry {
            path: self.path.clone(),
            kind,
            mode: found.mode() & MODE_BITS,
            user: found.uid(),
            group: found.gid(),
        };
        self.out.send(&Reply::Entry {
            request: self.request,
            entry,
        })
    }
}

/// Size and hash of what was read, which belong together even if the file grows meanwhile.
fn hashed(mut file: File, buffer: &mut [u8]) -> io::Result<(u64, [u8; 16])> {
    let (mut size, mut hash) = (0, ContentHash::default());
    loop {
        match file.read(buffer)? {
            0 => return Ok((size, hash.finish())),
            count => {
                size += count as u64;
                hash.update(&buffer[..count]);
            }
        }
    }
}

/// Sends the content of a file, at most `most` bytes.
pub fn read(
    root: &Root,
    request: u64,
    path: &[u8],
    most: u64,
    out: &mut Outbox,
) -> io::Result<Result<(), Failure>> {
    let mut file = match open(root, path) {
        Ok(file) => file.take(most),
        Err(failure) => return Ok(Err(failure)),
    };
    loop {
        let mut bytes = Vec::new();
        match file.by_ref().take(PIECE as u64).read_to_end(&mut bytes) {
            Ok(0) => return Ok(Ok(())),
            Ok(_) => out.send(&Reply::Content { request, bytes })?,
            Err(error) => return Ok(Err(Failure::of("read", path, &error))),
        }
    }
}

fn open(root: &Root, path: &[u8]) -> Result<File, Failure> {
    let fail = |error: io::Error| Failure::of("read", path, &error);
    let (dir, name) = root.parent(path, false)?;
    let file = dir.read(name).map_err(fail)?;
    let found = file.metadata().map_err(fail)?;
    if found.is_dir() {
        return Err(fail(io::Error::from_raw_os_error(EISDIR)));
    }
    match found.is_file() {
        true => Ok(file),
        // A pipe or a device could give bytes without end.
        false => Err(fail(io::Error::from_raw_os_error(EINVAL))),
    }
}
