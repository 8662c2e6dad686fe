//! Waiting for the signals that concern a container's first process, and passing them on.
//!
//! The kernel drops signals that process 1 does not handle. Here they are blocked in every thread and
//! taken one by one with `sigwait` or read from a descriptor, as small init programs do: no code ever runs
//! inside a signal handler. The declarations are written out because the agent uses no crate; they fit
//! Linux on x86_64 and aarch64, with glibc and musl.

use std::ffi::c_int;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

pub const SIGINT: c_int = 2;
pub const SIGQUIT: c_int = 3;
pub const SIGKILL: c_int = 9;
pub const SIGTERM: c_int = 15;
pub const SIGCHLD: c_int = 17;
const SIGSTOP: c_int = 19;
const SIGTTIN: c_int = 21;
pub const SIGTTOU: c_int = 22;
/// The first that programs may use for themselves, and that engines call `SIGRTMIN`.
pub const SIGRTMIN: c_int = 34;
pub const LAST: c_int = 64;
/// What the kernel raises for a mistake of this very program. Blocked, it would end the program
/// without the signal being seen.
const OWN_MISTAKES: [c_int; 7] = [4, 5, 6, 7, 8, 11, 31];
/// The C libraries' own.
const RESERVED: [c_int; 2] = [32, 33];

const SIG_BLOCK: c_int = 0;
const SIG_SETMASK: c_int = 2;
const SIG_DFL: usize = 0;
const WNOHANG: c_int = 1;
/// `O_CLOEXEC | O_NONBLOCK`.
const DESCRIPTOR: c_int = 0o2_000_000 | 0o4000;
/// What is read from the descriptor for each signal; its number comes first.
const RECORD: usize = 128;

/// One bit for each signal, the lowest for signal 1: the kernel's own form, which both C libraries keep.
#[repr(C, align(8))]
struct SignalSet([u8; 128]);

unsafe extern "C" {
    fn pthread_sigmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn sigwait(set: *const SignalSet, signal: *mut c_int) -> c_int;
    fn signalfd(fd: c_int, set: *const SignalSet, flags: c_int) -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
}

impl SignalSet {
    /// Not with the C library's functions: musl's leave out signal 34, which engines send.
    fn of(signals: impl IntoIterator<Item = c_int>) -> Self {
        let mut bits = [0; 128];
        for signal in signals {
            if let Ok(bit @ 0..=63) = usize::try_from(signal - 1) {
                bits[bit / 8] |= 1 << (bit % 8);
            }
        }
        Self(bits)
    }
}

/// Whether a signal that came is meant for the service.
pub fn is_forwarded(signal: c_int) -> bool {
    can_be_held(signal) && !matches!(signal, SIGCHLD | SIGTTIN | SIGTTOU)
}

/// Whether a signal asks a service to end: the usual ones, and those that images name as theirs.
pub fn asks_to_end(signal: c_int) -> bool {
    matches!(signal, SIGTERM | SIGINT | SIGQUIT) || (SIGRTMIN..=LAST).contains(&signal)
}

fn can_be_held(signal: c_int) -> bool {
    !matches!(signal, SIGKILL | SIGSTOP)
        && !OWN_MISTAKES.contains(&signal)
        && !RESERVED.contains(&signal)
}

/// The signals held back from the moment it is made.
pub struct Held(SignalSet);

impl Held {
    /// Those that stop a container. Must come before the first thread: threads inherit what is blocked.
    pub fn new() -> Result<Self, String> {
        Self::these([SIGINT, SIGTERM, SIGCHLD])
    }

    /// All that can be: those for a service too.
    pub fn all() -> Result<Self, String> {
        Self::these((1..=LAST).filter(|signal| can_be_held(*signal)))
    }

    fn these(signals: impl IntoIterator<Item = c_int>) -> Result<Self, String> {
        let set = SignalSet::of(signals);
        // SAFETY: `set` is as large and as aligned as the C type on the supported systems, and lives
        // through the call; a null `old` is allowed.
        match unsafe { pthread_sigmask(SIG_BLOCK, &raw const set, ptr::null_mut()) } {
            0 => Ok(Self(set)),
            _ => Err("cannot hold back signals".into()),
        }
    }

