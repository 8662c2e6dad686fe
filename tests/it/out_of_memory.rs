//! A task whose containers together want more memory than it has, while no container has a limit of its
//! own. Nothing is taken before the kernel was seen to limit the task.

use crate::support::{Project, Report, memory_limit, until};

/// Waits for `/tmp/go`, then takes as many MiB as it is told.
const HOLD: &str = "import os, signal, sys, time

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
while not os.path.exists('/tmp/go'):
    time.sleep(0.05)
held = []
for _ in range(int(sys.argv[1]) // 16):
    held.append(bytearray(b'x') * (16 << 20))
open('/tmp/full', 'w').close()
signal.pause()
";
/// Together more than 512 MiB and less than 1024; none of them alone.
const DB: u64 = 160;
const WEB: u64 = 416;

/// The report about a task of `task` MiB; none where there is no engine, or its cgroups cannot be seen.
#[track_caller]
fn check(task: u64) -> Option<Report> {
    let project = Project::with_engine()?;
    project
        .file("hold.py", HOLD)
        .file(
            "Dockerfile",
            "FROM python:3.12-slim\nCOPY hold.py /hold.py\nENTRYPOINT [\"python\", \"/hold.py\"]\n",
        )
        .compose(&format!(
            "x-envsim:
  cpu: 256
  memory: {task}
  probes:
    - {{name: web has its memory, service: web, command: [test, -f, /tmp/full], timeout: 120s}}
services:
  web: {{build: ., command: ['{WEB}']}}
  db: {{build: ., command: ['{DB}']}}
"
        ));
    let running = project.spawn(&["prod-check", "--no-compare", "--format", "json"]);
    let eye = project.eye();
    let [web, db] = ["web", "db"].map(|service| {
        until(service, || {
            let state = eye.service(project.name(), "prod-check", service)?;
            (state.pid > 0).then_some(state)
        })
    });
    for container in [&web, &db] {
        let Some(limit) = memory_limit(container.pid) else {
            eprintln!("skipped: the cgroups of the engine cannot be read from here");
            return None;
        };
        assert_eq!(limit, task << 20, "the limit of the task");
    }
    let go = |id: &str| {
        let (code, _) = eye.exec(id, &["touch", "/tmp/go"]);
        assert_eq!(code, 0, "`/tmp/go` can be made");
    };
    go(&db.id);
    until("the memory of `db`", || {
        let (code, _) = eye.exec(&db.id, &["test", "-f", "/tmp/full"]);
        (code == 0).then_some(())
    });
    go(&web.id);
    Some(Report::of(&running.finish()))
}

#[test]
fn the_container_that_the_kernel_killed_is_told_with_what_its_neighbour_held() {
    let Some(report) = check(512) else { return };
    report.outcome.exits(1);
    let found = report.of_rule("out-of-memory");
    // The engine tells every container of a full task of it.
    assert_eq!(found.len(), 1, "{}", report.outcome);
    let finding = found[0];
    assert_eq!(finding["service"], "web", "{}", report.outcome);
    assert_eq!(finding["data"]["of"], "task", "{}", report.outcome);
    assert_eq!(finding["data"]["limit"], 512, "{}", report.outcome);
    assert_eq!(Report::place(finding), "compose.yaml:3");
    let proofs: Vec<&str> = finding["evidence"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|proof| proof.as_str())
        .collect();
    assert!(
        proofs.contains(
            &"`web` exited with code 137: OutOfMemoryError: Container killed due to memory usage"
        ),
        "{}",
        report.outcome
    );
    assert!(
        proofs
            .iter()
            .any(|proof| proof.starts_with("in the task, `db` used ")),
        "{}",
        report.outcome
    );
    let help = finding["help"].as_str().unwrap_or_default();
    assert!(
        help.contains("the next size with room is 1024 MiB"),
        "{}",
        report.outcome
    );
}

#[test]
fn the_same_containers_fit_into_the_next_size() {
    let Some(report) = check(1024) else { return };
    report.passes();
}
