//! Events on a terminal: a spinner per build or pull, lines above them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::Printer;
use crate::event::Event;

/// Draws on stderr.
pub struct Progress {
    printer: Printer,
    bars: MultiProgress,
    building: Mutex<HashMap<String, ProgressBar>>,
}

impl Progress {
    /// A display that prints what stays through `printer`.
    pub fn new(printer: Printer) -> Self {
        Self {
            printer,
            bars: MultiProgress::new(),
            building: Mutex::new(HashMap::new()),
        }
    }

    /// Shows `event`.
    pub fn draw(&self, event: Event) {
        match &event {
            Event::BuildStarted { service } => {
                self.bar(service, |bar| bar.set_message("reading the build context"));
            }
            Event::BuildStep { service, step } => {
                self.bar(service, |bar| bar.set_message(step.clone()));
            }
            Event::BuildLog { service, line } => {
                let line: String = line.chars().take(100).collect();
                self.bar(service, |bar| bar.set_message(line));
            }
            Event::Pull {
                service,
                image,
                status,
            } => {
                self.bar(service, |bar| {
                    bar.set_message(format!("pulling {image}: {status}"))
                });
            }
            Event::BuildDone { service, .. } => {
                self.finish(service);
                self.line(&event);
            }
            _ => {
                // A pull has no event for its end: what comes next of the service is the end.
                if let Event::Container { service, .. } = &event {
                    self.finish(service);
                }
                self.line(&event);
            }
        }
    }

    fn line(&self, event: &Event) {
        // Lines on stdout and bars on stderr share one terminal.
        self.bars.suspend(|| {
            self.printer
                .print(event, &|line| anstream::eprintln!("{line}"))
        });
    }

    fn bar(&self, service: &str, act: impl FnOnce(&ProgressBar)) {
        let Ok(mut building) = self.building.lock() else {
            return;
        };
        let bar = building.entry(service.to_owned()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(service.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        act(bar);
    }

    fn finish(&self, service: &str) {
        let Ok(mut building) = self.building.lock() else {
            return;
        };
        if let Some(bar) = building.remove(service) {
            bar.finish_and_clear();
        }
    }
}
