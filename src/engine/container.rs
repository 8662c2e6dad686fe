//! Containers: made from a plain description, watched as a plain record.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointIpamConfig,
    EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountBindOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig, PortBinding, PortMap,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, RemoveContainerOptions,
    RestartContainerOptions, StopContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::image::{gone, name_image, read_port};
use super::raw::percent;
use super::{ApiVersion, Engine, EngineError, label_filter};

/// `stop` learned to take a signal with this version.
const STOP_SIGNAL_API: ApiVersion = ApiVersion(1, 42);

/// How much longer than its own timeout a stop may take before the engine is thought to hang.
const STOP_SLACK: Duration = Duration::from_secs(60);

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
    pub pids_limit: Option<i64>,
    pub cgroup_parent: Option<String>,
    pub ulimits: Vec<Ulimit>,
    pub sysctls: BTreeMap<String, String>,
    pub shm_size: Option<i64>,
    pub devices: Vec<Device>,
    pub group_add: Vec<String>,
    pub pid_mode: Option<String>,
    pub ipc_mode: Option<String>,
    pub uts_mode: Option<String>,
    pub userns_mode: Option<String>,
    /// `linux/arm64`
    pub platform: Option<String>,
    /// Caps the log with the `json-file` driver. Without it the engine's own log setting holds.
    pub log_max_bytes: Option<u64>,
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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSpec {
    /// A file or folder of the engine's host. One that does not exist is an error.
    Bind {
        source: String,
        target: String,
        read_only: bool,
        propagation: Option<String>,
    },
    /// A named volume, or an anonymous one when the name is empty.
    Volume {
        name: String,
        target: String,
        read_only: bool,
        /// Do not fill an empty volume with what the image has there.
        no_copy: bool,
        labels: BTreeMap<String, String>,
    },
    Tmpfs {
        target: String,
        size: Option<i64>,
        mode: Option<u32>,
    },
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
        aliases: Vec<String>,
        ipv4: Option<String>,
        /// `container` or `container:alias`
        links: Vec<String>,
    },
}

impl NetworkMode {
    /// A user network by its name, with nothing special about it.
    pub fn network(name: impl Into<String>) -> NetworkMode {
        NetworkMode::Network {
            name: name.into(),
            aliases: Vec::new(),
            ipv4: None,
            links: Vec::new(),
        }
    }
}

/// How a container appears in a further user network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub aliases: Vec<String>,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
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

