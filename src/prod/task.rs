//! One task: its holder, its containers, and what was seen of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::future::{join_all, try_join_all};
use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::plan::{self, Limits, Surroundings, TaskPlan};
use super::translate;
use crate::app::App;
use crate::engine::{AddressPool, ContainerState, EngineError, LogOptions, NetworkSpec};
use crate::event::Event;
use crate::evidence::{
    ContainerEnd, ContainerSeen, HealthAttempt, Lookup, LookupOutcome, MemorySeen, StopSeen,
    TaskMemory, TaskSeen,
};
use crate::mask::mask;
use crate::plan::start::{self, State};
use crate::run::address::free_range;
use crate::run::image::Image;
use crate::run::listeners::Socket;
use crate::run::probe::Targets;
use crate::run::supervise::{States, Supervisor};
use crate::run::{RunError, Session, agent, listeners, logs, stop};
use crate::wire;

/// The holder is ready within milliseconds; a slow engine needs seconds to start it.
const HOLDER_DEADLINE: Duration = Duration::from_secs(30);
/// Attempts to find a free address range: another program can take one in between.
const NETWORK_ATTEMPTS: usize = 8;
/// How long a container without probe and health check must run to be taken for a server. A program
/// that cannot find its database or its files mostly gives up sooner.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a health check may take to say something; ECS allows a start period of 300 s.
const HEALTH_DEADLINE: Duration = Duration::from_secs(60);
/// Exit code of a process that was killed with SIGKILL.
const KILLED: i64 = 137;
/// Log lines that are kept of each container.
const KEPT_LINES: usize = 60;

/// A task id as ECS makes them: 32 hexadecimal digits.
pub fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seed = format!(
        "{now:?} {} {}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    Sha256::digest(seed)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A running task.
pub struct Task<'a> {
    session: Session,
    app: &'a App,
    plan: TaskPlan,
    holder: plan::Holder,
    containers: Vec<(String, String)>,
    supervisor: Supervisor,
    limits: String,
    /// STOPSIGNAL of each service's image that has one.
    signals: HashMap<String, String>,
}

impl<'a> Task<'a> {
    /// Makes the task's network and fixes what it is made of.
    ///
    /// What was made carries the session's labels; the caller removes it, also after an error.
    pub async fn plan(
        session: &Session,
        app: &App,
        surroundings: &Surroundings,
        region: String,
    ) -> Result<TaskPlan, RunError> {
        agent::ensure(session).await?;
        let id = session.labels.task.clone().unwrap_or_default();
        let info = session.engine.info().await?;
        let limits = Limits::choose(&id, &info.cgroup_driver, info.rootless);
        make_network(session, app, surroundings, region, limits).await
    }

    /// Makes the task's holder and its containers, none of them started yet.
    pub async fn create(
        session: &Session,
        app: &'a App,
        plan: TaskPlan,
        images: &IndexMap<String, Image>,
        show_logs: bool,
    ) -> Result<Self, RunError> {
        let image_has = |name: &str| {
            let image = images.get(name);
            image.is_some_and(|image| image.info.config.healthcheck.is_some())
        };
        start::health_checks(app, image_has).map_err(RunError::from)?;
        let volume_labels = session.labels.of("volume", None);
        let options = BTreeMap::new();
        let volume = session
            .engine
            .create_volume(&plan.resolv_volume, &volume_labels, None, &options)
            .await?;

        let holder = session
            .engine
            .create_container(&plan.holder(app, agent::IMAGE))
            .await?;
        session.engine.start(&holder).await?;
        let said = holder_ready(session, &plan, &holder).await?;
        let limits = said.limits;
        let holder = plan::Holder {
            id: holder,
            resolv: volume.mountpoint,
            limited: said.limited,
            files: said.files,
        };

        let events = session.engine.events(&session.labels.filter()).await?;
        let made = app.services.values().map(|service| {
            let image = &images[&service.name];
            let spec = plan.container(
                app,
                service,
                &image.info.id,
                &image.info.config.volumes,
                &holder,
            );
            async move {
                let id = session.engine.create_container(&spec).await?;
                Ok::<_, EngineError>((service.name.clone(), id))
            }
        });
        let containers = try_join_all(made).await?;
        let shown = containers.iter().filter(|_| show_logs);
        let shown = shown.map(|(name, _)| name.clone()).collect();
        let supervisor = Supervisor::new(session, events, &containers, shown);
        let signals = images
            .iter()
            .filter_map(|(name, image)| {
                Some((name.clone(), image.info.config.stop_signal.clone()?))
            })
            .collect();
        Ok(Self {
            signals,
            session: session.clone(),
            app,
            plan,
            holder,
            containers,
            supervisor,
            limits,
        })
    }

