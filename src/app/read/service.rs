//! One service of a Compose file.

use indexmap::IndexMap;

use super::context::nearest;
use super::short::{self, clean_target, host_path};
use super::{Context, Node, Resolve, Value, env_file, extension};
use crate::app::{
    At, Build, BuildSecret, Condition, Dependency, EnvFrom, EnvVar, HealthCheck, Mode, Mount,
    MountKind, NetworkAttachment, NetworkMode, Place, Port, Protocol, Service, WatchAction,
    WatchRule,
};

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
        !known && matches!(nearest(key, ["image", "build"].into_iter()), Some(_))
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

/// Variables of `env_file` and `environment`; the later file and then `environment` win.
fn environment(node: &Node, service: &mut Service, resolve: &Resolve, cx: &mut Context) {
    let mut variables: IndexMap<String, EnvVar> = IndexMap::new();
    let mut unset: IndexMap<String, At<String>> = IndexMap::new();
    if let Some(files) = node.get("env_file") {
        for (file, required) in env_files(files, cx) {
            let path = host_path(&file.value, resolve.directory, resolve.home);
            match (resolve.read_file)(&path) {
                Ok(text) => {
                    let shown = path.strip_prefix(resolve.directory).unwrap_or(&path);
                    let shown: std::sync::Arc<str> = shown.to_string_lossy().into();
                    match env_file::parse(&text, resolve.variable) {
                        Ok(entries) => {
                            for entry in entries {
                                let place = Place {
                                    path: shown.clone(),
                                    line: entry.line,
                                    column: entry.columns.0,
                                    end_column: entry.columns.1,
                                };
                                add(
                                    &mut variables,
                                    &mut unset,
                                    entry.name,
                                    entry.value,
                                    EnvFrom::EnvFile,
                                    place,
                                    resolve.host,
                                );
                            }
                        }
                        Err(bad) => {
                            let message = format!("{}:{}: {}", shown, bad.line, bad.message);
                            cx.error(&file.place, message);
                        }
                    }
                }
                Err(error) if required => {
                    cx.error(
                        &file.place,
                        format!("cannot read `{}`: {error}", path.display()),
                    )
                    .help = Some("create it, or write `path:` with `required: false`".to_owned());
                }
                Err(_) => {}
            }
        }
    }
    if let Some(own) = node.get("environment") {
        for (name, value) in cx.pairs(own, "`environment`") {
            add(
                &mut variables,
                &mut unset,
                name,
                value.value,
                EnvFrom::Environment,
                value.place,
                resolve.host,
            );
        }
    }
    service.environment = variables.into_values().collect();
    service.unset_environment = unset.into_values().collect();
}

fn add(
    variables: &mut IndexMap<String, EnvVar>,
    unset: &mut IndexMap<String, At<String>>,
    name: String,
    value: Option<String>,
    from: EnvFrom,
    place: Place,
    host: &dyn Fn(&str) -> Option<String>,
) {
    let (value, from) = match value {
        Some(value) => (Some(value), from),
        None => (host(&name), EnvFrom::Host),
    };
    match value {
        Some(value) => {
            unset.shift_remove(&name);
            let variable = EnvVar {
                name: name.clone(),
                value,
                from,
                place,
            };
            variables.insert(name, variable);
        }
        None => {
            variables.shift_remove(&name);
            unset.insert(name.clone(), At { value: name, place });
        }
    }
}

/// The variables of a mapping or list, and the names without a value anywhere.
pub fn environment_of(
    node: &Node,
    from: EnvFrom,
    host: &dyn Fn(&str) -> Option<String>,
    cx: &mut Context,
) -> (Vec<EnvVar>, Vec<At<String>>) {
    let mut variables = IndexMap::new();
    let mut unset = IndexMap::new();
    for (name, value) in cx.pairs(node, "`environment`") {
        add(
            &mut variables,
            &mut unset,
            name,
            value.value,
            from,
            value.place,
            host,
        );
    }
    (
        variables.into_values().collect(),
        unset.into_values().collect(),
    )
}

