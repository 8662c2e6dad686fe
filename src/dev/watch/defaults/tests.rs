use super::*;
use crate::app::App;
use crate::app::testing::app;
use crate::build::copied::{ContextFile, FileKind, copied};
use crate::build::dockerfile::read;
use crate::build::stages::Inputs;

fn anything() -> App {
    app("services:\n  web:\n    image: x\n")
}

fn mounted(source: &str, target: &str, files: &[&str]) -> Mounted {
    Mounted {
        source: source.into(),
        target: target.to_owned(),
        files: files.iter().map(|file| (*file).to_owned()).collect(),
        not_kept: Vec::new(),
    }
}

/// A rule in short: `restart /p/src **/*.py`, `sync /p/src -> /app/src`.
fn told(rules: &[DefaultRule]) -> Vec<String> {
    let told = rules.iter().map(|default| {
        let rule = &default.rule;
        let action = match rule.action {
            WatchAction::Rebuild => "rebuild",
            WatchAction::Restart => "restart",
            WatchAction::Sync => "sync",
            WatchAction::SyncAndRestart => "sync+restart",
            WatchAction::SyncAndExec(_) => "sync+exec",
        };
        let mut text = format!("{action} {}", rule.path.display());
        if let Some(target) = &rule.target {
            text += &format!(" -> {target}");
        }
        for pattern in &rule.include {
            text += &format!(" {pattern}");
        }
        text
    });
    told.collect()
}

fn with_mounts(command: &str, workdir: &str, mounts: Vec<Mounted>) -> Vec<String> {
    let app = anything();
    let process = Process::of_words(command);
    told(&rules(&Facts {
        service: &app.services["web"],
        process: Some(&process),
        variables: &[],
        workdir,
        mounts,
        build: None,
    }))
}

fn built(
    command: Option<&str>,
    dockerfile: &str,
    files: &[&str],
    mounts: Vec<Mounted>,
) -> Vec<DefaultRule> {
    let app = anything();
    let process = command.map(Process::of_words);
    let read = read(dockerfile, "Dockerfile").expect("a Dockerfile");
    let resolved = read.resolve(&Inputs::default()).expect("it resolves");
    let files: Vec<ContextFile> = files
        .iter()
        .map(|path| ContextFile {
            path: (*path).to_owned(),
            kind: FileKind::File,
        })
        .collect();
    let copies = copied(&resolved, &files).expect("no patterns");
    rules(&Facts {
        service: &app.services["web"],
        process: process.as_ref(),
        variables: &[],
        workdir: "/app",
        mounts,
        build: Some(Building {
            context: Path::new("/p"),
            instructions: vec!["/p/Dockerfile".into()],
            shown: "Dockerfile",
            resolved: &resolved,
            copies: &copies,
            not_kept: vec!["**/*.local".to_owned()],
        }),
    })
}

#[test]
fn mounted_sources_restart_a_program_that_does_not_look_itself() {
    let source = || vec![mounted("/p", "/app", &["app.py", "data/app.db"])];
    assert_eq!(
        with_mounts("python app.py", "/app", source()),
        ["restart /p **/*.py"]
    );
    assert_eq!(
        with_mounts("python /app/app.py", "/", source()),
        ["restart /p **/*.py"]
    );
    for command in [
        "uvicorn app:app --reload",
        "php -S 0.0.0.0:80",
        "nginx",
        "npm run dev",
    ] {
        assert_eq!(with_mounts(command, "/app", source()), [""; 0], "{command}");
    }
}

#[test]
fn data_is_never_watched() {
    let data = || mounted("/p/data", "/var/lib/data", &["base/1", "x.py", "dump.sql"]);
    for command in ["postgres", "redis-server", "mongod --dbpath /var/lib/data"] {
        assert_eq!(
            with_mounts(command, "/", vec![data()]),
            [""; 0],
            "{command}"
        );
    }
    // Not below where the program works.
    assert_eq!(with_mounts("python app.py", "/app", vec![data()]), [""; 0]);
    // Below it, without a source.
    let uploads = mounted("/p/uploads", "/app/uploads", &["a.png", "b.json"]);
    assert_eq!(
        with_mounts("node server.js", "/app", vec![uploads]),
        [""; 0]
    );
}

#[test]
fn a_mounted_file_and_a_mounted_program_are_watched_themselves() {
    let file = mounted("/p/worker.py", "/app/worker.py", &[""]);
    assert_eq!(
        with_mounts("python worker.py", "/app", vec![file]),
        ["restart /p/worker.py"]
    );
    let program = mounted("/p/bin", "/srv/bin", &["server", "README"]);
    assert_eq!(
        with_mounts("/srv/bin/server --port 80", "/", vec![program]),
        ["restart /p/bin/server"]
    );
}

