//! One entry of `containerDefinitions` to one service, field by field in the order of the API reference
//! ("ContainerDefinition").

use super::environment::{self, Variables};
use super::fields::{Fields, Findings};
use super::localhost::{Neighbours, Peer, image_name};
use super::storage::Storage;
use super::{linux, network};
use crate::build::paths;
use crate::init::compose_file::{Map, Yaml};
use crate::init::ports::HostPorts;
use crate::init::probe::Probe;
use crate::init::project::Project;
use crate::init::service::Service;
use crate::init::{clients, dockerfile, watch};

/// The order of the keys in the file.
const ORDER: &[&str] = &[
    "build",
    "image",
    "platform",
    "entrypoint",
    "command",
    "environment",
    "env_file",
    "ports",
    "volumes",
    "tmpfs",
    "develop",
    "depends_on",
    "healthcheck",
];

/// What the containers of a task have in common.
pub struct Task<'a> {
    pub project: &'a Project,
    pub peers: &'a [Peer],
    /// The containers share one network namespace.
    pub shares_network: bool,
    pub platform: Option<&'static str>,
    /// Containers that another one waits for until they have ended.
    pub awaited: Vec<String>,
    /// Containers with a health check of their own.
    pub checked: Vec<String>,
    /// Containers that may be what the project's Dockerfiles build.
    pub built: Vec<(String, dockerfile::Found)>,
}

/// What grows with each container.
#[derive(Default)]
pub struct Shared {
    pub host: HostPorts,
    pub variables: Variables,
    pub storage: Storage,
    pub findings: Findings,
}

/// Reads a container.
pub fn service(mut container: Fields<'_>, task: &Task<'_>, shared: &mut Shared) -> Option<Service> {
    let c = &mut container;
    let name = c.text("name", &mut shared.findings)?;
    let own = task.peers.iter().find(|peer| peer.name == name)?;
    let neighbours = task.shares_network.then_some(Neighbours {
        own,
        all: task.peers,
    });
    let mut service = Service {
        name: name.clone(),
        ..Service::default()
    };
    let s = &mut service;
    image(c, s, task, shared);
    if let Some(platform) = task.platform {
        s.keys.put("platform", Yaml::literal(platform));
    }
    commands(c, s, neighbours, &mut shared.findings);
    environment::read(
        c,
        s,
        neighbours,
        &mut shared.variables,
        task.project,
        &mut shared.findings,
    );
    network::read(c, s, task, &mut shared.host, &mut shared.findings);
    shared.storage.mounts(c, s, &mut shared.findings);
    // Read with the others' by `Storage::finish`.
    c.value("volumesFrom");
    depends_on(c, s, task, &mut shared.findings);
    let check = health_check(c, s, &mut shared.findings);
    s.probe = Probe::of(s.port, &check);
    essential(c, s, task, &mut shared.findings);
    linux::read(c, s, &mut shared.findings);
    simple(c, s, &mut shared.findings);
    only_noted(c, s, &mut shared.findings);
    service.keys.order(ORDER);
    service
        .settings
        .order(&["essential", "cpu", "memory", "prod"]);
    container.rest(Some(&name), &mut shared.findings);
    Some(service)
}

/// `image`, or `build` for what the project builds itself.
fn image(c: &mut Fields<'_>, s: &mut Service, task: &Task<'_>, shared: &mut Shared) {
    let written = c.text("image", &mut shared.findings);
    if let Some((_, found)) = task.built.iter().find(|(name, _)| *name == s.name) {
        let entry = s.keys.put("build", dockerfile::build(task.project, found));
        if let Some(image) = &written {
            entry.comment(format!("the task definition has the image {image}"));
        }
        shared.findings.notes.service(
            &s.name,
            "image",
            format!(
                "built from `{}` here; the task definition names an image of a registry",
                found.path
            ),
        );
        clients::note(task.project, &found.context, &mut shared.findings.notes);
        match dockerfile::read(task.project, &found.path, &mut shared.findings.notes) {
            Ok(Some(image)) => {
                if let Some(develop) = watch::rules(&image, task.project, &found.context) {
                    s.keys.put("develop", develop);
                }
            }
            Ok(None) => {}
            Err(problem) => shared.findings.problems.push(problem),
        }
        return;
    }
    let placeholder = |image: &String| image.contains(['<', '{', '$', ' ']);
    match written.clone().filter(|image| !placeholder(image)) {
        Some(image) => {
            if image.contains(".dkr.ecr.") {
                let text = "the registry is private: log in first, with `aws ecr get-login-password | docker login --username AWS --password-stdin REGISTRY`";
                shared.findings.notes.service(&s.name, "image", text);
            }
            s.keys.put("image", Yaml::literal(&image));
        }
        None => {
            let wanted = format!("{}_IMAGE", s.name.to_ascii_uppercase().replace('-', "_"));
            let value =
                shared
                    .variables
                    .required(&wanted, &s.name, &format!("the image of {}", s.name));
            s.keys.put("image", value);
            let only = written.map_or("no image that is known here".to_owned(), |image| {
                format!("only the placeholder `{image}`")
            });
            let text = format!(
                "the task definition has {only}: set `{wanted}` in `.env`, or write `build`"
            );
            shared.findings.notes.service(&s.name, "image", text);
        }
    }
}

