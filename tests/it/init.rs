//! `envsim init`: what it writes, what it says, and that it replaces nothing. No engine is needed.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::Project;

const FULL: &str = include_str!("../fixtures/task-definition.json");
const TASK: &str = r#"{"family": "shop", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
    "memory": "512", "containerDefinitions": [{"name": "web", "image": "debian"}]}"#;

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_dockerfile_becomes_a_compose_file_that_envsim_reads() {
    let project = Project::new();
    project
        .file("Dockerfile", "FROM node:22\nWORKDIR /app\nEXPOSE 3000\nCOPY server.js .\nCMD [\"node\", \"server.js\"]\n")
        .file("package.json", r#"{"dependencies": {"pg": "8"}}"#)
        .file("server.js", "");
    let outcome = project.run(&["init"]);
    outcome.exits(0).says(&[
        "wrote compose.yaml: 1 service",
        "`pg`: if the app needs PostgreSQL",
        "next: `envsim dev`",
    ]);
    assert_eq!(outcome.stdout, "");
    let text = read(&project, "compose.yaml");
    assert!(
        text.contains("127.0.0.1:3000:3000") && text.contains("action: sync+restart"),
        "{text}"
    );
    // It is asked for an engine only once it could be read.
    let mut project = project;
    project.variable("DOCKER_HOST", "unix:///nonexistent.sock");
    project.run(&["dev", "-d"]).exits(3);
}

#[test]
fn a_procfile_becomes_a_compose_file_that_envsim_reads() {
    let mut project = Project::new();
    project
        .file(
            "Procfile",
            "web: gunicorn app:app\nrelease: ./migrate && true\n",
        )
        .file("requirements.txt", "gunicorn\n");
    project
        .run(&["init"])
        .exits(0)
        .says(&["2 services (web, release)", "dockerfile_inline"]);
    project.variable("DOCKER_HOST", "unix:///nonexistent.sock");
    project.run(&["dev", "-d"]).exits(3);
}

#[test]
fn a_compose_file_of_any_name_is_never_replaced() {
    for name in [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yaml",
        "docker-compose.yml",
    ] {
        let project = Project::new();
        project
            .file("Dockerfile", "FROM a\nCMD x\n")
            .file(name, "mine");
        project
            .run(&["init"])
            .exits(2)
            .tells_one_error()
            .says(&[name, "there already", "-o"]);
        assert_eq!(read(&project, name), "mine");
        project
            .run(&["init", "-o", name])
            .exits(2)
            .says(&["there already"]);
        assert_eq!(read(&project, name), "mine");
        project
            .run(&["init", "-o", "-"])
            .exits(0)
            .prints("services:");
    }
}

#[test]
fn a_link_to_nowhere_is_no_place_to_write_to() {
    let project = Project::new();
    project.file("Dockerfile", "FROM a\nCMD x\n");
    std::os::unix::fs::symlink("/nonexistent/away", project.path("compose.yaml")).expect("a link");
    project
        .run(&["init"])
        .exits(2)
        .says(&["compose.yaml", "there already"]);
}

#[test]
fn nothing_is_written_outside_of_the_project() {
    let project = Project::new();
    project.file("Dockerfile", "FROM a\nCMD x\n");
    let outside = Project::new();
    let path = outside.path("compose.yaml");
    let named = path.to_string_lossy();
    project
        .run(&["init", "-o", &named])
        .exits(2)
        .says(&["outside of the project"]);
    std::os::unix::fs::symlink(outside.path("."), project.path("link")).expect("a link");
    project
        .run(&["init", "-o", "link/compose.yaml"])
        .exits(2)
        .says(&["outside of the project"]);
    assert!(!path.exists());
}

#[test]
fn paths_of_a_file_in_a_folder_lead_back_to_the_project() {
    let project = Project::new();
    project
        .file("Dockerfile", "FROM a\nCMD x\n")
        .file("deploy/keep", "");
    project
        .run(&["init", "-o", "deploy/compose.yaml"])
        .exits(0)
        .says(&["wrote deploy/compose.yaml"]);
    let text = read(&project, "deploy/compose.yaml");
    assert!(text.contains("build: ..\n"), "{text}");
    let left: Vec<_> = std::fs::read_dir(project.path("deploy"))
        .expect("a directory")
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_task_definition_is_found_named_or_read_from_stdin() {
    let project = Project::new();
    project.file("task-definition.json", FULL);
    let outcome = project.run(&["init", "-o", "-"]);
    outcome
        .exits(0)
        .prints("launch_type: FARGATE")
        .says(&["`helthCheck`", "did you mean `healthCheck`?"].map(|text| text.trim_matches('`')));
    let named = project.run(&["init", "--from", "task-definition.json", "-o", "-"]);
    assert_eq!(named.exits(0).stdout, outcome.stdout);

    let mut child = Command::new(env!("CARGO_BIN_EXE_envsim"))
        .args(["init", "--from", "-", "-o", "-"])
        .current_dir(project.path("."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("envsim can be started");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(TASK.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("name: shop\n") && text.contains("image: debian"),
        "{text}"
    );
}

#[test]
fn several_task_definitions_are_a_question() {
    let project = Project::new();
    project.file("task-a.json", TASK).file("task-b.json", TASK);
    project
        .run(&["init"])
        .exits(2)
        .tells_one_error()
        .says(&["`task-a.json` and `task-b.json`", "--from task-a.json"]);
    project.run(&["init", "--from", "task-b.json"]).exits(0);
}

#[test]
fn json_that_is_wrong_is_shown_with_its_place() {
    let project = Project::new();
    project.file("task.json", "{\n  \"containerDefinitions\": [}\n");
    project
        .run(&["init"])
        .exits(2)
        .tells_one_error()
        .says(&["task.json:2:", "not JSON"]);
    project.file(
        "task.json",
        r#"{"containerDefinitions": [{"name": "a", "image": "b", "cpu": "c", "essential": 3}]}"#,
    );
    project.run(&["init"]).exits(2).says(&[
        "containerDefinitions[0].cpu",
        "containerDefinitions[0].essential",
    ]);
    assert!(!project.path("compose.yaml").exists());
}

#[test]
fn a_directory_with_nothing_to_start_from_is_an_error() {
    let project = Project::new();
    project
        .run(&["init"])
        .exits(2)
        .tells_one_error()
        .says(&["no Dockerfile", "--from"]);
    project
        .run(&["init", "--from", "gone.json"])
        .exits(2)
        .says(&["gone.json", "no such file"]);
    project.file("notes.txt", "hello");
    project
        .run(&["init", "--from", "notes.txt"])
        .exits(2)
        .says(&["notes.txt", "neither a Dockerfile"]);
    project
        .run(&["init", "-f", "x.yaml"])
        .exits(2)
        .says(&["`-o FILE`"]);
}
