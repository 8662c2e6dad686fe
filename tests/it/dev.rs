//! `envsim dev` and the commands that look at a dev run.

use std::time::Duration;

use crate::support::{Project, free_port, get, until};

/// A service that does nothing and stops when it is told to.
const IDLE: &str = "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, 'echo hello from web; trap exit TERM; sleep infinity & wait']
";

#[test]
fn a_detached_run_is_listed() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE).dev();
    let outcome = project.run(&["ps", "--json"]);
    outcome.exits(0);
    let rows = outcome.json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{outcome}");
    assert_eq!(rows[0]["service"], "web", "{outcome}");
    assert_eq!(rows[0]["mode"], "dev", "{outcome}");
    assert_eq!(rows[0]["state"], "running", "{outcome}");
    project
        .run(&["ps"])
        .exits(0)
        .prints("SERVICE")
        .prints("web");
}

#[test]
fn logs_show_what_the_services_of_a_detached_run_wrote() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE).dev();
    until("a line of the log", || {
        project
            .run(&["logs"])
            .stdout
            .contains("hello from web")
            .then_some(())
    });
    project
        .run(&["logs", "web"])
        .exits(0)
        .prints("hello from web");
}

#[test]
fn exec_passes_output_and_exit_code_through() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE).dev();
    let outcome = project.exec(
        "web",
        &["bash", "-c", "echo to stdout; echo to stderr >&2; exit 42"],
    );
    outcome.exits(42).says(&["to stderr"]);
    assert_eq!(outcome.stdout, "to stdout\n", "{outcome}");
}

#[test]
fn exec_hands_flags_of_the_command_on() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE).dev();
    let outcome = project.exec("web", &["echo", "-n", "--help", "-p"]);
    outcome.exits(0);
    assert_eq!(outcome.stdout, "--help -p", "{outcome}");
}

#[test]
fn services_find_each_other_by_name_and_alias() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  one: {image: 'debian:bookworm-slim', command: [sleep, infinity]}
  two:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    networks: {default: {aliases: [deux]}}
",
    );
    project.dev();
    let by_name = project.exec("one", &["getent", "hosts", "two"]);
    let by_alias = project.exec("one", &["getent", "hosts", "deux"]);
    by_name.exits(0);
    by_alias.exits(0);
    let address = |text: &str| text.split_whitespace().next().map(str::to_owned);
    assert_eq!(
        address(&by_name.stdout),
        address(&by_alias.stdout),
        "{by_name}\n{by_alias}"
    );
}

#[test]
fn a_published_port_answers_on_this_machine_alone() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let port = free_port();
    project
        .file("site/index.html", "the page")
        .compose(&format!(
            "services:
  web:
    image: python:3.12-slim
    command: [python, -m, http.server, '8000', --directory, /site]
    stop_grace_period: 1s
    ports: ['{port}:8000']
    volumes: ['./site:/site:ro']
"
        ));
    project.dev().says(&[&format!("http://127.0.0.1:{port}")]);
    let answer = until("an answer", || get(port, "/"));
    assert!(answer.contains("the page"), "{answer}");
    let outcome = project.run(&["ps", "--json"]);
    let ports = outcome.json()[0]["ports"].clone();
    assert_eq!(
        ports,
        serde_json::json!([format!("127.0.0.1:{port}->8000/tcp")]),
        "{outcome}"
    );
}

#[test]
fn a_bind_mount_shows_edits_of_the_host_and_the_host_sees_what_is_written() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.file("src/page", "before").compose(
        "services: {web: {image: 'debian:bookworm-slim', command: [sleep, infinity], volumes: ['./src:/src']}}\n",
    );
    project.dev();
    project.file("src/page", "after");
    assert_eq!(project.exec("web", &["cat", "/src/page"]).stdout, "after");
    project
        .exec("web", &["sh", "-c", "umask 0; echo back > /src/new"])
        .exits(0);
    assert_eq!(
        std::fs::read_to_string(project.path("src/new")).expect("the file is there"),
        "back\n"
    );
}

const WITH_VOLUME: &str = "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, 'trap exit TERM; sleep infinity & wait']
    volumes: ['data:/data']
volumes: {data: {}}
";

#[test]
fn down_keeps_a_named_volume_with_its_data() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(WITH_VOLUME).dev();
    project
        .exec("web", &["sh", "-c", "echo kept > /data/file"])
        .exits(0);
    project.run(&["down"]).exits(0);
    let left = project.eye().everything(project.name());
    assert_eq!(left, [format!("volume {}_data", project.name())]);
    project.dev();
    assert_eq!(project.exec("web", &["cat", "/data/file"]).stdout, "kept\n");
}