/// `env_file`: a path, a list of paths, or a list with `path`, `required` and `format`.
fn env_files(node: &Node, cx: &mut Context) -> Vec<(At<String>, bool)> {
    let items = match &node.value {
        Value::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut files = Vec::new();
    for item in items {
        if !matches!(item.value, Value::Mapping(_)) {
            files.extend(cx.string_at(item, "`env_file`").map(|file| (file, true)));
            continue;
        }
        let mut path = None;
        let mut required = true;
        for (key, place, value) in cx.entries(item, "`env_file`") {
            match key {
                "path" => path = cx.string_at(value, "`path`"),
                "required" => required = cx.boolean(value, "`required`").unwrap_or(true),
                "format" => {
                    cx.warn(place, "envsim does not use `format` of an env_file yet");
                }
                _ => cx.unknown_key(place, key, "`env_file`", &["path", "required", "format"]),
            }
        }
        match path {
            Some(path) => files.push((path, required)),
            None => {
                cx.error(&item.place, "an entry of `env_file` needs a `path`");
            }
        }
    }
    files
}

fn build(
    node: &Node,
    secrets: &IndexMap<String, BuildSecret>,
    resolve: &Resolve,
    cx: &mut Context,
) -> Option<Build> {
    let mut build = Build {
        context: resolve.directory.to_owned(),
        dockerfile: "Dockerfile".into(),
        dockerfile_inline: None,
        target: None,
        args: IndexMap::new(),
        labels: IndexMap::new(),
        secrets: Vec::new(),
        cache_from: Vec::new(),
        extra_hosts: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
        shm_size: None,
        tags: Vec::new(),
        place: node.place.clone(),
    };
    let path = |text: &str| host_path(text, resolve.directory, resolve.home);
    let remote = |text: &str| text.contains("://") || text.starts_with("git@");
    if let Value::Scalar(text, _) = &node.value {
        if remote(text) {
            cx.error(&node.place, "a remote build context is not supported")
                .help = Some("clone the repository and name its directory".to_owned());
            return None;
        }
        build.context = path(text);
        build.dockerfile = build.context.join("Dockerfile");
        return Some(build);
    }
    for (key, place, value) in cx.entries(node, "`build`") {
        match key {
            "context" => {
                let context = cx.string(value, "`context`")?;
                if remote(&context) {
                    cx.error(&value.place, "a remote build context is not supported")
                        .help = Some("clone the repository and name its directory".to_owned());
                    return None;
                }
                build.context = path(&context);
                build.place = value.place.clone();
            }
            "dockerfile" => build.dockerfile = cx.string(value, "`dockerfile`")?.into(),
            "dockerfile_inline" => {
                build.dockerfile_inline = cx.string(value, "`dockerfile_inline`");
            }
            "target" => build.target = cx.string_at(value, "`target`"),
            "args" => {
                build.args = cx.pairs(value, "`args`");
                for (name, arg) in &mut build.args {
                    if arg.value.is_none() {
                        arg.value = (resolve.variable)(name);
                    }
                }
            }
            "labels" => build.labels = cx.text_pairs(value, "`labels`"),
            "secrets" => build.secrets = used_secrets(value, secrets, cx),
            "cache_from" => build.cache_from = cx.plain_strings(value, "`cache_from`"),
            "extra_hosts" => {
                let hosts = extra_hosts(value, cx).into_iter();
                build.extra_hosts = hosts.map(|host| host.value).collect();
            }
            "network" => build.network = cx.string(value, "`network`"),
            "no_cache" => build.no_cache = cx.boolean(value, "`no_cache`").unwrap_or_default(),
            "pull" => build.pull = cx.boolean(value, "`pull`").unwrap_or_default(),
            "shm_size" => build.shm_size = cx.bytes(value, "`shm_size`"),
            "tags" => build.tags = cx.plain_strings(value, "`tags`"),
            "additional_contexts"
            | "cache_to"
            | "entitlements"
            | "isolation"
            | "platforms"
            | "privileged"
            | "provenance"
            | "sbom"
            | "ssh"
            | "ulimits" => {
                cx.warn(place, format!("envsim does not use `{key}` of a build yet"));
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "`build`",
                &[
                    "context",
                    "dockerfile",
                    "dockerfile_inline",
                    "target",
                    "args",
                    "labels",
                    "secrets",
                    "cache_from",
                    "extra_hosts",
                    "network",
                    "no_cache",
                    "pull",
                    "shm_size",
                    "tags",
                    "additional_contexts",
                    "platforms",
                    "ssh",
                ],
            ),
        }
    }
    build.dockerfile = short::fold(&build.context.join(&build.dockerfile));
    Some(build)
}

fn used_secrets(
    node: &Node,
    known: &IndexMap<String, BuildSecret>,
    cx: &mut Context,
) -> Vec<BuildSecret> {
    let mut used = Vec::new();
    for item in cx.items(node, "`secrets`") {
        let (source, id) = match &item.value {
            Value::Mapping(_) => {
                let source = item.get("source").and_then(Node::text).map(str::to_owned);
                let target = item.get("target").and_then(Node::text).map(str::to_owned);
                (source.clone(), target.or(source))
            }
            _ => {
                let name = cx.string(item, "a secret");
                (name.clone(), name)
            }
        };
        let (Some(source), Some(id)) = (source, id) else {
            cx.error(&item.place, "a secret of a build needs a `source`");
            continue;
        };
        match known.get(&source) {
            Some(secret) => used.push(BuildSecret {
                id,
                place: item.place.clone(),
                ..secret.clone()
            }),
            None => {
                cx.error(&item.place, format!("the secret `{source}` is not defined"))
                    .help = Some(format!("add `{source}:` to the top-level `secrets`"));
            }
        }
    }
    used
}

fn ports(node: &Node, cx: &mut Context) -> Vec<Port> {
    let mut all = Vec::new();
    for item in cx.items(node, "`ports`") {
        if let Value::Mapping(_) = item.value {
            all.extend(long_port(item, cx));
            continue;
        }
        let Some(text) = cx.string(item, "a port") else {
            continue;
        };
        match short::ports(&text, &item.place) {
            Ok(ports) => all.extend(ports),
            Err(message) => {
                cx.error(&item.place, message).help =
                    Some("write `HOST:CONTAINER`, for example \"8080:80\"".to_owned());
            }
        }
    }
    all
}

fn long_port(node: &Node, cx: &mut Context) -> Option<Port> {
    let mut port = Port {
        target: 0,
        published: None,
        host_ip: None,
        protocol: Protocol::Tcp,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "a port") {
        match key {
            "target" => {
                port.target = cx.integer(value, "`target`")?;
                port.place = value.place.clone();
            }
            "published" => {
                let text = cx.string(value, "`published`")?;
                match short::range(&text) {
                    Ok(range) => port.published = range.first().copied(),
                    Err(message) => {
                        cx.error(&value.place, message);
                        return None;
                    }
                }
            }
            "host_ip" => port.host_ip = cx.string(value, "`host_ip`"),
            "protocol" => match value.text() {
                Some("tcp") => {}
                Some("udp") => port.protocol = Protocol::Udp,
                _ => cx.wrong(value, "`protocol`", "`tcp` or `udp`"),
            },
            "mode" | "name" | "app_protocol" => {}
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a port",
                &[
                    "target",
                    "published",
                    "host_ip",
                    "protocol",
                    "mode",
                    "name",
                    "app_protocol",
                ],
            ),
        }
    }
    if port.target == 0 {
        cx.error(
            &node.place,
            "a port needs its `target`, the port in the container",
        );
        return None;
    }
    Some(port)
}

