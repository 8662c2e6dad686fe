//! Which findings the user asked for: by rule, and from a severity up.

use std::collections::BTreeSet;

use super::naming;
use crate::finding::{Judgement, LeftOut, Severity};

/// What is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Codes of the rules that are reported; all when none is named.
    only: Option<BTreeSet<&'static str>>,
    /// Codes of the rules that are not, though they are among `only`.
    without: BTreeSet<&'static str>,
    /// The least severity that is reported and fails; all are reported and errors fail when none is
    /// named.
    severity: Option<Severity>,
}

/// A word that means no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The word.
    pub text: String,
    /// What to do.
    pub help: String,
}

impl Selection {
    /// From the words of `--select` and `--ignore`: codes, names and beginnings of codes.
    ///
    /// # Errors
    /// The first word that means no rule.
    pub fn new(
        select: &[String],
        ignore: &[String],
        severity: Option<Severity>,
    ) -> Result<Self, Unknown> {
        Ok(Self {
            only: match select {
                [] => None,
                words => Some(codes(words)?),
            },
            without: codes(ignore)?,
            severity,
        })
    }

    /// Whether the rule is reported.
    fn has(&self, code: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(code)) && !self.without.contains(code)
    }

    /// Takes out what was not asked for, and counts it.
    pub fn apply(&self, judgement: &mut Judgement) {
        let mut left_out: Vec<LeftOut> = Vec::new();
        judgement.findings.retain(|finding| {
            let severe = self.severity.is_none_or(|least| finding.severity <= least);
            let kept = severe && self.has(finding.rule.code);
            if !kept {
                let rule = finding.rule;
                match left_out.iter_mut().find(|one| one.code == rule.code) {
                    Some(one) => one.count += 1,
                    None => left_out.push(LeftOut {
                        code: rule.code,
                        rule: rule.name,
                        count: 1,
                    }),
                }
            }
            kept
        });
        left_out.sort_by_key(|one| one.code);
        let named = |name: &str| naming::find(name).is_none_or(|info| self.has(info.code));
        judgement.not_checked.retain(|missing| named(missing.rule));
        judgement.unused_ignores.retain(|unused| named(unused.rule));
        judgement.left_out = left_out;
        judgement.fails_on = self.severity.unwrap_or_default();
    }
}

fn codes(words: &[String]) -> Result<BTreeSet<&'static str>, Unknown> {
    let mut codes = BTreeSet::new();
    for word in words.iter().map(|word| word.trim()) {
        let rules = naming::all(word);
        if rules.is_empty() {
            return Err(Unknown {
                text: word.to_owned(),
                help: naming::advice(word),
            });
        }
        codes.extend(rules.iter().map(|info| info.code));
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::find;
    use crate::finding::{Finding, NotChecked};

    fn judgement() -> Judgement {
        let found = |code: &str, severity| {
            let mut finding = Finding::new(find(code).expect("a rule"), "m", "h");
            finding.severity = severity;
            finding
        };
        Judgement {
            findings: vec![
                found("E001", Severity::Error),
                found("H001", Severity::Error),
                found("H001", Severity::Warning),
                found("T001", Severity::Warning),
            ],
            not_checked: vec![NotChecked {
                rule: "probe-differs",
                reason: "r".to_owned(),
            }],
            ..Judgement::default()
        }
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn only_what_is_selected_and_not_ignored_is_left_and_the_rest_counted() {
        let selection = Selection::new(&words(&["H", "port-clash"]), &words(&["t001"]), None);
        let mut judgement = judgement();
        selection.expect("known rules").apply(&mut judgement);
        let left: Vec<&str> = judgement.findings.iter().map(|one| one.rule.code).collect();
        assert_eq!(left, ["H001", "H001"]);
        let out: Vec<_> = judgement
            .left_out
            .iter()
            .map(|one| (one.code, one.count))
            .collect();
        assert_eq!(out, [("E001", 1), ("T001", 1)]);
        assert!(judgement.not_checked.is_empty());
    }

    #[test]
    fn the_least_severity_is_also_what_fails() {
        let passes = |severity, without: &[&str]| {
            let mut judgement = judgement();
            let selection = Selection::new(&[], &words(without), severity).expect("known rules");
            selection.apply(&mut judgement);
            (judgement.passes(), judgement.findings.len())
        };
        assert_eq!(passes(None, &["E", "H"]), (true, 1));
        assert_eq!(passes(Some(Severity::Warning), &["E", "H"]), (false, 1));
        assert_eq!(passes(Some(Severity::Error), &["E", "H"]), (true, 0));
        assert_eq!(passes(Some(Severity::Error), &[]), (false, 2));
    }

    #[test]
    fn an_unknown_word_is_told_with_what_was_meant() {
        let unknown =
            Selection::new(&words(&["H001", "port-clsh"]), &[], None).expect_err("no rule");
        assert_eq!(unknown.text, "port-clsh");
        assert!(unknown.help.contains("`port-clash`"));
    }
}
