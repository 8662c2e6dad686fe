//! What one path was like when it was sent.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use super::What;
use crate::dev::watch::poll::{is_racy, nanoseconds};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link {
        /// Where it points, as written.
        to: Vec<u8>,
    },
}

impl Kind {
    /// Whether one can take the place of the other without its going first.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::File, Self::File)
                | (Self::Directory, Self::Directory)
                | (Self::Link { .. }, Self::Link { .. })
        )
    }
}

/// A path as it was when it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Last change of content or attributes, in nanoseconds since 1970.
    pub changed_ns: i64,
    /// Its number on the file system.
    pub inode: u64,
    /// When it was looked at, in nanoseconds since 1970. A file that had changed just before may have changed again
    /// without its times telling, so it is never taken to be the same.
    pub looked: i64,
    /// It was sent, as far as is known.
    pub sent: bool,
}

impl Known {
    /// What `metadata`, read at `looked`, says; none for sockets, pipes and devices. `to` is where a link points.
    pub(super) fn of(metadata: &Metadata, to: Vec<u8>, looked: i64) -> Option<Self> {
        let kind = match metadata.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_symlink() => Kind::Link { to },
            _ => return None,
        };
        Some(Self {
            kind,
            mode: metadata.mode() & 0o7777,
            size: metadata.len(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            looked,
            sent: true,
        })
    }

    /// Something of which the container may have any part.
    pub(super) fn doubtful(kind: Kind) -> Self {
        Self {
            kind,
            mode: 0,
            size: 0,
            modified_ns: 0,
            changed_ns: 0,
            inode: 0,
            looked: 0,
            sent: false,
        }
    }

    /// Whether what was found now needs not be sent again.
    pub(super) fn is(&self, found: &Self) -> bool {
        let same = match (&self.kind, &found.kind) {
            (Kind::File, Kind::File) => {
                let stamp = |known: &Self| {
                    let times = (known.modified_ns, known.changed_ns);
                    (known.mode, known.size, times, known.inode)
                };
                // Nobody can set the time of the last change as that of the content can be set.
                stamp(self) == stamp(found) && !is_racy(self.changed_ns, self.looked)
            }
            (Kind::Directory, Kind::Directory) => self.mode == found.mode,
            (one, other) => one == other,
        };
        self.sent && same
    }

    /// The step that makes it.
    pub(super) fn what(&self) -> What {
        match &self.kind {
            Kind::File => What::File {
                mode: self.mode,
                size: self.size,
                modified_ns: self.modified_ns,
            },
            Kind::Directory => What::Directory { mode: self.mode },
            Kind::Link { to } => What::Link { to: to.clone() },
        }
    }
}
