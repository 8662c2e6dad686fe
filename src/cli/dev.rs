//! `envsim dev`: the app as it is developed, until Ctrl-C.

use std::time::Duration;

use futures::future::try_join_all;
use indexmap::IndexMap;

use super::args;
use super::exit::{Exit, Failure};
use super::{dev_watch, project};
use crate::app::{App, Mode, Service};
use crate::dev::run::{self as dev, DevRun};
use crate::dev::{Ground, live, remote, scale};
use crate::engine::Engine;
use crate::event::Event;
use crate::labels::RunKind;
use crate::plan::start::State;
use crate::run::cancel::CancelSource;
use crate::run::cleanup::{self, Scope};
use crate::run::image::{self, Image, Want};
use crate::run::supervise::States;
use crate::run::{RunError, Session};
use crate::ui;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Dev) -> Result<Exit, Failure> {
    let mut app = project::app(project, Mode::Dev, true)?;
    project::known_services(&app, &args.services)?;
    keep_only(&mut app, &args.services);
    let engine = Engine::connect().await?;
    project::warn_when_remote(&engine);
    let mut ground = dev::ground(&engine).await?;
    ground.agent = !args.no_agent;
    project::check_dev(&app, &ground, true)?;
    if !ground.sees_files {
        ground.copied = remote::sync_binds(&mut app);
    }
    let app = scale::expand(app);
    let cancel =
        CancelSource::from_signals().map_err(|error| Failure::usage(error.to_string(), ""))?;
    let sink = ui::sink(ui::Show {
        logs_to_stdout: true,
        logs: true,
        services: app.services.keys().cloned().collect(),
    });
    let session = project::session(&engine, &app.name, RunKind::Dev, None, &sink, &cancel);
    cleanup::leftovers(&session, &app, "envsim dev").await?;
    if !ground.copied.is_empty() {
        session.emit(Event::Note(format!(
            "the engine at {} does not see this machine's files, so what would be bind mounts are volumes that envsim keeps in step: {}",
            engine.found().address,
            listed(&ground.copied)
        )));
    }
    let result = work(&session, &app, ground, args.detach).await;
    let keep = args.detach && result.is_ok();
    if !keep {
        let removed = cleanup::remove(&engine, &session.labels.filter(), Scope::default()).await;
        if let Err(error) = removed {
            // The run's own failure is what the user must see.
            session.emit(Event::Warning(format!(
                "not everything could be removed: {error}; run `envsim down`"
            )));
        }
    }
    match result {
        Ok(()) => Ok(Exit::Clean),
        // Ctrl-C is how a dev run ends.
        Err(Failure::Run(RunError::Interrupted)) => Ok(Exit::Clean),
        Err(failure) => Err(failure.with_lines(&app.directory)),
    }
}

/// Bind mounts, for a sentence.
fn listed(copied: &[remote::Copied]) -> String {
    let one = |copied: &remote::Copied| format!("`{}` of `{}`", copied.target, copied.service);
    copied.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The named services and all they depend on; every service when none is named.
fn keep_only(app: &mut App, named: &[String]) {
    if named.is_empty() {
        return;
    }
    let mut wanted: Vec<String> = named.to_vec();
    let mut next = 0;
    while let Some(name) = wanted.get(next).cloned() {
        next += 1;
        let dependencies = app
            .services
            .get(&name)
            .into_iter()
            .flat_map(|service| &service.depends_on);
        for dependency in dependencies {
            if !wanted.contains(&dependency.service.value) {
                wanted.push(dependency.service.value.clone());
            }
        }
    }
    app.services.retain(|name, _| wanted.contains(name));
}

async fn work(session: &Session, app: &App, ground: Ground, detach: bool) -> Result<(), Failure> {
    let images = images(session, app).await?;
    let run = DevRun::create(session, app, &images, ground, !detach).await?;
    if let Err(error) = run.start().await {
        run.stop().await;
        return Err(error.into());
    }
    show_ports(session, app, &run).await?;
    if detach {
        session.emit(Event::Note(
            "running in the background; `envsim logs`, `envsim ps`, `envsim down`".to_owned(),
        ));
        return Ok(());
    }
    let ruled = dev_watch::ruled(app)?;
    let over = all_ended(session, &run);
    let watching = live::run(session, app, &run, &images, ruled, over).await;
    session.emit(Event::Phase("stopping".to_owned()));
    run.stop().await;
    watching.map_err(Failure::from)
}

async fn images(session: &Session, app: &App) -> Result<IndexMap<String, Image>, RunError> {
    let first = |service: &&Service| service.replica.is_none();
    let all = app
        .services
        .values()
        .filter(first)
        .map(|service| async move {
            let image = image::ensure(session, app, service, Want::Dev).await?;
            Ok::<_, RunError>((service.name.clone(), image))
        });
    Ok(try_join_all(all).await?.into_iter().collect())
}

async fn show_ports(session: &Session, app: &App, run: &DevRun<'_>) -> Result<(), RunError> {
    let targets = run.targets().await?;
    for service in app.services.values() {
        for port in &service.ports {
            if let Some((address, host)) = targets.ports.get(&(service.name.clone(), port.target)) {
                session.emit(Event::Note(format!(
                    "{}: port {} is at {}",
                    service.name,
                    port.target,
                    reached_at(port.target, address, *host)
                )));
            }
        }
    }
    Ok(())
}

/// Container ports whose servers are known to speak something else than HTTP: SSH, mail, DNS, LDAP,
/// databases, caches, brokers.
const NOT_HTTP: [u16; 24] = [
    22, 25, 53, 143, 389, 587, 636, 993, 1433, 1521, 1883, 3306, 4222, 5432, 5672, 6379, 6380,
    8883, 9042, 9092, 11211, 27017, 27018, 33060,
];

/// Where a published port is reached: as a URL that a terminal makes clickable, or as an address when
/// a browser could do nothing with it.
fn reached_at(container_port: u16, address: &str, host_port: u16) -> String {
    let address = match address.contains(':') {
        true => format!("[{address}]"),
        false => address.to_owned(),
    };
    match NOT_HTTP.contains(&container_port) {
        true => format!("{address}:{host_port}"),
        false => format!("http://{address}:{host_port}"),
    }
}

/// How long a container may be away while somebody restarts it.
const RESTART_BY_HAND: Duration = Duration::from_secs(1);

/// Returns when every container has ended for good: the engine restarts some by their policy, and a
/// restart of ours looks like an end for a moment.
pub async fn all_ended(session: &Session, run: &DevRun<'_>) {
    let mut states = run.watch();
    loop {
        let ended = |states: &States| {
            states
                .values()
                .all(|state| matches!(state, State::Exited { .. }))
        };
        // The sender lives as long as the run.
        if states.wait_for(ended).await.is_err() {
            return;
        }
        let mut goes_on = false;
        for (_, id) in run.containers() {
            if let Ok(Some(state)) = session.engine.inspect(&id).await {
                goes_on |= state.running || state.status == "restarting";
            }
        }
        let changed = states.changed();
        let changed = match goes_on {
            true => changed.await,
            // `docker restart` by hand, or by an editor, is an end and a start.
            false => match tokio::time::timeout(RESTART_BY_HAND, changed).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_can_open_is_told_as_a_url() {
        assert_eq!(reached_at(3000, "127.0.0.1", 80), "http://127.0.0.1:80");
        assert_eq!(reached_at(6379, "127.0.0.1", 6379), "127.0.0.1:6379");
        assert_eq!(reached_at(80, "::1", 8080), "http://[::1]:8080");
    }
}
