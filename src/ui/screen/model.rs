//! What the screen shows, as a plain value that events change.

use std::time::{Duration, Instant};

use crate::event::{Action, Change, Event};

/// A start that comes so long after a restart was told belongs to it.
const SAME: Duration = Duration::from_secs(2);

/// All that is shown at the bottom.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Name of the app.
    pub app: String,
    /// Services, in the file's order.
    pub services: Vec<Service>,
    /// What the run is at: `starting`, `running`, `stopping`.
    pub phase: String,
    /// The service that keys act on.
    pub selected: Option<usize>,
    /// The service whose lines alone are shown.
    pub filter: Option<usize>,
    /// What keys do now.
    pub mode: Mode,
    /// An answer to the last key.
    pub answer: String,
    /// Whether there are keys: a terminal on stdin.
    pub keys: bool,
    /// Lines that a full view shows at once; the last drawing tells it.
    pub page: usize,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: State,
    /// A build or pull under way.
    pub busy: Option<String>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// The last thing done for changed files, and how long it took.
    pub last: Option<(&'static str, Duration)>,
    /// How often it was started again.
    pub restarts: usize,
    /// When it last started.
    pub started: Option<Instant>,
    /// Percent of one core.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}

/// Where a port is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Port in the container.
    pub port: u16,
    /// `127.0.0.1:8080`
    pub address: String,
    /// Whether a browser can open it.
    pub http: bool,
}

impl Port {
    /// For a browser.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// As it is shown in full.
    pub fn shown(&self) -> String {
        match self.http {
            true => self.url(),
            false => self.address.clone(),
        }
    }
}

/// What a service does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not started yet.
    #[default]
    Waiting,
    Running,
    Healthy,
    Unhealthy,
    Exited(i64),
    Stopping,
    Stopped,
}

/// What keys do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Commands.
    #[default]
    Normal,
    /// Choosing a service for a command.
    Choose {
        /// The command.
        what: Choice,
        /// Letters of the name that were typed.
        typed: String,
    },
    /// The keys are explained.
    Help,
    /// The text to search for is typed.
    Query(String),
    /// Lines with the text are shown.
    Found(Found),
}

/// What a service is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Restart,
    Rebuild,
    Filter,
    Open,
}

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What was searched for.
    pub text: String,
    /// Indices of lines that have it, oldest first.
    pub lines: Vec<usize>,
    /// Which of them is looked at.
    pub at: usize,
    /// The line in the middle of the view.
    pub middle: usize,
}

impl Model {
    /// The screen of an app before anything happened.
    pub fn new(app: &str, services: &[String], keys: bool) -> Self {
        let services = services.iter().map(|name| Service {
            name: name.clone(),
            ..Service::default()
        });
        Self {
            app: app.to_owned(),
            services: services.collect(),
            phase: "starting".to_owned(),
            keys,
            page: 10,
            ..Self::default()
        }
    }

    /// Index of a service.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.services
            .iter()
            .position(|service| service.name == name)
    }

    /// Whether a view covers the screen, so that log lines wait.
    pub fn covered(&self) -> bool {
        matches!(self.mode, Mode::Help | Mode::Found(_))
    }

    /// Takes in what happened. Pure.
    pub fn apply(&mut self, event: &Event, now: Instant) {
        if let Event::Phase(text) = event {
            self.phase.clone_from(text);
            return;
        }
        let Some(name) = about(event) else { return };
        let started = matches!(
            event,
            Event::Container {
                change: Change::Started,
                ..
            }
        );
        if started && self.phase == "starting" {
            self.phase = "running".to_owned();
        }
        let Some(index) = self.index(name) else {
            return;
        };
        if matches!(event, Event::Synced { .. }) {
            // What a key asked for is done.
            self.answer.clear();
        }
        self.services[index].apply(event, now);
    }
}

