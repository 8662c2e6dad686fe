//! `envsim exec`: a command in a running service, with the user's terminal when there is one.

use std::io::{IsTerminal, Write};

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::args;
use super::exit::{Exit, Failure};
use super::project;
use crate::app::Mode;
use crate::engine::{AttachedExec, Engine, EngineError, ExecSpec, Stream};
use crate::labels::{self, RunKind};

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Exec) -> Result<Exit, Failure> {
    let app = project::app(project, Mode::Dev, false)?;
    project::known_services(&app, std::slice::from_ref(&args.service))?;
    let engine = Engine::connect().await?;
    let filter = [
        (labels::PROJECT, &*app.name),
        (labels::MODE, RunKind::Dev.as_str()),
        (labels::SERVICE, &*args.service),
        (labels::ROLE, "service"),
    ];
    let containers = engine.containers(&filter, false).await?;
    let Some(container) = containers.first() else {
        return Err(Failure::usage(
            format!("`{}` is not running", args.service),
            "start the app with `envsim dev`, here or in another terminal",
        ));
    };
    let tty = !args.no_tty && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let spec = ExecSpec {
        command: args.command,
        user: args.user,
        tty,
        ..ExecSpec::default()
    };
    let attached = engine.exec_attached(&container.id, spec).await?;
    let id = attached.id.clone();
    let raw = RawMode::enter(tty);
    let ended = pass_through(&engine, attached, tty).await;
    drop(raw);
    ended?;
    let code = engine.exec_exit_code(&id).await?.unwrap_or_default();
    Ok(match code {
        0 => Exit::Clean,
        code => Exit::Command(u8::try_from(code).unwrap_or(1)),
    })
}

/// Keys go to the container one by one; the terminal is as it was when this is dropped.
struct RawMode(bool);

impl RawMode {
    fn enter(wanted: bool) -> Self {
        Self(wanted && crossterm::terminal::enable_raw_mode().is_ok())
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if self.0 {
            // There is nothing else to do for a terminal that is gone.
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }
}

async fn pass_through(
    engine: &Engine,
    mut attached: AttachedExec,
    tty: bool,
) -> Result<(), EngineError> {
    let mut input = attached.input;
    let feeding = tokio::spawn(async move {
        let mut stdin = tokio::io::stdin();
        let mut buffer = [0u8; 4096];
        while let Ok(read @ 1..) = stdin.read(&mut buffer).await {
            if input.write_all(&buffer[..read]).await.is_err() || input.flush().await.is_err() {
                return;
            }
        }
        // The end of our input is the end of the command's.
        let _ = input.shutdown().await;
    });
    let resizing = async {
        let Ok(mut changed) = signal(SignalKind::window_change()) else {
            return std::future::pending().await;
        };
        loop {
            if let (true, Ok((columns, rows))) = (tty, crossterm::terminal::size()) {
                let _ = engine.exec_resize(&attached.id, columns, rows).await;
            }
            changed.recv().await;
        }
    };
    let output = &mut attached.output;
    let printing = async {
        while let Some(chunk) = output.next().await {
            let chunk = chunk?;
            let written = match chunk.stream {
                Stream::Stdout => std::io::stdout()
                    .write_all(&chunk.bytes)
                    .and_then(|()| std::io::stdout().flush()),
                Stream::Stderr => std::io::stderr().write_all(&chunk.bytes),
            };
            if written.is_err() {
                break; // nobody reads any more
            }
        }
        Ok(())
    };
    let result = tokio::select! {
        result = printing => result,
        () = resizing => Ok(()),
    };
    feeding.abort();
    result
}
