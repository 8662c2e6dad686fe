//! The agent: one small static Linux program that envsim puts into containers.
//!
//! It does inside a container what the engine's API cannot do from outside. It uses `std` only, and
//! decides nothing about findings: it says what it saw (see `wire`) and envsim judges. A panic would end
//! the whole task or a developer's service, so nothing that arrives from outside may cause one.
//!
//! ```text
//! agent hold      own the network namespace of a task and be its DNS resolver (see `flags`)
//! agent forward   pass connections of one port on to another, beside a stand-in
//! agent listeners print the listening TCP sockets of the network namespace, then exit; with ids of
//!                 containers and their processes in sight, also which of them owns each
//! agent init      run the program of a dev container as its first process, and restart it in place
//! agent link      change files of a dev container, and ask its `init`, as the frames on stdin say
//! agent --version print the version
//! ```
//!
//! Exit codes: 0 done, 1 could not do its work (a `Problem` says why), 2 wrong arguments. `init` ends with
//! the code of its program; `init` and `link` say what went wrong on standard error.

mod at;
mod cgroup;
mod control;
mod dns;
mod files;
mod flags;
mod forward;
mod hold;
mod init;
mod link;
mod listeners;
mod output;
mod owners;
mod poll;
#[cfg(test)]
mod scratch;
mod signals;

// The reading half of the messages is envsim's; the agent only writes.
#[allow(dead_code)]
#[path = "../wire/mod.rs"]
mod wire;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use wire::Event;

const USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    match words.split_first() {
        // A program's arguments can be any bytes.
        Some((role, rest)) if role == "init" => init(rest),
        Some((role, rest)) if role == "link" => link(rest),
        Some(_) => in_words(words),
        None => wrong_usage(
            "say what to do: `hold`, `forward`, `listeners`, `init`, `link` or `--version`",
        ),
    }
}

fn init(words: &[OsString]) -> ExitCode {
    let (control, program) = match init::arguments(words) {
        Ok(both) => both,
        Err(message) => return complain(USAGE, &format!("wrong arguments: {message}")),
    };
    match init::run(control.as_deref(), &program) {
        Ok(code) => ExitCode::from(code),
        Err(message) => complain(1, &message),
    }
}

fn link(words: &[OsString]) -> ExitCode {
    match link::arguments(words) {
        Ok((control, alone)) => match link::run(&control, alone) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => complain(1, &message),
        },
        Err(message) => complain(USAGE, &format!("wrong arguments: {message}")),
    }
}

/// Standard output belongs to a service's program, or to frames.
fn complain(code: u8, message: &str) -> ExitCode {
    eprintln!("envsim: {message}");
    ExitCode::from(code)
}

fn in_words(words: Vec<OsString>) -> ExitCode {
    let words: Result<Vec<String>, OsString> =
        words.into_iter().map(OsString::into_string).collect();
    match words.as_deref() {
        Ok([role, rest @ ..]) => run(role, rest),
        Ok([]) => wrong_usage("there is no role"),
        Err(word) => wrong_usage(&format!("`{}` is not UTF-8", word.to_string_lossy())),
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
