//! Images of the production run.

use serde::{Deserialize, Serialize};

/// The image that a service's container was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSeen {
    /// Service.
    pub service: String,
    /// Name in the engine.
    pub reference: String,
    /// `sha256:…`.
    pub id: String,
    /// How it came to be.
    pub origin: ImageOrigin,
    /// TCP ports of EXPOSE, also inherited ones.
    pub exposed: Vec<u16>,
    /// Paths of VOLUME.
    pub volumes: Vec<String>,
    /// Whether it has a HEALTHCHECK, which ECS ignores.
    pub has_healthcheck: bool,
}

/// How an image came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageOrigin {
    /// Built from the project's Dockerfile.
    Built,
    /// Built from a Dockerfile that envsim generated, because the code comes by a bind mount.
    Generated,
    /// Taken as it is.
    Stock,
}
