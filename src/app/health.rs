//! Health checks as Compose writes them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Place;

/// `healthcheck` of a service.
///
/// Defaults are Docker's: interval 30 s, timeout 30 s, 3 retries, no start period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `["CMD", …]`, `["CMD-SHELL", …]`; empty when only the other fields are given, and the
    /// command is the image's.
    pub test: Vec<String>,
    /// True for `disable: true` or `test: NONE`.
    pub disable: bool,
    /// Time between two checks.
    pub interval: Option<Duration>,
    /// Time after which one check has failed.
    pub timeout: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
    /// Time at the start in which failures do not count.
    pub start_period: Option<Duration>,
    /// Time between two checks in the start period.
    pub start_interval: Option<Duration>,
    /// Where it stands.
    pub place: Place,
}