/// Whether a container of this image may be what a Dockerfile of the project builds.
pub fn may_be_built(image: &str) -> bool {
    image.is_empty() || image.contains(".dkr.ecr.") || image.contains(['<', '{', '$'])
}

/// The Dockerfile for each container that one of the project's fits: by its name, or because both are the only one.
pub fn built(peers: &[Peer], found: Vec<dockerfile::Found>) -> Vec<(String, dockerfile::Found)> {
    let candidates: Vec<&Peer> = peers
        .iter()
        .filter(|peer| may_be_built(&peer.image))
        .collect();
    if let ([peer], [one]) = (candidates.as_slice(), found.as_slice()) {
        return vec![(peer.name.clone(), one.clone())];
    }
    let fits = |peer: &Peer, one: &dockerfile::Found| {
        one.name == peer.name || one.name == image_name(&peer.image)
    };
    let pairs = candidates.iter().filter_map(|peer| {
        let one = found.iter().find(|one| fits(peer, one))?;
        Some((peer.name.clone(), one.clone()))
    });
    pairs.collect()
}

/// `entryPoint` and `command`, with the names of neighbours in dev.
fn commands(
    c: &mut Fields<'_>,
    s: &mut Service,
    neighbours: Option<Neighbours<'_>>,
    findings: &mut Findings,
) {
    let dev = |words: &[String]| -> Option<Vec<String>> {
        let named = |word: &String| neighbours.and_then(|all| all.named(word));
        words.iter().any(|word| named(word).is_some()).then(|| {
            words
                .iter()
                .map(|word| named(word).unwrap_or_else(|| word.clone()))
                .collect()
        })
    };
    let entrypoint = c.texts("entryPoint", findings);
    if dev(&entrypoint).is_some() {
        findings.notes.service(&s.name, "entryPoint", "says `localhost` for another container, which only works in the task; in dev the container has a name");
    }
    s.keys
        .put_some("entrypoint", Yaml::literal_words(&entrypoint));
    let command = c.texts("command", findings);
    if let Some(dev) = dev(&command) {
        s.keys.put("command", Yaml::literal_words(&dev)).comment(
            "In dev a neighbour has a name; in the task it is localhost: see x-envsim below.",
        );
        s.settings
            .map("prod")
            .put("command", Yaml::literal_words(&command));
    } else {
        s.keys.put_some("command", Yaml::literal_words(&command));
    }
}

fn depends_on(c: &mut Fields<'_>, s: &mut Service, task: &Task<'_>, findings: &mut Findings) {
    let mut all = Map::default();
    for mut one in c.objects("dependsOn", findings) {
        let name = one.text("containerName", findings);
        let condition = one.text("condition", findings).unwrap_or_default();
        let path = one.path("containerName");
        let condition_path = one.path("condition");
        one.rest(Some(&s.name), findings);
        let Some(name) = name else {
            findings.error(&path, "a dependency needs the name of a container");
            continue;
        };
        if !task.peers.iter().any(|peer| peer.name == name) {
            findings.error(&path, format!("there is no container `{name}`"));
            continue;
        }
        let written = match condition.as_str() {
            "START" | "" => "service_started",
            "HEALTHY" => "service_healthy",
            "SUCCESS" => "service_completed_successfully",
            "COMPLETE" => {
                let text = format!(
                    "`COMPLETE` lets this start when `{name}` has ended with any exit code; Compose only knows exit code 0"
                );
                findings.notes.service(&s.name, "dependsOn", text);
                "service_completed_successfully"
            }
            other => {
                findings.error(
                    &condition_path,
                    format!("`{other}` is none of `START`, `COMPLETE`, `SUCCESS` and `HEALTHY`"),
                );
                continue;
            }
        };
        if condition == "HEALTHY" && !task.checked.contains(&name) {
            let text = format!(
                "`{name}` has no `healthCheck`: ECS refuses to wait until it is healthy, and Compose waits for ever unless its image has one"
            );
            findings.notes.service(&s.name, "dependsOn", text);
        }
        let mut inner = Map::default();
        inner.put("condition", Yaml::literal(written));
        all.put(name, inner);
    }
    s.keys.put_some("depends_on", Yaml::Map(all));
}

