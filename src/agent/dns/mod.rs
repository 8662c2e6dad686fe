//! The task's DNS resolver: answers as the resolver of a VPC would, and reports who asked for what.
//!
//! `message` reads and writes DNS messages, `policy` decides what a name means, `tally` counts; these
//! three are pure. `server` and `upstream` hold the sockets. It caches nothing: each question should
//! be seen, and an answer must be as fresh as the upstream's.

pub mod message;
pub mod policy;
pub mod server;
pub mod tally;
pub mod upstream;
