//! Configs and secrets: files that the platform puts into containers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Place;

/// Where the content of a config or secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSource {
    /// A file of the host, absolute.
    File(PathBuf),
    /// A variable of envsim's environment or `.env`.
    Variable {
        /// Its name.
        name: String,
        /// Its value, where it has one.
        #[serde(skip)]
        value: Option<Hidden>,
    },
    /// Written in the Compose file.
    Content(String),
    /// It exists already, outside of the project.
    External,
}

/// A value that is never shown: not in a log, not in a debug form, not in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hidden")
    }
}

/// Which of the two it is; they differ in where they are mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// `configs`.
    Config,
    /// `secrets`.
    Secret,
}

/// A config or secret in one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMount {
    /// Config or secret.
    pub kind: FileKind,
    /// Its name at the top level.
    pub name: String,
    /// Where its content comes from.
    pub source: FileSource,
    /// Absolute path in the container.
    pub target: String,
    /// Owner in the container.
    pub uid: Option<u32>,
    /// Group in the container.
    pub gid: Option<u32>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Where the service names it.
    pub place: Place,
}
