//! The app as ECS runs it: self-contained images, the containers of one task in one network
//! namespace.

pub mod files;
pub mod missing;
pub mod mounts;
pub mod plan;
pub mod task;
pub mod translate;
