//! The role `init`: the first process of a dev container, that runs the service's program as its child and
//! can start it anew without the container being made anew.
//!
//! To the program it is as if nobody stood above it: same user, environment, directory and terminal, every
//! signal, and the same exit code. As process 1 it is two processes. The first does what process 1 must,
//! bury orphans and pass signals on; the second is the parent of the service and takes in what the service
//! leaves behind. So what was executed in the container from outside, and what that left behind, is never
//! taken for the service's: a restart ends the service's processes and no others.

mod descendants;
mod first;
mod start;
mod supervise;

use std::ffi::{OsString, c_int, c_ulong};
use std::path::{Path, PathBuf};

use crate::signals::Held;

const PR_SET_CHILD_SUBREAPER: c_int = 36;

unsafe extern "C" {
    fn prctl(option: c_int, ...) -> c_int;
}

/// Runs the service to its end, and gives the exit code to end with.
///
/// # Errors
/// What the system refuses before a program is started.
pub fn run(control: Option<&Path>, program: &[OsString]) -> Result<u8, String> {
    let signals = Held::all()?;
    if std::process::id() == 1
        && let first::Half::First(code) = first::divide(&signals)?
    {
        return Ok(code);
    }
    // SAFETY: numbers only. Where the kernel refuses, orphans go to process 1, as they would without it.
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, 1 as c_ulong) };
    supervise::run(&signals, control, start::Program::new(program))
}

/// The folder of `--control`, and the program with its arguments after `--`.
pub fn arguments(words: &[OsString]) -> Result<(Option<PathBuf>, Vec<OsString>), String> {
    let (mut control, mut words) = (None, words.iter());
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--") => {
                let program: Vec<_> = words.cloned().collect();
                return match program.is_empty() {
                    true => Err("a program is missing after `--`".into()),
                    false => Ok((control, program)),
                };
            }
            Some("--control") => control = Some(folder(words.next(), control.is_some())?),
            _ => return Err(format!("unknown flag `{}`", word.to_string_lossy())),
        }
    }
    Err("`-- PROGRAM` is missing".into())
}

/// The value of `--control`, an absolute path that is given once.
pub fn folder(value: Option<&OsString>, given: bool) -> Result<PathBuf, String> {
    let path = PathBuf::from(value.ok_or("`--control` needs a folder")?);
    match (given, path.is_absolute()) {
        (true, _) => Err("`--control` is given twice".into()),
        (false, false) => Err("`--control` must be an absolute path".into()),
        (false, true) => Ok(path),
    }
}

#[cfg(test)]
mod tests;
