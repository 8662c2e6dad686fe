//! What the containers of a task are made of. Pure.
//!
//! Sources: "Amazon ECS task networking options for Fargate" (one namespace, no names), "Amazon ECS
//! task definition parameters" (essential, stopTimeout), ecs-agent `task_linux.go` (task size as a
//! limit on the parent cgroup).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::translate;
use crate::app::{App, Condition, LaunchType, MountKind, ProbeAction, Protocol, Service, TaskSize};
use crate::engine::{
    ContainerSpec, Endpoint, Health, MountSpec, NetworkMode, Publish, Recursion, Ulimit,
};
use crate::labels::Labels;
use crate::run::address::{TaskNetwork, search_domain};
use crate::run::spec;
use crate::run::stop::ECS_STOP_TIMEOUT;

/// Fargate's longest stopTimeout.
const LONGEST_STOP: Duration = Duration::from_secs(120);
/// Where the holder sees the volume with a resolv.conf per service.
const RESOLV_DIR: &str = "/resolv";
/// Where the holder sees the host's cgroups.
const CGROUP_DIR: &str = "/cgroup";
/// The smallest weight that the kernel takes: "Null, zero, and CPU values of 1 are passed to Docker as 2
/// CPU shares" (ContainerDefinition, `cpu`).
const LEAST_SHARES: i64 = 2;
/// The holder needs 1 to 7 MiB.
const HOLDER_MEMORY: i64 = 16 << 20;

/// How the limits of a whole task are set on this engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limits {
    /// The holder makes this cgroup below the host's root and writes the limits there.
    Cgroup {
        /// Path for the holder, without a leading slash.
        path: String,
        /// `CgroupParent` of the service containers.
        parent: String,
    },
    /// The engine does not let us: each container gets the task's size as its own limit.
    PerContainer {
        /// Why.
        reason: String,
    },
}

impl Limits {
    /// Chooses by the engine's cgroup driver.
    pub fn choose(task: &str, driver: &str, rootless: bool) -> Self {
        let short = &task[..task.len().min(12)];
        if rootless {
            return Self::PerContainer {
                reason: "a rootless engine has no cgroup of its own to limit".to_owned(),
            };
        }
        match driver {
            "cgroupfs" => Self::Cgroup {
                path: format!("envsim-{short}"),
                parent: format!("/envsim-{short}"),
            },
            // A dash in a slice's name means nesting, so there is none.
            "systemd" => Self::Cgroup {
                path: format!("envsim{short}.slice"),
                parent: format!("envsim{short}.slice"),
            },
            other => Self::PerContainer {
                reason: format!("the engine's cgroup driver is `{other}`"),
            },
        }
    }
}

/// The running holder, as the containers of its task need to know it.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Container id.
    pub id: String,
    /// Directory of the resolv.conf files on the engine's host.
    pub resolv: String,
    /// Whether it could set the task's limits.
    pub limited: bool,
    /// Open files that the engine lets a process have; none when that is not known.
    pub files: Option<u64>,
}

/// What a task has around it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Every name by which a service is reached in dev.
    pub denied: Vec<String>,
    /// Hosts of production that a stand-in answers for, in the order of the stand-ins.
    pub hosts: Vec<String>,
}

impl Surroundings {
    /// Of the whole app as production has it, where stand-ins answer for `hosts`.
    pub fn new(whole: &App, hosts: Vec<String>) -> Self {
        let names = whole.host_names().into_iter();
        Self {
            denied: names.map(|(name, _)| name).collect(),
            hosts,
        }
    }
}

/// Everything that is fixed before the first container of a task is made.
#[derive(Clone, Debug)]
pub struct TaskPlan {
    /// Labels with the task's id.
    pub labels: Labels,
    /// The task's own network.
    pub network: TaskNetwork,
    /// Its name in the engine.
    pub network_name: String,
    /// Region, for names.
    pub region: String,
    /// The volume with a resolv.conf per service.
    pub resolv_volume: String,
    /// How the size is enforced.
    pub limits: Limits,
    /// The size.
    pub size: TaskSize,
    /// Names of the dev environment, of all tasks and of what is external.
    pub denied: Vec<String>,
    /// Names that production knows, with the addresses of their stand-ins in this network.
    pub answers: Vec<(String, Ipv4Addr)>,
    /// Loopback address that each service's resolver asks, so that the asker is known.
    pub askers: BTreeMap<String, String>,
}

