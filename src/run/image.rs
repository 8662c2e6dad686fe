//! The image of a service: built, generated or taken as it is.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;

use super::{RunError, Session};
use crate::app::{App, Build, MountKind, Problem, Service};
use crate::build::context::{self, Listing, archive};
use crate::build::dockerfile::{self, Dockerfile};
use crate::build::generate::{self, BindMount, Generated};
use crate::build::ignore::Ignore;
use crate::build::stages::{Inputs, Resolved};
use crate::engine::{BuildEvent, BuildRequest, BuildSecret, EngineError, ImageInfo, TarSource};
use crate::event::Event;
use crate::evidence::ImageOrigin;

/// The image that a service's containers are made from.
#[derive(Clone, Debug)]
pub struct Image {
    /// Name in the engine.
    pub reference: String,
    /// What the engine knows of it.
    pub info: ImageInfo,
    /// How it came to be.
    pub origin: ImageOrigin,
    /// The project's Dockerfile and context, when it was built from them.
    pub built: Option<BuildInput>,
    /// The generated Dockerfile, when there is one.
    pub generated: Option<Generated>,
}

/// What a build is made from, read from the disk.
#[derive(Clone, Debug)]
pub struct BuildInput {
    /// The Dockerfile, read.
    pub dockerfile: Dockerfile,
    /// Its stages for this target.
    pub resolved: Resolved,
    /// The files of the context.
    pub listing: Listing,
    /// The ignore file.
    pub ignore: Ignore,
    /// Text of the Dockerfile.
    pub text: String,
    /// Name of the Dockerfile as shown.
    pub shown: String,
    /// Name of the Dockerfile in the archive.
    name: String,
    extras: Vec<archive::Extra>,
}

/// Which image a run wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// As in dev: a stock image stays as it is, the mounts bring the code.
    Dev,
    /// As in production: what the mounts bring is copied.
    SelfContained,
}

/// Builds or finds the image of `service`.
pub async fn ensure(
    session: &Session,
    app: &App,
    service: &Service,
    want: Want,
) -> Result<Image, RunError> {
    if let Some(build) = &service.build {
        let input = read_build(app, service, build)?;
        let info = build_image(session, service, build, &input).await?;
        return Ok(Image {
            reference: session.labels.image(&service.name),
            info,
            origin: ImageOrigin::Built,
            built: Some(input),
            generated: None,
        });
    }
    let Some(reference) = service.image.as_ref().map(|image| image.value.clone()) else {
        let message = format!(
            "the service `{}` has neither `image` nor `build`",
            service.name
        );
        return Err(Problem::error(message).into());
    };
    let info = stock(session, service, &reference).await?;
    let generated = match want {
        Want::Dev => None,
        Want::SelfContained => generated(app, service, &reference, &info.config.volumes),
    };
    let Some(generated) = generated else {
        return Ok(Image {
            reference,
            info,
            origin: ImageOrigin::Stock,
            built: None,
            generated: None,
        });
    };
    let info = build_generated(session, app, service, &generated).await?;
    Ok(Image {
        reference: session.labels.image(&service.name),
        info,
        origin: ImageOrigin::Generated,
        built: None,
        generated: Some(generated),
    })
}

/// Finds an image in the engine, or pulls it.
pub async fn stock(
    session: &Session,
    service: &Service,
    reference: &str,
) -> Result<ImageInfo, RunError> {
    let always = service.pull_policy.as_deref() == Some("always");
    if !always && let Some(info) = session.engine.image(reference).await? {
        return Ok(info);
    }
    let mut on = |progress: crate::engine::PullProgress| {
        let status = match progress.layer {
            Some(layer) => format!("{} {layer}", progress.status),
            None => progress.status,
        };
        session.emit(Event::Pull {
            service: service.name.clone(),
            image: reference.to_owned(),
            status,
        });
    };
    tokio::select! {
        pulled = session.engine.pull(reference, service.platform.as_deref(), &mut on) => pulled?,
        () = session.cancel.wait() => return Err(RunError::Interrupted),
    }
    match session.engine.image(reference).await? {
        Some(info) => Ok(info),
        None => Err(EngineError::ImageNotFound {
            image: reference.to_owned(),
            detail: "it is not there after the pull".to_owned(),
        }
        .into()),
    }
}

