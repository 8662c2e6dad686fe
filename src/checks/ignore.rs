//! `x-envsim.ignore`: findings that the user has judged and accepts.
//!
//! An ignored finding stays in the report, with the reason, and no longer decides about the verdict.
//! An entry that matches nothing is told, so that none outlives what it was written for.

use crate::app::{Ignore, Problem, Problems};
use crate::finding::{Finding, Ignored, IgnoredBy, Judgement, RuleInfo, UnusedIgnore};

use super::{RULES, naming};

/// The rule with this code or name.
fn rule(text: &str) -> Option<&'static RuleInfo> {
    let mut infos = RULES.iter().map(|rule| rule.info);
    infos.find(|info| info.code == text || info.name == text)
}

/// Checks that every entry names a rule that there is.
///
/// # Errors
/// Each entry that does not, with the nearest rule or all of them.
pub fn known(ignore: &[Ignore]) -> Result<(), Problems> {
    let unknown = ignore.iter().filter(|entry| rule(&entry.rule).is_none());
    let problems: Vec<Problem> = unknown.map(problem).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Problems(problems)),
    }
}

fn problem(entry: &Ignore) -> Problem {
    let text = entry.rule.value.as_str();
    let infos = || RULES.iter().map(|rule| rule.info);
    let help = match naming::meant(text) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<String> = infos()
                .map(|info| format!("{} {}", info.code, info.name))
                .collect();
            format!("the rules are: {}", all.join(", "))
        }
    };
    let mut problem = Problem::error(format!("there is no rule `{text}`")).help(help);
    problem.place = Some(entry.rule.place.clone());
    problem
}

/// Marks the findings that an entry of `ignore` matches, and notes the entries that match none.
/// Where the rule could not look at everything, an entry is not blamed for that.
pub fn apply(ignore: &[Ignore], judgement: &mut Judgement) {
    for entry in ignore {
        let mut used = false;
        for finding in &mut judgement.findings {
            if !matches(entry, finding) {
                continue;
            }
            used = true;
            // The first entry that matches gives the reason.
            finding.ignored.get_or_insert_with(|| Ignored {
                by: IgnoredBy::Settings,
                reason: entry.reason.clone(),
                place: Some(entry.place.clone()),
            });
        }
        let Some(rule) = rule(&entry.rule) else {
            continue;
        };
        let checked = judgement
            .not_checked
            .iter()
            .all(|missing| missing.rule != rule.name);
        if !used && checked {
            judgement.unused_ignores.push(UnusedIgnore {
                rule: rule.name,
                place: entry.place.clone(),
                text: String::new(),
            });
        }
    }
}

fn matches(entry: &Ignore, finding: &Finding) -> bool {
    let first = finding.locations.first();
    let rule = rule(&entry.rule).is_some_and(|info| info.code == finding.rule.code);
    let service = entry
        .service
        .as_ref()
        .is_none_or(|name| finding.service.as_deref() == Some(&name.value));
    let path = entry.path.as_ref().is_none_or(|pattern| {
        first.is_some_and(|location| path_matches(&pattern.value, &location.place.path))
    });
    rule && service && path
}

/// Whether `pattern` means `path` or a directory that it lies in. `*` and `?` stand for any text and
/// any character of one name, `**` for any number of names.
fn path_matches(pattern: &str, path: &str) -> bool {
    let parts = |text: &'_ str| -> Vec<String> {
        text.split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .map(str::to_owned)
            .collect()
    };
    names_match(&parts(pattern), &parts(path))
}

