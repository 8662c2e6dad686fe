//! What envsim asks of the agent.

use super::{At, FrameError, Message, PIECE, Reader, Writer, is_below};

/// What a file is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it goes.
    pub at: At,
    /// Permission bits.
    pub mode: u32,
    /// Time of the last change on the host, in nanoseconds since 1970.
    pub modified: i64,
    /// When the change was seen on the host, in microseconds since 1970; 0 when it was not seen but compared.
    pub seen: u64,
}

/// What envsim asks of the agent. Each request gets its answer by [`super::Reply::Done`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The first frame.
    Hello {
        /// [`super::BUILD`] of envsim.
        build: String,
    },
    /// Declares the root `number`: an absolute path in the container, made with its parents when missing. What is
    /// made below it belongs to `owner` (user and group id), or to whom the service runs as.
    Root {
        number: u16,
        path: Vec<u8>,
        owner: Option<(u32, u32)>,
    },
    /// A whole file, of at most [`PIECE`] bytes. What was there before, be it a link or an empty directory, gives way.
    Put { file: File, bytes: Vec<u8> },
    /// A larger file begins; `Piece`, `Commit` and `Abandon` name it by this frame's number.
    Begin { file: File, size: u64 },
    /// The next bytes of a file that was begun.
    Piece { of: u64, bytes: Vec<u8> },
    /// All bytes were sent: the file takes its place.
    Commit { of: u64 },
    /// The file is not sent after all.
    Abandon { of: u64 },
    /// A directory; one that is there stays as it is but for its mode, anything else gives way.
    Directory { at: At, mode: u32, seen: u64 },
    /// A symbolic link.
    Link { at: At, to: Vec<u8>, seen: u64 },
    /// Takes a file, a link or an empty directory away; what is gone already is no error. A directory that holds
    /// something stays, and [`super::Reply::Kept`] tells.
    Remove { at: At, seen: u64 },
    /// Restarts the service's process: the signal, after `grace` milliseconds SIGKILL, then a new process.
    /// Answered by [`super::Reply::Restarted`] before `Done`.
    Restart { signal: i32, grace: u32 },
    /// Sends the service's process a signal.
    Signal { signal: i32 },
    /// Lists what is below `at`, in [`super::Reply::Entry`] frames; `skip` are paths below the root whose content is not
    /// looked at. With `hash` files come with the hash of their content.
    Tree {
        at: At,
        skip: Vec<Vec<u8>>,
        hash: bool,
    },
    /// Reads a file, in [`super::Reply::Content`] frames; at most `most` bytes.
    Read { at: At, most: u64 },
    /// Begins to watch the root: each path that changes in the container is told by [`super::Reply::Changed`].
    Watch { root: u16 },
    /// Tells what is known of the last sync of a path, by [`super::Reply::Synced`]; no reply when nothing is.
    LastSync { at: At },
}

impl Message for Request {
    fn write(&self, out: &mut Writer<'_>) -> u8 {
        match self {
            Self::Hello { build } => {
                out.bytes(build.as_bytes());
                1
            }
            Self::Root {
                number,
                path,
                owner,
            } => {
                out.u16(*number).bytes(path).u8(owner.is_some().into());
                let (user, group) = owner.unwrap_or_default();
                out.u32(user).u32(group);
                2
            }
            Self::Put { file, bytes } => {
                out.file(file).bytes(bytes);
                3
            }
            Self::Begin { file, size } => {
                out.file(file).u64(*size);
                4
            }
            Self::Piece { of, bytes } => {
                out.u64(*of).bytes(bytes);
                5
            }
            Self::Commit { of } => {
                out.u64(*of);
                6
            }
            Self::Abandon { of } => {
                out.u64(*of);
                7
            }
            Self::Directory { at, mode, seen } => {
                out.at(at).u32(*mode).u64(*seen);
                8
            }
            Self::Link { at, to, seen } => {
                out.at(at).bytes(to).u64(*seen);
                9
            }
            Self::Remove { at, seen } => {
                out.at(at).u64(*seen);
                10
            }
            Self::Restart { signal, grace } => {
                out.i32(*signal).u32(*grace);
                11
            }
            Self::Signal { signal } => {
                out.i32(*signal);
                12
            }
            Self::Tree { at, skip, hash } => {
                out.at(at).u8((*hash).into());
                out.u32(u32::try_from(skip.len()).unwrap_or(u32::MAX));
                for path in skip {
                    out.bytes(path);
                }
                13
            }
            Self::Read { at, most } => {
                out.at(at).u64(*most);
                14
            }
            Self::Watch { root } => {
                out.u16(*root);
                15
            }
            Self::LastSync { at } => {
                out.at(at);
                16
            }
        }
    }

