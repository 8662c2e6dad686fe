//! A Compose project as Docker Compose reads it: one resolved tree with the place of every value.

mod context;
pub mod env_file;
pub mod interpolate;
mod node;
mod place;
mod problem;
mod scalar;
mod yaml;

pub use context::{Context, nearest};
pub use node::{Kind, Node, Value};
pub use place::{At, Place};
pub use problem::{Level, Problem, Problems};
pub use yaml::parse;
