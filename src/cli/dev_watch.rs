//! The watch loop of `envsim dev`: changes in, actions out.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedReceiver;

use super::dev::all_ended;
use super::exit::Failure;
use crate::app::{App, Hook, Service, WatchAction};
use crate::build::context;
use crate::dev::archive::{self, Item};
use crate::dev::run::DevRun;
use crate::dev::watch::batch::{Batch, Changes};
use crate::dev::watch::rule::Matcher;
use crate::dev::watch::source::{Change, Source};
use crate::event::{Action, Changed, Command, Event};
use crate::run::hooks;
use crate::run::image::{self, Want};
use crate::run::{RunError, Session};

/// One service's rules.
struct Watched<'a> {
    service: &'a Service,
    matchers: Vec<Matcher>,
}

/// Acts on changes until Ctrl-C or until every container has ended.
pub async fn watch(
    session: &Session,
    app: &App,
    run: &mut DevRun<'_>,
    mut commands: UnboundedReceiver<Command>,
) -> Result<(), Failure> {
    let watched = matchers(app)?;
    let all: Vec<Matcher> = watched
        .iter()
        .flat_map(|watched| watched.matchers.iter().cloned())
        .collect();
    if all.is_empty() {
        loop {
            tokio::select! {
                () = session.cancel.wait() => return Ok(()),
                () = all_ended(session, run) => return Ok(()),
                Some(command) = commands.recv() => obey(session, app, run, command).await?,
            }
        }
    }
    let mut source = Source::new(all).map_err(|error| {
        Failure::usage(
            error.to_string(),
            "watching needs the paths of `develop.watch` to be there",
        )
    })?;
    for watched in &watched {
        for matcher in watched
            .matchers
            .iter()
            .filter(|matcher| matcher.rule.initial_sync)
        {
            let items = items_below(matcher);
            act_sync(session, run, watched.service, &items).await;
        }
    }
    let names: Vec<&str> = watched
        .iter()
        .map(|watched| &*watched.service.name)
        .collect();
    session.emit(Event::Note(format!(
        "watching the files of {}",
        names.join(", ")
    )));
    let mut batch = Batch::default();
    loop {
        let due = batch.due();
        let quiet = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = session.cancel.wait() => return Ok(()),
            () = quiet => {
                if let Some(changes) = batch.take() {
                    act(session, app, run, &watched, &changes).await?;
                }
            }
            change = source.next() => match change {
                Some(Change::Path(path)) => batch.add(path, Instant::now()),
                Some(Change::Lost) => batch.lost(Instant::now()),
                None => return Ok(()),
            },
            Some(command) = commands.recv() => obey(session, app, run, command).await?,
            () = all_ended(session, run) => return Ok(()),
        }
    }
}

/// Does what the user asked for with a key.
async fn obey(
    session: &Session,
    app: &App,
    run: &mut DevRun<'_>,
    command: Command,
) -> Result<(), Failure> {
    let (Command::Restart { service } | Command::Rebuild { service }) = &command;
    let asked = |one: &&Service| service.as_ref().is_none_or(|name| *name == one.name);
    for service in app.services.values().filter(asked) {
        let since = Instant::now();
        let action = match command {
            Command::Restart { .. } => {
                restart(session, run, service).await;
                Action::Restarted {
                    synced: false,
                    signal: None,
                    killed: false,
                }
            }
            Command::Rebuild { .. } if service.build.is_none() => continue,
            Command::Rebuild { .. } => match rebuild(session, app, run, service).await? {
                true => Action::Rebuilt,
                false => continue,
            },
        };
        session.emit(Event::Synced {
            service: service.name.clone(),
            action,
            paths: Vec::new(),
            took: since.elapsed(),
        });
    }
    Ok(())
}

fn matchers(app: &App) -> Result<Vec<Watched<'_>>, Failure> {
    let mut all = Vec::new();
    for service in app
        .services
        .values()
        .filter(|service| !service.watch.is_empty())
    {
        let context = match &service.build {
            None => None,
            Some(build) => {
                let ignore = context::find_ignore(&build.context, Some(&build.dockerfile));
                let ignore = ignore.map_err(|error| {
                    Failure::usage(error.to_string(), "correct the ignore file")
                })?;
                Some((build.context.clone(), ignore))
            }
        };
        let mut matchers = Vec::new();
        for rule in &service.watch {
            let matcher = Matcher::new(rule, context.clone()).map_err(|error| {
                Failure::usage(
                    format!("{}: {error}", rule.place),
                    "correct the pattern of the watch rule",
                )
            })?;
            matchers.push(matcher);
        }
        all.push(Watched { service, matchers });
    }
    Ok(all)
}

/// What a batch asks of one service.
#[derive(Default)]
struct Asked {
    items: Vec<Item>,
    paths: Vec<String>,
    rebuild: bool,
    restart: bool,
    /// Commands of `sync+exec`, each once.
    run: Vec<Hook>,
}

