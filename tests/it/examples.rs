//! The examples: what is good passes, what is broken fails with the defects that were built in.
//!
//! A broken example is checked once; the tests look at that one report.

use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{Project, Report};

/// What one run says, for programs and for people.
struct Checked {
    report: Report,
    /// With the example's own name as the project.
    text: String,
}

/// Checks a copy of the example under a name of its own.
fn check(example: &str) -> Option<Checked> {
    let project = Project::with_engine()?;
    project.example(example);
    // Beside the project: it would be a file of the build context.
    let beside = tempfile::tempdir().expect("a directory");
    let file = beside.path().join("report.txt");
    let human = format!("human={}", file.display());
    let report = Report::of(&project.run(&["prod-check", "--format", "json", "--report", &human]));
    let text = std::fs::read_to_string(&file).expect("the report for people");
    let text = text.replace(project.name(), example);
    let left = project.eye().running_parts(project.name());
    assert!(
        left.is_empty(),
        "left in the engine: {left:?}\n{}",
        report.outcome
    );
    let volumes = project.eye().volumes(project.name());
    assert!(
        volumes.is_empty(),
        "left in the engine: {volumes:?}\n{}",
        report.outcome
    );
    Some(Checked { report, text })
}

fn checked_goals_broken() -> Option<&'static Checked> {
    static CHECKED: OnceLock<Option<Checked>> = OnceLock::new();
    CHECKED
        .get_or_init(|| check("course-goals-broken"))
        .as_ref()
}

fn goals_broken() -> Option<&'static Report> {
    checked_goals_broken().map(|checked| &checked.report)
}

fn guestbook_broken() -> Option<&'static Report> {
    static CHECKED: OnceLock<Option<Checked>> = OnceLock::new();
    let checked = CHECKED.get_or_init(|| check("guestbook-broken")).as_ref();
    checked.map(|checked| &checked.report)
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

/// Only the rule that takes further runs of the task could not judge.
#[track_caller]
fn checks_all_but_the_start_order(report: &Report) {
    let silent = report.json["not_checked"].as_array().expect("a list");
    let names: Vec<&Value> = silent.iter().map(|one| &one["rule"]).collect();
    assert_eq!(names, ["start-order-race"], "{}", report.outcome);
}

#[test]
fn course_goals_passes() {
    let Some(checked) = check("course-goals") else {
        return;
    };
    checked.report.passes();
    checks_all_but_the_start_order(&checked.report);
}

#[test]
fn guestbook_passes() {
    let Some(checked) = check("guestbook") else {
        return;
    };
    checked.report.passes();
    checks_all_but_the_start_order(&checked.report);
}

#[test]
fn course_goals_broken_fails() {
    let Some(report) = goals_broken() else { return };
    report.outcome.exits(1);
    assert_eq!(report.json["verdict"], "fail", "{}", report.outcome);
}

/// The first run as the README shows it, in the parts between its `[…]`.
fn sample() -> Vec<String> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## A first run").expect("the section");
    let mut blocks = section.split("```text\n").skip(1);
    let shown = blocks.find_map(|block| {
        let (block, _) = block.split_once("```")?;
        block.starts_with("error[").then_some(block)
    });
    assert!(
        section.contains("four of eight findings") && section.contains(": 7 errors, 1 warning\n"),
        "{section}"
    );
    let shown = shown.expect("the report");
    shown
        .split("[…]")
        .map(|part| same_in_every_run(part.trim_matches('\n')))
        .collect()
}

/// `text` without what time, the task and the engine make of it.
fn same_in_every_run(text: &str) -> String {
    let varies = |line: &&str| {
        line.starts_with("note: task ")
            || line.starts_with("FAIL ")
            || line.contains(" asked DNS for ")
    };
    let lines = text.lines().filter(|line| !varies(line));
    lines.collect::<Vec<&str>>().join("\n")
}

#[test]
fn the_first_run_of_the_readme_is_what_is_printed() {
    let Some(checked) = checked_goals_broken() else {
        return;
    };
    let printed = same_in_every_run(&checked.text);
    let mut rest = &*printed;
    for part in &sample() {
        let at = rest.find(&**part);
        let at = at.unwrap_or_else(|| panic!("not printed:\n{part}\n--- printed:\n{printed}"));
        rest = &rest[at + part.len()..];
    }
    let findings = checked.report.findings().iter();
    let counted = findings.filter(|finding| !is_of_a_slow_machine(finding));
    let (errors, warnings): (Vec<&Value>, Vec<&Value>) =
        counted.partition(|finding| finding["severity"] == "error");
    assert_eq!(
        (errors.len(), warnings.len()),
        (7, 1),
        "the README says how many there are\n{printed}"
    );
}

/// On a slow machine the task may stop before the first probe was asked, or another container may end
/// before it is stopped.
fn is_of_a_slow_machine(finding: &Value) -> bool {
    finding["data"]["probe"] == "the page is served"
        || (finding["code"] == "T007" && finding["service"] != "admin")
}

#[test]
fn a_service_name_in_the_source_is_found_where_it_is_written() {
    let Some(report) = goals_broken() else { return };
    let finding = report.finding("service-host-in-source", "host", "mongodb");
    assert_eq!(finding["severity"], "error");
    assert_eq!(
        Report::place(finding),
        "src/database.js:15",
        "{}",
        report.outcome
    );
}