    /// Starts `service` only when `wait` is over, if it is of this task.
    pub fn hold_back(&mut self, service: &str, wait: Duration) {
        if self.app.services.contains_key(service) {
            self.supervisor.hold_back(service, wait);
        }
    }

    /// Starts the containers in ECS's order. Returns when each of them runs or has ended, or when an
    /// essential one has. Separate from [`Task::create`] so that the images can be looked into
    /// through the containers before anything runs in them.
    pub async fn run(&self) -> Result<(), RunError> {
        self.supervisor
            .start_all(self.app, |states| self.ended(states).is_some())
            .await
    }

    /// Container of each service.
    pub fn containers(&self) -> &[(String, String)] {
        &self.containers
    }

    /// The task's address on its own network.
    pub fn address(&self) -> String {
        self.plan.network.address.to_string()
    }

    /// How probes reach the task: every port is the holder's.
    pub async fn targets(&self) -> Result<Targets, RunError> {
        let state = self.session.engine.inspect(&self.holder.id).await?;
        let ports = state.map(|state| state.ports).unwrap_or_default();
        let mut targets = Targets {
            containers: self.containers.iter().cloned().collect(),
            ..Targets::default()
        };
        for port in ports.iter().filter(|port| port.protocol == "tcp") {
            for service in self.app.services.keys() {
                let address = (port.address.clone(), port.host);
                targets
                    .ports
                    .insert((service.clone(), port.container), address);
            }
        }
        Ok(targets)
    }

    /// The listening sockets of the task, and the service of each where that can be told.
    ///
    /// # Errors
    /// The engine's.
    pub async fn listeners(&self) -> Result<Vec<(Option<String>, Socket)>, RunError> {
        let ids: Vec<String> = self.containers.iter().map(|(_, id)| id.clone()).collect();
        let found = listeners::of_containers(&self.session, "task", &self.holder.id, &ids).await?;
        let service = |socket: &Socket| {
            let mut all = self.containers.iter();
            let own = all.find(|(_, id)| socket.owner.as_ref() == Some(id));
            own.map(|(service, _)| service.clone())
        };
        let found = found.into_iter();
        Ok(found.map(|socket| (service(&socket), socket)).collect())
    }

    /// Why the task is over by itself; none while it is not.
    pub fn over(&self) -> Option<String> {
        self.ended(&self.supervisor.states())
    }

    fn ended(&self, states: &States) -> Option<String> {
        states.iter().find_map(|(name, state)| {
            let essential = self.app.essential(self.app.services.get(name)?);
            match state {
                State::Exited { code } if essential => Some(format!(
                    "the essential container `{name}` exited with code {code}"
                )),
                State::Never { .. } if essential => {
                    Some(format!("the essential container `{name}` did not start"))
                }
                _ => None,
            }
        })
    }

    /// Waits until the task can be judged: a container that no passed probe vouches for must run for a
    /// while, or its health check must say something. `vouched` are the services whose probes
    /// passed; what they depend on is vouched for by them.
    pub async fn settle(&self, vouched: &[String]) {
        let unsure = plan::unvouched(self.app, vouched);
        if unsure.is_empty() {
            return;
        }
        let checked = |name: &str| {
            let service = self.app.services.get(name);
            service.is_some_and(|service| {
                service
                    .healthcheck
                    .as_ref()
                    .is_some_and(|check| !check.disable)
            })
        };
        let decided = |states: &States, with_health: bool| {
            self.ended(states).is_some()
                || unsure
                    .iter()
                    .filter(|name| checked(name) == with_health)
                    .all(|name| {
                        !matches!(
                            states.get(name.as_str()),
                            Some(State::Starting | State::Running { healthy: None })
                        )
                    })
        };
        let mut states = self.supervisor.watch();
        // Neither the sender nor the engine's events end before the task does.
        let _ =
            tokio::time::timeout(SETTLE, states.wait_for(|states| decided(states, false))).await;
        let _ = tokio::time::timeout(
            HEALTH_DEADLINE,
            states.wait_for(|states| decided(states, true)),
        )
        .await;
    }

