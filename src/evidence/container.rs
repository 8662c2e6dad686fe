//! Containers of the task and how they ended.

use serde::{Deserialize, Serialize};

use super::{Lookup, MemorySeen, TaskMemory};

/// The run of the whole app as its tasks; of several, the id, address and limits are the first one's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSeen {
    /// 32 hexadecimal digits, as ECS gives them.
    pub id: String,
    /// Its address on its own network.
    pub address: String,
    /// One record per service, in the order they were started.
    pub containers: Vec<ContainerSeen>,
    /// DNS questions; the last count of each.
    pub lookups: Vec<Lookup>,
    /// How the task's size was enforced, in a sentence.
    pub limits: String,
    /// The memory of each task that was limited as a whole.
    #[serde(default)]
    pub memory: Vec<TaskMemory>,
    /// The reason the task ended by itself, in ECS's words; none when envsim stopped it.
    pub stopped_reason: Option<String>,
}

/// A managed service of production, and what stood in for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandInSeen {
    /// Service.
    pub service: String,
    /// Its name in production.
    pub host: String,
    /// Its port in production, when the file names one.
    pub port: Option<u16>,
    /// What it is, in the user's words.
    pub reason: Option<String>,
    /// False when dev has no such service, so that nothing answered.
    pub ran: bool,
}

/// One container of the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSeen {
    /// Service.
    pub service: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// What became of it before envsim stopped the task.
    pub end: ContainerEnd,
    /// Its health check failed as often as it may.
    pub unhealthy: bool,
    /// What its health check answered, oldest first; the engine keeps the last few.
    #[serde(default)]
    pub health_log: Vec<HealthAttempt>,
    /// Memory that it used, as far as it was measured.
    #[serde(default)]
    pub memory: Option<MemorySeen>,
    /// Its last log lines, oldest first, without secrets.
    pub last_lines: Vec<String>,
    /// Lines from anywhere in its log that say that something is missing, oldest first, without
    /// secrets.
    #[serde(default)]
    pub complaints: Vec<String>,
    /// How it took the stop of the task; none when it had ended before.
    #[serde(default)]
    pub stop: Option<StopSeen>,
}

/// How a container took its stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopSeen {
    /// The signal it was sent: the image's STOPSIGNAL, else SIGTERM.
    pub signal: String,
    /// Time it was given, in seconds.
    pub timeout_seconds: u64,
    /// Time until it had exited.
    pub milliseconds: u64,
    /// Its exit code.
    pub exit_code: i64,
    /// It was still there when its time was up, and was killed.
    pub killed: bool,
    /// PID 1 as the process list has it, without secrets, for one that did not end soon.
    pub main_process: Option<String>,
}

/// One run of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthAttempt {
    /// Exit code; -1 when it could not be started.
    pub exit_code: i64,
    /// What it wrote, without secrets.
    pub output: String,
}

/// What became of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerEnd {
    /// It ran until envsim stopped the task.
    Running,
    /// It exited by itself.
    Exited {
        /// Exit code.
        code: i64,
        /// Killed for its memory.
        out_of_memory: bool,
    },
    /// It was never started.
    NotStarted {
        /// Why, in ECS's words.
        reason: String,
    },
}

impl TaskSeen {
    /// The container of `service`.
    pub fn container(&self, service: &str) -> Option<&ContainerSeen> {
        self.containers.iter().find(|seen| seen.service == service)
    }
}