/// The service that an event is about.
fn about(event: &Event) -> Option<&str> {
    match event {
        Event::Note(_) | Event::Warning(_) | Event::Phase(_) | Event::Probe { .. } => None,
        Event::BuildStarted { service }
        | Event::BuildStep { service, .. }
        | Event::BuildLog { service, .. }
        | Event::BuildDone { service, .. }
        | Event::Pull { service, .. }
        | Event::Container { service, .. }
        | Event::Log { service, .. }
        | Event::Published { service, .. }
        | Event::Usage { service, .. }
        | Event::Synced { service, .. } => Some(service),
    }
}

impl Service {
    fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::BuildStarted { .. } => self.busy = Some("building".to_owned()),
            Event::BuildStep { step, .. } => {
                self.busy = Some(match step_number(step) {
                    Some(number) => format!("building {number}"),
                    None => "building".to_owned(),
                });
            }
            Event::BuildDone { .. } => self.busy = None,
            Event::Pull { .. } => self.busy = Some("pulling".to_owned()),
            Event::Container { change, .. } => self.change(change, now),
            Event::Published {
                port,
                address,
                http,
                ..
            } => {
                self.ports.retain(|known| known.port != *port);
                self.ports.push(Port {
                    port: *port,
                    address: address.clone(),
                    http: *http,
                });
            }
            Event::Usage { cpu, memory, .. } => {
                self.cpu = *cpu;
                self.memory = Some(*memory);
            }
            Event::Synced { action, took, .. } => {
                let word = match action {
                    Action::Synced | Action::SyncedAndRan | Action::Reconciled => "sync",
                    Action::Rebuilt => "rebuild",
                    Action::Restarted {
                        signal: Some(_), ..
                    } => "signal",
                    Action::Restarted { signal: None, .. } => {
                        // Where the engine restarted it, the start was counted already.
                        let within = *took + SAME;
                        if self.started.is_none_or(|at| now - at > within) {
                            self.restarts += 1;
                        }
                        "restart"
                    }
                };
                self.last = Some((word, *took));
            }
            Event::Note(_)
            | Event::Warning(_)
            | Event::Phase(_)
            | Event::Probe { .. }
            | Event::BuildLog { .. }
            | Event::Log { .. } => {}
        }
    }

    fn change(&mut self, change: &Change, now: Instant) {
        self.busy = None;
        self.state = match change {
            Change::Started => {
                self.restarts += usize::from(self.started.is_some());
                self.started = Some(now);
                State::Running
            }
            Change::Restarted => State::Running,
            Change::Healthy => State::Healthy,
            Change::Unhealthy => State::Unhealthy,
            Change::Exited(code) => State::Exited(*code),
            Change::Stopping(_) => State::Stopping,
            Change::Stopped => State::Stopped,
        };
        if !self.runs() {
            self.cpu = None;
            self.memory = None;
        }
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        matches!(
            self.state,
            State::Running | State::Healthy | State::Unhealthy | State::Stopping
        )
    }

    /// Whether somebody should look at it.
    pub fn is_wrong(&self) -> bool {
        match self.state {
            State::Unhealthy => true,
            State::Exited(code) => code != 0,
            _ => false,
        }
    }

    /// What it does, in words.
    pub fn doing(&self) -> String {
        if let Some(busy) = &self.busy {
            return busy.clone();
        }
        match self.state {
            State::Waiting => "waiting".to_owned(),
            State::Running => "running".to_owned(),
            State::Healthy => "healthy".to_owned(),
            State::Unhealthy => "unhealthy".to_owned(),
            State::Exited(code) => format!("exited {code}"),
            State::Stopping => "stopping".to_owned(),
            State::Stopped => "stopped".to_owned(),
        }
    }

    /// The first address for a browser.
    pub fn url(&self) -> Option<String> {
        self.ports
            .iter()
            .find(|port| port.http)
            .map(|port| port.url())
    }
}

