//! `develop.watch` rules.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Hook, Place};

/// What happens when a watched path changes (Compose Specification, Develop).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchAction {
    /// Build the image again and replace the container.
    Rebuild,
    /// Restart the container.
    Restart,
    /// Copy what changed into the container.
    Sync,
    /// Copy, then restart the container.
    SyncAndRestart,
    /// The changed files are copied and a command is run.
    SyncAndExec(Box<Hook>),
}

/// One rule of `develop.watch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRule {
    /// Absolute path on the host: a file or a directory.
    pub path: PathBuf,
    /// What to do.
    pub action: WatchAction,
    /// Absolute path in the container for the sync actions.
    pub target: Option<String>,
    /// Patterns that are left out, in `.dockerignore` syntax, relative to `path`.
    pub ignore: Vec<String>,
    /// Patterns that are taken alone when there are any.
    pub include: Vec<String>,
    /// Copy everything once at the start.
    pub initial_sync: bool,
    /// Where it stands.
    pub place: Place,
}
