//! T006 `ignores-stop-signal`.

use crate::app::{Condition, Place};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{
    CommandOrigin, CommandSeen, Evidence, Process, Script, ScriptKind, StopSeen,
};
use crate::finding::Finding;

rule! {
    /// A container that does not end when it is asked to.
    ///
    /// A run shows it: the container got its signal, did nothing about it, and was killed when its time was
    /// up. Without a run the command tells where the signal gets lost: a package manager, a shell with more
    /// than one command, or a script that does not end in `exec` as PID 1. A container that the run saw
    /// end in time is not accused.
    ///
    /// ## Why it breaks on ECS
    ///
    /// ECS stops tasks all day: for every deployment, when it scales in, when a Spot instance is taken back.
    /// It sends SIGTERM (or the image's `STOPSIGNAL`) to PID 1 of each container, waits 30 seconds
    /// (`stopTimeout`) and kills what is left ("StopTask"). A shell does not pass the signal on to its
    /// children. And a program that is PID 1 itself and has no handler for SIGTERM never gets it: the
    /// kernel takes no default action for PID 1 (`pid_namespaces(7)`). So requests under way are cut off,
    /// jobs are lost half done, buffers are not written, and each deployment takes half a minute longer.
    /// In dev nobody notices: Ctrl-C twice, and it is gone.
    ///
    /// ## Broken
    ///
    /// ```dockerfile
    /// CMD ["npm", "start"]
    /// ```
    ///
    /// ```sh
    /// #!/bin/sh
    /// ./migrate
    /// gunicorn app:app
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```dockerfile
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// ```sh
    /// #!/bin/sh
    /// ./migrate
    /// exec gunicorn app:app
    /// ```
    ///
    /// And the program handles the signal: `process.on('SIGTERM', () => server.close())` in Node.js,
    /// `signal.signal(signal.SIGTERM, …)` in Python. Where the program cannot be changed, `init: true`
    /// (`initProcessEnabled` on ECS) puts a small init in front of it, and the kernel's default, to end,
    /// holds again.
    ///
    /// ## When to ignore it
    ///
    /// When the container has nothing to lose, keeps no connections, and a slow deployment does not matter.
    "T006", "ignores-stop-signal", Warning, since "0.1.0",
    needs [Task],
    "a container that does not end on SIGTERM and is killed",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let stops = evidence.task.iter().flat_map(|task| &task.containers);
    for container in stops {
        if let Some(stop) = container.stop.as_ref().filter(|stop| stop.killed) {
            findings.push(killed(evidence, &container.service, stop));
        }
    }
    let mut suspects: Vec<(Suspect, Vec<&str>)> = Vec::new();
    for command in &evidence.commands {
        if seen_to_stop(evidence, &command.service) || ends_by_itself(evidence, &command.service) {
            continue;
        }
        let Some(new) = suspect(command) else {
            continue;
        };
        let same = |(old, _): &&mut (Suspect, Vec<&str>)| {
            old.process.place == new.process.place && old.process.words == new.process.words
        };
        match suspects.iter_mut().find(same) {
            Some((_, services)) => services.push(&command.service),
            None => suspects.push((new, vec![&command.service])),
        }
    }
    findings.extend(
        suspects
            .iter()
            .map(|(suspect, services)| suspected(suspect, services)),
    );
    findings
}

/// The run has told how the container takes its signal.
fn seen_to_stop(evidence: &Evidence, service: &str) -> bool {
    let seen = evidence
        .task
        .as_ref()
        .and_then(|task| task.container(service));
    seen.is_some_and(|seen| seen.stop.is_some())
}

/// Others wait until it has ended, or `restart: "no"` says that an end is no accident: nobody has to
/// stop it.
fn ends_by_itself(evidence: &Evidence, service: &str) -> bool {
    let mut waiting = evidence.prod.waiting_for(service, Condition::Completed);
    let restart = evidence
        .prod
        .services
        .get(service)
        .and_then(|service| service.restart.as_ref());
    waiting.next().is_some() || restart.is_some_and(|restart| restart.value == "no")
}

