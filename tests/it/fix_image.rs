//! `prod-check --fix` of what an image is made from and how it starts: the exec form of a command, a tag
//! pinned to its digest, and several repairs in one file.

use crate::fix::{SERVER, codes, read, repairs_all};
use crate::support::{Project, Registry, Report};

/// Repairs with what a run saw; judging the files alone would see less.
const FIX: &[&str] = &["prod-check", "--fix"];

fn served(answer: &str) -> String {
    format!("{SERVER}\n\ndef page():\n    return '{answer}'\n\n\nserve(8000)\n")
}

#[test]
fn a_shell_that_keeps_the_stop_signal_goes_and_the_program_gets_it() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .file("app.py", served("Hello"))
        .file(
            "Dockerfile",
            "FROM python:3.12-slim\nCOPY app.py /app.py\n# no list\nCMD python -u '/app.py'\n",
        )
        .compose("services: {web: {build: ., ports: ['8000:8000'], stop_grace_period: 2s}}\n");
    // Whether the shell stays before a single command is for the shell to say: only a run tells.
    let outcome = project.run(&["prod-check", "--static", "--diff"]);
    outcome.exits(0);
    assert!(outcome.stdout.is_empty(), "{outcome}");

    repairs_all(&project, &["T006"], FIX);
    assert_eq!(
        read(&project, "Dockerfile"),
        "FROM python:3.12-slim\nCOPY app.py /app.py\n# no list\nCMD [\"python\", \"-u\", \"/app.py\"]\n"
    );
}

#[test]
fn a_program_that_takes_no_signal_is_not_said_to_be_repaired() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let dockerfile = "FROM node:22-slim\nCOPY package.json ./\nCMD npm start\n";
    project
        .file(
            "package.json",
            "{\"scripts\": {\"start\": \"node -e 'process.on(\\\"SIGTERM\\\", () => {}); setInterval(() => {}, 1000)'\"}}\n",
        )
        .file("Dockerfile", dockerfile)
        .compose("services: {web: {build: ., stop_grace_period: 2s}}\n");
    let outcome = project.run(&["prod-check", "--no-compare", "--fix", "--format", "json"]);
    let report = Report::of(&outcome);
    report.of_rule("ignores-stop-signal");
    outcome.says(&["by hand: T006 ignores-stop-signal at Dockerfile:3:1: "]);
    assert_eq!(read(&project, "Dockerfile"), dockerfile);
}

#[test]
fn a_pinned_image_stays_the_one_that_was_checked_when_its_tag_moves() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let Some(registry) = Registry::start() else {
        return;
    };
    let cache = registry.push("redis:7", "it/cache");
    let base = registry.push("python:3.12-slim", "it/base");
    project
        .file("app.py", served("Hello"))
        .file(
            "Dockerfile",
            format!("# the base\nFROM {base} AS web\nCOPY app.py /app.py\nCMD [\"python\", \"/app.py\"]\n"),
        )
        .compose(&format!(
            "services:
  web: {{build: ., ports: ['8000:8000']}}
  cache:
    image: {cache}:latest # the sessions
x-envsim:
  probes:
    - {{name: the page greets, service: web, http: GET /, body: Hello}}
    - {{name: the cache answers, service: cache, command: [redis-cli, ping]}}
"
        ));
    repairs_all(&project, &["E010"], FIX);
    let (of_cache, of_base) = (registry.digest(&cache), registry.digest(&base));
    let compose = read(&project, "compose.yaml");
    let line = format!("    image: {cache}:latest@{of_cache} # the sessions");
    assert!(compose.lines().any(|own| own == line), "{line}\n{compose}");
    let dockerfile = read(&project, "Dockerfile");
    let line = format!("FROM {base}@{of_base} AS web");
    assert!(
        dockerfile.lines().any(|own| own == line),
        "{line}\n{dockerfile}"
    );

    // Both tags become an image without Redis and without Python, and the engine forgets what it had.
    for (repository, name) in [(&cache, "it/cache"), (&base, "it/base")] {
        registry.push("debian:bookworm-slim", name);
        registry.forget(repository);
    }
    assert_ne!(registry.digest(&cache), of_cache);
    let later = Report::of(&project.run(&["prod-check", "--format", "json"]));
    later.passes();
    assert!(
        !codes(&later).contains(&"E010".to_owned()),
        "{}",
        later.outcome
    );
}

#[test]
fn several_repairs_of_one_file_do_not_get_in_each_others_way() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let Some(registry) = Registry::start() else {
        return;
    };
    let base = registry.push("python:3.12-slim", "it/several-base");
    let cache = registry.push("redis:7", "it/several-cache");
    let page = "
import socket
from urllib.request import urlopen


def page():
    greeting = open('/app/settings/greeting.txt').read() + open('/app/mark.txt').read()
    name = urlopen('http://names:8001/', timeout=2).read().decode()
    with socket.create_connection(('cache', 6379), timeout=2) as cache:
        cache.sendall(b'PING\\r\\n')
        return greeting + name + cache.recv(16).decode().strip()


serve(8000)
";
    project
        .file("web/app.py", format!("{SERVER}{page}"))
        .file("web/settings/greeting.txt", "Hello ")
        .file("web/mark.txt", "dear ")
        .file(
            "web/Dockerfile",
            format!("FROM {base}\nWORKDIR /app\nCOPY app.py .\n\nCMD python app.py\n"),
        )
        .file("names/app.py", served("Ada ").replace("8000", "8001"))
        .file(
            "names/Dockerfile",
            "FROM python:3.12-slim\nCOPY app.py /app.py\nCMD [\"python\", \"/app.py\"]\n",
        )
        .compose(&format!(
            "services:
  web:
    build: web
    ports: ['8000:8000']
    stop_grace_period: 2s
    volumes:
      - ./web/settings:/app/settings
      - ./web/mark.txt:/app/mark.txt
  names:
    build: names
  cache:
    image: {cache}
x-envsim:
  probes:
    - {{name: the page greets, service: web, http: GET /, body: Hello dear Ada +PONG}}
"
        ));
    repairs_all(&project, &["E001", "E010", "H001", "T006"], FIX);
    let (of_cache, of_base) = (registry.digest(&cache), registry.digest(&base));
    let dockerfile = read(&project, "web/Dockerfile");
    let mut lines: Vec<&str> = dockerfile.lines().collect();
    // Which COPY comes first is of no matter.
    lines[3..5].sort_unstable();
    let from = format!("FROM {base}@{of_base}");
    assert_eq!(
        lines,
        [
            &*from,
            "WORKDIR /app",
            "COPY app.py .",
            "COPY mark.txt /app/mark.txt",
            "COPY settings/greeting.txt /app/settings/greeting.txt",
            "",
            "CMD [\"python\", \"app.py\"]"
        ]
    );
    let compose = read(&project, "compose.yaml");
    for line in [
        "      NAMES_HOST: \"names\"",
        "          CACHE_HOST: \"127.0.0.1\"",
        &format!("    image: {cache}@{of_cache}"),
    ] {
        assert!(compose.lines().any(|own| own == line), "{line}\n{compose}");
    }
    let source = read(&project, "web/app.py");
    let imports = source.lines().filter(|line| *line == "import os").count();
    assert_eq!(imports, 1, "{source}");
}
