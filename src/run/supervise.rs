//! Starts containers in the order that [`crate::plan::start`] decides, and keeps their states.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use indexmap::IndexMap;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::hooks;
use super::logs::Follower;
use super::{RunError, Session};
use crate::app::{App, Service};
use crate::engine::{ContainerSpec, EngineEvent, EventStream};
use crate::event::{Change, Event};
use crate::labels;
use crate::plan::start::{Decision, State, decide};

/// Container id of each service; a rebuilt service gets another one.
type Ids = Arc<Mutex<HashMap<String, String>>>;

/// States of all services of a run.
pub type States = IndexMap<String, State>;

/// Follows the engine's events for the containers of one run.
pub struct Supervisor {
    states: Arc<watch::Sender<States>>,
    oom: Arc<watch::Sender<Vec<String>>>,
    ids: Ids,
    session: Session,
    hushed: Arc<AtomicBool>,
    before: HashMap<String, Vec<ContainerSpec>>,
    held: HashMap<String, Duration>,
    pump: JoinHandle<()>,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Supervisor {
    /// Begins to follow `containers` (service and container id), all of them created and not
    /// started. `events` must have been subscribed to before. Every line of the logs of the services
    /// `logs` becomes an event.
    pub fn new(
        session: &Session,
        events: EventStream,
        containers: &[(String, String)],
        logs: HashSet<String>,
    ) -> Self {
        let pending = containers
            .iter()
            .map(|(service, _)| (service.clone(), State::Pending));
        let states = Arc::new(watch::Sender::new(pending.collect::<States>()));
        let oom = Arc::new(watch::Sender::new(Vec::new()));
        let ids: Ids = Arc::new(Mutex::new(containers.iter().cloned().collect()));
        let hushed = Arc::new(AtomicBool::new(false));
        let pump = Pump {
            session: session.clone(),
            states: states.clone(),
            oom: oom.clone(),
            ids: ids.clone(),
            hushed: hushed.clone(),
            shown: logs,
            logs: Follower::default(),
        };
        let pump = tokio::spawn(pump.run(events));
        Self {
            states,
            oom,
            ids,
            session: session.clone(),
            hushed,
            before: HashMap::new(),
            held: HashMap::new(),
            pump,
        }
    }

    /// Runs `containers` to their ends, one after the other, before `service` is started.
    pub fn before(&mut self, service: &str, containers: Vec<ContainerSpec>) {
        self.before.insert(service.to_owned(), containers);
    }

    /// Starts `service` no sooner than `wait` after the first start.
    pub fn hold_back(&mut self, service: &str, wait: Duration) {
        self.held.insert(service.to_owned(), wait);
    }

    /// The states, to wait for changes.
    pub fn watch(&self) -> watch::Receiver<States> {
        self.states.subscribe()
    }

    /// The states now.
    pub fn states(&self) -> States {
        self.states.borrow().clone()
    }

    /// Services that the engine reported as out of memory.
    pub fn out_of_memory(&self) -> Vec<String> {
        self.oom.borrow().clone()
    }

    /// Starts every pending service as soon as its dependencies allow. Returns when each runs, has
    /// ended or never will; earlier when `ended` says that the run is over, or on Ctrl-C.
    ///
    /// A container that the engine cannot start gets the state `Never`.
    pub async fn start_all(
        &self,
        app: &App,
        ended: impl Fn(&States) -> bool,
    ) -> Result<(), RunError> {
        let mut changes = self.watch();
        let mut starting = FuturesUnordered::new();
        let mut busy: Vec<String> = Vec::new();
        let begun = Instant::now();
        loop {
            let mut held_until = None;
            if self.session.cancel.requested() {
                return Err(RunError::Interrupted);
            }
            let mut states = changes.borrow_and_update().clone();
            // A service whose `post_start` commands still run is not there yet.
            for name in &busy {
                if let Some(state @ State::Running { .. }) = states.get_mut(name) {
                    *state = State::Starting;
                }
            }
            if ended(&states) {
                return Ok(());
            }
            let mut open = false;
            for (name, state) in &states {
                if *state == State::Starting {
                    open = true;
                }
                if *state != State::Pending {
                    continue;
                }
                open = true;
                let Some(service) = app.services.get(name) else {
                    continue;
                };
                match decide(service, &states) {
                    Decision::Wait => {}
                    Decision::Never(reason) => self.set(name, State::Never { reason }),
                    Decision::Start
                        if self
                            .held
                            .get(name)
                            .is_some_and(|wait| begun.elapsed() < *wait) =>
                    {
                        let until = begun + self.held[name];
                        let next = held_until.map_or(until, |other: Instant| other.min(until));
                        held_until = Some(next);
                    }
                    Decision::Start => {
                        self.set(name, State::Starting);
                        busy.push(name.clone());
                        starting.push(self.start(service));
                    }
                }
            }
            if !open && starting.is_empty() {
                return Ok(());
            }
            tokio::select! {
                _ = changes.changed() => {}
                Some((name, result)) = starting.next(), if !starting.is_empty() => {
                    busy.retain(|other| *other != name);
                    self.started(&name, result);
                }
                () = tokio::time::sleep_until(held_until.unwrap_or(begun)), if held_until.is_some() => {}
                () = self.session.cancel.wait() => return Err(RunError::Interrupted),
            }
        }
    }

    /// Emits no more events: what ends from now on was stopped by us.
    pub fn hush(&self) {
        self.hushed.store(true, Ordering::Relaxed);
    }

    /// Follows another container for `service` from now on.
    pub fn replace(&self, service: &str, id: &str) {
        lock(&self.ids).insert(service.to_owned(), id.to_owned());
    }

    async fn start(&self, service: &Service) -> (String, Result<(), String>) {
        let name = service.name.clone();
        let id = lock(&self.ids).get(&name).cloned().unwrap_or_default();
        let starting = async {
            for spec in self.before.get(&name).into_iter().flatten() {
                hooks::to_the_end(&self.session, spec).await?;
            }
            let started = self.session.engine.start(&id).await;
            started.map_err(|error| error.to_string())?;
            hooks::post_start(&self.session, service, &id).await
        };
        let result = starting.await;
        (name, result)
    }

    fn started(&self, name: &str, result: Result<(), String>) {
        self.states.send_if_modified(|states| {
            let Some(state) = states.get_mut(name) else {
                return false;
            };
            match (&*state, result) {
                (State::Starting, Ok(())) => *state = State::Running { healthy: None },
                // The event was faster.
                (_, Ok(())) => return false,
                (_, Err(reason)) => *state = State::Never { reason },
            }
            true
        });
    }

    fn set(&self, name: &str, state: State) {
        self.states.send_modify(|states| {
            states.insert(name.to_owned(), state);
        });
    }
}

/// A map of ids is never left half changed, so a poisoned lock holds no harm.
fn lock(ids: &Ids) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
    ids.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Between two tries to get the engine's events again, and how long until who waits for a start is told.
const AGAIN: Duration = Duration::from_millis(200);
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Turns engine events into states.
struct Pump {
    session: Session,
    states: Arc<watch::Sender<States>>,
    oom: Arc<watch::Sender<Vec<String>>>,
    ids: Ids,
    hushed: Arc<AtomicBool>,
    /// Services whose logs are followed.
    shown: HashSet<String>,
    logs: Follower,
}

impl Pump {
    async fn run(self, mut events: EventStream) {
        loop {
            while let Some(Ok(event)) = events.next().await {
                self.take(&event);
            }
            events = self.again().await;
            self.look().await;
        }
    }

