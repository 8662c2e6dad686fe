//! What was seen, as plain serialisable records: the only thing that rules may look at.

mod again;
mod change;
mod command;
mod container;
mod dockerfile;
mod env_file;
mod environment;
mod fix;
mod host;
mod host_mount;
mod image;
mod lines;
mod memory;
mod missed;
mod mount;
mod network;
mod own_name;
mod ports;
mod probe;
mod secret;
mod secrets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::app::App;

pub use again::{AnsweredAgain, DelayedStart, Dependent, Replacement, TaskName, WrittenPath};
pub use change::{Change, ChangeKind};
pub use command::{CommandOrigin, CommandSeen, Process, Script, ScriptKind, SourceLine};
pub use container::{ContainerEnd, ContainerSeen, HealthAttempt, StandInSeen, StopSeen, TaskSeen};
pub use dockerfile::{DockerfileSeen, ExposeSeen, FromSeen, InstructionSeen, VariableSeen};
pub use env_file::EnvFileLine;
pub use environment::{EnvironmentSeen, Side, VariableFrom};
pub use fix::Fix;
pub use host::{HostInFile, HostInValue, ValueOf};
pub use host_mount::HostMount;
pub use image::{ImageOrigin, ImageSeen};
pub use lines::Lines;
pub use memory::{DevMemory, MemorySeen, TaskMemory};
pub use missed::MissedFile;
pub use mount::{Cause, DifferingFile, FileFacts, HiddenPath, MissingFile, MountSeen, Via};
pub use network::{Family, KnownBy, Listener, Lookup, LookupOutcome};
pub use own_name::{OwnName, OwnNameFor};
pub use ports::{PortClaim, PortSource, PortsSeen};
pub use probe::{Attempt, ProbeSeen};
pub use secret::{Carrier, SecretSeen};
pub use secrets::Secrets;

/// Everything that one `prod-check` saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The app as the dev run resolves it.
    pub dev: App,
    /// The app as production resolves it.
    pub prod: App,
    /// The image of each service of the task.
    pub images: Vec<ImageSeen>,
    /// The Dockerfile of each service that has a build.
    #[serde(default)]
    pub dockerfiles: Vec<DockerfileSeen>,
    /// What each service runs, where it is known.
    #[serde(default)]
    pub commands: Vec<CommandSeen>,
    /// Secrets in the images that the project builds.
    #[serde(default)]
    pub secrets: Vec<SecretSeen>,
    /// The architecture that the engine runs by itself: `amd64`, `arm64`; empty without an engine.
    #[serde(default)]
    pub engine_architecture: String,
    /// Service names used as hosts in files that are in an image.
    pub hosts_in_files: Vec<HostInFile>,
    /// Service names used as hosts in values that production gets from the Compose file.
    #[serde(default)]
    pub hosts_in_values: Vec<HostInValue>,
    /// Where programs take their container's own host name for an address or an identity.
    #[serde(default)]
    pub own_names: Vec<OwnName>,
    /// The bind mounts of the dev run and what the images have in their place.
    pub mounts: Vec<MountSeen>,
    /// Bind mounts of paths that belong to the host.
    #[serde(default)]
    pub host_mounts: Vec<HostMount>,
    /// Ports that the files of each service say it listens on.
    #[serde(default)]
    pub ports: Vec<PortsSeen>,
    /// Lines of env files that ECS reads otherwise.
    pub env_file_lines: Vec<EnvFileLine>,
    /// The variables of each service in both runs.
    #[serde(default)]
    pub environment: Vec<EnvironmentSeen>,
    /// The run as one task.
    pub task: Option<TaskSeen>,
    /// Listening sockets of each service in the dev run, where each has its own namespace.
    pub dev_listeners: Option<Vec<Listener>>,
    /// Listening sockets of the task, when the app was up; the containers of a task share a namespace.
    #[serde(default)]
    pub task_listeners: Option<Vec<Listener>>,
    /// Files that the task looked for in vain and dev has.
    #[serde(default)]
    pub missed_files: Vec<MissedFile>,
    /// What the containers of the task wrote outside of all volumes.
    #[serde(default)]
    pub written: Vec<WrittenPath>,
    /// The tasks once more in place of the first ones; none without `--replace`.
    #[serde(default)]
    pub replacement: Option<Replacement>,
    /// The tasks with single containers held back; none without `--start-order`.
    #[serde(default)]
    pub delayed_starts: Vec<DelayedStart>,
    /// Memory of each service in the dev run.
    #[serde(default)]
    pub dev_memory: Vec<DevMemory>,
    /// The probes in both runs.
    pub probes: Vec<ProbeSeen>,
    /// What ECS makes of the keys of the Compose file.
    pub changes: Vec<Change>,
    /// Managed services of production, and what stood in for them.
    pub stand_ins: Vec<StandInSeen>,
    /// How the app was run, in sentences for people.
    pub notes: Vec<String>,
    /// Evidence that could not be had, with the reason.
    pub missing: Vec<Missing>,
    /// The lines that findings point at, with their neighbours.
    #[serde(default)]
    pub lines: Lines,
    /// Repairs that are known, by the fingerprint of the finding.
    #[serde(default)]
    pub fixes: BTreeMap<String, Fix>,
    /// The project directory below the top of its repository: `apps/shop/`; empty at the top, and
    /// where there is none.
    #[serde(default)]
    pub repository_folder: String,
}

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The run as a task.
    Task,
    /// DNS questions of the task.
    Lookups,
    /// Listening sockets of the task.
    Listeners,
    /// The dev run.
    DevRun,
    /// The tasks with single containers held back.
    StartOrder,
    /// Files of the images.
    Files,
    /// The env files of the services.
    EnvFiles,
    /// The images themselves.
    Images,
    /// The layers of the images that the project builds.
    Layers,
}

