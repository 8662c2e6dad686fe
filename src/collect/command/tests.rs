//! Commands of whole projects.

use super::*;
use crate::collect::dockerfiles::tests::project;
use crate::collect::without_engine;
use crate::evidence::{Process, ScriptKind};

fn command_of(files: &[(&str, &str)]) -> CommandSeen {
    let (_directory, app) = project(files);
    let sources = without_engine::sources(&app).0;
    let images = sources.iter().map(|(name, source)| (name, source, None));
    let mut seen = seen(&app, &app, images);
    assert_eq!(seen.len(), 1, "{seen:?}");
    seen.remove(0)
}

/// Every process as `place: words`.
fn told(process: &Process) -> Vec<String> {
    let all = process.all();
    all.iter()
        .map(|one| {
            let exec = if one.exec { "exec " } else { "" };
            format!(
                "{}:{} {exec}{}",
                one.place.path,
                one.place.line,
                one.words.join(" ")
            )
        })
        .collect()
}

#[test]
fn a_mounted_package_json_tells_what_its_script_starts() {
    let seen = command_of(&[
        (
            "compose.yaml",
            "services:\n  app:\n    image: node\n    command: sh -c \"yarn install && yarn run dev\"\n    working_dir: /app\n    volumes: ['./:/app']\n",
        ),
        (
            "package.json",
            "{\n  \"scripts\": {\n    \"dev\": \"nodemon -L src/index.js\"\n  }\n}\n",
        ),
    ]);
    assert_eq!(
        told(&seen.process),
        [
            "compose.yaml:4 sh -c yarn install && yarn run dev",
            "compose.yaml:4 yarn install",
            "compose.yaml:4 yarn run dev",
            "package.json:3 nodemon -L src/index.js",
        ]
    );
    assert_eq!(seen.origin, CommandOrigin::Compose);
}

#[test]
fn an_entrypoint_script_hands_over_to_the_command() {
    let seen = command_of(&[
        ("compose.yaml", "services: {web: {build: .}}\n"),
        (
            "Dockerfile",
            "FROM python\nWORKDIR /srv\nCOPY docker/start.sh /usr/local/bin/\nCOPY app.py .\nENTRYPOINT [\"start.sh\"]\nCMD [\"python\", \"app.py\"]\n",
        ),
        ("docker/start.sh", "#!/bin/sh\nmigrate\n\nexec \"$@\"\n"),
        (
            "app.py",
            "from flask import Flask\napp = Flask(__name__)\napp.run(debug=True)\n",
        ),
    ]);
    assert_eq!(
        told(&seen.process),
        [
            "Dockerfile:5 start.sh python app.py",
            "docker/start.sh:2 migrate",
            "Dockerfile:6 exec python app.py",
        ]
    );
    let all = seen.process.all();
    let script = all[2].reads.as_ref().expect("the source");
    assert_eq!(script.kind, ScriptKind::Source);
    let lines: Vec<u32> = script.lines.iter().map(|line| line.place.line).collect();
    assert_eq!(lines, [1, 2, 3]);
}

#[test]
fn the_compose_file_wins_and_an_entrypoint_clears_the_command() {
    let dockerfile = (
        "Dockerfile",
        "FROM x\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"serve\"]\n",
    );
    let of = |service: &str| {
        let compose = format!("services: {{web: {{build: ., {service}}}}}\n");
        let seen = command_of(&[("compose.yaml", &compose), dockerfile]);
        (
            seen.process.wrappers.join(" "),
            seen.process.words.join(" "),
        )
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(of("init: false"), pair("tini", "serve"));
    assert_eq!(of("command: work hard"), pair("tini", "work hard"));
    assert_eq!(of("entrypoint: [run]"), pair("", "run"));
    assert_eq!(of("entrypoint: [run], command: fast"), pair("", "run fast"));
}

#[test]
fn a_makefile_and_a_procfile_are_followed() {
    let seen = command_of(&[
        ("compose.yaml", "services: {web: {build: .}}\n"),
        (
            "Dockerfile",
            "FROM x\nWORKDIR /app\nCOPY . .\nCMD make serve\n",
        ),
        (
            "Makefile",
            "all: build\n\ttrue\nserve: build\n\t@foreman start -f Procfile.dev\n",
        ),
        (
            "Procfile.dev",
            "web: bin/rails server -p 3000\n# no: x\ncss: yarn watch\n",
        ),
    ]);
    assert_eq!(
        told(&seen.process),
        [
            "Dockerfile:4 /bin/sh -c make serve",
            "Dockerfile:4 make serve",
            "Makefile:4 foreman start -f Procfile.dev",
            "Procfile.dev:1 bin/rails server -p 3000",
            "Procfile.dev:3 yarn watch",
        ]
    );
}

#[test]
fn the_programs_of_supervisord_are_followed() {
    let seen = command_of(&[
        ("compose.yaml", "services: {web: {build: .}}\n"),
        (
            "Dockerfile",
            "FROM x\nCOPY supervisord.conf /etc/supervisord.conf\nCMD [\"supervisord\", \"-c\", \"/etc/supervisord.conf\"]\n",
        ),
        (
            "supervisord.conf",
            "[program:web]\ncommand = php artisan serve\ncommand_timeout=3\n",
        ),
    ]);
    assert_eq!(
        told(&seen.process),
        [
            "Dockerfile:3 supervisord -c /etc/supervisord.conf",
            "supervisord.conf:2 php artisan serve",
        ]
    );
}

#[test]
fn a_script_that_calls_itself_is_followed_to_an_end() {
    let seen = command_of(&[
        ("compose.yaml", "services: {web: {build: .}}\n"),
        (
            "Dockerfile",
            "FROM x\nWORKDIR /app\nCOPY . .\nCMD [\"./a.sh\"]\n",
        ),
        ("a.sh", "#!/bin/sh\n./a.sh\n"),
    ]);
    assert!(seen.process.all().len() < 20);
}
