//! Waiting until one of several descriptors can be read, or some time has passed.

use std::ffi::{c_int, c_short, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

const POLLIN: c_short = 1;

#[repr(C)]
struct Poll {
    fd: c_int,
    events: c_short,
    seen: c_short,
}

unsafe extern "C" {
    fn poll(all: *mut Poll, count: c_ulong, milliseconds: c_int) -> c_int;
}

/// Which of the descriptors can be read, or were closed by the other side; none of them when the time is over
/// or a signal came.
pub fn readable(all: &[BorrowedFd<'_>], patience: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<Poll> = all
        .iter()
        .map(|fd| Poll {
            fd: fd.as_raw_fd(),
            events: POLLIN,
            seen: 0,
        })
        .collect();
    // Rounded up: a wait that ends too early would be repeated until its time has come.
    let milliseconds = patience.map_or(-1, |time| {
        c_int::try_from(time.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
    });
    // SAFETY: as many live structures as are counted.
    let found = unsafe { poll(polled.as_mut_ptr(), polled.len() as c_ulong, milliseconds) };
    if found < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        return Ok(vec![false; all.len()]);
    }
    Ok(polled.iter().map(|one| one.seen != 0).collect())
}
