//! Watching files: what changed, when it is quiet, which rule it concerns, what has to be sent.

pub mod batch;
pub mod editors;
pub mod mirror;
mod poll;
pub mod rule;
pub mod source;
