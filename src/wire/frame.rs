//! Frames of the link: the two-way byte stream between envsim and the agent in a dev container.
//!
//! A frame is `length: u32`, `kind: u8`, `number: u64`, then the fields of its kind; integers are little endian,
//! texts and bytes carry their length as `u32`. `length` counts what follows it. Numbers begin with 0 and grow by
//! one in each direction: a frame that is lost, doubled or out of order is an error, never an action.
//!
//! Paths are bytes, relative to a root that [`Request::Root`] declared, without `.`, `..` or empty parts; the
//! decoder refuses any other, so that no frame can name a place outside a root. The empty path is the root.

mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;

pub use reply::{Entry, EntryKind, Reply};
pub use request::{File, Request};

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
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.raw(&length.to_le_bytes()).raw(bytes)
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn at(&mut self, at: &At) -> &mut Self {
        self.u16(at.root).bytes(&at.path)
    }

    pub(super) fn file(&mut self, file: &File) -> &mut Self {
        self.at(&file.at)
            .u32(file.mode)
            .raw(&file.modified.to_le_bytes())
            .u64(file.seen)
    }
}

/// Takes fields apart.
pub struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.u32()? as usize;
        let bytes = self.0.get(..length)?;
        self.0 = &self.0[length..];
        Some(bytes.to_vec())
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A path below a root.
    pub(super) fn path(&mut self, kind: u8) -> Result<Vec<u8>, FrameError> {
        let path = self.bytes().ok_or(FrameError::Fields(kind))?;
        match is_below(&path) {
            true => Ok(path),
            false => Err(FrameError::Path),
        }
    }

    pub(super) fn at(&mut self, kind: u8) -> Result<At, FrameError> {
        Ok(At {
            root: self.u16().ok_or(FrameError::Fields(kind))?,
            path: self.path(kind)?,
        })
    }

    pub(super) fn file(&mut self, kind: u8) -> Result<File, FrameError> {
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
