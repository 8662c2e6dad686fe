//! Files in the making: written beside their place under a hidden name, and moved over it when whole.
//!
//! Whoever looks at the place sees the old file or the new one, never a part of it.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failure::{Failure, shown};
use super::roots::{MODE_BITS, Owner, Root, give, is_enough};
use crate::at::{Dir, EBUSY, EEXIST, EISDIR, ENOTEMPTY, EXDEV, errno};
use crate::wire::frame;

/// How the names of files in the making begin. `.envsim` alone is the folder of the agent.
pub const HIDDEN: &[u8] = b".envsim-";
const SET_ID_BITS: u32 = 0o6000;
const BUFFER: usize = 64 * 1024;

/// A hidden name in a directory; what is there goes away unless it was moved to its place.
pub struct Temporary {
    dir: Dir,
    name: Vec<u8>,
    moved: bool,
}

impl Temporary {
    pub fn new(dir: Dir) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            dir,
            name: format!("{}{number}", prefix()).into_bytes(),
            moved: false,
        }
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn rename_to(mut self, name: &[u8]) -> io::Result<()> {
        self.dir.rename(&self.name, name)?;
        self.moved = true;
        Ok(())
    }

    /// Moves it to `name`, over anything but a directory that holds something.
    fn take_place(mut self, name: &[u8]) -> Result<(), (io::Error, Self)> {
        let mut moved = self.dir.rename(&self.name, name);
        if let Err(error) = &moved
            && matches!(errno(error), EISDIR | ENOTEMPTY | EEXIST)
        {
            let rename = |()| self.dir.rename(&self.name, name);
            moved = self.dir.remove_dir(name).and_then(rename);
        }
        match moved {
            Ok(()) => {
                self.moved = true;
                Ok(())
            }
            Err(error) => Err((error, self)),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.moved && self.dir.unlink(&self.name).is_err() {
            let _ = self.dir.remove_dir(&self.name);
        }
    }
}

/// The hidden names of this process begin with its number and the time of its start, so that what a link
/// left behind that was killed can be told from what another is just making.
fn prefix() -> &'static str {
    static PREFIX: OnceLock<String> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let start = SystemTime::now().duration_since(UNIX_EPOCH);
        format!(
            "{}{}-{}-",
            String::from_utf8_lossy(HIDDEN),
            process::id(),
            start.unwrap_or_default().as_micros()
        )
    })
}

/// Whether a hidden name belongs to no link that runs.
pub fn is_left_over(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(HIDDEN) else {
        return false;
    };
    let mut parts = std::str::from_utf8(rest).unwrap_or_default().split('-');
    let numbers: Option<Vec<u64>> = parts.by_ref().map(|part| part.parse().ok()).collect();
    let Some([process, _, _]) = numbers.as_deref() else {
        return false;
    };
    if *process == u64::from(process::id()) {
        return !name.starts_with(prefix().as_bytes());
    }
    let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    !words.split(|byte| *byte == 0).any(|word| word == b"link")
}

/// Takes away what a link that was killed left in `dir` under `name`.
pub fn clear_left_over(dir: &Dir, name: &[u8]) {
    if is_left_over(name) && dir.unlink(name).is_err() {
        let _ = dir.remove_dir(name);
    }
}

/// A file that is being written.
pub struct New {
    what: frame::File,
    owner: Owner,
    file: File,
    temporary: Temporary,
    left: u64,
}

