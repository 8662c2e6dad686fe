//! What a production image is made of: the build context, the Dockerfile, and which file ends up where.
//!
//! Everything here works on plain values, except [`context`], which reads the disk.

pub(crate) mod glob;
pub(crate) mod go_regex;
pub mod ignore;
pub(crate) mod paths;
pub mod dockerfile;
pub mod expand;
pub(crate) mod heredoc;
pub mod stages;
pub mod copied;
pub(crate) mod copy;
pub mod context;
pub mod generate;
