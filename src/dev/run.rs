//! The dev run: networks, volumes, containers in order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use indexmap::IndexMap;

use super::agent::{self, Without};
use super::link::Link;
use super::{Ground, archive, files, network, owner, plan, remote, settings};
use crate::app::{App, MountKind, ProbeAction, Service};
use crate::engine::{ContainerSpec, Engine, EngineError};
use crate::event::Event;
use crate::evidence::{DevMemory, KnownBy, Listener, MemorySeen};
use crate::labels::RunKind;
use crate::plan::start::{self, State};
use crate::run::image::Image;
use crate::run::probe::Targets;
use crate::run::stop::{self, DOCKER_STOP_TIMEOUT};
use crate::run::supervise::{States, Supervisor};
use crate::run::{RunError, Session, agent as run_agent, hooks, image, listeners, logs};

/// A running dev environment.
pub struct DevRun<'a> {
    session: Session,
    app: &'a App,
    supervisor: Supervisor,
    /// Service and container id; a rebuilt service gets another one.
    containers: Mutex<Vec<(String, String)>>,
    ground: Ground,
}

/// What `engine` can do.
pub async fn ground(engine: &Engine) -> Result<Ground, RunError> {
    let info = engine.info().await?;
    Ok(Ground {
        api: engine.api(),
        gpus: info.runtimes.iter().any(|name| name.contains("nvidia")),
        runtimes: info.runtimes.clone(),
        moved: Vec::new(),
        agent: false,
        sees_files: remote::sees_files(&engine.found().address, &info, kernel().as_deref()),
        copied: Vec::new(),
    })
}

/// The release of this machine's kernel; none where it is not Linux.
fn kernel() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(release.trim().to_owned())
}

impl<'a> DevRun<'a> {
    /// Makes networks, volumes and containers; nothing is started yet.
    ///
    /// What was made carries the session's labels; the caller removes it, also after an error.
    pub async fn create(
        session: &Session,
        app: &'a App,
        images: &IndexMap<String, Image>,
        ground: Ground,
        show_logs: bool,
    ) -> Result<Self, RunError> {
        let mut ground = ground;
        let image_has = |name: &str| {
            let image = images.get(name);
            image.is_some_and(|image| image.info.config.healthcheck.is_some())
        };
        start::health_checks(app, image_has).map_err(RunError::from)?;
        for key in network::to_make(app) {
            make_network(session, app, &key, &mut ground).await?;
        }
        make_volumes(session, app).await?;
        make_bind_sources(app)?;
        if ground.agent
            && let Err(error) =
                run_agent::make_volume(session, &agent::volume(&session.labels)).await
        {
            ground.agent = false;
            session.emit(Event::Warning(format!(
                "the agent cannot be used, so files and restarts go through the engine: {error}"
            )));
        }
        let events = session.engine.events(&session.labels.filter()).await?;
        let mut containers: Vec<(String, String)> = Vec::new();
        let mut left: Vec<&Service> = app.services.values().collect();
        while !left.is_empty() {
            // A container that shares something of another's needs that one to be there first.
            let waits = |service: &&Service| {
                let needed = settings::needed_first(service);
                needed
                    .iter()
                    .any(|name| left.iter().any(|other| other.name == *name))
            };
            let (mut later, mut now): (Vec<&Service>, Vec<&Service>) =
                left.iter().copied().partition(waits);
            if now.is_empty() {
                // A circle: the engine says what is missing.
                now = std::mem::take(&mut later);
            }
            let made = now
                .iter()
                .map(|service| make(session, app, service, images, &ground));
            containers.extend(try_join_all(made).await?);
            left = later;
        }
        let shown = app
            .services
            .values()
            .filter(|service| show_logs && plan::shows_log(&session.labels, service));
        let shown = shown.map(|service| service.name.clone()).collect();
        let mut supervisor = Supervisor::new(session, events, &containers, shown);
        for service in app.services.values() {
            let specs = pre_start(session, app, service, images, &ground).await?;
            supervisor.before(&service.name, specs);
        }
        Ok(Self {
            session: session.clone(),
            app,
            supervisor,
            containers: Mutex::new(containers),
            ground,
        })
    }

