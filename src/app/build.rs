//! How a service's image is built.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{At, Place, Ulimit};

/// `build` of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Absolute path of the build context.
    pub context: PathBuf,
    /// Absolute path of the Dockerfile.
    pub dockerfile: PathBuf,
    /// The Dockerfile's text when it stands in the Compose file.
    pub dockerfile_inline: Option<String>,
    /// The stage to build; the last one when absent.
    pub target: Option<At<String>>,
    /// Build arguments; a name without a value is looked up in envsim's own environment.
    pub args: IndexMap<String, At<Option<String>>>,
    /// Labels for the image.
    pub labels: IndexMap<String, String>,
    /// Secrets for `RUN --mount=type=secret`.
    pub secrets: Vec<BuildSecret>,
    /// Images to take the cache from.
    pub cache_from: Vec<String>,
    /// `host:ip` lines for the build.
    pub extra_hosts: Vec<String>,
    /// Network of `RUN` steps.
    pub network: Option<String>,
    /// Build without cache.
    pub no_cache: bool,
    /// Ask the registry for newer base images.
    pub pull: bool,
    /// Size of /dev/shm in `RUN` steps, in bytes.
    pub shm_size: Option<i64>,
    /// Further names for the image.
    pub tags: Vec<String>,
    /// Keys of SSH agents: id to path.
    pub ssh: IndexMap<String, Option<String>>,
    /// Further contexts by name: a directory, an image or a URL.
    pub additional_contexts: IndexMap<String, String>,
    /// Where the cache is exported to.
    pub cache_to: Vec<String>,
    /// What the build is allowed beyond the usual.
    pub entitlements: Vec<String>,
    /// Stages built without the cache.
    pub no_cache_filter: Vec<String>,
    /// Platforms to build for.
    pub platforms: Vec<String>,
    /// Isolation technique on Windows.
    pub isolation: Option<String>,
    /// Provenance attestation.
    pub provenance: Option<String>,
    /// Attestation of the bill of materials.
    pub sbom: Option<String>,
    /// Whether the build has extended rights.
    pub privileged: bool,
    /// Limits of the build's processes.
    pub ulimits: Vec<Ulimit>,
    /// Where it stands.
    pub place: Place,
}

/// A secret offered to a build; its content is read when the build starts and is never logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSecret {
    /// `id=` of the mount.
    pub id: String,
    /// File that holds it.
    pub file: Option<PathBuf>,
    /// Variable of envsim's environment that holds it.
    pub environment: Option<String>,
    /// Where it is used.
    pub place: Place,
}
