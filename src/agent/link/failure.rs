//! Why a request could not be done: the kernel's number, and a sentence.

use std::io;

use crate::at;

#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub errno: i32,
    pub what: String,
}

impl Failure {
    pub fn new(errno: i32, what: impl Into<String>) -> Self {
        Self {
            errno,
            what: what.into(),
        }
    }

    /// `doing` is what failed: "write", "remove".
    pub fn of(doing: &str, path: &[u8], error: &io::Error) -> Self {
        Self::new(
            at::errno(error),
            format!("cannot {doing} `{}`: {error}", shown(path)),
        )
    }
}

/// A path as it is shown; the empty one is the root itself.
pub fn shown(path: &[u8]) -> String {
    match path {
        b"" => ".".into(),
        path => String::from_utf8_lossy(path).into_owned(),
    }
}
