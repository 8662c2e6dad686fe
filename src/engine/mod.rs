//! The local container engine (Docker, or Podman's Docker API).
//!
//! Plain values in, plain values out. This folder is the only one that imports
//! bollard, it decides nothing about the application and it prints nothing.
//! One file per noun of the engine's own vocabulary; [`error`] is the one place
//! that reads the engine's error texts, [`raw`] and [`session`] do the two
//! things bollard does not offer (an upgraded connection, build secrets).

mod archive_reader;
mod build;
mod build_progress;
mod clock;
mod connect;
mod container;
mod container_spec;
mod container_state;
mod copy;
mod credentials;
mod error;
mod events;
mod exec;
mod image;
mod info;
#[cfg(test)]
mod live;
mod log;
mod network;
mod raw;
mod session;
mod stats;
mod tar_source;
mod volume;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;

pub use archive_reader::ArchiveReader;
pub use build::{BuildRequest, BuildSecret, BuiltImage};
pub use build_progress::{BuildEvent, BuildFailure};
pub use connect::{Candidate, Found, candidates};
pub use container_spec::{
    Blkio, ContainerSpec, Device, DeviceRequest, Endpoint, ExtraNetwork, Health, LogConfig,
    MountSpec, NetworkMode, Publish, Recursion, Ulimit,
};
pub use container_state::{ContainerState, HealthState, ListedContainer, MountedAt, PublishedPort};
pub use copy::{Change, ChangeKind};
pub use error::EngineError;
pub use events::{EngineEvent, EventKind, EventStream};
pub use exec::{AttachedExec, ExecChunk, ExecResult, ExecSpec};
pub use image::{ImageConfig, ImageInfo, ListedImage, PullProgress, Reference};
pub use info::{EngineInfo, EngineKind};
pub use log::{LogChunk, LogOptions, LogStream, Stream};
pub use network::{AddressPool, NetworkInfo, NetworkSpec};
pub use stats::{CpuTime, MemoryUse};
pub use tar_source::TarSource;
pub use volume::VolumeInfo;

/// Calls that should answer at once get this long; longer ones (stop, wait,
/// build, logs, archives) say so themselves.
const CALL_DEADLINE: Duration = Duration::from_secs(120);

/// A connection to one engine. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    shared: Arc<Shared>,
}

struct Shared {
    found: Found,
    /// How to open a connection of our own; `None` over TLS.
    dial: Option<raw::Dial>,
    api: ApiVersion,
    kind: EngineKind,
    server_os: String,
}

/// A version of the engine's API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ApiVersion(u32, u32);

impl Engine {
    /// Which engine this is and how it was found.
    pub fn found(&self) -> &Found {
        &self.shared.found
    }

    /// The version of the engine's API that is spoken, such as (1, 41).
    pub fn api(&self) -> (u32, u32) {
        let ApiVersion(major, minor) = self.shared.api;
        (major, minor)
    }

    /// Runs one short call under the common deadline and sorts its error.
    async fn call<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        self.call_within(doing, CALL_DEADLINE, work).await
    }

    async fn call_within<T>(
        &self,
        doing: &str,
        deadline: Duration,
        work: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        match tokio::time::timeout(deadline, work).await {
            Ok(answer) => answer.map_err(|e| error::from_bollard(doing, e)),
            Err(_) => Err(EngineError::Timeout {
                doing: doing.to_string(),
                after: deadline,
            }),
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("found", &self.shared.found)
            .finish_non_exhaustive()
    }
}

impl ApiVersion {
    fn parse(text: &str) -> Option<ApiVersion> {
        let (major, minor) = text.trim().trim_start_matches('v').split_once('.')?;
        Some(ApiVersion(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// `label=k=v` filters as the engine's list calls want them; an empty value means "has the label".
fn label_filter(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    let mut filters = HashMap::new();
    if !labels.is_empty() {
        let wanted = labels
            .iter()
            .map(|(k, v)| {
                if v.is_empty() {
                    k.to_string()
                } else {
                    format!("{k}={v}")
                }
            })
            .collect();
        filters.insert("label".to_string(), wanted);
    }
    filters
}
