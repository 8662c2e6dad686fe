//! Bind mounts of paths that belong to the host and not to the project.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// A bind mount whose source is written as a path of the host: `/var/run/docker.sock`, `~/.aws`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostMount {
    /// Service.
    pub service: String,
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Where it is written.
    pub place: Place,
    /// Its line, without secrets.
    pub text: String,
}
