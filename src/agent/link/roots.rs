//! The roots of a link, and the way from one to a file: name by name, through real directories only.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use super::failure::{Failure, shown};
use super::new::Temporary;
use crate::at::{Dir, EISDIR, ELOOP, ENOENT, ENOTDIR, EPERM, errno};
use crate::control;

/// Of directories that nobody sent but that a file needs.
const DIRECTORY_MODE: u32 = 0o755;
/// Those a mode can have on Linux.
pub const MODE_BITS: u32 = 0o7777;

/// User and group id.
pub type Owner = (u32, u32);

pub struct Root {
    pub path: Vec<u8>,
    /// To whom what is made belongs.
    pub owner: Owner,
    dir: Dir,
}

impl Root {
    /// Opens the directory at an absolute path; makes it, and those above it, when missing.
    pub fn open(path: &[u8], owner: Owner) -> Result<Self, Failure> {
        let place = Path::new(std::ffi::OsStr::from_bytes(path));
        let dir = make(place, owner).map_err(|e| Failure::of("open the directory", path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            owner,
            dir,
        })
    }

    /// Another handle of the same root.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self {
            path: self.path.clone(),
            owner: self.owner,
            dir: self.dir.again()?,
        })
    }

    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The directory that `path` is in, and its name there. With `make` missing directories are made.
    pub fn parent<'a>(&self, path: &'a [u8], make: bool) -> Result<(Dir, &'a [u8]), Failure> {
        if path.is_empty() {
            return Err(Failure::new(EISDIR, "the root of a sync is a directory"));
        }
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], path),
        };
        let maker = make.then_some(self.owner);
        Ok((self.walk(above, maker)?, name))
    }

    /// The directory at `path`.
    pub fn directory(&self, path: &[u8]) -> Result<Dir, Failure> {
        self.walk(path, None)
    }

    fn walk(&self, path: &[u8], maker: Option<Owner>) -> Result<Dir, Failure> {
        let fail = |error: io::Error| Failure::of("open the directory", path, &error);
        let mut dir = self.dir.again().map_err(fail)?;
        for name in path.split(|byte| *byte == b'/').filter(|n| !n.is_empty()) {
            let mut next = dir.dir(name);
            if let (Err(error), Some(owner)) = (&next, maker)
                && errno(error) == ENOENT
            {
                next = make_directory(&dir, name, DIRECTORY_MODE, owner)
                    // Somebody else may have made it in the same moment.
                    .or_else(|error| dir.dir(name).map_err(|_| error));
            }
            dir = next.map_err(|error| match errno(&error) {
                ENOTDIR if dir.look(name).is_ok_and(|found| found.is_symlink()) => Failure::new(
                    ELOOP,
                    format!(
                        "`{}` is a symbolic link in the container, and what is below `{}` may be elsewhere",
                        shown(name),
                        shown(path)
                    ),
                ),
                _ => fail(error),
            })?;
        }
        Ok(dir)
    }
}

fn make(path: &Path, owner: Owner) -> io::Result<Dir> {
    match (Dir::open(path), path.parent(), path.file_name()) {
        (Err(error), Some(parent), Some(name)) if errno(&error) == ENOENT => {
            let parent = make(parent, owner)?;
            make_directory(&parent, name.as_bytes(), DIRECTORY_MODE, owner)
                // Somebody else may have made it in the same moment.
                .or_else(|error| parent.dir(name.as_bytes()).map_err(|_| error))
        }
        (opened, ..) => opened,
    }
}

/// A new directory that is seen only when it is as it should be.
pub fn make_directory(parent: &Dir, name: &[u8], mode: u32, owner: Owner) -> io::Result<Dir> {
    let temporary = Temporary::new(parent.again()?);
    parent.make_dir(temporary.name())?;
    let dir = parent.dir(temporary.name())?;
    let handle = dir.readable()?;
    handle.set_permissions(Permissions::from_mode(mode & MODE_BITS))?;
    give(&handle, owner)?;
    temporary.rename_to(name)?;
    Ok(dir)
}

/// Makes `owner` the owner. That it is already, is enough where nothing may be given away.
pub fn give(file: &File, owner: Owner) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == owner {
        return Ok(());
    }
    match fchown(file, Some(owner.0), Some(owner.1)) {
        Err(error) if is_enough(&error, owner) => Ok(()),
        other => other,
    }
}

/// Whether a refusal to give something away leaves it with the right user: this one.
pub fn is_enough(error: &io::Error, owner: Owner) -> bool {
    errno(error) == EPERM && owner.0 == control::own_user()
}
