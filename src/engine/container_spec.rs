//! A container as it is asked for, and as the engine wants to be asked.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest as EngineDeviceRequest, EndpointIpamConfig,
    EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig, PortBinding, PortMap,
    ResourcesBlkioWeightDevice, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
    ThrottleDevice,
};
use serde::{Deserialize, Serialize};

/// A container to be made. What is left at its default is left to the image or the engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    pub name: String,
    pub image: String,
    /// Replaces the image's `CMD`; `Some(vec![])` empties it.
    pub command: Option<Vec<String>>,
    /// Replaces the image's `ENTRYPOINT`; `Some(vec![])` empties it.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value`, or `NAME` to take it away from the image.
    pub env: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub working_dir: Option<String>,
    pub user: Option<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub tty: bool,
    pub stdin_open: bool,
    pub init: Option<bool>,
    pub read_only: bool,
    pub publish: Vec<Publish>,
    /// Exposed without being published.
    pub expose: Vec<(u16, String)>,
    pub mounts: Vec<MountSpec>,
    /// Paths with the engine's own option text: `size=64m,mode=1777`.
    pub tmpfs: BTreeMap<String, String>,
    pub network: NetworkMode,
    /// Connected after creation and before the first start.
    pub extra_networks: Vec<ExtraNetwork>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub privileged: bool,
    /// `name:address`
    pub extra_hosts: Vec<String>,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub dns_opt: Vec<String>,
    pub healthcheck: Option<Health>,
    pub stop_signal: Option<String>,
    /// Seconds.
    pub stop_timeout: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    pub memory_reservation: Option<i64>,
    /// Memory and swap together, in bytes; -1 for no limit.
    pub memory_swap: Option<i64>,
    pub memory_swappiness: Option<i64>,
    pub oom_kill_disable: Option<bool>,
    pub oom_score_adj: Option<i64>,
    pub cpu_shares: Option<i64>,
    pub nano_cpus: Option<i64>,
    pub cpu_period: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpuset_cpus: Option<String>,
    /// Windows only.
    pub cpu_count: Option<i64>,
    /// Windows only.
    pub cpu_percent: Option<i64>,
    pub cpu_rt_period: Option<i64>,
    pub cpu_rt_runtime: Option<i64>,
    pub blkio: Blkio,
    pub pids_limit: Option<i64>,
    pub cgroup_parent: Option<String>,
    pub ulimits: Vec<Ulimit>,
    pub sysctls: BTreeMap<String, String>,
    pub shm_size: Option<i64>,
    pub devices: Vec<Device>,
    pub device_cgroup_rules: Vec<String>,
    pub device_requests: Vec<DeviceRequest>,
    pub storage_opt: BTreeMap<String, String>,
    /// Containers whose mounts are taken too: `NAME` or `NAME:ro`.
    pub volumes_from: Vec<String>,
    pub annotations: BTreeMap<String, String>,
    pub group_add: Vec<String>,
    pub pid_mode: Option<String>,
    pub ipc_mode: Option<String>,
    pub uts_mode: Option<String>,
    pub userns_mode: Option<String>,
    /// Cgroup namespace: `host` or `private`.
    pub cgroupns_mode: Option<String>,
    /// `linux/arm64`
    pub platform: Option<String>,
    /// Caps the log with the `json-file` driver. Without it the engine's own log setting holds.
    pub log_max_bytes: Option<u64>,
    /// Driver and options; they go before [`Self::log_max_bytes`].
    pub log: Option<LogConfig>,
    /// Windows only, but for `default`.
    pub isolation: Option<String>,
    pub runtime: Option<String>,
    /// `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`.
    pub restart: Option<String>,
    pub auto_remove: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    pub container_port: u16,
    /// `tcp` when empty.
    pub protocol: String,
    pub host_ip: Option<String>,
    /// The engine picks a free one when absent.
    pub host_port: Option<u16>,
    /// The engine picks a free one from `host_port` to here.
    pub host_port_last: Option<u16>,
}

/// A log driver and its options; an empty driver is the engine's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    pub driver: String,
    pub options: BTreeMap<String, String>,
}

/// Limits on block devices: a path and its weight or rate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blkio {
    pub weight: Option<u16>,
    pub weight_device: Vec<(String, u16)>,
    pub read_bps: Vec<(String, i64)>,
    pub read_iops: Vec<(String, i64)>,
    pub write_bps: Vec<(String, i64)>,
    pub write_iops: Vec<(String, i64)>,
}

