//! The kernel's notes of changes in directories.

use std::ffi::{CString, c_char, c_int};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::at::Dir;

const CLOSE_WRITE: u32 = 0x8;
pub const MOVED_FROM: u32 = 0x40;
pub const MOVED_TO: u32 = 0x80;
pub const CREATE: u32 = 0x100;
const DELETE: u32 = 0x200;
/// Notes were lost.
pub const OVERFLOW: u32 = 0x4000;
/// The watch is gone.
pub const IGNORED: u32 = 0x8000;
const ONLY_DIRECTORIES: u32 = 0x0100_0000;
/// The note is about a directory.
pub const DIRECTORY: u32 = 0x4000_0000;
const ASKED: u32 = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | ONLY_DIRECTORIES;

/// `O_CLOEXEC | O_NONBLOCK`.
const DESCRIPTOR: c_int = 0o2_000_000 | 0o4000;
const BUFFER: usize = 64 * 1024;
/// Watch, kind, cookie and length of the name.
const HEAD: usize = 16;

unsafe extern "C" {
    fn inotify_init1(flags: c_int) -> c_int;
    fn inotify_add_watch(fd: c_int, path: *const c_char, mask: u32) -> c_int;
    fn inotify_rm_watch(fd: c_int, watch: c_int) -> c_int;
}

#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    pub watch: i32,
    pub mask: u32,
    /// The same for both ends of a move.
    pub cookie: u32,
    pub name: Vec<u8>,
}

pub struct Inotify {
    file: File,
    buffer: Vec<u8>,
}

impl Inotify {
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes a number; a new descriptor is ours alone.
        let fd = unsafe {
            let fd = inotify_init1(DESCRIPTOR);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self {
            file: fd.into(),
            buffer: vec![0; BUFFER],
        })
    }

    /// Watches a directory; the same number for the same directory.
    pub fn add(&self, dir: &Dir) -> io::Result<i32> {
        // By its handle: its path may lead elsewhere by now.
        let path = CString::new(dir.path_of_handle())?;
        // SAFETY: an open descriptor and a string with its end.
        match unsafe { inotify_add_watch(self.file.as_raw_fd(), path.as_ptr(), ASKED) } {
            watch if watch >= 0 => Ok(watch),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub fn remove(&self, watch: i32) {
        // SAFETY: takes numbers; one that is gone already is refused.
        unsafe { inotify_rm_watch(self.file.as_raw_fd(), watch) };
    }

    /// The notes that are there; none when there are no more.
    pub fn read(&mut self) -> Vec<Note> {
        match self.file.read(&mut self.buffer) {
            Ok(count) => notes(&self.buffer[..count]),
            Err(_) => Vec::new(),
        }
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn notes(mut bytes: &[u8]) -> Vec<Note> {
    let mut all = Vec::new();
    while let Some(head) = bytes.first_chunk::<HEAD>() {
        let number = |from: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&head[from..from + 4]);
            u32::from_ne_bytes(word)
        };
        let Some(name) = bytes.get(HEAD..HEAD + number(12) as usize) else {
            break;
        };
        bytes = &bytes[HEAD + name.len()..];
        // Filled up with zeros.
        let end = name.iter().position(|byte| *byte == 0);
        all.push(Note {
            watch: number(0).cast_signed(),
            mask: number(4),
            cookie: number(8),
            name: name[..end.unwrap_or(name.len())].to_vec(),
        });
    }
    all
}