async fn act(
    session: &Session,
    app: &App,
    run: &mut DevRun<'_>,
    watched: &[Watched<'_>],
    changes: &Changes,
) -> Result<(), Failure> {
    let mut asked: BTreeMap<usize, Asked> = BTreeMap::new();
    for (index, watched) in watched.iter().enumerate() {
        for matcher in &watched.matchers {
            let mut paths: Vec<_> = changes.paths.iter().cloned().collect();
            if changes.rescan {
                paths.extend(items_below(matcher).into_iter().map(|item| item.source));
            }
            for path in paths {
                let Some(below) = matcher.relevant(&path) else {
                    continue;
                };
                // A directory that appears is reported with its files.
                if path.is_dir() {
                    continue;
                }
                let asked = asked.entry(index).or_default();
                let shown = app.relative(&path);
                if !asked.paths.contains(&shown) {
                    asked.paths.push(shown);
                }
                match matcher.rule.action {
                    WatchAction::Rebuild => asked.rebuild = true,
                    WatchAction::Restart => asked.restart = true,
                    WatchAction::Sync
                    | WatchAction::SyncAndRestart
                    | WatchAction::SyncAndExec(_) => {
                        asked.restart |= matcher.rule.action == WatchAction::SyncAndRestart;
                        if let WatchAction::SyncAndExec(hook) = &matcher.rule.action
                            && !asked.run.contains(hook)
                        {
                            asked.run.push((**hook).clone());
                        }
                        if let Some(target) = matcher.target(&below) {
                            asked.items.push(Item {
                                source: path,
                                target,
                            });
                        }
                    }
                }
            }
        }
    }
    for (index, asked) in asked {
        let service = watched[index].service;
        let path = |path: &String| Changed {
            path: path.clone(),
            target: None,
            bytes: None,
            gone: false,
        };
        let restarted = |synced| Action::Restarted {
            synced,
            signal: None,
            killed: false,
        };
        let done = |action: Action| Event::Synced {
            service: service.name.clone(),
            action,
            paths: asked.paths.iter().map(path).collect(),
            took: changes.since.elapsed(),
        };
        if asked.rebuild {
            if rebuild(session, app, run, service).await? {
                session.emit(done(Action::Rebuilt));
            }
            continue;
        }
        let synced = asked.items.is_empty() || act_sync(session, run, service, &asked.items).await;
        if synced && !asked.run.is_empty() {
            let ran = run_commands(session, run, service, &asked.run).await;
            if !asked.restart {
                session.emit(done(match ran {
                    true => Action::SyncedAndRan,
                    false => Action::Synced,
                }));
                continue;
            }
        }
        if asked.restart && synced {
            restart(session, run, service).await;
            session.emit(done(restarted(!asked.items.is_empty())));
        } else if synced {
            session.emit(done(Action::Synced));
        }
    }
    Ok(())
}

async fn act_sync(session: &Session, run: &DevRun<'_>, service: &Service, items: &[Item]) -> bool {
    let Some(id) = run.container_of(&service.name) else {
        return false;
    };
    match archive::sync(session, &id, items, (0, 0)).await {
        Ok(()) => true,
        Err(error) => {
            session.emit(Event::Warning(format!(
                "{}: files were not synced: {error}",
                service.name
            )));
            false
        }
    }
}

/// Runs the commands of `sync+exec`; one that fails is told and ends the row.
async fn run_commands(
    session: &Session,
    run: &DevRun<'_>,
    service: &Service,
    commands: &[Hook],
) -> bool {
    let Some(id) = run.container_of(&service.name) else {
        return false;
    };
    for command in commands {
        if let Err(reason) = hooks::one(&session.engine, command, &id, "sync+exec").await {
            session.emit(Event::Warning(format!("{}: {reason}", service.name)));
            return false;
        }
    }
    true
}

async fn restart(session: &Session, run: &DevRun<'_>, service: &Service) {
    let Some(id) = run.container_of(&service.name) else {
        return;
    };
    let seconds = service
        .stop_grace_period
        .map_or(10, |period| period.as_secs() as u32);
    if let Err(reason) = hooks::pre_stop(session, service, &id).await {
        session.emit(Event::Warning(format!("{}: {reason}", service.name)));
    }
    if let Err(error) = session.engine.restart(&id, seconds).await {
        session.emit(Event::Warning(format!(
            "{}: not restarted: {error}",
            service.name
        )));
        return;
    }
    if let Err(reason) = hooks::post_start(session, service, &id).await {
        session.emit(Event::Warning(format!("{}: {reason}", service.name)));
    }
}

/// Builds again and replaces the container; a build that fails leaves the old one running.
async fn rebuild(
    session: &Session,
    app: &App,
    run: &mut DevRun<'_>,
    service: &Service,
) -> Result<bool, Failure> {
    // Further containers of one service share its image.
    let first = service
        .replica
        .as_ref()
        .and_then(|replica| app.services.get(&replica.of));
    let built = match image::ensure(session, app, first.unwrap_or(service), Want::Dev).await {
        Ok(built) => built,
        Err(RunError::Interrupted) => return Err(RunError::Interrupted.into()),
        Err(error) => {
            let name = &service.name;
            session.emit(Event::Warning(format!(
                "{name}: the build failed, the old container goes on: {error}"
            )));
            return Ok(false);
        }
    };
    run.replace(service, &built).await?;
    Ok(true)
}

/// Every file that a rule is about.
fn items_below(matcher: &Matcher) -> Vec<Item> {
    let mut items = Vec::new();
    let mut directories = vec![matcher.rule.path.clone()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let real = path
                .symlink_metadata()
                .map(|metadata| metadata.is_dir())
                .unwrap_or_default();
            if real && !matcher.prunes(&path) {
                directories.push(path);
            } else if let Some(target) = matcher
                .relevant(&path)
                .and_then(|below| matcher.target(&below))
            {
                items.push(Item {
                    source: path,
                    target,
                });
            }
        }
    }
    items
}
