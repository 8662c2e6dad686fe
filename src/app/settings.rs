//! What Compose says about a service beyond what the runs work with by place: one field per key,
//! named as the key. It is read out of the normal form that `envsim config` prints.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

use crate::compose::quantity;

/// Further keys of a service. Source of every meaning: Compose Specification, "Services".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// OCI annotations.
    pub annotations: IndexMap<String, String>,
    /// Whether its log is shown with the others'.
    pub attach: Option<bool>,
    /// Limits on block devices.
    pub blkio_config: Option<Blkio>,
    /// Cgroup namespace: `host` or `private`.
    pub cgroup: Option<String>,
    /// Cgroup that the container's is made in.
    pub cgroup_parent: Option<String>,
    /// Number of usable CPUs.
    pub cpu_count: i64,
    /// Usable share of the CPUs, in percent.
    pub cpu_percent: f64,
    /// Period of the CPU limit, in microseconds.
    pub cpu_period: i64,
    /// Time per period, in microseconds.
    pub cpu_quota: i64,
    /// Period of the real-time scheduler, in microseconds.
    pub cpu_rt_period: i64,
    /// Time of the real-time scheduler, in microseconds.
    pub cpu_rt_runtime: i64,
    /// Weight against other containers; 1024 is usual.
    pub cpu_shares: i64,
    /// Number of CPUs, with fractions.
    pub cpus: f64,
    /// CPUs to run on: `0-3`, `0,1`.
    pub cpuset: Option<String>,
    /// Credentials of a Windows service account.
    pub credential_spec: Option<IndexMap<String, String>>,
    /// Swarm's settings, of which replicas and resources hold everywhere.
    pub deploy: Option<Deploy>,
    /// Rules for the cgroup's devices.
    pub device_cgroup_rules: Vec<String>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Domain name.
    pub domainname: Option<String>,
    /// Containers of other projects, by name.
    pub external_links: Vec<String>,
    /// GPUs asked for.
    pub gpus: Vec<DeviceRequest>,
    /// IPC namespace.
    pub ipc: Option<String>,
    /// Isolation technique of a Windows container.
    pub isolation: Option<String>,
    /// Services reachable under a further name.
    pub links: Vec<String>,
    /// Log driver.
    pub logging: Option<Logging>,
    /// Hardware address.
    pub mac_address: Option<String>,
    /// Bytes kept for the container.
    #[serde(deserialize_with = "bytes")]
    pub mem_reservation: i64,
    /// Bytes of memory and swap together; -1 for no limit.
    #[serde(deserialize_with = "bytes")]
    pub memswap_limit: i64,
    /// Willingness to swap, 0 to 100.
    #[serde(deserialize_with = "bytes")]
    pub mem_swappiness: i64,
    /// AI models that the service uses.
    pub models: IndexMap<String, Option<ModelUse>>,
    /// Whether the kernel may kill the container when memory is short.
    pub oom_kill_disable: bool,
    /// Likelihood of being killed then, -1000 to 1000.
    pub oom_score_adj: i64,
    /// PID namespace.
    pub pid: Option<String>,
    /// Number of processes; -1 for no limit.
    pub pids_limit: i64,
    /// A program that makes the service, instead of a container.
    pub provider: Option<serde_json::Value>,
    /// OCI runtime.
    pub runtime: Option<String>,
    /// Number of containers.
    pub scale: Option<u32>,
    /// Options of the storage driver.
    pub storage_opt: IndexMap<String, String>,
    /// Whether the container may talk to the engine.
    pub use_api_socket: bool,
    /// User namespace.
    pub userns_mode: Option<String>,
    /// UTS namespace.
    pub uts: Option<String>,
    /// Services or containers whose mounts are shared.
    pub volumes_from: Vec<String>,
}

impl Settings {
    /// Containers to run: `scale`, else `deploy.replicas`, else one.
    pub fn replicas(&self) -> u32 {
        let deploy = self.deploy.as_ref();
        let replicas = deploy.and_then(|deploy| deploy.replicas);
        self.scale.or(replicas).unwrap_or(1)
    }

    /// `deploy.resources.limits`.
    pub fn limits(&self) -> Option<&Resource> {
        self.deploy.as_ref()?.resources.limits.as_ref()
    }

    /// `deploy.resources.reservations`.
    pub fn reservations(&self) -> Option<&Resource> {
        self.deploy.as_ref()?.resources.reservations.as_ref()
    }

