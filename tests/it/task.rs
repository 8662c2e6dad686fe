//! How it is inside the task of `envsim prod-check`.
//!
//! One task is run; a service in it looks around and logs what it sees, and the tests look at that.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use envsim::engine::ContainerState;

use crate::support::{Outcome, Project, Report, memory_limit, until};

const COMPOSE: &str = r#"
x-envsim:
  cpu: 256
  memory: 512
  probes:
    - name: the service has looked around
      service: facts
      command: [test, -f, /tmp/go]
      timeout: 120s
services:
  facts:
    image: python:3.12-slim
    command: [python, -u, /app/facts.py]
    stop_grace_period: 2s
    environment:
      SECRET_X:
      WRITTEN: in compose.yaml
      BY_PROD_KEY: in dev
      BY_PROD_FILE: in dev
    volumes:
      - ./app:/app:ro
      - data:/data
    x-envsim:
      prod:
        environment:
          BY_PROD_KEY: in production
  sibling:
    image: python:3.12-slim
    command: [python, -m, http.server, "8099"]
    stop_grace_period: 2s
volumes:
  data:
"#;

const PROD: &str = "services:
  facts:
    environment:
      BY_PROD_FILE: in production
";

const FACTS: &str = r#"
import os, resource, signal, socket, time, urllib.request

def fact(name, value):
    print(f"fact {name}={value}", flush=True)

def sibling():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            return urllib.request.urlopen("http://127.0.0.1:8099/", timeout=5).status
        except OSError as error:
            last = error
            time.sleep(0.1)
    return last

def lookup(name):
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        return f"error {error.errno}"

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
fact("nofile", "{} {}".format(*resource.getrlimit(resource.RLIMIT_NOFILE)))
fact("hostname", socket.gethostname())
fact("sibling", sibling())
fact("lookup of sibling", lookup("sibling"))
fact("lookup of facts", lookup("facts"))
fact("lookup of localhost", lookup("localhost"))
fact("lookup of own name", lookup(socket.gethostname()))
for name in ["SECRET_X", "WRITTEN", "BY_PROD_KEY", "BY_PROD_FILE"]:
    fact(name, os.environ.get(name, "absent"))
fact("files", " ".join(sorted(os.listdir("/app"))))
fact("data", " ".join(sorted(os.listdir("/data"))) or "empty")
open("/tmp/looked", "w").close()
signal.pause()
"#;

/// What was seen of the task.
struct Seen {
    outcome: Outcome,
    /// The report for people.
    text: String,
    /// Logged by the service.
    facts: BTreeMap<String, String>,
    /// The engine's view of its container.
    container: ContainerState,
    /// The smallest memory limit of the cgroups its processes are in; none where it cannot be read.
    memory_limit: Option<u64>,
}

fn seen() -> Option<&'static Seen> {
    static SEEN: OnceLock<Option<Seen>> = OnceLock::new();
    SEEN.get_or_init(look).as_ref()
}

fn look() -> Option<Seen> {
    let mut project = Project::with_engine()?;
    project
        .compose(COMPOSE)
        .file("compose.prod.yaml", PROD)
        .file("app/facts.py", FACTS)
        .file("app/notes.secret", "not for the image")
        .file(".dockerignore", "**/*.secret\n");
    project.variable("SECRET_X", "leaked-from-the-shell");
    project.variable("AWS_REGION", "eu-central-1");
    let beside = tempfile::tempdir().expect("a directory");
    let file = beside.path().join("report.txt");
    let human = format!("human={}", file.display());
    let mut running = project.spawn(&[
        "prod-check",
        "--no-compare",
        "--logs",
        "--format",
        "json",
        "--report",
        &human,
    ]);
    running.wait_for("fact data=");
    let eye = project.eye();
    let container = until("the container of `facts`", || {
        eye.service(project.name(), "prod-check", "facts")
    });
    let memory_limit = memory_limit(container.pid);
    let (code, _) = eye.exec(&container.id, &["touch", "/tmp/go"]);
    assert_eq!(code, 0, "the probe can be let pass");
    let outcome = running.finish();
    let text = std::fs::read_to_string(&file).expect("the report for people");
    let lines = outcome
        .stderr
        .lines()
        .filter_map(|line| line.split_once("fact ")?.1.split_once('='));
    let facts = lines
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Some(Seen {
        outcome,
        text,
        facts,
        container,
        memory_limit,
    })
}

#[track_caller]
fn is(name: &str, value: &str) {
    let Some(seen) = seen() else { return };
    let found = seen.facts.get(name).map(String::as_str);
    assert_eq!(found, Some(value), "the fact `{name}`\n{}", seen.outcome);
}

#[test]
fn what_is_wrong_with_this_task_is_found_and_nothing_else() {
    let Some(seen) = seen() else { return };
    let report = Report::of(&seen.outcome);
    report.outcome.exits(1);
    report.finding("service-lookup-failed", "host", "sibling");
    // Its code comes through the mount alone.
    report.finding("missing-from-image", "target", "/app");
    let known = [
        "service-lookup-failed",
        "missing-from-image",
        "code-only-by-mount",
    ];
    assert!(
        report.errors().iter().all(|rule| known.contains(rule)),
        "{}",
        seen.outcome
    );
}

