//! What the layers of the images and the stop of the task show.

use std::path::Path;

use crate::support::{Project, Report};

/// A copy of a scenario's broken app.
fn broken(scenario: &str) -> Option<Project> {
    let project = Project::with_engine()?;
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    project.folder(&scenarios.join(scenario).join("broken"));
    Some(project)
}

fn proofs(finding: &serde_json::Value) -> String {
    finding["evidence"].to_string()
}

#[test]
fn a_secret_that_a_later_layer_removes_is_found_and_its_value_is_written_nowhere() {
    let Some(project) = broken("E008-secret-in-image") else {
        return;
    };
    let outcome = project.run(&[
        "prod-check",
        "--no-compare",
        "--format",
        "json",
        "--evidence",
        "seen.json",
    ]);
    let report = Report::of(&outcome);
    let finding = report.finding("secret-in-image", "path", "/srv/payment.env");
    assert_eq!(Report::place(finding), "web/Dockerfile:3");
    let message = finding["message"].as_str().unwrap_or_default();
    assert!(message.contains("still in a layer"), "{message}");
    assert!(proofs(finding).contains("`web/payment.env`"), "{finding}");
    let evidence = std::fs::read_to_string(project.path("seen.json")).expect("the evidence");
    for text in [&outcome.stdout, &outcome.stderr, &evidence] {
        assert!(!text.contains("q7Zt0bVxw3LsMe91"), "{text}");
    }
}

#[test]
fn a_secret_that_only_a_copy_brings_is_told_with_the_instruction_of_its_layer() {
    let Some(project) = broken("E008-secret-in-image") else {
        return;
    };
    project.file(
        "web/Dockerfile",
        "FROM python:3.12-slim\nWORKDIR /srv\nCOPY payment.env index.html ./\nCOPY index.html payment.env\nCMD [\"python\", \"-m\", \"http.server\", \"8000\"]\n",
    );
    let outcome = project.run(&["prod-check", "--no-compare", "--format", "json"]);
    let report = Report::of(&outcome);
    let finding = report.finding("secret-in-image", "path", "/srv/payment.env");
    let layer = proofs(finding);
    assert!(layer.contains("the layer was made by `COPY"), "{finding}");
    assert!(!outcome.stdout.contains("q7Zt0bVxw3LsMe91"), "{outcome:?}");
}

#[test]
fn a_container_that_is_killed_is_told_with_its_pid_1_and_its_exit_code() {
    let Some(project) = broken("T006-ignores-stop-signal") else {
        return;
    };
    let outcome = project.run(&["prod-check", "--no-compare", "--format", "json"]);
    let report = Report::of(&outcome);
    let finding = report.finding("ignores-stop-signal", "signal", "SIGTERM");
    assert_eq!(finding["data"]["exit_code"], 137, "{finding}");
    assert_eq!(finding["data"]["timeout"], 2, "{finding}");
    assert!(
        proofs(finding).contains("`python -m http.server 8000`"),
        "{finding}"
    );
}
