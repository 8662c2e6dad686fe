//! One service of a project.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::build::build;
use super::depends::depends_on;
use super::develop::develop;
use super::environment::environment;
use super::health::healthcheck;
use super::hook::hooks;
use super::keys::Keys;
use super::mount::{mount, tmpfs};
use super::network::{extra_hosts, links, network_mode, networks};
use super::port::{expose, ports};
use super::{Context, Node, extension, file};
use crate::app::{
    At, BuildSecret, DevSettings, EnvFrom, FileKind, Mode, Mount, Place, ProdOverrides, Service,
    Settings, Ulimit,
};
use crate::compose::{EnvFile, normal};

/// What is known when a service is read.
pub struct Reading<'a> {
    /// The service's name.
    pub name: &'a str,
    /// Where its key stands.
    pub place: &'a Place,
    /// Secrets that a build can have.
    pub secrets: &'a IndexMap<String, BuildSecret>,
    /// Configs and secrets that the container can have.
    pub files: &'a file::Known,
    /// Env files of all services.
    pub env_files: &'a [EnvFile],
    /// The run it is read for.
    pub mode: Mode,
}

impl Reading<'_> {
    /// Reads the canonical `node`.
    pub fn read(&self, node: &Node, cx: &mut Context) -> Service {
        let settings = self.settings(node, cx);
        let limit = settings.limits().map(|limits| limits.memory);
        let (environment, unset_environment) =
            node.get("environment").map(environment).unwrap_or_default();
        let files = self.mounted_files(node, cx);
        let mut keys = Keys::of(node, cx);
        let mut service = Service {
            name: self.name.to_owned(),
            place: self.place.clone(),
            image: keys.text_at("image"),
            build: keys.read("build", |node, cx| build(node, self.secrets, cx)),
            command: keys.words("command"),
            entrypoint: keys.words("entrypoint"),
            environment,
            unset_environment,
            ports: keys.read("ports", ports),
            expose: keys.read("expose", expose),
            volumes: volumes(&mut keys),
            depends_on: keys.read("depends_on", depends_on),
            healthcheck: keys.read("healthcheck", |node, cx| Some(healthcheck(node, cx))),
            networks: keys.read("networks", networks),
            network_mode: keys.read("network_mode", network_mode),
            working_dir: keys.text("working_dir"),
            user: keys.text("user"),
            profiles: keys.texts("profiles"),
            container_name: keys.text_at("container_name"),
            hostname: keys.text_at("hostname"),
            labels: keys.pairs("labels"),
            label_places: keys.read("labels", label_places),
            extra_hosts: keys.read("extra_hosts", |hosts, _| extra_hosts(hosts)),
            links: keys.read("links", links),
            dns: keys.texts("dns"),
            restart: keys.text_at("restart"),
            stop_signal: keys.text("stop_signal"),
            stop_grace_period: keys.read("stop_grace_period", |period, cx| {
                cx.duration(period, "`stop_grace_period`")
            }),
            init: keys.is_set("init"),
            tty: keys.is_set("tty"),
            stdin_open: keys.is_set("stdin_open"),
            read_only: keys.is_set("read_only"),
            privileged: keys.is_set("privileged"),
            cap_add: keys.texts("cap_add"),
            cap_drop: keys.texts("cap_drop"),
            security_opt: keys.texts("security_opt"),
            group_add: keys.texts("group_add"),
            sysctls: keys.pairs("sysctls"),
            ulimits: keys.read("ulimits", ulimits),
            shm_size: keys.bytes("shm_size"),
            memory: keys.bytes("mem_limit").or(limit.filter(|limit| *limit > 0)),
            platform: keys.text("platform"),
            pull_policy: keys.text("pull_policy"),
            watch: keys.read("develop", develop),
            env_files: self.env_files(|file| !file.raw),
            missing_env_files: self.env_files(|file| file.missing),
            files,
            pre_start: keys.read("pre_start", hooks),
            post_start: keys.read("post_start", hooks),
            pre_stop: keys.read("pre_stop", hooks),
            settings,
            keys: places_of_keys(node),
            values: values(node),
            replica: None,
            essential: None,
            task: None,
            task_cpu: None,
            task_memory: None,
            external: None,
            prod: ProdOverrides::default(),
            dev: DevSettings::default(),
        };
        if let Some(extension) = node.get("x-envsim") {
            extension::of_service(extension, &mut service, cx);
        }
        if self.mode == Mode::Prod {
            apply_production(&mut service);
        }
        service
    }

    fn settings(&self, node: &Node, cx: &mut Context) -> Settings {
        let normal = normal::entry("services", node);
        serde_json::from_value(normal).unwrap_or_else(|error| {
            cx.error(self.place, format!("the service `{}`: {error}", self.name));
            Settings::default()
        })
    }

    /// The env files that are `wanted`: those in the `raw` format are read as ECS reads them.
    fn env_files(&self, wanted: impl Fn(&EnvFile) -> bool) -> Vec<At<PathBuf>> {
        let own = self.env_files.iter();
        let own = own.filter(|file| file.service == self.name && wanted(file));
        let at = own.map(|file| At {
            value: file.path.clone(),
            place: file.place.clone(),
        });
        at.collect()
    }

    fn mounted_files(&self, node: &Node, cx: &mut Context) -> Vec<crate::app::FileMount> {
        let mut all = Vec::new();
        for (key, kind) in [("configs", FileKind::Config), ("secrets", FileKind::Secret)] {
            if let Some(list) = node.get(key) {
                all.extend(file::mounts(list, kind, self.files, cx));
            }
        }
        all
    }
}

