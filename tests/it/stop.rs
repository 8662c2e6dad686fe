//! How the services of a dev run are stopped, and whose logs it shows.

use crate::support::{Project, until};

/// `web` depends on `db` and takes a second to end; each writes down when it ends.
fn in_order(hook: &str) -> String {
    let ends = |name: &str, seconds: u32| {
        format!(
            "image: debian:bookworm-slim
    user: '${{ME}}'
    command: [bash, -c, 'trap \"sleep {seconds}; echo {name} >> /marks/order; exit\" TERM; echo {name} is up; while :; do sleep 0.1; done']
    volumes: ['./marks:/marks']"
        )
    };
    format!(
        "services:
  web:
    {}
    depends_on: [db]
  db:
    {}
    pre_stop: [{{command: [bash, -c, '{hook}']}}]
",
        ends("web", 1),
        ends("db", 0)
    )
}

/// A project whose services all run and can write to `marks`.
fn running(hook: &str) -> Option<Project> {
    let mut project = Project::with_engine()?;
    project.file("marks/order", "");
    project.compose(&in_order(hook));
    let owner = std::os::unix::fs::MetadataExt::uid(
        &std::fs::metadata(project.path("marks")).expect("the folder is there"),
    );
    project.variable("ME", &owner.to_string());
    project.dev();
    until("both services", || {
        let log = project.run(&["logs"]).stdout;
        (log.contains("web is up") && log.contains("db is up")).then_some(())
    });
    Some(project)
}

fn order(project: &Project) -> String {
    std::fs::read_to_string(project.path("marks/order")).expect("the marks can be read")
}

#[test]
fn down_by_the_name_alone_stops_a_service_after_those_that_depend_on_it() {
    let Some(project) = running("echo hook of db >> /marks/order") else {
        return;
    };
    // As in Compose, the files are not read, so their hooks are not known.
    project.run(&["down"]).exits(0);
    assert_eq!(order(&project), "web\ndb\n");
}

#[test]
fn down_runs_pre_stop_before_it_stops_a_service() {
    let Some(project) = running("echo hook of db >> /marks/order") else {
        return;
    };
    project.down();
    assert_eq!(order(&project), "web\nhook of db\ndb\n");
}

#[test]
fn a_pre_stop_that_fails_is_told_and_does_not_keep_the_service() {
    let Some(project) = running("echo cannot say goodbye; exit 4") else {
        return;
    };
    let outcome = project.run(&["-f", "compose.yaml", "down"]);
    outcome
        .exits(0)
        .says(&["warning: db: `pre_stop`", "code 4: cannot say goodbye"]);
    assert_eq!(order(&project), "web\ndb\n");
    let left = project.eye().running_parts(project.name());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_log_of_a_service_that_is_not_attached_is_shown_only_when_it_is_asked_for() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  quiet:
    image: debian:bookworm-slim
    attach: false
    command: [bash, -c, 'echo a word of quiet; trap exit TERM; sleep infinity & wait']
  loud:
    image: debian:bookworm-slim
    depends_on: [quiet]
    command: [bash, -c, 'sleep 0.5; echo a word of loud; trap exit TERM; sleep infinity & wait']
",
    );
    let mut running = project.spawn(&["dev"]);
    running.wait_for("a word of loud");
    project
        .run(&["logs", "quiet"])
        .exits(0)
        .prints("a word of quiet");
    running.interrupt();
    let outcome = running.finish();
    outcome.exits(0).prints("a word of loud");
    assert!(!outcome.stdout.contains("a word of quiet"), "{outcome}");
}
