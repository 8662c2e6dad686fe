//! One stream of the dev run at a time. When the connection to the engine was cut, the link behind it can still have
//! frames to read while the next one is there already; what it would do then is older than what the next one did.
//! So a link that is to be alone ends the one before it, and holds a lock for as long as it lives.

use std::ffi::c_int;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use crate::at::O_NOFOLLOW;
use crate::signals;

const LOCK_EX: c_int = 2;
const LOCK_NB: c_int = 4;
const SIGKILL: c_int = 9;
/// How long the link before may take to be gone; it is killed, so only a busy machine needs more than a moment.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

unsafe extern "C" {
    fn flock(file: c_int, operation: c_int) -> c_int;
}

/// The lock, until it is dropped or the process ends, however it ends.
pub struct Alone(#[allow(dead_code)] File);

impl Alone {
    /// Ends the link that holds the lock in `folder`, and takes it.
    ///
    /// # Errors
    /// Somebody else holds it, or the folder takes no file.
    pub fn become_in(folder: &Path) -> Result<Self, String> {
        let cannot = |error: &dyn std::fmt::Display| {
            format!("cannot be the only link of `{}`: {error}", folder.display())
        };
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(folder.join("link"));
        let mut file = open.map_err(|error| cannot(&error))?;
        let begun = Instant::now();
        let mut ended = None;
        while !lock(&file) {
            if let Some(before) = holder(&mut file)
                && ended != Some(before)
            {
                // One that is gone by now is what is wanted.
                let _ = signals::send(before, SIGKILL);
                ended = Some(before);
            }
            if begun.elapsed() > PATIENCE {
                return Err(cannot(&"another one does not end"));
            }
            thread::sleep(PAUSE);
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", process::id()));
        written.map_err(|error| cannot(&error))?;
        Ok(Self(file))
    }
}

fn lock(file: &File) -> bool {
    // SAFETY: the descriptor is open for as long as `file` is.
    unsafe { flock(file.as_raw_fd(), LOCK_EX | LOCK_NB) == 0 }
}

/// The process that wrote itself into the file, when it is a link. The service's user can write into the folder, so
/// nothing else is ever believed to be one: it must run this very program, as this user.
fn holder(file: &mut File) -> Option<c_int> {
    let mut text = String::new();
    file.rewind().ok()?;
    Read::take(&*file, 16).read_to_string(&mut text).ok()?;
    let process: c_int = text.trim().parse().ok().filter(|process| *process > 1)?;
    if u32::try_from(process) == Ok(process::id()) {
        return None;
    }
    let of = |process: &str| {
        let folder = Path::new("/proc").join(process);
        let program = fs::metadata(folder.join("exe")).ok()?;
        let user = fs::metadata(&folder).ok()?.uid();
        Some((program.dev(), program.ino(), user))
    };
    let words = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let is_link = words.split(|byte| *byte == 0).nth(1) == Some(b"link");
    (is_link && of(&process.to_string())? == of("self")?).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_second_one_waits_for_nobody_who_is_gone_and_takes_no_lock_that_is_held() {
        let scratch = Scratch::new("alone");
        let first = Alone::become_in(&scratch.path).expect("the first");
        let mut other = OpenOptions::new()
            .read(true)
            .write(true)
            .open(scratch.path.join("link"))
            .expect("the file");
        assert!(!lock(&other));
        // The test's own process is no link, so it is never ended.
        assert_eq!(holder(&mut other), None);
        drop(first);
        drop(Alone::become_in(&scratch.path).expect("the next"));
    }
}
