//! `envsim rules`: every rule with its code, name and severity.

use super::exit::{Exit, Failure};
use super::{args, stdout};
use crate::checks::RULES;
use crate::finding::{RuleInfo, Severity};
use crate::ui;

/// Runs the command. It needs neither a project nor an engine.
pub fn run(args: &args::Rules) -> Result<Exit, Failure> {
    let rules: Vec<&RuleInfo> = RULES.iter().map(|rule| rule.info).collect();
    let text = match args.json {
        true => {
            let text = serde_json::to_string_pretty(&rules);
            text.map_err(|error| Failure::usage(error.to_string(), ""))? + "\n"
        }
        false => table(&rules, ui::colour_stdout()),
    };
    stdout::write(&text)
}

/// A list below the name of each family.
fn table(rules: &[&RuleInfo], colour: bool) -> String {
    let paint = |style: &str, text: &str| match colour {
        true => format!("\x1b[{style}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let width = rules.iter().map(|rule| rule.name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    let mut family = "";
    for rule in rules {
        if rule.family() != family {
            if !family.is_empty() {
                text.push('\n');
            }
            family = rule.family();
            text.push_str(&paint("1", family));
            text.push('\n');
        }
        let severity = format!("{:7}", rule.severity.as_str());
        let severity = match rule.severity {
            Severity::Error => paint("31", &severity),
            Severity::Warning => paint("33", &severity),
        };
        let code = paint("1", rule.code);
        let (name, summary) = (rule.name, rule.summary);
        text.push_str(&format!("  {code}  {name:width$}  {severity}  {summary}\n"));
    }
    text.push_str("\n`envsim explain CODE` shows the manual page of a rule\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_below_its_family_and_colour_changes_no_text() {
        let rules: Vec<&RuleInfo> = RULES.iter().map(|rule| rule.info).collect();
        let plain = table(&rules, false);
        for rule in &rules {
            let line = plain.lines().find(|line| line.contains(rule.code));
            assert!(line.is_some_and(|line| line.contains(rule.name)), "{plain}");
        }
        let at = |text: &str| plain.find(text);
        assert!(
            at("image\n") < at("E001") && at("E001") < at("hosts\n"),
            "{plain}"
        );
        let mut coloured = table(&rules, true);
        for style in ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[33m"] {
            coloured = coloured.replace(style, "");
        }
        assert_eq!(coloured, plain);
    }
}
