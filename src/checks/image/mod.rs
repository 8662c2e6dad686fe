//! What the image is and lacks.

pub mod environment_missing;
pub mod file_not_found_at_run_time;
pub mod missing_from_image;
mod only_in_dev;
pub mod state_lost_on_replacement;
