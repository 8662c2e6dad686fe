//! What the containers of the dev run are made of. Pure; the meaning of each key is Compose's.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Ground, files, network, settings};
use crate::app::{App, Mount, MountKind, Port, Protocol, Service};
use crate::engine::{ContainerSpec, MountSpec, NetworkMode, Publish, Recursion};
use crate::labels::{self, Labels, RunKind};
use crate::run::spec;

/// The engine's socket, on the host and in a container that may use it.
const API_SOCKET: &str = "/var/run/docker.sock";

/// Name in the engine of the volume `key`. The dev run uses Compose's own name, so that the data of
/// `docker compose up` is there; the run beside a prod-check has volumes of its own.
pub fn volume_name(app: &App, labels: &Labels, key: &str) -> String {
    let volume = app.volumes.get(key);
    let fixed = volume.and_then(|volume| volume.name.clone());
    let external = volume.is_some_and(|volume| volume.external);
    match labels.run {
        RunKind::Dev if external => fixed.unwrap_or_else(|| key.to_owned()),
        RunKind::Dev => fixed.unwrap_or_else(|| format!("{}_{key}", app.name)),
        _ => labels.name(&format!("volume-{key}")),
    }
}

/// Labels of that volume; the key marks the dev run's volumes, whose data is kept.
pub fn volume_labels(app: &App, labels: &Labels, key: &str) -> BTreeMap<String, String> {
    let mut all = labels.of("volume", None);
    for (label, value) in app
        .volumes
        .get(key)
        .into_iter()
        .flat_map(|volume| &volume.labels)
    {
        all.entry(label.clone()).or_insert_with(|| value.clone());
    }
    if labels.run == RunKind::Dev {
        all.insert(labels::VOLUME.to_owned(), key.to_owned());
        all.remove(labels::OWNER);
    }
    all
}

/// The container of `service`.
///
/// `image` is the image's id, `image_volumes` are its VOLUME paths.
///
/// In the dev run ports and names are as written. Beside a prod-check the engine picks the host's
/// ports, and `extra_ports`, those that probes ask, are published too.
pub fn container(
    app: &App,
    labels: &Labels,
    ground: &Ground,
    service: &Service,
    image: &str,
    image_volumes: &[String],
    extra_ports: &[u16],
) -> ContainerSpec {
    let mut made = spec::common(service, image);
    made.name = container_name(labels, service);
    made.labels = labels.of("service", Some(&service.name));
    let needed = service.depends_on.iter();
    let needed: Vec<&str> = needed.map(|one| &*one.service.value).collect();
    made.labels
        .insert(labels::DEPENDS_ON.to_owned(), needed.join(","));
    for (key, value) in &service.labels {
        made.labels
            .entry(key.clone())
            .or_insert_with(|| value.clone());
    }
    made.hostname = service.hostname.as_ref().map(|name| name.value.clone());
    made.extra_hosts = service
        .extra_hosts
        .iter()
        .map(|host| host.value.clone())
        .collect();
    made.dns.clone_from(&service.dns);
    made.privileged = service.privileged;
    made.shm_size = service.shm_size;
    made.sysctls = service
        .sysctls
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    settings::apply(app, labels, ground, service, &mut made);
    made.stop_timeout = service
        .stop_grace_period
        .map(|period| period.as_secs() as i64);
    made.mounts = service
        .volumes
        .iter()
        .filter_map(|mount| mount_spec(app, labels, ground, mount, image_volumes))
        .collect();
    made.mounts.extend(files::mounts(labels, service));
    if service.settings.use_api_socket {
        made.mounts.push(MountSpec::Bind {
            source: API_SOCKET.to_owned(),
            target: API_SOCKET.to_owned(),
            read_only: false,
            propagation: None,
            recursion: Recursion::Usual,
        });
    }
    // The engine's `Mounts` form of a tmpfs cannot be shared by `volumes_from`; this one can.
    made.tmpfs = service.volumes.iter().filter_map(tmpfs).collect();
    let (network, extra) = network::of_service(app, labels, ground, service);
    let own_namespace = matches!(network, NetworkMode::Network { .. } | NetworkMode::Bridge);
    made.network = network;
    made.extra_networks = extra;
    made.publish = match labels.run {
        _ if !own_namespace => Vec::new(),
        RunKind::Dev => service.ports.iter().map(as_written).collect(),
        _ => any_port(service, extra_ports),
    };
    made
}

/// `container_name` is the engine's name only in the dev run: two runs cannot both have it.
pub fn container_name(labels: &Labels, service: &Service) -> String {
    match (&service.container_name, labels.run) {
        (Some(name), RunKind::Dev) => name.value.clone(),
        _ => match (&service.replica, service.settings.replicas()) {
            (Some(replica), _) => labels.name(&format!("{}-{}", replica.of, replica.number)),
            (None, 2..) => labels.name(&format!("{}-1", service.name)),
            (None, _) => labels.name(&service.name),
        },
    }
}