impl TaskPlan {
    /// Hands out an address to each service and each stand-in, and names to the task's own things.
    ///
    /// `app` is this task's part of the app; `surroundings` are what it shares with others.
    pub fn new(
        app: &App,
        surroundings: &Surroundings,
        labels: Labels,
        network: TaskNetwork,
        region: String,
        limits: Limits,
    ) -> Self {
        // 127.0.0.1 is for whoever has no address of its own; 127.0.0.11 is the engine's resolver.
        let addresses = (2..=254u8)
            .flat_map(|third| (1..=254u8).map(move |last| format!("127.0.{third}.{last}")));
        let askers = app.services.keys().cloned().zip(addresses).collect();
        Self {
            network_name: labels.name("network"),
            resolv_volume: labels.name("resolv"),
            labels,
            region,
            limits,
            size: app.task,
            denied: surroundings.denied.clone(),
            answers: surroundings
                .hosts
                .iter()
                .cloned()
                .zip(network.neighbours())
                .collect(),
            network,
            askers,
        }
    }

    /// The holder: owns the namespace and the published ports, answers DNS, sets the limits.
    pub fn holder(&self, app: &App, image: &str) -> ContainerSpec {
        let mut command: Vec<String> = vec!["hold".to_owned()];
        let mut flag = |name: &str, value: String| command.extend([name.to_owned(), value]);
        let host_name = self.network.host_name(&self.region);
        flag("--hostname", host_name.clone());
        flag("--address", self.network.address.to_string());
        flag("--search", search_domain(&self.region));
        for name in &self.denied {
            // A name that DNS cannot carry is never asked for.
            if name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            {
                flag("--deny", name.clone());
            }
        }
        for (name, address) in &self.answers {
            flag("--answer", format!("{name}={address}"));
        }
        flag("--resolv-dir", RESOLV_DIR.to_owned());
        for (service, address) in &self.askers {
            flag("--asker", format!("{service}={address}"));
        }
        let mut cap_add = vec!["NET_BIND_SERVICE".to_owned()];
        let mut mounts = vec![MountSpec::Volume {
            name: self.resolv_volume.clone(),
            target: RESOLV_DIR.to_owned(),
            read_only: false,
            no_copy: true,
            subpath: None,
            labels: self.labels.of("volume", None),
        }];
        if let Limits::Cgroup { path, .. } = &self.limits {
            flag("--cgroup-root", CGROUP_DIR.to_owned());
            flag("--cgroup-path", path.clone());
            flag("--memory", (u64::from(self.size.memory) << 20).to_string());
            flag(
                "--cpu-millis",
                (u64::from(self.size.cpu) * 1000 / 1024).to_string(),
            );
            // The kernel's root folders are mode 0555.
            cap_add.push("DAC_OVERRIDE".to_owned());
            mounts.push(MountSpec::Bind {
                source: "/sys/fs/cgroup".to_owned(),
                target: CGROUP_DIR.to_owned(),
                read_only: false,
                propagation: None,
                recursion: Recursion::Usual,
            });
        }
        ContainerSpec {
            name: self.labels.name("holder"),
            image: image.to_owned(),
            command: Some(command),
            labels: self.labels.of("holder", None),
            hostname: Some(host_name),
            sysctls: translate::network_sysctls(app),
            publish: ports(app).into_iter().map(publish).collect(),
            network: NetworkMode::Network {
                name: self.network_name.clone(),
                endpoint: Endpoint {
                    ipv4: Some(self.network.address.to_string()),
                    ..Endpoint::default()
                },
            },
            mounts,
            cap_drop: vec!["ALL".to_owned()],
            cap_add,
            security_opt: vec!["no-new-privileges".to_owned()],
            memory: Some(HOLDER_MEMORY),
            pids_limit: Some(256),
            ..ContainerSpec::default()
        }
    }

