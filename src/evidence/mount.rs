//! What dev sees through a mount, beside what the image has at that place.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// How the files come into the container of dev.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// A bind mount.
    #[default]
    Bind,
    /// A config that is a file of the host.
    Config,
    /// A secret that is a file of the host.
    Secret,
}

/// A mount of the dev run, compared with the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSeen {
    /// Service.
    pub service: String,
    /// Path on the host, relative to the project (also with `..`, when the project's parent has it).
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Where the mount is written.
    pub place: Place,
    /// Its line in the Compose file.
    pub text: String,
    /// How it comes into the container.
    #[serde(default)]
    pub via: Via,
    /// It holds keys or passwords, which no image may hold.
    #[serde(default)]
    pub credentials: bool,
    /// True when the service has no build: the whole mount is what production lacks.
    pub without_build: bool,
    /// The image that was looked into.
    pub image: String,
    /// True when the files of the image itself were read, false when the Dockerfile alone was.
    #[serde(default)]
    pub looked_into: bool,
    /// How many files the mount brings in dev.
    pub files: usize,
    /// Some of them, relative to the mount, of a service without build.
    #[serde(default)]
    pub brings: Vec<String>,
    /// Files and directories that the image lacks, the topmost of each; at most some dozens.
    pub missing: Vec<MissingFile>,
    /// How many there are.
    #[serde(default)]
    pub missing_count: usize,
    /// Files and directories that both have, with another content; at most some dozens.
    #[serde(default)]
    pub differing: Vec<DifferingFile>,
    /// How many there are.
    #[serde(default)]
    pub differing_count: usize,
    /// Files and directories of the image that the mount hides and lacks; at most some dozens.
    #[serde(default)]
    pub hidden: Vec<HiddenPath>,
    /// How many there are.
    #[serde(default)]
    pub hidden_count: usize,
}

impl MountSeen {
    /// Paths that are kept of each kind; more are told as a number.
    pub const KEPT: usize = 40;

    /// A mount of which nothing is known yet but where it is.
    pub fn new(service: &str, source: &str, target: &str, place: &Place) -> Self {
        Self {
            service: service.to_owned(),
            source: source.to_owned(),
            target: target.to_owned(),
            place: place.clone(),
            text: String::new(),
            via: Via::Bind,
            credentials: false,
            without_build: false,
            image: String::new(),
            looked_into: false,
            files: 0,
            brings: Vec::new(),
            missing: Vec::new(),
            missing_count: 0,
            differing: Vec::new(),
            differing_count: 0,
            hidden: Vec::new(),
            hidden_count: 0,
        }
    }
}

/// A path that the image lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MissingFile {
    /// Path on the host, relative to the project.
    pub path: String,
    /// Path in the container.
    pub target: String,
    /// Why the image lacks it, in a sentence.
    pub reason: String,
    /// What kept it out.
    pub cause: Cause,
    /// It holds keys or passwords, which no image may hold.
    pub credentials: bool,
    /// The image has nothing else of the mount either, but for what package managers read.
    pub nothing_else: bool,
    /// The line of a `.gitignore` that keeps it out of a clean checkout, in a fragment:
    /// `` `dist/` in .gitignore line 3 ``.
    pub ignored_by_git: Option<String>,
    /// A line of the app that names it: place and text.
    pub named_in: Option<(Place, String)>,
    /// A log line of the task that names it.
    pub logged: Option<String>,
}

/// What kept a path out of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// No COPY or ADD takes it.
    #[default]
    NotCopied,
    /// A pattern of the ignore file that stands for this path or its like.
    Ignored,
    /// A pattern of the ignore file that stands for everything, such as `*`.
    IgnoredWithAll,
    /// It is in a stage that is not built for this image.
    OtherStage,
    /// It is in a stage that is built for this image, which takes only what is made there.
    StageOfBuild,
    /// Another file took its place.
    Replaced,
    /// It lies outside of the build context.
    OutsideContext,
    /// The service has no build.
    NoBuild,
    /// It was copied and is not there: a later step removed or moved it.
    Removed,
}

/// Size, mode and content of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// In bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// SHA-256 of the content in hexadecimal; of a symbolic link, where it points.
    pub content: String,
}

/// A path that dev and the image have with another content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DifferingFile {
    /// Path on the host, relative to the project.
    pub path: String,
    /// Path in the container.
    pub target: String,
    /// How the image came to its own, in a sentence.
    pub reason: String,
    /// Files that differ: 1 for a file, more for a directory.
    pub files: usize,
    /// The file in the image; none for a directory or when the image was not read.
    pub in_image: Option<FileFacts>,
    /// The file of dev.
    pub in_dev: Option<FileFacts>,
}

/// A path of the image that dev does not see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HiddenPath {
    /// Path on the host that dev sees in its place, relative to the project.
    pub path: String,
    /// Path in the container.
    pub target: String,
    /// How it came into the image, in a fragment: `line 4 of Dockerfile (npm ci)`.
    pub by: String,
    /// The host has something at `path`, with other files in it.
    pub on_host: bool,
    /// How many files the image has there; 0 when only the Dockerfile was read.
    pub files: usize,
    /// How many of them dev does not have.
    pub lacking: usize,
    /// How many of them dev has with another content.
    pub differing: usize,
    /// Some of those that dev does not have, as paths in the container.
    pub examples: Vec<String>,
}
