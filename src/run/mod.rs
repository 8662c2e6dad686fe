//! What both runs share: images, containers in order, logs, probes, stopping and cleaning up.
//!
//! It acts through `engine` and emits events. What to run is decided in `dev` and `prod`.

pub mod address;
pub mod agent;
pub mod build_extras;
pub mod cancel;
pub mod cleanup;
pub mod complaint;
pub mod hooks;
pub mod image;
pub mod listeners;
pub mod logs;
pub mod owner;
pub mod probe;
pub mod spec;
pub mod stop;
pub mod supervise;
pub mod usage;

use crate::app::Problem;
use crate::engine::{Engine, EngineError};
use crate::event::{Event, Sink};
use crate::labels::Labels;

pub use cancel::Cancel;

/// What every step of a run needs.
#[derive(Clone)]
pub struct Session {
    /// The engine.
    pub engine: Engine,
    /// Labels and names of this run.
    pub labels: Labels,
    /// Where events go.
    pub sink: Sink,
    /// Whether the user wants to stop.
    pub cancel: Cancel,
}

impl Session {
    /// Emits an event.
    pub fn emit(&self, event: Event) {
        (self.sink)(event);
    }
}

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The engine failed or refused.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// The user's files are wrong: missing Dockerfile, unknown stage.
    #[error("{}", .0.message)]
    Config(Problem),
    /// Stopped with Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A service could not be run; the sentence says which and why.
    #[error("{message}")]
    Service {
        /// What happened.
        message: String,
        /// What to do.
        help: String,
    },
}

impl From<Problem> for RunError {
    fn from(problem: Problem) -> Self {
        Self::Config(problem)
    }
}