    /// The container of `service`, made from the image with the id `image` that declares the paths
    /// `image_volumes` as VOLUME.
    pub fn container(
        &self,
        app: &App,
        service: &Service,
        image: &str,
        image_volumes: &[String],
        holder: &Holder,
    ) -> ContainerSpec {
        let mut made = spec::common(service, image);
        made.name = self.labels.name(&service.name);
        made.labels = self.labels.of("service", Some(&service.name));
        for (key, value) in &service.labels {
            made.labels
                .entry(key.clone())
                .or_insert_with(|| value.clone());
        }
        made.stop_signal = None;
        made.network = NetworkMode::Container(holder.id.clone());
        if translate::shares_processes(app) {
            made.pid_mode = Some(format!("container:{}", holder.id));
        }
        // Those of the network are the holder's.
        made.sysctls = service
            .sysctls
            .iter()
            .filter(|(name, _)| !name.starts_with("net."))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let kept = service.settings.reservations().map(|kept| kept.memory);
        made.memory_reservation = kept
            .filter(|kept| *kept > 0)
            .or(Some(service.settings.mem_reservation))
            .filter(|kept| *kept > 0);
        made.healthcheck = health(app, service, made.healthcheck.take());
        made.mounts = self.mounts(service, image_volumes);
        if self.askers.contains_key(&service.name) {
            made.mounts.push(MountSpec::Bind {
                source: format!("{}/{}", holder.resolv, service.name),
                target: "/etc/resolv.conf".to_owned(),
                read_only: true,
                propagation: None,
                recursion: Recursion::Usual,
            });
        }
        // Only SYS_PTRACE may be added on Fargate (KernelCapabilities).
        made.cap_add
            .retain(|name| name.trim_start_matches("CAP_") == "SYS_PTRACE");
        limit_files(app, holder.files, &mut made.ulimits);
        if let Some(written) = &service.task_memory {
            made.memory = Some(i64::from(written.value) << 20);
        }
        match &self.limits {
            Limits::Cgroup { parent, .. } if holder.limited => {
                made.cgroup_parent = Some(parent.clone());
                made.cpu_shares = Some(translate::cpu_units(service).max(LEAST_SHARES));
            }
            _ => {
                let task = i64::from(self.size.memory) << 20;
                made.memory = Some(made.memory.map_or(task, |own| own.min(task)));
                made.nano_cpus = Some(i64::from(self.size.cpu) * 1_000_000_000 / 1024);
                // Beside containers that are not of the task, so nobody gets less than usual.
                let units = translate::cpu_units(service);
                made.cpu_shares = (units > 0).then_some(units.max(LEAST_SHARES));
            }
        }
        made
    }

    /// Declared volumes as ECS gives them: empty, owned by root, filled from the image only where
    /// the image declares a VOLUME at that path ("Use bind mounts with Amazon ECS").
    fn mounts(&self, service: &Service, image_volumes: &[String]) -> Vec<MountSpec> {
        let mut mounts = Vec::new();
        for mount in &service.volumes {
            match &mount.kind {
                MountKind::Volume { source } => mounts.push(MountSpec::Volume {
                    name: self.volume(source),
                    target: mount.target.clone(),
                    read_only: mount.read_only,
                    no_copy: !image_volumes.contains(&mount.target),
                    subpath: None,
                    labels: self.labels.of("volume", None),
                }),
                MountKind::Tmpfs { size, mode, .. } => mounts.push(MountSpec::Tmpfs {
                    target: mount.target.clone(),
                    size: *size,
                    mode: *mode,
                }),
                // The machine of a developer is not there, and what an anonymous volume keeps from
                // a bind mount needs no keeping.
                MountKind::Bind { .. } | MountKind::Anonymous => {}
            }
        }
        mounts
    }

    /// Name of the task's volume for the key `source`.
    pub fn volume(&self, source: &str) -> String {
        self.labels.name(&format!("volume-{source}"))
    }
}

/// Adds the limit on open files that Fargate has by default, as far as the engine lets a process
/// have `most`: a container with more would not start.
fn limit_files(app: &App, most: Option<u64>, ulimits: &mut Vec<Ulimit>) {
    let written = ulimits.iter().any(|limit| limit.name == "nofile");
    let Some(most) = most.filter(|_| app.launch_type == LaunchType::Fargate && !written) else {
        return;
    };
    let files = translate::FILES.min(i64::try_from(most).unwrap_or(i64::MAX));
    ulimits.push(Ulimit {
        name: "nofile".to_owned(),
        soft: files,
        hard: files,
    });
}

/// Container ports that are published: those of the services and those that probes ask.
pub fn ports(app: &App) -> BTreeSet<(u16, Protocol)> {
    let written = app.services.values().flat_map(|service| &service.ports);
    let written = written.map(|port| (port.target, port.protocol));
    let probed = app.probes.iter().filter_map(|probe| match &probe.action {
        ProbeAction::Http(request, _) => Some((request.port, Protocol::Tcp)),
        ProbeAction::Tcp { port } => Some((*port, Protocol::Tcp)),
        ProbeAction::Command(_) => None,
    });
    written.chain(probed).collect()
}

