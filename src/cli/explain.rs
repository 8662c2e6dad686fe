//! `envsim explain`: the manual page of a rule.

use std::io::IsTerminal;

use serde::Serialize;

use super::exit::{Exit, Failure};
use super::{args, stdout};
use crate::checks::{find, naming};
use crate::finding::RuleInfo;
use crate::report::markdown;
use crate::ui;

/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;

/// A rule with its page.
#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    rule: &'a RuleInfo,
    family: &'a str,
    /// Markdown.
    page: String,
}

/// Runs the command. It needs neither a project nor an engine.
pub fn run(args: &args::Explain) -> Result<Exit, Failure> {
    let Some(rule) = find(&args.rule) else {
        let message = format!("there is no rule `{}`", args.rule);
        return Err(Failure::usage(message, naming::advice(&args.rule)));
    };
    if args.json {
        let page = Page {
            rule,
            family: rule.family(),
            page: rule.page(),
        };
        let text = serde_json::to_string_pretty(&page);
        let text = text.map_err(|error| Failure::usage(error.to_string(), ""))?;
        return stdout::write(&(text + "\n"));
    }
    let colour = ui::colour_stdout();
    // A pipe gets the Markdown, for whatever reads that.
    if !colour && !std::io::stdout().is_terminal() {
        return stdout::write(&rule.page());
    }
    let width = crossterm::terminal::size().map_or(COLUMNS, |(columns, _)| columns.into());
    stdout::write(&markdown::render(&rule.page(), width, colour))
}
