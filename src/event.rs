//! What happens during a run, for whoever draws it. Work emits events; it never prints.

use std::sync::Arc;
use std::time::Duration;

use crate::labels::RunKind;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something the user should know, once.
    Note(String),
    /// Something that is not as it should be, and does not stop the run.
    Warning(String),
    /// A phase of the command begins.
    Phase(String),
    /// The image of a service is being built.
    BuildStarted {
        /// Service.
        service: String,
    },
    /// A build step began; the text is the engine's.
    BuildStep {
        /// Service.
        service: String,
        /// `[build 3/4] RUN npm ci`
        step: String,
    },
    /// A line of a build step's output.
    BuildLog {
        /// Service.
        service: String,
        /// The line.
        line: String,
    },
    /// The image is there.
    BuildDone {
        /// Service.
        service: String,
        /// Steps taken from the cache, and all steps.
        cached: (usize, usize),
    },
    /// An image is being pulled.
    Pull {
        /// Service.
        service: String,
        /// Image.
        image: String,
        /// The engine's words and a layer, when there is one.
        status: String,
    },
    /// A container changed.
    Container {
        /// Which run.
        run: RunKind,
        /// Service.
        service: String,
        /// To what.
        change: Change,
    },
    /// A line of a container's log.
    Log {
        /// Which run.
        run: RunKind,
        /// Service.
        service: String,
        /// True for the standard error stream.
        stderr: bool,
        /// The line.
        line: String,
    },
    /// A probe has its last answer.
    Probe {
        /// Which run.
        run: RunKind,
        /// Its name.
        name: String,
        /// Whether it passed.
        passed: bool,
        /// What came back.
        answer: String,
    },
    /// Changed files were acted on.
    Synced {
        /// Service.
        service: String,
        /// What was done.
        action: Action,
        /// What changed.
        paths: Vec<Changed>,
        /// From the moment the first change was seen to the end of the action.
        took: Duration,
    },
}

/// What was done for changed files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// They were brought into the container.
    Synced,
    /// They were brought into the container, and a command was run there.
    SyncedAndRan,
    /// They were brought into the container, which was found to differ.
    Reconciled,
    /// The service was restarted; `synced` when they were brought into the container before.
    Restarted {
        /// Whether files were synced.
        synced: bool,
        /// Which signal was sent instead, where the file names one.
        signal: Option<String>,
        /// The process did not end by itself in its time.
        killed: bool,
    },
    /// The image was built again and the container replaced.
    Rebuilt,
}

/// A path that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Relative to the project.
    pub path: String,
    /// Where it is in the container, when it was brought there.
    pub target: Option<String>,
    /// Bytes that were sent; none for what has no content, or is gone.
    pub bytes: Option<u64>,
    /// Whether it was removed.
    pub gone: bool,
}

/// A change of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It runs.
    Started,
    /// Its health check passes.
    Healthy,
    /// Its health check fails.
    Unhealthy,
    /// It ended by itself.
    Exited(i64),
    /// It was restarted.
    Restarted,
    /// It was told to end and did not yet; the time it has from the signal to SIGKILL.
    Stopping(Duration),
    /// It was stopped by envsim.
    Stopped,
}

/// Where events go.
pub type Sink = Arc<dyn Fn(Event) + Send + Sync>;
