//! What dev sees by its mounts against what the image has: the rules E001 to E004 through the real binary, without an
//! engine where the files alone can tell.

use crate::support::{Project, Report};

/// The findings of `prod-check --static` as `CODE severity path -> target`.
#[track_caller]
fn found(project: &Project) -> Vec<String> {
    told(&Report::of(&project.run(&[
        "prod-check",
        "--static",
        "--format",
        "json",
    ])))
}

/// The findings of this family.
#[track_caller]
fn told(report: &Report) -> Vec<String> {
    let of_mounts = report.findings().iter().filter(|finding| {
        matches!(
            finding["code"].as_str(),
            Some("E001" | "E002" | "E003" | "E004")
        )
    });
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    of_mounts
        .map(|finding| {
            let [code, severity] = [&finding["code"], &finding["severity"]].map(text);
            let [path, target] = [&finding["data"]["path"], &finding["data"]["target"]].map(text);
            format!("{code} {severity} {path} -> {target}")
        })
        .collect()
}

/// A service `web` that is built from the project, with these volumes.
fn built(dockerfile: &str, volumes: &[&str]) -> Project {
    let project = Project::new();
    let list: Vec<String> = volumes
        .iter()
        .map(|volume| format!("      - {volume}\n"))
        .collect();
    project.file("Dockerfile", dockerfile).compose(&format!(
        "services:\n  web:\n    build: .\n    volumes:\n{}",
        list.concat()
    ));
    project
}

#[test]
fn folders_that_a_run_fills_and_what_belongs_to_the_machine_are_no_files_of_the_app() {
    let project = built(
        "FROM debian:bookworm-slim\nWORKDIR /app\nCOPY src ./src\n",
        &[
            "./data:/var/lib/mysql",
            "./logs:/app/logs",
            "./uploads:/app/uploads",
            "./state:/app/state",
            "./nothing:/app/nothing",
            "./notes:/app/notes",
            "/etc/localtime:/etc/localtime:ro",
            "/var/run/docker.sock:/var/run/docker.sock",
            "/dev/null:/app/null",
            "./src:/app/src",
        ],
    );
    project
        .file("src/a.py", "")
        .file("data/ibdata1", "x")
        .file("logs/a.txt", "x")
        .file("uploads/me.png", "x")
        .file("state/app.sqlite3", "x")
        .file("nothing/.gitkeep", "")
        .file("notes/README.md", "what this folder is for");
    assert_eq!(found(&project), [] as [&str; 0]);
}

#[test]
fn a_stage_for_development_that_has_none_of_the_code_is_one_error() {
    let project = built(
        "FROM node:22 AS dev\nWORKDIR /app\nCOPY package.json ./\nRUN npm install -g nodemon\n\
         FROM dev\nCOPY . .\n",
        &["./:/app"],
    );
    project
        .compose(
            "services:\n  web:\n    build: {context: ., target: dev}\n    volumes: ['./:/app']\n",
        )
        .file("package.json", "{}")
        .file("src/server.js", "")
        .file("views/index.html", "");
    assert_eq!(found(&project), ["E001 error . -> /app"]);
}

#[test]
fn what_a_project_keeps_out_on_purpose_is_no_finding() {
    let project = built(
        "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\n",
        &[".:/app", "/app/node_modules"],
    );
    project
        .file(
            ".dockerignore",
            "node_modules\n.env\n*.md\ncoverage\nfixtures\n",
        )
        .file(".gitignore", "node_modules\n.env\n")
        .file(".env", "SECRET=1")
        .file("README.md", "")
        .file("fixtures/a.json", "")
        .file("node_modules/x/index.js", "")
        .file("server.js", "");
    assert_eq!(found(&project), [] as [&str; 0]);
}

#[test]
fn an_env_file_that_the_code_loads_is_a_warning_that_does_not_advise_to_copy_it() {
    let project = built("FROM node:22\nWORKDIR /app\nCOPY . .\n", &[".:/app"]);
    project
        .file(".dockerignore", ".env\n")
        .file(".env", "SECRET=1")
        .file("server.js", "require('dotenv').config()\n");
    let report = Report::of(&project.run(&["prod-check", "--static", "--format", "json"]));
    assert_eq!(
        told(&report),
        ["E001 warning .env -> /app/.env"],
        "{}",
        report.outcome
    );
    let help = report.findings()[0]["help"].as_str().unwrap_or_default();
    assert!(help.contains("do not copy it into the image"), "{help}");
}