fn as_written(port: &Port) -> Publish {
    Publish {
        container_port: port.target,
        protocol: port.protocol.as_str().to_owned(),
        host_ip: Some(
            port.host_ip
                .clone()
                .unwrap_or_else(|| "127.0.0.1".to_owned()),
        ),
        host_port: port.published,
        host_port_last: port.published_last,
    }
}

fn any_port(service: &Service, extra_ports: &[u16]) -> Vec<Publish> {
    let written = service
        .ports
        .iter()
        .map(|port| (port.target, port.protocol));
    let extra = extra_ports.iter().map(|port| (*port, Protocol::Tcp));
    let mut ports: Vec<(u16, Protocol)> = written.chain(extra).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
        .into_iter()
        .map(|(port, protocol)| Publish {
            container_port: port,
            protocol: protocol.as_str().to_owned(),
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: None,
            host_port_last: None,
        })
        .collect()
}

/// Path and options of a mount that is memory.
fn tmpfs(mount: &Mount) -> Option<(String, String)> {
    let MountKind::Tmpfs {
        size,
        mode,
        options,
    } = &mount.kind
    else {
        return None;
    };
    let made = || {
        let size = size.map(|size| format!("size={size}"));
        let mode = mode.map(|mode| format!("mode={mode:o}"));
        let read_only = mount.read_only.then(|| "ro".to_owned());
        let all: Vec<String> = [size, mode, read_only].into_iter().flatten().collect();
        all.join(",")
    };
    Some((mount.target.clone(), options.clone().unwrap_or_else(made)))
}

/// The SELinux label of a mount. As in Compose (`bindRequiresMountAPI`, `volumeRequiresMountAPI`) it
/// counts only where the engine's older form can say the rest of the mount.
pub fn label(mount: &Mount) -> Option<&str> {
    let plain = match mount.kind {
        MountKind::Bind { create, .. } => {
            create && mount.propagation.is_none() && mount.recursive.is_none()
        }
        MountKind::Volume { .. } => !mount.no_copy && mount.subpath.is_none(),
        MountKind::Anonymous | MountKind::Tmpfs { .. } => false,
    };
    mount.selinux.as_deref().filter(|_| plain)
}

fn labelled(source: String, mount: &Mount, label: &str) -> MountSpec {
    MountSpec::LabelledBind {
        source,
        target: mount.target.clone(),
        read_only: mount.read_only,
        label: label.to_owned(),
    }
}

/// Engines before API 1.44 know only whether mounts below the source are there; below a read-only
/// mount they are writable.
fn recursion(ground: &Ground, mount: &Mount) -> Recursion {
    match mount.recursive.as_deref() {
        Some("disabled") => Recursion::None,
        Some("writable") if ground.api >= (1, 44) => Recursion::Writable,
        Some("readonly") if ground.api >= (1, 44) => Recursion::ReadOnly,
        _ => Recursion::Usual,
    }
}

fn mount_spec(
    app: &App,
    labels: &Labels,
    ground: &Ground,
    mount: &Mount,
    image_volumes: &[String],
) -> Option<MountSpec> {
    let target = mount.target.clone();
    let data = image_volumes
        .iter()
        .any(|volume| Path::new(&target).starts_with(volume));
    Some(match &mount.kind {
        // Two database servers on one data directory would destroy it: the run beside a prod-check
        // has data of its own.
        MountKind::Bind { source, .. }
            if data && labels.run == RunKind::Compare && !source.is_file() =>
        {
            MountSpec::Volume {
                name: String::new(),
                target,
                read_only: mount.read_only,
                no_copy: false,
                subpath: None,
                labels: labels.of("volume", None),
            }
        }
        MountKind::Bind { source, .. } => match label(mount) {
            Some(label) => labelled(source.to_string_lossy().into_owned(), mount, label),
            None => MountSpec::Bind {
                source: source.to_string_lossy().into_owned(),
                target,
                read_only: mount.read_only,
                propagation: mount.propagation.clone(),
                recursion: recursion(ground, mount),
            },
        },
        MountKind::Volume { source } => match label(mount) {
            Some(label) => labelled(volume_name(app, labels, source), mount, label),
            None => MountSpec::Volume {
                name: volume_name(app, labels, source),
                target,
                read_only: mount.read_only,
                no_copy: mount.no_copy,
                subpath: mount.subpath.clone(),
                labels: volume_labels(app, labels, source),
            },
        },
        MountKind::Anonymous => MountSpec::Volume {
            name: String::new(),
            target,
            read_only: mount.read_only,
            no_copy: mount.no_copy,
            subpath: mount.subpath.clone(),
            labels: labels.of("volume", None),
        },
        MountKind::Tmpfs { .. } => return None,
    })
}