    fn read(kind: u8, fields: &mut Reader<'_>) -> Result<Self, FrameError> {
        let damaged = || FrameError::Fields(kind);
        Ok(match kind {
            1 => Self::Hello {
                build: fields.text().ok_or_else(damaged)?,
            },
            2 => {
                let mut rest = || {
                    let (number, path) = (fields.u16()?, fields.bytes()?);
                    let (owned, user, group) = (fields.bool()?, fields.u32()?, fields.u32()?);
                    // Without an owner nothing is in its place.
                    (owned || (user, group) == (0, 0))
                        .then(|| (number, path, owned.then_some((user, group))))
                };
                let (number, path, owner) = rest().ok_or_else(damaged)?;
                let inner = path.strip_prefix(b"/").ok_or(FrameError::Path)?;
                if !is_below(inner) {
                    return Err(FrameError::Path);
                }
                Self::Root {
                    number,
                    path,
                    owner,
                }
            }
            3 => {
                let file = fields.file(kind)?;
                let bytes = fields.bytes().ok_or_else(damaged)?;
                if bytes.len() > PIECE {
                    return Err(damaged());
                }
                Self::Put { file, bytes }
            }
            4 => Self::Begin {
                file: fields.file(kind)?,
                size: fields.u64().ok_or_else(damaged)?,
            },
            5 => {
                let of = fields.u64().ok_or_else(damaged)?;
                let bytes = fields.bytes().ok_or_else(damaged)?;
                if bytes.len() > PIECE {
                    return Err(damaged());
                }
                Self::Piece { of, bytes }
            }
            6 => Self::Commit {
                of: fields.u64().ok_or_else(damaged)?,
            },
            7 => Self::Abandon {
                of: fields.u64().ok_or_else(damaged)?,
            },
            8 => Self::Directory {
                at: fields.at(kind)?,
                mode: fields.u32().ok_or_else(damaged)?,
                seen: fields.u64().ok_or_else(damaged)?,
            },
            9 => Self::Link {
                at: fields.at(kind)?,
                to: fields
                    .bytes()
                    .filter(|to| !to.is_empty() && !to.contains(&0))
                    .ok_or_else(damaged)?,
                seen: fields.u64().ok_or_else(damaged)?,
            },
            10 => Self::Remove {
                at: fields.at(kind)?,
                seen: fields.u64().ok_or_else(damaged)?,
            },
            11 => Self::Restart {
                signal: fields.i32().ok_or_else(damaged)?,
                grace: fields.u32().ok_or_else(damaged)?,
            },
            12 => Self::Signal {
                signal: fields.i32().ok_or_else(damaged)?,
            },
            13 => {
                let at = fields.at(kind)?;
                let hash = fields.bool().ok_or_else(damaged)?;
                let count = fields.u32().ok_or_else(damaged)?;
                let mut skip = Vec::new();
                for _ in 0..count {
                    skip.push(fields.path(kind)?);
                }
                Self::Tree { at, skip, hash }
            }
            14 => Self::Read {
                at: fields.at(kind)?,
                most: fields.u64().ok_or_else(damaged)?,
            },
            15 => Self::Watch {
                root: fields.u16().ok_or_else(damaged)?,
            },
            16 => Self::LastSync {
                at: fields.at(kind)?,
            },
            _ => return Err(FrameError::Kind(kind)),
        })
    }
}