/// A port on 127.0.0.1, where the engine picks the host's: no other run can have it.
pub fn publish((port, protocol): (u16, Protocol)) -> Publish {
    Publish {
        container_port: port,
        protocol: protocol.as_str().to_owned(),
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: None,
        host_port_last: None,
    }
}

impl PartialOrd for Protocol {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Protocol {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// ECS ignores the image's HEALTHCHECK. It is kept only where another container waits for it to be
/// healthy and nothing else is given: ECS would refuse that task definition, and the check would
/// have nothing to run.
fn health(app: &App, service: &Service, written: Option<Health>) -> Option<Health> {
    if written.is_some() {
        return written;
    }
    let awaited = app
        .waiting_for(&service.name, Condition::Healthy)
        .next()
        .is_some();
    (!awaited).then(|| Health {
        test: vec!["NONE".to_owned()],
        ..Health::default()
    })
}

/// The essential services that nothing speaks for: no probe of theirs passed, and none that depends
/// on them.
pub fn unvouched(app: &App, vouched: &[String]) -> Vec<String> {
    let mut sure: Vec<String> = vouched.to_vec();
    let mut next = 0;
    while let Some(name) = sure.get(next).cloned() {
        next += 1;
        let service = app.services.get(&name);
        for dependency in service.into_iter().flat_map(|service| &service.depends_on) {
            let name = &dependency.service.value;
            if !sure.contains(name) {
                sure.push(name.clone());
            }
        }
    }
    let essential = app
        .services
        .values()
        .filter(|service| app.essential(service));
    let names = essential.map(|service| service.name.clone());
    names.filter(|name| !sure.contains(name)).collect()
}

/// Time between SIGTERM and SIGKILL: `stop_grace_period` within Fargate's limit, else 30 s.
pub fn stop_timeout(service: &Service) -> Duration {
    service
        .stop_grace_period
        .map_or(ECS_STOP_TIMEOUT, |written| {
            written.clamp(Duration::from_secs(2), LONGEST_STOP)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::labels::RunKind;
    use crate::run::address::free_range;

    fn plan(app: &App) -> TaskPlan {
        let labels = Labels {
            project: "shop".to_owned(),
            run: RunKind::ProdCheck,
            owner: "host:1".to_owned(),
            task: Some("0123456789abcdef".to_owned()),
        };
        let limits = Limits::choose("0123456789abcdef", "cgroupfs", false);
        let network = free_range(&[], 1).expect("a free range");
        let hosts = vec!["orders.example.com".to_owned()];
        let surroundings = Surroundings::new(app, hosts);
        let region = "eu-west-1".to_owned();
        TaskPlan::new(app, &surroundings, labels, network, region, limits)
    }

    fn holder(limited: bool) -> Holder {
        Holder {
            id: "holder".to_owned(),
            resolv: "/vol".to_owned(),
            limited,
            files: Some(1_048_576),
        }
    }

    const SHOP: &str = "services:
  web:
    image: web
    ports: ['8080:80']
    volumes: ['./src:/app', 'data:/data', '/app/node_modules']
    cap_add: [NET_ADMIN, SYS_PTRACE]
    depends_on: {setup: {condition: service_completed_successfully}, db: {condition: service_healthy}}
    x-envsim: {prod: {environment: {DB_HOST: localhost}}}
    environment: {DB_HOST: db, HOME_OF: null}
  db: {image: db}
  setup: {image: web}
volumes: {data: {}}
";

    #[test]
    fn a_service_container_has_no_bind_mount_and_no_name_of_its_own() {
        let app = app_for(SHOP, Mode::Prod);
        let plan = plan(&app);
        let made = plan.container(&app, &app.services["web"], "web", &[], &holder(true));
        assert_eq!(made.network, NetworkMode::Container("holder".to_owned()));
        assert_eq!(made.hostname, None);
        assert_eq!(made.env, ["DB_HOST=localhost"]);
        assert_eq!(made.cap_add, ["SYS_PTRACE"]);
        assert_eq!(made.cgroup_parent.as_deref(), Some("/envsim-0123456789ab"));
        let targets: Vec<String> = made
            .mounts
            .iter()
            .map(|mount| match mount {
                MountSpec::Bind { target, .. } | MountSpec::LabelledBind { target, .. } => {
                    format!("bind {target}")
                }
                MountSpec::Volume {
                    target, no_copy, ..
                } => format!("volume {target} empty={no_copy}"),
                MountSpec::Tmpfs { target, .. } => format!("tmpfs {target}"),
            })
            .collect();
        assert_eq!(
            targets,
            ["volume /data empty=true", "bind /etc/resolv.conf"]
        );
    }

    #[test]
    fn the_image_health_check_is_ignored_as_on_ecs() {
        let app = app_for(SHOP, Mode::Prod);
        let plan = plan(&app);
        let made = |name: &str| plan.container(&app, &app.services[name], "x", &[], &holder(true));
        assert_eq!(made("web").healthcheck.unwrap().test, ["NONE"]);
        assert_eq!(made("db").healthcheck, None);
    }

    #[test]
    fn a_passed_probe_vouches_for_what_the_service_depends_on() {
        let app = app_for(SHOP, Mode::Prod);
        assert_eq!(unvouched(&app, &["web".to_owned()]), Vec::<String>::new());
        assert_eq!(unvouched(&app, &["db".to_owned()]), ["web"]);
        assert_eq!(unvouched(&app, &[]), ["web", "db"]);
    }

    #[test]
    fn every_container_is_essential_but_those_that_must_complete() {
        let app = app_for(SHOP, Mode::Prod);
        let essential = |name: &str| app.essential(&app.services[name]);
        assert!(essential("web") && essential("db"));
        assert!(!essential("setup"));
    }

    #[test]
    fn the_holder_publishes_on_the_loopback_only_and_denies_every_name() {
        let app = app_for(SHOP, Mode::Prod);
        let holder = plan(&app).holder(&app, "agent");
        assert!(
            holder
                .publish
                .iter()
                .all(|port| port.host_ip.as_deref() == Some("127.0.0.1"))
        );
        let command = holder.command.unwrap().join(" ");
        for name in [
            "--deny web",
            "--deny db",
            "--deny setup",
            "--answer orders.example.com=10.",
        ] {
            assert!(command.contains(name), "{command}");
        }
    }

    #[test]
    fn a_container_has_the_limits_of_its_own_within_those_of_the_task() {
        let app = app_for(
            "services:
  web: {image: web, mem_limit: 64m, x-envsim: {cpu: 256, memory: 512}}
  db: {image: db, mem_limit: 64m}
",
            Mode::Prod,
        );
        let plan = plan(&app);
        let limits = |name: &str, limited: bool| {
            let made = plan.container(&app, &app.services[name], "x", &[], &holder(limited));
            (made.memory.map(|bytes| bytes >> 20), made.cpu_shares)
        };
        assert_eq!(limits("web", true), (Some(512), Some(256)));
        assert_eq!(limits("web", false), (Some(512), Some(256)));
        assert_eq!(limits("db", true), (Some(64), Some(2)));
        assert_eq!(limits("db", false), (Some(64), None));
    }

    #[test]
    fn a_container_has_the_open_files_and_the_weight_of_ecs() {
        let app = app_for(
            "services:
  web: {image: web, cpu_shares: 200}
  db: {image: db, ulimits: {nofile: 1000, nproc: 50}}
",
            Mode::Prod,
        );
        let plan = plan(&app);
        let made = |name: &str| {
            let made = plan.container(&app, &app.services[name], "x", &[], &holder(true));
            let ulimits: Vec<_> = made
                .ulimits
                .iter()
                .map(|limit| format!("{} {} {}", limit.name, limit.soft, limit.hard))
                .collect();
            (ulimits.join(", "), made.cpu_shares)
        };
        assert_eq!(made("web"), ("nofile 65535 65535".to_owned(), Some(200)));
        assert_eq!(
            made("db"),
            ("nofile 1000 1000, nproc 50 50".to_owned(), Some(2))
        );
        for (most, files) in [(Some(20_000), Some(20_000)), (None, None)] {
            let holder = Holder {
                files: most,
                ..holder(true)
            };
            let made = plan.container(&app, &app.services["web"], "x", &[], &holder);
            let soft = made.ulimits.first().map(|limit| limit.soft);
            assert_eq!(soft, files, "an engine that may not raise the limit");
        }
    }

    #[test]
    fn without_a_task_cgroup_each_container_gets_the_size_of_the_task() {
        let app = app_for(SHOP, Mode::Prod);
        let made = plan(&app).container(&app, &app.services["web"], "x", &[], &holder(false));
        assert_eq!(made.memory, Some(2048 << 20));
        assert_eq!(made.nano_cpus, Some(1_000_000_000));
    }
}
