//! Process 1 of a container, when it is ours: it buries orphans and passes signals on.

use std::ffi::c_int;
use std::io;

use crate::signals::{self, Held, Reaped, SIGCHLD};

unsafe extern "C" {
    fn fork() -> c_int;
}

/// Which of the two processes this is.
pub enum Half {
    /// The first, after the second has ended, with this exit code.
    First(u8),
    /// The second, that goes on to run the service.
    Second,
}

/// Becomes two processes. Must come before the first thread.
pub fn divide(signals: &Held) -> Result<Half, String> {
    // SAFETY: there is one thread, so the child finds every lock free and the memory whole.
    match unsafe { fork() } {
        0 => Ok(Half::Second),
        second if second > 0 => outlive(signals, second).map(Half::First),
        _ => Err(format!(
            "cannot start a process: {}",
            io::Error::last_os_error()
        )),
    }
}

fn outlive(signals: &Held, second: c_int) -> Result<u8, String> {
    loop {
        let signal = signals.wait()?;
        if signals::is_forwarded(signal) {
            // It may have ended a moment ago; the next signal is its end then.
            let _ = signals::send(second, signal);
        }
        if signal != SIGCHLD {
            continue;
        }
        loop {
            match signals::reap() {
                Reaped::Ended(process, code) if process == second => return Ok(code),
                Reaped::Ended(..) => {}
                Reaped::Running | Reaped::None => break,
            }
        }
    }
}