/// `volumes`, and `tmpfs` after them.
fn volumes(keys: &mut Keys) -> Vec<Mount> {
    let mut all: Vec<Mount> = keys.read("volumes", |list, cx| {
        let items = list.as_sequence().unwrap_or(&[]).iter();
        items.filter_map(|item| mount(item, cx)).collect()
    });
    let in_memory = keys.read("tmpfs", |list, cx| cx.strings(list, "`tmpfs`"));
    all.extend(in_memory.iter().map(tmpfs));
    all
}

fn label_places(labels: &Node, cx: &mut Context) -> IndexMap<String, Place> {
    let labels = cx.pairs(labels, "labels").into_iter();
    labels.map(|(name, value)| (name, value.place)).collect()
}

fn places_of_keys(node: &Node) -> IndexMap<String, Place> {
    let entries = node.as_mapping().unwrap_or(&[]).iter();
    entries
        .filter_map(|(key, _)| Some((key.text()?.to_owned(), key.place.clone())))
        .collect()
}

fn values(node: &Node) -> IndexMap<String, Vec<Place>> {
    let places = |value: &Node| match (value.as_sequence(), value.as_mapping()) {
        (Some(items), _) => items.iter().map(|item| item.place.clone()).collect(),
        (_, Some(entries)) => entries
            .iter()
            .map(|(_, value)| value.place.clone())
            .collect(),
        _ => vec![value.place.clone()],
    };
    let mut all = IndexMap::new();
    for (key, value) in node.as_mapping().unwrap_or(&[]) {
        let Some(key) = key.text() else { continue };
        all.insert(key.to_owned(), places(value));
        if key == "healthcheck" {
            let inner = value.as_mapping().unwrap_or(&[]).iter();
            all.extend(inner.filter_map(|(inner, value)| {
                Some((format!("{key}.{}", inner.text()?), places(value)))
            }));
        }
    }
    all
}

/// `x-envsim.prod` laid over the service; production has no variable of the developer's shell.
fn apply_production(service: &mut Service) {
    let (host, own): (Vec<_>, Vec<_>) = std::mem::take(&mut service.environment)
        .into_iter()
        .partition(|variable| variable.from == EnvFrom::Host);
    service.environment = own;
    service
        .unset_environment
        .extend(host.into_iter().map(|variable| At {
            value: variable.name,
            place: variable.place,
        }));
    for variable in &service.prod.environment {
        service
            .environment
            .retain(|other| other.name != variable.name);
        service.environment.push(variable.clone());
    }
    if let Some(command) = &service.prod.command {
        let place = service.place.clone();
        service.command = Some(At {
            value: command.clone(),
            place,
        });
    }
    if let Some(image) = &service.prod.image {
        service.image = Some(image.clone());
        service.build = None;
    }
    if let (Some(build), Some(target)) = (&mut service.build, &service.prod.target) {
        build.target = Some(target.clone());
    }
}

/// Reads `ulimits`: one number for both limits, or `soft` and `hard`.
pub fn ulimits(node: &Node, cx: &mut Context) -> Vec<Ulimit> {
    let mut all = Vec::new();
    for (name, _, value) in cx.entries(node, "`ulimits`") {
        let mut limit =
            |node: Option<&Node>| node.and_then(|node| cx.integer::<i64>(node, "a limit"));
        let (soft, hard) = match value.as_mapping() {
            Some(_) => (limit(value.get("soft")), limit(value.get("hard"))),
            None => {
                let both = limit(Some(value));
                (both, both)
            }
        };
        if let (Some(soft), Some(hard)) = (soft, hard) {
            let name = name.to_owned();
            all.push(Ulimit { name, soft, hard });
        }
    }
    all
}
