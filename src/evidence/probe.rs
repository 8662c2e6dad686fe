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
    /// True when envsim made it from a published port: nobody said which answer is the right one.
    #[serde(default)]
    pub inferred: bool,
    /// The last attempt in the dev run; none when there was none.
    pub dev: Option<Attempt>,
    /// The last attempt in the task.
    pub prod: Option<Attempt>,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whether it was as expected.
    pub passed: bool,
    /// What came back, or why nothing did, in a sentence without secrets.
    pub answer: String,
    /// Status of an HTTP answer.
    #[serde(default)]
    pub status: Option<u16>,
}

impl Attempt {
    /// The class of an error status: 4 for 4xx, 5 for 5xx; none for any other answer and for none.
    pub fn error_class(&self) -> Option<u16> {
        self.status
            .map(|status| status / 100)
            .filter(|class| *class >= 4)
    }
}
