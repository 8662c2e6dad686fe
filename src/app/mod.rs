//! What the user's application is: plain typed values, read from Compose files.
//!
//! Everything here is a value with the place it was written at. Only [`load`] opens files;
//! [`read`] turns text into values and [`merge`] several files into one.

mod build;
mod develop;
mod env;
mod file;
mod health;
pub mod load;
mod port;
pub mod read;
mod service;
mod settings;
pub mod signal;
mod task;
#[cfg(test)]
pub mod testing;
mod volume;
mod watch;

use std::collections::HashSet;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use crate::compose::{At, Level, Place, Problem, Problems, nearest};
pub use build::{Build, BuildSecret};
pub use develop::DevSettings;
pub use env::{EnvFrom, EnvVar};
pub use file::{FileKind, FileMount, FileSource, Hidden};
pub use health::HealthCheck;
pub use port::{Port, Protocol};
pub use service::{
    Condition, Dependency, Hook, Link, NetworkAttachment, NetworkMode, Replica, Service, Ulimit,
};
pub use settings::{
    Blkio, Deploy, Device, DeviceRequest, Logging, Resource, RestartPolicy, Settings,
    ThrottleDevice,
};
pub use task::{
    Architecture, Expect, External, Ignore, LaunchType, Probe, ProbeAction, ProdOverrides, Request,
    TaskSize, WrittenSize,
};
pub use volume::{Mount, MountKind};
pub use watch::{WatchAction, WatchRule};

/// The JSON Schema of the `x-envsim` keys: `$defs/project` and `$defs/service`.
pub const SCHEMA: &str = include_str!("x-envsim.schema.json");

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
    /// The size of each task, as written or chosen.
    pub task: TaskSize,
    /// The size as written; Fargate may not have it.
    #[serde(default)]
    pub task_written: WrittenSize,
    /// `x-envsim.launch_type`.
    pub launch_type: LaunchType,
    /// `x-envsim.architecture`, as written.
    #[serde(default)]
    pub architecture: Option<At<Architecture>>,
    /// `x-envsim.probes`, then those of the services; inferred ones when none is written.
    pub probes: Vec<Probe>,
    /// `x-envsim.ignore`.
    pub ignore: Vec<Ignore>,
    /// Services that production reaches elsewhere, once [`App::deployed`] took them out of `services`.
    pub elsewhere: IndexMap<String, External>,
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
    /// service that answers: service names, aliases, `container_name`, `hostname` and `links`.
    ///
    /// None of them resolves inside an ECS task.
    pub fn host_names(&self) -> Vec<(String, String)> {
        let mut names: IndexMap<String, String> = IndexMap::new();
        // Of several services with one name the first answers.
        let mut add = |name: &str, service: &str| {
            if !name.is_empty() {
                let known = names.entry(name.to_owned());
                known.or_insert_with(|| service.to_owned());
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
            for link in &service.links {
                add(&link.alias, &link.service);
            }
        }
        names.into_iter().collect()
    }

    /// The task that `service` belongs to in production.
    pub fn task_name<'a>(&'a self, service: &'a Service) -> &'a str {
        match &service.task {
            Some(written) => &written.value,
            None => &self.name,
        }
    }

    /// The tasks of production in the order of their first service, each with its services. What is
    /// external belongs to none.
    pub fn tasks(&self) -> IndexMap<&str, Vec<&Service>> {
        let mut tasks: IndexMap<&str, Vec<&Service>> = IndexMap::new();
        for service in self.services.values() {
            if service.external.is_none() {
                tasks
                    .entry(self.task_name(service))
                    .or_default()
                    .push(service);
            }
        }
        tasks
    }

    /// The app without what is external: that has no container in any task, and nothing waits for it.
    pub fn deployed(&self) -> Self {
        let mut app = self.clone();
        app.services.retain(|name, service| {
            if let Some(external) = &service.external {
                app.elsewhere.insert(name.clone(), external.clone());
            }
            service.external.is_none()
        });
        app.forget_dependencies();
        app
    }

    /// One task of the app: its services, their probes, and what they wait for among themselves.
    pub fn of_task(&self, task: &str) -> Self {
        self.only(|service| service.external.is_none() && self.task_name(service) == task)
    }

    /// The services that `wanted` says yes to, their probes, and what they wait for among themselves.
    pub fn only(&self, wanted: impl Fn(&Service) -> bool) -> Self {
        let mut app = self.clone();
        app.services.retain(|_, service| wanted(service));
        app.probes
            .retain(|probe| app.services.contains_key(&probe.service));
        app.forget_dependencies();
        app
    }

    /// Drops the dependencies on services that are not there.
    fn forget_dependencies(&mut self) {
        let names: HashSet<String> = self.services.keys().cloned().collect();
        for service in self.services.values_mut() {
            service
                .depends_on
                .retain(|dependency| names.contains(&dependency.service.value));
        }
    }

    /// The services that wait for `name` with `condition`.
    pub fn waiting_for<'a>(
        &'a self,
        name: &'a str,
        condition: Condition,
    ) -> impl Iterator<Item = &'a Service> {
        self.services.values().filter(move |other| {
            other.depends_on.iter().any(|dependency| {
                dependency.service.value == name && dependency.condition == condition
            })
        })
    }

    /// Whether the task ends when the container of `service` does. True by default, as on ECS; a
    /// container that others of its task wait for to complete must not be essential ("A dependency container
    /// with SUCCESS or COMPLETE condition cannot be an essential container").
    pub fn essential(&self, service: &Service) -> bool {
        match &service.essential {
            Some(written) => written.value,
            None => !self
                .waiting_for(&service.name, Condition::Completed)
                .any(|other| self.task_name(other) == self.task_name(service)),
        }
    }

    /// The place of `path` relative to the project directory when it lies inside, else as it is.
    pub fn relative(&self, path: &std::path::Path) -> String {
        path.strip_prefix(&self.directory)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}
