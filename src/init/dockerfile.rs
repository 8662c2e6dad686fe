//! Dockerfiles to services: one each.

use indexmap::IndexMap;

use super::compose_file::{Map, Yaml};
use super::notes::Notes;
use super::ports::{HostPorts, PortRange};
use super::probe::Probe;
use super::project::{Project, service_name};
use super::service::{Parts, Service};
use super::{Draft, clients, watch};
use crate::build::dockerfile::{self, Command, Healthcheck, Kind};
use crate::build::paths;
use crate::build::stages::{Inputs, Resolved, Settings};
use crate::compose::Problem;

/// Suffixes that tell a variant of an image, not another image.
const VARIANTS: &[&str] = &[
    "prod",
    "production",
    "release",
    "dev",
    "development",
    "local",
    "debug",
    "test",
    "tests",
    "testing",
    "ci",
    "staging",
    "base",
    "build",
    "builder",
    "alpine",
    "slim",
    "debian",
    "ubuntu",
    "amd64",
    "arm64",
    "old",
    "orig",
    "bak",
    "example",
];
/// Directories that hold Dockerfiles of the project above them.
const NOT_CONTEXTS: &[&str] = &[
    "docker",
    ".docker",
    "build",
    "deploy",
    "deployment",
    "ops",
    "infra",
    "ci",
    "containers",
];

/// A Dockerfile of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: String,
    /// Directory of the build context; empty for the project's own.
    pub context: String,
    /// Name of the service.
    pub name: String,
}

/// Whether a file of this name is a Dockerfile.
pub fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ignored = lower.ends_with(".dockerignore") || lower.ends_with('~');
    let named = lower == "dockerfile" || lower == "containerfile";
    !ignored && (named || lower.starts_with("dockerfile.") || lower.ends_with(".dockerfile"))
}

/// What a name such as `Dockerfile.web` or `web.Dockerfile` says beside that it is one.
fn suffix(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let suffix = lower
        .strip_prefix("dockerfile.")
        .or_else(|| lower.strip_suffix(".dockerfile"))?;
    Some(suffix.to_owned())
}

impl Found {
    /// The Dockerfile at `path`, with its context and the name it gives.
    pub fn named(project: &Project, path: &str) -> Self {
        let (directory, file) = (paths::parent(path), paths::base(path));
        let own = paths::base(directory);
        let above = NOT_CONTEXTS.contains(&own);
        let nearest = if above {
            paths::parent(directory)
        } else {
            directory
        };
        let context = context(project, path, nearest);
        let name = match suffix(file).filter(|suffix| !VARIANTS.contains(&suffix.as_str())) {
            Some(suffix) => service_name(&suffix),
            None => service_name(paths::base(nearest)),
        };
        Self {
            path: path.to_owned(),
            context,
            name: name.unwrap_or_else(|| project.service_name()),
        }
    }
}

/// The directory in which the sources of the Dockerfile are: its own, unless only the project has them all.
fn context(project: &Project, path: &str, own: &str) -> String {
    let text = project.text(path).unwrap_or_default();
    let Ok(Ok(image)) = dockerfile::read(text, path).map(|read| read.resolve(&Inputs::default()))
    else {
        return own.to_owned();
    };
    let steps = image.reachable().flat_map(|stage| &stage.steps);
    let copies = steps.filter_map(|step| match &step.kind {
        Kind::Copy(copy) if copy.from.is_none() => Some(&copy.sources),
        _ => None,
    });
    let sources: Vec<String> = copies
        .flatten()
        .filter(|source| !source.contains(['*', '?', '[']))
        .map(|source| paths::below_root(source))
        .collect();
    let all_in = |directory: &str| {
        sources
            .iter()
            .all(|source| project.exists(&paths::join(directory, source)))
    };
    match !all_in(own) && all_in("") {
        true => String::new(),
        false => own.to_owned(),
    }
}

