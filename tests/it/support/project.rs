//! A Compose project in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::{Eye, Outcome, Running};

/// Variables that would change what the tests see.
const FOREIGN: &[&str] = &[
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_PATH_SEPARATOR",
    "CLICOLOR_FORCE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// The directory, the name and the environment of a project. Dropping it removes all of it.
pub struct Project {
    directory: TempDir,
    name: String,
    variables: Vec<(String, String)>,
    eye: Option<Eye>,
}

impl Project {
    /// An empty one for a test that needs no engine.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            directory: tempfile::Builder::new()
                .prefix("envsim-it-")
                .tempdir()
                .expect("a temporary directory"),
            name: format!("it{}-{number}", std::process::id()),
            variables: Vec::new(),
            eye: None,
        }
    }

    /// An empty one for a test that needs an engine; none, with a word why, where there is none.
    #[track_caller]
    pub fn with_engine() -> Option<Self> {
        let eye = Eye::open()?;
        let mut project = Self::new();
        project.eye = Some(eye);
        Some(project)
    }

    /// Writes a file, with the directories it is in.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a directory"))
            .expect("a directory can be made");
        std::fs::write(path, content).expect("a file can be written");
        self
    }

    /// Writes `compose.yaml`.
    pub fn compose(&self, content: &str) -> &Self {
        self.file("compose.yaml", content)
    }

    /// Copies a folder of `examples/` here.
    pub fn example(&self, name: &str) -> &Self {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        self.folder(&examples.join(name))
    }

    /// Copies a folder here.
    pub fn folder(&self, from: &Path) -> &Self {
        copy(from, self.directory.path());
        self
    }

    /// Sets a variable of envsim's environment.
    pub fn variable(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: &str) {
        self.name = name.to_owned();
    }

    /// Where `path` of the project is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Its name, unique on this machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The engine.
    #[track_caller]
    pub fn eye(&self) -> &Eye {
        self.eye
            .as_ref()
            .expect("the project was made with an engine")
    }

    /// Runs `envsim` in the project to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.spawn(arguments).finish()
    }

    /// Starts `envsim` in the project.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        Running::start(self.command().args(arguments))
    }

    /// Starts the app as in dev, in the background.
    #[track_caller]
    pub fn dev(&self) -> Outcome {
        let outcome = self.run(&["dev", "-d"]);
        outcome.exits(0);
        outcome
    }

    /// Runs a command in a service of the dev run.
    #[track_caller]
    pub fn exec(&self, service: &str, command: &[&str]) -> Outcome {
        let mut arguments = vec!["exec", service];
        arguments.extend(command);
        self.run(&arguments)
    }

    /// Runs `envsim down` without a project name, so that it reads the files.
    #[track_caller]
    pub fn down(&self) {
        let mut command = self.bare_command();
        command.env("COMPOSE_PROJECT_NAME", &self.name).arg("down");
        Running::start(&mut command).finish().exits(0);
    }

    fn command(&self) -> Command {
        let mut command = self.bare_command();
        command.args(["-p", &self.name]);
        command
    }

    /// Runs `envsim` to its end with its stdout in a pipe to `reader`, words of a shell. The exit code is that of
    /// whichever of both failed.
    #[track_caller]
    pub fn pipe_to(&self, arguments: &[&str], reader: &str) -> Outcome {
        let mut command = self.with_surroundings("bash");
        command
            .args(["-c", &format!("set -o pipefail; \"$0\" \"$@\" | {reader}")])
            .args([env!("CARGO_BIN_EXE_envsim"), "-p", &self.name])
            .args(arguments);
        Running::start(&mut command).finish()
    }

    fn bare_command(&self) -> Command {
        self.with_surroundings(env!("CARGO_BIN_EXE_envsim"))
    }

    /// `program` in the project's directory and with its variables.
    pub fn with_surroundings(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env("NO_COLOR", "1");
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.eye.is_none() {
            return;
        }
        // Not `run`: a second panic would abort all tests.
        let ended = self.command().args(["down", "-v", "-t", "0"]).output();
        if let Ok(output) = ended
            && !output.status.success()
        {
            eprintln!(
                "`envsim down -v` of {} failed: {}",
                self.name,
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory can be made");
    for entry in std::fs::read_dir(from).expect("the example is there") {
        let entry = entry.expect("a directory can be read");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("a file can be copied")),
        }
    }
}
