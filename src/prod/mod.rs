//! The app as ECS runs it: self-contained images, the containers of each task in one network
//! namespace, stand-ins for what is a managed service there.

pub mod plan;
pub mod stand_in;
pub mod task;
pub mod tasks;
pub mod translate;
