//! Where a program takes its container's own host name for an address or an identity.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// One such place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnName {
    /// The services it concerns.
    pub services: Vec<String>,
    /// What the name is used for.
    pub used_for: OwnNameFor,
    /// Where it stands.
    pub place: Place,
    /// The line, without secrets; empty for a place in the Compose file.
    pub text: String,
    /// How it comes into the container, in a sentence.
    pub via: String,
}

/// What a host name is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnNameFor {
    /// The address of a server's socket.
    Listening,
    /// The same, by the server that Next.js writes for `output: "standalone"`.
    NextServer,
    /// An id of a node, worker, consumer or the like.
    Identity,
}
