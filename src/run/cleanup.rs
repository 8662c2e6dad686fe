//! Removes what carries envsim's labels.

use futures::future::join_all;

use super::{RunError, owner};
use crate::engine::{Engine, EngineError};
use crate::labels;

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

/// Removes the containers and networks that match `filter`, and what `scope` adds.
///
/// Holders are stopped gently and last: they take the task's cgroup away with them.
pub async fn remove(
    engine: &Engine,
    filter: &[(&str, &str)],
    scope: Scope,
) -> Result<Removed, EngineError> {
    let mut removed = Removed::default();
    let containers = engine.containers(filter, true).await?;
    let (holders, others): (Vec<_>, Vec<_>) = containers.into_iter().partition(|one| {
        one.labels
            .get(labels::ROLE)
            .is_some_and(|role| role == "holder")
    });
    let gone = join_all(
        others
            .iter()
            .map(|one| engine.remove_container(&one.id, true, true)),
    )
    .await;
    for result in gone {
        result?;
    }
    let gone = join_all(holders.iter().map(|one| async {
        if one.state == "running" {
            // Only a courtesy to the cgroups; the removal below ends it in any case.
            let _ = engine.stop(&one.id, 3, None).await;
        }
        engine.remove_container(&one.id, true, true).await
    }))
    .await;
    for result in gone {
        result?;
    }
    removed
        .containers
        .extend(others.into_iter().chain(holders).map(|one| one.name));

    let networks = engine.networks(filter).await?;
    for result in join_all(
        networks
            .iter()
            .map(|network| engine.remove_network(&network.id)),
    )
    .await
    {
        result?;
    }
    removed
        .networks
        .extend(networks.into_iter().map(|network| network.name));

    if scope.temporary_volumes || scope.named_volumes {
        for volume in engine.volumes(filter).await? {
            let named = volume.labels.contains_key(labels::VOLUME);
            let wanted = if named {
                scope.named_volumes
            } else {
                scope.temporary_volumes
            };
            if wanted && engine.remove_volume(&volume.name, true).await? {
                removed.volumes.push(volume.name);
            }
        }
    }
    if scope.images {
        for image in engine.images_with_labels(filter).await? {
            if image
                .labels
                .get(labels::ROLE)
                .is_none_or(|role| role != "image")
            {
                continue;
            }
            let name = image
                .tags
                .first()
                .cloned()
                .unwrap_or_else(|| image.id.clone());
            match engine.remove_image(&image.id, true).await {
                Ok(true) => removed.images.push(name),
                Ok(false) => {}
                // Another container uses it; it is not ours to break.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(removed)
}

/// Removes what a crashed run with the same labels left behind.
///
/// # Errors
/// When the run is alive: two of one kind and project would take each other's names.
pub async fn leftovers(
    engine: &Engine,
    filter: &[(&str, &str)],
    what: &str,
) -> Result<Removed, RunError> {
    let containers = engine.containers(filter, true).await?;
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
    Ok(remove(engine, filter, scope).await?)
}
