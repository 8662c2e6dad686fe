//! The image of a service: built, generated or taken as it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::build_extras::{self, Source as NamedContext};
use super::{RunError, Session};
use crate::app::{App, Build, MountKind, Problem, Service};
use crate::build::context::{self, Listing, archive};
use crate::build::copied::{self, Copies};
use crate::build::dockerfile::{self, Dockerfile};
use crate::build::generate::{self, BindMount, Generated};
use crate::build::ignore::{Ignore, IgnoreError};
use crate::build::stages::{Inputs, Resolved};
use crate::engine::{BuildEvent, BuildRequest, BuildSecret, EngineError, ImageInfo, TarSource};
use crate::event::Event;
use crate::evidence::ImageOrigin;

/// The image that a service's containers are made from.
#[derive(Clone, Debug)]
pub struct Image {
    /// What the engine knows of it.
    pub info: ImageInfo,
    /// What it is made from.
    pub source: Source,
}

/// What an image is made from, as the disk tells without an engine.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name in the engine.
    pub reference: String,
    /// How the image comes to be.
    pub origin: ImageOrigin,
    /// The project's Dockerfile and context, when it is built from them.
    pub built: Option<BuildInput>,
    /// The generated Dockerfile, when there is one.
    pub generated: Option<Generated>,
}

impl std::ops::Deref for Image {
    type Target = Source;

    fn deref(&self) -> &Source {
        &self.source
    }
}

/// What the self-contained image of `service` would be made from, read from the disk alone. The
/// VOLUMEs of a stock image are not known then, so no mount is taken for data that one hides.
///
/// # Errors
/// As [`read_build`]; a service with neither `image` nor `build`.
pub fn source(app: &App, service: &Service, name: &str) -> Result<Source, Problem> {
    if let Some(build) = &service.build {
        return Ok(Source {
            reference: name.to_owned(),
            origin: ImageOrigin::Built,
            built: Some(read_build(app, service, build)?),
            generated: None,
        });
    }
    let reference = stock_reference(service)?;
    let generated = generated(app, service, &reference, &[]);
    Ok(Source {
        reference,
        origin: match generated {
            Some(_) => ImageOrigin::Generated,
            None => ImageOrigin::Stock,
        },
        built: None,
        generated,
    })
}

/// `image` of a service without `build`.
fn stock_reference(service: &Service) -> Result<String, Problem> {
    let image = service.image.as_ref().map(|image| image.value.clone());
    image.ok_or_else(|| {
        let message = format!(
            "the service `{}` has neither `image` nor `build`",
            service.name
        );
        let mut problem = Problem::error(message).help("give it one of the two");
        problem.place = Some(service.place.clone());
        problem
    })
}

/// What a build is made from, read from the disk.
#[derive(Clone, Debug)]
pub struct BuildInput {
    /// The Dockerfile, read.
    pub dockerfile: Dockerfile,
    /// Its stages for this target.
    pub resolved: Resolved,
    /// Target, build arguments and platform that they are resolved with.
    pub inputs: Inputs,
    /// The files of the context, which can be very many.
    pub listing: Arc<Listing>,
    /// The ignore file.
    pub ignore: Ignore,
    /// Text of the Dockerfile.
    pub text: String,
    /// Name of the Dockerfile as shown.
    pub shown: String,
    /// Name of the Dockerfile in the archive.
    name: String,
    extras: Vec<archive::Extra>,
    /// Made when first asked for, and then for all copies of this.
    copies: Arc<OnceLock<Result<Copies, IgnoreError>>>,
}

impl BuildInput {
    /// Whether the engine gets files that are not of the context, such as a Dockerfile from elsewhere.
    pub fn has_extras(&self) -> bool {
        !self.extras.is_empty()
    }

    /// Where the files of the context go. Many look at it, so the instructions are followed once.
    ///
    /// # Errors
    /// As [`copied::copied`].
    pub fn copies(&self) -> Result<&Copies, &IgnoreError> {
        let follow = || copied::copied(&self.resolved, &self.listing.files());
        self.copies.get_or_init(follow).as_ref()
    }
}

/// A Dockerfile's text.
fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = context::read_instructions(path)?;
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8 text"))
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
        let info = build_image(session, app, service, build, &input, want).await?;
        let source = Source {
            reference: session.labels.image(&service.name),
            origin: ImageOrigin::Built,
            built: Some(input),
            generated: None,
        };
        return Ok(Image { info, source });
    }
    let reference = stock_reference(service)?;
    let info = stock(session, service, &reference).await?;
    let generated = match want {
        Want::Dev => None,
        Want::SelfContained => generated(app, service, &reference, &info.config.volumes),
    };
    let Some(generated) = generated else {
        let source = Source {
            reference,
            origin: ImageOrigin::Stock,
            built: None,
            generated: None,
        };
        return Ok(Image { info, source });
    };
    let info = build_generated(session, app, service, &generated).await?;
    let source = Source {
        reference: session.labels.image(&service.name),
        origin: ImageOrigin::Generated,
        built: None,
        generated: Some(generated),
    };
    Ok(Image { info, source })
}