    /// Starts everything in order.
    ///
    /// # Errors
    /// A service that the engine cannot start, or whose dependency never came.
    pub async fn start(&self) -> Result<(), RunError> {
        let failed = |states: &States| {
            states
                .values()
                .any(|state| matches!(state, State::Never { .. }))
        };
        self.supervisor.start_all(self.app, failed).await?;
        let states = self.supervisor.states();
        let never = states.iter().find_map(|(name, state)| match state {
            State::Never { reason } => Some((name, reason)),
            _ => None,
        });
        match never {
            None => self.programs_started().await,
            Some((name, reason)) => Err(RunError::Service {
                message: format!("the service `{name}` did not start: {reason}"),
                help: start_help(reason),
            }),
        }
    }

    /// Where the agent starts the programs, the engine's start says nothing about them: waits until each agent answers,
    /// which it does once the program runs.
    async fn programs_started(&self) -> Result<(), RunError> {
        let states = self.supervisor.states();
        let checked = self.containers().into_iter().filter(|(service, _)| {
            let begun = matches!(
                states.get(service),
                Some(State::Running { .. } | State::Exited { .. })
            );
            begun && self.has_agent(service)
        });
        let all =
            checked.map(|(service, id)| async move { self.program_started(&service, &id).await });
        try_join_all(all).await.map(|_| ())
    }

    async fn program_started(&self, service: &str, id: &str) -> Result<(), RunError> {
        let engine = &self.session.engine;
        if Link::open(engine, id, &agent::link_command(), None)
            .await
            .is_ok()
        {
            return Ok(());
        }
        let state = engine.inspect(id).await?;
        let code = state
            .filter(|state| !state.running)
            .map(|state| state.exit_code);
        if code.is_none_or(|code| !agent::NOT_STARTED_CODES.contains(&code)) {
            return Ok(());
        }
        let last = logs::last_lines(&self.session, id, 1).await;
        match last
            .first()
            .and_then(|line| line.strip_prefix(agent::NOT_STARTED))
        {
            None => Ok(()),
            Some(reason) => Err(RunError::Service {
                message: format!("the service `{service}` did not start: cannot start {reason}"),
                help: "correct `command` or `entrypoint`, or put the program into the image"
                    .to_owned(),
            }),
        }
    }

    /// Container of each service.
    pub fn containers(&self) -> Vec<(String, String)> {
        self.known().clone()
    }

    /// The container of `service`, as it is now.
    pub fn container_of(&self, service: &str) -> Option<String> {
        let known = self.known();
        let found = known.iter().find(|(name, _)| name == service);
        found.map(|(_, id)| id.clone())
    }

    /// Whether the containers of `service` were made with the agent.
    pub fn has_agent(&self, service: &str) -> bool {
        let own = self.app.services.get(service);
        let refused = own.and_then(|service| service.dev.agent.as_ref());
        self.ground.agent && refused.is_none_or(|agent| agent.value)
    }

    fn known(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        // Never left half changed, so a poisoned lock holds no harm.
        self.containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// States of the services, to wait for changes.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<States> {
        self.supervisor.watch()
    }

    /// Why `service` answers no more; none while it runs, or comes back by its restart policy.
    pub fn gone(&self, service: &str) -> Option<String> {
        match self.supervisor.states().get(service) {
            Some(State::Exited { code })
                if !plan::comes_back(self.app.services.get(service)?, *code) =>
            {
                Some(format!("`{service}` exited with code {code}"))
            }
            _ => None,
        }
    }

    /// How probes reach the services.
    pub async fn targets(&self) -> Result<Targets, RunError> {
        let mut targets = Targets {
            containers: self.containers().into_iter().collect(),
            ..Targets::default()
        };
        for (service, id) in &self.containers() {
            let state = self.session.engine.inspect(id).await?;
            for port in state.map(|state| state.ports).unwrap_or_default() {
                if port.protocol == "tcp" {
                    targets
                        .ports
                        .insert((service.clone(), port.container), (port.address, port.host));
                }
            }
        }
        Ok(targets)
    }

    /// Memory of each service that runs, that of all its containers together.
    pub async fn memory(&self) -> Result<Vec<DevMemory>, RunError> {
        let states = self.supervisor.states();
        let containers = self.containers();
        let running = containers
            .iter()
            .filter(|(service, _)| matches!(states.get(service), Some(State::Running { .. })));
        let all = running.map(|(name, id)| async move {
            let memory = self.session.engine.memory(id).await?;
            Ok::<_, RunError>(memory.map(|memory| (self.service_of(name), memory)))
        });
        let mut sums: Vec<DevMemory> = Vec::new();
        for (service, one) in try_join_all(all).await?.into_iter().flatten() {
            let memory = MemorySeen {
                used: one.used,
                peak: one.peak,
            };
            match sums.iter_mut().find(|known| known.service == service) {
                Some(known) => {
                    known.memory.used += memory.used;
                    known.memory.peak = known.memory.peak.zip(memory.peak).map(|(a, b)| a + b);
                }
                None => sums.push(DevMemory { service, memory }),
            }
        }
        Ok(sums)
    }

