//! Probes and their answers in both runs.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// One probe in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeSeen {
    /// Its name.
    pub name: String,
    /// The service asked.
    pub service: String,
    /// What was done, in a fragment: `GET /goals on port 3000`.
    pub action: String,
    /// Where it is written.
    pub place: Place,
    /// The last attempt in the dev run; none when there was none.
    pub dev: Option<Attempt>,
    /// The last attempt in the task.
    pub prod: Option<Attempt>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whether it was as expected.
    pub passed: bool,
    /// What came back, or why nothing did, in a sentence without secrets.
    pub answer: String,
}
