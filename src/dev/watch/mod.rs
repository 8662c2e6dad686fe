//! Watching files: what changed, when it is quiet, which rule it concerns.

pub mod batch;
pub mod rule;
pub mod source;