    /// The connection to the engine was cut: events from now on, as soon as it answers again.
    async fn again(&self) -> EventStream {
        let begun = Instant::now();
        loop {
            if let Ok(events) = self
                .session
                .engine
                .events(&self.session.labels.filter())
                .await
            {
                return events;
            }
            if begun.elapsed() > GIVEN_UP {
                // Whoever waits for a start would wait for ever.
                self.states.send_modify(|states| {
                    for state in states.values_mut() {
                        if matches!(state, State::Pending | State::Starting) {
                            *state = State::Never {
                                reason: "the engine's events ended".to_owned(),
                            };
                        }
                    }
                });
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Finds out what happened while there were no events.
    async fn look(&self) {
        let ids = lock(&self.ids).clone();
        for (service, id) in ids {
            let now = match self.session.engine.inspect(&id).await {
                Ok(Some(now)) => now,
                // Whatever happens next is told by an event.
                Ok(None) | Err(_) => continue,
            };
            if now.running && self.shown.contains(&service) {
                self.logs.started(&self.session, &service, &id);
            }
            self.states.send_modify(|states| {
                let Some(state) = states.get_mut(&service) else {
                    return;
                };
                match (now.running, &*state) {
                    // It may have been restarted, so whoever follows it looks, too.
                    (true, State::Exited { .. }) => *state = State::Running { healthy: None },
                    (false, State::Running { .. }) => {
                        *state = State::Exited {
                            code: now.exit_code,
                        };
                    }
                    _ => {}
                }
            });
        }
    }

    fn take(&self, event: &EngineEvent) {
        let Some(service) = event.labels.get(labels::SERVICE) else {
            return;
        };
        // A rebuilt service has a new container; the old one's end is no news.
        if lock(&self.ids)
            .get(service)
            .is_none_or(|id| *id != event.id)
        {
            return;
        }
        let change = match event.action.as_str() {
            "start" => Change::Started,
            "health_status: healthy" => Change::Healthy,
            "health_status: unhealthy" => Change::Unhealthy,
            "die" => Change::Exited(event.exit_code.unwrap_or(-1)),
            "oom" => {
                return self
                    .oom
                    .send_modify(|services| services.push(service.clone()));
            }
            _ => return,
        };
        if matches!(change, Change::Started) && self.shown.contains(service) {
            self.logs.started(&self.session, service, &event.id);
        }
        let state = match &change {
            Change::Healthy => State::Running {
                healthy: Some(true),
            },
            Change::Unhealthy => State::Running {
                healthy: Some(false),
            },
            Change::Exited(code) => State::Exited { code: *code },
            _ => State::Running { healthy: None },
        };
        self.states.send_modify(|states| {
            states.insert(service.clone(), state);
        });
        if !self.hushed.load(Ordering::Relaxed) {
            self.session.emit(Event::Container {
                run: self.session.labels.run,
                service: service.clone(),
                change,
            });
        }
    }
}