/// `healthCheck`; its command is returned as one text.
fn health_check(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) -> String {
    let Some(mut check) = c.object("healthCheck", findings) else {
        return String::new();
    };
    let mut words = check.texts("command", findings);
    if words
        .first()
        .is_some_and(|word| !["CMD", "CMD-SHELL", "NONE"].contains(&word.as_str()))
    {
        let text = "the health check's command begins with neither `CMD` nor `CMD-SHELL`; it is written as one for a shell";
        findings.notes.service(&s.name, "healthCheck", text);
        words = vec!["CMD-SHELL".to_owned(), words.join(" ")];
    }
    let mut map = Map::default();
    map.put_some("test", Yaml::literal_words(&words));
    // The defaults are written, since those of Docker are others ("HealthCheck": 30 s, 5 s, 3).
    let seconds = [
        ("interval", "interval", Some(30)),
        ("timeout", "timeout", Some(5)),
        ("startPeriod", "start_period", None),
    ];
    for (field, key, default) in seconds {
        if let Some(value) = check.number(field, findings).or(default) {
            map.put(key, Yaml::literal(&format!("{value}s")));
        }
    }
    let retries = check.number("retries", findings).unwrap_or(3);
    map.put("retries", retries);
    check.rest(Some(&s.name), findings);
    if !words.is_empty() {
        s.keys.put("healthcheck", map);
    }
    words
        .iter()
        .skip(1)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `essential`, `cpu` and `memory`: what a task definition says of a container and Compose cannot.
fn essential(c: &mut Fields<'_>, s: &mut Service, task: &Task<'_>, findings: &mut Findings) {
    let essential = c.boolean("essential", findings).unwrap_or(true);
    let awaited = task.awaited.contains(&s.name);
    if !essential {
        s.settings.put("essential", false);
    } else if awaited {
        s.settings.put("essential", true);
        findings.notes.service(&s.name, "essential", "another container waits for its end, and its end stops the whole task: ECS refuses that, `essential` has to be false");
    }
    for (field, unit) in [("cpu", "CPU units"), ("memory", "MiB")] {
        if let Some(value) = c.number(field, findings).filter(|value| *value != 0) {
            if value < 0 {
                findings.error(
                    &c.path(field),
                    format!("`{value}` {unit} is less than nothing"),
                );
            }
            s.settings.put(field, value);
        }
    }
    if let Some(value) = c
        .number("memoryReservation", findings)
        .filter(|value| *value != 0)
    {
        let resources = s.keys.map("deploy").map("resources");
        resources
            .map("reservations")
            .put("memory", Yaml::literal(&format!("{value}M")));
    }
}

/// Fields that Compose has under another name.
fn simple(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    for (field, key) in [
        ("user", "user"),
        ("workingDirectory", "working_dir"),
        ("hostname", "hostname"),
    ] {
        if let Some(value) = c.text(field, findings) {
            s.keys.put(key, Yaml::literal(&value));
        }
    }
    let switches = [
        ("privileged", "privileged"),
        ("readonlyRootFilesystem", "read_only"),
        ("interactive", "stdin_open"),
        ("pseudoTerminal", "tty"),
    ];
    for (field, key) in switches {
        if c.boolean(field, findings) == Some(true) {
            s.keys.put(key, true);
        }
    }
    let lists = [
        ("dnsServers", "dns"),
        ("dnsSearchDomains", "dns_search"),
        ("dockerSecurityOptions", "security_opt"),
        ("links", "links"),
    ];
    for (field, key) in lists {
        let values = c.texts(field, findings);
        s.keys.put_some(key, Yaml::literal_words(&values));
    }
    let mut hosts = Vec::new();
    for mut one in c.objects("extraHosts", findings) {
        let (host, address) = (
            one.text("hostname", findings),
            one.text("ipAddress", findings),
        );
        one.rest(Some(&s.name), findings);
        if let (Some(host), Some(address)) = (host, address) {
            hosts.push(Yaml::literal(&format!("{host}:{address}")));
        }
    }
    s.keys.put_some("extra_hosts", hosts);
    let mut labels = Map::default();
    for (name, value) in c.pairs("dockerLabels", findings) {
        labels.put(name, Yaml::literal(&value));
    }
    s.keys.put_some("labels", Yaml::Map(labels));
    if let Some(seconds) = c.number("stopTimeout", findings) {
        s.keys
            .put("stop_grace_period", Yaml::literal(&format!("{seconds}s")));
    }
    restart(c, s, findings);
    logging(c, s, findings);
}

fn restart(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    let Some(mut policy) = c.object("restartPolicy", findings) else {
        return;
    };
    let enabled = policy.boolean("enabled", findings).unwrap_or_default();
    let ignored: Vec<String> = policy.texts("ignoredExitCodes", findings);
    let period = policy
        .number("restartAttemptPeriod", findings)
        .unwrap_or(300);
    policy.rest(Some(&s.name), findings);
    if !enabled {
        return;
    }
    let zero_ends = ignored.iter().any(|code| code == "0");
    s.keys.put(
        "restart",
        Yaml::literal(if zero_ends {
            "on-failure"
        } else {
            "unless-stopped"
        }),
    );
    let mut text = format!(
        "Compose restarts it at once; ECS only when it has run for {period} s since the last start"
    );
    let others: Vec<&String> = ignored.iter().filter(|code| *code != "0").collect();
    if !others.is_empty() {
        let codes: Vec<&str> = others.iter().map(|code| code.as_str()).collect();
        text.push_str(&format!(
            ", and not after the exit codes {}",
            codes.join(", ")
        ));
    }
    findings.notes.service(&s.name, "restartPolicy", text);
}

/// Docker's own log drivers that keep logs on this machine are written; the others are for AWS.
fn logging(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    let Some(mut log) = c.object("logConfiguration", findings) else {
        return;
    };
    let driver = log.text("logDriver", findings).unwrap_or_default();
    let options = log.pairs("options", findings);
    for mut secret in log.objects("secretOptions", findings) {
        let name = secret.text("name", findings).unwrap_or_default();
        let origin = secret.text("valueFrom", findings).unwrap_or_default();
        secret.rest(Some(&s.name), findings);
        findings.notes.service(
            &s.name,
            "logConfiguration",
            format!("the option `{name}` comes from `{origin}`; it is left out"),
        );
    }
    log.rest(Some(&s.name), findings);
    if !["json-file", "local"].contains(&driver.as_str()) {
        let named: Vec<String> = options
            .iter()
            .filter(|(name, _)| name == "awslogs-group")
            .map(|(_, group)| format!(" to `{group}`"))
            .collect();
        let text = format!(
            "the driver `{driver}` sends logs{} in AWS only; here `envsim logs` shows them",
            named.concat()
        );
        findings.notes.service(&s.name, "logConfiguration", text);
        return;
    }
    let mut map = Map::default();
    map.put("driver", Yaml::literal(&driver));
    let mut written = Map::default();
    for (name, value) in options {
        written.put(name, Yaml::literal(&value));
    }
    map.put_some("options", Yaml::Map(written));
    s.keys.put("logging", map);
}

/// Fields with nothing of their kind in Compose: said, not written.
fn only_noted(c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
    if let Some(mut credentials) = c.object("repositoryCredentials", findings) {
        let origin = credentials
            .text("credentialsParameter", findings)
            .unwrap_or_default();
        credentials.rest(Some(&s.name), findings);
        findings.notes.service(
            &s.name,
            "repositoryCredentials",
            format!("the registry's password is in `{origin}`: run `docker login` with it first"),
        );
    }
    if let Some(seconds) = c.number("startTimeout", findings) {
        findings.notes.service(&s.name, "startTimeout", format!("ECS gives up waiting for this container after {seconds} s; Compose has no such limit"));
    }
    if let Some(value) = c.text("versionConsistency", findings) {
        findings.notes.service(
            &s.name,
            "versionConsistency",
            format!("`{value}`: whether ECS pins the image's digest; it has no meaning here"),
        );
    }
    if let Some(mut firelens) = c.object("firelensConfiguration", findings) {
        let kind = firelens.text("type", findings).unwrap_or_default();
        firelens.pairs("options", findings);
        firelens.rest(Some(&s.name), findings);
        findings.notes.service(&s.name, "firelensConfiguration", format!("in AWS this container routes the others' logs with `{kind}`; here it runs and gets none"));
    }
    let specs = c.texts("credentialSpecs", findings);
    if !specs.is_empty() {
        findings.notes.service(
            &s.name,
            "credentialSpecs",
            format!(
                "Active Directory credentials (`{}`) have no place here",
                paths::base(&specs[0])
            ),
        );
    }
}
