//! `envsim config` as a user meets it. That it prints what Docker Compose prints is shown by
//! `tests/compose.rs`. No engine is needed.

use std::process::Command;

use crate::support::Project;

#[test]
fn all_independent_mistakes_are_told_in_one_run_each_with_its_place() {
    let project = Project::new();
    project.compose(
        r#"services:
  web:
    image: nginx
    enviroment: {A: 1}
    ports: ["80:80:80", 99999]
    healthcheck: {retries: three, interval: 5}
    deploy: {replicas: "${N:?how many}"}
  db:
    imag: postgres
    mem_limit: 5q
  api: {extends: {service: wbe}}
"#,
    );
    let outcome = project.run(&["config"]);
    outcome.exits(2).says(&[
        "compose.yaml:4:5",
        "did you mean `environment`?",
        "compose.yaml:5:25",
        "`99999` is not a port",
        "compose.yaml:6:28",
        "compose.yaml:6:45",
        "must be a time such as `1m30s`, not a number, `5`",
        "compose.yaml:7:24",
        "the variable `N` is required: how many",
        "compose.yaml:9:5",
        "did you mean `image`?",
        "compose.yaml:10:16",
        "must be a size, not `5q`",
        "compose.yaml:11:28",
        "did you mean `web`?",
    ]);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_mistake_in_an_included_file_points_into_that_file() {
    let project = Project::new();
    project
        .compose("include: [db/compose.yaml]\nservices: {web: {image: x, depends_on: [db]}}\n")
        .file(
            "db/compose.yaml",
            "services:\n  db:\n    image: y\n    prots: [1]\n",
        );
    project
        .run(&["config"])
        .exits(2)
        .says(&["db/compose.yaml:4:5", "did you mean `ports`?"]);
}

#[test]
fn lists_of_names_are_printed_one_per_line() {
    let project = Project::new();
    project.compose(
        "services:
  web: {build: ., networks: [front]}
  db: {image: 'postgres:16', networks: [front], volumes: ['data:/data']}
  tool: {image: tool, profiles: [debug], networks: [front]}
volumes: {data: {}, unused: {}}
networks: {front: {}}
",
    );
    let list = |flag: &str| project.run(&["config", flag]).exits(0).stdout.clone();
    assert_eq!(list("--services"), "db\nweb\n");
    assert_eq!(
        list("--images"),
        format!("postgres:16\n{}-web\n", project.name())
    );
    assert_eq!(list("--volumes"), "data\n");
    assert_eq!(list("--networks"), "front\n");
    assert_eq!(list("--profiles"), "debug\n");
}

#[test]
fn what_config_printed_is_read_as_the_same_project() {
    let project = Project::new();
    project.compose("services: {web: {image: 'a:${TAG}'}}\n");
    let once = project.run(&["config"]);
    once.exits(0).says(&["`TAG` is not set"]);
    project.file("again.yaml", &once.stdout);
    let again = project.run(&["-f", "again.yaml", "config"]);
    assert_eq!(once.stdout, again.exits(0).stdout);
}

#[test]
fn a_project_can_come_from_standard_input() {
    let project = Project::new();
    project.file("input", "services: {a: {image: b}}");
    let input = std::fs::File::open(project.path("input")).expect("the file");
    let output = Command::new(env!("CARGO_BIN_EXE_envsim"))
        .args(["-f", "-", "config", "--images"])
        .current_dir(project.path("."))
        .stdin(input)
        .output()
        .expect("envsim runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "b\n");
}

#[test]
fn variables_are_listed_with_their_defaults() {
    let project = Project::new();
    project.compose(
        "services: {web: {image: 'a:${TAG:-1}', command: ['${WORD:?say it}', '${X:+y}']}}\n",
    );
    let listed = project.run(&["config", "--variables"]);
    let rows: Vec<Vec<&str>> = listed
        .exits(0)
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[1], ["TAG", "false", "1"]);
    assert_eq!(rows[2], ["WORD", "true"]);
    assert_eq!(rows[3], ["X", "false", "y"]);
}

#[test]
fn a_job_is_told_with_its_line_and_what_to_do() {
    let project = Project::new();
    project.compose(
        "services:
  web: {image: web}
jobs:
  backup:
    image: backup
    triggers: {manual: true}
",
    );
    project
        .run(&["config", "--mode", "prod", "-q"])
        .exits(0)
        .says(&[
            "compose.yaml:4:3",
            "the job `backup` is not run",
            "EventBridge Scheduler",
        ]);
}
