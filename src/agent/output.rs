//! How the roles beside a task speak: events on standard output. Nothing else may print there; `init` leaves
//! standard output to its program, and `link` writes frames.

use std::io::{self, Write};

use crate::wire::Event;

/// A reader that went away must not end the task, so a failed write is dropped.
pub fn say(event: &Event) {
    let mut line = event.encode();
    line.push('\n');
    let mut out = io::stdout().lock();
    let _ = out.write_all(line.as_bytes());
    let _ = out.flush();
}