#[test]
fn a_lookup_of_a_service_name_in_the_task_is_the_proof_of_its_cause() {
    let Some(report) = goals_broken() else { return };
    let finding = report.finding("service-host-in-source", "host", "mongodb");
    let proof = finding["evidence"].to_string();
    assert!(
        proof.contains("asked DNS for `mongodb`"),
        "{}",
        report.outcome
    );
    assert!(!report.errors().contains(&"service-lookup-failed"));
}

#[test]
fn a_file_that_only_the_bind_mount_brings_is_found() {
    let Some(report) = goals_broken() else { return };
    let finding = report.finding("missing-from-image", "target", "/app/config");
    assert_eq!(finding["data"]["path"], "config", "{}", report.outcome);
    assert_eq!(finding["service"], "web", "{}", report.outcome);
}

#[test]
fn two_services_on_one_port_are_found() {
    let Some(report) = goals_broken() else { return };
    let finding = report.of_rule("port-clash")[0];
    assert_eq!(finding["data"]["port"], 3000, "{}", report.outcome);
    assert_eq!(
        finding["data"]["services"],
        serde_json::json!(["admin", "web"]),
        "{}",
        report.outcome
    );
}

#[test]
fn an_essential_container_that_ends_is_found() {
    let Some(report) = goals_broken() else { return };
    let finding = report.of_rule("essential-container-exited")[0];
    assert_eq!(finding["service"], "admin", "{}", report.outcome);
}

#[test]
fn a_probe_that_passes_in_dev_alone_is_found() {
    let Some(report) = goals_broken() else { return };
    let finding = report.finding("probe-differs", "probe", "the page finds its settings");
    assert_eq!(finding["severity"], "error", "{}", report.outcome);
}

#[test]
fn a_probe_that_passes_in_both_runs_is_no_finding() {
    let Some(report) = goals_broken() else { return };
    let told = report
        .findings()
        .iter()
        .any(|finding| finding["data"]["probe"] == "the page is served");
    assert!(!told, "{}", report.outcome);
}

#[test]
fn guestbook_broken_fails() {
    let Some(report) = guestbook_broken() else {
        return;
    };
    report.outcome.exits(1);
    assert_eq!(report.json["verdict"], "fail", "{}", report.outcome);
}

#[test]
fn a_service_name_in_a_url_of_python_code_is_found() {
    let Some(report) = guestbook_broken() else {
        return;
    };
    let finding = report.finding("service-host-in-source", "host", "db");
    let place = Report::place(finding);
    assert!(place.starts_with("api/"), "{place}\n{}", report.outcome);
}

#[test]
fn a_service_name_in_a_server_configuration_is_found() {
    let Some(report) = guestbook_broken() else {
        return;
    };
    let finding = report.finding("service-host-in-source", "host", "api");
    let place = Report::place(finding);
    assert!(
        place.starts_with("proxy/default.conf:"),
        "{place}\n{}",
        report.outcome
    );
}

#[test]
fn a_service_name_in_the_environment_is_found() {
    let Some(report) = guestbook_broken() else {
        return;
    };
    let finding = report.finding("service-host-in-environment", "host", "proxy");
    let place = Report::place(finding);
    assert!(
        place.starts_with("compose.yaml:"),
        "{place}\n{}",
        report.outcome
    );
}

#[test]
fn a_configuration_file_that_only_the_bind_mount_brings_is_found() {
    let Some(report) = guestbook_broken() else {
        return;
    };
    report.finding(
        "missing-from-image",
        "target",
        "/etc/nginx/conf.d/headers.conf",
    );
}

#[test]
fn the_json_report_has_the_fields_of_the_contract() {
    let Some(report) = goals_broken() else { return };
    assert_eq!(
        keys(&report.json),
        [
            "schema_version",
            "app",
            "verdict",
            "findings",
            "not_checked",
            "left_out",
            "unused_ignores",
            "remarks",
            "stale_baseline",
            "changes",
            "stand_ins"
        ]
    );
    assert_eq!(report.json["schema_version"], 1);
    for finding in report.findings() {
        let fields = [
            "code",
            "rule",
            "severity",
            "service",
            "message",
            "locations",
            "data",
            "evidence",
            "help",
            "fingerprint",
        ];
        // `fix` is only there where `--fix` can mend it.
        let mut named = keys(finding);
        named.retain(|key| *key != "fix");
        assert_eq!(named, fields, "{}", report.outcome);
        for field in ["code", "rule", "message", "help"] {
            assert!(
                finding[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} of {finding:#}"
            );
        }
        assert!(
            matches!(finding["severity"].as_str(), Some("error" | "warning")),
            "{finding:#}"
        );
        assert!(
            finding["data"].is_object() && finding["evidence"].is_array(),
            "{finding:#}"
        );
    }
}

#[test]
fn places_in_the_json_report_are_relative_and_count_from_one() {
    for report in [goals_broken(), guestbook_broken()].into_iter().flatten() {
        for finding in report.findings() {
            let locations = finding["locations"].as_array().expect("a list");
            assert!(!locations.is_empty(), "{finding:#}");
            for location in locations {
                assert_eq!(
                    keys(location),
                    ["path", "line", "column", "end_column"],
                    "{finding:#}"
                );
                let path = location["path"].as_str().expect("a path");
                assert!(
                    !path.is_empty() && !path.starts_with('/') && !path.starts_with("./"),
                    "{finding:#}"
                );
                let number = |key: &str| location[key].as_u64().expect("a number");
                assert!(number("line") >= 1 && number("column") >= 1, "{finding:#}");
                assert!(number("end_column") > number("column"), "{finding:#}");
            }
        }
    }
}
