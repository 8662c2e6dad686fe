//! Containers that share one task.

pub mod essential_container_exited;
pub mod essential_container_unhealthy;
pub mod ignores_stop_signal;
pub mod port_clash;
pub mod start_order_race;