#[test]
fn a_build_result_that_git_ignores_is_named_with_its_line() {
    let project = built("FROM nginx\n", &["./dist:/usr/share/nginx/html:ro"]);
    project
        .file(".gitignore", "# results\n/dist/\n")
        .file("dist/index.html", "");
    let report = Report::of(&project.run(&["prod-check", "--static", "--format", "json"]));
    assert_eq!(
        told(&report),
        ["E001 error dist/index.html -> /usr/share/nginx/html/index.html"],
        "{}",
        report.outcome
    );
    let line = &report.findings()[0]["data"]["ignored_by_git"];
    assert_eq!(line, "`/dist/` in .gitignore line 2", "{}", report.outcome);
}

#[test]
fn a_mount_from_outside_of_the_context_is_named_by_the_way_to_it() {
    let project = Project::new();
    project
        .file("app/Dockerfile", "FROM debian:bookworm-slim\nCOPY . /app\n")
        .file(
            "app/compose.yaml",
            "services: {web: {build: ., volumes: ['../shared:/shared']}}\n",
        )
        .file("shared/lib.py", "");
    let outcome = project.run(&[
        "-f",
        "app/compose.yaml",
        "prod-check",
        "--static",
        "--format",
        "json",
    ]);
    assert_eq!(
        told(&Report::of(&outcome)),
        ["E001 error ../shared/lib.py -> /shared/lib.py"],
        "{outcome}"
    );
}

#[test]
fn another_directory_than_the_one_that_is_copied_differs() {
    let project = built(
        "FROM php:8-apache\nCOPY public/ /var/www/html/\n",
        &["./public-dev:/var/www/html"],
    );
    project
        .file("public/index.php", "<?php echo 1;")
        .file("public/same.php", "<?php")
        .file("public-dev/index.php", "<?php phpinfo();")
        .file("public-dev/same.php", "<?php");
    assert_eq!(
        found(&project),
        ["E002 warning public-dev/index.php -> /var/www/html/index.php"]
    );
}

#[test]
fn packages_of_the_image_are_hidden_unless_a_volume_shows_them() {
    let dockerfile = "FROM node:22\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY . .\n";
    let hidden = built(dockerfile, &[".:/app"]);
    hidden.file("package.json", "{}").file("server.js", "");
    assert_eq!(
        found(&hidden),
        ["E003 warning node_modules -> /app/node_modules"]
    );
    for volumes in [
        &[".:/app", "/app/node_modules"][..],
        &["./server.js:/app/server.js"],
    ] {
        let shown = built(dockerfile, volumes);
        shown.file("package.json", "{}").file("server.js", "");
        assert_eq!(found(&shown), [] as [&str; 0], "{volumes:?}");
    }
    let elsewhere = built(
        "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN yarn install\n",
        &[".:/app"],
    );
    elsewhere
        .file("package.json", "{}")
        .file(".yarnrc", "--modules-folder /node_modules\n");
    assert_eq!(found(&elsewhere), [] as [&str; 0]);
}

#[test]
fn secrets_and_keys_are_found_and_nobody_is_told_to_copy_them() {
    let project = Project::new();
    project
        .compose(
            "services:
  db:
    image: postgres
    secrets: [password]
    volumes: ['./certs/server.key:/etc/ssl/server.key:ro']
secrets: {password: {file: ./password.txt}}
",
        )
        .file("password.txt", "only for this test")
        .file("certs/server.key", "only for this test");
    let report = Report::of(&project.run(&["prod-check", "--static", "--format", "json"]));
    assert_eq!(
        told(&report),
        [
            "E001 error password.txt -> /run/secrets/password",
            "E001 error certs/server.key -> /etc/ssl/server.key"
        ],
        "{}",
        report.outcome
    );
    for finding in report.of_rule("missing-from-image") {
        let help = finding["help"].as_str().unwrap_or_default();
        assert!(
            help.contains("Secrets Manager") && help.contains("do not copy"),
            "{help}"
        );
    }
    assert!(!format!("{}", report.outcome).contains("only for this test"));
}

