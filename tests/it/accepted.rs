//! Which findings are reported: selected by rule and severity, accepted by a comment, by
//! `x-envsim.ignore` or by a baseline, and always counted.

use serde_json::Value;

use crate::support::{Outcome, Project, Report};

const APP: &str = "services:
  web:
    image: web:1
    environment:
      CACHE: redis://cache:6379
      QUEUE: amqp://queue:5672
    env_file: [web.env]
  cache: {image: 'cache:1'}
  queue: {image: 'queue:1'}
";

/// Two findings of H002 and one warning of E006, without an engine.
fn project(compose: &str) -> Project {
    let project = Project::new();
    project.compose(compose).file("web.env", "NAME='quoted'\n");
    project
}

#[track_caller]
fn check(project: &Project, arguments: &[&str]) -> Outcome {
    project.run(&[&["prod-check", "--static"], arguments].concat())
}

/// The last line of the report.
fn verdict(outcome: &Outcome) -> &str {
    outcome.stdout.lines().last().unwrap_or_default()
}

#[track_caller]
fn ends(outcome: &Outcome, code: i32, tail: &str) {
    outcome.exits(code);
    assert!(
        verdict(outcome).ends_with(tail),
        "expected `{tail}`\n{outcome}"
    );
}

#[test]
fn rules_are_selected_by_code_name_and_beginning() {
    let project = project(APP);
    ends(&check(&project, &[]), 1, ": 2 errors, 1 warning");
    ends(
        &check(&project, &["--select=E,T001"]),
        0,
        ": 1 warning, 2 not selected",
    );
    ends(
        &check(&project, &["--ignore=h00"]),
        0,
        ": 1 warning, 2 not selected",
    );
    ends(
        &check(
            &project,
            &["--select=H", "--ignore", "service-host-in-environment"],
        ),
        0,
        ": nothing new, 3 not selected",
    );
}

#[test]
fn a_severity_says_what_is_reported_and_what_fails() {
    let project = project(APP);
    ends(
        &check(&project, &["--severity=error"]),
        1,
        ": 2 errors, 1 not selected",
    );
    ends(
        &check(&project, &["--severity=error", "--ignore=H"]),
        0,
        "3 not selected",
    );
    ends(
        &check(&project, &["--severity=warning", "--ignore=H"]),
        1,
        ": 1 warning, 2 not selected",
    );
}

#[test]
fn an_unknown_rule_is_bad_usage_with_the_nearest_name() {
    let project = project(APP);
    for flag in ["--select", "--ignore"] {
        check(&project, &[flag, "H001,port-clsh"])
            .exits(2)
            .tells_one_error()
            .says(&["`port-clsh`", "`port-clash`"]);
    }
}

#[test]
fn a_comment_with_a_reason_accepts_what_is_on_its_line_or_below() {
    let text = APP
        .replace("6379", "6379 # envsim: ignore[H002] a sidecar of that name")
        .replace(
            "      QUEUE",
            "      # envsim: ignore[H] no\n      # envsim: ignore[H002] mocked\n      QUEUE",
        );
    let outcome = check(&project(&text), &[]);
    ends(&outcome, 0, ": 1 warning, 2 ignored");
    outcome.prints("a sidecar of that name").prints("mocked");
}

#[test]
fn a_comment_without_a_reason_is_a_warning_and_accepts_nothing() {
    let text = APP.replace("6379", "6379 # envsim: ignore[H002]");
    let outcome = check(&project(&text), &[]);
    ends(&outcome, 1, ": 2 errors, 2 warnings");
    outcome.prints("this comment has no reason");
}

#[test]
fn a_baseline_accepts_what_was_there_though_lines_moved_and_tells_what_is_gone() {
    let project = project(APP);
    ends(
        &check(&project, &["--write-baseline=base.json"]),
        0,
        ": nothing new, 3 in the baseline",
    );
    let moved = APP.replace(
        "    environment:\n",
        "    restart: always\n    environment:\n",
    );
    project.compose(&moved.replace("queue:5672", "cache:5672"));
    let outcome = check(&project, &["--baseline=base.json"]);
    ends(&outcome, 1, ": 1 error, 2 in the baseline");
    outcome
        .prints("1 entry of the baseline found nothing any more")
        .prints("amqp://queue:5672");
    let json = check(&project, &["--baseline=base.json", "--format=json"]).json();
    assert_eq!(json["stale_baseline"][0]["code"], "H002");
    assert_eq!(json["findings"][0]["ignored"]["by"], "baseline");
}

#[test]
fn a_file_that_is_no_baseline_is_told_before_anything_is_looked_at() {
    let project = project(APP);
    check(&project, &["--baseline=none.json"])
        .exits(2)
        .says(&["none.json", "--write-baseline"]);
    for text in ["", "{", "[]", "{\"baseline_version\": 9, \"findings\": []}"] {
        project.file("base.json", text);
        check(&project, &["--baseline=base.json"])
            .exits(2)
            .tells_one_error()
            .says(&["base.json"]);
    }
}

