//! What the agent and envsim say to each other. Both programs compile this folder, so it uses `std` only
//! and knows nothing of sockets, Docker or logs.
//!
//! [`event`]: lines that the agent prints into a container's log. [`frame`]: the two-way stream of the dev
//! loop. [`hash`]: how both know that a file is the same on both sides.

pub mod event;
pub mod frame;
pub mod hash;

pub use event::{Event, Outcome, Question, RecordType, Transport};