fn expose(node: &Node, cx: &mut Context) -> Vec<At<u16>> {
    let mut all = Vec::new();
    for item in cx.strings(node, "`expose`") {
        let text = item.value.split('/').next().unwrap_or_default();
        match short::range(text) {
            Ok(range) => all.extend(range.into_iter().map(|value| At {
                value,
                place: item.place.clone(),
            })),
            Err(message) => {
                cx.error(&item.place, message);
            }
        }
    }
    all
}

fn mount(node: &Node, resolve: &Resolve, cx: &mut Context) -> Option<Mount> {
    if !matches!(node.value, Value::Mapping(_)) {
        let text = cx.string(node, "a volume")?;
        return match short::volume(&text, resolve.directory, resolve.home, &node.place) {
            Ok(mount) => Some(mount),
            Err(message) => {
                cx.error(&node.place, message);
                None
            }
        };
    }
    let mut kind = None;
    let mut source = None;
    let mut target = None;
    let mut create = false;
    let mut size = None;
    let mut mount = Mount {
        kind: MountKind::Anonymous,
        target: String::new(),
        read_only: false,
        no_copy: false,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "a volume") {
        match key {
            "type" => kind = cx.string(value, "`type`"),
            "source" => {
                source = cx.string(value, "`source`");
                mount.place = value.place.clone();
            }
            "target" => target = cx.string(value, "`target`"),
            "read_only" => mount.read_only = cx.boolean(value, "`read_only`").unwrap_or_default(),
            "bind" => {
                if let Some(value) = value.get("create_host_path") {
                    create = cx.boolean(value, "`create_host_path`").unwrap_or_default();
                }
            }
            "volume" => {
                if let Some(value) = value.get("nocopy") {
                    mount.no_copy = cx.boolean(value, "`nocopy`").unwrap_or_default();
                }
            }
            "tmpfs" => {
                if let Some(value) = value.get("size") {
                    size = cx.bytes(value, "`size`");
                }
            }
            "consistency" => {}
            "image" => {
                cx.warn(place, "envsim does not use `image` of a volume yet");
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a volume",
                &[
                    "type",
                    "source",
                    "target",
                    "read_only",
                    "bind",
                    "volume",
                    "tmpfs",
                    "consistency",
                ],
            ),
        }
    }
    let Some(target) = target else {
        cx.error(
            &node.place,
            "a volume needs its `target`, the path in the container",
        );
        return None;
    };
    mount.target = clean_target(&target);
    mount.kind = match (kind.as_deref(), source) {
        (Some("bind"), Some(source)) => MountKind::Bind {
            source: host_path(&source, resolve.directory, resolve.home),
            create,
        },
        (Some("volume"), Some(source)) => MountKind::Volume { source },
        (Some("volume"), None) => MountKind::Anonymous,
        (Some("tmpfs"), _) => MountKind::Tmpfs { size },
        (Some("bind"), None) => {
            cx.error(
                &node.place,
                "a bind mount needs its `source`, the path on the host",
            );
            return None;
        }
        (Some(other), _) => {
            cx.error(
                &node.place,
                format!("`{other}` is not a type of volume that envsim knows"),
            )
            .help = Some("`bind`, `volume` or `tmpfs`".to_owned());
            return None;
        }
        (None, _) => {
            cx.error(&node.place, "a volume in the long form needs its `type`");
            return None;
        }
    };
    Some(mount)
}

