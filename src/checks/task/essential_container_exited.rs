//! T007 `essential-container-exited`.

use crate::app::{Place, Service};
use crate::checks::rule;
use crate::evidence::{ContainerEnd, ContainerSeen, Evidence};
use crate::finding::Finding;

rule! {
    /// An essential container exited by itself, or was never started, and the task stopped with it.
    ///
    /// The finding has the exit code, what it means, and the last lines of the log. A container that was killed for its
    /// memory is T005's.
    ///
    /// ## Why it breaks on ECS
    ///
    /// On ECS every container is essential unless the task definition says otherwise, and any exit of an
    /// essential one, exit code 0 included, stops the whole task: the other containers get SIGTERM, and the
    /// ECS service starts a new task, with a new address and empty volumes, which ends the same way. Compose leaves the
    /// others running, and `restart: always` starts the one again until what it waited for is there. There is nothing
    /// like it on ECS: `restartPolicy` starts only what ran for a minute.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   migrate:                          # ends with code 0, and the task with it
    ///     build: .
    ///     command: npm run migrate
    ///   web:
    ///     build: .
    ///     restart: always                 # hides that it fails until the database is there
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   migrate:
    ///     build: .
    ///     command: npm run migrate
    ///   web:
    ///     build: .
    ///     depends_on:
    ///       migrate: {condition: service_completed_successfully}   # so `migrate` is not essential
    /// ```
    ///
    /// For a container that nobody waits for, write `x-envsim: {essential: false}`. A program that needs a database tries
    /// again by itself until it answers.
    ///
    /// ## When to ignore it
    ///
    /// When the run gave the container something that production does not: a wrong key, a missing service. Better
    /// give it production's values in `x-envsim.prod`.
    "T007", "essential-container-exited", Error, since "0.1.0",
    needs [Task],
    "an essential container exited and the task stopped with it",
}

/// How many of its last lines are shown.
const LINES: usize = 8;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let Some(task) = &evidence.task else {
        return Vec::new();
    };
    let containers = task.containers.iter().filter(|seen| seen.essential);
    containers
        .filter_map(|seen| finding(evidence, seen))
        .collect()
}

fn finding(evidence: &Evidence, seen: &ContainerSeen) -> Option<Finding> {
    let service = &seen.service;
    let (what, code) = match &seen.end {
        // T005 says more of one that was killed for its memory.
        ContainerEnd::Running
        | ContainerEnd::Exited {
            out_of_memory: true,
            ..
        } => return None,
        ContainerEnd::Exited { code, .. } => (format!("exit code {code}"), Some(*code)),
        ContainerEnd::NotStarted { reason } => (reason.clone(), None),
    };
    let meaning = code.and_then(meaning);
    let shown = match meaning {
        Some(meaning) => format!("{what}: {meaning}"),
        None => what.clone(),
    };
    let message = match code {
        Some(_) => format!(
            "the essential container `{service}` exited ({shown}), so ECS stops the whole task"
        ),
        None => format!(
            "the essential container `{service}` was never started ({shown}), so ECS stops the whole task"
        ),
    };
    let mut finding = Finding::new(&INFO, message, help(service, code)).service(service);
    if let Some(written) = evidence.prod.services.get(service) {
        finding = finding.at(place(written), "");
    }
    if let Some(code) = code {
        finding = finding.data("exit_code", code);
    }
    finding = finding.data("reason", &*what);
    if let Some(reason) = evidence
        .task
        .as_ref()
        .and_then(|task| task.stopped_reason.as_ref())
    {
        finding = finding.proof(format!("task stopped: {reason}"));
    }
    let from = seen.last_lines.len().saturating_sub(LINES);
    for line in &seen.last_lines[from..] {
        finding = finding.proof(format!("{service} | {line}"));
    }
    if code.is_some() && seen.last_lines.is_empty() {
        finding = finding.proof(format!("`{service}` wrote nothing to stdout or stderr"));
    }
    Some(finding)
}

/// What an exit code says about how a program ended, where shells, engines and kernels agree on it.
fn meaning(code: i64) -> Option<&'static str> {
    Some(match code {
        0 => "it was done",
        125 => "the engine could not run it",
        126 => "the command cannot be executed",
        127 => "the command is not in the image",
        134 => "aborted",
        137 => "killed with SIGKILL",
        139 => "segmentation fault",
        143 => "ended by SIGTERM",
        _ => return None,
    })
}

fn help(service: &str, code: Option<i64>) -> String {
    match code {
        Some(0) => format!(
            "a container that is done after its work needs `x-envsim.essential: false` (in ECS: `essential: false`) on `{service}`, or let the others wait for it with `service_completed_successfully`"
        ),
        Some(126 | 127) => format!(
            "the command of `{service}` must be in its image: what a bind mount brings in dev is not there"
        ),
        Some(_) => format!(
            "see the last lines of `{service}` in this finding; on ECS the service would start a new task again and again"
        ),
        None => format!(
            "see why `{service}` could not start; on ECS the service would start a new task again and again"
        ),
    }
}

/// Where the command is written, else the service.
fn place(service: &Service) -> &Place {
    let command = service.command.as_ref().or(service.entrypoint.as_ref());
    command.map_or(&service.place, |command| &command.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::checks::words::tests::container;
    use crate::evidence::TaskSeen;

    fn found(end: ContainerEnd, lines: &[&str]) -> Vec<Finding> {
        let app = app_for(
            "services:\n  web:\n    image: web\n    command: serve\n",
            Mode::Prod,
        );
        let mut evidence = Evidence::new(app.clone(), app);
        evidence.task = Some(TaskSeen {
            containers: vec![ContainerSeen {
                last_lines: lines.iter().map(|line| (*line).to_owned()).collect(),
                ..container(end)
            }],
            ..TaskSeen::default()
        });
        check(&evidence)
    }

    fn exited(code: i64, out_of_memory: bool) -> ContainerEnd {
        ContainerEnd::Exited {
            code,
            out_of_memory,
        }
    }

    #[test]
    fn an_exit_is_told_with_its_meaning_and_the_last_lines() {
        let all = found(exited(127, false), &["sh: serve: not found"]);
        assert_eq!(
            all[0].message,
            "the essential container `web` exited (exit code 127: the command is not in the image), so ECS stops the whole task"
        );
        assert_eq!(all[0].evidence, ["web | sh: serve: not found"]);
        assert_eq!(all[0].locations[0].place.line, 4);
    }

    #[test]
    fn silence_is_told_too() {
        let all = found(exited(1, false), &[]);
        assert_eq!(all[0].evidence, ["`web` wrote nothing to stdout or stderr"]);
    }

    #[test]
    fn a_container_that_runs_or_was_killed_for_its_memory_is_not_meant() {
        assert!(found(ContainerEnd::Running, &[]).is_empty());
        assert!(found(exited(137, true), &[]).is_empty());
    }
}
