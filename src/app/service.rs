//! One service of the application.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    At, Build, DevSettings, EnvVar, External, FileMount, HealthCheck, Mount, Place, Port,
    ProdOverrides, Settings, WatchRule,
};

/// A service: the Compose keys that the two runs use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Key in `services`.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    /// `image`.
    pub image: Option<At<String>>,
    /// `build`.
    pub build: Option<Build>,
    /// `command`, split into words; none leaves the image's.
    pub command: Option<At<Vec<String>>>,
    /// `entrypoint`, split into words; an empty list clears the image's.
    pub entrypoint: Option<At<Vec<String>>>,
    /// Variables of `env_file` and `environment`, merged, one per name.
    pub environment: Vec<EnvVar>,
    /// Variables named without a value that have none: the shell does not have them either, or it is
    /// production, which has no shell.
    pub unset_environment: Vec<At<String>>,
    /// `ports`.
    pub ports: Vec<Port>,
    /// `expose`, container ports.
    pub expose: Vec<At<u16>>,
    /// `volumes` and `tmpfs`.
    pub volumes: Vec<Mount>,
    /// `depends_on`.
    pub depends_on: Vec<Dependency>,
    /// `healthcheck`.
    pub healthcheck: Option<HealthCheck>,
    /// `networks`; the project's default network when none is named.
    pub networks: Vec<NetworkAttachment>,
    /// `network_mode`.
    pub network_mode: Option<At<NetworkMode>>,
    /// `working_dir`.
    pub working_dir: Option<String>,
    /// `user`.
    pub user: Option<String>,
    /// `profiles`.
    pub profiles: Vec<String>,
    /// `container_name`.
    pub container_name: Option<At<String>>,
    /// `hostname`.
    pub hostname: Option<At<String>>,
    /// `labels`.
    pub labels: IndexMap<String, String>,
    /// Where the values of `labels` stand.
    #[serde(default)]
    pub label_places: IndexMap<String, Place>,
    /// `extra_hosts`, as `host:ip`.
    pub extra_hosts: Vec<At<String>>,
    /// `links`: the service, and the name it is reached by.
    #[serde(default)]
    pub links: Vec<Link>,
    /// `dns`.
    pub dns: Vec<String>,
    /// `restart`, as written.
    pub restart: Option<At<String>>,
    /// `stop_signal`.
    pub stop_signal: Option<String>,
    /// `stop_grace_period`; Docker's default is 10 s, ECS's 30 s.
    pub stop_grace_period: Option<Duration>,
    /// `init`.
    pub init: bool,
    /// `tty`.
    pub tty: bool,
    /// `stdin_open`.
    pub stdin_open: bool,
    /// `read_only`.
    pub read_only: bool,
    /// `privileged`.
    pub privileged: bool,
    /// `cap_add`.
    pub cap_add: Vec<String>,
    /// `cap_drop`.
    pub cap_drop: Vec<String>,
    /// `security_opt`.
    pub security_opt: Vec<String>,
    /// `group_add`.
    pub group_add: Vec<String>,
    /// `sysctls`.
    pub sysctls: IndexMap<String, String>,
    /// `ulimits`: name, soft, hard.
    pub ulimits: Vec<Ulimit>,
    /// `shm_size` in bytes.
    pub shm_size: Option<i64>,
    /// `mem_limit` or `deploy.resources.limits.memory` in bytes.
    pub memory: Option<i64>,
    /// `platform`.
    pub platform: Option<String>,
    /// `pull_policy`.
    pub pull_policy: Option<String>,
    /// `develop.watch`.
    pub watch: Vec<WatchRule>,
    /// Env files; their variables are in [`Self::environment`].
    pub env_files: Vec<At<PathBuf>>,
    /// Those that have to be there and are not; only a check of the files alone goes on without them.
    #[serde(default)]
    pub missing_env_files: Vec<At<PathBuf>>,
    /// Configs and secrets, as files.
    pub files: Vec<FileMount>,
    /// Run in a container of their own before the service starts.
    pub pre_start: Vec<Hook>,
    /// Run in the container once it has started.
    pub post_start: Vec<Hook>,
    /// Run in the container before it is stopped.
    pub pre_stop: Vec<Hook>,
    /// All other keys.
    pub settings: Settings,
    /// Where each key is written.
    pub keys: IndexMap<String, Place>,
    /// Where the value of each key is written: of a list each item, of a mapping each value. Those
    /// of a health check are there under `healthcheck.interval` and so on, too.
    #[serde(default)]
    pub values: IndexMap<String, Vec<Place>>,
    /// Which of several containers of one service this is, where it is not the first.
    pub replica: Option<Replica>,
    /// `x-envsim.essential`, as written.
    pub essential: Option<At<bool>>,
    /// `x-envsim.task`, as written; [`super::App::task_name`] knows the default.
    pub task: Option<At<String>>,
    /// `x-envsim.cpu`: CPU units of the container in production.
    pub task_cpu: Option<At<u32>>,
    /// `x-envsim.memory`: hard limit of the container in production, in MiB.
    pub task_memory: Option<At<u32>>,
    /// `x-envsim.external`.
    pub external: Option<External>,
    /// `x-envsim.prod`.
    pub prod: ProdOverrides,
    /// `x-envsim.dev`.
    #[serde(default)]
    pub dev: DevSettings,
}

