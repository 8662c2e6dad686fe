//! The agent in dev containers: images of every kind, and what happens when something in between breaks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::support::{Project, Running, until};

/// Says that it started, and what is in the file.
const COMMAND: &str = "echo started with $$(cat /src/page); trap exit TERM; sleep infinity & wait";

/// A project whose service `web` has `src/` at `/src`, with further lines of the Dockerfile and keys of the service.
fn project(dockerfile: &str, keys: &str) -> Option<Project> {
    let project = Project::with_engine()?;
    project
        .file(
            "Dockerfile",
            format!("FROM debian:bookworm-slim\n{dockerfile}\n"),
        )
        .file("src/page", "before")
        .compose(&format!(
            "services:
  web:
    build: .
    command: [bash, -c, '{COMMAND}']
{keys}
    develop:
      watch:
        - {{action: sync, path: ./src, target: /src}}
"
        ));
    Some(project)
}

fn started(project: &Project, command: &[&str]) -> Running {
    let mut running = project.spawn(command);
    running.wait_for("started with");
    running.wait_for("watching the files of web");
    running
}

fn content(project: &Project, path: &str) -> Option<String> {
    let outcome = project.exec("web", &["cat", path]);
    (outcome.code == Some(0)).then_some(outcome.stdout)
}

fn arrives(project: &Project, path: &str, expected: &str) {
    until(&format!("{expected:?} in {path}"), || {
        content(project, path).filter(|content| content == expected)
    });
}

fn container(project: &Project) -> String {
    let state = project.eye().service(project.name(), "dev", "web");
    state.expect("the container is there").id
}

#[track_caller]
fn ends_well(running: Running, project: &Project) {
    running.interrupt();
    running.finish().exits(0);
    let left = project.eye().everything(project.name());
    let left: Vec<&String> = left.iter().filter(|one| !one.contains("image")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn files_belong_to_the_user_of_the_image_also_those_in_new_directories() {
    let Some(project) = project(
        "RUN useradd -u 4711 app\nCOPY --chown=app src /src\nUSER app",
        "",
    ) else {
        return;
    };
    let running = started(&project, &["dev"]);
    project.file("src/new/inner", "fresh");
    arrives(&project, "/src/new/inner", "fresh");
    let owners = project.exec(
        "web",
        &["stat", "-c", "%u:%g", "/src/new", "/src/new/inner"],
    );
    assert_eq!(owners.stdout, "4711:4711\n4711:4711\n");
    ends_well(running, &project);
}

#[test]
fn the_file_can_say_whom_synced_files_belong_to() {
    let Some(project) = project("COPY src /src", "    x-envsim: {dev: {owner: '33:50'}}") else {
        return;
    };
    let running = started(&project, &["dev"]);
    project.file("src/page", "after");
    arrives(&project, "/src/page", "after");
    let owners = project.exec("web", &["stat", "-c", "%u:%g", "/src/page"]);
    assert_eq!(owners.stdout, "33:50\n");
    ends_well(running, &project);
}

#[test]
fn a_read_only_root_takes_files_where_a_mount_is_writable() {
    let Some(project) = project(
        "COPY src /src",
        "    read_only: true\n    tmpfs: [/src]\n    init: true",
    ) else {
        return;
    };
    let running = started(&project, &["dev"]);
    // The memory at the target was empty: what the files say was brought at the start.
    arrives(&project, "/src/page", "before");
    project.file("src/page", "after");
    arrives(&project, "/src/page", "after");
    ends_well(running, &project);
}

#[test]
fn a_container_without_rights_takes_files_through_the_engine() {
    let Some(project) = project(
        "RUN useradd -u 4711 app\nCOPY --chown=app src /src\nUSER app",
        "    cap_drop: [ALL]",
    ) else {
        return;
    };
    let running = started(&project, &["dev"]);
    project.file("src/page", "after");
    arrives(&project, "/src/page", "after");
    let owner = project.exec("web", &["stat", "-c", "%u:%g", "/src/page"]);
    assert_eq!(owner.stdout, "4711:4711\n");
    ends_well(running, &project);
}

#[test]
fn when_the_agents_link_is_killed_the_next_change_arrives_all_the_same() {
    let Some(project) = project("COPY src /src", "") else {
        return;
    };
    let running = started(&project, &["dev"]);
    project.file("src/page", "one");
    arrives(&project, "/src/page", "one");
    let kill = "for p in /proc/[0-9]*; do \
        if tr '\\0' ' ' < $p/cmdline | grep -q '[a]gent link'; then kill -9 ${p#/proc/}; fi; done";
    let (code, said) = project
        .eye()
        .exec(&container(&project), &["sh", "-c", kill]);
    assert_eq!(code, 0, "{said}");
    project.file("src/page", "two");
    std::fs::write(project.path("src/more"), "three").expect("a file can be written");
    arrives(&project, "/src/page", "two");
    arrives(&project, "/src/more", "three");
    ends_well(running, &project);
}

#[test]
fn what_changes_while_the_container_restarts_is_there_afterwards() {
    let Some(project) = project("COPY src /src", "    restart: always") else {
        return;
    };
    project.file("src/gone", "soon");
    let mut running = started(&project, &["dev"]);
    let id = container(&project);
    let (code, _) = project.eye().exec(&id, &["bash", "-c", "kill -TERM 1"]);
    assert!(code == 0 || code == 137 || code == 143, "{code}");
    project.file("src/page", "changed meanwhile");
    std::fs::remove_file(project.path("src/gone")).expect("the file is there");
    running.wait_until("a second start", |output| {
        output.matches("started with").count() >= 2
    });
    arrives(&project, "/src/page", "changed meanwhile");
    until("the removal", || {
        content(&project, "/src/gone").is_none().then_some(())
    });
    ends_well(running, &project);
}

#[test]
fn an_image_without_a_shell_is_synced_and_restarted() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.file(
        "serve.c",
        "#include <stdio.h>
#include <unistd.h>
int main(void) {
  char text[99] = {0};
  FILE *page = fopen(\"/src/page\", \"r\");
  if (page) fgets(text, 98, page);
  printf(\"started with %s\\n\", text);
  fflush(stdout);
  for (;;) pause();
}
",
    );
    let made = Command::new("cc")
        .args(["-static", "-o"])
        .arg(project.path("serve"))
        .arg(project.path("serve.c"))
        .status()
        .expect("a C compiler, which Rust needs too");
    assert!(made.success());
    project
        .file(
            "Dockerfile",
            "FROM scratch\nCOPY serve /serve\nCOPY src /src\nUSER 1000\nCMD [\"/serve\"]\n",
        )
        .file("src/page", "before")
        .file("src/old", "x")
        .compose(
            "services:
  web:
    build: .
    develop:
      watch:
        - {action: sync+restart, path: ./src, target: /src}
",
        );
    let mut running = project.spawn(&["dev"]);
    running.wait_for("started with before");
    running.wait_for("watching the files of web");
    std::fs::remove_file(project.path("src/old")).expect("the file is there");
    project.file("src/page", "after");
    running.wait_for("started with after");
    let verified = project.run(&["sync", "--verify"]);
    verified.exits(0).prints("equal");
    assert!(!verified.stdout.contains("/src/old"), "{verified}");
    ends_well(running, &project);
}

#[test]
fn a_program_gets_its_signal_instead_of_a_restart_where_the_file_says_so() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let command = "trap \"echo read again\" HUP; trap exit TERM; echo started with it; \
        while true; do sleep 0.1; done";
    project.file("conf/x", "1").compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, '{command}']
    x-envsim: {{dev: {{signal: SIGHUP}}}}
    develop:
      watch:
        - {{action: sync+restart, path: ./conf, target: /conf}}
"
    ));
    let mut running = started(&project, &["dev"]);
    running.wait_for("read again");
    project.file("conf/x", "2");
    running.wait_until("a second signal", |output| {
        output.matches("read again").count() >= 2
    });
    assert_eq!(running.output().matches("started with it").count(), 1);
    ends_well(running, &project);
}