fn names_match(pattern: &[String], path: &[String]) -> bool {
    match (pattern, path) {
        // What is left of the path lies below.
        ([], _) => true,
        ([first, rest @ ..], _) if first == "**" => {
            // At the end it stands for what is inside, so there must be something.
            match rest.is_empty() {
                true => !path.is_empty(),
                false => (0..=path.len()).any(|at| names_match(rest, &path[at..])),
            }
        }
        (_, []) => false,
        ([first, rest @ ..], [name, below @ ..]) => {
            name_matches(first, name) && names_match(rest, below)
        }
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = rest.as_str();
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| name_matches(rest, &name[at..]))
        }
        Some(c) => {
            let mut left = name.chars();
            left.next().is_some_and(|other| c == '?' || c == other)
                && name_matches(rest.as_str(), left.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;
    use crate::app::{At, Place};
    use crate::finding::NotChecked;

    fn place(path: &str, line: u32) -> Place {
        Place {
            line,
            ..Place::start_of(path)
        }
    }

    fn entries(list: &str) -> Vec<Ignore> {
        let text = format!("x-envsim:\n  ignore:\n{list}\nservices: {{web: {{image: w}}}}\n");
        app(&text).ignore
    }

    fn found(code: &str, service: &str, path: &str) -> Finding {
        let info = rule(code).expect("a rule");
        Finding::new(info, "m", "h")
            .service(service)
            .at(&place(path, 3), "")
    }

    #[test]
    fn an_ignored_finding_does_not_fail_the_app() {
        let mut judgement = Judgement {
            findings: vec![found("H001", "web", "docs/a.js")],
            ..Judgement::default()
        };
        assert!(!judgement.passes());
        let ignore = entries("    - {rule: service-host-in-source, path: docs, reason: prose}");
        apply(&ignore, &mut judgement);
        assert!(judgement.passes());
        let ignored = judgement.findings[0].ignored.as_ref().expect("ignored");
        let line = ignored.place.as_ref().map(|place| place.line);
        assert_eq!((&*ignored.reason, line), ("prose", Some(3)));
        assert!(judgement.unused_ignores.is_empty());
    }

    #[test]
    fn an_entry_matches_by_rule_service_and_path_together() {
        let findings = || {
            vec![
                found("H001", "web", "src/a.js"),
                found("H001", "admin", "src/a.js"),
                found("H002", "web", "compose.yaml"),
            ]
        };
        let hits = |entry: &str| {
            let mut judgement = Judgement {
                findings: findings(),
                ..Judgement::default()
            };
            apply(
                &entries(&format!("    - {{{entry}, reason: x}}")),
                &mut judgement,
            );
            let ignored = judgement.findings.iter().map(|f| f.ignored.is_some());
            (ignored.collect::<Vec<_>>(), judgement.unused_ignores.len())
        };
        assert_eq!(hits("rule: H001"), (vec![true, true, false], 0));
        assert_eq!(
            hits("rule: H001, service: web"),
            (vec![true, false, false], 0)
        );
        assert_eq!(hits("rule: H002, path: 'src/**'"), (vec![false; 3], 1));
    }

    #[test]
    fn an_entry_that_matches_nothing_is_told_unless_the_rule_could_not_look() {
        let ignore = entries("    - {rule: P001, reason: x}\n    - {rule: T001, reason: y}");
        let mut judgement = Judgement {
            not_checked: vec![NotChecked {
                rule: "probe-differs",
                reason: "no dev run".to_owned(),
            }],
            ..Judgement::default()
        };
        apply(&ignore, &mut judgement);
        let unused: Vec<(&str, u32)> = judgement
            .unused_ignores
            .iter()
            .map(|unused| (unused.rule, unused.place.line))
            .collect();
        assert_eq!(unused, [("port-clash", 4)]);
    }

    #[test]
    fn an_unknown_rule_is_told_with_the_one_that_was_meant_or_with_all() {
        let said = |rule: &str| {
            let entry = Ignore {
                rule: At {
                    value: rule.to_owned(),
                    place: place("compose.yaml", 2),
                },
                path: None,
                service: None,
                reason: "x".to_owned(),
                place: place("compose.yaml", 2),
            };
            let problem = known(&[entry]).expect_err("unknown").0.remove(0);
            (problem.message, problem.help.unwrap_or_default())
        };
        let help = |rule: &str| said(rule).1;
        assert_eq!(said("h001").0, "there is no rule `h001`");
        assert_eq!(help("h001"), "did you mean `H001`?");
        assert_eq!(help("port_clash"), "did you mean `port-clash`?");
        assert_eq!(help("port-clsh"), "did you mean `port-clash`?");
        let all = help("X999");
        assert!(
            all.starts_with("the rules are: ") && all.contains("T001 port-clash"),
            "{all}"
        );
        assert!(known(&entries("    - {rule: T001, reason: x}")).is_ok());
    }

    #[test]
    fn a_pattern_means_a_path_or_a_directory_above_it() {
        for (pattern, path) in [
            ("docs", "docs/a/b.md"),
            ("docs/", "docs/a.md"),
            ("./docs/*.md", "docs/a.md"),
            ("docs/**", "docs/a/b.md"),
            ("**/*.test.js", "a/b/c.test.js"),
            ("**/*.test.js", "c.test.js"),
            ("src/**/x.js", "src/x.js"),
            ("a?c.*", "abc.js"),
        ] {
            assert!(path_matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("docs", "docs2/a.md"),
            ("docs/*.md", "docs/a/b.txt"),
            ("*.js", "src/a.js"),
            ("src/**", "src"),
            ("src/a.js", "a.js"),
        ] {
            assert!(!path_matches(pattern, path), "{pattern} {path}");
        }
    }
}
