//! What the image is and lacks.

pub mod code_only_by_mount;
mod content;
pub mod dev_server_in_prod;
pub mod differs_from_image;
pub mod environment_missing;
pub mod hidden_by_mount;
mod merge;
pub mod missing_from_image;
pub mod mutable_tag;
pub mod secret_in_image;
#[cfg(test)]
mod testing;
pub mod wrong_architecture;
