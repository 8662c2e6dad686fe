//! Text in, typed values with positions out. Nothing here opens a file.

mod build;
mod compose;
mod depends;
mod develop;
mod environment;
mod extension;
mod health;
mod mount;
mod network;
mod port;
mod scalar;
mod service;
mod short;

pub use compose::{FileHeader, Resolve, app, header};

pub use crate::compose::{Context, Node, Value};
