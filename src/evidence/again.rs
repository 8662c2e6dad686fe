//! What was seen when the tasks were started once more, and what the first ones had written.

use serde::{Deserialize, Serialize};

use super::{Attempt, ContainerSeen};
use crate::app::Place;

/// The tasks were stopped and others started in their place, as ECS does in every deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replacement {
    /// Ids and addresses of the tasks before.
    pub before: Vec<TaskName>,
    /// Those of the tasks after.
    pub after: Vec<TaskName>,
    /// The probes that only read, with their answers in both.
    pub probes: Vec<AnsweredAgain>,
}

/// Which task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskName {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its address.
    pub address: String,
}

/// A probe that was repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnsweredAgain {
    /// Its name.
    pub name: String,
    /// The service asked.
    pub service: String,
    /// What was done, in a fragment.
    pub action: String,
    /// Where it is written.
    pub place: Place,
    /// The last attempt in the first task.
    pub before: Attempt,
    /// The last attempt in the task after it.
    pub after: Attempt,
}

/// A path that a container of the task wrote outside of all volumes: it is gone with the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenPath {
    /// Service.
    pub service: String,
    /// Path in the container.
    pub path: String,
    /// It looks like what an app wants to find again: a database file, an upload, a session.
    pub data: bool,
}

/// The tasks with one container started later than the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedStart {
    /// The service that was held back.
    pub dependency: String,
    /// For how many seconds.
    pub seconds: u64,
    /// The services that were held to need it at their start.
    pub dependents: Vec<Dependent>,
    /// How the containers ended.
    pub containers: Vec<ContainerSeen>,
}

/// A service that seems to need another one and does not wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// The service.
    pub service: String,
    /// What shows that it needs the other, in a sentence.
    pub because: String,
    /// Where that stands.
    pub place: Option<Place>,
}
