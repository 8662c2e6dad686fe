//! What the image is and lacks.

pub mod dev_server_in_prod;
pub mod environment_missing;
pub mod missing_from_image;
pub mod mutable_tag;
pub mod secret_in_image;
pub mod wrong_architecture;
