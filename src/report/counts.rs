//! The one line that sums a report up.

use super::Report;
use crate::finding::{IgnoredBy, Severity};

/// `FAIL shop: 3 errors, 1 warning, 2 ignored, 5 in the baseline`: nothing is left out of it.
pub fn summary(report: &Report) -> String {
    format!("{} {}: {}", word(report), report.app, tail(report))
}

/// `PASS` or `FAIL`.
pub fn word(report: &Report) -> &'static str {
    match report.judgement.passes() {
        true => "PASS",
        false => "FAIL",
    }
}

/// What was found, in numbers.
pub fn tail(report: &Report) -> String {
    let judgement = &report.judgement;
    let by_baseline = |yes: bool| {
        let accepted = judgement.accepted();
        accepted.filter(move |(_, ignored)| (ignored.by == IgnoredBy::Baseline) == yes)
    };
    let left_out: usize = judgement.left_out.iter().map(|one| one.count).sum();
    let (errors, warnings) = (
        judgement.count(Severity::Error),
        judgement.count(Severity::Warning),
    );
    let parts = [
        (errors, counted(errors, "error")),
        (warnings, counted(warnings, "warning")),
        (by_baseline(false).count(), "ignored".to_owned()),
        (by_baseline(true).count(), "in the baseline".to_owned()),
        (left_out, "not selected".to_owned()),
    ];
    let told: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(_, (number, _))| *number > 0)
        .map(|(index, (number, text))| match index {
            0 | 1 => text.clone(),
            _ => format!("{number} {text}"),
        })
        .collect();
    match (errors + warnings, told.is_empty()) {
        (0, true) => "no difference was found that breaks the app in production".to_owned(),
        (0, false) => format!("nothing new, {}", told.join(", ")),
        _ => told.join(", "),
    }
}

/// `1 error`, `2 errors`.
pub fn counted(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    }
}