#[test]
fn a_stock_image_with_code_has_two_findings_and_one_with_settings_one() {
    let project = Project::new();
    project
        .compose(
            "services:
  app: {image: 'node:22', working_dir: /app, command: node index.js, volumes: ['./app:/app']}
  metrics: {image: prom/prometheus, volumes: ['./prometheus.yml:/etc/prometheus/prometheus.yml']}
  db: {image: 'mysql:8', volumes: ['./init.sql:/docker-entrypoint-initdb.d/init.sql:ro', 'data:/var/lib/mysql']}
volumes: {data: {}}
",
        )
        .file("app/index.js", "")
        .file("init.sql", "")
        .file("prometheus.yml", "");
    assert_eq!(
        found(&project),
        [
            "E001 error app -> /app",
            "E001 error prometheus.yml -> /etc/prometheus/prometheus.yml",
            "E001 error init.sql -> /docker-entrypoint-initdb.d/init.sql",
            "E004 error app -> /app",
        ]
    );
}

#[test]
fn the_run_withdraws_what_a_build_makes_and_adds_what_it_removes() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .file(
            "Dockerfile",
            "FROM debian:bookworm-slim
WORKDIR /app
COPY src ./src
RUN mkdir generated && cp src/a.txt generated/a.txt && rm src/b.txt
CMD [\"sleep\", \"infinity\"]
",
        )
        .file("src/a.txt", "a")
        .file("src/b.txt", "b")
        .file("generated/a.txt", "a")
        .compose(
            "x-envsim: {probes: [{service: web, command: [test, -f, /app/generated/a.txt]}]}
services:
  web:
    build: .
    stop_grace_period: 2s
    volumes: ['./src:/app/src', './generated:/app/generated']
",
        );
    assert_eq!(
        found(&project),
        ["E001 error generated/a.txt -> /app/generated/a.txt"]
    );
    let report = Report::of(&project.run(&["prod-check", "--no-compare", "--format", "json"]));
    assert_eq!(
        told(&report),
        ["E001 warning src/b.txt -> /app/src/b.txt"],
        "{}",
        report.outcome
    );
    let finding = report.of_rule("missing-from-image")[0];
    let proof = finding["evidence"][0].as_str().unwrap_or_default();
    assert!(
        proof.contains("line 3 of Dockerfile copies it, and a later step removes"),
        "{proof}"
    );
    assert_eq!(
        project.eye().running_parts(project.name()),
        [] as [&str; 0],
        "{}",
        report.outcome
    );
}

#[test]
fn a_mounted_file_that_a_stock_image_has_as_well_is_told_apart_by_its_content() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let image = "debian:bookworm-slim";
    let name = project
        .eye()
        .file_of_image(project.name(), image, "/etc/host.conf");
    let Some(content) = name else {
        eprintln!("skipped: {image} has no /etc/host.conf here");
        return;
    };
    project
        .file("same.conf", content)
        .file("other.conf", "order bind\n")
        .compose(
            "x-envsim: {probes: [{service: a, command: ['true']}, {service: b, command: ['true']}]}
services:
  a: {image: 'debian:bookworm-slim', command: [sleep, infinity], stop_grace_period: 2s, volumes: ['./same.conf:/etc/host.conf:ro']}
  b: {image: 'debian:bookworm-slim', command: [sleep, infinity], stop_grace_period: 2s, volumes: ['./other.conf:/etc/host.conf:ro']}
",
        );
    let report = Report::of(&project.run(&["prod-check", "--no-compare", "--format", "json"]));
    assert_eq!(
        told(&report),
        ["E001 error other.conf -> /etc/host.conf"],
        "{}",
        report.outcome
    );
}

#[test]
fn what_only_an_override_mounts_over_a_stock_image_is_meant_for_dev() {
    let project = Project::new();
    project
        .compose("services: {web: {image: nginx}}\n")
        .file(
            "compose.override.yaml",
            "services: {web: {volumes: ['./debug.conf:/etc/nginx/conf.d/debug.conf']}}\n",
        )
        .file("debug.conf", "");
    assert_eq!(found(&project), [] as [&str; 0]);
    project.compose(
        "services: {web: {image: nginx, volumes: ['./site.conf:/etc/nginx/conf.d/site.conf']}}\n",
    );
    project.file("site.conf", "");
    assert_eq!(
        found(&project),
        ["E001 error site.conf -> /etc/nginx/conf.d/site.conf"]
    );
}