/// `3/4` of `[build 3/4] RUN npm ci`; none of steps of the engine itself.
fn step_number(step: &str) -> Option<&str> {
    let inside = step.strip_prefix('[')?.split_once(']')?.0;
    let last = inside.rsplit(' ').next()?;
    last.contains('/').then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::RunKind;

    fn changed(change: Change) -> Event {
        Event::Container {
            run: RunKind::Dev,
            service: "web".to_owned(),
            change,
        }
    }

    fn synced(action: Action, millis: u64) -> Event {
        Event::Synced {
            service: "web".to_owned(),
            action,
            paths: Vec::new(),
            took: Duration::from_millis(millis),
        }
    }

    const RESTARTED: Action = Action::Restarted {
        synced: false,
        signal: None,
        killed: false,
    };

    #[test]
    fn a_restart_is_counted_once_whoever_makes_it() {
        let begin = Instant::now();
        let mut model = Model::new("shop", &["web".to_owned()], true);
        let mut at = |seconds, event: &Event| {
            model.apply(event, begin + Duration::from_secs(seconds));
            model.services[0].restarts
        };
        assert_eq!(at(0, &changed(Change::Started)), 0);
        // By the engine: first the start is seen, then the restart is told.
        assert_eq!(at(60, &changed(Change::Started)), 1);
        assert_eq!(at(61, &synced(RESTARTED, 900)), 1);
        // By the agent: the container goes on.
        assert_eq!(at(100, &synced(RESTARTED, 50)), 2);
        assert_eq!(at(110, &synced(Action::Synced, 5)), 2);
        // By itself.
        assert_eq!(at(120, &changed(Change::Exited(1))), 2);
        assert_eq!(at(121, &changed(Change::Started)), 3);
        let signal = Action::Restarted {
            synced: true,
            signal: Some("SIGHUP".to_owned()),
            killed: false,
        };
        assert_eq!(at(200, &synced(signal, 5)), 3);
        assert_eq!(
            model.services[0].last,
            Some(("signal", Duration::from_millis(5)))
        );
    }

    #[test]
    fn states_follow_the_container_and_a_build_covers_them() {
        let now = Instant::now();
        let mut model = Model::new("shop", &["web".to_owned()], true);
        let mut after = |event: Event| {
            model.apply(&event, now);
            model.services[0].doing()
        };
        let web = || "web".to_owned();
        assert_eq!(
            after(Event::BuildStep {
                service: web(),
                step: "[internal] load".to_owned()
            }),
            "building"
        );
        assert_eq!(
            after(Event::BuildStep {
                service: web(),
                step: "[build 3/4] RUN npm ci".to_owned()
            }),
            "building 3/4"
        );
        assert_eq!(
            after(Event::BuildDone {
                service: web(),
                cached: (0, 4)
            }),
            "waiting"
        );
        assert_eq!(after(changed(Change::Started)), "running");
        assert_eq!(after(changed(Change::Unhealthy)), "unhealthy");
        assert_eq!(
            after(Event::Usage {
                service: web(),
                cpu: Some(1.0),
                memory: 5
            }),
            "unhealthy"
        );
        assert_eq!(after(changed(Change::Exited(137))), "exited 137");
        assert_eq!(
            (model.services[0].cpu, model.services[0].memory),
            (None, None)
        );
        assert!(model.services[0].is_wrong());
        assert_eq!(model.phase, "running");
        model.apply(&Event::Phase("stopping".to_owned()), now);
        assert_eq!(model.phase, "stopping");
        // A service that is not shown changes nothing.
        model.apply(
            &Event::BuildStarted {
                service: "other".to_owned(),
            },
            now,
        );
        assert_eq!(model.services.len(), 1);
    }

    #[test]
    fn a_port_that_moved_is_shown_once() {
        let mut model = Model::new("shop", &["web".to_owned()], true);
        for address in ["127.0.0.1:1000", "127.0.0.1:2000"] {
            let event = Event::Published {
                service: "web".to_owned(),
                port: 80,
                address: address.to_owned(),
                http: true,
            };
            model.apply(&event, Instant::now());
        }
        assert_eq!(model.services[0].ports.len(), 1);
        assert_eq!(
            model.services[0].url().as_deref(),
            Some("http://127.0.0.1:2000")
        );
    }
}
