//! Files that are in an image, or only seem to be.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// A bind mount of the dev run, compared with the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSeen {
    /// Service.
    pub service: String,
    /// Path on the host, relative to the project when inside it.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Where the mount is written.
    pub place: Place,
    /// Its line in the Compose file.
    pub text: String,
    /// True when the service has no build: the whole mount is what production lacks.
    pub without_build: bool,
    /// The image that was looked into.
    pub image: String,
    /// Files and directories that the image lacks, the topmost of each.
    pub missing: Vec<MissingFile>,
    /// How many files the mount brings in dev.
    pub files: usize,
}

/// A path that the image lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingFile {
    /// Path on the host, relative to the project when inside it.
    pub path: String,
    /// Path in the container.
    pub target: String,
    /// Why the image lacks it, in a sentence.
    pub reason: String,
    /// A line of the app that names it: place and text.
    pub named_in: Option<(Place, String)>,
    /// A log line of the task that names it.
    pub logged: Option<String>,
}