#[test]
fn sync_finds_what_somebody_changed_in_the_container_and_repairs_it() {
    let Some(project) = project("COPY src /src", "") else {
        return;
    };
    let running = started(&project, &["dev"]);
    let spoil = ["sh", "-c", "echo wrong! > /src/page; echo x > /src/more"];
    project.exec("web", &spoil).exits(0);
    let found = project.run(&["sync", "--dry-run"]);
    found.exits(1).prints("/src/page");
    let repaired = project.run(&["sync", "--verify"]);
    repaired
        .exits(0)
        .prints("content: /src/page")
        .prints("only in the container: /src/more")
        .prints("compared again: equal");
    assert_eq!(content(&project, "/src/page").as_deref(), Some("before"));
    project.run(&["sync", "--dry-run"]).exits(0);
    ends_well(running, &project);
}

/// Passes connections of a TCP port on to the engine's socket.
fn engine_over_tcp() -> Option<u16> {
    let socket = std::env::var("DOCKER_HOST").unwrap_or_default();
    let path = socket
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    UnixStream::connect(path).ok()?;
    let path = path.to_owned();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let unix = UnixStream::connect(&path).expect("the engine answers");
            pump(
                tcp.try_clone().expect("a socket"),
                unix.try_clone().expect("a socket"),
            );
            pump(unix, tcp);
        }
    });
    Some(port)
}

/// Two ends of connections that can be closed for writing.
trait End: Read + Write + Send + 'static {
    fn close(&self);
}

impl End for TcpStream {
    fn close(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

impl End for UnixStream {
    fn close(&self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

fn pump(mut from: impl End, mut to: impl End) {
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        to.close();
    });
}

#[test]
fn an_engine_that_does_not_see_the_files_gets_them_synced_in_place_of_bind_mounts() {
    let Some(mut project) = Project::with_engine() else {
        return;
    };
    let Some(port) = engine_over_tcp() else {
        return;
    };
    project.variable("DOCKER_HOST", &format!("tcp://127.0.0.1:{port}"));
    project
        .file("src/page", "before")
        .file("src/inner/x", "y")
        .compose(&format!(
            "services:
  web:
    image: debian:bookworm-slim
    command: [bash, -c, '{COMMAND}']
    volumes: ['./src:/src']
"
        ));
    let mut running = project.spawn(&["dev"]);
    running.wait_for("does not see this machine's files");
    running.wait_for("started with before");
    running.wait_for("watching the files of web");
    arrives(&project, "/src/inner/x", "y");
    project.file("src/page", "after");
    arrives(&project, "/src/page", "after");
    running.interrupt();
    running.finish().exits(0);
}
