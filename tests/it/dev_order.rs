//! In which order `envsim dev` starts services, and what it does when one never comes.

use std::time::Duration;

use crate::support::{Outcome, Project, until};

/// The log of `web`, once it holds one of the two words it can write.
fn verdict_of_web(project: &Project) -> String {
    until("the word of `web`", || {
        let log = project.run(&["logs", "web"]).stdout;
        (log.contains("in order") || log.contains("too early")).then_some(log)
    })
}

#[track_caller]
fn leaves_nothing(project: &Project, outcome: &Outcome) {
    let left = project.eye().running_parts(project.name());
    assert!(left.is_empty(), "{left:?}\n{outcome}");
}

#[test]
fn a_service_waits_until_its_dependency_is_healthy() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, 'test -f /shared/ready && echo in order || echo too early']
    volumes: ['shared:/shared']
    depends_on: {db: {condition: service_healthy}}
  db:
    image: debian:bookworm-slim
    command: [bash, -c, 'sleep 1; touch /shared/ready; sleep infinity']
    stop_grace_period: 1s
    volumes: ['shared:/shared']
    healthcheck: {test: [CMD, test, -f, /shared/ready], interval: 1s, retries: 60}
volumes: {shared: {}}
",
    );
    project.dev();
    let log = verdict_of_web(&project);
    assert!(log.contains("in order"), "{log}");
}

#[test]
fn a_service_waits_until_its_dependency_has_completed() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, 'test -f /shared/done && echo in order || echo too early']
    volumes: ['shared:/shared']
    depends_on: {job: {condition: service_completed_successfully}}
  job:
    image: debian:bookworm-slim
    command: [bash, -c, 'sleep 1; touch /shared/done']
    volumes: ['shared:/shared']
volumes: {shared: {}}
",
    );
    project.dev();
    let log = verdict_of_web(&project);
    assert!(log.contains("in order"), "{log}");
}

#[test]
fn a_job_that_fails_is_an_error_for_who_waits_for_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    depends_on: {job: {condition: service_completed_successfully}}
  job: {image: 'debian:bookworm-slim', command: [bash, -c, 'exit 23']}
",
    );
    let outcome = project.run(&["dev", "-d"]);
    outcome
        .exits(3)
        .tells_one_error()
        .says(&["`web`", "`job`", "23"]);
    leaves_nothing(&project, &outcome);
}

#[test]
fn a_dependency_that_is_unhealthy_is_an_error_for_who_waits_for_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    stop_grace_period: 1s
    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1}
",
    );
    let running = project.spawn(&["dev", "-d"]);
    let outcome = running.finish_within(Duration::from_secs(40));
    outcome
        .exits(3)
        .tells_one_error()
        .says(&["`web`", "`db`", "unhealthy"]);
    leaves_nothing(&project, &outcome);
}

#[test]
fn a_dependency_that_exits_before_it_is_healthy_is_an_error_for_who_waits_for_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: debian:bookworm-slim
    command: [bash, -c, 'exit 5']
    healthcheck: {test: [CMD, 'true'], interval: 30s}
",
    );
    let outcome = project.run(&["dev", "-d"]);
    outcome.exits(3).tells_one_error().says(&["`web`", "`db`"]);
    leaves_nothing(&project, &outcome);
}
