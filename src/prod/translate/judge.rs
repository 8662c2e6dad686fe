//! The table applied to one service: what is said and what is edited.

pub mod health;
pub mod limits;

use std::time::Duration;

use super::table::{Fate, Row, row};
use crate::app::{App, FileKind, MountKind, Place, Port, Service};
use crate::compose::Kind;
use crate::evidence::{Change, ChangeKind};

/// Log drivers of Fargate.
const LOG_DRIVERS: &[&str] = &["awslogs", "splunk", "awsfirelens"];
/// Shortest and longest `stopTimeout` on Fargate.
const STOP: (u64, u64) = (2, 120);

/// One step into a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An item of a list.
    Item(usize),
}

/// A change of a service's tree: a value, or none to take it away.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The way there.
    pub path: Vec<Step>,
    /// The new value.
    pub value: Option<(String, Kind)>,
}

/// One thing that was judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// What is told; none where it goes without saying.
    pub change: Option<Change>,
    /// What becomes of the tree.
    pub edits: Vec<Edit>,
}

/// Whether Fargate allows to add a capability.
pub fn capability(name: &str) -> bool {
    name.trim_start_matches("CAP_") == "SYS_PTRACE"
}

/// Whether `systemControls` takes a name: SM[SystemControl].
pub fn sysctl(name: &str) -> bool {
    const IPC: &[&str] = &[
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    IPC.contains(&name) || name.starts_with("fs.mqueue.") || name.starts_with("net.")
}

/// Judges every key of `service`.
pub fn service(app: &App, service: &Service) -> Vec<Judged> {
    let mut judging = Judging {
        app,
        service,
        out: Vec::new(),
    };
    for (key, place) in &service.keys {
        if let Some(row) = row(key) {
            judging.key(row, place);
        }
    }
    judging.place_in_task();
    judging.out
}

struct Judging<'a> {
    app: &'a App,
    service: &'a Service,
    out: Vec<Judged>,
}

fn path(steps: &[&str]) -> Vec<Step> {
    steps
        .iter()
        .map(|step| match step.parse() {
            Ok(at) => Step::Item(at),
            Err(_) => Step::Key((*step).to_owned()),
        })
        .collect()
}

fn remove(steps: &[&str]) -> Edit {
    Edit {
        path: path(steps),
        value: None,
    }
}

fn set(steps: &[&str], text: impl Into<String>, kind: Kind) -> Edit {
    Edit {
        path: path(steps),
        value: Some((text.into(), kind)),
    }
}

/// One sentence of three parts, and what becomes of the tree.
struct Said<'a> {
    key: &'a str,
    kind: ChangeKind,
    place: &'a Place,
    what: String,
    why: &'a str,
    help: &'a str,
}

fn shown(period: Duration) -> String {
    match period.subsec_millis() {
        0 => format!("{} s", period.as_secs()),
        _ => format!("{} ms", period.as_millis()),
    }
}

impl<'a> Judging<'a> {
    fn say(&mut self, said: Said<'_>, edits: Vec<Edit>) {
        let change = Change {
            kind: said.kind,
            service: self.service.name.clone(),
            key: said.key.to_owned(),
            place: said.place.clone(),
            what: said.what,
            why: said.why.to_owned(),
            help: said.help.to_owned(),
        };
        self.out.push(Judged {
            change: Some(change),
            edits,
        });
    }

    fn silently(&mut self, edits: Vec<Edit>) {
        self.out.push(Judged {
            change: None,
            edits,
        });
    }

    /// What the row says, at `place`, and the key goes.
    fn as_row(&mut self, row: &Row, place: &Place) {
        self.row_with(row, place, row.what.to_owned(), vec![remove(&[row.key])]);
    }

    fn row_with(&mut self, row: &Row, place: &Place, what: String, edits: Vec<Edit>) {
        let kind = match row.fate {
            Fate::Refused => ChangeKind::Refused,
            Fate::Dropped => ChangeKind::Dropped,
            _ => ChangeKind::Changed,
        };
        let said = Said {
            key: row.key,
            kind,
            place,
            what,
            why: row.why,
            help: row.help,
        };
        self.say(said, edits);
    }