fn depends_on(node: &Node, cx: &mut Context) -> Vec<Dependency> {
    let started = |service: At<String>| Dependency {
        service,
        condition: Condition::Started,
        required: true,
        restart: false,
    };
    let Value::Mapping(entries) = &node.value else {
        return cx
            .strings(node, "`depends_on`")
            .into_iter()
            .map(started)
            .collect();
    };
    let mut all = Vec::new();
    for (key, value) in entries {
        let Some(service) = cx.string_at(key, "a service") else {
            continue;
        };
        let mut dependency = started(service);
        for (key, place, value) in cx.entries(value, "a dependency") {
            match key {
                "condition" => match value.text() {
                    Some("service_started") => {}
                    Some("service_healthy") => dependency.condition = Condition::Healthy,
                    Some("service_completed_successfully") => {
                        dependency.condition = Condition::Completed;
                    }
                    _ => cx.wrong(
                        value,
                        "`condition`",
                        "`service_started`, `service_healthy` or `service_completed_successfully`",
                    ),
                },
                "required" => dependency.required = cx.boolean(value, "`required`").unwrap_or(true),
                "restart" => {
                    dependency.restart = cx.boolean(value, "`restart`").unwrap_or_default()
                }
                _ => cx.unknown_key(
                    place,
                    key,
                    "a dependency",
                    &["condition", "required", "restart"],
                ),
            }
        }
        all.push(dependency);
    }
    all
}

