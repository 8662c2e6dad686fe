//! Removes what carries envsim's labels.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};

use super::{RunError, Session, hooks, owner};
use crate::app::{App, Hook};
use crate::engine::{Engine, EngineError};
use crate::event::Event;
use crate::labels::{self, RunKind};
use crate::plan::stop::{Needs, stoppable};

/// How often, and with what pause, a container is asked for that somebody else is removing.
const GONE_POLLS: usize = 100;
const GONE_PAUSE: Duration = Duration::from_millis(50);

/// What a clean-up removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names of containers.
    pub containers: Vec<String>,
    /// Names of networks.
    pub networks: Vec<String>,
    /// Names of volumes.
    pub volumes: Vec<String>,
    /// Names of images.
    pub images: Vec<String>,
}

/// Which kinds to remove besides containers and networks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// Volumes of tasks and of compared runs.
    pub temporary_volumes: bool,
    /// Named volumes of the dev run, with their data.
    pub named_volumes: bool,
    /// Images that envsim built.
    pub images: bool,
}

/// Stops the running services of dev runs that match `filter` as Compose stops them: each after all
/// that depend on it, with the signal and the time it was made with or `timeout_s` seconds, and after
/// its `pre_stop` commands where `app` is known (Compose, `stopContainer`). A removal alone would kill
/// them, and a database would not write what it holds in memory.
///
/// Returns a sentence for each `pre_stop` that failed; its container is stopped all the same. What
/// else goes wrong is not told: whatever still runs is ended by the removal that follows.
pub async fn stop_dev(
    engine: &Engine,
    filter: &[(&str, &str)],
    app: Option<&App>,
    timeout_s: Option<u32>,
) -> Result<Vec<String>, EngineError> {
    let mut filter = filter.to_vec();
    filter.push((labels::MODE, RunKind::Dev.as_str()));
    let mut ids: HashMap<String, Vec<String>> = HashMap::new();
    let mut needs = Needs::new();
    for one in engine.containers(&filter, false).await? {
        if let Some(service) = one.labels.get(labels::SERVICE) {
            let needed = one.labels.get(labels::DEPENDS_ON);
            let needed = needed.into_iter().flat_map(|all| all.split(','));
            needs.insert(service.clone(), needed.map(str::to_owned).collect());
            ids.entry(service.clone()).or_default().push(one.id);
        }
    }
    let mut left: Vec<String> = ids.keys().cloned().collect();
    let mut asked: Vec<String> = Vec::new();
    let mut failed = Vec::new();
    let mut stopping = FuturesUnordered::new();
    loop {
        for name in stoppable(&needs, &left) {
            if asked.contains(&name) {
                continue;
            }
            asked.push(name.clone());
            let service = app.and_then(|app| app.services.get(&name));
            let hooks = service.map_or(&[][..], |service| &service.pre_stop);
            let ids = &ids[&name];
            stopping.push(async move {
                let stops = ids.iter().map(|id| stop_one(engine, id, hooks, timeout_s));
                let results = join_all(stops).await;
                (name, results)
            });
        }
        let Some((name, results)) = stopping.next().await else {
            return Ok(failed);
        };
        let reasons = results.into_iter().filter_map(Result::err);
        failed.extend(reasons.map(|reason| format!("{name}: {reason}")));
        left.retain(|other| *other != name);
    }
}

async fn stop_one(
    engine: &Engine,
    id: &str,
    pre_stop: &[Hook],
    timeout_s: Option<u32>,
) -> Result<(), String> {
    let result = hooks::in_turn(engine, pre_stop, id, "pre_stop").await;
    // See above: the removal that follows ends it in any case.
    let _ = engine.stop_as_made(id, timeout_s).await;
    result
}

