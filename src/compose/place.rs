//! Where something was written.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in a text file, to point at in a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Path as shown to the user: relative to the project directory when inside it.
    pub path: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// First column, from 1, in characters.
    pub column: u32,
    /// Column after the last one, on the same line.
    pub end_column: u32,
}

impl Place {
    /// The start of a file, for what concerns all of it.
    pub fn start_of(path: &str) -> Self {
        Self {
            path: path.into(),
            line: 1,
            column: 1,
            end_column: 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// A value and the place it was written at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
