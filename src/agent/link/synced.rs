//! When each path was last synced, in a file that other links in the container can read.
//!
//! Records are appended, one write for a batch. A file that has grown too large is written anew with the last
//! record of each path. The folder can be written by the service's user, so a file there is trusted only when
//! it is this user's own and has one name; any other is taken away.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::at::{O_NOFOLLOW, O_NONBLOCK};
use crate::control;

/// Where the file is written anew, and what it may have then. It lies in memory that counts as the container's.
const LARGE: u64 = 2 * 1024 * 1024;
const KEPT_BYTES: usize = 1024 * 1024;
const KEPT_PATHS: usize = 10_000;
/// Length of the path, time and duration come before the path.
const HEAD: usize = 4 + 8 + 8;
/// Longer than any root with any path.
const LONGEST: usize = 16 * 1024;

pub struct Synced {
    path: PathBuf,
    /// Records that are not written yet.
    waiting: Vec<u8>,
}

struct Record<'a> {
    path: &'a [u8],
    /// Microseconds since 1970.
    at: u64,
    /// Microseconds.
    took: u64,
}

impl Synced {
    pub fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("synced"),
            waiting: Vec::new(),
        }
    }

    /// Remembers that a path is in place now, whose change was seen at `seen`, in microseconds since 1970.
    pub fn note(&mut self, root: &[u8], path: &[u8], seen: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
        let path = whole(root, path);
        let record = Record {
            path: &path,
            at: now,
            took: now.saturating_sub(seen),
        };
        record.write(&mut self.waiting);
    }

    /// Appends what waits. It is for looking at, so a folder that takes nothing is no failure of a sync.
    pub fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        if let Ok(mut file) = self.open()
            && file.write_all(&self.waiting).is_ok()
            && file.metadata().is_ok_and(|file| file.len() > LARGE)
        {
            let _ = self.compact();
        }
        self.waiting.clear();
    }

    /// When the path was in place, and how long that took.
    pub fn last(&mut self, root: &[u8], path: &[u8]) -> io::Result<Option<(u64, u64)>> {
        self.flush();
        let wanted = whole(root, path);
        let bytes = self.read()?;
        let found = records(&bytes).filter(|record| record.path == wanted);
        Ok(found.last().map(|record| (record.at, record.took)))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // Others append meanwhile; what is much larger than it can become is not ours.
        self.open()?.take(2 * LARGE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK);
        let opened = options.open(&self.path);
        if opened.as_ref().is_ok_and(is_own) {
            return opened;
        }
        fs::remove_file(&self.path)?;
        options.create_new(true).open(&self.path)
    }

    fn compact(&self) -> io::Result<()> {
        let bytes = self.read()?;
        let beside = self.path.with_extension(process::id().to_string());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let _ = fs::remove_file(&beside);
        options.open(&beside)?.write_all(&newest(&bytes))?;
        // Records that another link appends in this moment may be lost, and with them a line to look at.
        fs::rename(&beside, &self.path)
    }
}

impl Record<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let length = u32::try_from(self.path.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&self.took.to_le_bytes());
        out.extend_from_slice(self.path);
    }
}

fn is_own(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|file| file.is_file() && file.nlink() == 1 && file.uid() == control::own_user())
}

/// The path in the container.
fn whole(root: &[u8], path: &[u8]) -> Vec<u8> {
    match (root, path) {
        (root, b"") => root.to_owned(),
        (b"/", path) => [b"/", path].concat(),
        (root, path) => [root, b"/", path].concat(),
    }
}

/// The records in `bytes`, up to one that is not whole.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let number = |from: usize| Some(u64::from_le_bytes(*bytes.get(from..)?.first_chunk()?));
        let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let (at, took) = (number(4)?, number(12)?);
        let path = bytes.get(HEAD..HEAD + length.min(LONGEST))?;
        bytes = &bytes[HEAD + path.len()..];
        Some(Record { path, at, took })
    })
}

/// The last record of each path, the latest paths first to stay; in their order.
fn newest(bytes: &[u8]) -> Vec<u8> {
    let all: Vec<Record<'_>> = records(bytes).collect();
    let mut known = HashSet::new();
    let mut size = 0;
    let mut kept: Vec<&Record<'_>> = all
        .iter()
        .rev()
        .filter(|record| known.insert(record.path))
        .take(KEPT_PATHS)
        .take_while(|record| {
            size += HEAD + record.path.len();
            size <= KEPT_BYTES
        })
        .collect();
    kept.reverse();
    let mut out = Vec::new();
    for record in kept {
        record.write(&mut out);
    }
    out
}