/// Devices asked for by what they can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    pub driver: String,
    /// -1 for all.
    pub count: i64,
    pub ids: Vec<String>,
    pub capabilities: Vec<String>,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSpec {
    /// A file or folder of the engine's host. One that does not exist is an error (Podman makes it
    /// an empty folder instead).
    Bind {
        source: String,
        target: String,
        read_only: bool,
        propagation: Option<String>,
        recursion: Recursion,
    },
    /// The same with a SELinux label on its files, `z` or `Z`, which the engine takes only in its older
    /// form of a bind mount; a source that does not exist becomes an empty folder.
    LabelledBind {
        source: String,
        target: String,
        read_only: bool,
        label: String,
    },
    /// A named volume, or an anonymous one when the name is empty.
    Volume {
        name: String,
        target: String,
        read_only: bool,
        /// Do not fill an empty volume with what the image has there.
        no_copy: bool,
        /// Path inside of the volume; engines before API 1.45 have none.
        subpath: Option<String>,
        labels: BTreeMap<String, String>,
    },
    Tmpfs {
        target: String,
        size: Option<i64>,
        mode: Option<u32>,
    },
}

/// What becomes of the mounts that lie below a bind mount's source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recursion {
    /// They are there, and read-only with it where the kernel can do that.
    #[default]
    Usual,
    /// They are not there.
    None,
    /// They stay writable below a read-only mount.
    Writable,
    /// They are read-only too, or the container does not start.
    ReadOnly,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkMode {
    /// The engine's default network.
    #[default]
    Bridge,
    None,
    Host,
    /// Shares another container's network, by id or name.
    Container(String),
    /// A user network.
    Network {
        name: String,
        endpoint: Endpoint,
    },
}

impl NetworkMode {
    /// A user network by its name, with nothing special about it.
    pub fn network(name: impl Into<String>) -> NetworkMode {
        NetworkMode::Network {
            name: name.into(),
            endpoint: Endpoint::default(),
        }
    }
}

/// How a container appears in a user network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    pub aliases: Vec<String>,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
    pub link_local: Vec<String>,
    pub mac_address: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    /// The highest is the default gateway (API 1.48 and later).
    pub gateway_priority: Option<i64>,
    /// `container` or `container:alias`
    pub links: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraNetwork {
    pub name: String,
    pub endpoint: Endpoint,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub host: String,
    pub container: String,
    /// `rwm` when empty.
    pub permissions: String,
}

/// A health check. A duration of zero leaves the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `["CMD", …]`, `["CMD-SHELL", text]`, `["NONE"]`; empty inherits the image's.
    pub test: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub start_period: Duration,
    pub start_interval: Duration,
    pub retries: u32,
}

fn filled<T>(values: &[T]) -> Option<Vec<T>>
where
    T: Clone,
{
    (!values.is_empty()).then(|| values.to_vec())
}

fn map(values: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!values.is_empty()).then(|| values.clone().into_iter().collect())
}

impl Endpoint {
    pub(super) fn settings(&self) -> EndpointSettings {
        let fixed = self.ipv4.is_some() || self.ipv6.is_some() || !self.link_local.is_empty();
        EndpointSettings {
            ipam_config: fixed.then(|| EndpointIpamConfig {
                ipv4_address: self.ipv4.clone(),
                ipv6_address: self.ipv6.clone(),
                link_local_ips: filled(&self.link_local),
            }),
            links: filled(&self.links),
            aliases: filled(&self.aliases),
            mac_address: self.mac_address.clone(),
            driver_opts: map(&self.driver_opts),
            gw_priority: self.gateway_priority,
            ..Default::default()
        }
    }
}

