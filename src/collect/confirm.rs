//! Asks the images themselves what they have where dev mounts something, through containers that are made for it and
//! never started: what the Dockerfile seemed to say is confirmed, withdrawn or added to.

use std::collections::HashSet;
use std::path::Path;

use futures::future::join_all;
use indexmap::IndexMap;

use super::apply::{self, Looked};
use super::checkout::Checkout;
use super::image_files::{self, Ground, ImageFiles, Outcome};
use super::missing::never_needed;
use super::mounts::{self, Comparing, Shown};
use crate::app::{App, Service};
use crate::build::stages::Base;
use crate::engine::{ContainerSpec, Engine, EngineError, NetworkMode};
use crate::evidence::{MountSeen, Via};
use crate::run::Session;
use crate::run::image::{Image, Source};

/// Symbolic links that are followed from a mount's place.
const LINKS: usize = 8;

/// Why an image could not be read.
#[derive(Debug)]
pub struct Unread(String);

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Unread {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Compares the mounts of `dev` with `images`, and corrects `seen`, what the disk said of them. Also tells, in
/// sentences, what could not be compared: that stays as the disk said it.
pub async fn confirm(
    session: &Session,
    (dev, prod): (&App, &App),
    images: &IndexMap<String, Image>,
    seen: Vec<MountSeen>,
) -> (Vec<MountSeen>, Vec<String>) {
    let mut by_service: IndexMap<String, Vec<MountSeen>> = IndexMap::new();
    for mount in seen {
        let of_service = by_service.entry(mount.service.clone()).or_default();
        of_service.push(mount);
    }
    let all = by_service.into_iter().map(|(name, mounts)| async move {
        let (Some(service), Some(image)) = (dev.services.get(&name), images.get(&name)) else {
            return (mounts, None);
        };
        let untouched = mounts.clone();
        let shown = mounts::shown(service, prod.services.get(&name));
        let asking = of_service(session, dev, (service, &shown), image, mounts);
        tokio::select! {
            done = asking => match done {
                Ok(mounts) => (mounts, None),
                Err(error) => (untouched, Some(format!("the image of `{name}` could not be looked into: {error}"))),
            },
            () = session.cancel.wait() => (untouched, None),
        }
    });
    let (mounts, failures): (Vec<_>, Vec<_>) = join_all(all).await.into_iter().unzip();
    (
        mounts.into_iter().flatten().collect(),
        failures.into_iter().flatten().collect(),
    )
}

async fn of_service(
    session: &Session,
    dev: &App,
    (service, shown): (&Service, &[Shown]),
    image: &Image,
    mounts: Vec<MountSeen>,
) -> Result<Vec<MountSeen>, Unread> {
    // There is nothing to look for of a secret.
    let is_looked_at = |mount: &MountSeen| mount.via != Via::Secret && !mount.credentials;
    if !mounts.iter().any(is_looked_at) {
        return Ok(mounts);
    }
    let engine = &session.engine;
    let stock = mounts.iter().find(|mount| mount.without_build);
    let reference = stock.map_or(&image.info.id, |mount| &mount.image).clone();
    let container = make(session, &reference).await.map_err(Unread::of)?;
    let base = base_container(session, &image.source).await;
    let mut all = Vec::new();
    let mut failed = None;
    for mount in mounts {
        let of = |shown: &&Shown| shown.target == mount.target && shown.via == mount.via;
        let Some(shown) = shown.iter().find(of).filter(|_| is_looked_at(&mount)) else {
            all.push(mount);
            continue;
        };
        let task = Task {
            dev: dev.clone(),
            service: service.clone(),
            source: image.source.clone(),
            shown: shown.clone(),
        };
        match task
            .compare(engine, &container, base.as_deref(), mount)
            .await
        {
            Ok(mount) => all.push(mount),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    for id in base.iter().chain([&container]) {
        // What is left goes with the run.
        let _ = engine.remove_container(id, true, true).await;
    }
    failed.map_or(Ok(all), Err)
}

/// A container that is never started: its file system is the image's.
async fn make(session: &Session, image: &str) -> Result<String, EngineError> {
    let spec = ContainerSpec {
        image: image.to_owned(),
        // An image need not have a command of its own.
        command: Some(vec!["never".to_owned()]),
        labels: session.labels.of("look", None),
        network: NetworkMode::None,
        ..ContainerSpec::default()
    };
    session.engine.create_container(&spec).await
}

/// A container of the image that a build starts from, where the engine has it: what is the base's own is told from what
/// the build made.
async fn base_container(session: &Session, source: &Source) -> Option<String> {
    let resolved = &source.built.as_ref()?.resolved;
    let lowest = *resolved.lineage().first()?;
    let Base::Image(reference) = &resolved.stages[lowest].base else {
        return None;
    };
    session.engine.image(reference).await.ok()??;
    make(session, reference).await.ok()
}

/// One mount and all that is needed to compare it on a thread of its own.
struct Task {
    dev: App,
    service: Service,
    source: Source,
    shown: Shown,
}

impl Task {
    async fn compare(
        self,
        engine: &Engine,
        container: &str,
        base: Option<&str>,
        mount: MountSeen,
    ) -> Result<MountSeen, Unread> {
        let copied = self.copied();
        let image = files(engine, container, &self.shown, &copied).await?;
        let unknown = image.as_ref().is_some_and(|image| !image.own.is_empty());
        let base = match base.filter(|_| unknown) {
            Some(base) => Some(
                files(engine, base, &self.shown, &HashSet::new())
                    .await?
                    .unwrap_or_default(),
            ),
            None => None,
        };
        let joined = tokio::task::spawn_blocking(move || self.applied(mount, image, base));
        joined.await.map_err(Unread::of)
    }

    /// Absolute paths of the image that a COPY of the context filled.
    fn copied(&self) -> HashSet<String> {
        let comparing = Comparing::of(&self.dev, &self.service, &self.source, &[]);
        let Some(built) = &comparing.built else {
            return HashSet::new();
        };
        let image = built.copies.image();
        image.map(|(path, _)| path.to_owned()).collect()
    }

    fn applied(
        &self,
        mut mount: MountSeen,
        image: Option<ImageFiles>,
        base: Option<ImageFiles>,
    ) -> MountSeen {
        let comparing = Comparing::of(&self.dev, &self.service, &self.source, &[]);
        let looked = Looked {
            comparing: &comparing,
            shown: &self.shown,
            image: image.unwrap_or_default(),
            base,
        };
        let mut checkout = Checkout::find(&self.dev.directory);
        apply::apply(&looked, &mut mount, &mut checkout);
        mount
    }
}

/// What the image of `container` has at the mount's place; none when it has nothing there. `copied` are the absolute
/// paths that a COPY of the context filled.
///
/// # Errors
/// An engine that fails, an archive that breaks off.
pub async fn files(
    engine: &Engine,
    container: &str,
    shown: &Shown,
    copied: &HashSet<String>,
) -> Result<Option<ImageFiles>, Unread> {
    let source = std::fs::canonicalize(&shown.source).unwrap_or_else(|_| shown.source.clone());
    let mut path = shown.target.clone();
    for _ in 0..LINKS {
        let archive = engine.open_archive(container, &path).await;
        let Some(archive) = archive.map_err(Unread::of)? else {
            return Ok(None);
        };
        let (source, copied) = (source.clone(), copied.clone());
        let target = shown.target.trim_end_matches('/').to_owned();
        let comparing = tokio::task::spawn_blocking(move || {
            let ground = Ground {
                source: Path::new(&source),
                target: &target,
                copied: &copied,
                skipped: &never_needed,
            };
            image_files::compare(archive, &ground)
        });
        let outcome = comparing.await.map_err(Unread::of)?.map_err(Unread::of)?;
        match outcome {
            Outcome::Compared(files) => return Ok(Some(files)),
            Outcome::Link(to) => path = to,
        }
    }
    Ok(None)
}
