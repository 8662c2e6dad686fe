//! Hosts that exist on Docker's networks only.

pub mod loopback_only_listener;
mod named;

pub mod docker_only_host;
pub mod host_from_hostname;
pub mod service_host_in_environment;
pub mod service_host_in_source;
pub mod service_lookup_failed;
