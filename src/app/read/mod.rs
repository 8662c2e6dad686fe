//! A resolved project in, typed values with places out. Nothing here opens a file.

mod app;
mod build;
mod depends;
mod develop;
mod environment;
mod extension;
mod file;
mod health;
mod hook;
mod keys;
mod mount;
mod network;
mod port;
mod scalar;
mod service;

pub use app::{app, checked};

pub use crate::compose::{Context, Node, Value};