/// The command of a service that was seen to be killed.
fn killed(evidence: &Evidence, service: &str, stop: &StopSeen) -> Finding {
    let signal = &stop.signal;
    let message = format!(
        "`{service}` did not end on {signal} and was killed after {} s: what it was doing is lost at every deployment",
        stop.timeout_seconds
    );
    let command = evidence
        .commands
        .iter()
        .find(|command| command.service == service);
    let suspect = command.and_then(suspect);
    let own = stop.main_process.as_deref().unwrap_or_default();
    let help = match &suspect {
        Some(suspect) => suspect.help(),
        None if shell_words(own) => EXEC.to_owned(),
        None => format!(
            "handle {signal} in the program: finish what is under way, then exit; or set `init: true` when there is nothing to finish"
        ),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .data("signal", &**signal)
        .data("timeout", stop.timeout_seconds)
        .data("exit_code", stop.exit_code)
        .data("services", vec![service.to_owned()])
        .proof(format!(
            "{signal} was sent, and after {} ms the container exited with code {}",
            stop.milliseconds, stop.exit_code
        ));
    let place = command
        .filter(|command| command.origin != CommandOrigin::Image)
        .map(|command| command.process.place.clone());
    let place = place.or_else(|| Some(evidence.prod.services.get(service)?.place.clone()));
    if let Some(place) = place {
        finding = finding.at(&place, "");
    }
    if !own.is_empty() {
        finding = finding.proof(format!("PID 1 was still there: `{own}`"));
    }
    match &suspect {
        Some(suspect) => suspect.told(finding),
        None if own.is_empty() || shell_words(own) => finding,
        None => finding.proof(
            "the kernel takes no default action for PID 1: without a handler of its own the program does not get the signal",
        ),
    }
}

/// Whether a process list's command is a shell.
fn shell_words(command: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    let name = first.rsplit('/').next().unwrap_or(first);
    matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh" | "busybox")
}

const EXEC: &str = "let the last command take the shell's place: write `exec` in front of it";

/// Where a signal gets lost.
struct Suspect<'a> {
    process: &'a Process,
    script: Option<&'a Script>,
}

/// What keeps the signal from the program, as the command tells.
fn suspect(command: &CommandSeen) -> Option<Suspect<'_>> {
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
    fn what(&self) -> String {
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

    fn help(&self) -> String {
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
    fn told(&self, finding: Finding) -> Finding {
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

/// A service that was not run.
fn suspected(suspect: &Suspect, services: &[&str]) -> Finding {
    let message = format!(
        "{} will most likely be killed instead of ending: {}",
        list(services),
        suspect.what()
    );
    let finding = Finding::new(&INFO, message, suspect.help())
        .service(services[0])
        .at(&suspect.process.place, "")
        .data("signal", "SIGTERM")
        .data(
            "services",
            services
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        );
    suspect.told(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{ContainerEnd, ContainerSeen, TaskSeen};

    fn process(words: &str) -> Process {
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

    fn command(process: Process) -> CommandSeen {
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

    fn run(stop: Option<StopSeen>) -> Evidence {
        let mut seen = evidence("services: {web: {build: .}}\n");
        seen.commands.push(command(process("npm start")));
        seen.task = Some(TaskSeen {
            containers: vec![ContainerSeen {
                service: "web".to_owned(),
                essential: true,
                end: ContainerEnd::Running,
                unhealthy: false,
                last_lines: Vec::new(),
                stop,
            }],
            ..TaskSeen::default()
        });
        seen
    }

    fn stop(killed: bool) -> StopSeen {
        StopSeen {
            signal: "SIGTERM".to_owned(),
            timeout_seconds: 30,
            milliseconds: if killed { 30_040 } else { 120 },
            exit_code: if killed { 137 } else { 143 },
            killed,
            main_process: killed.then(|| "npm start".to_owned()),
        }
    }

    #[test]
    fn the_run_has_the_last_word() {
        assert!(check(&run(Some(stop(false)))).is_empty());
        let found = check(&run(Some(stop(true))));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].message.contains("killed after 30 s"),
            "{}",
            found[0].message
        );
        assert!(
            found[0]
                .evidence
                .iter()
                .any(|proof| proof.contains("`npm start`"))
        );
        // It ended before it could be stopped: the suspicion stays.
        let found = check(&run(None));
        assert!(
            found[0].message.contains("most likely"),
            "{}",
            found[0].message
        );
    }

    #[test]
    fn what_others_wait_for_to_complete_ends_by_itself() {
        let mut seen = evidence(
            "services:
  web: {image: x, depends_on: {job: {condition: service_completed_successfully}}}
  job: {build: .}
  seed: {build: ., restart: 'no'}
",
        );
        for job in ["job", "seed"] {
            seen.commands.push(CommandSeen {
                service: job.to_owned(),
                ..command(process("npm run migrate"))
            });
        }
        assert!(check(&seen).is_empty());
    }
}