/// Every way at once, in the run and again from its evidence.
#[test]
fn evidence_is_judged_to_the_same_report_without_the_project() {
    let text = APP.replace("6379", "6379 # envsim: ignore[H002] mocked");
    let project = project(&text);
    let flags = [
        "--evidence=evidence.json",
        "--write-baseline=base.json",
        "--severity=warning",
    ];
    let written = check(&project, &flags);
    ends(&written, 0, "1 ignored, 2 in the baseline");
    let evidence = project.path("evidence.json").display().to_string();
    let baseline = project.path("base.json").display().to_string();
    for format in ["human", "json", "sarif", "junit", "github"] {
        let flags = [
            "--format",
            format,
            "--severity=warning",
            "--baseline",
            &baseline,
        ];
        let first = check(&project, &flags);
        let elsewhere = Project::new();
        let again = elsewhere.run(&[&["check", "--from", &evidence], &flags[..]].concat());
        assert_eq!(again.stdout, first.stdout, "{format}");
        assert_eq!(again.code, first.code, "{format}");
        // Annotations are for what has to be done.
        let told = first.stdout.contains("mocked");
        assert_eq!(told, format != "github", "{first}");
    }
}

#[test]
fn the_evidence_of_an_app_with_secrets_everywhere_has_none() {
    const SECRET: &str = "Tr0ub4dor-and-3";
    let project = Project::new();
    let compose = format!(
        "x-envsim:
  probes: [{{service: web, port: 80, http: GET /, headers: {{Authorization: 'Bearer {SECRET}'}}}}]
services:
  web:
    build: {{context: ., args: {{NPM_TOKEN: {SECRET}}}}}
    command: [run, --password, {SECRET}]
    environment:
      DB_PASSWORD: {SECRET}
      DB: postgres://app:{SECRET}@db:5432/app # was {SECRET}
    labels: {{secret: {SECRET}}}
    secrets: [key]
    configs: [settings]
  db: {{image: 'db:1', environment: {{POSTGRES_PASSWORD: {SECRET}}}}}
secrets: {{key: {{file: key.txt}}}}
configs: {{settings: {{content: 'password={SECRET}'}}}}
"
    );
    project
        .compose(&compose)
        .file("key.txt", SECRET)
        .file("Dockerfile", "FROM scratch\nCOPY a.js /\n")
        .file(
            "a.js",
            format!("connect('redis://u:{SECRET}@db:1')\n// {SECRET}\n"),
        );
    let outcome = check(&project, &["--evidence=evidence.json", "--verbose"]);
    outcome.exits(1).prints("@db:5432/app");
    assert!(!outcome.stdout.contains(SECRET), "{outcome}");
    let text = std::fs::read_to_string(project.path("evidence.json")).expect("evidence");
    if let Some(at) = text.find(SECRET) {
        panic!("{}", &text[at.saturating_sub(200)..at + 30]);
    }
    assert!(text.contains("@db:5432/app"));
}

#[test]
fn evidence_that_is_cut_off_or_made_up_is_a_clear_error() {
    let project = project(APP);
    check(&project, &["--evidence=evidence.json"]).exits(1);
    let text = std::fs::read_to_string(project.path("evidence.json")).expect("evidence");
    let half = &text[..text.len() / 2];
    let deep = "[".repeat(100_000);
    let newer = text.replacen("\"evidence_version\": 1", "\"evidence_version\": 99", 1);
    for (content, said) in [
        ("", "is not the evidence"),
        (half, "is not the evidence"),
        (&*deep, "is not the evidence"),
        (
            "{\"evidence_version\": 1, \"evidence\": {}}",
            "is not the evidence",
        ),
        (&*newer, "version 99"),
    ] {
        project.file("other.json", content);
        project
            .run(&["check", "--from", "other.json"])
            .exits(2)
            .tells_one_error()
            .says(&["other.json", said]);
    }
    // Numbers that no file has are no reason to stumble.
    let odd = text
        .replace("\"line\": 5", "\"line\": 0")
        .replace("\"column\": ", "\"column\": 4000");
    project.file("odd.json", odd);
    let report = Report::of(&project.run(&["check", "--from", "odd.json", "--format=json"]));
    assert_eq!(report.json["verdict"], Value::from("fail"));
    project.run(&["check", "--from", "odd.json"]).exits(1);
}

#[test]
fn a_broken_dockerfile_does_not_keep_the_other_services_from_being_judged() {
    let project = Project::new();
    project
        .compose(
            "services:
  one: {build: one}
  two: {build: two}
  three: {build: three}
  web: {build: web}
",
        )
        .file("two/Dockerfile", "FROM a AS b\nCOPPY x y\n")
        .file("three/keep", "")
        .file("web/Dockerfile", "FROM scratch\nCOPY a.js /\n")
        .file("web/a.js", "fetch('http://two:80/')\n");
    let outcome = check(&project, &[]);
    ends(&outcome, 1, ": 1 error");
    outcome
        .prints("web/a.js:1:15")
        .says(&["`one`", "COPPY", "`three`"]);
    outcome.prints("the image of `one` is not known");
    let json = check(&project, &["--format=json"]).json();
    let missing = json["not_checked"].as_array().expect("a list");
    assert!(
        missing
            .iter()
            .any(|one| one["rule"] == "service-host-in-source"),
        "{missing:?}"
    );
}

#[test]
fn where_no_image_is_known_all_reasons_are_told_and_nothing_is_judged() {
    let project = Project::new();
    project.compose("services:\n  one: {build: one}\n  two: {build: two}\n");
    let outcome = check(&project, &[]);
    outcome
        .exits(2)
        .says(&["`one`", "`two`", "compose.yaml:2:", "compose.yaml:3:"]);
    assert_eq!(outcome.stdout, "");
}
