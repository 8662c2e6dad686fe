//! Starts the service's program as the engine would have started it.

use std::env;
use std::ffi::{CString, OsStr, OsString, c_char, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use crate::at::{EACCES, ENOENT, ENOTDIR, errno};
use crate::signals::{self, SIGTTOU};

const ENOEXEC: i32 = 8;
const STDIN: c_int = 0;
const TCSANOW: c_int = 0;
/// Where the engine looks when the environment has no `PATH`.
const USUAL_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

unsafe extern "C" {
    fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int;
    fn setpgid(process: c_int, group: c_int) -> c_int;
    fn getpgrp() -> c_int;
    fn tcgetpgrp(terminal: c_int) -> c_int;
    fn tcsetpgrp(terminal: c_int, group: c_int) -> c_int;
    fn tcgetattr(terminal: c_int, settings: *mut TerminalSettings) -> c_int;
    fn tcsetattr(terminal: c_int, when: c_int, settings: *const TerminalSettings) -> c_int;
}

/// Larger than the 60 bytes that `struct termios` has with both C libraries.
#[repr(C, align(8))]
#[derive(Clone)]
struct TerminalSettings([u8; 128]);

pub struct Program {
    words: Vec<OsString>,
    /// How the terminal was before the first start, when there is one and it is ours to give.
    terminal: Option<TerminalSettings>,
}

/// Why a program could not be started: the exit code that shells and engines have for it, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub struct NotStarted {
    pub code: u8,
    pub errno: i32,
    pub what: String,
}

impl Program {
    pub fn new(words: &[OsString]) -> Self {
        Self {
            words: words.to_owned(),
            terminal: terminal(),
        }
    }

    /// Starts the program and gives its process; it has become the program when this returns.
    pub fn start(&self) -> Result<c_int, NotStarted> {
        let name = self.words.first().cloned().unwrap_or_default();
        let candidates = candidates(name.as_bytes(), env::var_os("PATH").as_deref());
        let failed = |error: &io::Error| not_started(&name, &candidates, errno(error), error);
        let places = c_strings(candidates.iter().cloned()).map_err(|e| failed(&e))?;
        let words = self.words.iter().map(|word| word.as_bytes().to_vec());
        let words = c_strings(words).map_err(|e| failed(&e))?;
        let on_terminal = self.terminal.is_some();
        if let Some(settings) = &self.terminal {
            // SAFETY: settings that were read from it; SIGTTOU is held back. The last program may have
            // left the terminal without echo.
            unsafe { tcsetattr(STDIN, TCSANOW, settings) };
        }
        let mut command = Command::new(&name);
        // SAFETY: the closure allocates nothing and calls only what may be called between fork and exec.
        // It does not return on success: the library's own exec would give a file that is no program
        // to the shell, which no engine does.
        unsafe {
            let pointers = Pointers::to(&words);
            command.pre_exec(move || {
                signals::block(SIGTTOU);
                // A group of its own: what a program sends to its group does not come back to it by us.
                setpgid(0, 0);
                if on_terminal {
                    tcsetpgrp(STDIN, getpgrp());
                }
                signals::as_by_default();
                Err(become_first(&places, &pointers))
            });
        }
        match command.spawn() {
            Ok(child) => Ok(child.id().cast_signed()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The arguments as `execv` takes them, in memory that stays where it is.
struct Pointers(Vec<*const c_char>);

// SAFETY: the strings they point to are kept by the caller until the new program runs, and only read.
unsafe impl Send for Pointers {}
// SAFETY: as above.
unsafe impl Sync for Pointers {}

impl Pointers {
    fn to(words: &[CString]) -> Self {
        let words = words.iter().map(|word| word.as_ptr());
        Self(words.chain([ptr::null()]).collect())
    }
}

/// Becomes the first of the programs that is there, as `execvp` does; returns what hindered it.
fn become_first(places: &[CString], words: &Pointers) -> io::Error {
    let mut refused = ENOENT;
    for place in places {
        // SAFETY: strings with their ends, and a list of such with a null at its end.
        unsafe { execv(place.as_ptr(), words.0.as_ptr()) };
        match io::Error::last_os_error().raw_os_error() {
            Some(ENOENT | ENOTDIR) => {}
            Some(EACCES) => refused = EACCES,
            other => return io::Error::from_raw_os_error(other.unwrap_or(0)),
        }
    }
    io::Error::from_raw_os_error(refused)
}

/// Where a program can be: a name with a slash is a path, any other is looked up.
fn candidates(name: &[u8], path: Option<&OsStr>) -> Vec<Vec<u8>> {
    if name.is_empty() || name.contains(&b'/') {
        return vec![name.to_owned()];
    }
    let folders = path.map_or(USUAL_PATH, OsStr::as_bytes);
    let in_folder = |folder: &[u8]| match folder {
        // An empty entry is the current directory.
        b"" => [b"./", name].concat(),
        folder => [folder, b"/", name].concat(),
    };
    folders.split(|byte| *byte == b':').map(in_folder).collect()
}

fn c_strings(words: impl Iterator<Item = Vec<u8>>) -> io::Result<Vec<CString>> {
    let words = words.map(CString::new).collect::<Result<_, _>>();
    words.map_err(io::Error::from)
}

fn not_started(name: &OsStr, candidates: &[Vec<u8>], errno: i32, error: &io::Error) -> NotStarted {
    let there = candidates.iter().find(|path| exists(path));
    let what = match (errno, there) {
        (ENOENT | ENOTDIR, Some(path)) => format!(
            "`{}` is there, but the interpreter in its first line, or its loader, is not",
            String::from_utf8_lossy(path)
        ),
        (ENOENT | ENOTDIR, None) if candidates.len() > 1 => {
            "there is no such program in any folder of `PATH`".into()
        }
        (ENOENT | ENOTDIR, None) => "there is no such file".into(),
        (EACCES, _) => "it may not be executed by this user".into(),
        (ENOEXEC, _) => {
            "it is no program of this machine, or a script without `#!` in its first line".into()
        }
        _ => error.to_string(),
    };
    NotStarted {
        code: if matches!(errno, ENOENT | ENOTDIR) {
            127
        } else {
            126
        },
        errno,
        what: format!("cannot start `{}`: {what}", name.to_string_lossy()),
    }
}

fn exists(path: &[u8]) -> bool {
    std::path::Path::new(OsStr::from_bytes(path)).exists()
}

/// The settings of the terminal on standard input, if this process group has it in hand.
fn terminal() -> Option<TerminalSettings> {
    let mut settings = TerminalSettings([0; 128]);
    // SAFETY: the structure is larger than what is written.
    let ours = unsafe { tcgetpgrp(STDIN) == getpgrp() && tcgetattr(STDIN, &raw mut settings) == 0 };
    ours.then_some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(name: &str, path: Option<&str>) -> Vec<String> {
        candidates(name.as_bytes(), path.map(OsStr::new))
            .into_iter()
            .map(|path| String::from_utf8(path).unwrap())
            .collect()
    }

    #[test]
    fn a_name_is_looked_up_in_path_and_a_path_is_not() {
        assert_eq!(paths("node", Some("/a:/b")), ["/a/node", "/b/node"]);
        assert_eq!(paths("node", Some("/a::")), ["/a/node", "./node", "./node"]);
        assert_eq!(paths("./run.sh", Some("/a:/b")), ["./run.sh"]);
        assert_eq!(paths("/bin/sh", Some("/a")), ["/bin/sh"]);
        assert_eq!(paths("sh", None).last().unwrap(), "/bin/sh");
        assert_eq!(paths("", Some("/a")), [""]);
    }
}
