//! Ports that the files of a service say it listens on.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// What the files of one service tell of its ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsSeen {
    /// Service.
    pub service: String,
    /// TCP ports that it listens on, as far as files tell.
    pub claims: Vec<PortClaim>,
    /// The program that it runs and that listens on nothing: `celery`.
    pub idle: Option<String>,
}

/// A reason to hold that a service listens on a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortClaim {
    /// The port.
    pub port: u16,
    /// What kind of reason it is.
    pub how: PortSource,
    /// What stands there, in a fragment: `nginx listens on 80 by default`.
    pub what: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// The line, without secrets; empty when it is not at hand.
    pub text: String,
}

/// Where a claim comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortSource {
    /// The command says it, or starts a server whose default it is.
    Command,
    /// A configuration file of the server.
    Configuration,
    /// The default of the server in a well-known image.
    Stock,
    /// A variable for the port.
    Variable,
    /// A call in the source.
    Source,
    /// The health check asks the container itself there.
    HealthCheck,
    /// A label tells a proxy to send requests there.
    ProxyLabel,
}