fn healthcheck(node: &Node, cx: &mut Context) -> HealthCheck {
    let mut check = HealthCheck {
        test: Vec::new(),
        disable: false,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "`healthcheck`") {
        match key {
            "test" => {
                check.place = value.place.clone();
                check.test = match &value.value {
                    Value::Scalar(text, _) => vec!["CMD-SHELL".to_owned(), text.clone()],
                    _ => cx.plain_strings(value, "`test`"),
                };
                match check.test.first().map(String::as_str) {
                    Some("NONE") => check.disable = true,
                    Some("CMD" | "CMD-SHELL") => {}
                    _ => {
                        cx.error(
                            &value.place,
                            "a health check's list begins with `CMD`, `CMD-SHELL` or `NONE`",
                        );
                    }
                }
            }
            "disable" => check.disable = cx.boolean(value, "`disable`").unwrap_or_default(),
            "interval" => check.interval = cx.duration(value, "`interval`"),
            "timeout" => check.timeout = cx.duration(value, "`timeout`"),
            "retries" => check.retries = cx.integer(value, "`retries`"),
            "start_period" => check.start_period = cx.duration(value, "`start_period`"),
            "start_interval" => check.start_interval = cx.duration(value, "`start_interval`"),
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "`healthcheck`",
                &[
                    "test",
                    "disable",
                    "interval",
                    "timeout",
                    "retries",
                    "start_period",
                    "start_interval",
                ],
            ),
        }
    }
    check
}

fn attachment(name: &str, place: &Place) -> NetworkAttachment {
    NetworkAttachment {
        name: At {
            value: name.to_owned(),
            place: place.clone(),
        },
        aliases: Vec::new(),
        ipv4_address: None,
    }
}

fn networks(node: &Node, cx: &mut Context) -> Vec<NetworkAttachment> {
    let Value::Mapping(entries) = &node.value else {
        let names = cx.strings(node, "`networks`").into_iter();
        return names
            .map(|name| attachment(&name.value, &name.place))
            .collect();
    };
    let mut all = Vec::new();
    for (key, value) in entries {
        let Some(name) = key.text() else { continue };
        let mut network = attachment(name, &key.place);
        for (key, place, value) in cx.entries(value, "a network of a service") {
            match key {
                "aliases" => network.aliases = cx.plain_strings(value, "`aliases`"),
                "ipv4_address" => network.ipv4_address = cx.string(value, "`ipv4_address`"),
                "ipv6_address" | "link_local_ips" | "mac_address" | "priority" | "gw_priority"
                | "driver_opts" | "interface_name" => {
                    cx.warn(
                        place,
                        format!("envsim does not use `{key}` of a network yet"),
                    );
                }
                _ if key.starts_with("x-") => {}
                _ => cx.unknown_key(
                    place,
                    key,
                    "a network of a service",
                    &["aliases", "ipv4_address", "ipv6_address", "priority"],
                ),
            }
        }
        all.push(network);
    }
    all
}

