//! `envsim dev --output jsonl`: what happens, for programs.

use serde_json::Value;

use crate::reports::Judge;
use crate::support::{Outcome, Project, until};

/// The lines of stdout, each of them JSON.
fn events(outcome: &Outcome) -> Vec<Value> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{outcome}"))
    };
    outcome.stdout.lines().map(parse).collect()
}

#[test]
fn every_line_of_a_real_run_is_an_event_as_the_schema_says() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .file("Dockerfile", "FROM debian:bookworm-slim\nCOPY src /src\n")
        .file("src/page", "before")
        .compose(
            "services:
  web:
    build: .
    command: [bash, -c, 'echo to postgres://u:hunter2@db; echo bad >&2; trap exit TERM; sleep infinity & wait']
    ports: ['8080']
    healthcheck: {test: [CMD, 'true'], interval: 1s}
    develop:
      watch:
        - {action: sync, path: ./src, target: /src}
",
        );
    let mut running = project.spawn(&["dev", "--output", "jsonl"]);
    running.wait_for("watching the files of web");
    running.wait_for("\"change\":\"healthy\"");
    running.wait_for("\"stream\":\"stderr\"");
    running.wait_for("\"event\":\"log\"");
    project.file("src/page", "after, and longer");
    running.wait_for("\"event\":\"sync\"");
    running.interrupt();
    let outcome = running.finish();
    outcome.exits(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    assert!(!outcome.stdout.contains("hunter2"), "{outcome}");

    let events = events(&outcome);
    let judge = Judge::of_events();
    events.iter().for_each(|event| judge.accepts(event));
    let times: Vec<&str> = events
        .iter()
        .filter_map(|event| event["time"].as_str())
        .collect();
    assert!(times.first() < times.last(), "{outcome}");
    let of = |name: &str| events.iter().find(|event| event["event"] == name);
    let sync = of("sync").expect("a sync");
    assert_eq!(sync["service"], "web", "{outcome}");
    assert_eq!(sync["paths"][0]["path"], "src/page", "{outcome}");
    assert!(sync["latency_ms"].as_f64() > Some(0.0), "{outcome}");
    let port = of("port").expect("a port");
    assert_eq!(port["port"], 8080, "{outcome}");
    for name in ["build_started", "build_done", "container", "log", "phase"] {
        assert!(of(name).is_some(), "no `{name}`\n{outcome}");
    }
}

#[test]
fn the_run_ends_when_nobody_reads_its_events_any_more() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, 'trap exit TERM; while sleep 0.1; do echo again; done']
",
    );
    let outcome = project.pipe_to(&["dev", "--output", "jsonl"], "head -n 1");
    outcome.exits(0);
    until("nothing is left", || {
        project
            .eye()
            .running_parts(project.name())
            .is_empty()
            .then_some(())
    });
}
