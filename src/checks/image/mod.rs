//! What the image is and lacks.

pub mod environment_missing;
pub mod missing_from_image;
mod only_in_dev;
pub mod state_lost_on_replacement;
