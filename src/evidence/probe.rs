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
    /// The same question once more in dev, where it only reads: what differs there varies by itself.
    #[serde(default)]
    pub dev_again: Option<Attempt>,
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
    /// `content-type` and `location` of an HTTP answer, as far as they are there.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The beginning of the body of an HTTP answer that is text, without secrets.
    #[serde(default)]
    pub body: Option<String>,
}

impl Attempt {
    /// The value of a kept header, with its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The class of an error status: 4 for 4xx, 5 for 5xx; none for any other answer and for none.
    pub fn error_class(&self) -> Option<u16> {
        self.status
            .map(|status| status / 100)
            .filter(|class| *class >= 4)
    }
}