#[test]
fn down_with_volumes_removes_everything() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(WITH_VOLUME).dev();
    project.run(&["down", "-v"]).exits(0);
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn down_of_a_project_that_was_never_started_is_no_error() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE);
    project.run(&["down"]).exits(0).says(&["nothing"]);
}

#[test]
fn down_with_a_project_name_needs_no_compose_file() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE).dev();
    std::fs::remove_file(project.path("compose.yaml")).expect("the file is there");
    project.run(&["down"]).exits(0);
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn ctrl_c_ends_a_run_in_the_foreground_and_keeps_its_volumes() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(WITH_VOLUME);
    let running = project.spawn(&["dev"]);
    until("a running service", || {
        project
            .eye()
            .service(project.name(), "dev", "web")
            .filter(|state| state.running)
    });
    running.interrupt();
    let outcome = running.finish();
    outcome.exits(0);
    let left = project.eye().everything(project.name());
    assert_eq!(
        left,
        [format!("volume {}_data", project.name())],
        "{outcome}"
    );
}

#[test]
fn ctrl_c_while_a_service_is_waited_for_ends_the_run_too() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  db:
    image: debian:bookworm-slim
    command: [bash, -c, 'trap exit TERM; sleep infinity & wait']
    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1000}
  web:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    depends_on: {db: {condition: service_healthy}}
",
    );
    let running = project.spawn(&["dev"]);
    until("a running service", || {
        project
            .eye()
            .service(project.name(), "dev", "db")
            .filter(|state| state.running)
    });
    running.interrupt();
    let outcome = running.finish();
    outcome.exits(0);
    assert!(outcome.took < Duration::from_secs(60), "{outcome}");
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "{left:?}\n{outcome}");
}

#[test]
fn a_run_in_the_foreground_shows_the_logs_with_the_service_before_each_line() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(IDLE);
    let mut running = project.spawn(&["dev"]);
    running.wait_for("web | hello from web");
    running.interrupt();
    running.finish().exits(0).prints("hello from web");
}

#[test]
fn a_run_in_the_foreground_ends_when_every_service_has_ended() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose("services: {job: {image: 'debian:bookworm-slim', command: [echo, all done]}}\n");
    project.run(&["dev"]).exits(0).prints("all done");
    let left = project.eye().everything(project.name());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn only_the_named_services_and_what_they_depend_on_are_run() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web: {image: 'debian:bookworm-slim', command: [sleep, infinity], depends_on: [db]}
  db: {image: 'debian:bookworm-slim', command: [sleep, infinity]}
  other: {image: 'debian:bookworm-slim', command: [sleep, infinity]}
",
    );
    project.run(&["dev", "-d", "web"]).exits(0);
    let services = project.run(&["ps", "--json"]).json();
    let mut names: Vec<&str> = services
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["service"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["db", "web"]);
}

/// Says on its way out whether its neighbour still was there, into a volume that `down` keeps.
const LAST_WORDS: &str = "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, 'trap \"sleep 1; touch /data/web; exit\" TERM; touch /data/up; sleep infinity & wait']
    volumes: ['data:/data']
    depends_on: [db]
  db:
    image: debian:bookworm-slim
    stop_signal: SIGINT
    command: [bash, -c, 'trap \"ls /data > /data/db; exit\" INT; sleep infinity & wait']
    volumes: ['data:/data']
volumes: {data: {}}
";

fn last_words(project: &Project) -> String {
    project.exec("db", &["cat", "/data/db"]).stdout
}

#[test]
fn down_lets_services_end_in_reverse_order_as_compose_does() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(LAST_WORDS).dev();
    until("the trap", || {
        let files = project.exec("web", &["ls", "/data"]).stdout;
        files.contains("up").then_some(())
    });
    project.down();
    project.dev();
    assert_eq!(last_words(&project), "db\nup\nweb\n");
}

#[test]
fn a_dev_run_that_takes_the_place_of_another_lets_it_end_first() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(LAST_WORDS).dev();
    until("the trap", || {
        let files = project.exec("web", &["ls", "/data"]).stdout;
        files.contains("up").then_some(())
    });
    project.dev();
    assert_eq!(last_words(&project), "db\nup\nweb\n");
}
