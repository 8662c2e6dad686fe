//! T003 `refused-on-fargate`.

use crate::app::{LaunchType, MountKind, NetworkMode, Place, Service};
use crate::checks::rule;
use crate::evidence::{Change, ChangeKind, Evidence};
use crate::finding::{Finding, Severity};

rule! {
    /// The Compose file asks for something that ECS on Fargate refuses.
    ///
    /// It is an error where the app gets a right, a device, a path or a network that Fargate never gives:
    /// `privileged`, `devices`, an added capability other than SYS_PTRACE, a bind mount of a path of the host,
    /// the engine's socket, `network_mode: host` or `none`, `ipc: host`, `pid: host`, GPUs, another `runtime`. It is a
    /// warning where the task definition is refused as long as the setting is in it and the app may do
    /// without: `links`, `hostname`, `extra_hosts`, `dns`, `security_opt`, `shm_size`, a tmpfs without a size and the
    /// like.
    ///
    /// Bind mounts of the project's own files are not meant: see E001. Keys that ECS accepts and means
    /// otherwise, or passes over, are no findings; the report lists them under "What ECS changes".
    ///
    /// ## Why it breaks on ECS
    ///
    /// On Fargate AWS runs the machine and many customers share it, so a task gets nothing of the machine: no
    /// device, no path, no namespace, no engine to talk to. ECS checks that when the task definition is
    /// registered, and answers with an error such as `Fargate requires that the 'privileged' setting be 'false'`;
    /// tools that translate Compose files drop the keys instead, and the program fails when it uses what it
    /// does not have. The network mode `awsvpc` sets names and resolvers for the whole task, which is why `links`,
    /// `hostname`, `extra_hosts` and `dns` are refused too.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   proxy:
    ///     image: traefik:v3
    ///     volumes:
    ///       - /var/run/docker.sock:/var/run/docker.sock   # there is no engine to talk to
    ///   vpn:
    ///     build: ./vpn
    ///     cap_add: [NET_ADMIN]
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   proxy:
    ///     image: traefik:v3
    ///     command: --providers.file.filename=/etc/traefik/routes.yml   # the routes are in the image
    ///   app:
    ///     build: ./app          # reached through the VPC, without a VPN of its own
    /// ```
    ///
    /// What really needs the machine runs on ECS with the launch type EC2: say so with
    /// `x-envsim: {launch_type: EC2}`.
    ///
    /// ## When to ignore it
    ///
    /// When the setting is for development alone and production has another file or another tool in its place:
    /// a debugger's capability, the socket for a local proxy that a load balancer replaces. Better move it into
    /// `compose.override.yaml`, which only the dev run reads.
    "T003", "refused-on-fargate", Error, since "0.1.0",
    needs [],
    "the Compose file asks for something that ECS on Fargate refuses",
}

/// How bad it is that a key is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// The app does not get what it asked for.
    Hard,
    /// The key has to go; the app may do without. By the network mode of the task, on EC2 too.
    OfNetwork,
    /// The key has to go; the app may do without.
    Soft,
}

/// The keys that this rule speaks of. Others have rules of their own.
const KEYS: &[(&str, Weight)] = &[
    ("cap_add", Weight::Hard),
    ("deploy.resources.reservations.devices", Weight::Hard),
    ("devices", Weight::Hard),
    ("dns", Weight::OfNetwork),
    ("dns_search", Weight::OfNetwork),
    ("external_links", Weight::OfNetwork),
    ("extra_hosts", Weight::OfNetwork),
    ("gpus", Weight::Hard),
    ("hostname", Weight::OfNetwork),
    ("ipc", Weight::Hard),
    ("links", Weight::OfNetwork),
    ("mem_swappiness", Weight::Soft),
    ("memswap_limit", Weight::Soft),
    ("network_mode", Weight::Hard),
    ("pid", Weight::Hard),
    ("privileged", Weight::Hard),
    ("runtime", Weight::Hard),
    ("security_opt", Weight::Soft),
    ("shm_size", Weight::Soft),
    ("sysctls", Weight::Soft),
    ("tmpfs", Weight::Soft),
    ("use_api_socket", Weight::Hard),
    ("userns_mode", Weight::Soft),
];

/// The engine's sockets, by which a container starts others.
const SOCKETS: &[&str] = &["docker.sock", "podman.sock", "containerd.sock"];

fn check(evidence: &Evidence) -> Vec<Finding> {
    let fargate = evidence.prod.launch_type == LaunchType::Fargate;
    let mut findings = Vec::new();
    for change in &evidence.changes {
        let Some(service) = evidence.prod.services.get(&change.service) else {
            continue;
        };
        let Some((key, weight)) = KEYS.iter().find(|(key, _)| *key == change.key) else {
            continue;
        };
        let is_meant = change.kind == ChangeKind::Refused || matches!(*key, "runtime" | "tmpfs");
        if !is_meant || (!fargate && *weight != Weight::OfNetwork) {
            continue;
        }
        findings.extend(of_key(service, change, *weight));
    }
    if fargate {
        findings.extend(host_mounts(evidence));
    }
    findings
}