fn network_mode(node: &Node, cx: &mut Context) -> Option<At<NetworkMode>> {
    let text = cx.string(node, "`network_mode`")?;
    let value = match &*text {
        "bridge" => NetworkMode::Bridge,
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        _ => match text.strip_prefix("service:") {
            Some(service) => NetworkMode::Service(service.to_owned()),
            None => {
                cx.error(
                    &node.place,
                    format!("envsim does not know the network mode `{text}`"),
                )
                .help = Some("`bridge`, `host`, `none` or `service:NAME`".to_owned());
                return None;
            }
        },
    };
    let place = node.place.clone();
    Some(At { value, place })
}

fn extra_hosts(node: &Node, cx: &mut Context) -> Vec<At<String>> {
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .filter_map(|(key, value)| {
                Some(At {
                    value: format!("{}:{}", key.text()?, value.text()?),
                    place: key.place.clone(),
                })
            })
            .collect(),
        _ => {
            let mut hosts = cx.strings(node, "`extra_hosts`");
            for host in &mut hosts {
                // `host=ip` is the newer spelling of `host:ip`; the engine wants the older.
                if let Some((name, ip)) = host.value.split_once('=') {
                    host.value = format!("{name}:{ip}");
                }
            }
            hosts
        }
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

fn develop(node: &Node, resolve: &Resolve, cx: &mut Context) -> Vec<WatchRule> {
    let mut rules = Vec::new();
    for (key, place, value) in cx.entries(node, "`develop`") {
        match key {
            "watch" => {
                for item in cx.items(value, "`watch`") {
                    rules.extend(watch_rule(item, resolve, cx));
                }
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(place, key, "`develop`", &["watch"]),
        }
    }
    rules
}

fn watch_rule(node: &Node, resolve: &Resolve, cx: &mut Context) -> Option<WatchRule> {
    let mut path = None;
    let mut action = None;
    let mut rule = WatchRule {
        path: resolve.directory.to_owned(),
        action: WatchAction::Restart,
        target: None,
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "a watch rule") {
        match key {
            "path" => {
                path = cx.string(value, "`path`");
                rule.place = value.place.clone();
            }
            "action" => {
                action = match value.text() {
                    Some("rebuild") => Some(WatchAction::Rebuild),
                    Some("restart") => Some(WatchAction::Restart),
                    Some("sync") => Some(WatchAction::Sync),
                    Some("sync+restart") => Some(WatchAction::SyncAndRestart),
                    Some("sync+exec") => {
                        cx.error(
                            &value.place,
                            "`sync+exec` is not supported by this version of envsim",
                        )
                        .help = Some("use `sync+restart`".to_owned());
                        return None;
                    }
                    _ => {
                        cx.wrong(
                            value,
                            "`action`",
                            "`rebuild`, `restart`, `sync` or `sync+restart`",
                        );
                        return None;
                    }
                };
            }
            "target" => {
                let target = cx.string(value, "`target`");
                rule.target = target.map(|target| clean_target(&target));
            }
            "ignore" => rule.ignore = cx.plain_strings(value, "`ignore`"),
            "include" => rule.include = cx.plain_strings(value, "`include`"),
            "initial_sync" => {
                rule.initial_sync = cx.boolean(value, "`initial_sync`").unwrap_or_default()
            }
            "exec" => {
                cx.warn(place, "envsim does not use `exec` of a watch rule yet");
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a watch rule",
                &[
                    "path",
                    "action",
                    "target",
                    "ignore",
                    "include",
                    "initial_sync",
                    "exec",
                ],
            ),
        }
    }
    let (Some(path), Some(action)) = (path, action) else {
        cx.error(&node.place, "a watch rule needs `path` and `action`");
        return None;
    };
    rule.path = host_path(&path, resolve.directory, resolve.home);
    rule.action = action;
    let syncs = matches!(rule.action, WatchAction::Sync | WatchAction::SyncAndRestart);
    if syncs && rule.target.is_none() {
        cx.error(
            &rule.place.clone(),
            "a sync rule needs its `target`, the path in the container",
        );
        return None;
    }
    Some(rule)
}
