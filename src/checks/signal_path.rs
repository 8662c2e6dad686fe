//! Where a stop signal gets lost between the engine and the program, as a command tells.

use crate::app::Place;
use crate::evidence::{CommandSeen, Process, Script, ScriptKind};
use crate::finding::Finding;

/// What to do about a shell.
pub const EXEC: &str = "let the last command take the shell's place: write `exec` in front of it";

/// Where a signal gets lost.
pub struct Suspect<'a> {
    /// The process that keeps it.
    pub process: &'a Process,
    script: Option<&'a Script>,
}

/// What keeps the signal from the program, as the command tells.
pub fn suspect(command: &CommandSeen) -> Option<Suspect<'_>> {
    match command.init {
        true => None,
        false => follow(&command.process),
    }
}

fn follow(process: &Process) -> Option<Suspect<'_>> {
    const INITS: &[&str] = &[
        "tini",
        "tini-static",
        "dumb-init",
        "catatonit",
        "docker-init",
        "my_init",
    ];
    const MANAGERS: &[&str] = &["npm", "yarn", "yarnpkg", "pnpm", "npx", "pnpx"];
    let wrapped = |names: &[&str]| process.wrappers.iter().any(|name| names.contains(&&**name));
    if wrapped(INITS) {
        return None;
    }
    let script = process.reads.as_ref();
    if wrapped(MANAGERS) || MANAGERS.contains(&process.program()) {
        return Some(Suspect {
            process,
            script: None,
        });
    }
    let script = script?;
    let shell = matches!(script.kind, ScriptKind::ShellText | ScriptKind::ShellFile);
    if !shell || script.traps || script.finite {
        return None;
    }
    if script.ends_in_exec {
        let last = script.starts.iter().rev().find(|started| started.exec);
        return last.and_then(follow);
    }
    let real: Vec<&Process> = script
        .starts
        .iter()
        .filter(|started| !is_builtin(started))
        .collect();
    match (&*real, script.kind) {
        ([], _) => None,
        // Most shells let a single command of `-c` take their place.
        ([only], ScriptKind::ShellText) if script.starts.len() == 1 && !only.background => {
            follow(only)
        }
        _ => Some(Suspect {
            process,
            script: Some(script),
        }),
    }
}

/// A command of the shell itself, which starts no process that could miss a signal.
fn is_builtin(process: &Process) -> bool {
    matches!(
        process.program(),
        "set"
            | "export"
            | "cd"
            | "echo"
            | "printf"
            | "source"
            | "."
            | "ulimit"
            | "umask"
            | "unset"
            | "shopt"
            | "local"
            | "["
            | "[["
            | "test"
            | "trap"
            | "shift"
            | "read"
            | "alias"
            | ":"
            | "true"
            | "exit"
            | "return"
    )
}

impl Suspect<'_> {
    /// What keeps it, in a sentence.
    pub fn what(&self) -> String {
        match self.script {
            None => {
                let name = self
                    .process
                    .wrappers
                    .last()
                    .filter(|_| !is_manager(self.process.program()));
                let name = name.map_or(self.process.program(), |name| &**name);
                format!("{name} is PID 1 and does not hand SIGTERM on to the program in time")
            }
            Some(script) if script.kind == ScriptKind::ShellFile => {
                format!(
                    "the script {} is PID 1 and does not end in `exec`: the shell keeps SIGTERM to itself",
                    script.name
                )
            }
            Some(_) => {
                "a shell with several commands is PID 1: it keeps SIGTERM to itself".to_owned()
            }
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self.script {
            None => {
                "start the program itself, without the package manager: `node server.js`".to_owned()
            }
            Some(script) => match script.starts.last().map(Process::program) {
                Some(last) if !last.is_empty() => format!("{EXEC}: `exec {last} …`"),
                _ => EXEC.to_owned(),
            },
        }
    }

    /// Adds where and why.
    pub fn told(&self, finding: Finding) -> Finding {
        let mut finding = finding.proof(self.what());
        if let Some(script) = self
            .script
            .filter(|script| script.kind == ScriptKind::ShellFile)
        {
            let last: Option<&Place> = script.starts.last().map(|last| &last.place);
            finding = finding.at(last.unwrap_or(&script.place), "");
        }
        finding
    }
}

fn is_manager(program: &str) -> bool {
    matches!(
        program,
        "npm" | "yarn" | "yarnpkg" | "pnpm" | "npx" | "pnpx"
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::evidence::CommandOrigin;

    pub(crate) fn process(words: &str) -> Process {
        Process {
            words: words.split(' ').map(str::to_owned).collect(),
            wrappers: Vec::new(),
            variables: Vec::new(),
            exec: words.starts_with("exec"),
            background: false,
            conditional: false,
            place: Place::start_of("Dockerfile"),
            reads: None,
        }
    }

    fn script(kind: ScriptKind, starts: &[&str]) -> Process {
        let mut shell = process("sh x");
        shell.reads = Some(Script {
            kind,
            name: "x".to_owned(),
            place: Place::start_of("x"),
            starts: starts
                .iter()
                .map(|words| {
                    let mut started = process(words.trim_start_matches("exec "));
                    started.exec = words.starts_with("exec ");
                    started
                })
                .collect(),
            ends_in_exec: starts.last().is_some_and(|last| last.starts_with("exec ")),
            traps: starts.iter().any(|words| words.starts_with("trap")),
            finite: starts.last().is_some_and(|last| last.starts_with("exit")),
            lines: Vec::new(),
        });
        shell
    }

    pub(crate) fn command(process: Process) -> CommandSeen {
        CommandSeen {
            service: "web".to_owned(),
            origin: CommandOrigin::Dockerfile,
            init: false,
            process,
        }
    }

    fn is_suspect(process: Process) -> bool {
        suspect(&command(process)).is_some()
    }

    #[test]
    fn a_package_manager_and_a_shell_with_more_to_do_keep_the_signal() {
        assert!(is_suspect(process("npm start")));
        assert!(is_suspect(process("/usr/bin/yarn start")));
        assert!(is_suspect(script(
            ScriptKind::ShellText,
            &["migrate", "serve"]
        )));
        assert!(is_suspect(script(
            ScriptKind::ShellText,
            &["cd /app", "serve"]
        )));
        assert!(is_suspect(script(ScriptKind::ShellText, &["npm start"])));
        assert!(is_suspect(script(ScriptKind::ShellFile, &["serve"])));
        assert!(is_suspect(script(
            ScriptKind::ShellFile,
            &["exec npm start"]
        )));
    }

    #[test]
    fn what_hands_over_or_handles_the_signal_does_not() {
        assert!(!is_suspect(process("node server.js")));
        assert!(!is_suspect(script(ScriptKind::ShellText, &["serve"])));
        assert!(!is_suspect(script(
            ScriptKind::ShellText,
            &["migrate", "exec serve"]
        )));
        assert!(!is_suspect(script(
            ScriptKind::ShellFile,
            &["set -e", "exec serve"]
        )));
        assert!(!is_suspect(script(
            ScriptKind::ShellFile,
            &["trap stop TERM", "serve"]
        )));
        assert!(!is_suspect(script(
            ScriptKind::ShellText,
            &["mc alias", "exit 0"]
        )));
        let mut wrapped = process("npm start");
        wrapped.wrappers = vec!["tini".to_owned()];
        assert!(!is_suspect(wrapped));
        let with_init = CommandSeen {
            init: true,
            ..command(process("npm start"))
        };
        assert!(suspect(&with_init).is_none());
    }
}