pub(super) fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    let (network_mode, endpoints) = match &spec.network {
        NetworkMode::Bridge => (None, None),
        NetworkMode::None => (Some("none".to_string()), None),
        NetworkMode::Host => (Some("host".to_string()), None),
        NetworkMode::Container(id) => (Some(format!("container:{id}")), None),
        NetworkMode::Network { name, endpoint } => (
            Some(name.clone()),
            Some(HashMap::from([(name.clone(), endpoint.settings())])),
        ),
    };
    let key = |port: u16, protocol: &str| {
        format!(
            "{port}/{}",
            if protocol.is_empty() { "tcp" } else { protocol }
        )
    };
    let mut bindings: PortMap = HashMap::new();
    let mut exposed: Vec<String> = spec.expose.iter().map(|(n, p)| key(*n, p)).collect();
    for port in &spec.publish {
        let key = key(port.container_port, &port.protocol);
        bindings
            .entry(key.clone())
            .or_default()
            .get_or_insert_default()
            .push(PortBinding {
                host_ip: port.host_ip.clone(),
                // An empty text is how the API says "any".
                host_port: Some(host_port(port)),
            });
        if !exposed.contains(&key) {
            exposed.push(key);
        }
    }
    let capped = spec.log_max_bytes.map(|bytes| HostConfigLogConfig {
        typ: Some("json-file".to_string()),
        config: Some(HashMap::from([
            ("max-size".to_string(), bytes.to_string()),
            ("max-file".to_string(), "2".to_string()),
        ])),
    });
    let chosen = spec.log.as_ref().map(|log| HostConfigLogConfig {
        typ: Some(log.driver.clone()).filter(|driver| !driver.is_empty()),
        config: map(&log.options),
    });
    let log_config = chosen.or(capped);
    let host = HostConfig {
        cpu_shares: spec.cpu_shares,
        memory: spec.memory,
        memory_reservation: spec.memory_reservation,
        memory_swap: spec.memory_swap,
        memory_swappiness: spec.memory_swappiness,
        oom_kill_disable: spec.oom_kill_disable,
        oom_score_adj: spec.oom_score_adj,
        nano_cpus: spec.nano_cpus,
        cpu_period: spec.cpu_period,
        cpu_quota: spec.cpu_quota,
        cpuset_cpus: spec.cpuset_cpus.clone(),
        cpu_count: spec.cpu_count,
        cpu_percent: spec.cpu_percent,
        cpu_realtime_period: spec.cpu_rt_period,
        cpu_realtime_runtime: spec.cpu_rt_runtime,
        blkio_weight: spec.blkio.weight,
        blkio_weight_device: filled(&spec.blkio.weight_device).map(|all| {
            all.into_iter()
                .map(|(path, weight)| ResourcesBlkioWeightDevice {
                    path: Some(path),
                    weight: Some(weight.into()),
                })
                .collect()
        }),
        blkio_device_read_bps: throttle(&spec.blkio.read_bps),
        blkio_device_read_iops: throttle(&spec.blkio.read_iops),
        blkio_device_write_bps: throttle(&spec.blkio.write_bps),
        blkio_device_write_iops: throttle(&spec.blkio.write_iops),
        pids_limit: spec.pids_limit,
        cgroup_parent: spec.cgroup_parent.clone(),
        devices: filled(&spec.devices).map(|all| {
            all.into_iter()
                .map(|d| DeviceMapping {
                    path_on_host: Some(d.host),
                    path_in_container: Some(d.container),
                    cgroup_permissions: Some(d.permissions)
                        .filter(|p| !p.is_empty())
                        .or_else(|| Some("rwm".to_string())),
                })
                .collect()
        }),
        device_cgroup_rules: filled(&spec.device_cgroup_rules),
        device_requests: filled(&spec.device_requests).map(|all| {
            all.into_iter()
                .map(|wanted| EngineDeviceRequest {
                    driver: Some(wanted.driver),
                    count: Some(wanted.count),
                    device_ids: filled(&wanted.ids),
                    capabilities: Some(vec![wanted.capabilities]),
                    options: map(&wanted.options),
                })
                .collect()
        }),
        storage_opt: map(&spec.storage_opt),
        volumes_from: filled(&spec.volumes_from),
        annotations: map(&spec.annotations),
        ulimits: filled(&spec.ulimits).map(|all| {
            all.into_iter()
                .map(|u| ResourcesUlimits {
                    name: Some(u.name),
                    soft: Some(u.soft),
                    hard: Some(u.hard),
                })
                .collect()
        }),
        init: spec.init,
        log_config,
        network_mode,
        port_bindings: (!bindings.is_empty()).then_some(bindings),
        restart_policy: spec.restart.as_deref().map(restart_policy),
        auto_remove: spec.auto_remove.then_some(true),
        mounts: filled(&spec.mounts).map(|all| all.iter().filter_map(mount).collect()),
        binds: filled(&spec.mounts)
            .map(|all| all.iter().filter_map(bind).collect())
            .filter(|all: &Vec<String>| !all.is_empty()),
        tmpfs: map(&spec.tmpfs),
        cap_add: filled(&spec.cap_add),
        cap_drop: filled(&spec.cap_drop),
        dns: filled(&spec.dns),
        dns_options: filled(&spec.dns_opt),
        dns_search: filled(&spec.dns_search),
        extra_hosts: filled(&spec.extra_hosts),
        group_add: filled(&spec.group_add),
        ipc_mode: spec.ipc_mode.clone(),
        pid_mode: spec.pid_mode.clone(),
        uts_mode: spec.uts_mode.clone(),
        userns_mode: spec.userns_mode.clone(),
        cgroupns_mode: spec
            .cgroupns_mode
            .as_ref()
            .and_then(|mode| mode.parse().ok()),
        isolation: spec.isolation.as_ref().and_then(|way| way.parse().ok()),
        privileged: spec.privileged.then_some(true),
        readonly_rootfs: spec.read_only.then_some(true),
        security_opt: filled(&spec.security_opt),
        shm_size: spec.shm_size,
        sysctls: map(&spec.sysctls),
        runtime: spec.runtime.clone(),
        ..Default::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: spec.command.clone(),
        // The engine takes one empty word, not an empty list, as "no entrypoint".
        entrypoint: spec.entrypoint.clone().map(|words| {
            if words.is_empty() {
                vec![String::new()]
            } else {
                words
            }
        }),
        env: filled(&spec.env),
        labels: map(&spec.labels),
        working_dir: spec.working_dir.clone(),
        user: spec.user.clone(),
        hostname: spec.hostname.clone(),
        domainname: spec.domainname.clone(),
        tty: spec.tty.then_some(true),
        open_stdin: spec.stdin_open.then_some(true),
        exposed_ports: (!exposed.is_empty()).then_some(exposed),
        healthcheck: spec.healthcheck.as_ref().map(Health::to_engine),
        stop_signal: spec.stop_signal.clone(),
        stop_timeout: spec.stop_timeout,
        host_config: Some(host),
        networking_config: endpoints.map(|e| NetworkingConfig {
            endpoints_config: Some(e),
        }),
        ..Default::default()
    }
}