/// Evidence that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What is not there.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

impl Kind {
    /// What only a run can show.
    pub const OF_A_RUN: &[Self] = &[
        Self::Task,
        Self::Lookups,
        Self::Listeners,
        Self::StartOrder,
        Self::DevRun,
        Self::Images,
        Self::Layers,
    ];
}

impl Evidence {
    /// What the Compose files alone tell of an app; all else is still to be seen.
    pub fn new(dev: App, prod: App) -> Self {
        Self {
            dev,
            prod,
            images: Vec::new(),
            dockerfiles: Vec::new(),
            commands: Vec::new(),
            secrets: Vec::new(),
            engine_architecture: String::new(),
            hosts_in_files: Vec::new(),
            hosts_in_values: Vec::new(),
            own_names: Vec::new(),
            mounts: Vec::new(),
            host_mounts: Vec::new(),
            ports: Vec::new(),
            env_file_lines: Vec::new(),
            environment: Vec::new(),
            task: None,
            dev_listeners: None,
            task_listeners: None,
            missed_files: Vec::new(),
            written: Vec::new(),
            replacement: None,
            delayed_starts: Vec::new(),
            dev_memory: Vec::new(),
            probes: Vec::new(),
            changes: Vec::new(),
            stand_ins: Vec::new(),
            notes: Vec::new(),
            missing: Vec::new(),
            lines: Lines::default(),
            fixes: BTreeMap::new(),
            repository_folder: String::new(),
        }
    }

    /// Notes that `kind`, or a part of it, could not be had; several reasons become one.
    pub fn lacks(&mut self, kind: Kind, reason: impl Into<String>) {
        let reason = reason.into();
        match self.missing.iter_mut().find(|missing| missing.kind == kind) {
            Some(missing) => {
                missing.reason.push_str("; ");
                missing.reason.push_str(&reason);
            }
            None => self.missing.push(Missing { kind, reason }),
        }
    }

    /// Why `kind` is not there; none when it is.
    pub fn why_missing(&self, kind: Kind) -> Option<&str> {
        let missing = self.missing.iter().find(|missing| missing.kind == kind);
        missing.map(|missing| &*missing.reason)
    }

    /// The image of `service`.
    pub fn image(&self, service: &str) -> Option<&ImageSeen> {
        self.images.iter().find(|image| image.service == service)
    }
}
