//! Projects whose files can be read and that still cannot run: one clear error, and nothing left in
//! the engine.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::{Outcome, Project};

/// Both kinds of run refuse the project with the same error and leave nothing behind.
#[track_caller]
fn refuses(project: &Project, code: i32, texts: &[&str]) {
    for command in [&["dev", "-d"][..], &["prod-check"]] {
        let outcome = project.run(command);
        told(project, &outcome, code, texts);
    }
}

#[track_caller]
fn told(project: &Project, outcome: &Outcome, code: i32, texts: &[&str]) {
    outcome.exits(code).tells_one_error().says(texts);
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "left in the engine: {left:?}\n{outcome}");
}

#[test]
fn a_missing_dockerfile_is_named_with_the_place_that_asks_for_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose("services:\n  web:\n    build: ./web\n")
        .file("web/app.py", "");
    refuses(
        &project,
        2,
        &["compose.yaml:3:", "web/Dockerfile", "build.dockerfile"],
    );
}

#[test]
fn a_missing_build_context_is_named_with_the_place_that_asks_for_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose("services:\n  web:\n    build: ./nowhere\n");
    refuses(
        &project,
        2,
        &["compose.yaml:3:", "nowhere", "build.context"],
    );
}

#[test]
fn an_unknown_build_target_is_named_with_its_place() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose("services:\n  web:\n    build:\n      context: .\n      target: relaese\n")
        .file("Dockerfile", "FROM debian:bookworm-slim AS release\n");
    refuses(&project, 2, &["compose.yaml:5:", "relaese", "release"]);
}

#[test]
fn an_unknown_instruction_of_a_dockerfile_is_shown_with_its_line() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose("services: {web: {build: .}}\n")
        .file("Dockerfile", "FROM debian:bookworm-slim\nRUNN true\n");
    let outcome = project.run(&["dev", "-d"]);
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome}");
    outcome.tells_one_error().says(&["RUNN"]);
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "left in the engine: {left:?}\n{outcome}");
}

#[test]
fn a_failing_build_shows_the_step_and_the_end_of_its_log() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let dockerfile = format!(
        "FROM debian:bookworm-slim\nRUN echo the reason is {} && exit 7\n",
        project.name()
    );
    project
        .compose("services: {web: {build: .}}\n")
        .file("Dockerfile", dockerfile);
    let reason = format!("the reason is {}", project.name());
    refuses(&project, 3, &["exit 7", &reason, "web"]);
}

#[test]
fn a_file_that_the_context_lacks_fails_the_build_with_its_name() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose("services: {web: {build: .}}\n").file(
        "Dockerfile",
        "FROM debian:bookworm-slim\nCOPY nothere.txt /\n",
    );
    let outcome = project.run(&["dev", "-d"]);
    told(&project, &outcome, 3, &["nothere.txt"]);
}

#[test]
fn an_image_that_nobody_has_is_named() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    // No registry is at this address, so nothing outside is asked.
    project.compose("services: {web: {image: '127.0.0.1:1/envsim-it/nobody-has-it:1'}}\n");
    refuses(&project, 3, &["127.0.0.1:1/envsim-it/nobody-has-it:1"]);
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("its address").port();
    project.compose(&format!(
        "services: {{web: {{image: 'debian:bookworm-slim', command: [sleep, infinity], ports: ['{port}:80']}}}}\n"
    ));
    let outcome = project.run(&["dev", "-d"]);
    told(&project, &outcome, 3, &[&port.to_string(), "`ports`"]);
}

#[test]
fn a_command_that_the_image_lacks_is_named() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose("services: {web: {image: 'debian:bookworm-slim', command: [no-such-program]}}\n");
    let outcome = project.run(&["dev", "-d"]);
    told(&project, &outcome, 3, &["web", "no-such-program"]);
}

#[test]
fn a_mount_that_must_be_there_and_is_not_is_named() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:\n  web:\n    image: debian:bookworm-slim\n    command: [sleep, infinity]\n    volumes:\n      - {type: bind, source: ./nowhere, target: /src}\n",
    );
    let outcome = project.run(&["dev", "-d"]);
    told(&project, &outcome, 3, &["nowhere", "`volumes`"]);
    assert!(!project.path("nowhere").exists(), "{outcome}");
}

#[test]
fn an_external_volume_that_is_missing_is_named_with_what_to_do() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let volume = format!("{}-elsewhere", project.name());
    project.compose(&format!(
        "services: {{web: {{image: 'debian:bookworm-slim', volumes: ['data:/data']}}}}\nvolumes: {{data: {{external: true, name: {volume}}}}}\n"
    ));
    let outcome = project.run(&["dev", "-d"]);
    told(&project, &outcome, 3, &[&volume, "docker volume create"]);
}

#[test]
fn exec_in_a_service_that_does_not_run_says_how_to_start_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose("services: {web: {image: 'debian:bookworm-slim'}}\n");
    let outcome = project.exec("web", &["true"]);
    told(&project, &outcome, 2, &["web", "envsim dev"]);
}
