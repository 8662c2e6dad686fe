//! Env files, as Compose and ECS read them.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// A line of a service's env file that ECS reads otherwise than Compose. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvFileLine {
    /// The services that name the file.
    pub services: Vec<String>,
    /// The variable; empty when the line has no name.
    pub name: String,
    /// What makes the difference.
    pub reason: String,
    /// The line.
    pub place: Place,
}