/// What the engine knows about a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    pub id: String,
    pub name: String,
    /// The image's id.
    pub image_id: String,
    /// The image as it was named when the container was made.
    pub image: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub status: String,
    pub running: bool,
    pub exit_code: i64,
    /// What the engine says; it stays false when only a child of the main process was killed.
    pub oom_killed: bool,
    pub error: String,
    /// RFC 3339; absent when it never started.
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub health: Option<HealthState>,
    /// By network name.
    pub ip_addresses: BTreeMap<String, String>,
    /// With the host ports really in use; empty unless it runs.
    pub ports: Vec<PublishedPort>,
    pub labels: BTreeMap<String, String>,
    pub env: Vec<String>,
    pub restart_count: i64,
    /// On the engine's host; 0 unless it runs.
    pub pid: i64,
    pub mounts: Vec<MountedAt>,
    pub network_mode: String,
    pub hostname: String,
    pub memory: i64,
    pub log_driver: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthState {
    /// `starting`, `healthy`, `unhealthy`.
    pub status: String,
    pub failing_streak: i64,
    pub last_output: String,
    pub last_exit_code: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    pub container: u16,
    pub protocol: String,
    pub address: String,
    pub host: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedAt {
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// The volume's name.
    pub name: Option<String>,
    pub source: String,
    pub target: String,
    pub read_only: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedContainer {
    pub id: String,
    pub name: String,
    pub image: String,
    pub labels: BTreeMap<String, String>,
    /// `running`, `exited`, …
    pub state: String,
    /// For people: "Up 3 seconds (healthy)".
    pub status: String,
    pub ports: Vec<PublishedPort>,
    /// Seconds since 1970.
    pub created: i64,
}

impl Engine {
    /// Makes a container and connects its extra networks. When those fail, it is removed again.
    pub async fn create_container(&self, spec: &ContainerSpec) -> Result<String, EngineError> {
        let doing = format!("creating container `{}`", spec.name);
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()).filter(|n| !n.is_empty()),
            platform: spec.platform.clone().unwrap_or_default(),
        };
        let id = self
            .call(
                &doing,
                self.docker.create_container(Some(options), body(spec)),
            )
            .await
            .map_err(|e| name_image(e, &spec.image))?
            .id;
        for extra in &spec.extra_networks {
            if let Err(e) = self.connect_network(&extra.name, &id, &extra.endpoint).await {
                // The first error is the one worth reporting.
                let _ = self.remove_container(&id, true, true).await;
                return Err(e);
            }
        }
        Ok(id)
    }

    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        let doing = format!("starting container `{}`", short(id));
        self.call(&doing, self.docker.start_container(id, None)).await
    }

    /// Asks it to stop and kills it after the timeout. Fine when it has stopped already.
    pub async fn stop(
        &self,
        id: &str,
        timeout_s: u32,
        signal: Option<&str>,
    ) -> Result<(), EngineError> {
        let doing = format!("stopping container `{}`", short(id));
        let within = Duration::from_secs(timeout_s.into()) + STOP_SLACK;
        if let (Some(signal), true) = (signal, self.shared.api < STOP_SIGNAL_API) {
            return self.stop_by_hand(id, timeout_s, signal).await;
        }
        let options = StopContainerOptions {
            signal: signal.map(str::to_string),
            t: Some(timeout_s.try_into().unwrap_or(i32::MAX)),
        };
        self.call_within(&doing, within, self.docker.stop_container(id, Some(options)))
            .await
    }

    /// What `stop` with a signal does, for engines whose `stop` takes none.
    async fn stop_by_hand(
        &self,
        id: &str,
        timeout_s: u32,
        signal: &str,
    ) -> Result<(), EngineError> {
        match self.kill(id, signal).await {
            Ok(()) => {}
            // Not running.
            Err(EngineError::Conflict { .. }) => return Ok(()),
            Err(e) => return Err(e),
        }
        let patience = Duration::from_secs(timeout_s.into());
        if let Ok(ended) = tokio::time::timeout(patience, self.wait(id)).await {
            return ended.map(|_| ());
        }
        match self.kill(id, "SIGKILL").await {
            Ok(()) => self.wait(id).await.map(|_| ()),
            Err(EngineError::Conflict { .. }) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Sends a signal; `Conflict` when it does not run.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptions {
            signal: signal.to_string(),
        };
        let doing = format!("sending {signal} to container `{}`", short(id));
        self.call(&doing, self.docker.kill_container(id, Some(options)))
            .await
    }

    pub async fn restart(&self, id: &str, timeout_s: u32) -> Result<(), EngineError> {
        let options = RestartContainerOptions {
            signal: None,
            t: Some(timeout_s.try_into().unwrap_or(i32::MAX)),
        };
        let within = Duration::from_secs(timeout_s.into()) + STOP_SLACK;
        let doing = format!("restarting container `{}`", short(id));
        self.call_within(
            &doing,
            within,
            self.docker.restart_container(id, Some(options)),
        )
        .await
    }

    /// Waits until it does not run, however long that takes, and returns its exit code.
    pub async fn wait(&self, id: &str) -> Result<i64, EngineError> {
        let doing = format!("waiting for container `{}`", short(id));
        let options = WaitContainerOptions {
            condition: "not-running".to_string(),
        };
        match self.docker.wait_container(id, Some(options)).next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            // Bollard makes an error of every code but 0.
            Some(Err(BollardError::DockerContainerWaitError { error, code }))
                if error.is_empty() =>
            {
                Ok(code)
            }
            Some(Err(e)) => Err(super::error::from_bollard(&doing, e)),
            None => Err(EngineError::other(doing, "the engine ended the wait")),
        }
    }

    /// False when it was not there. `volumes` removes its anonymous volumes, too.
    pub async fn remove_container(
        &self,
        id: &str,
        force: bool,
        volumes: bool,
    ) -> Result<bool, EngineError> {
        let options = RemoveContainerOptions {
            v: volumes,
            force,
            link: false,
        };
        let doing = format!("removing container `{}`", short(id));
        gone(
            self.call(&doing, self.docker.remove_container(id, Some(options)))
                .await,
        )
    }

    /// By id or name; `None` when there is none.
    pub async fn inspect(&self, id: &str) -> Result<Option<ContainerState>, EngineError> {
        let doing = format!("looking at container `{}`", short(id));
        let path = format!("/containers/{}/json", percent(id));
        match self.get_json::<Inspected>(&doing, &path).await {
            Ok(found) => Ok(Some(read_state(found))),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Containers that carry all these labels; `all` includes those that do not run.
    pub async fn containers(
        &self,
        labels: &[(&str, &str)],
        all: bool,
    ) -> Result<Vec<ListedContainer>, EngineError> {
        let path = format!(
            "/containers/json?all={all}&filters={}",
            percent(&serde_json::json!(label_filter(labels)).to_string())
        );
        let found = self
            .get_json::<Vec<Listed>>("listing containers", &path)
            .await?;
        Ok(found
            .into_iter()
            .map(|c| {
                let mut ports: Vec<PublishedPort> = c
                    .ports
                    .into_iter()
                    .flatten()
                    .filter_map(|p| {
                        Some(PublishedPort {
                            container: p.private_port?,
                            protocol: p.kind.unwrap_or_default(),
                            address: p.ip.unwrap_or_default(),
                            host: p.public_port?,
                        })
                    })
                    .collect();
                ports.sort();
                ListedContainer {
                    id: c.id.unwrap_or_default(),
                    name: bare_name(c.names.unwrap_or_default().into_iter().next()),
                    image: c.image.unwrap_or_default(),
                    labels: c.labels.unwrap_or_default(),
                    state: status(c.state),
                    status: c.status.unwrap_or_default(),
                    ports,
                    created: c.created.unwrap_or(0),
                }
            })
            .collect())
    }
}

/// Ids are long; twelve characters name them in every other tool.
pub(super) fn short(id: &str) -> &str {
    if id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        &id[..12]
    } else {
        id
    }
}

