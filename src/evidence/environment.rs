//! Environment variables of the containers, without their values.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// One variable of a service's container in one of the runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSeen {
    /// Service.
    pub service: String,
    /// Which run.
    pub run: Side,
    /// Name.
    pub name: String,
    /// SHA-256 of the value with a salt that both runs share and nobody keeps: it only tells whether
    /// two values are the same.
    pub hash: String,
    /// Whether the value is empty.
    pub empty: bool,
    /// What gave it.
    pub from: VariableFrom,
    /// Where the value stands in the project's files.
    pub place: Option<Place>,
    /// Of a variable that only dev has: a line of a file in the image that reads it.
    pub read_in: Option<(Place, String)>,
}

/// One of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The dev run.
    Dev,
    /// The task.
    Prod,
}

/// What gave a variable its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableFrom {
    /// `environment` of the service.
    Environment,
    /// A file of `env_file`.
    EnvFile,
    /// Passed through from the developer's shell.
    Host,
    /// `x-envsim.prod.environment`.
    Production,
    /// `ENV` of the image, or the engine.
    Image,
}
