//! Service names used as network hosts.

pub mod loopback_only_listener;
pub mod service_host_in_environment;
pub mod service_host_in_source;
pub mod service_lookup_failed;
