//! What the agent answers.

use super::{At, FrameError, Message, Reader, Writer};

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The first frame.
    Hello {
        /// [`super::BUILD`] of the agent.
        build: String,
        /// Ids of the user and group the service runs as.
        user: u32,
        group: u32,
        /// Process id of the service's process, 0 when the agent is not its parent: then restarts and signals fail.
        service: u32,
    },
    /// Every request up to and with this number is answered.
    Done { through: u64 },
    /// A request failed; `errno` is Linux's number, or 0.
    Failed {
        request: u64,
        errno: i32,
        what: String,
    },
    /// A directory was not removed because it is not empty.
    Kept { request: u64 },
    /// The service's process was restarted; times in microseconds.
    Restarted {
        request: u64,
        /// Of the new process.
        service: u32,
        /// From the signal to the end of the old process.
        stopped: u32,
        /// From there until the new one ran.
        started: u32,
        /// The old process had to be killed.
        killed: bool,
    },
    /// Something below a root.
    Entry { request: u64, entry: Entry },
    /// Bytes of a file that is read.
    Content { request: u64, bytes: Vec<u8> },
    /// A path changed in the container.
    Changed { at: At },
    /// The last sync of a path.
    Synced {
        request: u64,
        /// When it was in place, in microseconds since 1970.
        at: u64,
        /// Microseconds since the change was seen on the host.
        took: u64,
    },
}

/// What is at a path in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path below the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u32,
    /// Ids of its owner.
    pub user: u32,
    pub group: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file; without a hash when none was asked for.
    File { size: u64, hash: Option<[u8; 16]> },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link { to: Vec<u8> },
    /// A socket, pipe or device.
    Other,
}

impl Message for Reply {
    fn write(&self, out: &mut Writer<'_>) -> u8 {
        match self {
            Self::Hello {
                build,
                user,
                group,
                service,
            } => {
                out.bytes(build.as_bytes());
                out.u32(*user).u32(*group).u32(*service);
                1
            }
            Self::Done { through } => {
                out.u64(*through);
                2
            }
            Self::Failed {
                request,
                errno,
                what,
            } => {
                out.u64(*request).i32(*errno).bytes(what.as_bytes());
                3
            }
            Self::Kept { request } => {
                out.u64(*request);
                4
            }
            Self::Restarted {
                request,
                service,
                stopped,
                started,
                killed,
            } => {
                out.u64(*request).u32(*service).u32(*stopped).u32(*started);
                out.u8((*killed).into());
                5
            }
            Self::Entry { request, entry } => {
                out.u64(*request).bytes(&entry.path);
                out.u32(entry.mode).u32(entry.user).u32(entry.group);
                match &entry.kind {
                    EntryKind::File { size, hash } => {
                        out.u8(1).u64(*size).u8(hash.is_some().into());
                        out.raw(&hash.unwrap_or_default());
                    }
                    EntryKind::Directory => {
                        out.u8(2);
                    }
                    EntryKind::Link { to } => {
                        out.u8(3).bytes(to);
                    }
                    EntryKind::Other => {
                        out.u8(4);
                    }
                }
                6
            }
            Self::Content { request, bytes } => {
                out.u64(*request).bytes(bytes);
                7
            }
            Self::Changed { at } => {
                out.at(at);
                8
            }
            Self::Synced { request, at, took } => {
                out.u64(*request).u64(*at).u64(*took);
                9
            }
        }
    }

    fn read(kind: u8, fields: &mut Reader<'_>) -> Result<Self, FrameError> {
        let damaged = || FrameError::Fields(kind);
        Ok(match kind {
            1 => Self::Hello {
                build: fields.text().ok_or_else(damaged)?,
                user: fields.u32().ok_or_else(damaged)?,
                group: fields.u32().ok_or_else(damaged)?,
                service: fields.u32().ok_or_else(damaged)?,
            },
            2 => Self::Done {
                through: fields.u64().ok_or_else(damaged)?,
            },
            3 => Self::Failed {
                request: fields.u64().ok_or_else(damaged)?,
                errno: fields.i32().ok_or_else(damaged)?,
                what: fields.text().ok_or_else(damaged)?,
            },
            4 => Self::Kept {
                request: fields.u64().ok_or_else(damaged)?,
            },
            5 => Self::Restarted {
                request: fields.u64().ok_or_else(damaged)?,
                service: fields.u32().ok_or_else(damaged)?,
                stopped: fields.u32().ok_or_else(damaged)?,
                started: fields.u32().ok_or_else(damaged)?,
                killed: fields.bool().ok_or_else(damaged)?,
            },
            6 => {
                let request = fields.u64().ok_or_else(damaged)?;
                let path = fields.path(kind)?;
                let mode = fields.u32().ok_or_else(damaged)?;
                let user = fields.u32().ok_or_else(damaged)?;
                let group = fields.u32().ok_or_else(damaged)?;
                let mut what = || {
                    Some(match fields.u8()? {
                        1 => {
                            let (size, known) = (fields.u64()?, fields.bool()?);
                            let hash = fields.array()?;
                            if !known && hash != [0; 16] {
                                return None;
                            }
                            EntryKind::File {
                                size,
                                hash: known.then_some(hash),
                            }
                        }
                        2 => EntryKind::Directory,
                        3 => EntryKind::Link {
                            to: fields.bytes()?,
                        },
                        4 => EntryKind::Other,
                        _ => return None,
                    })
                };
                let entry = Entry {
                    path,
                    kind: what().ok_or_else(damaged)?,
                    mode,
                    user,
                    group,
                };
                Self::Entry { request, entry }
            }
            7 => Self::Content {
                request: fields.u64().ok_or_else(damaged)?,
                bytes: fields.bytes().ok_or_else(damaged)?,
            },
            8 => Self::Changed {
                at: fields.at(kind)?,
            },
            9 => Self::Synced {
                request: fields.u64().ok_or_else(damaged)?,
                at: fields.u64().ok_or_else(damaged)?,
                took: fields.u64().ok_or_else(damaged)?,
            },
            _ => return Err(FrameError::Kind(kind)),
        })
    }
}
