//! `envsim: ignore[H001] reason` in a comment: findings that are accepted where they stand.
//!
//! The comment stands on the line of a finding, or alone on the line above. It names the rules by
//! code or name and has a reason; one without a reason, or with a rule that there is not, has no effect
//! and is told.

use crate::app::Place;
use crate::evidence::Lines;
use crate::finding::{Finding, Ignored, IgnoredBy, Judgement, Remark};

use super::naming;

/// What a comment begins with, in the languages that a project has.
const OPENERS: &[&str] = &["#", "//", "--", "<!--", "/*", ";", "*"];

/// What it ends with, where it has an end.
const CLOSERS: &[&str] = &["*/}", "*/", "-->", "#}"];

/// A comment for envsim.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comment<'a> {
    /// As written, trimmed.
    rules: Vec<&'a str>,
    reason: &'a str,
    /// Nothing else is on the line.
    alone: bool,
    /// Columns of `envsim: ignore[…]`.
    columns: (u32, u32),
}

/// The comment of a line.
fn comment(line: &str) -> Option<Comment<'_>> {
    for (at, _) in line.match_indices("envsim:") {
        let before = line[..at].trim_end();
        let opener = OPENERS.iter().find(|opener| before.ends_with(**opener));
        let rest = line[at + "envsim:".len()..].trim_start();
        let (Some(opener), Some(rest)) = (opener, rest.strip_prefix("ignore[")) else {
            continue;
        };
        let (rules, reason) = rest.split_once(']')?;
        let end = line.len() - reason.len();
        let column = |byte: usize| line[..byte].chars().count() as u32 + 1;
        let code = before[..before.len() - opener.len()].trim();
        // `{/*` of JSX, `{#` of templates, `/**`, `##`.
        let alone = code.chars().all(|c| "{/#*;-<!%".contains(c));
        return Some(Comment {
            rules: rules.split(',').map(str::trim).collect(),
            reason: without_end(reason),
            alone,
            columns: (column(at), column(end)),
        });
    }
    None
}

fn without_end(reason: &str) -> &str {
    let mut reason = reason.trim();
    for closer in CLOSERS {
        reason = reason.strip_suffix(closer).unwrap_or(reason).trim_end();
    }
    reason.trim_start_matches([':', '-', '–', '—', ' ']).trim()
}

/// Marks the findings that a comment at one of their places accepts; what is wrong with a comment is
/// told.
pub fn apply(lines: &Lines, judgement: &mut Judgement) {
    let mut remarks: Vec<Remark> = Vec::new();
    for finding in &mut judgement.findings {
        let places: Vec<Place> = finding
            .locations
            .iter()
            .map(|location| location.place.clone())
            .collect();
        for place in &places {
            for (line, text) in near(lines, place) {
                judge(finding, place, line, text, &mut remarks);
            }
        }
    }
    for remark in remarks {
        if !judgement.remarks.contains(&remark) {
            judgement.remarks.push(remark);
        }
    }
}

/// The line of `place`, and the one above it.
fn near<'a>(lines: &'a Lines, place: &Place) -> Vec<(u32, &'a str)> {
    let own = lines.at(place).map(|text| (place.line, text));
    let above = lines.around(place).0.map(|text| (place.line - 1, text));
    own.into_iter().chain(above).collect()
}

fn judge(finding: &mut Finding, at: &Place, line: u32, text: &str, remarks: &mut Vec<Remark>) {
    let Some(comment) = comment(text).filter(|comment| comment.alone || line == at.line) else {
        return;
    };
    let place = Place {
        path: at.path.clone(),
        line,
        column: comment.columns.0,
        end_column: comment.columns.1,
    };
    let mut tell = |message: String, help: String| {
        remarks.push(Remark {
            message,
            help,
            place: place.clone(),
            text: text.to_owned(),
        });
    };
    let mut meant = false;
    for word in &comment.rules {
        match naming::find(word) {
            Some(info) => meant |= info.code == finding.rule.code,
            None => tell(
                format!("this comment names a rule that there is not: `{word}`"),
                naming::advice(word),
            ),
        }
    }
    if !meant {
        return;
    }
    if comment.reason.is_empty() {
        let rules = comment.rules.join(",");
        tell(
            "this comment has no reason, so it ignores nothing".to_owned(),
            format!("say why: `envsim: ignore[{rules}] only for local tests`"),
        );
        return;
    }
    // What was accepted first gives the reason.
    finding.ignored.get_or_insert_with(|| Ignored {
        by: IgnoredBy::Comment,
        reason: comment.reason.to_owned(),
        place: Some(place.clone()),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str, line: u32) -> Finding {
        let place = Place {
            line,
            ..Place::start_of("a")
        };
        let info = naming::find(code).expect("a rule");
        Finding::new(info, "m", "h").at(&place, "")
    }

    /// The reason for which a finding on line 2 is ignored, and what is told.
    fn judged(code: &str, above: &str, own: &str) -> (Option<String>, Vec<String>) {
        let mut lines = Lines::default();
        lines.add("a", 1, above);
        lines.add("a", 2, own);
        let mut judgement = Judgement {
            findings: vec![found(code, 2)],
            ..Judgement::default()
        };
        apply(&lines, &mut judgement);
        let ignored = judgement.findings[0].ignored.take();
        let told = judgement.remarks.into_iter().map(|remark| remark.message);
        (ignored.map(|ignored| ignored.reason), told.collect())
    }

    #[test]
    fn every_kind_of_comment_can_ignore() {
        for line in [
            "connect('db') // envsim: ignore[H001] local only",
            "connect('db') # envsim: ignore[H001]: local only",
            "connect('db') -- envsim:ignore[H001] - local only",
            "connect('db') ; envsim: ignore[h001] local only",
            "connect('db') /* envsim: ignore[E001, H001] local only */",
            "<a href='db'> <!-- envsim: ignore[service-host-in-source] local only -->",
            "{/* envsim: ignore[H001] local only */}",
        ] {
            let (reason, told) = judged("H001", "", line);
            assert_eq!(reason.as_deref(), Some("local only"), "{line}");
            assert!(told.is_empty(), "{told:?}");
        }
    }

    #[test]
    fn a_comment_alone_on_the_line_above_counts_and_one_behind_code_does_not() {
        let above = |text: &str| judged("H001", text, "connect('db')").0;
        assert_eq!(above("  # envsim: ignore[H001] x").as_deref(), Some("x"));
        assert_eq!(above("   * envsim: ignore[H001] x").as_deref(), Some("x"));
        assert_eq!(above("f() # envsim: ignore[H001] x"), None);
        assert_eq!(above("  # envsim: ignore[E001] x"), None);
    }

    #[test]
    fn what_is_no_comment_ignores_nothing() {
        for line in [
            "say('envsim: ignore[H001] x')",
            "# see envsim: ignore[H001] x",
            "# envsim: ignore H001 x",
            "# envsim: ignore[H001 x",
        ] {
            assert_eq!(judged("H001", "", line), (None, Vec::new()), "{line}");
        }
    }

    #[test]
    fn a_comment_without_a_reason_or_with_an_unknown_rule_is_told() {
        let (reason, told) = judged("H001", "", "x // envsim: ignore[H001]");
        assert_eq!(reason, None);
        assert!(told[0].contains("no reason"), "{told:?}");
        let (_, told) = judged("H001", "", "x // envsim: ignore[H999] because");
        assert!(told[0].contains("`H999`"), "{told:?}");
    }
}
