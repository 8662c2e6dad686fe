//! JUnit XML: a suite per family of rules. A rule that found nothing is a test that passes, one that
//! could not look is skipped, and each finding is a test: failed when it fails the verdict, skipped
//! when it is accepted.

use std::io::Write;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::finding::{Finding, RuleInfo};

/// Writes the document.
pub fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let mut document = quick_junit::Report::new(format!("envsim {}", report.app));
    let mut families: Vec<&str> = Vec::new();
    for family in report.rules.iter().map(|rule| rule.family()) {
        if !families.contains(&family) {
            families.push(family);
        }
    }
    for family in families {
        document.add_test_suite(suite(report, family));
    }
    document.serialize(out).map_err(std::io::Error::other)
}

fn suite(report: &Report, family: &str) -> TestSuite {
    let mut suite = TestSuite::new(format!("envsim.{family}"));
    let rules = report.rules.iter().filter(|rule| rule.family() == family);
    for rule in rules {
        let left_out = &report.judgement.left_out;
        if left_out.iter().any(|one| one.code == rule.code) {
            continue;
        }
        suite.add_test_cases(cases(report, rule));
    }
    suite
}

/// The tests of one rule.
fn cases(report: &Report, rule: &RuleInfo) -> Vec<TestCase> {
    let judgement = &report.judgement;
    let found = judgement.findings.iter();
    let found = found.filter(|finding| finding.rule.code == rule.code);
    let mut cases: Vec<TestCase> = found.map(|finding| case(report, finding)).collect();
    let missing = judgement.not_checked.iter();
    for missing in missing.filter(|missing| missing.rule == rule.name) {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("not checked: {}", missing.reason));
        cases.push(named(rule, rule.summary, status));
    }
    if cases.is_empty() {
        cases.push(named(rule, rule.summary, TestCaseStatus::success()));
    }
    cases
}

fn case(report: &Report, finding: &Finding) -> TestCase {
    let place = report.place_of(finding);
    let name = format!("{place}: {}", finding.message);
    if let Some(ignored) = &finding.ignored {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("ignored: {}", ignored.reason));
        return named(finding.rule, &name, status);
    }
    let text = description(finding);
    if finding.severity > report.judgement.fails_on {
        let mut case = named(finding.rule, &name, TestCaseStatus::success());
        case.set_system_out(format!("warning: {text}"));
        return case;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_type(finding.severity.as_str())
        .set_message(&*finding.message)
        .set_description(text);
    let mut case = named(finding.rule, &name, status);
    case.extra
        .insert("file".into(), report.in_repository(&place.path).into());
    case.extra
        .insert("line".into(), place.line.to_string().into());
    case
}

fn named(rule: &RuleInfo, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("{} {}", rule.code, rule.name));
    case
}

/// All that a finding says, one sentence a line.
fn description(finding: &Finding) -> String {
    let mut lines = vec![finding.message.clone()];
    for location in &finding.locations {
        let text = location.text.trim();
        lines.push(format!("at {}: {text}", location.place));
    }
    lines.extend(finding.evidence.iter().cloned());
    lines.push(format!("help: {}", finding.help));
    lines.join("\n")
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
