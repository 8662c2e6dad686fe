//! What a service mounts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Place;

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum MountKind {
    /// A path of the developer's machine.
    Bind {
        /// Absolute path on the host.
        source: PathBuf,
        /// Whether a missing source is created as a directory (Compose's short syntax does).
        create: bool,
    },
    /// A named volume: the key in the top-level `volumes`.
    Volume {
        /// Key of the volume.
        source: String,
    },
    /// A volume without a name, as fresh as the container.
    Anonymous,
    /// Memory.
    Tmpfs {
        /// Size limit in bytes.
        size: Option<i64>,
        /// Permission bits.
        mode: Option<u32>,
        /// All options as the short form of `tmpfs` has them: `size=64m,uid=1000`.
        options: Option<String>,
    },
}

/// One entry of a service's `volumes` or `tmpfs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// Absolute path in the container.
    pub target: String,
    /// True for `:ro`.
    pub read_only: bool,
    /// True when a new named volume is not filled from the image (`volume.nocopy`).
    pub no_copy: bool,
    /// Path inside of the volume that is mounted.
    pub subpath: Option<String>,
    /// How mounts made later spread: `rshared` and others.
    pub propagation: Option<String>,
    /// SELinux label of a bind mount's files: `z`, shared, or `Z`, for this container alone.
    pub selinux: Option<String>,
    /// Mounts below a bind mount's source: `enabled`, `disabled`, `writable` or `readonly`.
    pub recursive: Option<String>,
    /// Where it stands.
    pub place: Place,
}
