//! One service of a Compose file.

use indexmap::IndexMap;

use super::build::build;
use super::depends::depends_on;
use super::develop::develop;
use super::environment::environment;
use super::health::healthcheck;
use super::mount::mount;
use super::network::{attachment, extra_hosts, network_mode, networks};
use super::port::{expose, ports};
use super::short::clean_target;
use super::{Context, Node, Resolve, Value, extension};
use crate::app::{At, BuildSecret, EnvFrom, Mode, Mount, MountKind, Place, Service};
use crate::compose::nearest;

/// Keys that the Compose Specification has and envsim does not act on.
const NOT_USED: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "cgroup",
    "cgroup_parent",
    "configs",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "device_cgroup_rules",
    "devices",
    "dns_opt",
    "dns_search",
    "domainname",
    "external_links",
    "gpus",
    "ipc",
    "isolation",
    "label_file",
    "links",
    "logging",
    "mac_address",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "post_start",
    "pre_stop",
    "provider",
    "runtime",
    "scale",
    "secrets",
    "storage_opt",
    "use_api_socket",
    "userns_mode",
    "uts",
    "volumes_from",
];

/// Keys that envsim reads.
const USED: &[&str] = &[
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "deploy",
    "develop",
    "dns",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "extra_hosts",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "mem_limit",
    "network_mode",
    "networks",
    "platform",
    "ports",
    "privileged",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
];

/// Reads the service `name` whose key stands at `place`.
pub fn read(
    name: &str,
    place: &Place,
    node: &Node,
    secrets: &IndexMap<String, BuildSecret>,
    resolve: &Resolve,
    cx: &mut Context,
) -> Service {
    let mut service = empty(name, place);
    let mut networks_written = false;
    for (key, place, value) in cx.entries(node, &format!("the service `{name}`")) {
        match key {
            "image" => service.image = cx.string_at(value, "`image`"),
            "build" => service.build = build(value, secrets, resolve, cx),
            "command" => service.command = cx.words(value, "`command`"),
            "entrypoint" => service.entrypoint = cx.words(value, "`entrypoint`"),
            "environment" | "env_file" => {} // read together below: `environment` wins
            "ports" => service.ports = ports(value, cx),
            "expose" => service.expose = expose(value, cx),
            "volumes" => {
                for item in cx.items(value, "`volumes`") {
                    service.volumes.extend(mount(item, resolve, cx));
                }
            }
            "tmpfs" => {
                for item in cx.strings(value, "`tmpfs`") {
                    let target = item.value.split(':').next().unwrap_or_default();
                    service.volumes.push(Mount {
                        kind: MountKind::Tmpfs { size: None },
                        target: clean_target(target),
                        read_only: false,
                        no_copy: false,
                        place: item.place,
                    });
                }
            }
            "depends_on" => service.depends_on = depends_on(value, cx),
            "healthcheck" => service.healthcheck = Some(healthcheck(value, cx)),
            "networks" => {
                networks_written = true;
                service.networks = networks(value, cx);
            }
            "network_mode" => service.network_mode = network_mode(value, cx),
            "working_dir" => service.working_dir = cx.string(value, "`working_dir`"),
            "user" => service.user = cx.string(value, "`user`"),
            "profiles" => service.profiles = cx.plain_strings(value, "`profiles`"),
            "container_name" => service.container_name = cx.string_at(value, "`container_name`"),
            "hostname" => service.hostname = cx.string_at(value, "`hostname`"),
            "labels" => service.labels = cx.text_pairs(value, "`labels`"),
            "extra_hosts" => service.extra_hosts = extra_hosts(value, cx),
            "dns" => service.dns = cx.plain_strings(value, "`dns`"),
            "restart" => service.restart = cx.string_at(value, "`restart`"),
            "stop_signal" => service.stop_signal = cx.string(value, "`stop_signal`"),
            "stop_grace_period" => {
                service.stop_grace_period = cx.duration(value, "`stop_grace_period`");
            }
            "init" => service.init = cx.boolean(value, "`init`").unwrap_or_default(),
            "tty" => service.tty = cx.boolean(value, "`tty`").unwrap_or_default(),
            "stdin_open" => {
                service.stdin_open = cx.boolean(value, "`stdin_open`").unwrap_or_default()
            }
            "read_only" => service.read_only = cx.boolean(value, "`read_only`").unwrap_or_default(),
            "privileged" => {
                service.privileged = cx.boolean(value, "`privileged`").unwrap_or_default()
            }
            "cap_add" => service.cap_add = cx.plain_strings(value, "`cap_add`"),
            "cap_drop" => service.cap_drop = cx.plain_strings(value, "`cap_drop`"),
            "security_opt" => service.security_opt = cx.plain_strings(value, "`security_opt`"),
            "group_add" => service.group_add = cx.plain_strings(value, "`group_add`"),
            "sysctls" => service.sysctls = cx.text_pairs(value, "`sysctls`"),
            "ulimits" => service.ulimits = ulimits(value, cx),
            "shm_size" => service.shm_size = cx.bytes(value, "`shm_size`"),
            "mem_limit" => service.memory = cx.bytes(value, "`mem_limit`"),
            "deploy" => deploy(value, &mut service, cx),
            "platform" => service.platform = cx.string(value, "`platform`"),
            "pull_policy" => service.pull_policy = cx.string(value, "`pull_policy`"),
            "develop" => service.watch = develop(value, resolve, cx),
            "x-envsim" => extension::of_service(value, &mut service, cx),
            "extends" => {
                cx.error(
                    place,
                    "`extends` is not supported by this version of envsim",
                )
                .help = Some("copy the keys of the other service here".to_owned());
            }
            _ if NOT_USED.contains(&key) => {
                let message = format!("envsim does not use `{key}` yet; both runs go without it");
                cx.warn(place, message);
            }
            _ if key.starts_with("x-") => {}
            _ => {
                let valid: Vec<&str> = USED.iter().chain(NOT_USED).copied().collect();
                cx.unknown_key(place, key, &format!("the service `{name}`"), &valid);
            }
        }
    }
    environment(node, &mut service, resolve, cx);
    if resolve.mode == Mode::Prod {
        apply_production(&mut service);
    }
    if !networks_written && service.network_mode.is_none() {
        service.networks = vec![attachment("default", place)];
    }
    // A slip in `image` or `build` is told already.
    let meant = cx.entries(node, "").into_iter().any(|(key, _, _)| {
        let known = USED.contains(&key) || NOT_USED.contains(&key);
        !known && nearest(key, ["image", "build"].into_iter()).is_some()
    });
    if service.image.is_none() && service.build.is_none() && !meant {
        let message = format!("the service `{name}` has neither `image` nor `build`");
        cx.error(place, message).help =
            Some("name an image, or the directory of a Dockerfile with `build: .`".to_owned());
    }
    service
}

