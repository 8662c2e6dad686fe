//! Stand-ins: what is a managed service in production is played by the service's own dev image,
//! outside of every task, and answers to nothing but the name that production has for it.

use std::net::Ipv4Addr;

use futures::future::try_join_all;
use indexmap::IndexMap;

use super::plan::{TaskPlan, publish};
use crate::app::{App, External, MountKind, ProbeAction, Problem, Protocol, Service};
use crate::engine::{ContainerSpec, Endpoint, EngineError, ExtraNetwork, MountSpec, NetworkMode};
use crate::evidence::StandInSeen;
use crate::labels::Labels;
use crate::plan::start::State;
use crate::run::image::Image;
use crate::run::probe::Targets;
use crate::run::supervise::{States, Supervisor};
use crate::run::{RunError, Session, agent, logs, spec};

/// How long a stand-in may take until it is healthy; a managed service is there before the task is.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(120);
/// Lines of a stand-in's log that are shown when it ends.
const LINES: usize = 8;
/// Stand-ins that fit into the network of a task beside it.
const MOST: usize = 12;

/// What is external and has a service in dev that can stand in for it.
pub struct StandIn<'a> {
    /// The service as dev has it.
    pub service: &'a Service,
    /// What production has instead.
    pub external: &'a External,
}

/// The stand-ins of `prod`, the app as it is deployed. An external service that dev does not have
/// gets none.
///
/// # Errors
/// When there are more than fit beside a task.
pub fn all<'a>(dev: &'a App, prod: &'a App) -> Result<Vec<StandIn<'a>>, Problem> {
    let found: Vec<StandIn> = prod
        .elsewhere
        .iter()
        .filter_map(|(name, external)| {
            let service = dev.services.get(name)?;
            Some(StandIn { service, external })
        })
        .collect();
    match found.get(MOST) {
        None => Ok(found),
        Some(first_too_many) => {
            let message = format!("envsim has room for {MOST} external services");
            let mut problem = Problem::error(message);
            problem.place = Some(first_too_many.external.host.place.clone());
            Err(problem.help("take out `external` of those that the check can go without"))
        }
    }
}

impl StandIn<'_> {
    /// The port that connections must be passed on from and to: production has another one than the
    /// service. `exposed` are the ports of its image.
    pub fn forward(&self, exposed: &[u16]) -> Option<(u16, u16)> {
        let wanted = self.external.port?;
        let published = self.service.ports.iter();
        let published = published.filter(|port| port.protocol == Protocol::Tcp);
        let own: Vec<u16> = published
            .map(|port| port.target)
            .chain(self.service.expose.iter().map(|port| port.value))
            .chain(exposed.iter().copied())
            .collect();
        let first = own.first()?;
        (!own.contains(&wanted)).then_some((wanted, *first))
    }

    /// Its container, made from the image with the id `image`, at the `index`th address of every
    /// task's network. It has no name there: only the tasks' own resolvers know it.
    fn container(
        &self,
        index: usize,
        labels: &Labels,
        image: &str,
        plans: &[TaskPlan],
        probed: &[u16],
    ) -> ContainerSpec {
        let service = self.service;
        let mut made = spec::common(service, image);
        made.name = labels.name(&format!("stand-in-{}", service.name));
        made.labels = labels.of("stand-in", Some(&service.name));
        made.shm_size = service.shm_size;
        let volumes = service.volumes.iter();
        made.mounts = volumes
            .filter_map(|mount| match &mount.kind {
                MountKind::Volume { source } => Some(MountSpec::Volume {
                    name: labels.name(&format!("stand-in-volume-{source}")),
                    target: mount.target.clone(),
                    read_only: mount.read_only,
                    no_copy: mount.no_copy,
                    subpath: mount.subpath.clone(),
                    labels: labels.of("volume", None),
                }),
                MountKind::Tmpfs { size, mode, .. } => Some(MountSpec::Tmpfs {
                    target: mount.target.clone(),
                    size: *size,
                    mode: *mode,
                }),
                // Its files are in the image: a second server on a mounted data directory would
                // destroy it.
                MountKind::Bind { .. } | MountKind::Anonymous => None,
            })
            .collect();
        let mut networks = plans.iter().map(|plan| {
            let address = plan.answers.get(index).map(|(_, address)| *address);
            (&plan.network_name, address)
        });
        let text = |address: Option<Ipv4Addr>| address.map(|address| address.to_string());
        if let Some((name, address)) = networks.next() {
            made.network = NetworkMode::Network {
                name: name.clone(),
                // Stand-ins find each other as in dev; what a task asks goes through its resolver,
                // which denies the name.
                endpoint: Endpoint {
                    aliases: vec![service.name.clone()],
                    ipv4: text(address),
                    ..Endpoint::default()
                },
            };
        }
        made.extra_networks = networks
            .map(|(name, address)| ExtraNetwork {
                name: name.clone(),
                endpoint: Endpoint {
                    ipv4: text(address),
                    ..Endpoint::default()
                },
            })
            .collect();
        let ports = probed.iter().map(|port| publish((*port, Protocol::Tcp)));
        made.publish = ports.collect();
        made
    }
}

