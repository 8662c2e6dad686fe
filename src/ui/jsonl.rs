//! Events as JSON, one object a line; `events.schema.json` says what is in it.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::queue::Queue;
use crate::event::{Action, Change, Changed, Event, Sink};
use crate::labels::RunKind;
use crate::mask::mask;

/// Changes when a reader of the old form would misread the new one.
const SCHEMA_VERSION: u32 = 1;
/// Bytes that may wait for a slow reader.
const WAITING: usize = 1024 * 1024;

/// Writes events to stdout from a thread of its own.
pub struct Writer {
    queue: Arc<Queue<String>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    /// A writer; `gone` is called when nobody reads stdout any more.
    pub fn start(gone: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::<String>::new(WAITING));
        let lines = queue.clone();
        let thread = std::thread::Builder::new().name("events".to_owned());
        let thread = thread.spawn(move || {
            loop {
                let taken = lines.take();
                let mut out = std::io::stdout().lock();
                let text = taken.items.concat();
                if out
                    .write_all(text.as_bytes())
                    .and_then(|()| out.flush())
                    .is_err()
                {
                    lines.close();
                    gone();
                    return;
                }
                if taken.closed {
                    return;
                }
            }
        })?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Where events go.
    pub fn sink(&self) -> Sink {
        let queue = self.queue.clone();
        Arc::new(move |event| {
            let text = line(&event, SystemTime::now());
            let bytes = text.len();
            // It fails when the reader is gone, which `gone` was told.
            let _ = queue.push(text, bytes, matches!(event, Event::Log { .. }));
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // It has written everything, or its panic was told.
            let _ = thread.join();
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    schema_version: u32,
    time: String,
    #[serde(flatten)]
    body: Body<'a>,
}

/// The names are those of the schema.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Body<'a> {
    Note {
        text: Cow<'a, str>,
    },
    Warning {
        text: Cow<'a, str>,
    },
    Phase {
        text: Cow<'a, str>,
    },
    BuildStarted {
        service: &'a str,
    },
    BuildStep {
        service: &'a str,
        step: Cow<'a, str>,
    },
    BuildLog {
        service: &'a str,
        line: Cow<'a, str>,
    },
    BuildDone {
        service: &'a str,
        steps: usize,
        cached_steps: usize,
    },
    Pull {
        service: &'a str,
        image: Cow<'a, str>,
        status: &'a str,
    },
    Container {
        run: RunKind,
        service: &'a str,
        change: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        grace_ms: Option<f64>,
    },
    Log {
        run: RunKind,
        service: &'a str,
        stream: &'static str,
        line: Cow<'a, str>,
    },
    Port {
        service: &'a str,
        port: u16,
        address: &'a str,
        url: Option<String>,
    },
    Usage {
        service: &'a str,
        cpu_percent: Option<f64>,
        memory_bytes: u64,
    },
    Probe {
        run: RunKind,
        name: &'a str,
        passed: bool,
        answer: Cow<'a, str>,
    },
    Sync {
        service: &'a str,
        action: &'static str,
        paths: Vec<Path<'a>>,
        latency_ms: f64,
    },
    Restart {
        service: &'a str,
        synced: bool,
        signal: Option<&'a str>,
        killed: bool,
        paths: Vec<Path<'a>>,
        latency_ms: f64,
    },
    Rebuild {
        service: &'a str,
        paths: Vec<Path<'a>>,
        latency_ms: f64,
    },
}

#[derive(Serialize)]
struct Path<'a> {
    path: &'a str,
    target: Option<&'a str>,
    bytes: Option<u64>,
    gone: bool,
}

/// `event` as a line with its end. Pure.
fn line(event: &Event, now: SystemTime) -> String {
    let line = Line {
        schema_version: SCHEMA_VERSION,
        time: rfc3339(now),
        body: body(event),
    };
    // Strings, numbers and lists can always be written.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

fn body(event: &Event) -> Body<'_> {
    match event {
        Event::Note(text) => Body::Note { text: mask(text) },
        Event::Warning(text) => Body::Warning { text: mask(text) },
        Event::Phase(text) => Body::Phase { text: mask(text) },
        Event::BuildStarted { service } => Body::BuildStarted { service },
        Event::BuildStep { service, step } => Body::BuildStep {
            service,
            step: mask(step),
        },
        Event::BuildLog { service, line } => Body::BuildLog {
            service,
            line: mask(line),
        },
        Event::BuildDone {
            service,
            cached: (cached_steps, steps),
        } => Body::BuildDone {
            service,
            steps: *steps,
            cached_steps: *cached_steps,
        },
        Event::Pull {
            service,
            image,
            status,
        } => Body::Pull {
            service,
            image: mask(image),
            status,
        },
        Event::Container {
            run,
            service,
            change,
        } => {
            let (change, exit_code, grace_ms) = match change {
                Change::Started => ("started", None, None),
                Change::Healthy => ("healthy", None, None),
                Change::Unhealthy => ("unhealthy", None, None),
                Change::Exited(code) => ("exited", Some(*code), None),
                Change::Restarted => ("restarted", None, None),
                Change::Stopping(time) => ("stopping", None, Some(millis(*time))),
                Change::Stopped => ("stopped", None, None),
            };
            Body::Container {
                run: *run,
                service,
                change,
                exit_code,
                grace_ms,
            }
        }
        Event::Log {
            run,
            service,
            stderr,
            line,
        } => Body::Log {
            run: *run,
            service,
            stream: if *stderr { "stderr" } else { "stdout" },
            line: mask(line),
        },
        Event::Published {
            service,
            port,
            address,
            http,
        } => Body::Port {
            service,
            port: *port,
            address,
            url: http.then(|| format!("http://{address}")),
        },
        Event::Usage {
            service,
            cpu,
            memory,
        } => Body::Usage {
            service,
            cpu_percent: *cpu,
            memory_bytes: *memory,
        },
        Event::Probe {
            run,
            name,
            passed,
            answer,
        } => Body::Probe {
            run: *run,
            name,
            passed: *passed,
            answer: mask(answer),
        },
        Event::Synced {
            service,
            action,
            paths,
            took,
        } => synced(service, action, paths, millis(*took)),
    }
}

fn synced<'a>(
    service: &'a str,
    action: &'a Action,
    paths: &'a [Changed],
    latency_ms: f64,
) -> Body<'a> {
    let paths = paths.iter().map(|changed| Path {
        path: &changed.path,
        target: changed.target.as_deref(),
        bytes: changed.bytes,
        gone: changed.gone,
    });
    let paths = paths.collect();
    let action = match action {
        Action::Synced => "sync",
        Action::SyncedAndRan => "sync+exec",
        Action::Reconciled => "reconcile",
        Action::Restarted {
            synced,
            signal,
            killed,
        } => {
            return Body::Restart {
                service,
                synced: *synced,
                signal: signal.as_deref(),
                killed: *killed,
                paths,
                latency_ms,
            };
        }
        Action::Rebuilt => {
            return Body::Rebuild {
                service,
                paths,
                latency_ms,
            };
        }
    };
    Body::Sync {
        service,
        action,
        paths,
        latency_ms,
    }
}

/// Milliseconds with three places, which is what the clock is good for.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// `2026-11-25T13:16:18.123456Z`; the days are counted as in Howard Hinnant's `civil_from_days`.
fn rfc3339(time: SystemTime) -> String {
    // A clock before 1970 is no clock.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_micros()
    )
}

#[cfg(test)]
mod tests;