/// The Dockerfiles that each make a service.
pub fn find(project: &Project, notes: &mut Notes) -> Vec<Found> {
    let mut all: Vec<&str> = project
        .texts
        .keys()
        .map(String::as_str)
        .filter(|path| is_dockerfile(paths::base(path)))
        .collect();
    // The project's own first, and of variants the one for production.
    all.sort_by_key(|path| {
        (
            path.matches('/').count(),
            variant_rank(path),
            (*path).to_owned(),
        )
    });
    let mut found: Vec<Found> = Vec::new();
    for path in all {
        let one = Found::named(project, path);
        let variant =
            suffix(paths::base(path)).is_some_and(|suffix| VARIANTS.contains(&suffix.as_str()));
        let main = found
            .iter()
            .find(|known| paths::parent(&known.path) == paths::parent(path));
        if let Some(main) = main.filter(|_| variant) {
            let text = format!(
                "left out: it looks like a variant of `{}`; `--from {path}` takes it instead",
                main.path
            );
            notes.field(path, text);
            continue;
        }
        let mut name = one.name.clone();
        let mut number = 2;
        while found.iter().any(|known| known.name == name) {
            name = format!("{}-{number}", one.name);
            number += 1;
        }
        found.push(Found { name, ..one });
    }
    found
}

fn variant_rank(path: &str) -> usize {
    let known = suffix(paths::base(path))
        .and_then(|suffix| VARIANTS.iter().position(|variant| *variant == suffix));
    known.map_or(0, |position| position + 1)
}

/// The Compose file for these Dockerfiles.
///
/// # Errors
/// A Dockerfile that cannot be read.
pub fn draft(project: &Project, found: &[Found], notes: Notes) -> Result<Draft, Problem> {
    let mut parts = Parts {
        sources: found.iter().map(|one| one.path.clone()).collect(),
        notes,
        ..Parts::default()
    };
    let mut host = HostPorts::default();
    for one in found {
        let service = service(project, one, &mut host, &mut parts)?;
        parts.services.push(service);
        clients::note(project, &one.context, &mut parts.notes);
    }
    Ok(parts.draft(project))
}

fn service(
    project: &Project,
    found: &Found,
    host: &mut HostPorts,
    parts: &mut Parts,
) -> Result<Service, Problem> {
    let image = read(project, &found.path, &mut parts.notes)?;
    let mut service = Service {
        name: found.name.clone(),
        ..Service::default()
    };
    service.keys.put("build", build(project, found));
    let Some(image) = image else {
        return Ok(service);
    };
    let settings = image.settings();
    ports(&settings, found, host, &mut service, &mut parts.notes);
    volumes(
        &settings,
        &mut service,
        &mut parts.volumes,
        &mut parts.notes,
    );
    if let Some(develop) = watch::rules(&image, project, &found.context) {
        service.keys.put("develop", develop);
    }
    let check = health(&settings, &mut service);
    service.probe = Probe::of(service.port, &check);
    if settings.cmd.is_none() && settings.entrypoint.is_none() {
        let text = "has neither `CMD` nor `ENTRYPOINT`: the container runs what its base image says; add `command` if that is not the app";
        parts.notes.field(found.path.clone(), text);
    }
    Ok(service)
}

/// Reads and resolves a Dockerfile. None, with a note, when it needs build arguments that nobody knows.
pub fn read(project: &Project, path: &str, notes: &mut Notes) -> Result<Option<Resolved>, Problem> {
    let text = project.text(path).unwrap_or_default();
    let read = dockerfile::read(text, path).map_err(|error| Problem::error(error.to_string()))?;
    if read.stages.is_empty() {
        return Err(Problem::error(format!("{path}: there is no `FROM`")));
    }
    let resolved = match read.resolve(&Inputs::default()) {
        Ok(resolved) => resolved,
        Err(error) => {
            notes.general(format!(
                "{error}; ports and watch rules of this service are not known"
            ));
            return Ok(None);
        }
    };
    for stage in image_args(&resolved) {
        let text = format!(
            "`ARG {stage}` has no default: pass it with `build.args` if the image needs it"
        );
        notes.field(path, text);
    }
    Ok(Some(resolved))
}

/// Build arguments without a default, in the order of the file.
fn image_args(image: &Resolved) -> Vec<String> {
    let mut found: IndexMap<String, bool> = IndexMap::new();
    for stage in image.reachable() {
        for step in &stage.steps {
            if let Kind::Arg(args) = &step.kind {
                for arg in args
                    .iter()
                    .filter(|arg| arg.default.is_none() && !stage.env.contains_key(&arg.name))
                {
                    found.insert(arg.name.clone(), true);
                }
            }
        }
    }
    found.into_keys().collect()
}