/// Reads the Dockerfile and walks the context.
///
/// # Errors
/// A missing or wrong Dockerfile, an unknown stage, a context that cannot be read.
pub fn read_build(app: &App, service: &Service, build: &Build) -> Result<BuildInput, Problem> {
    let shown = app.relative(&build.dockerfile);
    let at = |mut problem: Problem| {
        problem.place = Some(build.place.clone());
        problem
    };
    if !build.context.is_dir() {
        let path = app.relative(&build.context);
        let problem = Problem::error(format!(
            "the build context `{path}` of `{}` is not a directory",
            service.name
        ));
        return Err(at(problem.help(
            "correct `build.context`; it is relative to the Compose file",
        )));
    }
    let text = match &build.dockerfile_inline {
        Some(text) => text.clone(),
        None => std::fs::read_to_string(&build.dockerfile).map_err(|error| {
            let problem = Problem::error(format!(
                "cannot read the Dockerfile `{shown}` of `{}`: {error}",
                service.name
            ));
            at(problem.help("create it, or name the right file with `build.dockerfile`"))
        })?,
    };
    let dockerfile =
        dockerfile::read(&text, &shown).map_err(|error| Problem::error(error.to_string()))?;
    let args = build
        .args
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.value.clone()?)));
    let inputs = Inputs {
        target: build.target.as_ref().map(|target| target.value.clone()),
        build_args: args.collect(),
        platform: service
            .platform
            .clone()
            .unwrap_or_else(|| format!("linux/{}", super::agent::ARCH)),
        images: BTreeMap::new(),
    };
    let resolved = dockerfile.resolve(&inputs).map_err(|error| {
        let mut problem = Problem::error(error.to_string());
        problem.place = build.target.as_ref().map(|target| target.place.clone());
        problem
    })?;
    let read = || -> Result<(Ignore, Listing), context::ContextError> {
        let ignore = context::find_ignore(&build.context, Some(&build.dockerfile))?;
        let listing = context::walk(&build.context, &ignore)?;
        Ok((ignore, listing))
    };
    let (ignore, listing) = read().map_err(|error| at(Problem::error(error.to_string())))?;
    let (name, extra) = match &build.dockerfile_inline {
        None => archive::place_dockerfile(&build.context, &build.dockerfile, &listing),
        Some(text) => {
            let name = ".envsim.Dockerfile".to_owned();
            let content = archive::Content::Text(text.clone());
            (name.clone(), Some(archive::Extra { name, content }))
        }
    };
    Ok(BuildInput {
        dockerfile,
        resolved,
        listing,
        ignore,
        text,
        shown,
        name,
        extras: extra.into_iter().collect(),
    })
}

async fn build_image(
    session: &Session,
    service: &Service,
    build: &Build,
    input: &BuildInput,
) -> Result<ImageInfo, RunError> {
    let mut request = request(session, service, &input.name);
    request.target = build.target.as_ref().map(|target| target.value.clone());
    request.args = build
        .args
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.value.clone()?)))
        .collect();
    request.labels.extend(build.labels.clone());
    request.no_cache = build.no_cache;
    request.pull = build.pull;
    request.extra_hosts.clone_from(&build.extra_hosts);
    request.network.clone_from(&build.network);
    request.shm_size = build.shm_size.and_then(|bytes| u64::try_from(bytes).ok());
    request.cache_from.clone_from(&build.cache_from);
    for secret in &build.secrets {
        request.secrets.push(read_secret(secret)?);
    }
    let (listing, extras) = (input.listing.clone(), input.extras.clone());
    run_build(session, service, request, listing, extras).await
}

fn read_secret(secret: &crate::app::BuildSecret) -> Result<BuildSecret, Problem> {
    let wrong = |message: String| {
        let mut problem = Problem::error(message);
        problem.place = Some(secret.place.clone());
        problem
    };
    let bytes = match (&secret.file, &secret.environment) {
        (Some(file), _) => std::fs::read(file).map_err(|error| {
            wrong(format!(
                "cannot read the secret `{}` from `{}`: {error}",
                secret.id,
                file.display()
            ))
        })?,
        (None, Some(variable)) => std::env::var(variable)
            .map_err(|_| {
                wrong(format!(
                    "the secret `{}` needs the variable `{variable}`, which is not set",
                    secret.id
                ))
            })?
            .into_bytes(),
        (None, None) => {
            return Err(wrong(format!(
                "the secret `{}` has neither `file` nor `environment`",
                secret.id
            )));
        }
    };
    Ok(BuildSecret {
        id: secret.id.clone(),
        bytes: bytes.into(),
    })
}

