//! What a service says about its container beyond the common parts: limits, namespaces, devices,
//! names, logs. Pure; the meaning of each key is Compose's.

use super::Ground;
use super::plan::container_name;
use crate::app::{App, Blkio, DeviceRequest, RestartPolicy, Service, ThrottleDevice};
use crate::engine::{self, ContainerSpec, LogConfig};
use crate::labels::{Labels, RunKind};

/// Writes the settings of `service` into `made`.
pub fn apply(
    app: &App,
    labels: &Labels,
    ground: &Ground,
    service: &Service,
    made: &mut ContainerSpec,
) {
    let settings = &service.settings;
    resources(service, made);
    made.domainname.clone_from(&settings.domainname);
    made.dns_opt.clone_from(&settings.dns_opt);
    made.dns_search.clone_from(&settings.dns_search);
    made.annotations = settings.annotations.clone().into_iter().collect();
    made.cgroup_parent.clone_from(&settings.cgroup_parent);
    made.cgroupns_mode.clone_from(&settings.cgroup);
    made.userns_mode.clone_from(&settings.userns_mode);
    made.uts_mode.clone_from(&settings.uts);
    let shared = |mode: &Option<String>| mode.as_deref().map(|mode| namespace(app, labels, mode));
    made.ipc_mode = shared(&settings.ipc);
    made.pid_mode = shared(&settings.pid);
    made.isolation.clone_from(&settings.isolation);
    made.runtime.clone_from(&settings.runtime);
    made.storage_opt = settings.storage_opt.clone().into_iter().collect();
    made.devices = settings
        .devices
        .iter()
        .map(|device| engine::Device {
            host: device.source.clone(),
            container: match &*device.target {
                "" => device.source.clone(),
                target => target.to_owned(),
            },
            permissions: device.permissions.clone(),
        })
        .collect();
    made.device_cgroup_rules
        .clone_from(&settings.device_cgroup_rules);
    // The run beside a prod-check must not fail for a device that production has not either.
    if ground.gpus || labels.run == RunKind::Dev {
        made.device_requests = settings.device_requests().map(device_request).collect();
    }
    made.volumes_from = settings
        .volumes_from
        .iter()
        .map(|from| mounts_of(app, labels, from))
        .collect();
    made.log = settings.logging.as_ref().map(|logging| LogConfig {
        driver: logging.driver.clone().unwrap_or_default(),
        options: logging.options.clone().into_iter().collect(),
    });
    made.restart = restart(service);
}

/// `mem_limit` and its like, and `deploy.resources`, which says the same in other words.
fn resources(service: &Service, made: &mut ContainerSpec) {
    let settings = &service.settings;
    let limits = settings.limits();
    let some = |value: i64| (value != 0).then_some(value);
    let cpus = match limits.map(|limits| limits.cpus) {
        Some(cpus) if cpus > 0.0 => cpus,
        _ => settings.cpus,
    };
    made.nano_cpus = (cpus > 0.0).then_some((cpus * 1e9).round() as i64);
    made.pids_limit = limits
        .and_then(|limits| some(limits.pids))
        .or(some(settings.pids_limit));
    made.memory_reservation = settings
        .reservations()
        .and_then(|kept| some(kept.memory))
        .or(some(settings.mem_reservation));
    made.memory_swap = some(settings.memswap_limit);
    made.memory_swappiness = some(settings.mem_swappiness);
    made.oom_kill_disable = settings.oom_kill_disable.then_some(true);
    made.oom_score_adj = some(settings.oom_score_adj);
    made.cpu_shares = some(settings.cpu_shares);
    made.cpu_period = some(settings.cpu_period);
    made.cpu_quota = some(settings.cpu_quota);
    made.cpu_rt_period = some(settings.cpu_rt_period);
    made.cpu_rt_runtime = some(settings.cpu_rt_runtime);
    made.cpuset_cpus.clone_from(&settings.cpuset);
    made.cpu_count = some(settings.cpu_count);
    made.cpu_percent = some(settings.cpu_percent as i64);
    if let Some(block) = &settings.blkio_config {
        made.blkio = blkio(block);
    }
}

fn blkio(block: &Blkio) -> engine::Blkio {
    let rates = |all: &[ThrottleDevice]| {
        all.iter()
            .map(|one| (one.path.clone(), one.rate))
            .collect::<Vec<_>>()
    };
    engine::Blkio {
        weight: (block.weight != 0).then_some(block.weight),
        weight_device: block
            .weight_device
            .iter()
            .map(|one| (one.path.clone(), one.weight))
            .collect(),
        read_bps: rates(&block.device_read_bps),
        read_iops: rates(&block.device_read_iops),
        write_bps: rates(&block.device_write_bps),
        write_iops: rates(&block.device_write_iops),
    }
}

fn device_request(wanted: &DeviceRequest) -> engine::DeviceRequest {
    engine::DeviceRequest {
        driver: wanted.driver.clone().unwrap_or_default(),
        // A count and ids exclude each other; neither means all.
        count: match (wanted.count, wanted.device_ids.is_empty()) {
            (0, true) => -1,
            (count, _) => count,
        },
        ids: wanted.device_ids.clone(),
        capabilities: match wanted.capabilities.is_empty() {
            true => vec!["gpu".to_owned()],
            false => wanted.capabilities.clone(),
        },
        options: wanted.options.clone().into_iter().collect(),
    }
}

