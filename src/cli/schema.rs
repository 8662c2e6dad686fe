//! `envsim schema`: the JSON Schema of the settings.

use std::io::Write;

use super::exit::{Exit, Failure};
use crate::app::SCHEMA;

/// Runs the command. It needs neither a project nor an engine.
pub fn run() -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(SCHEMA.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::usage(
            format!("cannot write the schema to stdout: {error}"),
            "send it to a file: `envsim schema > x-envsim.schema.json`",
        )),
        _ => Ok(Exit::Clean),
    }
}
