//! Dockerfiles, as far as they are in the image of a service.

use serde::{Deserialize, Serialize};

use crate::app::{At, Place};

/// The Dockerfile that a service's image is built from, resolved for its target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerfileSeen {
    /// Service.
    pub service: String,
    /// Name of the Dockerfile: relative to the project when inside it.
    pub path: String,
    /// The `FROM` lines of the stages that the target needs, in the order of the file.
    pub froms: Vec<FromSeen>,
    /// `EXPOSE` of the image's own stages, one record per port.
    pub exposes: Vec<ExposeSeen>,
    /// The `ENTRYPOINT` that counts.
    pub entrypoint: Option<InstructionSeen>,
    /// The `CMD` that counts.
    pub cmd: Option<InstructionSeen>,
    /// `ENV` and `ARG` of the image's own stages, in their order.
    pub variables: Vec<VariableSeen>,
    /// The command of the `HEALTHCHECK` that counts; empty for `NONE`.
    pub healthcheck: Option<At<String>>,
    /// The `USER` that counts.
    pub user: Option<At<String>>,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<At<String>>,
    /// The `SHELL` that shell forms run through at the end of the image's stages; none for the usual
    /// `/bin/sh -c`.
    pub shell: Option<Vec<String>>,
}

/// A `FROM` line of a stage that is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromSeen {
    /// The image after expansion; none for another stage and for `scratch`.
    pub image: Option<String>,
    /// Its `--platform` as written.
    pub platform: Option<String>,
    /// True when the image itself stands on it: its target stage or one below.
    pub in_image: bool,
    /// Where it stands.
    pub place: Place,
    /// The line.
    pub text: String,
}

/// A port of an `EXPOSE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposeSeen {
    /// Port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Where it stands.
    pub place: Place,
    /// The line.
    pub text: String,
}

/// A `CMD` or `ENTRYPOINT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstructionSeen {
    /// The words; of the shell form one, the text for the shell. Without secrets.
    pub words: Vec<String>,
    /// Written as a text for a shell.
    pub shell_form: bool,
    /// Where it stands.
    pub place: Place,
    /// Its first line, without secrets.
    pub text: String,
}

/// A variable of an `ENV` or `ARG`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableSeen {
    /// Its name.
    pub name: String,
    /// `ENV` or `ARG`.
    pub instruction: String,
    /// Its value, without secrets.
    pub value: String,
    /// The value stands in a file of the project, or is given to the build: it is in the image's history.
    pub literal: bool,
    /// Where it gets its value.
    pub place: Place,
}
