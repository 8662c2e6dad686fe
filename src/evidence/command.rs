//! What a service's container runs in production, as far as the project's files tell.

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// The command of a service: the Compose file's over the Dockerfile's over the image's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSeen {
    /// Service.
    pub service: String,
    /// Where its words come from.
    pub origin: CommandOrigin,
    /// `init: true`: the engine's own small init is PID 1 and passes signals on.
    pub init: bool,
    /// The process that is started as PID 1.
    pub process: Process,
}

/// Who wrote a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandOrigin {
    /// The Compose file.
    Compose,
    /// The project's Dockerfile.
    Dockerfile,
    /// The base or stock image.
    Image,
}

/// A process and what it is known to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments, without [`Self::wrappers`] and without secrets.
    pub words: Vec<String>,
    /// Programs in front of it that run it: `env`, `tini`, `gosu`, `poetry`, …; the outermost first.
    pub wrappers: Vec<String>,
    /// Variables set in front of it: `FLASK_DEBUG=1 flask run`.
    pub variables: Vec<(String, String)>,
    /// It takes the place of the shell that starts it.
    pub exec: bool,
    /// The shell that starts it does not wait for it.
    pub background: bool,
    /// The shell only starts it on a condition that the text has.
    pub conditional: bool,
    /// Where it is written.
    pub place: Place,
    /// What it reads to know what to do.
    pub reads: Option<Script>,
}

#[cfg(test)]
impl Process {
    /// A process of `words` alone, for tests.
    pub fn of_words(words: &str) -> Self {
        Self {
            words: words.split(' ').map(str::to_owned).collect(),
            wrappers: Vec::new(),
            variables: Vec::new(),
            exec: false,
            background: false,
            conditional: false,
            place: Place::start_of("compose.yaml"),
            reads: None,
        }
    }
}

/// A text that a process follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// What it is.
    pub kind: ScriptKind,
    /// How people name it: `dev` of `package.json`, a path.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// What it starts, in the order of the text.
    pub starts: Vec<Process>,
    /// The last thing it does is an `exec`, in one of its branches at least.
    pub ends_in_exec: bool,
    /// It has a handler for the signal that stops it.
    pub traps: bool,
    /// Its last command ends the script at once, as `exit 0`: it was not written to go on.
    pub finite: bool,
    /// Of a program: the lines that say how it serves.
    pub lines: Vec<SourceLine>,
}

/// What kind of text a process follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptKind {
    /// The text after `sh -c`, or of a shell form.
    ShellText,
    /// A file that a shell reads.
    ShellFile,
    /// A script of `package.json`.
    PackageScript,
    /// A target of a Makefile, an entry of a Procfile.
    Recipe,
    /// A program's source.
    Source,
}

/// A line of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Where.
    pub place: Place,
    /// The line, without secrets.
    pub text: String,
}

impl Process {
    /// The name of the program without directories and version: `python` for `/usr/bin/python3.12`.
    pub fn program(&self) -> &str {
        let word = self.words.first().map_or("", String::as_str);
        let name = word.rsplit('/').next().unwrap_or(word);
        for known in ["python", "pypy", "php", "ruby", "pip"] {
            if let Some(version) = name.strip_prefix(known)
                && version.chars().all(|c| c.is_ascii_digit() || c == '.')
            {
                return known;
            }
        }
        name
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Itself and all that it starts, the outermost first.
    pub fn all(&self) -> Vec<&Process> {
        let mut all = vec![self];
        for started in self.reads.iter().flat_map(|script| &script.starts) {
            all.extend(started.all());
        }
        all
    }
}
