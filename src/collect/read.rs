//! Reads files of unknown kind into a buffer that is used again and again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::scan;

/// What tells a text from other files, in bytes.
pub const HEAD: usize = 4096;

/// An open regular file and its beginning.
pub struct Opened<'b> {
    file: File,
    /// Size in bytes when it was opened; what grows meanwhile is cut there.
    pub size: u64,
    buffer: &'b mut Vec<u8>,
    filled: usize,
}

impl<'b> Opened<'b> {
    /// Opens `path`; none for what is no regular file. Never waits, as for the writer of a pipe that
    /// has just taken the file's place.
    ///
    /// # Errors
    /// A file that is gone, or that may not be read.
    pub fn new(path: &Path, buffer: &'b mut Vec<u8>) -> io::Result<Option<Self>> {
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
        let flags = i32::try_from(flags).unwrap_or_default();
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_no_file(path, &error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        Ok(metadata.is_file().then(|| Self {
            file,
            size: metadata.len(),
            buffer,
            filled: 0,
        }))
    }

    /// The first `wanted` bytes, fewer when the file has fewer. What is read already is not read again.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn first(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let wanted = usize::try_from(self.size).map_or(wanted, |size| size.min(wanted));
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.filled < wanted {
            match (&self.file).read(&mut self.buffer[self.filled..wanted]) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[..self.filled.min(wanted)])
    }
}

/// A link, a socket or a device cannot be opened like a file; that is no fault of it.
fn is_no_file(path: &Path, error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::NotFound
        && std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file())
}

/// The text of the file; none for what is worth no search: links, pipes, binaries, archives, lock
/// files, data, and everything too large. `shown` is its path in the project.
///
/// # Errors
/// A file that cannot be read.
pub fn text(path: &Path, shown: &str) -> io::Result<Option<String>> {
    text_with(path, shown, &mut Vec::new(), |_| true)
}

/// The same of a file whose bytes are `of_interest`; most are then neither decoded nor copied.
///
/// # Errors
/// A file that cannot be read.
pub fn text_with(
    path: &Path,
    shown: &str,
    buffer: &mut Vec<u8>,
    of_interest: impl Fn(&[u8]) -> bool,
) -> io::Result<Option<String>> {
    if !scan::worth_opening(shown) {
        return Ok(None);
    }
    let Some(mut file) = Opened::new(path, buffer)? else {
        return Ok(None);
    };
    if !scan::worth_reading(file.size) || !scan::worth_searching(shown, file.first(HEAD)?) {
        return Ok(None);
    }
    let all = file.first(usize::MAX)?;
    Ok(of_interest(all).then(|| String::from_utf8_lossy(all).into_owned()))
}
