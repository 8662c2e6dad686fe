//! What is shown of `envsim dev`, and what its keys do.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command as Process};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::args::{self, DevOutput};
use super::exit::Failure;
use crate::app::App;
use crate::event::{Command, Event};
use crate::run::cancel::CancelSource;
use crate::run::{Session, usage};
use crate::ui::{self, Display, Form, Show, Wish};

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
        app: app.name.clone(),
        services: app.services.keys().cloned().collect(),
    };
    Display::start(form, show)
        .map_err(|error| Failure::usage(format!("nothing can be shown: {error}"), ""))
}

/// What the keys are served with.
pub struct Keys {
    /// What the dev run has to do.
    pub commands: UnboundedReceiver<Command>,
    /// Held while a production check runs.
    pub checking: Arc<Mutex<()>>,
}

/// Does what the keys ask for, and samples what the containers use when somebody looks at a screen.
pub fn serve(
    display: &mut Display,
    session: &Session,
    source: Arc<CancelSource>,
    project: &args::Project,
) -> Keys {
    let (give, commands) = mpsc::unbounded_channel();
    let checking = Arc::new(Mutex::new(()));
    if display.is_screen() {
        let session = session.clone();
        tokio::spawn(async move { usage::watch(&session).await });
    }
    if let Some(mut wishes) = display.wishes() {
        let (session, project, checking) = (session.clone(), project.clone(), checking.clone());
        tokio::spawn(async move {
            while let Some(wish) = wishes.recv().await {
                match wish {
                    // It fails when the run that would do it has ended.
                    Wish::Run(command) => drop(give.send(command)),
                    Wish::Quit => source.request(),
                    Wish::Open { service, url } => open(&session, &service, &url).await,
                    Wish::ProdCheck => match checking.clone().try_lock_owned() {
                        Ok(held) => {
                            let (session, project) = (session.clone(), project.clone());
                            tokio::spawn(async move {
                                prod_check(&session, &project).await;
                                drop(held);
                            });
                        }
                        Err(_) => session.emit(Event::Note("prod-check still runs".to_owned())),
                    },
                }
            }
        });
    }
    Keys { commands, checking }
}

/// Returns when no production check runs any more, so that it can remove what it made.
pub async fn end(checking: Arc<Mutex<()>>) {
    drop(checking.lock().await);
}

/// Opens `url` in the browser; says it where there is none.
async fn open(session: &Session, service: &str, url: &str) {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let program = match cfg!(target_os = "macos") {
        true => Some("open"),
        // Without a display it would take a browser that draws on this terminal.
        false => (set("DISPLAY") || set("WAYLAND_DISPLAY")).then_some("xdg-open"),
    };
    let opened = match program {
        Some(program) => {
            let mut command = Process::new(program);
            command
                .arg(url)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().await.is_ok_and(|status| status.success())
        }
        None => false,
    };
    if !opened {
        session.emit(Event::Note(format!(
            "{service} is at {url} (no browser was found)"
        )));
    }
}

/// Runs this program's `prod-check` on the same project and tells its report when it is done.
async fn prod_check(session: &Session, project: &args::Project) {
    let warn = |text: String| session.emit(Event::Warning(text));
    let Some(flags) = flags(project) else {
        return warn(
            "prod-check cannot be run from here: the Compose file came from standard input"
                .to_owned(),
        );
    };
    let started = std::env::current_exe().and_then(|program| {
        let mut command = Process::new(program);
        command
            .arg("prod-check")
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is told once, by us.
            .process_group(0);
        if ui::colour_stdout() {
            command.env("CLICOLOR_FORCE", "1");
        }
        command.spawn()
    });
    let child = match started {
        Ok(child) => child,
        Err(error) => return warn(format!("prod-check cannot be started: {error}")),
    };
    session.emit(Event::Note(
        "prod-check runs; its report comes when it is done".to_owned(),
    ));
    let output = match to_the_end(session, child).await {
        Ok(output) => output,
        Err(error) => return warn(format!("prod-check was lost: {error}")),
    };
    // Only with these there is a report; else stderr says why there is none.
    let judged = matches!(output.status.code(), Some(0 | 1));
    let text = if judged { output.stdout } else { output.stderr };
    session.emit(Event::Note(
        String::from_utf8_lossy(&text).trim_end().to_owned(),
    ));
    session.emit(Event::Note(match output.status.code() {
        Some(code) => format!("prod-check ended with exit code {code}"),
        None => format!("prod-check ended: {}", output.status),
    }));
}

/// Waits for the end of `child`, and passes on that the user wants to stop.
async fn to_the_end(session: &Session, child: Child) -> std::io::Result<std::process::Output> {
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let interrupt = || {
        if let Some(id) = id {
            // It fails when the process has just ended.
            let _ = kill_process(id, Signal::INT);
        }
    };
    let mut ended = std::pin::pin!(child.wait_with_output());
    tokio::select! {
        output = &mut ended => return output,
        () = session.cancel.wait() => interrupt(),
    }
    tokio::select! {
        output = &mut ended => return output,
        () = session.cancel.wait_at_once() => interrupt(),
    }
    ended.await
}

/// The flags that choose the same project again; none when a file of it was standard input.
fn flags(project: &args::Project) -> Option<Vec<OsString>> {
    let args::Project {
        file,
        project_name,
        project_directory,
        env_file,
        profile,
    } = project;
    if file.iter().any(|file| file.as_os_str() == "-") {
        return None;
    }
    let mut flags: Vec<OsString> = Vec::new();
    // One word each, so that a name that begins with `-` is no flag.
    let mut add = |flag: &str, value: &Path| {
        let mut word = OsString::from(flag);
        word.push("=");
        word.push(value);
        flags.push(word);
    };
    file.iter().for_each(|file| add("--file", file));
    if let Some(name) = project_name {
        add("--project-name", name.as_ref());
    }
    if let Some(directory) = project_directory {
        add("--project-directory", directory);
    }
    env_file.iter().for_each(|file| add("--env-file", file));
    profile
        .iter()
        .for_each(|name| add("--profile", name.as_ref()));
    Some(flags)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_check_is_of_the_same_project() {
        let words = [
            "envsim",
            "-f",
            "a b.yaml",
            "--file",
            "c.yaml",
            "-p",
            "shop",
            "--env-file",
            ".e",
            "--profile",
            "x",
            "--project-directory",
            "/d",
            "dev",
        ];
        let project = args::Args::parse_from(words).project;
        let flags = flags(&project).expect("flags");
        let again = ["envsim".into(), "prod-check".into()]
            .into_iter()
            .chain(flags);
        let args::Command::ProdCheck(check) = args::Args::parse_from(again).command else {
            panic!("another command");
        };
        assert_eq!(format!("{:?}", check.project), format!("{project:?}"));
        let from_stdin = args::Args::parse_from(["envsim", "-f", "-", "dev"]).project;
        assert_eq!(super::flags(&from_stdin), None);
    }
}