    fn key(&mut self, row: &Row, place: &'a Place) {
        let service = self.service;
        let settings = &service.settings;
        match row.key {
            "cap_add" => self.cap_add(row, place),
            "configs" | "secrets" => self.files(row),
            "cpu_shares" => self.cpu_shares(place),
            "cpus" => {
                let edits = vec![remove(&["cpus"])];
                self.row_with(row, place, row.what.to_owned(), edits);
            }
            "depends_on" => self.depends_on(),
            "deploy" => self.deploy(place),
            "environment" => self.environment(row),
            "healthcheck" => self.healthcheck(),
            "mem_limit" => self.memory("mem_limit", place),
            "logging" => {
                let driver = settings
                    .logging
                    .as_ref()
                    .and_then(|log| log.driver.as_deref());
                match driver {
                    Some(driver) if LOG_DRIVERS.contains(&driver) => {}
                    _ => self.as_row(row, place),
                }
            }
            "network_mode" if super::joins_service(service) => {
                self.silently(vec![remove(&["network_mode"])]);
            }
            "networks" => {
                let implied = service.networks.iter().all(|attachment| {
                    attachment.name.value == "default"
                        && attachment.aliases.is_empty()
                        && attachment.ipv4_address.is_none()
                        && attachment.ipv6_address.is_none()
                });
                match implied {
                    true => self.silently(vec![remove(&["networks"])]),
                    false => self.as_row(row, place),
                }
            }
            "oom_kill_disable" if !settings.oom_kill_disable => {}
            "pid" => match settings.pid.as_deref() {
                Some(pid) if pid.starts_with("service:") => {
                    let said = Said {
                        key: "pid",
                        kind: ChangeKind::Changed,
                        place,
                        what: "`pidMode: task`: all containers see each other's processes"
                            .to_owned(),
                        why: row.why,
                        help: "",
                    };
                    self.say(said, Vec::new());
                }
                _ => self.as_row(row, place),
            },
            "platform" => self.platform(place),
            "ports" => self.ports(),
            "privileged" if !service.privileged => {}
            "restart" => match service.restart.as_ref().map(|written| &*written.value) {
                None | Some("no") => self.silently(vec![remove(&["restart"])]),
                Some(_) => self.as_row(row, place),
            },
            "scale" => match settings.scale {
                Some(1) | None => {}
                Some(_) => {
                    let edits = vec![set(&["scale"], "1", Kind::Int)];
                    self.row_with(row, place, row.what.to_owned(), edits);
                }
            },
            "stop_grace_period" => self.stop(row, place),
            "sysctls" => self.sysctls(row, place),
            "tmpfs" => {
                let unlimited = service.volumes.iter().any(|mount| {
                    matches!(
                        &mount.kind,
                        MountKind::Tmpfs {
                            size: None,
                            options: Some(_),
                            ..
                        }
                    )
                });
                if unlimited {
                    self.row_with(row, place, row.what.to_owned(), Vec::new());
                }
            }
            "ulimits" => self.ulimits(place),
            "use_api_socket" if !settings.use_api_socket => {}
            "volumes" => self.volumes(row),
            "volumes_from" => {
                let others = settings.volumes_from.iter().enumerate();
                for (at, from) in others.filter(|(_, from)| from.starts_with("container:")) {
                    let said = Said {
                        key: "volumes_from",
                        kind: ChangeKind::Dropped,
                        place,
                        what: format!("nothing of `{from}`: only containers of the task share"),
                        why: "SM[VolumeFrom]",
                        help: "",
                    };
                    self.say(said, vec![remove(&["volumes_from", &at.to_string()])]);
                }
            }
            _ => match row.fate {
                Fate::Kept => {}
                // What dev alone uses is not in the production run; a build and its like are.
                Fate::Before if matches!(row.key, "develop" | "attach") => {
                    self.silently(vec![remove(&[row.key])]);
                }
                Fate::Before => {}
                _ => self.as_row(row, place),
            },
        }
    }

    fn cap_add(&mut self, row: &Row, place: &Place) {
        let written = self.service.cap_add.iter().enumerate();
        let bad: Vec<(usize, &String)> = written.filter(|(_, name)| !capability(name)).collect();
        if bad.is_empty() {
            return;
        }
        let names: Vec<&str> = bad.iter().map(|(_, name)| name.as_str()).collect();
        let what = format!("{}: {}", names.join(", "), row.what);
        let edits = bad
            .iter()
            .map(|(at, _)| remove(&["cap_add", &at.to_string()]));
        self.row_with(row, place, what, edits.collect());
    }

    fn files(&mut self, row: &Row) {
        let kind = match row.key {
            "configs" => FileKind::Config,
            _ => FileKind::Secret,
        };
        let service = self.service;
        for file in service.files.iter().filter(|file| file.kind == kind) {
            let what = match kind {
                FileKind::Config => format!("no file at `{}`: {}", file.target, row.what),
                FileKind::Secret => format!("{} `{}`", row.what, file.target),
            };
            self.row_with(row, &file.place, what, Vec::new());
        }
        self.silently(vec![remove(&[row.key])]);
    }

