//! The files that a project consists of: the only file of this folder that touches the disk.

use std::io::Read;
use std::path::{Path, PathBuf};

/// A file of more bytes is refused; real ones have some kilobytes.
pub const MAX_BYTES: u64 = 4 << 20;

/// Where files are read from.
pub trait Disk {
    /// The whole text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, as a fragment: `there is no such file`.
    fn read(&self, path: &Path) -> Result<String, String>;

    /// True when something stands at `path`.
    fn exists(&self, path: &Path) -> bool;

    /// True when a directory stands at `path`.
    fn is_directory(&self, path: &Path) -> bool;

    /// `path` with the first symbolic link on its way resolved, as Compose watches it.
    fn without_links(&self, path: &Path) -> PathBuf;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Disk for Files {
    /// Reads a regular UTF-8 file. A FIFO or a device is never opened: that could wait for ever.
    fn read(&self, path: &Path) -> Result<String, String> {
        let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        })?;
        if metadata.is_dir() {
            return Err("it is a directory".to_owned());
        }
        if !metadata.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        if metadata.len() > MAX_BYTES {
            let length = metadata.len();
            return Err(format!("it has {length} bytes; the limit is {MAX_BYTES}"));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let lines = error.as_bytes()[..valid].iter();
            let line = lines.filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line} is not UTF-8 text")
        })
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn without_links(&self, path: &Path) -> PathBuf {
        let ancestors: Vec<&Path> = path.ancestors().collect();
        for ancestor in ancestors.into_iter().rev() {
            if !ancestor.is_symlink() {
                continue;
            }
            return match (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
                (Ok(real), Ok(rest)) if rest.as_os_str().is_empty() => real,
                (Ok(real), Ok(rest)) => real.join(rest),
                _ => path.to_owned(),
            };
        }
        path.to_owned()
    }
}