    /// Stops the task as ECS does and tells what was seen of it.
    pub async fn finish(self) -> Result<TaskSeen, RunError> {
        let states = self.supervisor.states();
        let over = self.over();
        let running: Vec<(String, String)> = self
            .containers
            .iter()
            .filter(|(name, _)| {
                matches!(
                    states.get(name),
                    Some(State::Running { .. } | State::Starting)
                )
            })
            .cloned()
            .collect();
        let memory = self.memory_of(&running).await;
        // One container of the task has ended and the task with it: the others are stopped, and an
        // exit that comes of it is none of their own doing.
        self.supervisor.hush();
        let stopped = stop::stop_all(&self.session, self.app, &running, |name| {
            let service = self.app.services.get(name);
            stop::Manner {
                timeout: service.map_or(stop::ECS_STOP_TIMEOUT, plan::stop_timeout),
                // A task definition has no field for the signal: the image's STOPSIGNAL counts.
                signal: None,
            }
        })
        .await;
        let looking_back = join_all(self.containers.iter().map(|(name, id)| {
            let stop = stopped.iter().find(|stop| stop.service == *name);
            self.look_back(name, id, &states, stop)
        }));
        let counting = async {
            // The holder writes the exact counts when it is stopped.
            self.session.engine.stop(&self.holder.id, 5, None).await?;
            self.said_by_holder().await
        };
        let (mut seen, said) = tokio::join!(looking_back, counting);
        let (lookups, task_memory) = said?;
        for container in &mut seen {
            container.memory = memory.get(&container.service).copied();
            by_task(container, task_memory.as_ref());
        }
        Ok(TaskSeen {
            id: self.plan.labels.task.clone().unwrap_or_default(),
            address: self.address(),
            containers: seen,
            lookups,
            limits: self.limits,
            memory: task_memory.into_iter().collect(),
            stopped_reason: over.map(|_| "Essential container in task exited".to_owned()),
        })
    }

    /// The memory of containers that still run, as far as the engine tells.
    async fn memory_of(&self, running: &[(String, String)]) -> HashMap<String, MemorySeen> {
        let all = running.iter().map(|(name, id)| async move {
            let memory = self.session.engine.memory(id).await.ok().flatten()?;
            let seen = MemorySeen {
                used: memory.used,
                peak: memory.peak,
            };
            Some((name.clone(), seen))
        });
        join_all(all).await.into_iter().flatten().collect()
    }

    async fn look_back(
        &self,
        name: &str,
        id: &str,
        states: &States,
        stop: Option<&stop::Stopped>,
    ) -> ContainerSeen {
        let log = logs::read_back(&self.session, id, KEPT_LINES).await;
        let inspected = self.session.engine.inspect(id).await.ok().flatten();
        let end = match states.get(name) {
            Some(State::Exited { code }) => {
                let killed = inspected.as_ref().is_some_and(|state| state.oom_killed);
                // With cgroup v1 the event comes for every container of a task that is full.
                let out_of_memory = killed
                    || *code == KILLED
                        && self
                            .supervisor
                            .out_of_memory()
                            .iter()
                            .any(|other| other == name);
                ContainerEnd::Exited {
                    code: *code,
                    out_of_memory,
                }
            }
            Some(State::Never { reason }) => ContainerEnd::NotStarted {
                reason: format!("CannotStartContainerError: {reason}"),
            },
            Some(State::Pending) => ContainerEnd::NotStarted {
                reason: "the task stopped before its dependencies were there".to_owned(),
            },
            _ => ContainerEnd::Running,
        };
        let waited = matches!(states.get(name), Some(State::Pending));
        let essential = self
            .app
            .services
            .get(name)
            .is_some_and(|service| self.app.essential(service));
        ContainerSeen {
            service: name.to_owned(),
            // One that only waited is not the cause of anything.
            essential: essential && !waited,
            end,
            unhealthy: matches!(
                states.get(name),
                Some(State::Running {
                    healthy: Some(false)
                })
            ),
            last_lines: log.last,
            complaints: log.complaints,
            health_log: health_log(inspected.as_ref()),
            memory: None,
            stop: match stop {
                Some(stop) => self.stop_seen(id, stop).await,
                None => None,
            },
        }
    }

