//! The app as it is developed: bind mounts, a Docker network with service names, restarts and syncs
//! when files change.

pub mod plan;
pub mod run;
pub mod sync;
pub mod watch;
