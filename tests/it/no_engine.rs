//! Where no engine answers, every command says so at once.

use std::time::Duration;

use crate::support::Project;

const COMPOSE: &str = "services: {web: {image: 'debian:bookworm-slim'}}\n";

/// The command ends at once with exit code 3, names what was tried and what to do.
#[track_caller]
fn refuses(arguments: &[&str]) {
    let mut project = Project::new();
    project.compose(COMPOSE);
    project.variable("DOCKER_HOST", "unix:///nonexistent.sock");
    let outcome = project.run(arguments);
    outcome
        .exits(3)
        .says(&["/nonexistent.sock"])
        .tells_one_error();
    assert!(
        outcome.took < Duration::from_secs(3),
        "it took too long\n{outcome}"
    );
    let remedy = ["envsim doctor", "export DOCKER_HOST="]
        .iter()
        .any(|text| outcome.stderr.contains(text));
    assert!(remedy, "expected a remedy on stderr\n{outcome}");
}

#[test]
fn dev_without_an_engine_says_so_at_once() {
    refuses(&["dev"]);
}

#[test]
fn prod_check_without_an_engine_says_so_at_once() {
    refuses(&["prod-check"]);
}

#[test]
fn ps_without_an_engine_says_so_at_once() {
    refuses(&["ps"]);
}

#[test]
fn logs_without_an_engine_says_so_at_once() {
    refuses(&["logs"]);
}

#[test]
fn exec_without_an_engine_says_so_at_once() {
    refuses(&["exec", "web", "true"]);
}

#[test]
fn down_without_an_engine_says_so_at_once() {
    refuses(&["down"]);
}

#[test]
fn doctor_without_an_engine_shows_how_to_get_one() {
    refuses(&["doctor"]);
}

#[test]
fn a_docker_host_that_is_no_address_is_named() {
    let mut project = Project::new();
    project.compose(COMPOSE).file("unused", "");
    project.variable("DOCKER_HOST", "gopher://there");
    project
        .run(&["ps"])
        .exits(3)
        .says(&["gopher://there"])
        .tells_one_error();
}

#[test]
fn the_version_is_shown_without_an_engine() {
    let mut project = Project::new();
    project.variable("DOCKER_HOST", "unix:///nonexistent.sock");
    project
        .run(&["--version"])
        .exits(0)
        .prints(env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_help_names_every_command_and_the_exit_codes() {
    let outcome = Project::new().run(&["--help"]);
    outcome.exits(0).prints("Exit codes");
    for command in [
        "dev",
        "prod-check",
        "ps",
        "logs",
        "exec",
        "down",
        "dockerfile",
        "doctor",
    ] {
        outcome.prints(command);
    }
}

#[test]
fn an_unknown_flag_is_bad_usage() {
    Project::new()
        .run(&["dev", "--detatch"])
        .exits(2)
        .says(&["--detatch"]);
}

#[test]
fn an_unknown_command_is_bad_usage() {
    Project::new()
        .run(&["prodcheck"])
        .exits(2)
        .says(&["prodcheck", "prod-check"]);
}

#[test]
fn doctor_shows_the_engine_that_answers() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .run(&["doctor"])
        .exits(0)
        .prints("Engine")
        .prints("BuildKit");
}

#[test]
fn doctor_gives_json_for_programs() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let outcome = project.run(&["doctor", "--json"]);
    outcome.exits(0);
    let checks = outcome.json();
    let names: Vec<&str> = checks
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|check| check["name"].as_str())
        .collect();
    assert!(
        names.contains(&"engine") && names.contains(&"cgroups"),
        "{outcome}"
    );
}
