//! `prod-check --fix` and `--diff`: what is repaired passes afterwards, and nothing else is touched.
//! `fix_source` has a host in each language, `fix_image` what comes to an image.

use std::process::Command;

use crate::support::{Project, Report};

/// Serves what `page` returns on port 8000 and ends on SIGTERM.
pub const SERVER: &str = "import signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = page().encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


def serve(port):
    ThreadingHTTPServer(('', port), Page).serve_forever()
";

pub fn codes(report: &Report) -> Vec<String> {
    let findings = report.findings().iter();
    findings
        .filter_map(|finding| finding["code"].as_str().map(str::to_owned))
        .collect()
}

/// Runs `prod-check`, which has to find `code`, then `--fix`, then `prod-check` again, which has to
/// pass without it.
#[track_caller]
fn repairs(project: &Project, code: &str) {
    repairs_all(project, &[code], &["prod-check", "--static", "--fix"]);
}

/// The same for several codes, with the command that repairs them.
#[track_caller]
pub fn repairs_all(project: &Project, wanted: &[&str], fix: &[&str]) {
    let found = |report: &Report, code: &str| codes(report).iter().any(|found| found == code);
    let broken = Report::of(&project.run(&["prod-check", "--format", "json"]));
    for code in wanted {
        assert!(found(&broken, code), "{code}\n{}", broken.outcome);
    }
    let fixed = project.run(fix);
    for code in wanted {
        assert!(fixed.stderr.contains(&format!("fixed: {code}")), "{fixed}");
    }
    let repaired = Report::of(&project.run(&["prod-check", "--format", "json"]));
    repaired.passes();
    for code in wanted {
        assert!(!found(&repaired, code), "{code}\n{}", repaired.outcome);
    }
}

pub fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path(path)).expect("a file of the project")
}

#[test]
fn a_host_in_source_and_a_file_that_is_not_copied_are_repaired() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let page = "
from urllib.request import urlopen


def page():
    greeting = open('/app/settings/greeting.txt').read()
    return greeting + urlopen('http://names:8001/', timeout=2).read().decode()


serve(8000)
";
    let names = "


def page():
    return 'Ada'


serve(8001)
";
    project
        .file("web/app.py", format!("{SERVER}{page}"))
        .file("web/settings/greeting.txt", "Hello ")
        .file("web/.dockerignore", "*\n!app.py\n")
        .file(
            "web/Dockerfile",
            "FROM python:3.12-slim\nWORKDIR /app\nCOPY app.py .\nCMD [\"python\", \"app.py\"]\n",
        )
        .file("names/app.py", format!("{SERVER}{names}"))
        .file(
            "names/Dockerfile",
            "FROM python:3.12-slim\nCOPY app.py /app.py\nCMD [\"python\", \"/app.py\"]\n",
        )
        .compose(
            "# my app
services:
  web:
    build: web
    ports: ['8000:8000'] # the page
    volumes:
      - ./web:/app
  names:
    build: names

x-envsim:
  probes:
    - {name: the page greets, service: web, http: GET /, body: Hello Ada}
",
        );
    let before = read(&project, "compose.yaml");

    let patch = project.run(&["prod-check", "--static", "--diff"]);
    patch.exits(1);
    assert_eq!(
        read(&project, "compose.yaml"),
        before,
        "`--diff` only shows"
    );
    for line in [
        "--- a/web/app.py",
        "+++ b/web/app.py",
        "+import os",
        "+    return greeting + urlopen(f'http://{os.environ[\"NAMES_HOST\"]}:8001/', timeout=2).read().decode()",
        "+COPY settings /app/settings/",
        "+!settings",
        "+          NAMES_HOST: \"127.0.0.1\"",
    ] {
        assert!(
            patch.stdout.lines().any(|own| own == line),
            "{line}\n{patch}"
        );
    }
    // The patch is one: git takes it.
    project.file("the.patch", &patch.stdout);
    let checked = Command::new("git")
        .args(["apply", "--check", "the.patch"])
        .current_dir(project.path("."))
        .status();
    assert!(checked.expect("git can be started").success(), "{patch}");

    repairs(&project, "H001");
    let compose = read(&project, "compose.yaml");
    for kept in ["# my app", "    ports: ['8000:8000'] # the page"] {
        assert!(compose.contains(kept), "{compose}");
    }
    // What is mended stays as it is.
    let again = project.run(&["prod-check", "--static", "--diff"]);
    again.exits(0);
    assert!(again.stdout.is_empty(), "{again}");
}