    fn deploy(&mut self, place: &'a Place) {
        let Some(deploy) = &self.service.settings.deploy else {
            return;
        };
        use ChangeKind::{Changed, Dropped, Refused};
        let limits = deploy.resources.limits.as_ref();
        let kept = deploy.resources.reservations.as_ref();
        let told: &[(bool, &str, ChangeKind, &str, &str, &str)] = &[
            (
                limits.is_some_and(|limits| limits.cpus > 0.0),
                "resources.limits.cpus",
                Changed,
                "no limit of its own",
                "only the task has a CPU limit; `cpu` of a container is a weight: SM[ContainerDefinition.cpu]",
                "set `x-envsim.cpu` to the size of the task",
            ),
            (
                limits.is_some_and(|limits| limits.pids != 0),
                "resources.limits.pids",
                Dropped,
                "no limit on processes",
                "a task definition has no field for it",
                "use `ulimits.nproc`",
            ),
            (
                kept.is_some_and(|kept| !kept.devices.is_empty()),
                "resources.reservations.devices",
                Refused,
                "no GPU and no other device",
                "FG: GPUs are not offered on Fargate",
                "use ECS on EC2",
            ),
            (
                kept.is_some_and(|kept| !kept.generic_resources.is_empty()),
                "resources.reservations.generic_resources",
                Dropped,
                "no such resources",
                "they belong to Swarm",
                "",
            ),
            (
                deploy.replicas.is_some_and(|replicas| replicas != 1),
                "replicas",
                Changed,
                "the number of tasks, each with all containers",
                "SM[CreateServiceRequest.desiredCount]; this run has one",
                "put what must scale by itself into a project of its own",
            ),
            (
                deploy
                    .restart_policy
                    .as_ref()
                    .is_some_and(|policy| policy.condition.as_deref() != Some("none")),
                "restart_policy",
                Changed,
                "not started again: an essential container that ends takes the task with it",
                "RS: `restartPolicy` only starts what ran for 60 s again",
                "let a crash end the container, and keep no state in it",
            ),
            (
                deploy.update_config.is_some(),
                "update_config",
                Changed,
                "minimumHealthyPercent and maximumPercent of the ECS service",
                "SM[DeploymentConfiguration]",
                "",
            ),
            (
                deploy.rollback_config.is_some(),
                "rollback_config",
                Changed,
                "the deployment circuit breaker of the ECS service",
                "SM[DeploymentCircuitBreaker]",
                "",
            ),
            (
                deploy.is_placed(),
                "placement",
                Dropped,
                "Fargate chooses the host",
                "FG: `placementConstraints` is not supported",
                "",
            ),
            (
                deploy.endpoint_mode.is_some(),
                "endpoint_mode",
                Dropped,
                "no address of a service in front of its tasks",
                "it belongs to Swarm",
                "put a load balancer or Service Connect in front",
            ),
            (
                deploy
                    .mode
                    .as_deref()
                    .is_some_and(|mode| mode != "replicated"),
                "mode",
                Dropped,
                "a number of tasks",
                "Fargate has no scheduling strategy DAEMON",
                "",
            ),
            (
                !deploy.labels.is_empty(),
                "labels",
                Dropped,
                "no labels on the service",
                "labels of a container go to `dockerLabels`",
                "use tags of the ECS service",
            ),
        ];
        if limits.is_some_and(|limits| limits.memory > 0) {
            self.memory("deploy.resources.limits.memory", place);
        }
        for (is_set, key, kind, what, why, help) in told {
            if !is_set {
                continue;
            }
            let full = format!("deploy.{key}");
            let steps: Vec<&str> = full.split('.').collect();
            let edit = match *key {
                "replicas" => set(&steps, "1", Kind::Int),
                _ => remove(&steps),
            };
            let said = Said {
                key: &full,
                kind: *kind,
                place,
                what: (*what).to_owned(),
                why,
                help,
            };
            self.say(said, vec![edit]);
        }
    }

    fn environment(&mut self, row: &Row) {
        let service = self.service;
        for variable in &service.unset_environment {
            let what = format!("`{}` has no value: {}", variable.value, row.what);
            self.row_with(row, &variable.place, what, Vec::new());
        }
    }

    fn platform(&mut self, place: &Place) {
        let own = self.service.platform.as_deref();
        let mut others = self.app.services.values();
        let other =
            others.find(|other| other.platform.is_some() && other.platform.as_deref() != own);
        if let Some(other) = other {
            let said = Said {
                key: "platform",
                kind: ChangeKind::Refused,
                place,
                what: format!(
                    "one platform for the whole task, and `{}` has `{}`",
                    other.name,
                    other.platform.as_deref().unwrap_or_default()
                ),
                why: "SM[RuntimePlatform]",
                help: "build all images for one platform",
            };
            self.say(said, Vec::new());
        }
    }