    /// When the container of each service was started, in milliseconds since 1970.
    async fn starts(&self) -> Result<HashMap<String, u64>, RunError> {
        let all = self.containers.iter().map(|(service, id)| async move {
            let state = self.session.engine.inspect(id).await?;
            let started = state.and_then(|state| state.started_milliseconds());
            Ok::<_, EngineError>(started.map(|started| (service.clone(), started)))
        });
        Ok(try_join_all(all).await?.into_iter().flatten().collect())
    }

    /// How a container took its stop; none when it was cut short, or when the engine does not tell.
    async fn stop_seen(&self, id: &str, stop: &stop::Stopped) -> Option<StopSeen> {
        /// 128 + SIGKILL.
        const KILLED: i64 = 137;
        if self.session.cancel.at_once() {
            return None;
        }
        let state = self.session.engine.inspect(id).await.ok().flatten()?;
        let signal = self.signals.get(&stop.service).cloned();
        Some(StopSeen {
            signal: signal.unwrap_or_else(|| "SIGTERM".to_owned()),
            timeout_seconds: stop.timeout.as_secs(),
            milliseconds: stop.took.as_millis() as u64,
            exit_code: state.exit_code,
            killed: state.exit_code == KILLED && stop.took >= stop.timeout && !state.oom_killed,
            main_process: stop
                .main_process
                .as_deref()
                .map(|line| mask(line).into_owned()),
        })
    }

    /// DNS questions with their last counts, and the memory of the whole task.
    async fn said_by_holder(&self) -> Result<(Vec<Lookup>, Option<TaskMemory>), RunError> {
        let mut lines = self
            .session
            .engine
            .logs(&self.holder.id, LogOptions::default());
        let mut questions: HashMap<wire::Question, (u64, Option<u64>)> = HashMap::new();
        let mut memory = None;
        while let Some(chunk) = lines.next().await {
            match wire::Event::decode(&chunk?.line) {
                Some(wire::Event::Lookup {
                    question,
                    count,
                    first,
                }) => {
                    questions.insert(question, (count, first));
                }
                Some(wire::Event::Memory { limit, peak, kills }) => {
                    memory = Some(TaskMemory {
                        task: String::new(),
                        limit,
                        peak,
                        kills,
                    });
                }
                Some(wire::Event::Problem { what }) => {
                    self.session
                        .emit(Event::Warning(format!("the task's holder: {what}")));
                }
                _ => {}
            }
        }
        let starts = self.starts().await?;
        let mut lookups: Vec<Lookup> = questions
            .into_iter()
            .map(|(question, (count, first))| {
                let first_ms = first.and_then(|first| after_start(first, &question.asker, &starts));
                lookup(question, count, first_ms)
            })
            .collect();
        lookups.sort_by(|a, b| (&a.name, &a.record, &a.asker).cmp(&(&b.name, &b.record, &b.asker)));
        Ok((lookups, memory))
    }
}

/// What the container's health check answered, without secrets.
fn health_log(state: Option<&ContainerState>) -> Vec<HealthAttempt> {
    let health = state.and_then(|state| state.health.as_ref());
    let log = health.into_iter().flat_map(|health| &health.log);
    log.map(|(exit_code, output)| HealthAttempt {
        exit_code: *exit_code,
        output: mask(output).into_owned(),
    })
    .collect()
}

/// A container that was killed in a task that was full was killed for that: the engine may not say so,
/// since it only looks at the container.
fn by_task(container: &mut ContainerSeen, memory: Option<&TaskMemory>) {
    let full = memory.is_some_and(|memory| {
        let nearly = memory.limit - memory.limit / 64;
        memory.kills.unwrap_or_default() > 0 || memory.peak.is_some_and(|peak| peak >= nearly)
    });
    if let ContainerEnd::Exited {
        code: KILLED,
        out_of_memory,
    } = &mut container.end
    {
        *out_of_memory |= full;
    }
}

/// How long after the start of the asker's container, or of the task's first, `first` is.
fn after_start(first: u64, asker: &Option<String>, starts: &HashMap<String, u64>) -> Option<u64> {
    let start = match asker {
        Some(asker) => starts.get(asker),
        None => starts.values().min(),
    };
    // Two clocks of one machine can differ by some milliseconds.
    Some(first.saturating_sub(*start?))
}