/// `build` of a service.
pub fn build(project: &Project, found: &Found) -> Yaml {
    let context = project.written(&found.context);
    let usual = paths::join(&found.context, "Dockerfile");
    if found.path == usual {
        return Yaml::literal(&context);
    }
    let mut map = Map::default();
    map.put("context", Yaml::literal(&context));
    let within = match found.context.as_str() {
        "" => found.path.clone(),
        context => match paths::within(&found.path, context) {
            Some(rest) => rest.to_owned(),
            None => format!("{}{}", "../".repeat(context.split('/').count()), found.path),
        },
    };
    map.put("dockerfile", Yaml::literal(&within));
    Yaml::Map(map)
}

/// Publishes what the image exposes, else what its `PORT` says.
fn ports(
    settings: &Settings,
    found: &Found,
    host: &mut HostPorts,
    service: &mut Service,
    notes: &mut Notes,
) {
    let mut written: Vec<Yaml> = Vec::new();
    let mut ranges: Vec<PortRange> = Vec::new();
    for (text, line) in &settings.expose {
        match PortRange::parse(text) {
            Some(range) if ranges.contains(&range) => {}
            Some(range) => ranges.push(range),
            None => notes.general(format!(
                "{}:{line}: `EXPOSE {text}` is no port that could be published",
                found.path
            )),
        }
    }
    if ranges.is_empty()
        && let Some((value, _)) = settings.env.get("PORT")
        && let Some(range) = PortRange::parse(value)
    {
        notes.field(
            found.path.clone(),
            format!("has no `EXPOSE`; port {value} is published because of its `PORT`"),
        );
        ranges.push(range);
    }
    for range in ranges {
        let (line, first) = host.publish(range.first, range);
        if first != range.first {
            notes.service(
                &service.name,
                "ports",
                format!(
                    "port {} is published as {first}: another service has {}",
                    range.first, range.first
                ),
            );
        }
        written.push(Yaml::literal(&line));
        if !range.udp && service.port.is_none() {
            service.port = Some(range.first);
        }
    }
    if written.is_empty() {
        notes.field(
            found.path.clone(),
            "has no `EXPOSE`: if it serves a port, add `ports: [\"127.0.0.1:PORT:PORT\"]`",
        );
    }
    service.keys.put_some("ports", written);
}

/// A named volume for each `VOLUME`, so that its data outlives the container.
fn volumes(settings: &Settings, service: &mut Service, all: &mut Map, notes: &mut Notes) {
    let mut mounts = Vec::new();
    for (path, _) in &settings.volumes {
        let target = paths::absolute("/", path);
        let name = format!(
            "{}-{}",
            service.name,
            service_name(paths::base(&target)).unwrap_or_else(|| "data".to_owned())
        );
        all.put(name.clone(), Yaml::Nothing);
        mounts.push(Yaml::literal(&format!("{name}:{target}")));
        notes.service(
            &service.name,
            format!("VOLUME {target}"),
            "a named volume keeps its data in dev; in an ECS task it is empty at each start",
        );
    }
    service.keys.put_some("volumes", mounts);
}

/// Repeats the image's health check, which ECS would not see; its text is returned.
fn health(settings: &Settings, service: &mut Service) -> String {
    let Some((
        Healthcheck {
            options,
            command: Some(command),
        },
        _,
    )) = &settings.healthcheck
    else {
        return String::new();
    };
    let (words, text) = match command {
        Command::Shell(text) => (vec!["CMD-SHELL".to_owned(), text.clone()], text.clone()),
        Command::Exec(words) => {
            let all = std::iter::once("CMD".to_owned()).chain(words.iter().cloned());
            (all.collect(), words.join(" "))
        }
    };
    let mut check = Map::default();
    check.put("test", Yaml::literal_words(&words));
    for (option, value) in options {
        let key = option.replace('-', "_");
        let value = match value.parse::<i64>() {
            Ok(number) => Yaml::from(number),
            Err(_) => Yaml::literal(value),
        };
        check.put(key, value);
    }
    service.keys.put("healthcheck", check).comment(
        "The image's own, written here because ECS looks only at the one of the task definition.",
    );
    text
}

#[cfg(test)]
mod tests;
