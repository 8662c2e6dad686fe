//! T006 `ignores-stop-signal`.

use crate::app::Condition;
use crate::checks::rule;
use crate::checks::signal_path::{EXEC, Suspect, suspect};
use crate::checks::words::list;
use crate::evidence::{CommandOrigin, Evidence, StopSeen};
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
    if suspect.is_none() && is_shell_form(own) {
        finding = finding.data("shell", true);
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

/// Whether a process list's command is a shell with its command as text, as the shell form starts it.
fn is_shell_form(command: &str) -> bool {
    let option = command.split_whitespace().nth(1).unwrap_or_default();
    shell_words(command) && option.starts_with('-') && option.ends_with('c')
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
        .data("services", services.to_vec());
    suspect.told(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::signal_path::tests::{command, process};
    use crate::checks::words::tests::container;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{CommandSeen, ContainerEnd, ContainerSeen, TaskSeen};

    fn run(stop: Option<StopSeen>) -> Evidence {
        let mut seen = evidence("services: {web: {build: .}}\n");
        seen.commands.push(command(process("npm start")));
        seen.task = Some(TaskSeen {
            containers: vec![ContainerSeen {
                stop,
                ..container(ContainerEnd::Running)
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
    fn only_a_shell_between_the_signal_and_the_program_is_told_to_programs() {
        let told = |command_line: &str, pid_1: &str| {
            let mut seen = run(Some(StopSeen {
                main_process: Some(pid_1.to_owned()),
                ..stop(true)
            }));
            seen.commands = vec![command(process(command_line))];
            check(&seen)[0].data.contains_key("shell")
        };
        assert!(told("python app.py", "/bin/sh -c python app.py"));
        assert!(told("python app.py", "/bin/bash -lc python app.py"));
        assert!(!told("python app.py", "python app.py"));
        assert!(!told("python app.py", "/bin/sh ./start.sh"));
        // npm would not hand the signal on either.
        assert!(!told("npm start", "/bin/sh -c npm start"));
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
