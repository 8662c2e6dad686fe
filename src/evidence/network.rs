//! DNS questions and listening sockets.

use serde::{Deserialize, Serialize};

/// A DNS question of the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Name asked for, without the search domain.
    pub name: String,
    /// `A`, `AAAA`, …
    pub record: String,
    /// The service that asked, when it can be told.
    pub asker: Option<String>,
    /// How it ended.
    pub outcome: LookupOutcome,
    /// How often it was asked.
    pub count: u64,
    /// When it was asked first: milliseconds after the start of the asker's container, or of the first
    /// container of the task when the asker is not known.
    #[serde(default)]
    pub first_ms: Option<u64>,
}

/// How a DNS question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookupOutcome {
    /// NXDOMAIN, because ECS knows no such name.
    Denied,
    /// NXDOMAIN by the upstream resolver.
    NotFound,
    /// An answer.
    Answered,
    /// No resolver answered.
    Failed,
}

/// A listening TCP socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Service.
    pub service: String,
    /// Address it is bound to.
    pub address: String,
    /// Port.
    pub port: u16,
}
