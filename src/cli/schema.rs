//! `envsim schema`: the JSON Schemas of the settings, of the report and of events.

use super::args::{self, SchemaOf};
use super::exit::{Exit, Failure};
use super::stdout;

/// Runs the command. It needs neither a project nor an engine.
pub fn run(args: &args::Schema) -> Result<Exit, Failure> {
    stdout::write(match args.of {
        SchemaOf::XEnvsim => crate::app::SCHEMA,
        SchemaOf::Report => crate::report::SCHEMA,
        SchemaOf::Events => crate::ui::EVENTS_SCHEMA,
    })
}