fn host_port(port: &Publish) -> String {
    match (port.host_port, port.host_port_last) {
        (Some(first), Some(last)) if last != first => format!("{first}-{last}"),
        (Some(port), _) => port.to_string(),
        (None, _) => String::new(),
    }
}

fn throttle(rates: &[(String, i64)]) -> Option<Vec<ThrottleDevice>> {
    filled(rates).map(|all| {
        all.into_iter()
            .map(|(path, rate)| ThrottleDevice {
                path: Some(path),
                rate: Some(rate),
            })
            .collect()
    })
}

fn restart_policy(text: &str) -> RestartPolicy {
    let (name, count) = text.split_once(':').unwrap_or((text, ""));
    RestartPolicy {
        name: Some(match name {
            "always" => RestartPolicyNameEnum::ALWAYS,
            "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
            "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
            _ => RestartPolicyNameEnum::NO,
        }),
        maximum_retry_count: count.parse().ok(),
    }
}

/// The `Mounts` form throughout: the older `Binds` makes an empty folder of a source that is not there.
/// A mount in the engine's older form, where only that one will do.
fn bind(spec: &MountSpec) -> Option<String> {
    let MountSpec::LabelledBind {
        source,
        target,
        read_only,
        label,
    } = spec
    else {
        return None;
    };
    let access = if *read_only { "ro" } else { "rw" };
    Some(format!("{source}:{target}:{access},{label}"))
}

fn bind_options(propagation: Option<&str>, recursion: Recursion) -> Option<MountBindOptions> {
    let propagation = propagation.and_then(|mode| mode.parse().ok());
    if propagation.is_none() && recursion == Recursion::Usual {
        return None;
    }
    let is = |wanted| (recursion == wanted).then_some(true);
    Some(MountBindOptions {
        propagation,
        non_recursive: is(Recursion::None),
        read_only_non_recursive: is(Recursion::Writable),
        read_only_force_recursive: is(Recursion::ReadOnly),
        ..Default::default()
    })
}

fn mount(spec: &MountSpec) -> Option<Mount> {
    Some(match spec {
        MountSpec::LabelledBind { .. } => return None,
        MountSpec::Bind {
            source,
            target,
            read_only,
            propagation,
            recursion,
        } => Mount {
            typ: Some(MountType::BIND),
            source: Some(source.clone()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            bind_options: bind_options(propagation.as_deref(), *recursion),
            ..Default::default()
        },
        MountSpec::Volume {
            name,
            target,
            read_only,
            no_copy,
            subpath,
            labels,
        } => Mount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(*no_copy),
                labels: map(labels),
                subpath: subpath.clone(),
                ..Default::default()
            }),
            ..Default::default()
        },
        MountSpec::Tmpfs { target, size, mode } => Mount {
            typ: Some(MountType::TMPFS),
            target: Some(target.clone()),
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: *size,
                mode: mode.map(i64::from),
                ..Default::default()
            }),
            ..Default::default()
        },
    })
}

