//! What stands in files that are in an image, or only seem to be.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// A service's name used as a network host in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInFile {
    /// The services whose images hold the file.
    pub services: Vec<String>,
    /// The name as written.
    pub host: String,
    /// The service that answers to it in dev.
    pub target: String,
    /// Where it stands.
    pub place: Place,
    /// The line, without secrets.
    pub text: String,
    /// The environment variable whose default it is.
    pub variable: Option<String>,
    /// How the file comes to the image, in a fragment: `COPY on line 7 of Dockerfile`.
    pub via: String,
    /// A bind mount alone brings it: the image does not have it.
    pub mounted: bool,
}