#[test]
fn without_a_dev_run_the_comparison_is_named_as_not_checked() {
    let Some(seen) = seen() else { return };
    let report = Report::of(&seen.outcome);
    let not_checked = report.json["not_checked"].as_array().expect("a list");
    let told = not_checked
        .iter()
        .find(|entry| entry["rule"] == "probe-differs");
    let reason = told
        .and_then(|entry| entry["reason"].as_str())
        .unwrap_or_default();
    assert!(reason.contains("--no-compare"), "{}", seen.outcome);
}

#[test]
fn the_host_name_is_one_as_ecs_gives() {
    let Some(seen) = seen() else { return };
    let name = &seen.facts["hostname"];
    let (address, domain) = name.split_once('.').unwrap_or_default();
    let numbers: Vec<&str> = address
        .strip_prefix("ip-")
        .unwrap_or_default()
        .split('-')
        .collect();
    let right = numbers.len() == 4 && numbers.iter().all(|number| number.parse::<u8>().is_ok());
    assert!(right, "{name}\n{}", seen.outcome);
    assert_eq!(domain, "eu-central-1.compute.internal", "{}", seen.outcome);
}

#[test]
fn a_sibling_answers_on_localhost() {
    is("sibling", "200");
}

#[test]
fn the_name_of_a_sibling_does_not_exist() {
    // EAI_NONAME: the resolver said that there is no such name, it was not silent.
    is("lookup of sibling", "error -2");
}

#[test]
fn the_own_service_name_does_not_exist() {
    is("lookup of facts", "error -2");
}

#[test]
fn localhost_is_the_loopback_address() {
    is("lookup of localhost", "127.0.0.1");
}

#[test]
fn the_own_host_name_has_the_address_of_the_task() {
    let Some(seen) = seen() else { return };
    let address = seen.facts["lookup of own name"].replace('.', "-");
    let host = &seen.facts["hostname"];
    assert!(
        host.starts_with(&format!("ip-{address}.")),
        "{host} {address}\n{}",
        seen.outcome
    );
}

#[test]
fn a_variable_of_the_shell_does_not_leak_into_the_task() {
    is("SECRET_X", "absent");
}

#[test]
fn a_value_of_the_shell_is_printed_nowhere() {
    let Some(seen) = seen() else { return };
    let Outcome { stdout, stderr, .. } = &seen.outcome;
    assert!(
        !stdout.contains("leaked-from-the-shell") && !stderr.contains("leaked-from-the-shell"),
        "{}",
        seen.outcome
    );
}

#[test]
fn a_variable_of_the_compose_file_is_set() {
    is("WRITTEN", "in compose.yaml");
}

#[test]
fn a_production_value_of_x_envsim_wins() {
    is("BY_PROD_KEY", "in production");
}

#[test]
fn a_value_of_compose_prod_yaml_wins() {
    is("BY_PROD_FILE", "in production");
}

#[test]
fn the_files_of_a_bind_mount_are_copied_without_those_that_dockerignore_names() {
    is("files", "facts.py");
}

#[test]
fn a_named_volume_is_empty() {
    is("data", "empty");
}

#[test]
fn no_directory_of_the_developer_is_mounted() {
    let Some(seen) = seen() else { return };
    let mounts = seen
        .container
        .mounts
        .iter()
        .filter(|mount| mount.kind == "bind");
    let targets: Vec<&str> = mounts.map(|mount| mount.target.as_str()).collect();
    // The one file that the engine's own resolver would write otherwise.
    assert_eq!(targets, ["/etc/resolv.conf"], "{}", seen.outcome);
}

#[test]
fn the_memory_of_the_whole_task_is_limited_to_its_size() {
    let Some(seen) = seen() else { return };
    let Some(limit) = seen.memory_limit else {
        eprintln!("skipped: the cgroups of the engine cannot be read from here");
        return;
    };
    assert_eq!(limit, 512 << 20, "{}", seen.outcome);
}

#[test]
fn the_generated_dockerfile_is_shown() {
    let Some(seen) = seen() else { return };
    seen.outcome
        .says(&["FROM python:3.12-slim", "COPY", "envsim dockerfile facts"]);
}

/// Open files of a process on Fargate, where nothing else is written.
const FARGATE_FILES: u64 = 65535;

/// The hard limit that the engine lets a container have at most.
fn files_of_the_engine() -> u64 {
    let project = Project::with_engine().expect("the engine that was there");
    project
        .compose("services:\n  web: {image: 'debian:bookworm-slim', command: [sleep, infinity], stop_grace_period: 1s}\n")
        .dev();
    let most = project.exec("web", &["bash", "-c", "ulimit -Hn"]).stdout;
    most.trim().parse().unwrap_or(u64::MAX)
}

#[test]
fn a_process_may_open_as_many_files_as_on_fargate_or_as_the_engine_allows_and_then_it_is_told() {
    let Some(seen) = seen() else { return };
    let allowed = files_of_the_engine();
    let most = allowed.min(FARGATE_FILES);
    assert_eq!(
        seen.facts["nofile"],
        format!("{most} {most}"),
        "{}",
        seen.outcome
    );
    let told = seen.text.contains(&format!(
        "; a process may open {allowed} files, as the engine allows, and on Fargate {FARGATE_FILES}\n"
    ));
    assert_eq!(told, allowed < FARGATE_FILES, "{}", seen.text);
}
