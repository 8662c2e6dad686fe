//! `envsim explain`: the manual page of a rule.

use super::exit::{Exit, Failure};
use super::{args, stdout};
use crate::checks::{RULES, find};

/// Runs the command. It needs neither a project nor an engine.
pub fn run(args: &args::Explain) -> Result<Exit, Failure> {
    let Some(rule) = find(&args.rule) else {
        let names = RULES.iter().map(|rule| rule.info.name);
        let asked = args.rule.to_ascii_lowercase().replace(['_', ' '], "-");
        let help = match crate::app::nearest(&asked, names) {
            Some(near) => format!("did you mean `{near}`? `envsim rules` lists all"),
            None => "`envsim rules` lists all".to_owned(),
        };
        return Err(Failure::usage(
            format!("there is no rule `{}`", args.rule),
            help,
        ));
    };
    stdout::write(&rule.page())
}
