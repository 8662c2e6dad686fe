//! The parent of the service's process: passes signals on, takes in orphans, and restarts on request.
//!
//! One loop waits for everything: signals, requests on the control socket, and the end of a grace period.
//! Nothing in it blocks, so a restart that waits for its program keeps nobody else from being answered.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::descendants;
use super::start::{NotStarted, Program};
use crate::control::{Answer, Request, Restarted};
use crate::poll;
use crate::signals::{self, Held, Queue, Reaped, SIGCHLD, SIGKILL};

mod listen;

use listen::{Caller, Listener};

/// "No such process".
const ESRCH: i32 = 3;
/// How long processes that cannot be killed may hold up a restart: those of other users, or in the kernel.
const CLEARING: Duration = Duration::from_secs(2);

/// Runs the program to its end and gives the exit code to end with.
pub fn run(signals: &Held, control: Option<&Path>, program: Program) -> Result<u8, String> {
    let queue = signals.queue()?;
    // Before the program runs, so that nobody of its user can be there first.
    let listener = control.and_then(listen::open);
    let service = match program.start() {
        Ok(service) => service,
        Err(error) => return Ok(give_up(&error)),
    };
    let supervisor = Supervisor {
        queue,
        listener: listener.unwrap_or_default(),
        program,
        service,
        state: State::Running,
        waiting: VecDeque::new(),
        ends: false,
    };
    supervisor.run()
}

/// One clear line, since this is all that a log of the container will have.
fn give_up(error: &NotStarted) -> u8 {
    eprintln!("envsim: {}", error.what);
    error.code
}

enum State {
    /// The service's process runs.
    Running,
    /// It was asked to end, and is killed when its grace is over.
    Ending {
        caller: Caller,
        asked: Instant,
        grace_ends: Option<Instant>,
        killed: bool,
    },
    /// It has ended, and what it left behind is being killed.
    Clearing {
        caller: Caller,
        stopped: Duration,
        ended: Instant,
        killed: bool,
        /// Of the process that ended, for the case that the container is asked to stop meanwhile.
        code: u8,
    },
}

struct Supervisor {
    queue: Queue,
    listener: Listener,
    program: Program,
    service: c_int,
    state: State,
    /// Restarts that were asked for during one.
    waiting: VecDeque<(Caller, c_int, u32)>,
    /// The container was asked to stop: no restart any more.
    ends: bool,
}

impl Supervisor {
    fn run(mut self) -> Result<u8, String> {
        loop {
            let mut fds = vec![self.queue.as_fd()];
            fds.extend(self.listener.fds());
            let ready = poll::readable(&fds, self.patience())
                .map_err(|e| format!("cannot wait for signals and requests: {e}"))?;
            if ready.first() == Some(&true)
                && let Some(code) = self.take_signals()
            {
                return Ok(code);
            }
            for (caller, request) in self.listener.requests(ready.get(1..).unwrap_or_default()) {
                self.take_request(caller, request);
            }
            if let Some(code) = self.look_at_the_clock() {
                return Ok(code);
            }
        }
    }

