//! Secrets in images. No record holds a value.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// A secret in an image that the project builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSeen {
    /// The services whose images have it.
    pub services: Vec<String>,
    /// What it is, in a fragment: "a private key".
    pub what: String,
    /// Its path in the image, or the name of the variable.
    pub name: String,
    /// The value looks like one that is used: it is no placeholder.
    pub real: bool,
    /// How it is in the image.
    pub carrier: Carrier,
    /// What brings it: the COPY, the ENV, else where the image is built.
    pub place: Option<Place>,
    /// The file of the project that it comes from, relative to the project.
    pub source: Option<String>,
}

/// How a secret is in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carrier {
    /// The Dockerfile copies it; no image was looked into.
    Copied,
    /// A layer has it.
    Layer {
        /// The instruction that made the layer, without secrets; empty when it is not known.
        instruction: String,
        /// A later layer hides it, and it is still there for whoever has the image.
        removed: bool,
    },
    /// The image's configuration or history has it: `ENV`, `ARG`.
    Variable {
        /// `ENV` or `ARG`.
        instruction: String,
    },
}