/// How old an image may be by `policy` until it is pulled again.
fn age(policy: &str) -> Option<std::time::Duration> {
    const DAY: u64 = 24 * 3600;
    match policy {
        "daily" => Some(std::time::Duration::from_secs(DAY)),
        "weekly" => Some(std::time::Duration::from_secs(7 * DAY)),
        other => {
            let mut seconds = 0;
            let mut number = 0;
            for letter in other.strip_prefix("every_")?.chars() {
                let unit = match letter {
                    'w' => 7 * DAY,
                    'd' => DAY,
                    'h' => 3600,
                    'm' => 60,
                    's' => 1,
                    digit => {
                        number = number * 10 + u64::from(digit.to_digit(10)?);
                        continue;
                    }
                };
                seconds += number * unit;
                number = 0;
            }
            Some(std::time::Duration::from_secs(seconds))
        }
    }
}

async fn is_older(
    session: &Session,
    reference: &str,
    age: std::time::Duration,
) -> Result<bool, RunError> {
    let pulled = session.engine.last_tagged(reference).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map(|since| since.as_secs()).unwrap_or_default();
    Ok(pulled.is_none_or(|pulled| now.saturating_sub(pulled.max(0) as u64) > age.as_secs()))
}

/// Finds an image in the engine, or pulls it.
pub async fn stock(
    session: &Session,
    service: &Service,
    reference: &str,
) -> Result<ImageInfo, RunError> {
    let policy = service.pull_policy.as_deref().unwrap_or("missing");
    if !matches!(policy, "always" | "refresh")
        && let Some(info) = session.engine.image(reference).await?
    {
        let old = match age(policy) {
            Some(age) => is_older(session, reference, age).await?,
            None => false,
        };
        if !old {
            return Ok(info);
        }
    } else if matches!(policy, "never" | "build") {
        let mut problem = Problem::error(format!(
            "the image `{reference}` of `{}` is not there, and its pull policy is `{policy}`",
            service.name
        ));
        problem.place = service.image.as_ref().map(|image| image.place.clone());
        let help = format!("pull it (`docker pull {reference}`), or change `pull_policy`");
        return Err(problem.help(help).into());
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
        None => read_text(&build.dockerfile).map_err(|error| {
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
        inputs,
        listing: Arc::new(listing),
        ignore,
        text,
        shown,
        name,
        extras: extra.into_iter().collect(),
        copies: Arc::default(),
    })
}

async fn build_image(
    session: &Session,
    app: &App,
    service: &Service,
    build: &Build,
    input: &BuildInput,
    want: Want,
) -> Result<ImageInfo, RunError> {
    let mut request = request(session, service, &input.name);
    request.platform = build_extras::platform(service, build);
    request.target = build.target.as_ref().map(|target| target.value.clone());
    request.args = build
        .args
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.value.clone()?)))
        .collect();
    request.labels.extend(build.labels.clone());
    // The engine's call cannot tell stages apart.
    request.no_cache = build.no_cache || !build.no_cache_filter.is_empty();
    request.ulimits = build
        .ulimits
        .iter()
        .map(|limit| crate::engine::Ulimit {
            name: limit.name.clone(),
            soft: limit.soft,
            hard: limit.hard,
        })
        .collect();
    request.pull = build.pull;
    request.extra_hosts.clone_from(&build.extra_hosts);
    request.network.clone_from(&build.network);
    request.shm_size = build.shm_size.and_then(|bytes| u64::try_from(bytes).ok());
    request.cache_from.clone_from(&build.cache_from);
    for secret in &build.secrets {
        request.secrets.push(read_secret(secret)?);
    }
    let (mut listing, mut extras) = ((*input.listing).clone(), input.extras.clone());
    if !build.additional_contexts.is_empty() {
        let stages = named_contexts(session, app, build, want, &mut listing).await?;
        let first = input
            .dockerfile
            .stages
            .first()
            .map_or(1, |stage| stage.line);
        let name = ".envsim.Dockerfile".to_owned();
        let text = build_extras::with_stages(&input.text, first, &stages);
        request.dockerfile.clone_from(&name);
        extras = vec![archive::Extra {
            name,
            content: archive::Content::Text(text),
        }];
    }
    run_build(session, service, request, listing, extras).await
}

/// The stages of the named contexts; the files of directories are added to `listing`.
async fn named_contexts(
    session: &Session,
    app: &App,
    build: &Build,
    want: Want,
    listing: &mut Listing,
) -> Result<Vec<(String, Option<String>)>, RunError> {
    let mut stages = Vec::new();
    for (name, written) in &build.additional_contexts {
        let image = match build_extras::source(written) {
            NamedContext::Image(image) => Some(image),
            NamedContext::Service(other) => match app.services.get(&other) {
                Some(other) => {
                    let built = Box::pin(ensure(session, app, other, want)).await?;
                    Some(built.reference.clone())
                }
                None => {
                    let message = format!(
                        "the context `{name}` is the service `{other}`, which is not there"
                    );
                    return Err(Problem::error(message).into());
                }
            },
            NamedContext::Directory(path) => {
                let path = Path::new(&path);
                let files = context::find_ignore(path, None)
                    .and_then(|ignore| context::walk(path, &ignore))
                    .map_err(|error| {
                        let mut problem = Problem::error(format!("the context `{name}`: {error}"));
                        problem.place = Some(build.place.clone());
                        problem
                    })?;
                listing.nest(&build_extras::directory(name), files);
                None
            }
            // Told before anything was started.
            NamedContext::Other(_) => continue,
        };
        stages.push((name.clone(), image));
    }
    Ok(stages)
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
