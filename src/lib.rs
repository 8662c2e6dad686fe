//! envsim runs a container app the way it is developed and the way ECS runs it, and proves the
//! difference.
pub mod app;
pub mod build;
pub mod checks;
pub mod cli;
pub mod dev;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod labels;
pub mod mask;
pub mod plan;
pub mod prod;
pub mod report;
pub mod run;
pub mod scan;
pub mod ui;
pub mod wire;
