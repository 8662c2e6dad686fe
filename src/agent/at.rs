//! System calls relative to an open directory, so that a path is walked name by name and no symbolic link
//! on the way is followed.
//!
//! A [`Dir`] takes single names only, never a path: what is reached through it is in that directory,
//! whatever somebody in the container renames or links meanwhile. The declarations are written out
//! because the agent uses no crate; they fit Linux on x86_64 and aarch64, with glibc and musl.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub const EPERM: i32 = 1;
pub const ENOENT: i32 = 2;
pub const EBADF: i32 = 9;
pub const EACCES: i32 = 13;
pub const EBUSY: i32 = 16;
pub const EEXIST: i32 = 17;
pub const EXDEV: i32 = 18;
pub const ENOTDIR: i32 = 20;
pub const EISDIR: i32 = 21;
pub const EINVAL: i32 = 22;
pub const EMFILE: i32 = 24;
pub const ENOSPC: i32 = 28;
pub const ENAMETOOLONG: i32 = 36;
pub const ENOTEMPTY: i32 = 39;
pub const ELOOP: i32 = 40;

pub const O_WRONLY: c_int = 0o1;
pub const O_NOCTTY: c_int = 0o400;
pub const O_NONBLOCK: c_int = 0o4000;
const O_CREAT: c_int = 0o100;
const O_EXCL: c_int = 0o200;
const O_CLOEXEC: c_int = 0o2_000_000;
const O_PATH: c_int = 0o10_000_000;
#[cfg(target_arch = "aarch64")]
pub const O_DIRECTORY: c_int = 0o40_000;
#[cfg(target_arch = "aarch64")]
pub const O_NOFOLLOW: c_int = 0o100_000;
#[cfg(not(target_arch = "aarch64"))]
pub const O_DIRECTORY: c_int = 0o200_000;
#[cfg(not(target_arch = "aarch64"))]
pub const O_NOFOLLOW: c_int = 0o400_000;

const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
const AT_REMOVEDIR: c_int = 0x200;
const LONGEST_LINK: usize = 4096;
/// Where the name begins in an entry of a directory, after its number, offset, length and type.
const NAME_OFFSET: usize = 8 + 8 + 2 + 1;

unsafe extern "C" {
    fn openat(dir: c_int, name: *const c_char, flags: c_int, ...) -> c_int;
    fn mkdirat(dir: c_int, name: *const c_char, mode: c_uint) -> c_int;
    fn unlinkat(dir: c_int, name: *const c_char, flags: c_int) -> c_int;
    fn renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int;
    fn symlinkat(to: *const c_char, dir: c_int, name: *const c_char) -> c_int;
    fn readlinkat(dir: c_int, name: *const c_char, into: *mut c_char, size: usize) -> isize;
    fn fchownat(
        dir: c_int,
        name: *const c_char,
        user: c_uint,
        group: c_uint,
        flags: c_int,
    ) -> c_int;
    fn fdopendir(fd: c_int) -> *mut c_void;
    fn readdir(stream: *mut c_void) -> *const c_char;
    fn closedir(stream: *mut c_void) -> c_int;
    fn __errno_location() -> *mut c_int;
}

/// The kernel's number of an error, 0 when it has none.
pub fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// A directory, open to reach what is in it.
pub struct Dir(OwnedFd);

