//! Annotations of GitHub Actions: one workflow command per finding, and the verdict as a line of the
//! log.
//!
//! Source: "Workflow commands for GitHub Actions", setting messages; the escapes are those of its
//! toolkit (`packages/core/src/command.ts`).

use std::io::Write;

use super::{Report, counts};
use crate::app::Place;
use crate::finding::{Finding, Severity};

/// Writes one command per line.
pub fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    for finding in report.judgement.counted() {
        writeln!(out, "{}", annotation(report, finding))?;
    }
    for unused in &report.judgement.unused_ignores {
        let message = format!(
            "this entry of `x-envsim.ignore` matches no finding of `{}`",
            unused.rule
        );
        let place = Some(&unused.place);
        writeln!(
            out,
            "{}",
            command(report, "warning", place, "unused ignore", &message)
        )?;
    }
    for remark in &report.judgement.remarks {
        let message = format!("{}\n{}", remark.message, remark.help);
        let place = Some(&remark.place);
        writeln!(
            out,
            "{}",
            command(report, "warning", place, "envsim comment", &message)
        )?;
    }
    for missing in &report.judgement.not_checked {
        let title = format!("not checked: {}", missing.rule);
        writeln!(
            out,
            "{}",
            command(report, "notice", None, &title, &missing.reason)
        )?;
    }
    writeln!(out, "{}", counts::summary(report))
}

fn annotation(report: &Report, finding: &Finding) -> String {
    let kind = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let title = format!("{} {}", finding.rule.code, finding.rule.name);
    let mut message = finding.message.clone();
    for proof in &finding.evidence {
        message.push('\n');
        message.push_str(proof);
    }
    message.push_str("\nhelp: ");
    message.push_str(&finding.help);
    command(
        report,
        kind,
        Some(&report.place_of(finding)),
        &title,
        &message,
    )
}

fn command(
    report: &Report,
    kind: &str,
    place: Option<&Place>,
    title: &str,
    message: &str,
) -> String {
    let mut properties = Vec::new();
    if let Some(place) = place {
        let file = report.in_repository(&place.path);
        properties.push(format!("file={}", property(&file)));
        properties.push(format!("line={},col={}", place.line, place.column));
        // The last column, not the one after it.
        if place.end_column > place.column {
            properties.push(format!("endColumn={}", place.end_column - 1));
        }
    }
    properties.push(format!("title={}", property(title)));
    format!("::{kind} {}::{}", properties.join(","), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_sample_is_annotated_like_this() {
        let mut out = Vec::new();
        write(&sample::report(), &mut out).expect("a vector takes everything");
        insta::assert_snapshot!(String::from_utf8(out).expect("text"));
    }

    #[test]
    fn what_would_end_a_command_is_escaped() {
        let report = sample::report();
        let place = Place::start_of("a,b:c.js");
        let text = command(&report, "error", Some(&place), "x: y", "50 %\n::stop");
        assert_eq!(
            text,
            "::error file=apps/shop/a%2Cb%3Ac.js,line=1,col=1,title=x%3A y::50 %25%0A::stop"
        );
    }
}
