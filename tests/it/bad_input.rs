//! Files that are wrong: one clear error that names the place and what to do, before any engine is
//! asked.

use crate::support::{Outcome, Project};

/// Both kinds of run refuse the project with the same error, and need no engine for it.
#[track_caller]
fn refuses(mut project: Project, flags: &[&str], texts: &[&str]) {
    project.variable("DOCKER_HOST", "unix:///nonexistent.sock");
    for command in [&["dev", "-d"][..], &["prod-check"]] {
        let outcome = project.run(&[flags, command].concat());
        outcome.exits(2).tells_one_error().says(texts);
        assert_eq!(outcome.stdout, "", "an error belongs on stderr\n{outcome}");
    }
}

#[track_caller]
fn refuses_compose(compose: &str, texts: &[&str]) {
    let project = Project::new();
    project.compose(compose);
    refuses(project, &[], texts);
}

#[test]
fn a_directory_without_a_compose_file_is_named_with_the_names_looked_for() {
    refuses(
        Project::new(),
        &[],
        &["no Compose file", "compose.yaml", "-f"],
    );
}

#[test]
fn a_named_file_that_is_missing_is_named() {
    refuses(
        Project::new(),
        &["-f", "other.yaml"],
        &["other.yaml", "no such file"],
    );
}

#[test]
fn bad_yaml_is_shown_with_line_and_column() {
    refuses_compose(
        "services:\n  web:\n    image: [debian\n",
        &["compose.yaml:"],
    );
}

#[test]
fn bad_indentation_is_shown_with_line_and_column() {
    refuses_compose(
        "services:\n  web:\n    image: debian\n   ports: ['80']\n",
        &["compose.yaml:4:"],
    );
}

#[test]
fn an_empty_file_is_an_error() {
    refuses_compose("", &["compose.yaml"]);
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_was_meant() {
    refuses_compose(
        "services:\n  web:\n    imagee: debian\n",
        &["compose.yaml:3:5", "imagee", "`image`"],
    );
}

#[test]
fn an_unknown_service_in_depends_on_is_shown_with_the_one_that_was_meant() {
    refuses_compose(
        "services:\n  web:\n    image: debian\n    depends_on: [databse]\n  database:\n    image: debian\n",
        &["compose.yaml:4:", "databse", "`database`"],
    );
}

#[test]
fn a_dependency_cycle_names_its_services() {
    refuses_compose(
        "services:\n  a: {image: debian, depends_on: [b]}\n  b: {image: debian, depends_on: [c]}\n  c: {image: debian, depends_on: [a]}\n",
        &["a", "b", "c", "compose.yaml"],
    );
}

#[test]
fn an_unknown_rule_in_ignore_is_shown_with_the_one_that_was_meant() {
    refuses_compose(
        "x-envsim:\n  ignore:\n    - rule: port-clsh\n      reason: x\nservices: {web: {image: debian}}\n",
        &[
            "compose.yaml:3:13",
            "- rule: port-clsh",
            "did you mean `port-clash`?",
        ],
    );
}

#[test]
fn a_launch_type_in_lower_case_is_shown_as_aws_writes_it() {
    refuses_compose(
        "x-envsim: {launch_type: fargate}\nservices: {web: {image: debian}}\n",
        &["compose.yaml:1:25", "did you mean `FARGATE`?"],
    );
}

#[test]
fn a_port_out_of_range_is_shown() {
    refuses_compose(
        "services:\n  web:\n    image: debian\n    ports: ['80800:80']\n",
        &["compose.yaml:4:", "80800"],
    );
}

#[test]
fn a_port_that_is_no_number_is_shown() {
    refuses_compose(
        "services:\n  web:\n    image: debian\n    ports: ['http']\n",
        &["compose.yaml:4:", "http"],
    );
}

#[test]
fn a_duplicate_key_is_shown() {
    refuses_compose(
        "services:\n  web:\n    image: debian\n    image: busybox\n",
        &["compose.yaml:4:5", "image"],
    );
}

#[test]
fn a_duplicate_service_is_shown() {
    refuses_compose(
        "services:\n  web: {image: debian}\n  web: {image: busybox}\n",
        &["compose.yaml:3:3", "web"],
    );
}

#[test]
fn a_probe_of_an_unknown_service_is_shown_with_the_services_there_are() {
    refuses_compose(
        "x-envsim:\n  probes:\n    - {service: wbe, tcp: 80}\nservices: {web: {image: debian}}\n",
        &["compose.yaml:3:", "wbe", "web"],
    );
}

#[test]
fn a_service_without_image_and_build_is_shown() {
    refuses_compose(
        "services:\n  web:\n    command: ['true']\n",
        &["web", "`image`", "`build`"],
    );
}

#[test]
fn an_undeclared_volume_is_shown() {
    refuses_compose(
        "services:\n  web:\n    image: debian\n    volumes: ['data:/data']\n",
        &["compose.yaml:4:", "data"],
    );
}

#[test]
fn a_variable_that_must_be_set_is_shown_with_its_message() {
    refuses_compose(
        "services:\n  web:\n    image: 'debian:${IT_UNSET?say which}'\n",
        &["compose.yaml:3:", "say which"],
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_named_with_their_line() {
    let project = Project::new();
    project.file("compose.yaml", b"services:\n  web:\n    image: caf\xe9\n");
    refuses(project, &[], &["compose.yaml", "line 3", "UTF-8"]);
}

#[test]
fn a_fifo_as_compose_file_is_refused_and_never_opened() {
    let project = Project::new();
    let made = std::process::Command::new("mkfifo")
        .arg(project.path("compose.yaml"))
        .status();
    assert!(made.expect("mkfifo can be started").success());
    refuses(project, &[], &["compose.yaml", "not a regular file"]);
}

#[test]
fn a_directory_as_compose_file_is_refused() {
    let project = Project::new();
    project.file("compose.yaml/unused", "");
    refuses(project, &[], &["compose.yaml", "a directory"]);
}

#[test]
fn a_project_name_that_the_engine_cannot_take_is_refused() {
    let mut project = Project::new();
    project.compose("services: {web: {image: debian}}\n");
    project.rename("Not A Name");
    refuses(project, &[], &["Not A Name", "lower-case"]);
}

#[test]
fn an_unknown_service_on_the_command_line_is_shown_with_those_there_are() {
    let project = Project::new();
    project.compose("services: {web: {image: debian}, db: {image: debian}}\n");
    let outcome: Outcome = project.run(&["dev", "wbe"]);
    outcome.exits(2).tells_one_error().says(&["wbe", "web, db"]);
}

#[test]
fn several_errors_are_all_shown_at_once() {
    let project = Project::new();
    project.compose("services:\n  web:\n    imagee: debian\n    image: debian\n    portss: []\n");
    project.run(&["dev"]).exits(2).says(&["imagee", "portss"]);
}
