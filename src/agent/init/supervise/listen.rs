//! The control socket of the init process: who may connect, and lines in and out without waiting.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::control::{self, Answer, LONGEST, Request};

/// More than links and their questions ever need; whoever comes beyond is turned away.
const MOST_CALLERS: usize = 32;

/// Opens the socket. Without one the service runs all the same, but cannot be restarted.
pub fn open(folder: &Path) -> Option<Listener> {
    let path = control::socket(folder);
    // One that is left over answers nobody. Anybody may connect: who may ask is decided by the kernel's
    // word for who it is, also for a root user that may not pass over permissions.
    let _ = fs::remove_file(&path);
    let socket = UnixListener::bind(&path).and_then(|socket| {
        fs::set_permissions(&path, Permissions::from_mode(0o777))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    match socket {
        Ok(socket) => Some(Listener {
            socket: Some(socket),
            ..Listener::default()
        }),
        Err(error) => {
            eprintln!(
                "envsim: cannot listen at `{}`, so this service cannot be restarted in its container: {error}",
                path.display()
            );
            None
        }
    }
}

/// Number of a connection; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller(u64);

#[derive(Default)]
pub struct Listener {
    socket: Option<UnixListener>,
    callers: BTreeMap<Caller, Call>,
    next: u64,
}

struct Call {
    stream: UnixStream,
    line: Vec<u8>,
}

impl Listener {
    /// What to wait for: the socket, then the connections.
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        let socket = self.socket.as_ref().map(AsFd::as_fd);
        let callers = self.callers.values().map(|call| call.stream.as_fd());
        socket.into_iter().chain(callers).collect()
    }

    /// The requests that came; `ready` says which of [`Self::fds`] can be read.
    pub fn requests(&mut self, ready: &[bool]) -> Vec<(Caller, Request)> {
        let Some((new, old)) = ready.split_first() else {
            return Vec::new();
        };
        let heard: Vec<Caller> = self
            .callers
            .keys()
            .zip(old)
            .filter(|(_, ready)| **ready)
            .map(|(caller, _)| *caller)
            .collect();
        let mut requests = Vec::new();
        for caller in heard {
            let Some(call) = self.callers.get_mut(&caller) else {
                continue;
            };
            match call.read() {
                Ok(found) => requests.extend(found.into_iter().map(|request| (caller, request))),
                // Gone, or no caller of ours. A restart it asked for goes on.
                Err(()) => {
                    self.callers.remove(&caller);
                }
            }
        }
        if *new {
            self.accept();
        }
        requests
    }

    fn accept(&mut self) {
        let Some(socket) = &self.socket else { return };
        while let Ok((stream, _)) = socket.accept() {
            let allowed = control::peer(&stream).is_ok_and(|peer| may_ask(peer.user));
            if allowed && self.callers.len() < MOST_CALLERS && stream.set_nonblocking(true).is_ok()
            {
                self.next += 1;
                let call = Call {
                    stream,
                    line: Vec::new(),
                };
                self.callers.insert(Caller(self.next), call);
            }
        }
    }

    /// Answers, if the caller is still there. An answer fits into any socket's buffer.
    pub fn answer(&mut self, caller: Caller, answer: &Answer) {
        if let Some(call) = self.callers.get_mut(&caller)
            && call.stream.write_all(answer.line().as_bytes()).is_err()
        {
            self.callers.remove(&caller);
        }
    }
}

/// The link runs as root. The service's own user can do to the service what it wants without us.
fn may_ask(user: u32) -> bool {
    user == 0 || user == control::own_user()
}

impl Call {
    /// Whole lines that came; an error when there will be none any more.
    fn read(&mut self) -> Result<Vec<Request>, ()> {
        let mut requests = Vec::new();
        let mut bytes = [0; LONGEST];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Err(()),
            Ok(count) => self.line.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Err(()),
        }
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let request = std::str::from_utf8(&line).ok().and_then(Request::read);
            requests.push(request.ok_or(())?);
        }
        match self.line.len() < LONGEST {
            true => Ok(requests),
            false => Err(()),
        }
    }
}