fn lookup(question: wire::Question, count: u64, first_ms: Option<u64>) -> Lookup {
    Lookup {
        name: question.name,
        record: question.record_type.to_string(),
        asker: question.asker,
        outcome: match question.outcome {
            wire::Outcome::Denied => LookupOutcome::Denied,
            wire::Outcome::NxDomain => LookupOutcome::NotFound,
            wire::Outcome::Answered => LookupOutcome::Answered,
            wire::Outcome::Failed => LookupOutcome::Failed,
        },
        count,
        first_ms,
    }
}

/// Makes the task's own network in a range that is free.
async fn make_network(
    session: &Session,
    app: &App,
    surroundings: &Surroundings,
    region: String,
    limits: Limits,
) -> Result<TaskPlan, RunError> {
    let mut taken = session.engine.all_subnets().await?;
    let id = session.labels.task.clone().unwrap_or_default();
    let seed = u64::from_str_radix(&id[..id.len().min(16)], 16).unwrap_or_default();
    for attempt in 0..NETWORK_ATTEMPTS {
        let Some(range) = free_range(&taken, seed.wrapping_add(attempt as u64)) else {
            break;
        };
        let plan = TaskPlan::new(
            app,
            surroundings,
            session.labels.clone(),
            range,
            region.clone(),
            limits.clone(),
        );
        let spec = NetworkSpec {
            name: plan.network_name.clone(),
            labels: session.labels.of("network", None),
            pools: vec![AddressPool {
                subnet: Some(plan.network.subnet.clone()),
                gateway: Some(plan.network.gateway.to_string()),
                ..AddressPool::default()
            }],
            ..NetworkSpec::default()
        };
        match session.engine.create_network(&spec).await {
            Ok(_) => return Ok(plan),
            // A route of the host that the engine knows and we do not: look elsewhere.
            Err(EngineError::AddressPoolOverlap { .. }) => taken.push(plan.network.subnet.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(RunError::Service {
        message: "no free address range was found in 10.0.0.0/8 for the task's network".to_owned(),
        help: "remove networks that are not used any more: `docker network prune`".to_owned(),
    })
}

/// What the holder found out before it was ready.
#[derive(Default)]
struct HolderSaid {
    /// Whether it could set the task's limits.
    limited: bool,
    /// The same in a sentence.
    limits: String,
    /// Open files of a process at most; none when it did not say.
    files: Option<u64>,
}

/// Waits until the holder answers DNS. Tells whether it set the limits, and how.
async fn holder_ready(
    session: &Session,
    plan: &TaskPlan,
    holder: &str,
) -> Result<HolderSaid, RunError> {
    let size = format!("{} CPU units and {} MiB", plan.size.cpu, plan.size.memory);
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut lines = session.engine.logs(holder, options);
    let mut said = HolderSaid {
        limits: match &plan.limits {
            Limits::Cgroup { .. } => {
                "the holder did not say whether it set the task's limits".to_owned()
            }
            Limits::PerContainer { reason } => {
                format!("{reason}: each container is limited to the task's {size}")
            }
        },
        ..HolderSaid::default()
    };
    let mut problems = Vec::new();
    let waiting = async {
        while let Some(chunk) = lines.next().await {
            match wire::Event::decode(&chunk?.line) {
                Some(wire::Event::Ready) => return Ok(true),
                Some(wire::Event::Limits {
                    applied: true,
                    detail,
                }) => {
                    said.limited = true;
                    said.limits = format!("the task is limited to {size} ({detail})");
                }
                Some(wire::Event::Limits {
                    applied: false,
                    detail,
                }) => {
                    said.limits =
                        format!("each container is limited to the task's {size}: {detail}");
                }
                Some(wire::Event::Files { most }) => said.files = Some(most),
                Some(wire::Event::Problem { what }) => problems.push(what),
                _ => {}
            }
        }
        Ok::<bool, EngineError>(false)
    };
    let ready = tokio::time::timeout(HOLDER_DEADLINE, waiting).await;
    match ready {
        Ok(Ok(true)) => {
            if let Some(most) = said.files.filter(|most| *most < translate::FILES as u64) {
                said.limits.push_str(&format!(
                    "; a process may open {most} files, as the engine allows, and on Fargate {}",
                    translate::FILES
                ));
            }
            Ok(said)
        }
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(false)) | Err(_) => Err(RunError::Service {
            message: format!(
                "the task's holder did not become ready: {}",
                problems.join("; ")
            ),
            help: "`envsim doctor` shows what the engine lacks".to_owned(),
        }),
    }
}
