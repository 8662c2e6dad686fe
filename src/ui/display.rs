//! What `envsim dev` shows events with: the screen, lines, or JSON.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::jsonl;
use super::{Show, sink};
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
    /// The end, as with Ctrl-C.
    Quit,
}

/// Shows events until it is dropped; then everything is written.
pub struct Display {
    sink: Sink,
    wishes: Option<UnboundedReceiver<Wish>>,
    /// Ends when it is dropped.
    _writer: Option<jsonl::Writer>,
}

impl Display {
    /// A display of `form`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(form: Form, show: Show) -> std::io::Result<Self> {
        let (wish, wishes) = mpsc::unbounded_channel();
        match form {
            Form::Jsonl => {
                let writer = jsonl::Writer::start(move || {
                    // Nobody listens once the command is ending anyway.
                    let _ = wish.send(Wish::Quit);
                })?;
                Ok(Self {
                    sink: writer.sink(),
                    wishes: Some(wishes),
                    _writer: Some(writer),
                })
            }
            Form::Lines | Form::Screen => Ok(Self {
                sink: sink(show),
                wishes: None,
                _writer: None,
            }),
        }
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
