//! Published ports.

use serde::{Deserialize, Serialize};

use super::Place;

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP, the default.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// `tcp` or `udp`, as the engine writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// One published port of a service; a range is read as several of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Port in the container.
    pub target: u16,
    /// Port on the host; none means that the engine picks one.
    pub published: Option<u16>,
    /// Last port of a published range from which one is taken.
    pub published_last: Option<u16>,
    /// Address on the host as written; none means 127.0.0.1 here (Compose: all addresses).
    pub host_ip: Option<String>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// A name for people.
    pub name: Option<String>,
    /// What is spoken there: `http`.
    pub app_protocol: Option<String>,
    /// Where it stands.
    pub place: Place,
}