/// `service:NAME` is that service's container; everything else is the engine's own word.
fn namespace(app: &App, labels: &Labels, mode: &str) -> String {
    match mode.strip_prefix("service:") {
        Some(name) => format!("container:{}", container_of(app, labels, name)),
        None => mode.to_owned(),
    }
}

/// The container of the service `name`.
pub fn container_of(app: &App, labels: &Labels, name: &str) -> String {
    let other = app.services.get(name);
    other.map_or_else(|| name.to_owned(), |other| container_name(labels, other))
}

/// `NAME[:MODE]` of a service, or `container:NAME[:MODE]`, in the engine's words.
fn mounts_of(app: &App, labels: &Labels, from: &str) -> String {
    match from.strip_prefix("container:") {
        Some(container) => container.to_owned(),
        None => {
            let (name, mode) = from.split_once(':').unwrap_or((from, ""));
            let container = container_of(app, labels, name);
            match mode {
                "" => container,
                mode => format!("{container}:{mode}"),
            }
        }
    }
}

/// `restart`, or what `deploy.restart_policy` says where that is absent.
pub fn restart(service: &Service) -> Option<String> {
    if let Some(written) = &service.restart {
        return Some(written.value.clone());
    }
    let policy = service.settings.deploy.as_ref()?.restart_policy.as_ref()?;
    Some(of_policy(policy))
}

fn of_policy(policy: &RestartPolicy) -> String {
    match policy.condition.as_deref() {
        Some("any" | "always") => "always".to_owned(),
        Some("unless-stopped") => "unless-stopped".to_owned(),
        Some("on-failure") => match policy.max_attempts {
            Some(attempts) if attempts > 0 => format!("on-failure:{attempts}"),
            _ => "on-failure".to_owned(),
        },
        _ => "no".to_owned(),
    }
}

/// Services whose containers must be there before the one of `service` can be made.
pub fn needed_first(service: &Service) -> Vec<&str> {
    let settings = &service.settings;
    let modes = [&settings.ipc, &settings.pid];
    let spaces = modes
        .into_iter()
        .flatten()
        .filter_map(|mode| mode.strip_prefix("service:"));
    let network = match service.network_mode.as_ref().map(|mode| &mode.value) {
        Some(crate::app::NetworkMode::Service(name)) => Some(name.as_str()),
        _ => None,
    };
    let mounts = settings
        .volumes_from
        .iter()
        .filter(|from| !from.starts_with("container:"))
        .map(|from| from.split(':').next().unwrap_or_default());
    spaces.chain(network).chain(mounts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    fn made(text: &str) -> ContainerSpec {
        let app = app(text);
        let labels = Labels {
            project: "shop".to_owned(),
            run: RunKind::Dev,
            owner: "host:1".to_owned(),
            task: None,
        };
        let mut made = ContainerSpec::default();
        let service = &app.services["web"];
        apply(&app, &labels, &Ground::default(), service, &mut made);
        made
    }

    #[test]
    fn limits_under_deploy_are_those_of_the_container() {
        let made = made(
            "services:
  web:
    image: web
    deploy:
      resources:
        limits: {cpus: '0.5', memory: 64m, pids: 30}
        reservations: {memory: 32m}
      restart_policy: {condition: on-failure, max_attempts: 3}
",
        );
        assert_eq!(made.nano_cpus, Some(500_000_000));
        assert_eq!(made.pids_limit, Some(30));
        assert_eq!(made.memory_reservation, Some(32 << 20));
        assert_eq!(made.restart.as_deref(), Some("on-failure:3"));
    }

    #[test]
    fn namespaces_and_mounts_of_a_service_are_those_of_its_container() {
        let made = made(
            "services:
  web:
    image: web
    ipc: service:db
    pid: service:db
    volumes_from: ['db:ro', 'container:other']
  db: {image: db, ipc: shareable}
",
        );
        assert_eq!(made.ipc_mode.as_deref(), Some("container:envsim-shop-db"));
        assert_eq!(made.pid_mode.as_deref(), Some("container:envsim-shop-db"));
        assert_eq!(made.volumes_from, ["envsim-shop-db:ro", "other"]);
    }

    #[test]
    fn what_has_to_do_with_the_host_is_passed_on() {
        let made = made(
            "services:
  web:
    image: web
    cpuset: '0'
    cpu_shares: 512
    devices: ['/dev/null:/dev/nothing:r']
    device_cgroup_rules: ['c 1:3 mr']
    logging: {driver: json-file, options: {max-size: 1m}}
    blkio_config: {weight: 300, device_read_bps: [{path: /dev/sda, rate: 1mb}]}
    gpus: all
",
        );
        assert_eq!(made.cpuset_cpus.as_deref(), Some("0"));
        assert_eq!(made.cpu_shares, Some(512));
        assert_eq!(made.devices[0].container, "/dev/nothing");
        assert_eq!(made.devices[0].permissions, "r");
        assert_eq!(made.device_cgroup_rules, ["c 1:3 mr"]);
        assert_eq!(made.log.expect("a log").driver, "json-file");
        assert_eq!(made.blkio.weight, Some(300));
        assert_eq!(
            made.blkio.read_bps,
            [("/dev/sda".to_owned(), 1_048_576_i64)]
        );
        assert_eq!(made.device_requests[0].count, -1);
        assert_eq!(made.device_requests[0].capabilities, ["gpu"]);
    }
}