const NODE: &str = "FROM node:22\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY src ./src\nCOPY server.js .\n";
const NODE_FILES: &[&str] = &[
    "package.json",
    "package-lock.json",
    "src/a.js",
    "src/b/c.js",
    "server.js",
];

#[test]
fn copied_sources_are_synced_to_where_the_image_has_them() {
    let rules = built(Some("node server.js"), NODE, NODE_FILES, Vec::new());
    assert_eq!(
        told(&rules),
        [
            "rebuild /p/Dockerfile",
            "rebuild /p/package-lock.json",
            "rebuild /p/package.json",
            "sync+restart /p/src -> /app/src",
            "sync+restart /p/server.js -> /app/server.js",
        ]
    );
    assert_eq!(
        rules[3].reason,
        "Dockerfile line 5 copies it to `/app/src`, and `node` reads it when it starts"
    );
    assert!(rules[3].rule.ignore.contains(&"**/node_modules".to_owned()));
    assert!(rules[3].rule.ignore.contains(&"**/*.local".to_owned()));
    let watching = built(Some("nodemon server.js"), NODE, NODE_FILES, Vec::new());
    assert_eq!(told(&watching)[3], "sync /p/src -> /app/src");
}

#[test]
fn a_whole_context_is_synced_without_what_has_a_rule_of_its_own() {
    let dockerfile = "FROM python:3.12\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n";
    let files = &["requirements.txt", "app.py", "web/views.py"];
    let rules = built(Some("gunicorn app:app"), dockerfile, files, Vec::new());
    assert_eq!(
        told(&rules)[1..],
        ["rebuild /p/requirements.txt", "sync+restart /p -> /app"]
    );
    assert!(
        rules[2]
            .rule
            .ignore
            .contains(&"requirements.txt".to_owned())
    );
}

#[test]
fn what_is_compiled_means_another_build() {
    let two = "FROM node AS build\nWORKDIR /b\nCOPY . .\nRUN npm run bundle\nFROM nginx\nCOPY --from=build /b/dist /usr/share/nginx/html\nCOPY html /usr/share/nginx/html\n";
    let rules = built(
        Some("nginx"),
        two,
        &["package.json", "src/a.ts", "html/i.html"],
        Vec::new(),
    );
    assert_eq!(told(&rules), ["rebuild /p"]);
    assert_eq!(
        rules[0].reason,
        "the stage `build` makes something of it (Dockerfile line 3)"
    );
    let one = "FROM node\nWORKDIR /app\nCOPY src src\nRUN npx tsc\nCOPY public public\n";
    let rules = built(
        Some("node dist/a.js"),
        one,
        &["src/a.ts", "public/a.css"],
        Vec::new(),
    );
    assert_eq!(
        told(&rules)[1..],
        ["rebuild /p/src", "sync+restart /p/public -> /app/public"]
    );
    let go = "FROM golang\nWORKDIR /app\nCOPY . .\nCMD [\"/app/run\"]\n";
    let rules = built(Some("/app/run"), go, &["go.mod", "main.go"], Vec::new());
    assert_eq!(told(&rules), ["rebuild /p"]);
}

#[test]
fn what_a_mount_shows_is_not_synced() {
    let mount = mounted("/p/src", "/app/src", &["a.js", "b/c.js"]);
    let rules = built(Some("node server.js"), NODE, NODE_FILES, vec![mount]);
    assert_eq!(
        told(&rules),
        [
            "restart /p/src **/*.js **/*.mjs **/*.cjs **/*.ts **/*.mts **/*.cts **/*.jsx **/*.tsx",
            "rebuild /p/Dockerfile",
            "rebuild /p/package-lock.json",
            "rebuild /p/package.json",
            "sync+restart /p/server.js -> /app/server.js",
        ]
    );
}

#[test]
fn a_target_that_hangs_on_an_unknown_image_is_not_guessed() {
    let rules = built(
        None,
        "FROM mine\nCOPY app ./app\nCOPY conf /etc/conf\n",
        &["app/a.py", "conf/a.ini"],
        Vec::new(),
    );
    assert_eq!(
        told(&rules)[1..],
        ["rebuild /p/app", "sync+restart /p/conf -> /etc/conf"]
    );
}

#[test]
fn patterns_of_git_become_patterns_of_a_rule() {
    let ignore = GitIgnore::parse("*.log\n/dist/\n!keep.log\nweb/cache\n# words\n");
    assert_eq!(
        not_kept(&ignore, ""),
        ["**/*.log", "dist", "!**/keep.log", "web/cache"]
    );
    assert_eq!(
        not_kept(&ignore, "web"),
        ["**/*.log", "!**/keep.log", "cache"]
    );
}