    /// The service that a container belongs to; one service can have several.
    fn service_of(&self, name: &str) -> String {
        let service = self.app.services.get(name);
        let replica = service.and_then(|service| service.replica.as_ref());
        replica.map_or_else(|| name.to_owned(), |replica| replica.of.clone())
    }

    /// Listening TCP sockets of each service that runs, read in its own network namespace.
    pub async fn listeners(&self) -> Result<Vec<Listener>, RunError> {
        run_agent::ensure(&self.session).await?;
        let states = self.supervisor.states();
        let containers = self.containers();
        let running = containers.iter().filter(|(service, _)| {
            let own_namespace = self
                .app
                .services
                .get(service)
                .is_some_and(|service| service.network_mode.is_none());
            own_namespace && matches!(states.get(service), Some(State::Running { .. }))
        });
        let all = try_join_all(running.map(|(service, id)| self.listeners_of(service, id))).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn listeners_of(&self, service: &str, id: &str) -> Result<Vec<Listener>, RunError> {
        let found = listeners::of_container(&self.session, service, id).await?;
        let of_service = found.into_iter().map(|socket| Listener {
            service: service.to_owned(),
            address: socket.address,
            port: socket.port,
            family: socket.family,
            known_by: KnownBy::Namespace,
        });
        Ok(of_service.collect())
    }

    /// Stops everything in reverse order.
    pub async fn stop(&self) {
        let states = self.supervisor.states();
        let running: Vec<(String, String)> = self
            .containers()
            .into_iter()
            .filter(|(name, _)| {
                !matches!(states.get(name), Some(State::Pending | State::Never { .. }))
            })
            .collect();
        self.supervisor.hush();
        stop::stop_all(&self.session, self.app, &running, |name| stop::Manner {
            timeout: stop_timeout(self.app, name),
            signal: self
                .app
                .services
                .get(name)
                .and_then(|service| service.stop_signal.clone()),
        })
        .await;
    }

    /// Puts a new container in the place of `service`'s: after a rebuild. The old one runs until the new one is
    /// made, and stays when that fails.
    pub async fn replace(&self, service: &Service, image: &Image) -> Result<String, RunError> {
        let engine = &self.session.engine;
        let spec = spec(&self.session, self.app, service, image, &self.ground, &[]);
        let old = self.container_of(&service.name);
        if let Some(old) = &old {
            let aside = format!("{}-old", spec.name);
            engine.rename_container(old, &aside).await?;
        }
        let made = async {
            let id = engine.create_container(&spec).await?;
            match put_files(&self.session, service, &id).await {
                Ok(()) => Ok(id),
                Err(error) => {
                    engine.remove_container(&id, true, true).await?;
                    Err(error)
                }
            }
        };
        let made = async {
            let id = made.await?;
            put_copies(&self.session, service, image, &self.ground, &id).await?;
            Ok::<_, RunError>(id)
        };
        let id = match made.await {
            Ok(id) => id,
            Err(error) => {
                if let Some(old) = &old {
                    engine.rename_container(old, &spec.name).await?;
                }
                return Err(error);
            }
        };
        self.supervisor.replace(&service.name, &id);
        for (name, known) in self.known().iter_mut() {
            if *name == service.name {
                known.clone_from(&id);
            }
        }
        if let Some(old) = old {
            if let Err(reason) = hooks::pre_stop(&self.session, service, &old).await {
                self.warn(&service.name, &reason);
            }
            let seconds = stop_timeout(self.app, &service.name).as_secs() as u32;
            engine
                .stop(&old, seconds, service.stop_signal.as_deref())
                .await?;
            engine.remove_container(&old, true, true).await?;
        }
        engine.start(&id).await?;
        if let Err(reason) = hooks::post_start(&self.session, service, &id).await {
            self.warn(&service.name, &reason);
        }
        Ok(id)
    }

    fn warn(&self, service: &str, reason: &str) {
        self.session
            .emit(Event::Warning(format!("{service}: {reason}")));
    }
}

fn stop_timeout(app: &App, name: &str) -> Duration {
    let written = app
        .services
        .get(name)
        .and_then(|service| service.stop_grace_period);
    written.unwrap_or(DOCKER_STOP_TIMEOUT)
}

fn start_help(reason: &str) -> String {
    if reason.contains("already in use") {
        return "stop what uses the port, or publish another one in `ports`".to_owned();
    }
    "see the reason above; `envsim doctor` shows what the engine lacks".to_owned()
}

/// Makes the network `key`. Beside a prod-check its address range may be the running dev run's: then
/// the engine picks another, and fixed addresses are free.
async fn make_network(
    session: &Session,
    app: &App,
    key: &str,
    ground: &mut Ground,
) -> Result<(), RunError> {
    let mut spec = network::spec(app, &session.labels, key);
    let made = session.engine.create_network(&spec).await;
    match made {
        Ok(_) => Ok(()),
        Err(EngineError::AddressPoolOverlap { .. })
            if session.labels.run != RunKind::Dev && !spec.pools.is_empty() =>
        {
            spec.pools.clear();
            session.engine.create_network(&spec).await?;
            session.emit(Event::Note(format!(
                "the address range of the network `{key}` is in use, so the run beside this one has another"
            )));
            ground.moved.push(key.to_owned());
            Ok(())
        }
        Err(EngineError::AddressPoolOverlap { .. }) => {
            let subnets: Vec<&str> = spec
                .pools
                .iter()
                .filter_map(|pool| pool.subnet.as_deref())
                .collect();
            Err(RunError::Service {
                message: format!(
                    "the address range {} of the network `{key}` is in use",
                    subnets.join(", ")
                ),
                help: "choose another `subnet`, or remove the network that has it: `docker network prune`"
                    .to_owned(),
            })
        }
        Err(EngineError::NameInUse { name }) => Err(RunError::Service {
            message: format!("there is a network `{name}` already, which envsim did not make"),
            help: format!(
                "remove it (`docker network rm {name}`), mark it `external: true`, or change its `name`"
            ),
        }),
        Err(error) => Err(error.into()),
    }
}

/// The image of `service`; further containers of one service have the same.
fn image_of<'i>(images: &'i IndexMap<String, Image>, service: &Service) -> &'i Image {
    let name = service.replica.as_ref().map(|replica| &replica.of);
    &images[name.unwrap_or(&service.name)]
}

