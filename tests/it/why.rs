//! `envsim why`: what becomes of one file, without an engine.

use serde_json::json;

use crate::support::Project;

const COMPOSE: &str = "\
services:
  web:
    build: .
    develop:
      watch:
        - path: ./src
          action: sync
          target: /app/src
          ignore: ['*.tmp']
        - path: ./src
          action: rebuild
          include: ['*.lock']
  pages:
    image: nginx:1.27
    volumes: ['./pages:/usr/share/nginx/html:ro']
  worker:
    build: ./worker
";

fn project() -> Project {
    let mut project = Project::new();
    project
        .compose(COMPOSE)
        .file(
            "Dockerfile",
            "FROM node:22\nWORKDIR /app\nCOPY src ./src\nCMD [\"node\", \"src/a.js\"]\n",
        )
        .file(".dockerignore", "# what tests need\nsrc/fixtures\n")
        .file("src/a.js", "")
        .file("src/fixtures/b.js", "")
        .file("pages/index.html", "")
        .file(
            "worker/Dockerfile",
            "FROM python:3.12\nWORKDIR /srv\nCOPY worker.py requirements.txt ./\nCMD [\"python\", \"worker.py\"]\n",
        )
        .file("worker/worker.py", "print()\n")
        .file("worker/requirements.txt", "")
        .file("notes.txt", "");
    project.variable("DOCKER_HOST", "unix:///nonexistent.sock");
    project
}

#[test]
fn a_synced_file_has_its_rule_its_target_and_its_line_of_the_dockerfile() {
    let outcome = project().run(&["why", "src/a.js", "--json"]);
    let answer = outcome.exits(0).json();
    assert_eq!(answer["path"], "src/a.js");
    assert_eq!(answer["there"], "file");
    assert_eq!(answer["services"].as_array().map(Vec::len), Some(1));
    let web = &answer["services"][0];
    assert_eq!(
        web["rules"],
        json!([
            {"action": "sync", "place": "compose.yaml:6", "outcome": "watched", "target": "/app/src/a.js"},
            {"action": "rebuild", "place": "compose.yaml:10", "outcome": "ignored",
             "reason": "no pattern of the rule's `include` matches it", "decided_at": "compose.yaml:10"},
        ])
    );
    assert_eq!(
        web["image"],
        json!({"state": "copied", "at": ["/app/src/a.js"], "place": "Dockerfile:3"})
    );
}

#[test]
fn an_ignored_file_has_the_line_that_leaves_it_out() {
    let project = project();
    let outcome = project.run(&["why", "src/fixtures/b.js"]);
    outcome.exits(0).prints(
        "`src/fixtures` in .dockerignore line 2 leaves it out of the image, so it is not synced",
    );
    outcome.prints("not in production's: ignored by `src/fixtures` in .dockerignore line 2");
    let outcome = project.run(&["why", "src/x.tmp"]);
    outcome.exits(0).prints("nothing is there now");
    outcome.prints("`*.tmp` of the rule's `ignore` leaves it out");
}

#[test]
fn a_mounted_file_is_visible_at_once_and_in_the_generated_image() {
    let outcome = project().run(&["why", "pages/index.html"]);
    outcome
        .exits(0)
        .prints("/usr/share/nginx/html/index.html (compose.yaml:15, read-only): a change is visible at once");
    outcome.prints("the Dockerfile of `envsim dockerfile pages`");
}

#[test]
fn a_service_without_rules_has_those_that_it_gets_by_itself() {
    let project = project();
    let outcome = project.run(&["why", "worker/worker.py"]);
    outcome.exits(0).prints("sync+restart to /srv/worker.py");
    outcome.prints("`python` reads it when it starts");
    let outcome = project.run(&["why", "worker/requirements.txt"]);
    outcome
        .exits(0)
        .prints("rebuild (by default, since it says what is installed in the image)");
}

#[test]
fn a_file_that_nothing_is_about_is_told_so() {
    let outcome = project().run(&["why", "notes.txt"]);
    outcome
        .exits(0)
        .prints("no service watches, mounts or copies it");
}
