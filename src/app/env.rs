//! Environment variables of a container and where each came from.

use serde::{Deserialize, Serialize};

use super::Place;

/// Where the value of a variable came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvFrom {
    /// `environment` of the service.
    Environment,
    /// A file of `env_file`.
    EnvFile,
    /// `KEY` without a value: taken from the shell envsim was started in.
    Host,
    /// `x-envsim.prod.environment`: the production value.
    Production,
}

/// One variable of a service's containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Value after interpolation.
    pub value: String,
    /// What gave the value.
    pub from: EnvFrom,
    /// Where the value stands.
    pub place: Place,
}
