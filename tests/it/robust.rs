//! Runs that are killed, and runs beside each other.

use crate::support::{Project, free_port, get, until};

/// A built and a stock service, a named volume, a probe that never passes: it runs until it is ended.
const ENDLESS: &str = "x-envsim:
  probes: [{service: web, command: ['false'], timeout: 600s}]
services:
  web:
    build: .
    volumes: ['data:/data']
    stop_grace_period: 2s
  other:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    stop_grace_period: 2s
volumes: {data: {}}
";
const DOCKERFILE: &str = "FROM debian:bookworm-slim\nCMD [\"sleep\", \"infinity\"]\n";

fn endless() -> Option<Project> {
    let project = Project::with_engine()?;
    project.compose(ENDLESS).file("Dockerfile", DOCKERFILE);
    Some(project)
}

#[track_caller]
fn wait_until_running(project: &Project, mode: &str, services: &[&str]) {
    until(mode, || {
        let all = services.iter().all(|service| {
            project
                .eye()
                .service(project.name(), mode, service)
                .is_some_and(|state| state.running)
        });
        all.then_some(())
    });
}

#[test]
fn down_removes_what_a_killed_dev_run_left_and_keeps_its_data() {
    let Some(project) = endless() else { return };
    let running = project.spawn(&["dev"]);
    wait_until_running(&project, "dev", &["web", "other"]);
    running.kill();
    let outcome = project.run(&["down"]);
    outcome.exits(0);
    let left = project.eye().everything(project.name());
    assert_eq!(
        left,
        [format!("volume {}_data", project.name())],
        "{outcome}"
    );
}

#[test]
fn a_dev_run_after_a_killed_one_takes_its_place() {
    let Some(project) = endless() else { return };
    let running = project.spawn(&["dev"]);
    wait_until_running(&project, "dev", &["web", "other"]);
    running.kill();
    project.dev();
    assert_eq!(project.eye().containers(project.name()).len(), 2);
}

#[test]
fn a_second_dev_run_beside_a_live_one_is_refused() {
    let Some(project) = endless() else { return };
    let running = project.spawn(&["dev"]);
    wait_until_running(&project, "dev", &["web", "other"]);
    let second = project.run(&["dev", "-d"]);
    second
        .exits(3)
        .tells_one_error()
        .says(&["already running", "-p"]);
    wait_until_running(&project, "dev", &["web", "other"]);
    running.interrupt();
    running.finish().exits(0);
}

#[test]
fn down_removes_everything_that_a_killed_prod_check_left() {
    let Some(project) = endless() else { return };
    let running = project.spawn(&["prod-check"]);
    wait_until_running(&project, "prod-check", &["web", "other"]);
    wait_until_running(&project, "compare", &["web", "other"]);
    running.kill();
    let outcome = project.run(&["down"]);
    outcome.exits(0);
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "{left:?}\n{outcome}");
}

#[test]
fn a_prod_check_after_a_killed_one_takes_its_place() {
    let Some(project) = endless() else { return };
    let running = project.spawn(&["prod-check", "--no-compare"]);
    wait_until_running(&project, "prod-check", &["web", "other"]);
    running.kill();
    project.compose(&ENDLESS.replace("['false']", "['true']"));
    let outcome = project.run(&["prod-check", "--no-compare"]);
    outcome.exits(0);
    let left = project.eye().running_parts(project.name());
    assert!(left.is_empty(), "{left:?}\n{outcome}");
}

#[test]
fn ctrl_c_ends_a_prod_check_and_leaves_only_images() {
    let Some(project) = endless() else { return };
    let running = project.spawn(&["prod-check"]);
    wait_until_running(&project, "prod-check", &["web", "other"]);
    running.interrupt();
    let outcome = running.finish();
    outcome.exits(130);
    let mut left = project.eye().running_parts(project.name());
    left.extend(project.eye().volumes(project.name()));
    assert!(left.is_empty(), "{left:?}\n{outcome}");
}

#[test]
fn a_prod_check_leaves_a_dev_run_of_the_same_project_alone() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let port = free_port();
    project.compose(&format!(
        "services:
  web:
    image: python:3.12-slim
    command: [python, -m, http.server, '8000', --directory, /etc]
    stop_grace_period: 2s
    ports: ['{port}:8000']
"
    ));
    project.dev();
    until("an answer of dev", || get(port, "/hostname"));
    let before = project
        .eye()
        .service(project.name(), "dev", "web")
        .expect("the container is there");
    project.run(&["prod-check"]).exits(0);
    let after = project
        .eye()
        .service(project.name(), "dev", "web")
        .expect("the container is there");
    assert_eq!((before.id, before.started_at), (after.id, after.started_at));
    assert!(get(port, "/hostname").is_some());
}

#[test]
fn two_projects_are_checked_beside_each_other() {
    let (Some(one), Some(two)) = (Project::with_engine(), Project::with_engine()) else {
        return;
    };
    for project in [&one, &two] {
        project.compose(
            "services:
  web:
    image: python:3.12-slim
    command: [python, -m, http.server, '8000', --directory, /etc]
    stop_grace_period: 2s
    ports: ['8000:8000']
",
        );
    }
    let (first, second) = (one.spawn(&["prod-check"]), two.spawn(&["prod-check"]));
    first.finish().exits(0);
    second.finish().exits(0);
}