    fn patience(&self) -> Option<Duration> {
        let until = match &self.state {
            State::Running => None,
            State::Ending { grace_ends, .. } => *grace_ends,
            State::Clearing { ended, .. } => Some(*ended + CLEARING),
        };
        until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn take_signals(&mut self) -> Option<u8> {
        let mut children = false;
        while let Some(signal) = self.queue.next() {
            children |= signal == SIGCHLD;
            if signals::is_forwarded(signal) {
                self.ends |= signals::asks_to_end(signal) && !matches!(self.state, State::Running);
                let _ = self.send(signal);
            }
        }
        if children { self.bury() } else { None }
    }

    /// Sends the service's process a signal. Its number may be another's after it was buried.
    fn send(&self, signal: c_int) -> io::Result<()> {
        match self.state {
            State::Clearing { .. } => Err(io::Error::from_raw_os_error(ESRCH)),
            _ => signals::send(self.service, signal),
        }
    }

    /// Buries whoever has ended; an exit code when that was the end of the service.
    fn bury(&mut self) -> Option<u8> {
        loop {
            match signals::reap() {
                Reaped::Ended(process, code) if process == self.service => {
                    if let Some(code) = self.service_ended(code) {
                        return Some(code);
                    }
                }
                Reaped::Ended(..) => {}
                Reaped::Running => {
                    // Those whose parents were killed are ours now, and seen only now.
                    if matches!(self.state, State::Clearing { .. }) {
                        self.kill_descendants();
                    }
                    return None;
                }
                Reaped::None => {
                    return match self.state {
                        State::Clearing { .. } => self.start(),
                        _ => None,
                    };
                }
            }
        }
    }

    fn service_ended(&mut self, code: u8) -> Option<u8> {
        let ended = Instant::now();
        match std::mem::replace(&mut self.state, State::Running) {
            State::Ending {
                caller,
                asked,
                killed,
                ..
            } if !self.ends => {
                self.state = State::Clearing {
                    caller,
                    stopped: ended - asked,
                    ended,
                    killed,
                    code,
                };
                // Most of what is left is in its group, and one call reaches it.
                let _ = signals::send(-self.service, SIGKILL);
                None
            }
            _ => Some(code),
        }
    }

    fn kill_descendants(&self) {
        let own = std::process::id().cast_signed();
        for process in descendants::of(Path::new("/proc"), own) {
            let _ = signals::send(process, SIGKILL);
        }
    }

    /// Starts the program after its old process is gone.
    fn start(&mut self) -> Option<u8> {
        let State::Clearing {
            caller,
            stopped,
            ended,
            killed,
            code,
        } = std::mem::replace(&mut self.state, State::Running)
        else {
            return None;
        };
        if self.ends {
            return Some(code);
        }
        match self.program.start() {
            Ok(service) => self.service = service,
            Err(error) => {
                self.listener.answer(
                    caller,
                    &Answer::Failed {
                        errno: error.errno,
                        what: error.what.clone(),
                    },
                );
                return Some(give_up(&error));
            }
        }
        let restarted = Restarted {
            service: self.service.cast_unsigned(),
            stopped: microseconds(stopped),
            started: microseconds(ended.elapsed()),
            killed,
        };
        self.listener.answer(caller, &Answer::Restarted(restarted));
        while let State::Running = self.state
            && let Some((caller, signal, grace)) = self.waiting.pop_front()
        {
            self.restart(caller, signal, grace);
        }
        None
    }

    fn take_request(&mut self, caller: Caller, request: Request) {
        match request {
            Request::Who => {
                let service = self.service.cast_unsigned();
                self.listener.answer(caller, &Answer::Service(service));
            }
            Request::Signal(signal) => {
                let answer = match self.send(signal) {
                    Ok(()) => Answer::Sent,
                    Err(error) => failed(&error, "cannot send the signal"),
                };
                self.listener.answer(caller, &answer);
            }
            Request::Restart { signal, grace } => match self.state {
                State::Running => self.restart(caller, signal, grace),
                _ => self.waiting.push_back((caller, signal, grace)),
            },
        }
    }

    fn restart(&mut self, caller: Caller, signal: c_int, grace: u32) {
        let asked = Instant::now();
        if let Err(error) = self.send(signal) {
            let answer = failed(&error, "cannot send the signal to end with");
            return self.listener.answer(caller, &answer);
        }
        self.state = State::Ending {
            caller,
            asked,
            grace_ends: Some(asked + Duration::from_millis(grace.into())),
            killed: false,
        };
    }

    /// Does what is due by now.
    fn look_at_the_clock(&mut self) -> Option<u8> {
        let now = Instant::now();
        match &mut self.state {
            State::Ending {
                grace_ends, killed, ..
            } if grace_ends.is_some_and(|end| now >= end) => {
                *grace_ends = None;
                *killed = true;
                let _ = self.send(SIGKILL);
                None
            }
            State::Clearing { ended, .. } if now >= *ended + CLEARING => self.start(),
            _ => None,
        }
    }
}

fn failed(error: &io::Error, what: &str) -> Answer {
    Answer::Failed {
        errno: crate::at::errno(error),
        what: format!("{what}: {error}"),
    }
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
