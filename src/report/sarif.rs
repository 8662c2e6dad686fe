//! SARIF 2.1.0, for code scanning and editors.
//!
//! Source: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS Standard. Section
//! numbers below are its.

use std::io::Write;

use serde_json::{Value, json};

use super::Report;
use crate::app::Place;
use crate::finding::{Finding, Ignored, IgnoredBy, Location, RuleInfo, Severity};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Name and version of the fingerprint among others of a result.
const FINGERPRINT: &str = "envsimFinding/v1";

/// Writes the log and a newline.
pub fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let findings = report.judgement.findings.iter();
    let results: Vec<Value> = findings.map(|finding| result(report, finding)).collect();
    let rules: Vec<Value> = report.rules.iter().map(|rule| descriptor(rule)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "envsim",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [invocation(report)],
            // Columns count characters (3.14.17).
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

/// A rule with its manual page (3.49).
fn descriptor(rule: &RuleInfo) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page(), "markdown": rule.page()},
        "defaultConfiguration": {"level": rule.severity.as_str()},
        "properties": {"tags": [rule.family()], "problem.severity": rule.severity.as_str()},
    })
}

/// What could not be judged, and what is wrong with the user's own entries and comments (3.20).
fn invocation(report: &Report) -> Value {
    let judgement = &report.judgement;
    let index = |name: &str| report.rules.iter().position(|rule| rule.name == name);
    let missing = judgement.not_checked.iter().map(|missing| {
        let mut notification = json!({
            "level": "note",
            "message": {"text": format!("not checked: {}: {}", missing.rule, missing.reason)},
        });
        if let Some(index) = index(missing.rule) {
            notification["associatedRule"] =
                json!({"id": report.rules[index].code, "index": index});
        }
        notification
    });
    let unused = judgement.unused_ignores.iter().map(|unused| {
        let text = format!(
            "this entry of `x-envsim.ignore` matches no finding of `{}`",
            unused.rule
        );
        warning(report, &text, &unused.place)
    });
    let remarks = judgement.remarks.iter().map(|remark| {
        let text = format!("{}; {}", remark.message, remark.help);
        warning(report, &text, &remark.place)
    });
    json!({
        "executionSuccessful": true,
        "exitCode": if judgement.passes() { 0 } else { 1 },
        "toolExecutionNotifications": missing.collect::<Vec<_>>(),
        "toolConfigurationNotifications": unused.chain(remarks).collect::<Vec<_>>(),
    })
}

fn warning(report: &Report, text: &str, place: &Place) -> Value {
    json!({
        "level": "warning",
        "message": {"text": text},
        "locations": [physical(report, place, "")],
    })
}

/// One finding (3.27).
fn result(report: &Report, finding: &Finding) -> Value {
    let index = report
        .rules
        .iter()
        .position(|rule| rule.code == finding.rule.code);
    let first = match finding.locations.first() {
        Some(location) => physical(report, &location.place, &location.text),
        None => physical(report, &report.place_of(finding), ""),
    };
    let mut text = finding.message.clone();
    for proof in &finding.evidence {
        text.push('\n');
        text.push_str(proof);
    }
    text.push_str("\nhelp: ");
    text.push_str(&finding.help);
    let mut result = json!({
        "ruleId": finding.rule.code,
        "level": match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": {"text": text},
        "locations": [first],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "properties": {"service": finding.service, "data": finding.data},
    });
    if let Some(index) = index {
        result["ruleIndex"] = index.into();
    }
    let related: Vec<Value> = related(report, finding);
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    if let Some(ignored) = &finding.ignored {
        result["suppressions"] = json!([suppression(report, ignored)]);
    }
    result
}

fn related(report: &Report, finding: &Finding) -> Vec<Value> {
    let others = finding.locations.iter().enumerate().skip(1);
    others
        .map(|(id, Location { place, text, .. })| {
            let mut location = physical(report, place, text);
            location["id"] = id.into();
            location
        })
        .collect()
}

/// How the user accepts it (3.35): a comment or an entry of the Compose file stands in the source.
fn suppression(report: &Report, ignored: &Ignored) -> Value {
    let mut suppression = json!({
        "kind": match ignored.by {
            IgnoredBy::Settings | IgnoredBy::Comment => "inSource",
            IgnoredBy::Baseline => "external",
        },
        "status": "accepted",
        "justification": ignored.reason,
    });
    if let Some(place) = &ignored.place {
        suppression["location"] = physical(report, place, "");
    }
    suppression
}

/// A place with its line (3.28, 3.30).
fn physical(report: &Report, place: &Place, text: &str) -> Value {
    let mut region = json!({
        "startLine": place.line,
        "startColumn": place.column,
        "endColumn": place.end_column.max(place.column),
    });
    if !text.is_empty() {
        region["snippet"] = json!({"text": text});
    }
    let path = report.in_repository(&place.path);
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&path)},
        "region": region,
    }})
}

/// A path as a relative reference, or as a `file:` URI when it is absolute (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_sample_is_written_like_this() {
        let mut out = Vec::new();
        write(&sample::report(), &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        // The version of this crate is no part of the form.
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("src/a b%.js"), "src/a%20b%25.js");
        assert_eq!(uri("/etc/ä"), "file:///etc/%C3%A4");
    }
}
