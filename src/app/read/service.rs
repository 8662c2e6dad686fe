//! One service of a project.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::build::build;
use super::depends::depends_on;
use super::develop::develop;
use super::environment::environment;
use super::health::healthcheck;
use super::hook::hooks;
use super::mount::{mount, tmpfs};
use super::network::{extra_hosts, network_mode, networks};
use super::port::{expose, ports};
use super::{Context, Node, extension, file};
use crate::app::{
    At, BuildSecret, EnvFrom, FileKind, Mode, Place, ProdOverrides, Service, Settings, Ulimit,
};
use crate::compose::EnvFile;

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
    /// Reads the canonical `node`, whose normal form is `normal`.
    pub fn read(&self, node: &Node, normal: &serde_json::Value, cx: &mut Context) -> Service {
        let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let is_set = |key: &str| node.get(key).and_then(Node::text) == Some("true");
        let strings = |key: &str, cx: &mut Context| {
            let written = node.get(key);
            written
                .map(|list| cx.plain_strings(list, key))
                .unwrap_or_default()
        };
        let pairs = |key: &str, cx: &mut Context| {
            let written = node.get(key);
            written
                .map(|map| cx.text_pairs(map, key))
                .unwrap_or_default()
        };
        let at = |key: &str, cx: &mut Context| {
            let written = node.get(key).filter(|value| !value.is_null());
            written.and_then(|value| cx.string_at(value, key))
        };
        let bytes = |key: &str, cx: &mut Context| {
            let written = node.get(key).filter(|value| !value.is_null());
            written.and_then(|value| cx.bytes(value, key))
        };
        let settings: Settings = self.settings(normal, cx);
        let (variables, unset) = node.get("environment").map(environment).unwrap_or_default();
        let mut volumes: Vec<_> = items(node, "volumes")
            .iter()
            .filter_map(|item| mount(item, cx))
            .collect();
        if let Some(list) = node.get("tmpfs") {
            volumes.extend(cx.strings(list, "tmpfs").iter().map(tmpfs));
        }
        let limit = settings.limits().map(|limits| limits.memory);
        let mut service = Service {
            name: self.name.to_owned(),
            place: self.place.clone(),
            image: at("image", cx),
            build: node
                .get("build")
                .and_then(|node| build(node, self.secrets, cx)),
            command: node
                .get("command")
                .and_then(|words| cx.words(words, "`command`")),
            entrypoint: node
                .get("entrypoint")
                .and_then(|words| cx.words(words, "`entrypoint`")),
            environment: variables,
            unset_environment: unset,
            ports: node
                .get("ports")
                .map(|list| ports(list, cx))
                .unwrap_or_default(),
            expose: node
                .get("expose")
                .map(|list| expose(list, cx))
                .unwrap_or_default(),
            volumes,
            depends_on: node
                .get("depends_on")
                .map(|map| depends_on(map, cx))
                .unwrap_or_default(),
            healthcheck: node.get("healthcheck").map(|check| healthcheck(check, cx)),
            networks: node
                .get("networks")
                .map(|map| networks(map, cx))
                .unwrap_or_default(),
            network_mode: node
                .get("network_mode")
                .and_then(|mode| network_mode(mode, cx)),
            working_dir: text("working_dir"),
            user: text("user"),
            profiles: strings("profiles", cx),
            container_name: at("container_name", cx),
            hostname: at("hostname", cx),
            labels: pairs("labels", cx),
            extra_hosts: node.get("extra_hosts").map(extra_hosts).unwrap_or_default(),
            dns: strings("dns", cx),
            restart: at("restart", cx),
            stop_signal: text("stop_signal"),
            stop_grace_period: node
                .get("stop_grace_period")
                .and_then(|period| cx.duration(period, "`stop_grace_period`")),
            init: is_set("init"),
            tty: is_set("tty"),
            stdin_open: is_set("stdin_open"),
            read_only: is_set("read_only"),
            privileged: is_set("privileged"),
            cap_add: strings("cap_add", cx),
            cap_drop: strings("cap_drop", cx),
            security_opt: strings("security_opt", cx),
            group_add: strings("group_add", cx),
            sysctls: pairs("sysctls", cx),
            ulimits: node
                .get("ulimits")
                .map(|map| ulimits(map, cx))
                .unwrap_or_default(),
            shm_size: bytes("shm_size", cx),
            memory: bytes("mem_limit", cx).or(limit.filter(|limit| *limit > 0)),
            platform: text("platform"),
            pull_policy: text("pull_policy"),
            watch: node
                .get("develop")
                .map(|node| develop(node, cx))
                .unwrap_or_default(),
            env_files: self.env_files(),
            files: self.mounted_files(node, cx),
            pre_start: node
                .get("pre_start")
                .map(|list| hooks(list, cx))
                .unwrap_or_default(),
            post_start: node
                .get("post_start")
                .map(|list| hooks(list, cx))
                .unwrap_or_default(),
            pre_stop: node
                .get("pre_stop")
                .map(|list| hooks(list, cx))
                .unwrap_or_default(),
            settings,
            keys: keys(node),
            values: values(node),
            replica: None,
            essential: None,
            task: None,
            task_cpu: None,
            task_memory: None,
            external: None,
            prod: ProdOverrides::default(),
        };
        if let Some(extension) = node.get("x-envsim") {
            extension::of_service(extension, &mut service, cx);
        }
        if self.mode == Mode::Prod {
            apply_production(&mut service);
        }
        service
    }

    fn settings(&self, normal: &serde_json::Value, cx: &mut Context) -> Settings {
        serde_json::from_value(normal.clone()).unwrap_or_else(|error| {
            cx.error(self.place, format!("the service `{}`: {error}", self.name));
            Settings::default()
        })
    }

    /// Files in the `raw` format are read as ECS reads them and left out.
    fn env_files(&self) -> Vec<At<PathBuf>> {
        let own = self.env_files.iter();
        let own = own.filter(|file| file.service == self.name && !file.raw);
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

fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).and_then(Node::as_sequence).unwrap_or(&[])
}

fn keys(node: &Node) -> IndexMap<String, Place> {
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
