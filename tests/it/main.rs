//! Runs the built `envsim` as a user does and looks at what it printed and at what is in the engine.
//!
//! Tests that need a container engine skip themselves, and say so, where none answers;
//! `ENVSIM_REQUIRE_ENGINE=1` makes them fail instead.

mod accepted;
mod bad_input;
mod bad_run;
mod clean_app;
mod config;
mod context;
mod dev;
mod dev_agent;
mod dev_events;
mod dev_order;
mod dev_random;
mod dev_screen;
mod dev_watch;
mod examples;
mod fix;
mod fix_image;
mod fix_source;
mod image;
mod in_images;
mod init;
mod model;
mod mounts;
mod no_engine;
mod out_of_memory;
mod probes;
mod reports;
mod robust;
mod scenarios;
mod stop;
mod support;
mod task;
mod tasks;
mod why;
