//! Repairs that a machine can make of what was found.

use serde::{Deserialize, Serialize};

/// A repair; it was planned where the project's files were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What it does, in a fragment that begins with a verb.
    pub description: String,
    /// The files that it changes, relative to the project.
    pub files: Vec<String>,
}