/// The ports of `service` that probes ask.
fn probed(prod: &App, service: &str) -> Vec<u16> {
    let asked = prod.probes.iter().filter(|probe| probe.service == service);
    let mut ports: Vec<u16> = asked
        .filter_map(|probe| match &probe.action {
            ProbeAction::Http(request, _) => Some(request.port),
            ProbeAction::Tcp { port } => Some(*port),
            ProbeAction::Command(_) => None,
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The running stand-ins.
pub struct StandIns {
    session: Session,
    containers: Vec<(String, String)>,
    supervisor: Supervisor,
}

impl StandIns {
    /// Starts the stand-ins and waits until they are up: healthy, where they have a health check.
    ///
    /// What was made carries the session's labels; the caller removes it, also after an error.
    pub async fn start(
        session: &Session,
        dev: &App,
        prod: &App,
        plans: &[TaskPlan],
        images: &IndexMap<String, Image>,
        show_logs: bool,
    ) -> Result<Option<Self>, RunError> {
        let stand_ins = all(dev, prod)?;
        if stand_ins.is_empty() {
            return Ok(None);
        }
        // They belong to no task.
        let mut session = session.clone();
        session.labels.task = None;
        let events = session.engine.events(&session.labels.filter()).await?;
        let made =
            stand_ins.iter().enumerate().map(|(index, stand_in)| {
                let name = &stand_in.service.name;
                let image = &images[name].info.id;
                let ports = probed(prod, name);
                let spec = stand_in.container(index, &session.labels, image, plans, &ports);
                let engine = session.engine.clone();
                async move {
                    Ok::<_, EngineError>((name.clone(), engine.create_container(&spec).await?))
                }
            });
        let containers = try_join_all(made).await?;
        let shown = containers.iter().filter(|_| show_logs);
        let shown = shown.map(|(name, _)| name.clone()).collect();
        let supervisor = Supervisor::new(&session, events, &containers, shown);
        let running = Self {
            session,
            containers,
            supervisor,
        };
        let app = dev.only(|service| prod.elsewhere.contains_key(&service.name));
        running.supervisor.start_all(&app, |_| false).await?;
        running.wait(&stand_ins, images).await?;
        for stand_in in &stand_ins {
            running.forward(stand_in, images).await?;
        }
        Ok(Some(running))
    }

    async fn wait(
        &self,
        stand_ins: &[StandIn<'_>],
        images: &IndexMap<String, Image>,
    ) -> Result<(), RunError> {
        let checked = |name: &str| {
            let stand_in = stand_ins.iter().find(|one| one.service.name == name);
            match stand_in.and_then(|one| one.service.healthcheck.as_ref()) {
                Some(check) if check.disable => false,
                Some(check) if !check.test.is_empty() => true,
                _ => images
                    .get(name)
                    .is_some_and(|image| image.info.config.healthcheck.is_some()),
            }
        };
        let up = |(name, state): (&String, &State)| match state {
            State::Running { healthy } => *healthy == Some(true) || !checked(name),
            _ => false,
        };
        let settled = |states: &States| failed(states).is_some() || states.iter().all(up);
        let mut states = self.supervisor.watch();
        let waited = tokio::select! {
            waited = tokio::time::timeout(DEADLINE, states.wait_for(|states| settled(states))) => waited.is_ok(),
            () = self.session.cancel.wait() => return Err(RunError::Interrupted),
        };
        let states = self.supervisor.states();
        let wrong = failed(&states).or_else(|| {
            let late = states.iter().find(|one| !up(*one))?;
            (!waited).then(|| (late.0.clone(), format!("is not up after {DEADLINE:?}")))
        });
        let Some((name, what)) = wrong else {
            return Ok(());
        };
        let id = self.containers.iter().find(|(service, _)| *service == name);
        let lines = match id {
            Some((_, id)) => logs::last_lines(&self.session, id, LINES).await,
            None => Vec::new(),
        };
        Err(RunError::Service {
            message: format!("the stand-in for the external service `{name}` {what}"),
            help: match lines.is_empty() {
                true => format!("see whether `envsim dev {name}` runs"),
                false => format!("its last lines were:\n  {}", lines.join("\n  ")),
            },
        })
    }

    /// Lets it be reached at the port of production too.
    async fn forward(
        &self,
        stand_in: &StandIn<'_>,
        images: &IndexMap<String, Image>,
    ) -> Result<(), RunError> {
        let name = &stand_in.service.name;
        let exposed: Vec<u16> = images.get(name).map_or_else(Vec::new, |image| {
            let ports = image.info.config.exposed_ports.iter();
            let tcp = ports.filter(|(_, protocol)| protocol == "tcp");
            tcp.map(|(port, _)| *port).collect()
        });
        let Some((from, to)) = stand_in.forward(&exposed) else {
            return Ok(());
        };
        let Some((_, id)) = self.containers.iter().find(|(service, _)| service == name) else {
            return Ok(());
        };
        let labels = &self.session.labels;
        let spec = ContainerSpec {
            name: labels.name(&format!("forward-{name}")),
            image: agent::IMAGE.to_owned(),
            command: Some(vec!["forward".to_owned(), format!("{from}={to}")]),
            labels: labels.of("forward", None),
            network: NetworkMode::Container(id.clone()),
            cap_drop: vec!["ALL".to_owned()],
            cap_add: vec!["NET_BIND_SERVICE".to_owned()],
            security_opt: vec!["no-new-privileges".to_owned()],
            ..ContainerSpec::default()
        };
        let made = self.session.engine.create_container(&spec).await?;
        self.session.engine.start(&made).await?;
        Ok(())
    }

    /// How probes reach them.
    pub async fn targets(&self) -> Result<Targets, RunError> {
        let mut targets = Targets::default();
        for (name, id) in &self.containers {
            targets.containers.insert(name.clone(), id.clone());
            let state = self.session.engine.inspect(id).await?;
            let ports = state.map(|state| state.ports).unwrap_or_default();
            for port in ports.into_iter().filter(|port| port.protocol == "tcp") {
                let key = (name.clone(), port.container);
                targets.ports.insert(key, (port.address, port.host));
            }
        }
        Ok(targets)
    }

    /// Why the one for `service` is gone; none while it is there.
    pub fn gone(&self, service: &str) -> Option<String> {
        match self.supervisor.states().get(service)? {
            State::Exited { code } => Some(format!("its stand-in exited with code {code}")),
            _ => None,
        }
    }

    /// Lets the tasks of `plans` reach them too: they outlive a task, as a managed service does.
    ///
    /// # Errors
    /// The engine's.
    pub async fn join(&self, plans: &[TaskPlan]) -> Result<(), EngineError> {
        for plan in plans {
            let addresses = plan.answers.iter().map(|(_, address)| address.to_string());
            for ((_, id), address) in self.containers.iter().zip(addresses) {
                let endpoint = Endpoint {
                    ipv4: Some(address),
                    ..Endpoint::default()
                };
                let engine = &self.session.engine;
                engine
                    .connect_network(&plan.network_name, id, &endpoint)
                    .await?;
            }
        }
        Ok(())
    }
}

/// The first one that will not come up, and why.
fn failed(states: &States) -> Option<(String, String)> {
    states.iter().find_map(|(name, state)| {
        let what = match state {
            State::Exited { code } => format!("exited with code {code}"),
            State::Never { reason } => format!("did not start: {reason}"),
            State::Running {
                healthy: Some(false),
            } => "is unhealthy".to_owned(),
            _ => return None,
        };
        Some((name.clone(), what))
    })
}

/// What is told of the external services of `prod`.
pub fn seen(dev: &App, prod: &App) -> Vec<StandInSeen> {
    let all = prod.elsewhere.iter().map(|(name, external)| StandInSeen {
        service: name.clone(),
        host: external.host.value.clone(),
        port: external.port,
        reason: external.reason.clone(),
        ran: dev.services.contains_key(name),
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::labels::RunKind;
    use crate::prod::plan::{Limits, Surroundings};
    use crate::run::address::free_range;

    const SHOP: &str = "x-envsim: {probes: [{service: db, tcp: 5432}]}
services:
  web: {image: web, depends_on: {db: {condition: service_healthy}}}
  jobs: {image: web, x-envsim: {task: jobs}}
  db:
    image: db
    ports: ['5432:5432']
    volumes: ['./init:/init', 'data:/data']
    environment: {PASSWORD: dev}
    x-envsim: {external: 'orders.example.com:5433'}
volumes: {data: {}}
";

    fn labels(task: &str) -> Labels {
        Labels {
            project: "shop".to_owned(),
            run: RunKind::ProdCheck,
            owner: "host:1".to_owned(),
            task: Some(task.to_owned()),
        }
    }

    fn plans(whole: &App) -> Vec<TaskPlan> {
        let hosts = vec!["orders.example.com".to_owned()];
        let surroundings = Surroundings::new(whole, hosts);
        ["0123456789abcdef", "fedcba9876543210"]
            .map(|id| {
                let network = free_range(&[], id.len() as u64).expect("free");
                let limits = Limits::choose(id, "cgroupfs", false);
                TaskPlan::new(
                    whole,
                    &surroundings,
                    labels(id),
                    network,
                    "eu-west-1".to_owned(),
                    limits,
                )
            })
            .into()
    }

    #[test]
    fn a_stand_in_is_beside_every_task_and_has_what_dev_has_but_no_bind_mount() {
        let (dev, whole) = (app_for(SHOP, Mode::Dev), app_for(SHOP, Mode::Prod));
        let prod = whole.deployed();
        assert!(!prod.services.contains_key("db"));
        let stand_ins = all(&dev, &prod).expect("fits");
        let plans = plans(&whole);
        let made = stand_ins[0].container(0, &labels("x"), "img", &plans, &probed(&prod, "db"));
        assert_eq!(made.env, ["PASSWORD=dev"]);
        let address = plans[0].answers[0].1.to_string();
        assert!(
            matches!(&made.network, NetworkMode::Network { endpoint, .. } if endpoint.ipv4.as_deref() == Some(&*address))
        );
        assert_eq!(made.extra_networks.len(), 1);
        assert_eq!(made.publish.len(), 1);
        assert!(
            matches!(&made.mounts[..], [MountSpec::Volume { target, .. }] if target == "/data")
        );
        let holder = plans[0].holder(&prod, "agent").command.unwrap().join(" ");
        assert!(
            holder.contains(&format!("--answer orders.example.com={address}")),
            "{holder}"
        );
        assert!(holder.contains("--deny db"), "{holder}");
    }

    #[test]
    fn a_port_is_passed_on_only_when_production_has_another_one() {
        let forward = |port: &str, exposed: &[u16]| {
            let text = SHOP.replace(":5433", port);
            let (dev, prod) = (app_for(&text, Mode::Dev), app_for(&text, Mode::Prod));
            let prod = prod.deployed();
            let stand_ins = all(&dev, &prod).expect("fits");
            stand_ins[0].forward(exposed)
        };
        assert_eq!(forward(":5433", &[]), Some((5433, 5432)));
        assert_eq!(forward(":5433", &[5433]), None);
        assert_eq!(forward(":5432", &[]), None);
        assert_eq!(forward("", &[]), None);
    }
}