impl Dir {
    /// Opens a directory by its path; links on the way are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(O_PATH | O_DIRECTORY);
        options.open(path).map(|file| Self(file.into()))
    }

    /// Opens a directory in this one. A link is refused with `ENOTDIR`, like a file.
    pub fn dir(&self, name: &[u8]) -> io::Result<Self> {
        self.open_at(name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
            .map(Self)
    }

    /// Another handle of the same directory.
    pub fn again(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// What is at a name; of a link the link itself.
    pub fn look(&self, name: &[u8]) -> io::Result<Metadata> {
        File::from(self.open_at(name, O_PATH | O_NOFOLLOW, 0)?).metadata()
    }

    /// This directory, opened so that its owner and mode can be changed.
    pub fn readable(&self) -> io::Result<File> {
        open(&self.0, c".", O_DIRECTORY, 0).map(File::from)
    }

    /// A new file, for its owner only; fails when the name is taken.
    pub fn create(&self, name: &[u8]) -> io::Result<File> {
        self.open_at(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
            .map(File::from)
    }

    /// A file to read. A link is refused, and a pipe does not keep anybody waiting.
    pub fn read(&self, name: &[u8]) -> io::Result<File> {
        self.open_at(name, O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0)
            .map(File::from)
    }

    /// A file that is there, to write into as it is.
    pub fn write(&self, name: &[u8]) -> io::Result<File> {
        self.open_at(name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0)
            .map(File::from)
    }

    /// A new directory, for its owner only.
    pub fn make_dir(&self, name: &[u8]) -> io::Result<()> {
        let name = checked(name)?;
        // SAFETY: an open descriptor and a string with its end.
        done(unsafe { mkdirat(self.raw(), name.as_ptr(), 0o700) })
    }

    /// A new symbolic link to `to`.
    pub fn make_link(&self, to: &[u8], name: &[u8]) -> io::Result<()> {
        let (to, name) = (CString::new(to)?, checked(name)?);
        // SAFETY: an open descriptor and strings with their ends.
        done(unsafe { symlinkat(to.as_ptr(), self.raw(), name.as_ptr()) })
    }

    /// Where a symbolic link leads.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        let name = checked(name)?;
        let mut to = vec![0u8; LONGEST_LINK];
        // SAFETY: the kernel writes at most as many bytes as the buffer has.
        let length = unsafe {
            readlinkat(
                self.raw(),
                name.as_ptr(),
                to.as_mut_ptr().cast(),
                LONGEST_LINK,
            )
        };
        to.truncate(usize::try_from(length).map_err(|_| io::Error::last_os_error())?);
        Ok(to)
    }

    /// Moves what is at `from` over what is at `to`, in one step.
    pub fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        let (from, to) = (checked(from)?, checked(to)?);
        // SAFETY: open descriptors and strings with their ends.
        done(unsafe { renameat(self.raw(), from.as_ptr(), self.raw(), to.as_ptr()) })
    }

    /// Takes away anything but a directory.
    pub fn unlink(&self, name: &[u8]) -> io::Result<()> {
        let name = checked(name)?;
        // SAFETY: an open descriptor and a string with its end.
        done(unsafe { unlinkat(self.raw(), name.as_ptr(), 0) })
    }

    /// Takes away an empty directory.
    pub fn remove_dir(&self, name: &[u8]) -> io::Result<()> {
        let name = checked(name)?;
        // SAFETY: an open descriptor and a string with its end.
        done(unsafe { unlinkat(self.raw(), name.as_ptr(), AT_REMOVEDIR) })
    }

    /// Gives what is at a name to a user and a group; a link itself.
    pub fn chown(&self, name: &[u8], user: u32, group: u32) -> io::Result<()> {
        let name = checked(name)?;
        // SAFETY: an open descriptor and a string with its end.
        done(unsafe { fchownat(self.raw(), name.as_ptr(), user, group, AT_SYMLINK_NOFOLLOW) })
    }

    /// The names in this directory, as they come.
    pub fn list(&self) -> io::Result<Listing> {
        let fd = OwnedFd::from(self.readable()?);
        // SAFETY: an open descriptor; on success the stream owns it.
        let stream = unsafe { fdopendir(fd.as_raw_fd()) };
        if stream.is_null() {
            return Err(io::Error::last_os_error());
        }
        std::mem::forget(fd);
        Ok(Listing(stream))
    }

    /// The path by which this very directory can be named in other calls, also when it was moved.
    pub fn path_of_handle(&self) -> String {
        format!("/proc/self/fd/{}", self.raw())
    }

    fn open_at(&self, name: &[u8], flags: c_int, mode: c_uint) -> io::Result<OwnedFd> {
        open(&self.0, &checked(name)?, flags, mode)
    }

    fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The names of a directory; the kernel's memory, not ours, keeps them.
pub struct Listing(*mut c_void);

impl Iterator for Listing {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // SAFETY: the stream is open until the drop; the entry is valid until the next call, and its
            // name ends with a zero byte. The number of the error is this thread's own.
            let name = unsafe {
                *__errno_location() = 0;
                let entry = readdir(self.0);
                if entry.is_null() {
                    let error = io::Error::last_os_error();
                    return (errno(&error) != 0).then_some(Err(error));
                }
                CStr::from_ptr(entry.add(NAME_OFFSET)).to_bytes()
            };
            if !matches!(name, b"." | b"..") {
                return Some(Ok(name.to_vec()));
            }
        }
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        // SAFETY: open, and closed once.
        unsafe { closedir(self.0) };
    }
}

fn open(dir: &OwnedFd, name: &CStr, flags: c_int, mode: c_uint) -> io::Result<OwnedFd> {
    // SAFETY: an open descriptor and a string with its end; a new descriptor is ours alone.
    unsafe {
        let fd = openat(dir.as_raw_fd(), name.as_ptr(), flags | O_CLOEXEC, mode);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// A single name: nothing that leads out of its directory.
fn checked(name: &[u8]) -> io::Result<CString> {
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
        return Err(io::Error::from_raw_os_error(EINVAL));
    }
    CString::new(name).map_err(|_| io::Error::from_raw_os_error(EINVAL))
}

fn done(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_name_that_could_lead_elsewhere_is_refused() {
        let scratch = Scratch::new("at-names");
        let dir = Dir::open(&scratch.path).unwrap();
        for name in ["", ".", "..", "a/b", "/etc", "a\0b"] {
            let error = dir.create(name.as_bytes()).unwrap_err();
            assert_eq!(errno(&error), EINVAL, "{name:?}");
            assert!(dir.unlink(name.as_bytes()).is_err());
            assert!(dir.dir(name.as_bytes()).is_err());
        }
    }

    #[test]
    fn links_are_neither_walked_nor_read_nor_written_through() {
        let scratch = Scratch::new("at-links");
        scratch.file("elsewhere/secret", "s");
        scratch.folder("root");
        scratch.link("root/folder", "../elsewhere");
        scratch.link("root/file", "../elsewhere/secret");
        let dir = Dir::open(&scratch.path.join("root")).unwrap();
        assert_eq!(errno(&dir.dir(b"folder").err().unwrap()), ENOTDIR);
        assert_eq!(errno(&dir.read(b"file").unwrap_err()), ELOOP);
        assert_eq!(errno(&dir.write(b"file").unwrap_err()), ELOOP);
        assert_eq!(errno(&dir.create(b"file").unwrap_err()), EEXIST);
        assert!(dir.look(b"file").unwrap().is_symlink());
        assert_eq!(dir.read_link(b"file").unwrap(), b"../elsewhere/secret");
    }

    #[test]
    fn a_listing_has_every_name_once_and_not_the_dots() {
        let scratch = Scratch::new("at-list");
        for name in ["b", "a", ".hidden"] {
            scratch.file(name, "");
        }
        let dir = Dir::open(&scratch.path).unwrap();
        for _ in 0..2 {
            let mut names: Vec<_> = dir.list().unwrap().map(Result::unwrap).collect();
            names.sort();
            assert_eq!(names, [&b".hidden"[..], b"a", b"b"]);
        }
    }
}
