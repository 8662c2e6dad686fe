//! Containers that share one task.

pub mod port_clash;
pub mod essential_container_exited;
