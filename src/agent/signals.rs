//! Waiting for the signals that concern a container's first process.
//!
//! The kernel drops signals that process 1 does not handle. Here they are blocked in every thread and
//! taken one by one with `sigwait`, as small init programs do: no code ever runs inside a signal
//! handler. The declarations are written out because the agent uses no crate; they fit Linux on
//! x86_64 and aarch64, with glibc and musl.

use std::ffi::c_int;
use std::ptr;

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;
const SIGCHLD: c_int = 17;
const SIG_BLOCK: c_int = 0;
const WNOHANG: c_int = 1;

#[repr(C, align(8))]
struct SignalSet([u8; 128]);

unsafe extern "C" {
    fn sigemptyset(set: *mut SignalSet) -> c_int;
    fn sigaddset(set: *mut SignalSet, signal: c_int) -> c_int;
    fn pthread_sigmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn sigwait(set: *const SignalSet, signal: *mut c_int) -> c_int;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
}

/// The signals held back from the moment it is made.
pub struct Held(SignalSet);

impl Held {
    /// Must come before the first thread: threads inherit what is blocked.
    pub fn new() -> Result<Self, String> {
        let mut set = SignalSet([0; 128]);
        // SAFETY: `set` is as large and as aligned as the C type on the supported systems, and lives
        // through the calls; a null `old` is allowed.
        let failed = unsafe {
            sigemptyset(&raw mut set);
            for signal in [SIGINT, SIGTERM, SIGCHLD] {
                sigaddset(&raw mut set, signal);
            }
            pthread_sigmask(SIG_BLOCK, &raw const set, ptr::null_mut()) != 0
        };
        if failed {
            Err("cannot hold back signals".into())
        } else {
            Ok(Self(set))
        }
    }

    /// Returns when the container is asked to stop; until then buries orphans, as process 1 must.
    pub fn wait_for_stop(&self) -> Result<(), String> {
        loop {
            let mut signal = 0;
            // SAFETY: both pointers are to live values of the right type.
            if unsafe { sigwait(&raw const self.0, &raw mut signal) } != 0 {
                return Err("cannot wait for signals".into());
            }
            if signal == SIGCHLD {
                reap();
            } else {
                return Ok(());
            }
        }
    }
}

fn reap() {
    // SAFETY: a null status is allowed; -1 stands for any child.
    while unsafe { waitpid(-1, ptr::null_mut(), WNOHANG) } > 0 {}
}
