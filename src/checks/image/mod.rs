//! What the image is and lacks.

pub mod code_only_by_mount;
mod content;
pub mod dev_server_in_prod;
pub mod differs_from_image;
pub mod environment_missing;
pub mod file_not_found_at_run_time;
pub mod hidden_by_mount;
mod merge;
pub mod missing_from_image;
pub mod mutable_tag;
mod only_in_dev;
pub mod secret_in_image;
pub mod state_lost_on_replacement;
#[cfg(test)]
mod testing;
pub mod wrong_architecture;