#[test]
fn a_host_in_the_environment_and_a_default_get_their_production_values() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let page = "
import os
from urllib.request import urlopen


def page():
    who = urlopen(os.environ['NAMES_URL'], timeout=2).read().decode()
    mood = urlopen(os.environ.get('MOODS_URL', 'http://moods:8002/now'), timeout=2).read().decode()
    return who + mood


serve(8000)
";
    let other = |answer: &str, port: u16| {
        format!("{SERVER}\n\ndef page():\n    return '{answer}'\n\n\nserve({port})\n")
    };
    let dockerfile = "FROM python:3.12-slim\nCOPY app.py /app.py\nCMD [\"python\", \"/app.py\"]\n";
    project
        .file("web/app.py", format!("{SERVER}{page}"))
        .file("web/Dockerfile", dockerfile)
        .file("names/app.py", other("Ada", 8001))
        .file("names/Dockerfile", dockerfile)
        .file("moods/app.py", other(" smiles", 8002))
        .file("moods/Dockerfile", dockerfile)
        .compose(
            "services:
  web:
    build: web
    ports: ['8000:8000']
    environment:
      - NAMES_URL=http://names:${NAMES_PORT:-8001}/
  names: {build: names}
  moods: {build: moods}

x-envsim:
  probes:
    - {name: the page greets, service: web, http: GET /, body: Ada smiles}
",
        );
    repairs(&project, "H002");
    let compose = read(&project, "compose.yaml");
    for line in [
        // The variable in it stays one.
        "          NAMES_URL: \"http://127.0.0.1:${NAMES_PORT:-8001}/\"",
        "          MOODS_URL: \"http://127.0.0.1:8002/now\"",
    ] {
        assert!(compose.lines().any(|own| own == line), "{line}\n{compose}");
    }
}

#[test]
fn what_only_a_person_can_mend_is_told_and_left_alone() {
    let project = Project::new();
    project
        .file(
            "proxy/site.conf",
            "server { location / { proxy_pass http://web:80; } }\n",
        )
        .file(
            "proxy/Dockerfile",
            "FROM nginx:1.27\nCOPY site.conf /etc/nginx/conf.d/default.conf\n",
        )
        .compose(
            "services:
  proxy: {build: proxy, ports: ['8080:8080']}
  web: {image: 'web:1'}
",
        );
    let before = read(&project, "proxy/site.conf");
    let outcome = project.run(&["prod-check", "--static", "--fix"]);
    outcome.exits(1);
    assert!(
        outcome
            .stderr
            .contains("by hand: H001 service-host-in-source at proxy/site.conf:1"),
        "{outcome}"
    );
    assert_eq!(read(&project, "proxy/site.conf"), before);
}

#[test]
fn a_file_outside_of_the_project_is_never_changed() {
    let project = Project::new();
    project
        .file("elsewhere/app.py", "import redis\nredis.Redis('cache')\n")
        .file(
            "app/web/Dockerfile",
            "FROM python:3.12-slim\nCOPY app.py /app.py\n",
        )
        .file(
            "app/compose.yaml",
            "services:\n  web: {build: web}\n  cache: {image: 'redis:7'}\n",
        );
    std::os::unix::fs::symlink(
        project.path("elsewhere/app.py"),
        project.path("app/web/app.py"),
    )
    .expect("a link");
    let before = read(&project, "elsewhere/app.py");
    project.run(&[
        "--project-directory",
        "app",
        "-f",
        "app/compose.yaml",
        "prod-check",
        "--static",
        "--fix",
    ]);
    assert_eq!(read(&project, "elsewhere/app.py"), before);
}
