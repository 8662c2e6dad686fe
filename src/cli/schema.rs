//! `envsim schema`: the JSON Schema of the settings.

use super::exit::{Exit, Failure};
use super::stdout;
use crate::app::SCHEMA;

/// Runs the command. It needs neither a project nor an engine.
pub fn run() -> Result<Exit, Failure> {
    stdout::write(SCHEMA)
}