fn bare_name(name: Option<String>) -> String {
    name.unwrap_or_default().trim_start_matches('/').to_string()
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
        let fixed = self.ipv4.is_some() || self.ipv6.is_some();
        EndpointSettings {
            ipam_config: fixed.then(|| EndpointIpamConfig {
                ipv4_address: self.ipv4.clone(),
                ipv6_address: self.ipv6.clone(),
                ..Default::default()
            }),
            links: filled(&self.links),
            aliases: filled(&self.aliases),
            ..Default::default()
        }
    }
}

fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    let (network_mode, endpoints) = match &spec.network {
        NetworkMode::Bridge => (None, None),
        NetworkMode::None => (Some("none".to_string()), None),
        NetworkMode::Host => (Some("host".to_string()), None),
        NetworkMode::Container(id) => (Some(format!("container:{id}")), None),
        NetworkMode::Network {
            name,
            aliases,
            ipv4,
            links,
        } => {
            let endpoint = Endpoint {
                aliases: aliases.clone(),
                ipv4: ipv4.clone(),
                ipv6: None,
                links: links.clone(),
            };
            (
                Some(name.clone()),
                Some(HashMap::from([(name.clone(), endpoint.settings())])),
            )
        }
    };
    let key = |port: u16, protocol: &str| {
        format!("{port}/{}", if protocol.is_empty() { "tcp" } else { protocol })
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
                host_port: Some(port.host_port.map(|p| p.to_string()).unwrap_or_default()),
            });
        if !exposed.contains(&key) {
            exposed.push(key);
        }
    }
    let log_config = spec.log_max_bytes.map(|bytes| HostConfigLogConfig {
        typ: Some("json-file".to_string()),
        config: Some(HashMap::from([
            ("max-size".to_string(), bytes.to_string()),
            ("max-file".to_string(), "2".to_string()),
        ])),
    });
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
        mounts: filled(&spec.mounts).map(|all| all.iter().map(mount).collect()),
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
fn mount(spec: &MountSpec) -> Mount {
    match spec {
        MountSpec::Bind {
            source,
            target,
            read_only,
            propagation,
        } => Mount {
            typ: Some(MountType::BIND),
            source: Some(source.clone()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            bind_options: propagation
                .as_ref()
                .and_then(|p| p.parse().ok())
                .map(|p| MountBindOptions {
                    propagation: Some(p),
                    ..Default::default()
                }),
            ..Default::default()
        },
        MountSpec::Volume {
            name,
            target,
            read_only,
            no_copy,
            labels,
        } => Mount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            target: Some(target.clone()),
            read_only: Some(*read_only),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(*no_copy),
                labels: map(labels),
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
    }
}

impl Health {
    fn to_engine(&self) -> HealthConfig {
        let nanos = |d: Duration| {
            (!d.is_zero()).then(|| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
        };
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

fn read_ports(ports: PortMap) -> Vec<PublishedPort> {
    let mut all: Vec<PublishedPort> = ports
        .into_iter()
        .filter_map(|(key, bindings)| Some((read_port(&key)?, bindings?)))
        .flat_map(|((container, protocol), bindings)| {
            bindings.into_iter().filter_map(move |b| {
                Some(PublishedPort {
                    container,
                    protocol: protocol.clone(),
                    address: b.host_ip.unwrap_or_default(),
                    host: b.host_port?.parse().ok()?,
                })
            })
        })
        .collect();
    all.sort();
    all
}

/// What is read of a container. Bollard's own types refuse a whole answer for one word they do not
/// know (Podman has states of its own), so these take any text and miss nothing but what is absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Inspected {
    id: Option<String>,
    name: Option<String>,
    image: Option<String>,
    restart_count: Option<i64>,
    state: InspectedState,
    config: InspectedConfig,
    host_config: InspectedHost,
    network_settings: InspectedNetworks,
    mounts: Option<Vec<InspectedMount>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedState {
    status: Option<String>,
    running: Option<bool>,
    #[serde(rename = "OOMKilled")]
    oom_killed: Option<bool>,
    pid: Option<i64>,
    exit_code: Option<i64>,
    error: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    health: Option<InspectedHealth>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedHealth {
    status: Option<String>,
    failing_streak: Option<i64>,
    log: Option<Vec<InspectedProbe>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedProbe {
    exit_code: Option<i64>,
    output: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedConfig {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<String>>,
    hostname: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedHost {
    network_mode: Option<String>,
    memory: Option<i64>,
    log_config: Option<InspectedLog>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedLog {
    #[serde(rename = "Type")]
    kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedNetworks {
    networks: Option<BTreeMap<String, InspectedEndpoint>>,
    ports: Option<PortMap>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedEndpoint {
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedMount {
    #[serde(rename = "Type")]
    kind: Option<String>,
    name: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    #[serde(rename = "RW")]
    writable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Listed {
    id: Option<String>,
    names: Option<Vec<String>>,
    image: Option<String>,
    created: Option<i64>,
    ports: Option<Vec<ListedPort>>,
    labels: Option<BTreeMap<String, String>>,
    state: Option<String>,
    status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ListedPort {
    #[serde(rename = "IP")]
    ip: Option<String>,
    private_port: Option<u16>,
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    kind: Option<String>,
}

/// Docker's word for a state that Podman names otherwise.
fn status(text: Option<String>) -> String {
    match text.as_deref() {
        Some("stopped") => "exited".to_string(),
        Some("configured" | "initialized") => "created".to_string(),
        _ => text.unwrap_or_default(),
    }
}

fn read_state(found: Inspected) -> ContainerState {
    let (state, config, host) = (found.state, found.config, found.host_config);
    // The engine writes the year 1 for "never".
    let time = |t: Option<String>| t.filter(|t| !t.is_empty() && !t.starts_with("0001-"));
    let health = state.health.and_then(|h| {
        let status = h.status.unwrap_or_default();
        let last = h.log.unwrap_or_default().into_iter().next_back();
        (!status.is_empty() && status != "none").then(|| HealthState {
            status,
            failing_streak: h.failing_streak.unwrap_or(0),
            last_exit_code: last.as_ref().and_then(|l| l.exit_code),
            last_output: last.and_then(|l| l.output).unwrap_or_default(),
        })
    });
    ContainerState {
        id: found.id.unwrap_or_default(),
        name: bare_name(found.name),
        image_id: found.image.unwrap_or_default(),
        image: config.image.unwrap_or_default(),
        status: status(state.status),
        running: state.running.unwrap_or(false),
        exit_code: state.exit_code.unwrap_or(0),
        oom_killed: state.oom_killed.unwrap_or(false),
        error: state.error.unwrap_or_default(),
        started_at: time(state.started_at),
        finished_at: time(state.finished_at),
        health,
        ip_addresses: found
            .network_settings
            .networks
            .into_iter()
            .flatten()
            .filter_map(|(name, e)| Some((name, e.ip_address.filter(|a| !a.is_empty())?)))
            .collect(),
        ports: read_ports(found.network_settings.ports.unwrap_or_default()),
        labels: config.labels.unwrap_or_default(),
        env: config.env.unwrap_or_default(),
        restart_count: found.restart_count.unwrap_or(0),
        pid: state.pid.unwrap_or(0),
        mounts: found
            .mounts
            .into_iter()
            .flatten()
            .map(|m| MountedAt {
                kind: m.kind.unwrap_or_default(),
                name: m.name.filter(|n| !n.is_empty()),
                source: m.source.unwrap_or_default(),
                target: m.destination.unwrap_or_default(),
                read_only: m.writable == Some(false),
            })
            .collect(),
        network_mode: host.network_mode.unwrap_or_default(),
        hostname: config.hostname.unwrap_or_default(),
        memory: host.memory.unwrap_or(0),
        log_driver: host.log_config.and_then(|l| l.kind).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(body.exposed_ports, Some(vec!["53/udp".into(), "80/tcp".into()]));
        let bindings = body.host_config.and_then(|h| h.port_bindings).unwrap_or_default();
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
    fn restart_policies_and_short_ids() {
        let p = restart_policy("on-failure:3");
        assert_eq!(p.name, Some(RestartPolicyNameEnum::ON_FAILURE));
        assert_eq!(p.maximum_retry_count, Some(3));
        assert_eq!(short(&"a".repeat(64)).len(), 12);
        assert_eq!(short("my-container-with-a-long-name"), "my-container-with-a-long-name");
    }

    #[test]
    fn answers_with_unknown_words_and_nothing_are_read() {
        let text = r#"{"Id":"ab","Name":"/x","State":{"Status":"stopped","Running":false,"New":{}},
            "Config":{"Labels":null,"Env":null},"HostConfig":{"CgroupnsMode":"novel"},
            "NetworkSettings":{"Networks":null,"Ports":{"80/tcp":null}},"Mounts":null}"#;
        let state = read_state(serde_json::from_str(text).unwrap_or_default());
        assert_eq!((state.name.as_str(), state.status.as_str()), ("x", "exited"));
        assert!(state.ports.is_empty() && state.health.is_none());
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
