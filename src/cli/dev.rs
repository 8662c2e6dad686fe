//! `envsim dev`: the app as it is developed, until Ctrl-C.

use std::time::Duration;

use futures::future::try_join_all;
use indexmap::IndexMap;
use tokio::sync::mpsc::UnboundedReceiver;

use super::args;
use super::exit::{Exit, Failure};
use super::{dev_screen, dev_watch, project};
use crate::app::{App, Mode, Service};
use crate::dev::live::back::Wanted;
use crate::dev::run::{self as dev, DevRun};
use crate::dev::{Ground, live, plan, remote, scale};
use crate::engine::Engine;
use crate::event::{Command, Event};
use crate::labels::RunKind;
use crate::plan::start::State;
use crate::run::cancel::CancelSource;
use crate::run::cleanup::{self, Scope};
use crate::run::image::{self, Image, Want};
use crate::run::supervise::States;
use crate::run::{RunError, Session};

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Dev) -> Result<Exit, Failure> {
    let mut app = project::app(project, Mode::Dev, true)?;
    project::known_services(&app, &args.services)?;
    keep_only(&mut app, &args.services);
    let wanted = Wanted::new(&args.remote_sync_back)
        .map_err(|error| Failure::usage(error.to_string(), "correct the pattern"))?;
    let engine = Engine::connect().await?;
    project::warn_when_remote(&engine);
    let mut ground = dev::ground(&engine).await?;
    ground.agent = !args.no_agent;
    project::check_dev(&app, &ground, true)?;
    if !ground.sees_files {
        ground.copied = remote::sync_binds(&mut app);
    }
    let app = scale::expand(app);
    let (source, cancel) =
        CancelSource::with_signals().map_err(|error| Failure::usage(error.to_string(), ""))?;
    // What is shown is written to its end, and the terminal as it was, when this is dropped.
    let mut display = dev_screen::display(&args, &app)?;
    let session = project::session(
        &engine,
        &app.name,
        RunKind::Dev,
        None,
        &display.sink(),
        &cancel,
    );
    let keys = dev_screen::serve(&mut display, &session, source, project);
    cleanup::leftovers(&session, &app, "envsim dev").await?;
    if !ground.copied.is_empty() {
        session.emit(Event::Note(format!(
            "the engine at {} does not see this machine's files, so what would be bind mounts are volumes that envsim keeps in step: {}",
            engine.found().address,
            listed(&ground.copied)
        )));
    }
    let result = work(&session, &app, ground, args.detach, wanted, keys.commands).await;
    dev_screen::end(keys.checking).await;
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

async fn work(
    session: &Session,
    app: &App,
    ground: Ground,
    detach: bool,
    wanted: Wanted,
    commands: UnboundedReceiver<Command>,
) -> Result<(), Failure> {
    let images = images(session, app).await?;
    let copied = ground.copied.clone();
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
    let (ruled, notes) = dev_watch::ruled(app, &images, &copied)?;
    for note in notes {
        session.emit(Event::Note(note));
    }
    let asked = live::Asked {
        ruled,
        wanted,
        commands,
    };
    let over = all_ended(session, app, &run);
    let watching = live::run(session, app, &run, &images, asked, over).await;
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
                session.emit(Event::Published {
                    service: service.name.clone(),
                    port: port.target,
                    address: reached_at(address, *host),
                    http: !NOT_HTTP.contains(&port.target),
                });
            }
        }
    }
    Ok(())
}

/// Container ports whose servers are known to speak something else than HTTP: SSH, mail, DNS, LDAP,
/// databases, caches, brokers. Where a browser could do nothing with an address, it is no URL.
const NOT_HTTP: [u16; 24] = [
    22, 25, 53, 143, 389, 587, 636, 993, 1433, 1521, 1883, 3306, 4222, 5432, 5672, 6379, 6380,
    8883, 9042, 9092, 11211, 27017, 27018, 33060,
];

/// Host and port as URLs have them.
fn reached_at(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

/// How long a container may be away while somebody restarts it.
const RESTART_BY_HAND: Duration = Duration::from_secs(1);
/// The same where the engine starts a container again whatever it ends with: it stays away only when somebody stops it.
const STOPPED_BY_HAND: Duration = Duration::from_secs(10);

/// Returns when every container has ended for good: the engine restarts some by their policy, and a
/// restart of ours looks like an end for a moment.
pub async fn all_ended(session: &Session, app: &App, run: &DevRun<'_>) {
    let mut states = run.watch();
    let by_policy = app
        .services
        .values()
        .any(|service| plan::comes_back(service, 0));
    let away = match by_policy {
        true => STOPPED_BY_HAND,
        false => RESTART_BY_HAND,
    };
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
            false => match tokio::time::timeout(away, changed).await {
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
    fn an_address_of_ipv6_stands_in_brackets() {
        assert_eq!(reached_at("127.0.0.1", 80), "127.0.0.1:80");
        assert_eq!(reached_at("::1", 8080), "[::1]:8080");
    }
}