/// Removes the containers and networks that match `filter`, and what `scope` adds.
///
/// Holders are stopped gently and last: they take the task's cgroup away with them. What cannot be
/// removed does not keep the rest: the first error is told at the end.
pub async fn remove(
    engine: &Engine,
    filter: &[(&str, &str)],
    scope: Scope,
) -> Result<Removed, EngineError> {
    let mut removed = Removed::default();
    let mut failed = None;
    let mut note =
        |result: Result<bool, EngineError>, name: String, names: &mut Vec<String>| match result {
            Ok(_) => names.push(name),
            Err(error) => {
                failed.get_or_insert(error);
            }
        };
    let containers = engine.containers(filter, true).await?;
    let (holders, others): (Vec<_>, Vec<_>) = containers.into_iter().partition(|one| {
        one.labels
            .get(labels::ROLE)
            .is_some_and(|role| role == "holder")
    });
    let gone = join_all(others.iter().map(|one| remove_container(engine, &one.id))).await;
    for (result, one) in gone.into_iter().zip(others) {
        note(result, one.name, &mut removed.containers);
    }
    let gone = join_all(holders.iter().map(|one| async {
        if one.state == "running" {
            // Only a courtesy to the cgroups; the removal below ends it in any case.
            let _ = engine.stop(&one.id, 3, None).await;
        }
        remove_container(engine, &one.id).await
    }))
    .await;
    for (result, one) in gone.into_iter().zip(holders) {
        note(result, one.name, &mut removed.containers);
    }

    let networks = engine.networks(filter).await?;
    let gone = join_all(networks.iter().map(|one| engine.remove_network(&one.id))).await;
    for (result, one) in gone.into_iter().zip(networks) {
        note(result, one.name, &mut removed.networks);
    }

    for volume in engine.volumes(filter).await? {
        let named = volume.labels.contains_key(labels::VOLUME);
        let agent = volume.labels.get(labels::ROLE);
        let wanted = if agent.is_some_and(|role| role == "agent") {
            true
        } else if named {
            scope.named_volumes
        } else {
            scope.temporary_volumes
        };
        if wanted {
            let result = engine.remove_volume(&volume.name, true).await;
            note(result, volume.name, &mut removed.volumes);
        }
    }
    if scope.images {
        let all = engine.images_with_labels(filter).await?;
        let ours = |role: &String| role == "image";
        for image in all
            .into_iter()
            .filter(|image| image.labels.get(labels::ROLE).is_some_and(ours))
        {
            let result = engine.remove_image(&image.id, true).await;
            // Another container uses it; it is not ours to break.
            if result.as_ref().is_err_and(EngineError::is_conflict) {
                continue;
            }
            let name = image.tags.first().unwrap_or(&image.id).clone();
            note(result, name, &mut removed.images);
        }
    }
    match failed {
        None => Ok(removed),
        Some(error) => Err(error),
    }
}

/// Removes a container; one that another command is just removing counts as removed.
async fn remove_container(engine: &Engine, id: &str) -> Result<bool, EngineError> {
    let result = engine.remove_container(id, true, true).await;
    let Err(error) = &result else { return result };
    if !error.is_conflict() {
        return result;
    }
    for _ in 0..GONE_POLLS {
        if engine.inspect(id).await?.is_none() {
            return Ok(true);
        }
        tokio::time::sleep(GONE_PAUSE).await;
    }
    result
}

/// Removes what a crashed run with the same labels left behind.
///
/// # Errors
/// When the run is alive: two of one kind and project would take each other's names.
pub async fn leftovers(session: &Session, app: &App, what: &str) -> Result<Removed, RunError> {
    let (engine, filter) = (&session.engine, session.labels.filter());
    let containers = engine.containers(&filter, true).await?;
    let alive = containers
        .iter()
        .find_map(|one| owner::alive(one.labels.get(labels::OWNER)?));
    if let Some(pid) = alive {
        return Err(RunError::Service {
            message: format!("`{what}` of this project is already running (process {pid})"),
            help: "stop it first, or give this one another project name with `-p`".to_owned(),
        });
    }
    let scope = Scope {
        temporary_volumes: true,
        ..Scope::default()
    };
    for reason in stop_dev(engine, &filter, Some(app), None).await? {
        session.emit(Event::Warning(reason));
    }
    Ok(remove(engine, &filter, scope).await?)
}
