//! What ECS makes of the keys of the Compose file.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// What becomes of something the Compose file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// ECS does not accept a task definition with it.
    Refused,
    /// It means something else.
    Changed,
    /// It is not there.
    Dropped,
}

impl ChangeKind {
    /// The word used in every format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Dropped => "dropped",
        }
    }
}

/// Something the Compose file says that is otherwise on ECS. It is no defect by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What becomes of it.
    pub kind: ChangeKind,
    /// The service.
    pub service: String,
    /// The key, with dots: `deploy.placement`.
    pub key: String,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What it is on ECS.
    pub what: String,
    /// Why, with the source.
    pub why: String,
    /// What to do; empty when nothing needs to be done.
    pub help: String,
}
