//! The report for programs.

use std::io::Write;

use serde::Serialize;

use super::Report;
use crate::evidence::Change;
use crate::evidence::StandInSeen;
use crate::finding::{Finding, NotChecked, UnusedIgnore};

/// Changes when a reader of the old form would misread the new one.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Layout<'a> {
    schema_version: u32,
    app: &'a str,
    verdict: &'static str,
    changes: &'a [Change],
    findings: &'a [Finding],
    not_checked: &'a [NotChecked],
    unused_ignores: &'a [UnusedIgnore],
    stand_ins: &'a [StandInSeen],
}

/// Writes one JSON object and a newline.
pub fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let layout = Layout {
        schema_version: SCHEMA_VERSION,
        app: &report.app,
        verdict: if report.judgement.passes() {
            "pass"
        } else {
            "fail"
        },
        changes: &report.changes,
        findings: &report.judgement.findings,
        not_checked: &report.judgement.not_checked,
        unused_ignores: &report.judgement.unused_ignores,
        stand_ins: &report.stand_ins,
    };
    serde_json::to_writer_pretty(&mut *out, &layout)?;
    writeln!(out)
}
