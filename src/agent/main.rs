//! The agent: one small static Linux program that envsim puts into containers.
//!
//! It does inside a task what the engine's API cannot do from outside. It uses `std` only, keeps no
//! state on disk, and decides nothing about findings: it prints what it saw (see `wire`) and envsim
//! judges. A panic would end the whole task, so nothing that arrives from outside may cause one.
//!
//! ```text
//! agent hold      own the network namespace of a task and be its DNS resolver (see `flags`)
//! agent forward   pass connections of one port on to another, beside a stand-in
//! agent listeners print the listening TCP sockets of the network namespace, then exit; with ids of
//!                 containers and their processes in sight, also which of them owns each
//! agent --version print the version
//! ```
//!
//! Exit codes: 0 done, 1 could not do its work (a `Problem` says why), 2 wrong arguments.

mod cgroup;
mod dns;
mod files;
mod flags;
mod forward;
mod hold;
mod listeners;
mod output;
mod owners;
mod signals;

// The reading half of the messages is envsim's; the agent only writes.
#[allow(dead_code)]
#[path = "../wire/mod.rs"]
mod wire;

use std::env;
use std::process::ExitCode;

use wire::Event;

const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut words = Vec::new();
    for word in env::args_os().skip(1) {
        match word.into_string() {
            Ok(word) => words.push(word),
            Err(word) => return wrong_usage(&format!("`{}` is not UTF-8", word.to_string_lossy())),
        }
    }
    match words.split_first() {
        Some((role, rest)) => run(role, rest),
        None => wrong_usage("say what to do: `hold`, `forward`, `listeners` or `--version`"),
    }
}

fn run(role: &str, rest: &[String]) -> ExitCode {
    match role {
        "hold" => match flags::parse(rest) {
            Ok(settings) => finish(hold::run(&settings)),
            Err(message) => wrong_usage(&message),
        },
        "forward" => match flags::parse_forward(rest) {
            Ok(pairs) => finish(forward::run(&pairs)),
            Err(message) => wrong_usage(&message),
        },
        "listeners" => finish(listeners::run(rest)),
        "--version" if rest.is_empty() => {
            println!("envsim-agent {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        "--version" => wrong_usage(&format!("`{role}` takes no arguments")),
        other => wrong_usage(&format!("there is no role `{other}`")),
    }
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            output::say(&Event::Problem { what });
            ExitCode::FAILURE
        }
    }
}

/// Wrong arguments are envsim's mistake, so it must be able to read them like any other problem.
fn wrong_usage(message: &str) -> ExitCode {
    output::say(&Event::Problem {
        what: format!("wrong arguments: {message}"),
    });
    ExitCode::from(USAGE)
}
