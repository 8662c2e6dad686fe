//! Answers of the app in both runs.

pub mod probe_differs;
pub mod probe_failed;
