//! T007 `essential-container-exited`.

use crate::checks::rule;
use crate::evidence::{ContainerEnd, ContainerSeen, Evidence};
use crate::finding::Finding;

rule! {
    /// An essential container exited by itself, and the task with it.
    ///
    /// On ECS every container is essential unless the task definition says otherwise, and any exit of an
    /// essential one, exit code 0 included, stops the whole task. Compose leaves the others running.
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
        ContainerEnd::Running => return None,
        ContainerEnd::Exited {
            out_of_memory: true,
            code,
        } => (
            "OutOfMemoryError: Container killed due to memory usage".to_owned(),
            Some(*code),
        ),
        ContainerEnd::Exited { code, .. } => (format!("exit code {code}"), Some(*code)),
        ContainerEnd::NotStarted { reason } => (reason.clone(), None),
    };
    let message = match code {
        Some(_) => format!(
            "the essential container `{service}` exited ({what}), so ECS stops the whole task"
        ),
        None => format!(
            "the essential container `{service}` was never started ({what}), so ECS stops the whole task"
        ),
    };
    let help = match code {
        Some(0) => format!(
            "a container that is done after its work needs `x-envsim.essential: false` (in ECS: `essential: false`) on `{service}`"
        ),
        _ => format!(
            "see the last lines of `{service}` in this finding; on ECS the service would start a new task again and again"
        ),
    };
    let mut finding = Finding::new(&INFO, message, help).service(service);
    if let Some(written) = evidence.prod.services.get(service) {
        finding = finding.at(&written.place, "");
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
    Some(finding)
}
