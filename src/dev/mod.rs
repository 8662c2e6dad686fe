//! The app as it is developed: bind mounts, a Docker network with service names, restarts and syncs
//! when files change.

pub mod agent;
pub mod archive;
pub mod check;
pub mod document;
pub mod files;
pub mod link;
pub mod live;
pub mod network;
pub mod owner;
pub mod plan;
pub mod remote;
pub mod run;
pub mod scale;
pub mod settings;

pub mod watch;

/// What the dev run stands on: what its engine can do and what it had to give up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Version of the engine's API.
    pub api: (u32, u32),
    /// Whether the engine has a runtime for GPUs.
    pub gpus: bool,
    /// OCI runtimes of the engine.
    pub runtimes: Vec<String>,
    /// Keys of networks that could not have the file's own address range.
    pub moved: Vec<String>,
    /// Whether containers get envsim's agent.
    pub agent: bool,
    /// Whether the engine sees this machine's files.
    pub sees_files: bool,
    /// What has to be in containers before they start, where it does not.
    pub copied: Vec<remote::Copied>,
}
