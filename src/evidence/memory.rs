//! Memory that containers and tasks used.

use serde::{Deserialize, Serialize};

/// Memory of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySeen {
    /// Bytes in use when the probes were through, without caches of files.
    pub used: u64,
    /// The most it ever used in bytes, caches of files included, where the kernel keeps count of it.
    pub peak: Option<u64>,
}

/// Memory of one task, as the kernel counts it for all of its containers together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMemory {
    /// The task's name.
    pub task: String,
    /// Its limit in bytes.
    pub limit: u64,
    /// The most it ever used in bytes, caches of files included, where the kernel keeps count of it.
    pub peak: Option<u64>,
    /// How often the kernel killed a process of the task because it was full; none where it keeps no count.
    pub kills: Option<u64>,
}

/// Memory of one service in the dev run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevMemory {
    /// Service.
    pub service: String,
    /// Its memory, that of all its containers together.
    pub memory: MemorySeen,
}
