//! `envsim rules`: every rule with its code, name and severity.

use std::fmt::Write;

use super::exit::{Exit, Failure};
use super::{args, stdout};
use crate::checks::RULES;

/// Runs the command. It needs neither a project nor an engine.
pub fn run(args: &args::Rules) -> Result<Exit, Failure> {
    let text = match args.json {
        true => {
            let rules: Vec<_> = RULES.iter().map(|rule| rule.info).collect();
            let text = serde_json::to_string_pretty(&rules);
            text.map_err(|error| Failure::usage(error.to_string(), ""))? + "\n"
        }
        false => table(),
    };
    stdout::write(&text)
}

fn table() -> String {
    let width = RULES.iter().map(|rule| rule.info.name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for rule in RULES {
        let info = rule.info;
        let severity = info.severity.as_str();
        // A string takes everything.
        let _ = writeln!(
            text,
            "{}  {:width$}  {severity:7}  {}",
            info.code, info.name, info.summary
        );
    }
    text
}
