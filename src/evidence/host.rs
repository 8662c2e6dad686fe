//! Hosts of Docker's networks, where the app names them.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// A host of Docker's networks in a file that is in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInFile {
    /// The services whose images hold the file.
    pub services: Vec<String>,
    /// The name as written.
    pub host: String,
    /// The service that answers to it in dev; none for a host of Docker's own.
    pub target: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// The line, without secrets.
    pub text: String,
    /// The environment variable whose default it is.
    pub variable: Option<String>,
    /// How the file comes to the image, in a fragment: `COPY on line 7 of Dockerfile`.
    pub via: String,
    /// A bind mount alone brings it: the image does not have it.
    pub mounted: bool,
}

/// A host of Docker's networks in a value that production gets from the Compose file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInValue {
    /// The services that have the value: an anchor or an env file gives it to several.
    pub services: Vec<String>,
    /// The name as written.
    pub host: String,
    /// The service that answers to it in dev; none for a host of Docker's own.
    pub target: Option<String>,
    /// Which value it is.
    pub of: ValueOf,
    /// The value in production, without secrets.
    pub value: String,
    /// Where the host stands, or where the value does when the host comes from elsewhere.
    pub place: Place,
}

/// Which value of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueOf {
    /// The variable of this name, also one from an env file.
    Variable(String),
    /// `command`.
    Command,
    /// `entrypoint`.
    Entrypoint,
    /// `healthcheck.test`.
    HealthCheck,
    /// A command of `pre_start`, `post_start` or `pre_stop`, by the name of the key.
    Hook(String),
    /// The build argument of this name.
    BuildArgument(String),
    /// The label of this name.
    Label(String),
    /// The text of the config of this name.
    Config(String),
}

impl ValueOf {
    /// What it is, in a fragment: ``the variable `DB_HOST` ``.
    pub fn describe(&self) -> String {
        match self {
            Self::Variable(name) => format!("the variable `{name}`"),
            Self::Command => "`command`".to_owned(),
            Self::Entrypoint => "`entrypoint`".to_owned(),
            Self::HealthCheck => "the health check".to_owned(),
            Self::Hook(key) => format!("a command of `{key}`"),
            Self::BuildArgument(name) => format!("the build argument `{name}`"),
            Self::Label(name) => format!("the label `{name}`"),
            Self::Config(name) => format!("the config `{name}`"),
        }
    }
}