/// Whether the log of `service` is shown with the others': `attach` is about what `docker compose up`
/// shows, not about logs that are asked for (Compose, `cmd/compose/up.go`).
pub fn shows_log(labels: &Labels, service: &Service) -> bool {
    labels.run != RunKind::Dev || service.settings.attach != Some(false)
}

/// Whether the engine starts the container again by `restart` after it exited with `code`.
pub fn comes_back(service: &Service, code: i64) -> bool {
    match settings::restart(service).as_deref() {
        Some("always" | "unless-stopped") => true,
        Some(policy) if policy.starts_with("on-failure") => code != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    fn labels(run: RunKind) -> Labels {
        Labels {
            project: "shop".to_owned(),
            run,
            owner: "host:1".to_owned(),
            task: None,
        }
    }

    const SHOP: &str = "services:
  web:
    image: web
    container_name: the-web
    ports: ['8080:80', '0.0.0.0:9000:9000']
    networks: {front: {aliases: [www]}, back: {}}
    volumes: ['.:/app', 'data:/data']
networks: {front: {}, back: {external: true, name: shared}}
volumes: {data: {}}
";

    #[test]
    fn a_service_answers_to_its_name_its_aliases_and_its_container_name() {
        let app = app(SHOP);
        let made = container(
            &app,
            &labels(RunKind::Dev),
            &Ground::default(),
            &app.services["web"],
            "web",
            &[],
            &[],
        );
        let NetworkMode::Network { name, endpoint } = made.network else {
            panic!("a network");
        };
        // By name, as Compose connects networks of the same priority.
        assert_eq!(name, "shared");
        assert_eq!(endpoint.aliases, ["web", "the-web"]);
        let front = &made.extra_networks[0];
        assert_eq!(front.name, "envsim-shop-network-front");
        assert_eq!(front.endpoint.aliases, ["web", "the-web", "www"]);
        assert_eq!(made.name, "the-web");
    }

    #[test]
    fn ports_are_published_on_the_loopback_unless_the_file_names_an_address() {
        let app = app(SHOP);
        let made = container(
            &app,
            &labels(RunKind::Dev),
            &Ground::default(),
            &app.services["web"],
            "web",
            &[],
            &[],
        );
        let published: Vec<_> = made
            .publish
            .iter()
            .map(|p| (p.host_ip.as_deref(), p.host_port))
            .collect();
        assert_eq!(
            published,
            [
                (Some("127.0.0.1"), Some(8080)),
                (Some("0.0.0.0"), Some(9000))
            ]
        );
    }

    #[test]
    fn labels_and_what_lies_below_a_mount_are_passed_on_as_compose_does() {
        let app = app("services:
  web:
    image: web
    volumes:
      - ./a:/a:ro,z
      - data:/data:Z
      - {type: bind, source: ./b, target: /b, bind: {recursive: disabled, selinux: z}}
      - {type: bind, source: ./c, target: /c, read_only: true, bind: {recursive: readonly}}
volumes: {data: {}}
");
        let mounts = |api: (u32, u32)| {
            let ground = Ground {
                api,
                ..Ground::default()
            };
            let labels = labels(RunKind::Dev);
            let web = &app.services["web"];
            let made = container(&app, &labels, &ground, web, "web", &[], &[]);
            let shown = made.mounts.iter().map(|mount| match mount {
                MountSpec::LabelledBind {
                    target,
                    read_only,
                    label,
                    ..
                } => format!("{target} {read_only} {label}"),
                MountSpec::Bind {
                    target, recursion, ..
                } => format!("{target} {recursion:?}"),
                other => format!("{other:?}"),
            });
            shown.collect::<Vec<_>>()
        };
        let new = ["/a true z", "/data false Z", "/b None", "/c ReadOnly"];
        assert_eq!(mounts((1, 51)), new);
        let old = ["/a true z", "/data false Z", "/b None", "/c Usual"];
        assert_eq!(mounts((1, 41)), old);
    }

    #[test]
    fn the_run_beside_a_prod_check_takes_no_name_port_or_volume_of_the_dev_run() {
        let app = app(SHOP);
        let made = container(
            &app,
            &labels(RunKind::Compare),
            &Ground::default(),
            &app.services["web"],
            "web",
            &[],
            &[3000],
        );
        assert_eq!(made.name, "envsim-shop-compare-web");
        assert!(made.publish.iter().all(|port| port.host_port.is_none()));
        assert!(made.publish.iter().any(|port| port.container_port == 3000));
        let MountSpec::Volume { name, .. } = &made.mounts[1] else {
            panic!("a volume");
        };
        assert_eq!(name, "envsim-shop-compare-volume-data");
        assert_eq!(
            volume_name(&app, &labels(RunKind::Dev), "data"),
            "project_data"
        );
    }
}