impl Health {
    fn to_engine(&self) -> HealthConfig {
        let nanos =
            |d: Duration| (!d.is_zero()).then(|| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX));
        HealthConfig {
            test: filled(&self.test),
            interval: nanos(self.interval),
            timeout: nanos(self.timeout),
            start_period: nanos(self.start_period),
            start_interval: nanos(self.start_interval),
            retries: (self.retries > 0).then_some(self.retries.into()),
        }
    }

    pub(super) fn from_engine(config: HealthConfig) -> Health {
        let duration =
            |n: Option<i64>| Duration::from_nanos(n.and_then(|n| n.try_into().ok()).unwrap_or(0));
        Health {
            test: config.test.unwrap_or_default(),
            interval: duration(config.interval),
            timeout: duration(config.timeout),
            start_period: duration(config.start_period),
            start_interval: duration(config.start_interval),
            retries: config.retries.and_then(|r| r.try_into().ok()).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labelled_bind_takes_the_older_form_and_recursion_the_newer() {
        let bind = |target: &str, recursion: Recursion| MountSpec::Bind {
            source: "/src".into(),
            target: target.into(),
            read_only: true,
            propagation: None,
            recursion,
        };
        let spec = ContainerSpec {
            mounts: vec![
                MountSpec::LabelledBind {
                    source: "/src".into(),
                    target: "/labelled".into(),
                    read_only: true,
                    label: "z".into(),
                },
                bind("/usual", Recursion::Usual),
                bind("/none", Recursion::None),
                bind("/writable", Recursion::Writable),
                bind("/readonly", Recursion::ReadOnly),
            ],
            ..ContainerSpec::default()
        };
        let host = body(&spec).host_config.unwrap();
        assert_eq!(host.binds.unwrap(), ["/src:/labelled:ro,z"]);
        let options: Vec<_> = host
            .mounts
            .unwrap()
            .into_iter()
            .map(|mount| {
                let options = mount.bind_options?;
                Some([
                    options.non_recursive,
                    options.read_only_non_recursive,
                    options.read_only_force_recursive,
                ])
            })
            .collect();
        let yes = Some(true);
        assert_eq!(
            options,
            [
                None,
                Some([yes, None, None]),
                Some([None, yes, None]),
                Some([None, None, yes])
            ]
        );
    }

    #[test]
    fn ports_are_exposed_once_and_bound_in_order() {
        let spec = ContainerSpec {
            publish: vec![
                Publish {
                    container_port: 80,
                    host_port: Some(8080),
                    host_ip: Some("127.0.0.1".into()),
                    ..Default::default()
                },
                Publish {
                    container_port: 80,
                    ..Default::default()
                },
            ],
            expose: vec![(53, "udp".into())],
            ..Default::default()
        };
        let body = body(&spec);
        assert_eq!(
            body.exposed_ports,
            Some(vec!["53/udp".into(), "80/tcp".into()])
        );
        let bindings = body
            .host_config
            .and_then(|h| h.port_bindings)
            .unwrap_or_default();
        let list = bindings["80/tcp"].clone().unwrap_or_default();
        assert_eq!(list[0].host_port.as_deref(), Some("8080"));
        assert_eq!(list[1].host_port.as_deref(), Some(""));
    }

    #[test]
    fn defaults_are_left_out() {
        let text = serde_json::to_string(&body(&ContainerSpec::default())).unwrap_or_default();
        assert_eq!(text, r#"{"Image":"","HostConfig":{}}"#);
    }

    #[test]
    fn restart_policies() {
        let p = restart_policy("on-failure:3");
        assert_eq!(p.name, Some(RestartPolicyNameEnum::ON_FAILURE));
        assert_eq!(p.maximum_retry_count, Some(3));
    }

    #[test]
    fn health_round_trips() {
        let h = Health {
            test: vec!["CMD".into(), "true".into()],
            interval: Duration::from_secs(5),
            timeout: Duration::from_millis(1500),
            retries: 3,
            ..Default::default()
        };
        assert_eq!(Health::from_engine(h.to_engine()), h);
    }
}
