//! `x-envsim.dev`: how the dev run brings changes into a service.

use serde::{Deserialize, Serialize};

use super::At;

/// `x-envsim.dev`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DevSettings {
    /// Whether envsim's agent starts the service's program; none for the default.
    pub agent: Option<At<bool>>,
    /// Sent to the service's process where a change would restart it.
    pub signal: Option<At<String>>,
    /// User and group id of what is synced; none for those the service runs as.
    pub owner: Option<At<(u32, u32)>>,
}
