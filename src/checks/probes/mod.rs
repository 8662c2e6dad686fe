//! Answers of the app in both runs.

mod difference;
pub mod probe_differs;
pub mod probe_failed;
mod varying;
