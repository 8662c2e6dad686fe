//! The model of build contexts against the real BuildKit: an image that Docker builds holds exactly the files that envsim
//! says it does.

use std::collections::BTreeSet;
use std::process::Command;

use envsim::build::context;
use envsim::build::copied::copied;
use envsim::build::dockerfile;
use envsim::build::stages::Inputs;

use crate::support::Project;

/// Files of the context; a slash at the end makes an empty directory.
const FILES: &[&str] = &[
    "a.txt",
    "app.js",
    "app.test.js",
    "build/out.js",
    "build/keep/me.txt",
    "cache/x",
    "data/one.csv",
    "data/two.csv",
    "data/deep/three.csv",
    "docs/a.md",
    "docs/b.txt",
    "docs/deep/c.md",
    "docs/README.md",
    "empty/",
    "lib/app.js",
    "lib/node_modules/x/index.js",
    "logs/a.log",
    "logs/deep/b.log",
    "node_modules/x/index.js",
    "src/a.js",
    "src/a.js.map",
    "src/deep/b.js",
    "src/deep/b.js.map",
    "src/tmp1/x",
    "src/tmp22/x",
    "secret.env",
    "sample.env",
    ".env",
    ".git/HEAD",
    "x y/z w.txt",
    "[odd]/file",
];

const MANY: &str = "# what nobody needs
/.git
**/node_modules
*.env
!sample.env
logs/*
  docs/**/*.md
!docs/README.md
src/**/*.map
src/tmp?
build
cache/
data/t*.csv
data/[a-o]*.csv
x y/z*
\\[odd\\]
*.test.js
./empty/../a.txt
";

const ALL_BUT: &str = "*
!src
!docs/deep
src/deep
!lib/*.js
!data/**
";

/// A docker command that builds with BuildKit; none, with a word why, where there is none.
fn builder() -> Option<&'static str> {
    let commands = ["docker", "/usr/bin/docker", "/usr/local/bin/docker"];
    let builds = |command: &&str| {
        let project = Project::new();
        project.file("Dockerfile", "FROM scratch\nLABEL envsim.it=probe\n");
        build(command, &project, &["-q"]).is_ok()
    };
    let found = commands.into_iter().find(builds);
    if found.is_none() {
        eprintln!("skipped: no docker command here builds with BuildKit");
    }
    found
}

/// Builds the project's directory with the labels by which the project is removed.
fn build(command: &str, project: &Project, arguments: &[&str]) -> Result<String, String> {
    let label = format!("envsim.project={}", project.name());
    let output = Command::new(command)
        .env("DOCKER_BUILDKIT", "1")
        .args([
            "build",
            "--label",
            &label,
            "--label",
            "envsim.mode=prod-check",
        ])
        .args(arguments)
        .arg(project.path(""))
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// What the image has below `/ctx` by the model, for a Dockerfile of this name.
fn predicted(project: &Project, name: &str) -> BTreeSet<String> {
    let path = project.path(name);
    let text = std::fs::read_to_string(&path).expect("a Dockerfile");
    let file = dockerfile::read(&text, name).expect("a Dockerfile that can be read");
    let resolved = file.resolve(&Inputs::default()).expect("stages");
    let directory = project.path("");
    let ignore = context::find_ignore(&directory, Some(&path)).expect("an ignore file");
    let listing = context::walk(&directory, &ignore).expect("a context");
    let copies = copied(&resolved, &listing.files()).expect("instructions");
    let image = copies.image().map(|(path, _)| path.to_owned());
    image.collect()
}

#[track_caller]
fn holds_what_is_predicted(ignore_file: &str, ignore: &str, dockerfile: &str, lines: &str) {
    let Some(project) = Project::with_engine() else {
        return;
    };
    let Some(builder) = builder() else { return };
    for path in FILES {
        match path.strip_suffix('/') {
            Some(directory) => {
                std::fs::create_dir_all(project.path(directory)).expect("a directory")
            }
            None => drop(project.file(path, *path)),
        }
    }
    project.file(dockerfile, lines).file(ignore_file, ignore);
    let tag = format!("envsim/{}:context", project.name());
    let name = project.path(dockerfile);
    let name = name.to_str().expect("a path in UTF-8");
    if let Err(error) = build(builder, &project, &["-t", &tag, "-f", name]) {
        panic!("docker could not build it: {error}");
    }
    let real = project.eye().files_of_image(project.name(), &tag, "/ctx");
    let predicted = predicted(&project, dockerfile);
    assert!(!predicted.is_empty() && predicted.len() < FILES.len() + 2);
    assert_eq!(
        real, predicted,
        "left: the image, right: the model; {ignore_file}:\n{ignore}"
    );
}

#[test]
fn an_image_holds_what_many_patterns_leave_in_the_context() {
    holds_what_is_predicted(
        ".dockerignore",
        MANY,
        "Dockerfile",
        "FROM scratch\nCOPY . /ctx/\n",
    );
}

#[test]
fn an_image_holds_what_exceptions_bring_back() {
    holds_what_is_predicted(
        ".dockerignore",
        ALL_BUT,
        "Dockerfile",
        "FROM scratch\nCOPY . /ctx\n",
    );
}

#[test]
fn an_ignore_file_beside_the_dockerfile_and_stages_decide_too() {
    let lines = "FROM scratch AS all
COPY . /in
FROM scratch
COPY --from=all /in/src /ctx/src
COPY --from=all /in/data/*.csv /ctx/data/
COPY a.txt app*.js /ctx/
COPY docs/deep /ctx/docs/
";
    holds_what_is_predicted(
        "prod.Dockerfile.dockerignore",
        "**/*.map\napp.test.js\n",
        "prod.Dockerfile",
        lines,
    );
}
