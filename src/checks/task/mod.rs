//! Containers that share one task.

pub mod essential_container_exited;
pub mod essential_container_unhealthy;
pub mod health_command_fails;
pub mod host_port_differs;
pub mod ignores_stop_signal;
pub mod image_healthcheck_ignored;
pub mod invalid_task_size;
pub mod out_of_memory;
pub mod port_clash;
pub mod refused_on_fargate;
pub mod start_order_race;
