//! Text in, typed values with positions out. Nothing here opens a file.

mod build;
mod compose;
mod context;
mod depends;
mod develop;
pub mod env_file;
mod environment;
mod extension;
mod health;
pub mod interpolate;
mod mount;
mod network;
mod node;
mod port;
mod scalar;
mod service;
mod short;
mod yaml;

pub use compose::{FileHeader, Resolve, app, header};
pub use context::Context;
pub use node::{Node, Style, Value};
pub use yaml::parse;
