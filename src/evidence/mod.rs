//! What was seen, as plain serialisable records: the only thing that rules may look at.

mod container;
mod env_file;
mod file;
mod image;
mod network;
mod probe;

use serde::{Deserialize, Serialize};

use crate::app::App;

pub use container::{ContainerEnd, ContainerSeen, StandInSeen, TaskSeen};
pub use env_file::EnvFileLine;
pub use file::{HostInFile, MissingFile, MountSeen};
pub use image::{ImageOrigin, ImageSeen};
pub use network::{Listener, Lookup, LookupOutcome};
pub use probe::{Attempt, ProbeSeen};

/// Everything that one `prod-check` saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The app as the dev run resolves it.
    pub dev: App,
    /// The app as production resolves it.
    pub prod: App,
    /// The image of each service of the task.
    pub images: Vec<ImageSeen>,
    /// Service names used as hosts in files that are in an image.
    pub hosts_in_files: Vec<HostInFile>,
    /// The bind mounts of the dev run and what the images have in their place.
    pub mounts: Vec<MountSeen>,
    /// Lines of env files that ECS reads otherwise.
    pub env_file_lines: Vec<EnvFileLine>,
    /// The run as one task.
    pub task: Option<TaskSeen>,
    /// Listening sockets of each service in the dev run, where each has its own namespace.
    pub dev_listeners: Option<Vec<Listener>>,
    /// The probes in both runs.
    pub probes: Vec<ProbeSeen>,
    /// Evidence that could not be had, with the reason.
    pub missing: Vec<Missing>,
}

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The run as a task.
    Task,
    /// DNS questions of the task.
    Lookups,
    /// The dev run.
    DevRun,
    /// Files of the images.
    Files,
}

/// Evidence that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What is not there.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

impl Evidence {
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
