//! The report for programs; `report.schema.json` says what each field is.

use std::io::Write;

use serde::Serialize;

use super::Report;
use crate::evidence::Change;
use crate::evidence::StandInSeen;
use crate::finding::{BaselineEntry, Finding, LeftOut, NotChecked, Remark, UnusedIgnore};

/// Changes when a reader of the old form would misread the new one.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Layout<'a> {
    schema_version: u32,
    app: &'a str,
    verdict: &'static str,
    findings: &'a [Finding],
    not_checked: &'a [NotChecked],
    left_out: &'a [LeftOut],
    unused_ignores: &'a [UnusedIgnore],
    remarks: &'a [Remark],
    stale_baseline: &'a [BaselineEntry],
    changes: &'a [Change],
    stand_ins: &'a [StandInSeen],
}

/// Writes one JSON object and a newline.
pub fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let judgement = &report.judgement;
    let layout = Layout {
        schema_version: SCHEMA_VERSION,
        app: &report.app,
        verdict: if judgement.passes() { "pass" } else { "fail" },
        findings: &judgement.findings,
        not_checked: &judgement.not_checked,
        left_out: &judgement.left_out,
        unused_ignores: &judgement.unused_ignores,
        remarks: &judgement.remarks,
        stale_baseline: &judgement.stale_baseline,
        changes: &report.changes,
        stand_ins: &report.stand_ins,
    };
    serde_json::to_writer_pretty(&mut *out, &layout)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_sample_is_written_like_this() {
        let mut out = Vec::new();
        write(&sample::report(), &mut out).expect("a vector takes everything");
        insta::assert_snapshot!(String::from_utf8(out).expect("text"));
    }
}
