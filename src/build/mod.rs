//! What a production image is made of: the build context, the Dockerfile, and which file ends up where.
//!
//! [`context`] looks at the disk, and only it does: it lists a build context under an [`ignore`] file and streams it.
//! Everything else decides on plain values: [`dockerfile`] reads the text, [`stages`] fills in variables and picks what
//! is built, [`copied`] says which context files reach the image, [`made`] what the build makes by itself, [`generate`]
//! writes a Dockerfile for a service that has none, [`gitignore`] tells what a clean checkout lacks. Nothing here talks
//! to an engine.

pub mod compiles;
pub mod context;
pub mod copied;
pub(crate) mod copy;
pub mod dockerfile;
pub mod expand;
pub mod generate;
pub mod gitignore;
pub(crate) mod glob;
pub(crate) mod go_regex;
pub(crate) mod heredoc;
pub mod ignore;
pub mod made;
pub(crate) mod paths;
pub mod stages;