    fn ports(&mut self) {
        let service = self.service;
        for (at, port) in service.ports.iter().enumerate() {
            let target = port.target;
            let at = at.to_string();
            let other = port.published.filter(|published| *published != target);
            let address = port.host_ip.as_deref().filter(|ip| !ip.is_empty());
            self.second_protocol(port);
            let mut edits = Vec::new();
            let mut parts = Vec::new();
            if let Some(published) = other {
                parts.push(format!("port {target} and not {published}"));
                edits.push(set(
                    &["ports", &at, "published"],
                    target.to_string(),
                    Kind::Text,
                ));
            }
            if let Some(address) = address {
                parts.push(format!(
                    "open to the security group and not at {address} alone"
                ));
                edits.push(remove(&["ports", &at, "host_ip"]));
            }
            if parts.is_empty() {
                continue;
            }
            let said = Said {
                key: "ports",
                kind: ChangeKind::Changed,
                place: &port.place,
                what: parts.join(", "),
                why: "NET: a task has an address of its own; host and container port are the same",
                help: "let callers use the container's port, or put a load balancer in front",
            };
            self.say(said, edits);
        }
    }

    /// SM[PortMapping]: one container port under one protocol.
    fn second_protocol(&mut self, port: &Port) {
        let mut before = self.service.ports.iter();
        let mut before = before.by_ref().take_while(|other| *other != port);
        let first = before.find(|other| other.target == port.target);
        let Some(first) = first.filter(|first| first.protocol != port.protocol) else {
            return;
        };
        let said = Said {
            key: "ports",
            kind: ChangeKind::Refused,
            place: &port.place,
            what: format!(
                "port {} under {} alone: a container port has one protocol, and this run has both",
                port.target,
                first.protocol.as_str()
            ),
            why: "NET: one container port cannot be mapped for several protocols",
            help: "use another port for the other protocol, or a network load balancer and two services",
        };
        self.say(said, Vec::new());
    }

    fn stop(&mut self, row: &Row, place: &Place) {
        let Some(written) = self.service.stop_grace_period else {
            return;
        };
        let fits = written.clamp(Duration::from_secs(STOP.0), Duration::from_secs(STOP.1));
        if fits != written {
            let what = format!(
                "{} instead of {}: {}",
                shown(fits),
                shown(written),
                row.what
            );
            let text = format!("{}s", fits.as_secs());
            let edits = vec![set(&["stop_grace_period"], text, Kind::Text)];
            self.row_with(row, place, what, edits);
        }
    }

    fn sysctls(&mut self, row: &Row, place: &Place) {
        let service = self.service;
        for name in service.sysctls.keys() {
            if !sysctl(name) {
                let what = format!("`{name}`: {}", row.what);
                let edits = vec![remove(&["sysctls", name])];
                self.row_with(row, place, what, edits);
            } else if name.starts_with("net.") {
                let said = Said {
                    key: row.key,
                    kind: ChangeKind::Changed,
                    place,
                    what: format!("`{name}` holds for all containers of the task"),
                    why: row.why,
                    help: "",
                };
                self.say(said, Vec::new());
            }
        }
    }

    fn volumes(&mut self, row: &Row) {
        let service = self.service;
        // `tmpfs` is read into the same list, after `volumes`.
        for (at, mount) in service.volumes.iter().enumerate() {
            let at = at.to_string();
            let place = &mount.place;
            let target = &mount.target;
            match &mount.kind {
                MountKind::Bind { source, .. } => {
                    let said = Said {
                        key: row.key,
                        kind: ChangeKind::Refused,
                        place,
                        what: format!(
                            "`{target}` is what the image has there, not `{}`",
                            self.app.relative(source)
                        ),
                        why: "CF: `Fargate compatible task definitions do not support sourcePath`",
                        // Where the image lacks something, a finding says so and what to do.
                        help: "",
                    };
                    self.say(said, vec![remove(&["volumes", &at])]);
                }
                MountKind::Volume { source } => {
                    let what = format!("`{source}` at `{target}` is {}", row.what);
                    let mut edits = vec![remove(&["volumes", &at, "volume", "subpath"])];
                    if mount.subpath.is_none() {
                        edits.clear();
                    }
                    self.row_with(row, place, what, edits);
                }
                MountKind::Anonymous => self.silently(vec![remove(&["volumes", &at])]),
                MountKind::Tmpfs {
                    size: None,
                    options: None,
                    ..
                } => {
                    let said = Said {
                        key: row.key,
                        kind: ChangeKind::Changed,
                        place,
                        what: "`linuxParameters.tmpfs`, which must have a size".to_owned(),
                        why: "SM[Tmpfs]",
                        help: "write `tmpfs: {size: 64m}`",
                    };
                    self.say(said, Vec::new());
                }
                MountKind::Tmpfs { .. } => {}
            }
        }
    }
}
