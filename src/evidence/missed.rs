//! Files that the running app missed.

use serde::{Deserialize, Serialize};

/// A path that a container of the task looked for in vain, and that dev has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedFile {
    /// Service.
    pub service: String,
    /// Absolute path in the container.
    pub path: String,
    /// The line of its log in the task, without secrets.
    pub line: String,
    /// How dev has it, in a fragment: `through the bind mount of ./data`, `in its image`.
    pub in_dev: String,
}