/// What the generated image of `service` would be; none when no mount brings anything to copy.
///
/// A mount on a VOLUME of the image is data, not code: it is left out, as the volume hides it.
pub fn generated(
    app: &App,
    service: &Service,
    image: &str,
    image_volumes: &[String],
) -> Option<Generated> {
    let on_volume = |target: &str| {
        image_volumes
            .iter()
            .any(|volume| Path::new(target).starts_with(volume))
    };
    let mounts: Vec<BindMount> = service
        .volumes
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind { source, .. } if !on_volume(&mount.target) => Some(BindMount {
                source: source.to_string_lossy().into_owned(),
                target: mount.target.clone(),
                kind: context::look(source),
                read_only: mount.read_only,
                line: Some(mount.place.line as usize),
            }),
            _ => None,
        })
        .collect();
    if mounts.is_empty() {
        return None;
    }
    let volumes: Vec<String> = service
        .volumes
        .iter()
        .filter(|mount| !matches!(mount.kind, MountKind::Bind { .. }))
        .map(|mount| mount.target.clone())
        .collect();
    let compose_file = service.place.path.to_string();
    let generated = generate::generate(&generate::Request {
        service: &service.name,
        image,
        compose_file: &compose_file,
        project_dir: &app.directory.to_string_lossy(),
        mounts: &mounts,
        volumes: &volumes,
    });
    (!generated.context.is_empty()).then_some(generated)
}

async fn build_generated(
    session: &Session,
    app: &App,
    service: &Service,
    generated: &Generated,
) -> Result<ImageInfo, RunError> {
    let listing = context::walk_mounts(&app.directory, generated)
        .map_err(|error| Problem::error(error.to_string()))?;
    let name = ".envsim.Dockerfile".to_owned();
    let extra = archive::Extra {
        name: name.clone(),
        content: archive::Content::Text(generated.dockerfile.clone()),
    };
    let request = request(session, service, &name);
    run_build(session, service, request, listing, vec![extra]).await
}

fn request(session: &Session, service: &Service, dockerfile: &str) -> BuildRequest {
    let mut labels = session.labels.of("image", Some(&service.name));
    // What changes from run to run would make another image of the same content each time.
    labels.remove(crate::labels::OWNER);
    labels.remove(crate::labels::TASK);
    labels.insert(
        crate::labels::MODE.to_owned(),
        image_mode(session).to_owned(),
    );
    BuildRequest {
        tag: Some(session.labels.image(&service.name)),
        dockerfile: dockerfile.to_owned(),
        labels,
        platform: service.platform.clone(),
        ..BuildRequest::default()
    }
}

/// The dev run and its twin beside a prod-check share one image.
fn image_mode(session: &Session) -> &'static str {
    match session.labels.run {
        crate::labels::RunKind::ProdCheck => "prod-check",
        _ => "dev",
    }
}

async fn run_build(
    session: &Session,
    service: &Service,
    request: BuildRequest,
    listing: Listing,
    extras: Vec<archive::Extra>,
) -> Result<ImageInfo, RunError> {
    let name = &service.name;
    let tag = session.labels.image(name);
    let before = session.engine.image(&tag).await?.map(|info| info.id);
    session.emit(Event::BuildStarted {
        service: name.clone(),
    });
    let source = TarSource::produce(move |out| {
        archive::write(&listing, &extras, out)
            .map(drop)
            .map_err(std::io::Error::other)
    });
    let mut steps: IndexMap<String, bool> = IndexMap::new();
    let mut on = |event: BuildEvent| match event {
        BuildEvent::Started { vertex, name: step } => {
            steps.entry(vertex).or_insert(false);
            session.emit(Event::BuildStep {
                service: name.clone(),
                step: crate::mask::mask(&step).into_owned(),
            });
        }
        BuildEvent::Cached { vertex, .. } => {
            steps.insert(vertex, true);
        }
        BuildEvent::Log { line, .. } => session.emit(Event::BuildLog {
            service: name.clone(),
            line: crate::mask::mask(&line).into_owned(),
        }),
        _ => {}
    };
    let built = tokio::select! {
        built = session.engine.build(request, source, &mut on) => built?,
        () = session.cancel.wait() => return Err(RunError::Interrupted),
    };
    let cached = steps.values().filter(|cached| **cached).count();
    session.emit(Event::BuildDone {
        service: name.clone(),
        cached: (cached, steps.len()),
    });
    let info = session
        .engine
        .image(&built.id)
        .await?
        .ok_or(EngineError::NotFound {
            what: "image".to_owned(),
            name: built.id.clone(),
        })?;
    if let Some(before) = before.filter(|before| *before != info.id) {
        // The image this one replaces has lost its name and would only fill the disk. A container
        // may still be made from it: then the engine refuses, rightly.
        let _ = session.engine.remove_image(&before, false).await;
    }
    Ok(info)
}