    /// Every GPU or other device asked for, by `gpus` or by reservation.
    pub fn device_requests(&self) -> impl Iterator<Item = &DeviceRequest> {
        let reserved = self.reservations().map_or(&[][..], |all| &all.devices);
        self.gpus.iter().chain(reserved)
    }
}

/// Limits on block devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blkio {
    /// Share of the bandwidth, 10 to 1000.
    pub weight: u16,
    /// The same for single devices.
    pub weight_device: Vec<WeightDevice>,
    /// Bytes per second read.
    pub device_read_bps: Vec<ThrottleDevice>,
    /// Operations per second read.
    pub device_read_iops: Vec<ThrottleDevice>,
    /// Bytes per second written.
    pub device_write_bps: Vec<ThrottleDevice>,
    /// Operations per second written.
    pub device_write_iops: Vec<ThrottleDevice>,
}

/// A device and its share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    /// Path of the device.
    #[serde(alias = "Path")]
    pub path: String,
    /// Share, 10 to 1000.
    #[serde(alias = "Weight")]
    pub weight: u16,
}

/// A device and its rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// Path of the device.
    #[serde(alias = "Path")]
    pub path: String,
    /// Bytes or operations per second.
    #[serde(alias = "Rate", deserialize_with = "bytes")]
    pub rate: i64,
}

/// A device of the host in the container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Path on the host, or a CDI name.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Of `r`, `w` and `m`.
    pub permissions: String,
}

/// A device asked for by what it can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// What it must be able to do: `gpu`.
    pub capabilities: Vec<String>,
    /// The driver: `nvidia`.
    pub driver: Option<String>,
    /// How many; -1 for all.
    pub count: i64,
    /// Single devices.
    pub device_ids: Vec<String>,
    /// Options of the driver.
    pub options: IndexMap<String, String>,
}

/// Log driver and its options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// Name of the driver.
    pub driver: Option<String>,
    /// Its options.
    pub options: IndexMap<String, String>,
}

/// How a service learns of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelUse {
    /// Variable for the address.
    pub endpoint_var: Option<String>,
    /// Variable for the name.
    pub model_var: Option<String>,
}

/// `deploy`. Source: Compose Specification, "Deploy".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// `replicated`, `global`, or a job of either.
    pub mode: Option<String>,
    /// Number of containers.
    pub replicas: Option<u32>,
    /// `vip` or `dnsrr`.
    pub endpoint_mode: Option<String>,
    /// Labels of the service, not of its containers.
    pub labels: IndexMap<String, String>,
    /// What the container may and must have.
    pub resources: Resources,
    /// When a container is started again.
    pub restart_policy: Option<RestartPolicy>,
    /// Where containers may run.
    pub placement: Option<serde_json::Value>,
    /// How containers are replaced.
    pub update_config: Option<serde_json::Value>,
    /// How a failed replacement is undone.
    pub rollback_config: Option<serde_json::Value>,
}

impl Deploy {
    /// Whether `placement` says anything; the normal form always has it.
    pub fn is_placed(&self) -> bool {
        let placement = self.placement.as_ref().and_then(|value| value.as_object());
        placement.is_some_and(|placement| !placement.is_empty())
    }
}

/// Limits and reservations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// At most.
    pub limits: Option<Resource>,
    /// At least.
    pub reservations: Option<Resource>,
}

/// Amounts of what a host has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// CPUs, with fractions.
    pub cpus: f64,
    /// Bytes.
    #[serde(deserialize_with = "bytes")]
    pub memory: i64,
    /// Processes.
    pub pids: i64,
    /// Devices by what they can do.
    pub devices: Vec<DeviceRequest>,
    /// Resources that a cluster names itself.
    pub generic_resources: Vec<serde_json::Value>,
}

/// When a container is started again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// `none`, `on-failure` or `any`.
    pub condition: Option<String>,
    /// Pause between two tries.
    #[serde(deserialize_with = "duration")]
    pub delay: Option<Duration>,
    /// How often; none for ever.
    pub max_attempts: Option<u64>,
    /// How long it must run to count as started.
    #[serde(deserialize_with = "duration")]
    pub window: Option<Duration>,
}

/// The normal form writes bytes as text.
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = match &value {
        serde_json::Value::String(text) => quantity::bytes(text),
        other => other.as_i64(),
    };
    number.ok_or_else(|| serde::de::Error::custom(format!("{value} is not a number of bytes")))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match quantity::duration(&text) {
        Some(duration) => Ok(Some(duration)),
        None => Err(serde::de::Error::custom(format!(
            "`{text}` is not a duration"
        ))),
    }
}