    /// The next signal.
    pub fn wait(&self) -> Result<c_int, String> {
        let mut signal = 0;
        // SAFETY: both pointers are to live values of the right type.
        match unsafe { sigwait(&raw const self.0, &raw mut signal) } {
            0 => Ok(signal),
            _ => Err("cannot wait for signals".into()),
        }
    }

    /// Returns when the container is asked to stop; until then buries orphans, as process 1 must.
    pub fn wait_for_stop(&self) -> Result<(), String> {
        while self.wait()? == SIGCHLD {
            while let Reaped::Ended(..) = reap() {}
        }
        Ok(())
    }

    /// A descriptor that can be polled, and gives the signals one by one.
    pub fn queue(&self) -> Result<Queue, String> {
        // SAFETY: the set is live; a new descriptor is ours alone.
        let fd = unsafe { signalfd(-1, &raw const self.0, DESCRIPTOR) };
        if fd < 0 {
            let error = io::Error::last_os_error();
            return Err(format!("cannot wait for signals: {error}"));
        }
        // SAFETY: just opened.
        Ok(Queue(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
    }
}

/// Signals that came.
pub struct Queue(File);

impl Queue {
    /// The next signal that waits.
    pub fn next(&mut self) -> Option<c_int> {
        let mut record = [0; RECORD];
        match self.0.read(&mut record) {
            Ok(RECORD) => record
                .first_chunk()
                .map(|first| c_int::from_ne_bytes(*first)),
            _ => None,
        }
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// For the child of a fork, before it becomes another program: every signal does what it does by default, and
/// none is blocked. Uses only what may be called between fork and exec.
pub fn as_by_default() {
    for number in 1..=LAST {
        // SAFETY: the default action is no function of ours; signals that have no other are refused.
        unsafe { signal(number, SIG_DFL) };
    }
    let none = SignalSet([0; 128]);
    // SAFETY: as in `Held::these`.
    unsafe { pthread_sigmask(SIG_SETMASK, &raw const none, ptr::null_mut()) };
}

/// Blocks one signal in this thread. May be called between fork and exec.
pub fn block(signal: c_int) {
    let set = SignalSet::of([signal]);
    // SAFETY: as in `Held::these`.
    unsafe { pthread_sigmask(SIG_BLOCK, &raw const set, ptr::null_mut()) };
}

/// Sends a signal to a process, or to a group of processes when the number is negative.
pub fn send(process: c_int, signal: c_int) -> io::Result<()> {
    // SAFETY: takes numbers only.
    match unsafe { kill(process, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What became of the children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// The process with this id ended, with this exit code as shells count it: 128 and the signal.
    Ended(c_int, u8),
    /// None has ended since the last time.
    Running,
    /// There are no children.
    None,
}

/// Buries one child that ended.
pub fn reap() -> Reaped {
    let mut status = 0;
    // SAFETY: the status is a live value; -1 stands for any child.
    match unsafe { waitpid(-1, &raw mut status, WNOHANG) } {
        0 => Reaped::Running,
        process if process > 0 => Reaped::Ended(process, exit_code(status)),
        _ => Reaped::None,
    }
}

/// The low seven bits are the signal that ended the process, the second byte is its exit code.
fn exit_code(status: c_int) -> u8 {
    let [low, code, ..] = status.to_le_bytes();
    match low & 0x7f {
        0 => code,
        signal => 128 | signal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_ended_a_process_counts_from_128() {
        assert_eq!(exit_code(0), 0);
        assert_eq!(exit_code(3 << 8), 3);
        assert_eq!(exit_code(255 << 8), 255);
        assert_eq!(exit_code(SIGKILL), 137);
        assert_eq!(exit_code(SIGTERM | 0x80), 143, "with a core dump");
    }

    #[test]
    fn what_users_and_engines_send_is_forwarded_and_what_the_kernel_raises_is_not() {
        for signal in [1, 2, 3, 10, 12, 13, 14, 15, 18, 20, 28, 34, 37, 64] {
            assert!(is_forwarded(signal), "{signal}");
        }
        for signal in [4, 5, 6, 7, 8, 9, 11, 17, 19, 21, 22, 31, 32, 33] {
            assert!(!is_forwarded(signal), "{signal}");
        }
    }

    #[test]
    fn a_set_has_a_bit_for_each_signal() {
        let set = SignalSet::of([1, 8, 9, 64, 0, -1, 65]);
        assert_eq!(set.0[..9], [0x81, 1, 0, 0, 0, 0, 0, 0x80, 0]);
    }
}
