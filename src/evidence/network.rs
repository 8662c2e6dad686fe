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
    /// Which connections it takes.
    pub family: Family,
    /// How the service is known.
    pub known_by: KnownBy,
}

/// The address families that a socket takes connections of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
    /// Both: an IPv6 socket for every address.
    Both,
}

/// How it is known whose socket one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// The service has the network namespace to itself.
    Namespace,
    /// A process of the service's container has it open.
    Process,
    /// Inferred: in its task, the service alone lays claim to the port.
    Port,
}

impl Listener {
    /// Whether only the containers of its own network namespace can reach it.
    pub fn is_loopback(&self) -> bool {
        let address = self.address.parse::<std::net::IpAddr>();
        address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether it is bound to no address in particular.
    pub fn is_for_every_address(&self) -> bool {
        let address = self.address.parse::<std::net::IpAddr>();
        address.is_ok_and(|address| address.is_unspecified())
    }
}