fn empty(name: &str, place: &Place) -> Service {
    Service {
        name: name.to_owned(),
        place: place.clone(),
        image: None,
        build: None,
        command: None,
        entrypoint: None,
        environment: Vec::new(),
        unset_environment: Vec::new(),
        ports: Vec::new(),
        expose: Vec::new(),
        volumes: Vec::new(),
        depends_on: Vec::new(),
        healthcheck: None,
        networks: Vec::new(),
        network_mode: None,
        working_dir: None,
        user: None,
        profiles: Vec::new(),
        container_name: None,
        hostname: None,
        labels: IndexMap::new(),
        extra_hosts: Vec::new(),
        dns: Vec::new(),
        restart: None,
        stop_signal: None,
        stop_grace_period: None,
        init: false,
        tty: false,
        stdin_open: false,
        read_only: false,
        privileged: false,
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        security_opt: Vec::new(),
        group_add: Vec::new(),
        sysctls: IndexMap::new(),
        ulimits: Vec::new(),
        shm_size: None,
        memory: None,
        platform: None,
        pull_policy: None,
        watch: Vec::new(),
        essential: None,
        task: None,
        task_cpu: None,
        task_memory: None,
        external: None,
        prod: crate::app::ProdOverrides::default(),
    }
}

/// `x-envsim.prod` laid over the service; production has no variable of the developer's shell.
fn apply_production(service: &mut Service) {
    service
        .environment
        .retain(|variable| variable.from != EnvFrom::Host);
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

fn ulimits(node: &Node, cx: &mut Context) -> Vec<(String, i64, i64)> {
    let mut all = Vec::new();
    for (name, _, value) in cx.entries(node, "`ulimits`") {
        let (soft, hard) = match &value.value {
            Value::Mapping(_) => {
                let mut limit = |key: &str| {
                    value
                        .get(key)
                        .and_then(|node| cx.integer::<i64>(node, "a limit"))
                };
                (limit("soft"), limit("hard"))
            }
            _ => {
                let both = cx.integer(value, "a limit");
                (both, both)
            }
        };
        match (soft, hard) {
            (Some(soft), Some(hard)) => all.push((name.to_owned(), soft, hard)),
            _ => {
                cx.error(&value.place, format!("`{name}` needs `soft` and `hard`"));
            }
        }
    }
    all
}

/// `deploy`: the memory limit is used; the rest concerns an orchestrator.
fn deploy(node: &Node, service: &mut Service, cx: &mut Context) {
    for (key, place, value) in cx.entries(node, "`deploy`") {
        match key {
            "resources" => {
                let limits = value.get("limits");
                if let Some(memory) = limits.and_then(|limits| limits.get("memory")) {
                    service.memory = cx.bytes(memory, "`memory`");
                }
            }
            "replicas" | "mode" | "endpoint_mode" | "labels" | "placement" | "restart_policy"
            | "rollback_config" | "update_config" => {
                cx.warn(
                    place,
                    format!("envsim does not use `{key}` of `deploy` yet"),
                );
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "`deploy`",
                &[
                    "resources",
                    "replicas",
                    "mode",
                    "placement",
                    "restart_policy",
                    "update_config",
                ],
            ),
        }
    }
}
