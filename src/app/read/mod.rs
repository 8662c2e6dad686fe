//! Text in, typed values with positions out. Nothing here opens a file.

mod compose;
mod context;
pub mod env_file;
mod extension;
pub mod interpolate;
mod node;
mod scalar;
mod service;
mod short;
mod yaml;

pub use compose::{FileHeader, Resolve, app, header};
pub use context::Context;
pub use node::{Node, Style, Value};
pub use yaml::parse;