/// The containers of the service's `pre_start` hooks.
async fn pre_start(
    session: &Session,
    app: &App,
    service: &Service,
    images: &IndexMap<String, Image>,
    ground: &Ground,
) -> Result<Vec<ContainerSpec>, RunError> {
    let mut specs = Vec::new();
    if service.pre_start.is_empty() {
        return Ok(specs);
    }
    let image = image_of(images, service);
    let volumes = &image.info.config.volumes;
    let labels = &session.labels;
    let own = plan::container(app, labels, ground, service, &image.info.id, volumes, &[]);
    for (at, hook) in service.pre_start.iter().enumerate() {
        let mut spec = hooks::pre_start_spec(hook, at + 1, &own);
        let other = hook.image.as_ref().filter(|reference| {
            service
                .image
                .as_ref()
                .is_none_or(|image| image.value != **reference)
                && service.build.is_none()
        });
        if let Some(reference) = other {
            spec.image = image::stock(session, service, reference).await?.id;
        }
        specs.push(spec);
    }
    Ok(specs)
}

/// Copies configs and secrets into a container that has not started yet.
async fn put_files(session: &Session, service: &Service, id: &str) -> Result<(), RunError> {
    for file in service.files.iter().filter(|file| files::is_copied(file)) {
        let failed = |error: String| RunError::Service {
            message: format!(
                "`{}` cannot be put into `{}`: {error}",
                file.name, service.name
            ),
            help: format!("it is asked for at {}", file.place),
        };
        let content = files::content(file).map_err(|error| failed(error.to_string()))?;
        // A read-only root takes nothing, but the volume at the directory does.
        let (path, archive) = match service.read_only {
            true => (
                files::parent(&file.target),
                files::archive_in_directory(file, &content),
            ),
            false => ("/".to_owned(), files::archive(file, &content)),
        };
        let archive = archive.map_err(|error| failed(error.to_string()))?;
        session
            .engine
            .put_archive(id, &path, archive)
            .await
            .map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

/// The container of `service`, with the agent in it where there is one.
fn spec(
    session: &Session,
    app: &App,
    service: &Service,
    image: &Image,
    ground: &Ground,
    probed: &[u16],
) -> ContainerSpec {
    let config = &image.info.config;
    let labels = &session.labels;
    let (id, volumes) = (&image.info.id, &config.volumes);
    let mut spec = plan::container(app, labels, ground, service, id, volumes, probed);
    if ground.agent {
        let words = |words: &Option<Vec<String>>| words.clone().unwrap_or_default();
        let (entrypoint, command) = (words(&config.entrypoint), words(&config.cmd));
        if let Err(Without::MustBeFirst(program)) =
            agent::put_in(&mut spec, service, labels, &entrypoint, &command)
        {
            session.emit(Event::Note(format!(
                "{}: `{program}` must be the first process of its container, so its files and restarts go through the engine",
                service.name
            )));
        }
    }
    spec
}

async fn make(
    session: &Session,
    app: &App,
    service: &Service,
    images: &IndexMap<String, Image>,
    ground: &Ground,
) -> Result<(String, String), RunError> {
    let probed: Vec<u16> = app
        .probes
        .iter()
        .filter(|probe| probe.service == service.name)
        .filter_map(|probe| match &probe.action {
            ProbeAction::Http(request, _) => Some(request.port),
            ProbeAction::Tcp { port } => Some(*port),
            ProbeAction::Command(_) => None,
        })
        .collect();
    let image = image_of(images, service);
    let spec = spec(session, app, service, image, ground, &probed);
    let id = session
        .engine
        .create_container(&spec)
        .await
        .map_err(|error| match error {
            EngineError::NameInUse { name } => RunError::Service {
                message: format!(
                    "the container name `{name}` of `{}` is already in use",
                    service.name
                ),
                help: format!(
                    "remove the other container (`docker rm -f {name}`) or change `container_name`"
                ),
            },
            EngineError::MountSourceMissing { path } => RunError::Service {
                message: format!(
                    "`{path}`, which `{}` mounts, does not exist on the engine's host",
                    service.name
                ),
                help: "create it, or correct the path in `volumes`".to_owned(),
            },
            other => other.into(),
        })?;
    put_files(session, service, &id).await?;
    put_copies(session, service, image, ground, &id).await?;
    Ok((service.name.clone(), id))
}

/// Copies what bind mounts would show where the engine does not see this machine's files.
async fn put_copies(
    session: &Session,
    service: &Service,
    image: &Image,
    ground: &Ground,
    id: &str,
) -> Result<(), RunError> {
    let own = |copied: &&remote::Copied| copied.service == service.name;
    let copies: Vec<archive::Item> = ground
        .copied
        .iter()
        .filter(own)
        .map(|copied| archive::Item {
            source: copied.source.clone(),
            target: copied.target.clone(),
        })
        .collect();
    if copies.is_empty() {
        return Ok(());
    }
    let user = service.user.as_ref().or(image.info.config.user.as_ref());
    let user = user.cloned().unwrap_or_default();
    let owner = owner::ids(&session.engine, id, &user).await;
    Ok(archive::put_trees(session, id, copies, owner).await?)
}

/// Named volumes with labels and driver; external ones must be there.
async fn make_volumes(session: &Session, app: &App) -> Result<(), RunError> {
    for (key, volume) in &app.volumes {
        let name = plan::volume_name(app, &session.labels, key);
        let ours = session.labels.run != RunKind::Dev;
        if volume.external && !ours {
            if session.engine.volume(&name).await?.is_none() {
                return Err(RunError::Service {
                    message: format!("the external volume `{name}` does not exist"),
                    help: format!("create it: `docker volume create {name}`"),
                });
            }
            continue;
        }
        let labels = plan::volume_labels(app, &session.labels, key);
        let options = volume
            .driver_opts
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        session
            .engine
            .create_volume(&name, &labels, volume.driver.as_deref(), &options)
            .await?;
    }
    Ok(())
}

/// Compose's short syntax makes a missing source as a directory.
fn make_bind_sources(app: &App) -> Result<(), RunError> {
    let mounts = app.services.values().flat_map(|service| &service.volumes);
    for mount in mounts {
        if let MountKind::Bind {
            source,
            create: true,
        } = &mount.kind
            && !source.exists()
        {
            std::fs::create_dir_all(source).map_err(|error| RunError::Service {
                message: format!("cannot create `{}` to mount it: {error}", source.display()),
                help: "create it, or correct the path in `volumes`".to_owned(),
            })?;
        }
    }
    Ok(())
}