/// A further container of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The service.
    pub of: String,
    /// From 2: the first is the service itself.
    pub number: u32,
}

/// One entry of `links`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The service that is reached.
    pub service: String,
    /// The name it is reached by, beside its own.
    pub alias: At<String>,
}

/// One entry of `depends_on`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The service depended on.
    pub service: At<String>,
    /// When it counts as there.
    pub condition: Condition,
    /// False when the app may start without it.
    pub required: bool,
    /// Restart this service when that one was restarted by envsim.
    pub restart: bool,
}

/// Condition of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// `service_started`; ECS: START.
    #[serde(rename = "service_started")]
    Started,
    /// `service_healthy`; ECS: HEALTHY.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// `service_completed_successfully`; ECS: SUCCESS.
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

/// `network_mode` of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// The default bridge of the engine.
    Bridge,
    /// The host's own network.
    Host,
    /// No network.
    None,
    /// The namespace of another service.
    Service(String),
    /// A container's, by name or id.
    Container(String),
}

/// One network of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAttachment {
    /// Key in the top-level `networks`; `default` for the project's own.
    pub name: At<String>,
    /// Further names on it.
    pub aliases: Vec<String>,
    /// Fixed IPv4 address.
    pub ipv4_address: Option<String>,
    /// A fixed IPv6 address.
    pub ipv6_address: Option<String>,
    /// Further addresses.
    pub link_local_ips: Vec<String>,
    /// A fixed hardware address.
    pub mac_address: Option<String>,
    /// Options of the network's driver.
    pub driver_opts: IndexMap<String, String>,
    /// The highest is connected first.
    pub priority: i64,
    /// The highest is the default gateway.
    pub gateway_priority: i64,
    /// Name of the interface in the container.
    pub interface_name: Option<String>,
}

/// A limit of the kernel on a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`.
    pub name: String,
    /// What holds; -1 for no limit.
    pub soft: i64,
    /// What it can be raised to; -1 for no limit.
    pub hard: i64,
}

/// A command that runs beside the service's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The command.
    pub command: Option<At<Vec<String>>>,
    /// The image, for a container of its own; the service's by default.
    pub image: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The directory.
    pub working_dir: Option<String>,
    /// Whether it has extended rights.
    pub privileged: bool,
    /// Once per container instead of once per service.
    pub per_replica: bool,
    /// Further variables.
    pub environment: Vec<EnvVar>,
}
