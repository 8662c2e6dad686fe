//! Text to stdout.

use std::io::Write;

use super::exit::{Exit, Failure};

/// Writes `text`. A reader that has seen enough is no failure.
///
/// # Errors
/// Any other reason why stdout does not take it.
pub fn write(text: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::usage(
            format!("cannot write to stdout: {error}"),
            "send it to a file",
        )),
        _ => Ok(Exit::Clean),
    }
}
