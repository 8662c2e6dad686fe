//! What is shown of `envsim dev`, and what its keys do.

use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::args::{self, DevOutput};
use super::exit::Failure;
use crate::app::App;
use crate::event::Command;
use crate::run::cancel::CancelSource;
use crate::ui::{Display, Form, Show, Wish};

/// The display that `args` ask for.
pub fn display(args: &args::Dev, app: &App) -> Result<Display, Failure> {
    let form = match args.output {
        // Nobody looks at a run that goes to the background.
        DevOutput::Auto if args.detach => Form::Lines,
        DevOutput::Auto => Form::Screen,
        DevOutput::Lines => Form::Lines,
        DevOutput::Jsonl => Form::Jsonl,
    };
    let show = Show {
        logs_to_stdout: true,
        logs: true,
        services: app.services.keys().cloned().collect(),
    };
    Display::start(form, show)
        .map_err(|error| Failure::usage(format!("nothing can be shown: {error}"), ""))
}

/// Does what the keys ask for; what the dev run has to do comes out of the channel.
pub fn serve(display: &mut Display, source: Arc<CancelSource>) -> UnboundedReceiver<Command> {
    let (give, commands) = mpsc::unbounded_channel();
    let Some(mut wishes) = display.wishes() else {
        return commands;
    };
    tokio::spawn(async move {
        while let Some(wish) = wishes.recv().await {
            match wish {
                // It fails when the run that would do it has ended.
                Wish::Run(command) => drop(give.send(command)),
                Wish::Quit => source.request(),
            }
        }
    });
    commands
}
