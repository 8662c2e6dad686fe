//! Frames of the link: the two-way byte stream between envsim and the agent in a dev container.
//!
//! A frame is `length: u32`, `kind: u8`, `number: u64`, then the fields of its kind; integers are little endian,
//! texts and bytes carry their length as `u32`. `length` counts what follows it. Numbers begin with 0 and grow by
//! one in each direction: a frame that is lost, doubled or out of order is an error, never an action.
//!
//! Paths are bytes, relative to a root that [`Request::Root`] declared, without `.`, `..` or empty parts; the
//! decoder refuses any other, so that no frame can name a place outside a root. The empty path is the root.

use std::fmt;

/// The build that a side of the link is of: only equal ones talk to each other.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " link 1");

/// Bytes of a file that travel in one frame; larger files are sent in pieces.
pub const PIECE: usize = 256 * 1024;

/// The most bytes that a frame may have, its kind and number included.
pub const MOST: usize = 1024 * 1024;

/// Parts and bytes that a path may have, as on Linux.
const LONGEST_PATH: usize = 4096;

/// A place below a root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Number of the root.
    pub root: u16,
    /// Path below it; empty for the root itself.
    pub path: Vec<u8>,
}

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

/// What envsim asks of the agent. Each request gets its answer by [`Reply::Done`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The first frame.
    Hello {
        /// [`BUILD`] of envsim.
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
    /// something stays, and [`Reply::Kept`] tells.
    Remove { at: At, seen: u64 },
    /// Restarts the service's process: the signal, after `grace` milliseconds SIGKILL, then a new process.
    /// Answered by [`Reply::Restarted`] before `Done`.
    Restart { signal: i32, grace: u32 },
    /// Sends the service's process a signal.
    Signal { signal: i32 },
    /// Lists what is below `at`, in [`Reply::Entry`] frames; `skip` are paths below the root whose content is not
    /// looked at. With `hash` files come with the hash of their content.
    Tree {
        at: At,
        skip: Vec<Vec<u8>>,
        hash: bool,
    },
    /// Reads a file, in [`Reply::Content`] frames; at most `most` bytes.
    Read { at: At, most: u64 },
    /// Begins to watch the root: each path that changes in the container is told by [`Reply::Changed`].
    Watch { root: u16 },
    /// Tells what is known of the last sync of a path, by [`Reply::Synced`]; no reply when nothing is.
    LastSync { at: At },
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The first frame.
    Hello {
        /// [`BUILD`] of the agent.
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

/// Why bytes are no frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A frame longer than [`MOST`] or too short to be one.
    Length(usize),
    /// The numbers are not in sequence.
    Sequence { expected: u64, found: u64 },
    /// A kind that is not known.
    Kind(u8),
    /// The fields do not fit the kind.
    Fields(u8),
    /// A path that could leave its root, or is too long.
    Path,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "a frame of {length} bytes"),
            Self::Sequence { expected, found } => {
                write!(f, "frame {found} where {expected} was due")
            }
            Self::Kind(kind) => write!(f, "a frame of the unknown kind {kind}"),
            Self::Fields(kind) => write!(f, "a damaged frame of kind {kind}"),
            Self::Path => f.write_str("a path that is not below its root"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Whether `path` names a place below a root: parts without `.`, `..`, NUL or emptiness between slashes.
pub fn is_below(path: &[u8]) -> bool {
    path.is_empty()
        || (path.len() <= LONGEST_PATH
            && !path.contains(&0)
            && path
                .split(|byte| *byte == b'/')
                .all(|part| !matches!(part, b"" | b"." | b"..")))
}

/// A message of one direction.
pub trait Message: Sized {
    /// The kind and the fields.
    fn write(&self, out: &mut Writer<'_>) -> u8;
    /// The message of a kind; none when the fields do not fit.
    fn read(kind: u8, fields: &mut Reader<'_>) -> Result<Self, FrameError>;
}

/// Numbers frames and turns them into bytes.
#[derive(Default)]
pub struct Encoder {
    next: u64,
}

impl Encoder {
    /// Appends `message` as the next frame to `out`, and returns its number.
    pub fn encode(&mut self, message: &impl Message, out: &mut Vec<u8>) -> u64 {
        let number = self.next;
        self.next += 1;
        let start = out.len();
        out.extend_from_slice(&[0; 4 + 1 + 8]);
        let kind = message.write(&mut Writer(out));
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        out[start + 4] = kind;
        out[start + 5..start + 13].copy_from_slice(&number.to_le_bytes());
        number
    }
}

/// Puts bytes together to frames. After an error it gives nothing more.
#[derive(Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Where in `bytes` the next frame begins.
    from: usize,
    next: u64,
    broken: bool,
}

impl Decoder {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.from > 0 && self.from == self.bytes.len() {
            self.bytes.clear();
            self.from = 0;
        } else if self.from > MOST {
            self.bytes.drain(..self.from);
            self.from = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame's number and message; none until more bytes came.
    ///
    /// # Errors
    /// Bytes that are no frame, or one out of sequence: the stream cannot be used any more.
    pub fn decode<M: Message>(&mut self) -> Result<Option<(u64, M)>, FrameError> {
        if self.broken {
            return Ok(None);
        }
        let taken = self.take();
        self.broken = taken.is_err();
        taken
    }

    fn take<M: Message>(&mut self) -> Result<Option<(u64, M)>, FrameError> {
        let waiting = &self.bytes[self.from..];
        let Some(length) = waiting.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if !(9..=MOST).contains(&length) {
            return Err(FrameError::Length(length));
        }
        let Some(frame) = waiting.get(4..4 + length) else {
            return Ok(None);
        };
        let kind = frame[0];
        let mut fields = Reader(&frame[1..]);
        let number = fields.u64().ok_or(FrameError::Fields(kind))?;
        if number != self.next {
            return Err(FrameError::Sequence {
                expected: self.next,
                found: number,
            });
        }
        let message = M::read(kind, &mut fields)?;
        if !fields.0.is_empty() {
            return Err(FrameError::Fields(kind));
        }
        self.from += 4 + length;
        self.next += 1;
        Ok(Some((number, message)))
    }
}

/// Appends fields.
pub struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.raw(&length.to_le_bytes()).raw(bytes)
    }

    fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn i32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn at(&mut self, at: &At) -> &mut Self {
        self.u16(at.root).bytes(&at.path)
    }

    fn file(&mut self, file: &File) -> &mut Self {
        self.at(&file.at)
            .u32(file.mode)
            .raw(&file.modified.to_le_bytes())
            .u64(file.seen)
    }
}

/// Takes fields apart.
pub struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.u32()? as usize;
        let bytes = self.0.get(..length)?;
        self.0 = &self.0[length..];
        Some(bytes.to_vec())
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A path below a root.
    fn path(&mut self, kind: u8) -> Result<Vec<u8>, FrameError> {
        let path = self.bytes().ok_or(FrameError::Fields(kind))?;
        match is_below(&path) {
            true => Ok(path),
            false => Err(FrameError::Path),
        }
    }

    fn at(&mut self, kind: u8) -> Result<At, FrameError> {
        Ok(At {
            root: self.u16().ok_or(FrameError::Fields(kind))?,
            path: self.path(kind)?,
        })
    }

    fn file(&mut self, kind: u8) -> Result<File, FrameError> {
        let at = self.at(kind)?;
        let mut rest = || Some((self.u32()?, self.i64()?, self.u64()?));
        let (mode, modified, seen) = rest().ok_or(FrameError::Fields(kind))?;
        Ok(File {
            at,
            mode,
            modified,
            seen,
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> At {
        At {
            root: 3,
            path: path.into(),
        }
    }

    fn file() -> File {
        File {
            at: at("src/a b.js"),
            mode: 0o644,
            modified: -1,
            seen: 7,
        }
    }

    fn requests() -> Vec<Request> {
        vec![
            Request::Hello {
                build: BUILD.to_owned(),
            },
            Request::Root {
                number: 3,
                path: b"/app".to_vec(),
                owner: Some((1000, 0)),
            },
            Request::Root {
                number: u16::MAX,
                path: b"/".to_vec(),
                owner: None,
            },
            Request::Put {
                file: file(),
                bytes: b"\0\xff".to_vec(),
            },
            Request::Begin {
                file: file(),
                size: u64::MAX,
            },
            Request::Piece {
                of: 4,
                bytes: vec![1; PIECE],
            },
            Request::Commit { of: 4 },
            Request::Abandon { of: 4 },
            Request::Directory {
                at: at(""),
                mode: 0o755,
                seen: 0,
            },
            Request::Link {
                at: at("l\u{fc}"),
                to: b"../elsewhere".to_vec(),
                seen: 1,
            },
            Request::Remove {
                at: at("x"),
                seen: 2,
            },
            Request::Restart {
                signal: 15,
                grace: 10_000,
            },
            Request::Signal { signal: -1 },
            Request::Tree {
                at: at("x"),
                skip: vec![b"node_modules".to_vec(), b"a/b".to_vec()],
                hash: true,
            },
            Request::Read {
                at: at("x"),
                most: 9,
            },
            Request::Watch { root: 3 },
            Request::LastSync { at: at("x") },
        ]
    }

    fn replies() -> Vec<Reply> {
        let entry = |kind| Reply::Entry {
            request: 5,
            entry: Entry {
                path: b"x/y".to_vec(),
                kind,
                mode: 0o4755,
                user: 1000,
                group: 1001,
            },
        };
        vec![
            Reply::Hello {
                build: BUILD.to_owned(),
                user: 0,
                group: 0,
                service: 7,
            },
            Reply::Done { through: 9 },
            Reply::Failed {
                request: 1,
                errno: 13,
                what: "cannot write".to_owned(),
            },
            Reply::Kept { request: 2 },
            Reply::Restarted {
                request: 3,
                service: 44,
                stopped: 1,
                started: 2,
                killed: true,
            },
            entry(EntryKind::File {
                size: 3,
                hash: Some([7; 16]),
            }),
            entry(EntryKind::File {
                size: 3,
                hash: None,
            }),
            entry(EntryKind::Directory),
            entry(EntryKind::Link { to: b"/".to_vec() }),
            entry(EntryKind::Other),
            Reply::Content {
                request: 1,
                bytes: Vec::new(),
            },
            Reply::Changed { at: at("x") },
            Reply::Synced {
                request: 1,
                at: 2,
                took: 3,
            },
        ]
    }

    fn encoded(messages: &[impl Message]) -> Vec<u8> {
        let mut encoder = Encoder::default();
        let mut bytes = Vec::new();
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(encoder.encode(message, &mut bytes), number as u64);
        }
        bytes
    }

    fn decoded<M: Message>(bytes: &[u8], cut: usize) -> Result<Vec<M>, FrameError> {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        for piece in bytes.chunks(cut) {
            decoder.push(piece);
            while let Some((number, message)) = decoder.decode()? {
                assert_eq!(number, all.len() as u64);
                all.push(message);
            }
        }
        Ok(all)
    }

    #[test]
    fn every_message_survives_the_round_trip_however_the_bytes_are_cut() {
        for cut in [1, 7, 4096, usize::MAX] {
            assert_eq!(decoded(&encoded(&requests()), cut), Ok(requests()));
            assert_eq!(decoded(&encoded(&replies()), cut), Ok(replies()));
        }
    }

    #[test]
    fn a_frame_that_is_missing_or_doubled_breaks_the_stream() {
        let one = encoded(&[Request::Signal { signal: 1 }]);
        let twice = [one.clone(), one].concat();
        let error = decoded::<Request>(&twice, usize::MAX).unwrap_err();
        assert_eq!(
            error,
            FrameError::Sequence {
                expected: 1,
                found: 0
            }
        );
        let whole = encoded(&requests());
        let first = u32::from_le_bytes(*whole.first_chunk().unwrap()) as usize + 4;
        assert!(matches!(
            decoded::<Request>(&whole[first..], usize::MAX),
            Err(FrameError::Sequence { .. })
        ));
    }

    #[test]
    fn no_path_can_name_a_place_outside_its_root() {
        let escapes = [
            "..",
            "a/../../b",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "a\0b",
        ];
        for path in escapes {
            let bytes = encoded(&[Request::Remove {
                at: at(path),
                seen: 0,
            }]);
            let error = decoded::<Request>(&bytes, usize::MAX).unwrap_err();
            assert_eq!(error, FrameError::Path, "{path:?}");
        }
        for path in ["app", "/a/../b", ""] {
            let bytes = encoded(&[Request::Root {
                number: 0,
                path: path.into(),
                owner: None,
            }]);
            assert!(decoded::<Request>(&bytes, usize::MAX).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_length_out_of_bounds_is_refused_before_anything_is_kept() {
        for length in [0u32, 8, MOST as u32 + 1, u32::MAX] {
            let mut decoder = Decoder::default();
            decoder.push(&length.to_le_bytes());
            let error = decoder.decode::<Request>().unwrap_err();
            assert_eq!(error, FrameError::Length(length as usize));
            assert_eq!(decoder.decode::<Request>(), Ok(None));
        }
    }

    #[test]
    fn bytes_left_over_in_a_frame_and_kinds_that_are_not_known_are_errors() {
        let mut bytes = encoded(&[Request::Signal { signal: 1 }]);
        bytes.push(0);
        bytes[0] += 1;
        assert_eq!(
            decoded::<Request>(&bytes, usize::MAX),
            Err(FrameError::Fields(12))
        );
        bytes[4] = 99;
        assert_eq!(
            decoded::<Request>(&bytes, usize::MAX),
            Err(FrameError::Kind(99))
        );
    }
}
