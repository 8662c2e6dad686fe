//! What the link asks of the init process of its container, over a Unix socket.
//!
//! A request is one line, and so is its answer:
//!
//! | request | answer |
//! |---|---|
//! | `who` | `service PID` |
//! | `restart SIGNAL GRACE` | `restarted PID STOPPED STARTED KILLED`: microseconds, and 1 for killed |
//! | `signal SIGNAL` | `sent` |
//!
//! or `failed ERRNO WHAT` to any. Who is at the other end, the kernel tells: [`peer`].

use std::ffi::{c_int, c_uint, c_void};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The most bytes of a line.
pub const LONGEST: usize = 512;

/// The socket in the folder that both roles are told.
pub fn socket(folder: &Path) -> PathBuf {
    folder.join("control")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Who,
    /// The signal to end with, and milliseconds until it is SIGKILL.
    Restart {
        signal: i32,
        grace: u32,
    },
    Signal(i32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Service(u32),
    Restarted(Restarted),
    Sent,
    Failed { errno: i32, what: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarted {
    pub service: u32,
    /// Microseconds from the signal to the end of the old process.
    pub stopped: u32,
    /// Microseconds from there until the new one ran.
    pub started: u32,
    pub killed: bool,
}

impl Request {
    pub fn line(self) -> String {
        match self {
            Self::Who => "who\n".into(),
            Self::Restart { signal, grace } => format!("restart {signal} {grace}\n"),
            Self::Signal(signal) => format!("signal {signal}\n"),
        }
    }

    pub fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.trim_end_matches('\n').split(' ').collect();
        match words[..] {
            ["who"] => Some(Self::Who),
            ["restart", signal, grace] => Some(Self::Restart {
                signal: signal.parse().ok()?,
                grace: grace.parse().ok()?,
            }),
            ["signal", signal] => Some(Self::Signal(signal.parse().ok()?)),
            _ => None,
        }
    }
}

impl Answer {
    pub fn line(&self) -> String {
        match self {
            Self::Service(process) => format!("service {process}\n"),
            Self::Restarted(restarted) => format!(
                "restarted {} {} {} {}\n",
                restarted.service,
                restarted.stopped,
                restarted.started,
                u8::from(restarted.killed)
            ),
            Self::Sent => "sent\n".into(),
            Self::Failed { errno, what } => {
                let mut what = what.replace('\n', " ");
                // A reader takes a line of LONGEST bytes at most.
                while what.len() > LONGEST - 32 {
                    what.pop();
                }
                format!("failed {errno} {what}\n")
            }
        }
    }

    pub fn read(line: &str) -> Option<Self> {
        let (kind, rest) = match line.trim_end_matches('\n').split_once(' ') {
            Some(both) => both,
            None => return (line == "sent\n").then_some(Self::Sent),
        };
        let words: Vec<&str> = rest.split(' ').collect();
        match (kind, &words[..]) {
            ("service", [process]) => Some(Self::Service(process.parse().ok()?)),
            ("restarted", [service, stopped, started, killed]) => {
                Some(Self::Restarted(Restarted {
                    service: service.parse().ok()?,
                    stopped: stopped.parse().ok()?,
                    started: started.parse().ok()?,
                    killed: *killed == "1",
                }))
            }
            ("failed", _) => {
                let (errno, what) = rest.split_once(' ')?;
                Some(Self::Failed {
                    errno: errno.parse().ok()?,
                    what: what.to_owned(),
                })
            }
            _ => None,
        }
    }
}

/// Asks the init process that listens in `folder`, and waits for its answer.
pub fn ask(folder: &Path, request: Request) -> io::Result<(Answer, Peer)> {
    let mut stream = UnixStream::connect(socket(folder))?;
    let peer = peer(&stream)?;
    stream.write_all(request.line().as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST as u64)).read_line(&mut line)?;
    match Answer::read(&line) {
        Some(answer) => Ok((answer, peer)),
        None => Err(io::Error::other("no answer of the init process")),
    }
}

/// Who is at the other end of a socket, as the kernel noted it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub process: c_int,
    pub user: c_uint,
    pub group: c_uint,
}

const SOL_SOCKET: c_int = 1;
const SO_PEERCRED: c_int = 17;

unsafe extern "C" {
    fn getsockopt(
        socket: c_int,
        level: c_int,
        name: c_int,
        value: *mut c_void,
        length: *mut c_uint,
    ) -> c_int;
    fn geteuid() -> c_uint;
}

pub fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let mut peer = Peer::default();
    let mut length = size_of::<Peer>() as c_uint;
    // SAFETY: the kernel writes at most `length` bytes, the size of the structure.
    let failed = unsafe {
        getsockopt(
            stream.as_raw_fd(),
            SOL_SOCKET,
            SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    match failed {
        0 => Ok(peer),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The user that this process acts as.
pub fn own_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { geteuid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_survive_the_round_trip() {
        for request in [
            Request::Who,
            Request::Restart {
                signal: -1,
                grace: u32::MAX,
            },
            Request::Signal(37),
        ] {
            assert_eq!(Request::read(&request.line()), Some(request));
        }
        for answer in [
            Answer::Service(7),
            Answer::Sent,
            Answer::Restarted(Restarted {
                service: 9,
                stopped: 0,
                started: u32::MAX,
                killed: true,
            }),
            Answer::Failed {
                errno: 2,
                what: "there is no `a b`".into(),
            },
        ] {
            assert_eq!(Answer::read(&answer.line()), Some(answer));
        }
    }

    #[test]
    fn other_lines_are_no_requests() {
        for line in [
            "",
            "\n",
            "who are you",
            "restart",
            "restart 15",
            "signal x",
            "restart 1 -1",
        ] {
            assert_eq!(Request::read(line), None, "{line:?}");
        }
    }

    #[test]
    fn an_answer_is_one_line_that_fits() {
        let what = format!("a\nb{}", "ü".repeat(LONGEST));
        let line = Answer::Failed { errno: 1, what }.line();
        assert!(line.len() <= LONGEST);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(Answer::read(&line).is_some());
    }

    #[test]
    fn the_kernel_tells_who_is_at_the_other_end() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = peer(&one).unwrap();
        assert_eq!(peer.process, std::process::id() as c_int);
        assert_eq!(peer.user, own_user());
    }
}
