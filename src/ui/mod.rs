//! Draws events: a screen or bars on a terminal, plain lines elsewhere, or JSON.
//!
//! Progress goes to stderr; the lines of the containers' logs, which are the data of `envsim dev` and
//! `envsim logs`, go to stdout.

mod display;
mod jsonl;
mod lines;
mod prefix;
mod progress;
mod queue;
mod screen;

use std::io::IsTerminal;
use std::sync::Arc;

use crate::event::Sink;

pub use display::{Display, Form, Wish};
pub use prefix::Prefixes;

/// JSON Schema of the lines of `envsim dev --output jsonl`.
pub const EVENTS_SCHEMA: &str = include_str!("events.schema.json");

/// What the user wants to see.
#[derive(Clone, Debug, Default)]
pub struct Show {
    /// Container logs on stdout (true) or on stderr, where they do not mix with a report.
    pub logs_to_stdout: bool,
    /// Container logs at all.
    pub logs: bool,
    /// Name of the app.
    pub app: String,
    /// Names of all services, for the width of the prefix.
    pub services: Vec<String>,
}

/// A sink for this process's terminal.
pub fn sink(show: Show) -> Sink {
    let fancy = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let printer = lines::Printer::new(show);
    if fancy {
        let progress = progress::Progress::new(printer);
        Arc::new(move |event| progress.draw(event))
    } else {
        Arc::new(move |event| printer.print(&event, &|line| eprintln!("{line}")))
    }
}

/// Whether reports on stdout are coloured: a terminal, and not `NO_COLOR`.
pub fn colour_stdout() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// The same for stderr.
pub fn colour_stderr() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
