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
mod tests {
    use std::collections::BTreeSet;

    use boon::{Compiler, Schemas};
    use serde_json::Value;

    use super::*;

    /// One of every kind. The match has no catch-all: whoever adds a kind is told to come here.
    fn kind(event: &Event) -> usize {
        match event {
            Event::Note(_) => 0,
            Event::Warning(_) => 1,
            Event::Phase(_) => 2,
            Event::BuildStarted { .. } => 3,
            Event::BuildStep { .. } => 4,
            Event::BuildLog { .. } => 5,
            Event::BuildDone { .. } => 6,
            Event::Pull { .. } => 7,
            Event::Container { .. } => 8,
            Event::Log { .. } => 9,
            Event::Published { .. } => 10,
            Event::Usage { .. } => 11,
            Event::Probe { .. } => 12,
            Event::Synced { .. } => 13,
        }
    }
    const KINDS: usize = 14;

    fn samples() -> Vec<Event> {
        let service = || "web".to_owned();
        let mut all = vec![
            Event::Note("n".into()),
            Event::Warning("w".into()),
            Event::Phase("p".into()),
            Event::BuildStarted { service: service() },
            Event::BuildStep {
                service: service(),
                step: "[1/2] RUN".into(),
            },
            Event::BuildLog {
                service: service(),
                line: "l".into(),
            },
            Event::BuildDone {
                service: service(),
                cached: (1, 2),
            },
            Event::Pull {
                service: service(),
                image: "redis:7".into(),
                status: "Downloading".into(),
            },
            Event::Log {
                run: RunKind::Dev,
                service: service(),
                stderr: true,
                line: "said \"\u{1b}[1m\"".into(),
            },
            Event::Published {
                service: service(),
                port: 80,
                address: "127.0.0.1:8080".into(),
                http: true,
            },
            Event::Published {
                service: service(),
                port: 5432,
                address: "127.0.0.1:5432".into(),
                http: false,
            },
            Event::Usage {
                service: service(),
                cpu: None,
                memory: 1,
            },
            Event::Usage {
                service: service(),
                cpu: Some(12.5),
                memory: 1,
            },
            Event::Probe {
                run: RunKind::Compare,
                name: "p".into(),
                passed: true,
                answer: "status 200".into(),
            },
        ];
        let changes = [
            Change::Started,
            Change::Healthy,
            Change::Unhealthy,
            Change::Exited(137),
            Change::Restarted,
            Change::Stopping(Duration::from_secs(10)),
            Change::Stopped,
        ];
        all.extend(changes.map(|change| Event::Container {
            run: RunKind::Dev,
            service: service(),
            change,
        }));
        let actions = [
            Action::Synced,
            Action::SyncedAndRan,
            Action::Reconciled,
            Action::Rebuilt,
            Action::Restarted {
                synced: true,
                signal: Some("SIGHUP".into()),
                killed: false,
            },
            Action::Restarted {
                synced: false,
                signal: None,
                killed: true,
            },
        ];
        all.extend(actions.map(|action| Event::Synced {
            service: service(),
            action,
            paths: vec![
                Changed {
                    path: "src/a.js".into(),
                    target: Some("/app/src/a.js".into()),
                    bytes: Some(12),
                    gone: false,
                },
                Changed {
                    path: "src/b.js".into(),
                    target: None,
                    bytes: None,
                    gone: true,
                },
            ],
            took: Duration::from_micros(12_345),
        }));
        all
    }

    fn parsed(event: &Event) -> Value {
        let text = line(event, UNIX_EPOCH);
        assert_eq!(text.find('\n'), Some(text.len() - 1));
        serde_json::from_str(&text).expect("a line is JSON")
    }

    #[test]
    fn every_event_is_as_the_schema_says_and_has_no_key_that_it_does_not_name() {
        let schema: Value = serde_json::from_str(super::super::EVENTS_SCHEMA).expect("JSON");
        let mut compiler = Compiler::new();
        compiler
            .add_resource("events.schema.json", schema.clone())
            .expect("a schema");
        let mut schemas = Schemas::new();
        let index = compiler
            .compile("events.schema.json", &mut schemas)
            .expect("a schema");
        let mut kinds = BTreeSet::new();
        let mut names = BTreeSet::new();
        for event in samples() {
            let value = parsed(&event);
            if let Err(error) = schemas.validate(&value, index) {
                panic!("{error:#}\n{value:#}");
            }
            kinds.insert(kind(&event));
            let name = value["event"].as_str().expect("a name").to_owned();
            let own = &schema["$defs"][&name]["properties"];
            for key in value.as_object().expect("an object").keys() {
                let known = schema["properties"].get(key).or(own.get(key));
                assert!(known.is_some(), "`{key}` of `{name}` is not in the schema");
            }
            names.insert(name);
        }
        assert_eq!(kinds, (0..KINDS).collect());
        let told: BTreeSet<String> = schema["properties"]["event"]["enum"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        assert_eq!(names, told);
        // What it must refuse.
        let mut wrong = parsed(&samples()[0]);
        wrong["event"] = "nothing".into();
        assert!(schemas.validate(&wrong, index).is_err());
        let mut wrong = parsed(&samples()[4]);
        wrong["step"] = 1.into();
        assert!(schemas.validate(&wrong, index).is_err());
    }

    #[test]
    fn a_sync_tells_its_paths_and_its_latency_with_a_fraction() {
        let synced = samples()
            .into_iter()
            .find(|event| kind(event) == 13)
            .expect("one");
        let text = line(
            &synced,
            UNIX_EPOCH + Duration::from_micros(1_795_612_578_000_042),
        );
        assert_eq!(
            text,
            "{\"schema_version\":1,\"time\":\"2026-11-25T13:16:18.000042Z\",\"event\":\"sync\",\
             \"service\":\"web\",\"action\":\"sync\",\"paths\":[{\"path\":\"src/a.js\",\
             \"target\":\"/app/src/a.js\",\"bytes\":12,\"gone\":false},{\"path\":\"src/b.js\",\
             \"target\":null,\"bytes\":null,\"gone\":true}],\"latency_ms\":12.345}\n"
        );
    }

    #[test]
    fn no_password_is_written() {
        let secret = "postgres://shop:hunter2@db/shop";
        for event in [
            Event::Warning(secret.into()),
            Event::BuildLog {
                service: "web".into(),
                line: secret.into(),
            },
            Event::Log {
                run: RunKind::Dev,
                service: "web".into(),
                stderr: false,
                line: secret.into(),
            },
        ] {
            let text = line(&event, UNIX_EPOCH);
            assert!(
                !text.contains("hunter2") && text.contains("shop:"),
                "{text}"
            );
        }
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_825_601), "2000-02-29T12:00:01.000000Z");
        assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59.000000Z");
        assert_eq!(at(1_735_689_600), "2025-01-01T00:00:00.000000Z");
    }
}
