//! What the user's application is: plain typed values, read from Compose files.
//!
//! Everything here is a value with the place it was written at. Only [`load`] opens files;
//! [`read`] turns text into values and [`merge`] several files into one.

mod build;
mod env;
mod file;
mod health;
pub mod load;
mod port;
pub mod read;
mod service;
mod settings;
mod task;
#[cfg(test)]
pub mod testing;
mod volume;
mod watch;

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use crate::compose::{At, Level, Place, Problem, Problems};
pub use build::{Build, BuildSecret};
pub use env::{EnvFrom, EnvVar};
pub use file::{FileKind, FileMount, FileSource, Hidden};
pub use health::HealthCheck;
pub use port::{Port, Protocol};
pub use service::{
    Condition, Dependency, Hook, NetworkAttachment, NetworkMode, Replica, Service, Ulimit,
};
pub use settings::{
    Blkio, Deploy, Device, DeviceRequest, Logging, Resource, RestartPolicy, Settings,
    ThrottleDevice,
};
pub use task::{Expect, Probe, ProbeAction, ProdOverrides, Request, TaskSize};
pub use volume::{Mount, MountKind};
pub use watch::{WatchAction, WatchRule};

/// Which of the two runs an application is resolved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As the developer runs it: `compose.override.yaml` merged, host variables passed through.
    Dev,
    /// As the cloud runs it: `compose.prod.yaml` and `x-envsim.prod` merged, no host variables.
    Prod,
}

/// One application: the resolved Compose project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    /// The Compose project name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The project directory; relative paths in the files are relative to it.
    pub directory: PathBuf,
    /// The Compose files that were merged, in order.
    pub files: Vec<PathBuf>,
    /// The services in the order of the files; inactive profiles are left out.
    pub services: IndexMap<String, Service>,
    /// Top-level networks by key.
    pub networks: IndexMap<String, Network>,
    /// Top-level volumes by key.
    pub volumes: IndexMap<String, Volume>,
    /// The Fargate size of the task, as written or chosen.
    pub task: TaskSize,
    /// `x-envsim.probes`, as written.
    pub probes: Vec<Probe>,
}

/// A top-level network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The name in the engine, when the file fixes one.
    pub name: Option<String>,
    /// True when the network exists already and is not ours to make or remove.
    pub external: bool,
    /// True for a network without a way out.
    pub internal: bool,
    /// The driver, when the file names one.
    pub driver: Option<String>,
    /// Options for the driver.
    pub driver_opts: IndexMap<String, String>,
    /// True when containers outside of the project may join.
    pub attachable: bool,
    /// Labels for the network.
    pub labels: IndexMap<String, String>,
    /// Whether containers get IPv4 addresses.
    pub enable_ipv4: Option<bool>,
    /// Whether containers get IPv6 addresses.
    pub enable_ipv6: Option<bool>,
    /// How addresses are given out.
    pub ipam: Ipam,
}

/// How a network gives out addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// The driver.
    pub driver: Option<String>,
    /// Its options.
    pub options: IndexMap<String, String>,
    /// The address ranges.
    pub config: Vec<AddressPool>,
}

/// A range of addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressPool {
    /// The whole range, `172.28.0.0/16`.
    pub subnet: Option<String>,
    /// Address of the gateway.
    pub gateway: Option<String>,
    /// The part that containers get addresses from.
    pub ip_range: Option<String>,
    /// Addresses that are taken, by host name.
    pub aux_addresses: IndexMap<String, String>,
}

/// A top-level volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The name in the engine, when the file fixes one.
    pub name: Option<String>,
    /// True when the volume exists already and is not ours to make or remove.
    pub external: bool,
    /// The driver, when the file names one.
    pub driver: Option<String>,
    /// Options for the driver.
    pub driver_opts: IndexMap<String, String>,
    /// Labels for the volume.
    pub labels: IndexMap<String, String>,
}

impl App {
    /// Every name by which a service can be reached on the Docker networks of the dev run, with the
    /// service that answers: service names, aliases, `container_name` and `hostname`.
    ///
    /// None of them resolves inside an ECS task.
    pub fn host_names(&self) -> Vec<(String, String)> {
        let mut names: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, service: &str| {
            if !name.is_empty() && !names.iter().any(|(known, _)| known == name) {
                names.push((name.to_owned(), service.to_owned()));
            }
        };
        for service in self.services.values() {
            add(&service.name, &service.name);
        }
        for service in self.services.values() {
            for name in service.container_name.iter().chain(&service.hostname) {
                add(&name.value, &service.name);
            }
            for alias in service.networks.iter().flat_map(|network| &network.aliases) {
                add(alias, &service.name);
            }
        }
        names
    }

    /// The place of `path` relative to the project directory when it lies inside, else as it is.
    pub fn relative(&self, path: &std::path::Path) -> String {
        path.strip_prefix(&self.directory)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}