/// One value of a key, and where it stands.
struct Value {
    text: String,
    place: Place,
}

/// The findings about one key: one for each value that the app does not get, one for all others.
fn of_key(service: &Service, change: &Change, weight: Weight) -> Vec<Finding> {
    let values = values(service, change);
    let weight = match (&*change.key, values.first().map(|value| &*value.text)) {
        ("ipc" | "pid", Some("host")) => Weight::Hard,
        ("ipc", Some("private")) => return Vec::new(),
        ("ipc" | "pid" | "network_mode", Some(text)) if text != "host" && text != "none" => {
            Weight::Soft
        }
        _ => weight,
    };
    let groups: Vec<&[Value]> = match weight {
        Weight::Hard => values.chunks(1).collect(),
        _ => vec![&values],
    };
    groups
        .into_iter()
        .map(|group| finding(service, change, weight, group))
        .collect()
}

fn finding(service: &Service, change: &Change, weight: Weight, values: &[Value]) -> Finding {
    let key = &change.key;
    let shown: Vec<&str> = values.iter().map(|value| &*value.text).collect();
    let shown = shown.join(", ");
    let effect = match weight {
        Weight::Hard => format!("`{}` does not get it", service.name),
        _ => "a task definition with it is not registered".to_owned(),
    };
    let value = match &*shown {
        "" | "true" => format!("`{key}`"),
        shown => format!("`{key}: {shown}`"),
    };
    let message = format!(
        "ECS on Fargate refuses {value} of `{}`: {effect}",
        service.name
    );
    let help = match &*change.help {
        "" => format!(
            "take `{key}` out, or move it into `compose.override.yaml` when only development needs it"
        ),
        help => format!("{help}; what only development needs goes into `compose.override.yaml`"),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .service(&service.name)
        .data("key", &**key)
        .data("value", shown)
        .data("kind", ChangeKind::Refused.as_str());
    if weight != Weight::Hard {
        finding.severity = Severity::Warning;
    }
    for value in values {
        finding = finding.at(&value.place, "");
    }
    if values.is_empty() {
        finding = finding.at(&change.place, "");
    }
    finding
        .proof(format!("on ECS it is {}", change.what))
        .proof(&*change.why)
}

/// The values of the key that are refused.
fn values(service: &Service, change: &Change) -> Vec<Value> {
    let settings = &service.settings;
    let key = &*change.key;
    let places = service.values.get(key);
    let place_of = |at: usize| {
        let place = places.and_then(|places| places.get(at));
        place.unwrap_or(&change.place).clone()
    };
    let each = |texts: &[String]| -> Vec<Value> {
        let texts = texts.iter().enumerate();
        texts
            .map(|(at, text)| Value {
                text: text.clone(),
                place: place_of(at),
            })
            .collect()
    };
    let one = |text: Option<&str>| -> Vec<Value> {
        vec![Value {
            text: text.unwrap_or_default().to_owned(),
            place: place_of(0),
        }]
    };
    match key {
        "cap_add" => {
            let allowed = |name: &str| name.trim_start_matches("CAP_") == "SYS_PTRACE";
            let all = each(&service.cap_add).into_iter();
            all.filter(|value| !allowed(&value.text)).collect()
        }
        "devices" => {
            let devices = settings.devices.iter().map(|device| device.source.clone());
            each(&devices.collect::<Vec<_>>())
        }
        "dns" => each(&service.dns),
        "dns_search" => each(&settings.dns_search),
        "external_links" => each(&settings.external_links),
        "links" => each(&settings.links),
        "security_opt" => each(&service.security_opt),
        "extra_hosts" => {
            let hosts = service.extra_hosts.iter();
            hosts
                .map(|host| Value {
                    text: host.value.clone(),
                    place: host.place.clone(),
                })
                .collect()
        }
        "hostname" => one(service.hostname.as_ref().map(|name| &*name.value)),
        "ipc" => one(settings.ipc.as_deref()),
        "pid" => one(settings.pid.as_deref()),
        "runtime" => one(settings.runtime.as_deref()),
        "userns_mode" => one(settings.userns_mode.as_deref()),
        "network_mode" => one(service.network_mode.as_ref().map(|mode| match &mode.value {
            NetworkMode::Bridge => "bridge",
            NetworkMode::Host => "host",
            NetworkMode::None => "none",
            NetworkMode::Service(_) => "service",
            NetworkMode::Container(_) => "container",
        })),
        "privileged" | "use_api_socket" => one(Some("true")),
        "tmpfs" => {
            let without_size = service.volumes.iter().filter(|mount| {
                matches!(
                    &mount.kind,
                    MountKind::Tmpfs {
                        size: None,
                        options: Some(_),
                        ..
                    }
                )
            });
            without_size
                .map(|mount| Value {
                    text: mount.target.clone(),
                    place: mount.place.clone(),
                })
                .collect()
        }
        "sysctls" => {
            let names = service.sysctls.keys().enumerate();
            let named = names.filter(|(_, name)| change.what.contains(&format!("`{name}`")));
            named
                .map(|(at, name)| Value {
                    text: name.clone(),
                    place: place_of(at),
                })
                .collect()
        }
        "deploy.resources.reservations.devices" => vec![Value {
            text: String::new(),
            place: change.place.clone(),
        }],
        _ => one(None),
    }
}

fn host_mounts(evidence: &Evidence) -> impl Iterator<Item = Finding> {
    evidence.host_mounts.iter().map(|mount| {
        let (service, source) = (&mount.service, &mount.source);
        let socket = SOCKETS.iter().any(|name| source.ends_with(name));
        let message = match socket {
            true => format!("`{service}` mounts the engine's socket `{source}`, and on Fargate there is no engine to talk to"),
            false => format!("`{service}` mounts `{source}` of the host, and on Fargate a task gets no path of the machine"),
        };
        let help = match socket {
            true => "let a load balancer, Service Connect or a file in the image say what the engine says in dev, or leave the service out of production".to_owned(),
            false => format!("copy what `{service}` needs into its image, take credentials from the task's role, and keep data on EFS or in a managed service"),
        };
        Finding::new(&INFO, message, help)
            .service(service)
            .data("key", "volumes")
            .data("value", &**source)
            .data("kind", ChangeKind::Refused.as_str())
            .at(&mount.place, &mount.text)
            .proof(format!("in dev it is at `{}` of the container", mount.target))
            .proof("ECS answers `Fargate compatible task definitions do not support sourcePath`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::evidence::HostMount;

    /// What `text` is found for: key, value, severity, line.
    fn found(text: &str, refused: &[&str]) -> Vec<String> {
        let app = app_for(text, Mode::Prod);
        let mut evidence = Evidence::new(app.clone(), app);
        for service in evidence.prod.services.values() {
            for key in refused {
                let Some(place) = service.keys.get(*key) else {
                    continue;
                };
                evidence.changes.push(Change {
                    kind: ChangeKind::Refused,
                    service: service.name.clone(),
                    key: (*key).to_owned(),
                    place: place.clone(),
                    what: "otherwise".to_owned(),
                    why: "so it is".to_owned(),
                    help: String::new(),
                });
            }
        }
        shown(&evidence)
    }

    fn shown(evidence: &Evidence) -> Vec<String> {
        let all = check(evidence).into_iter().map(|finding| {
            let text = |key: &str| finding.data[key].as_str().unwrap_or_default().to_owned();
            let line = finding.locations[0].place.line;
            format!(
                "{} {} {} {line}",
                text("key"),
                text("value"),
                finding.severity.as_str()
            )
        });
        all.collect()
    }

    #[test]
    fn each_capability_is_told_at_its_line_and_the_allowed_one_is_not() {
        let text = "services:\n  vpn:\n    image: vpn\n    cap_add:\n      - SYS_PTRACE\n      - NET_ADMIN\n      - SYS_ADMIN\n";
        assert_eq!(
            found(text, &["cap_add"]),
            ["cap_add NET_ADMIN error 6", "cap_add SYS_ADMIN error 7"]
        );
    }

    #[test]
    fn what_the_app_may_do_without_is_one_warning() {
        let text = "services:\n  web:\n    image: web\n    hostname: web1\n    links: [db, cache]\n    privileged: true\n  db: {image: db}\n  cache: {image: cache}\n";
        assert_eq!(
            found(text, &["hostname", "links", "privileged"]),
            [
                "hostname web1 warning 4",
                "links db, cache warning 5",
                "privileged true error 6"
            ]
        );
    }

    #[test]
    fn namespaces_of_the_host_are_errors_and_others_are_warnings() {
        let text = "services:\n  a: {image: a, network_mode: host, ipc: shareable}\n  b: {image: b, pid: host, network_mode: bridge}\n";
        assert_eq!(
            found(text, &["network_mode", "ipc", "pid"]),
            [
                "network_mode host error 2",
                "ipc shareable warning 2",
                "network_mode bridge warning 3",
                "pid host error 3"
            ]
        );
    }

    #[test]
    fn on_ec2_only_what_the_network_mode_refuses_is_told() {
        let text = "x-envsim: {launch_type: EC2}\nservices:\n  web: {image: web, privileged: true, hostname: web1}\n";
        assert_eq!(
            found(text, &["privileged", "hostname"]),
            ["hostname web1 warning 3"]
        );
    }

    #[test]
    fn a_mount_of_the_host_is_an_error() {
        let app = app_for("services:\n  web: {image: web}\n", Mode::Prod);
        let mut evidence = Evidence::new(app.clone(), app);
        evidence.host_mounts.push(HostMount {
            service: "web".to_owned(),
            source: "/var/run/docker.sock".to_owned(),
            target: "/var/run/docker.sock".to_owned(),
            place: Place::start_of("compose.yaml"),
            text: String::new(),
        });
        assert_eq!(shown(&evidence), ["volumes /var/run/docker.sock error 1"]);
    }
}
