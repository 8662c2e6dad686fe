//! What `envsim dev` shows events with: the screen, lines, or JSON.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::screen::{self, Screen};
use super::{Show, jsonl, sink};
use crate::event::{Command, Sink};

/// The form in which the user wants to see events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The screen, where there is a terminal for it, and else lines.
    Screen,
    /// Lines: logs on stdout, the rest on stderr.
    Lines,
    /// JSON lines on stdout.
    Jsonl,
}

/// What the user, or the lack of one, asks of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Something for the dev run.
    Run(Command),
    /// The production check, beside the dev run.
    ProdCheck,
    /// An address in the browser.
    Open {
        /// Whose.
        service: String,
        /// `http://127.0.0.1:8080`
        url: String,
    },
    /// The end, as with Ctrl-C.
    Quit,
}

/// Shows events until it is dropped; then everything is written.
pub struct Display {
    sink: Sink,
    wishes: Option<UnboundedReceiver<Wish>>,
    /// Ends when it is dropped.
    writer: Writer,
}

/// What writes.
enum Writer {
    Lines,
    Jsonl { _events: jsonl::Writer },
    Screen { _screen: Screen },
}

impl Display {
    /// A display of `form`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(form: Form, show: Show) -> std::io::Result<Self> {
        let (wish, wishes) = mpsc::unbounded_channel();
        let (sink, wishes, writer) = match form {
            Form::Jsonl => {
                let events = jsonl::Writer::start(move || {
                    // Nobody listens once the command is ending anyway.
                    let _ = wish.send(Wish::Quit);
                })?;
                let sink = events.sink();
                (sink, Some(wishes), Writer::Jsonl { _events: events })
            }
            Form::Screen if screen::is_one() => {
                let screen = Screen::start(&show, wish)?;
                let sink = screen.sink();
                (sink, Some(wishes), Writer::Screen { _screen: screen })
            }
            Form::Lines | Form::Screen => (sink(show), None, Writer::Lines),
        };
        Ok(Self {
            sink,
            wishes,
            writer,
        })
    }

    /// Whether somebody looks at a screen.
    pub fn is_screen(&self) -> bool {
        matches!(self.writer, Writer::Screen { .. })
    }

    /// Where events go.
    pub fn sink(&self) -> Sink {
        Arc::clone(&self.sink)
    }

    /// What is asked for; none when nobody can ask, and when it was taken before.
    pub fn wishes(&mut self) -> Option<UnboundedReceiver<Wish>> {
        self.wishes.take()
    }
}
