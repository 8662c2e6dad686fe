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
    /// `amd64`, `arm64`, …, as the engine says it.
    #[serde(default)]
    pub architecture: String,
    /// `linux`.
    #[serde(default)]
    pub os: String,
    /// Names with the digest that a registry knows it by: `redis@sha256:…`.
    #[serde(default)]
    pub repo_digests: Vec<String>,
    /// ENTRYPOINT, without secrets.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// CMD, without secrets.
    #[serde(default)]
    pub cmd: Vec<String>,
    /// USER; empty for root.
    #[serde(default)]
    pub user: String,
    /// STOPSIGNAL; none for SIGTERM.
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// Test of the HEALTHCHECK, without secrets: `CMD-SHELL`, `curl …`.
    #[serde(default)]
    pub healthcheck: Vec<String>,
    /// Number of layers.
    #[serde(default)]
    pub layers: usize,
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