impl New {
    /// Begins a file of `size` bytes; makes the directories above it.
    pub fn begin(root: &Root, what: frame::File, size: u64) -> Result<Self, Failure> {
        let (dir, _) = root.parent(&what.at.path, true)?;
        let temporary = Temporary::new(dir);
        let file = temporary
            .dir
            .create(temporary.name())
            .map_err(|e| Failure::of("write", &what.at.path, &e))?;
        Ok(Self {
            what,
            owner: root.owner,
            file,
            temporary,
            left: size,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            let what = format!("more bytes came for `{}` than it was to have", self.shown());
            return Err(Failure::new(0, what));
        };
        self.left = left;
        let written = self.file.write_all(bytes);
        written.map_err(|e| Failure::of("write", &self.what.at.path, &e))
    }

    /// Puts the file into its place, and gives what it was to be.
    pub fn commit(self) -> Result<frame::File, Failure> {
        if self.left > 0 {
            let what = format!("{} bytes of `{}` did not come", self.left, self.shown());
            return Err(Failure::new(0, what));
        }
        let path = self.what.at.path.clone();
        let fail = |error: io::Error| Failure::of("write", &path, &error);
        let mode = self.what.mode & MODE_BITS;
        // In this order: a root user without the right to pass over permissions can change these only
        // while the file is its own.
        self.file
            .set_modified(time(self.what.modified))
            .map_err(fail)?;
        self.set_mode(mode).map_err(fail)?;
        give(&self.file, self.owner).map_err(|e| {
            let (user, group) = self.owner;
            Failure::of(&format!("give to {user}:{group} the file"), &path, &e)
        })?;
        if mode & SET_ID_BITS != 0 {
            // The kernel takes these away from a file that is given to somebody.
            self.set_mode(mode).map_err(fail)?;
        }
        let name = name_of(&path);
        match self.temporary.take_place(name) {
            Ok(()) => {}
            Err((error, temporary)) if matches!(errno(&error), EBUSY | EXDEV) => {
                // A file that is mounted by itself cannot be replaced, only written into.
                copy_into(&temporary, name, time(self.what.modified)).map_err(fail)?;
            }
            Err((error, _)) => return Err(in_the_way(&path, &error)),
        }
        Ok(self.what)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(mode))
    }

    fn shown(&self) -> String {
        shown(&self.what.at.path)
    }
}

/// A symbolic link to `to`; one that leads there already stays.
pub fn link(root: &Root, path: &[u8], to: &[u8]) -> Result<(), Failure> {
    let (dir, name) = root.parent(path, true)?;
    if dir.read_link(name).is_ok_and(|now| now == to) {
        return Ok(());
    }
    let fail = |error: io::Error| Failure::of("make the link", path, &error);
    let temporary = Temporary::new(dir);
    let dir = &temporary.dir;
    dir.make_link(to, temporary.name()).map_err(fail)?;
    let given = dir.chown(temporary.name(), root.owner.0, root.owner.1);
    if let Err(error) = given
        && !is_enough(&error, root.owner)
    {
        return Err(fail(error));
    }
    let placed = temporary.take_place(name);
    placed.map_err(|(error, _)| in_the_way(path, &error))
}

fn in_the_way(path: &[u8], error: &io::Error) -> Failure {
    match errno(error) {
        ENOTEMPTY | EEXIST => Failure::new(
            ENOTEMPTY,
            format!(
                "`{}` is a directory in the container, and holds something",
                shown(path)
            ),
        ),
        _ => Failure::of("replace", path, error),
    }
}

/// Writes what is at the temporary name into the file at `name`, unless it has the same content: that may
/// be the very file on the host that the content came from.
fn copy_into(temporary: &Temporary, name: &[u8], modified: SystemTime) -> io::Result<()> {
    let dir = &temporary.dir;
    if same(dir.read(temporary.name())?, dir.read(name)?)? {
        return Ok(());
    }
    let mut from = dir.read(temporary.name())?;
    let mut into = dir.write(name)?;
    let size = io::copy(&mut from, &mut into)?;
    // Afterwards, so that the file is never empty meanwhile.
    into.set_len(size)?;
    into.set_modified(modified)
}

fn same(mut one: File, mut other: File) -> io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        let count = one.read(&mut left)?;
        if count == 0 {
            return Ok(true);
        }
        if other.read_exact(&mut right[..count]).is_err() || left[..count] != right[..count] {
            return Ok(false);
        }
    }
}

fn name_of(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Nanoseconds since 1970, before or after.
fn time(nanoseconds: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    match nanoseconds < 0 {
        true => UNIX_EPOCH - distance,
        false => UNIX_EPOCH + distance,
    }
}
