//! Events as plain lines.

use std::time::Duration;

use crate::event::{Action, Change, Event};
use crate::labels::RunKind;
use crate::ui::{Prefixes, Show};

/// Prints events line by line.
pub struct Printer {
    show: Show,
    prefixes: Prefixes,
}

impl Printer {
    /// A printer for what `show` asks for.
    pub fn new(show: Show) -> Self {
        Self {
            prefixes: Prefixes::new(&show.services),
            show,
        }
    }

    /// Prints `event`; what is not data goes through `progress`, one line at a time.
    pub fn print(&self, event: &Event, progress: &dyn Fn(String)) {
        if let Event::Log {
            run, service, line, ..
        } = event
        {
            if !self.show.logs {
                return;
            }
            let mark = match run {
                RunKind::Compare => "(dev) ",
                RunKind::Dev | RunKind::ProdCheck => "",
            };
            let text = format!("{}{mark}{line}", self.prefixes.of(service));
            if self.show.logs_to_stdout {
                anstream::println!("{text}");
            } else {
                progress(styled(&text));
            }
            return;
        }
        if let Some(text) = text(event) {
            progress(text);
        }
    }
}

/// Styles for stderr as its reader can show them.
fn styled(text: &str) -> String {
    if super::colour_stderr() {
        text.to_owned()
    } else {
        anstream::adapter::strip_str(text).to_string()
    }
}

/// An event in one line; none for those that only a live display shows.
pub fn text(event: &Event) -> Option<String> {
    Some(match event {
        Event::Note(text) => text.clone(),
        Event::Warning(text) => format!("warning: {text}"),
        Event::Phase(text) => text.clone(),
        Event::BuildStarted { service } => format!("{service}: building the image"),
        Event::BuildStep { service, step }
            if step.starts_with('[') && !step.starts_with("[internal]") =>
        {
            format!("{service}: {step}")
        }
        Event::BuildStep { .. } => return None,
        Event::BuildLog { service, line } => format!("{service}: {line}"),
        Event::BuildDone {
            service,
            cached: (cached, all),
        } => {
            format!("{service}: the image is built ({cached} of {all} steps from the cache)")
        }
        Event::Pull {
            service,
            image,
            status,
        } => {
            // One line per layer and state is enough; the running numbers are for a live display.
            let worth = [
                "Pulling from",
                "Download complete",
                "Pull complete",
                "Status:",
            ];
            if !worth.iter().any(|word| status.contains(word)) {
                return None;
            }
            format!("{service}: pulling {image}: {status}")
        }
        Event::Container {
            run,
            service,
            change,
        } => {
            let name = name(*run, service);
            match change {
                Change::Started => format!("{name}: started"),
                Change::Healthy => format!("{name}: healthy"),
                Change::Unhealthy => format!("{name}: unhealthy"),
                Change::Exited(code) => format!("{name}: exited with code {code}"),
                Change::Restarted => format!("{name}: restarted"),
                Change::Stopping(time) => format!(
                    "{name}: was told to stop and still runs (SIGKILL comes {} s after the signal)",
                    time.as_secs()
                ),
                Change::Stopped => format!("{name}: stopped"),
            }
        }
        Event::Probe {
            run,
            name,
            passed,
            answer,
        } => {
            let run = match run {
                RunKind::ProdCheck => "prod",
                RunKind::Dev | RunKind::Compare => "dev",
            };
            let word = if *passed { "ok" } else { "failed" };
            format!("probe {word} in {run}: {name}: {answer}")
        }
        Event::Synced {
            service,
            action,
            paths,
            took,
        } => {
            let shown = match paths.as_slice() {
                [one] => one.path.clone(),
                many => format!("{} files", many.len()),
            };
            format!("{service}: {} {shown} ({})", done(action), duration(*took))
        }
        Event::Log { .. } => return None,
    })
}

fn name(run: RunKind, service: &str) -> String {
    match run {
        RunKind::Dev => service.to_owned(),
        RunKind::ProdCheck => format!("{service} (prod)"),
        RunKind::Compare => format!("{service} (dev)"),
    }
}

/// What was done, in the words of the watch rules.
fn done(action: &Action) -> String {
    match action {
        Action::Synced => "synced".to_owned(),
        Action::SyncedAndRan => "synced and ran a command for".to_owned(),
        Action::Reconciled => "differed and was brought up to date:".to_owned(),
        Action::Rebuilt => "rebuilt for".to_owned(),
        Action::Restarted {
            synced,
            signal,
            killed,
        } => {
            let before = if *synced { "synced and " } else { "" };
            match signal {
                Some(signal) => format!("{before}sent {signal} for"),
                None if *killed => format!("{before}killed and restarted for"),
                None => format!("{before}restarted for"),
            }
        }
    }
}

/// Milliseconds, with a fraction where they are few.
pub fn duration(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    match millis < 10.0 {
        true => format!("{millis:.1} ms"),
        false => format!("{millis:.0} ms"),
    }
}
