//! T011 `essential-container-unhealthy`.

use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// The health check of an essential container fails in the task.
    ///
    /// Compose shows an unhealthy container and leaves it running. The ECS service stops the whole task,
    /// with "Task failed container health checks", and starts another one, again and again.
    ///
    /// Fix: make the check pass in the task, where there are no service names and no bind mounts; give a
    /// slow start a `start_period`.
    "T011", "essential-container-unhealthy", Error, since "0.1.0",
    needs [Task],
    "the health check of an essential container fails in the task",
}

/// How many of its last lines are shown.
const LINES: usize = 5;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let containers = evidence.task.iter().flat_map(|task| &task.containers);
    let unhealthy = containers.filter(|seen| seen.essential && seen.unhealthy);
    unhealthy
        .map(|seen| {
            let service = &seen.service;
            let message = format!(
                "the essential container `{service}` is unhealthy, so ECS replaces the whole task"
            );
            let help = format!(
                "run the health check of `{service}` by hand in the dev run (`envsim exec {service} …`); in the task it has no service names and no bind mounts"
            );
            let mut finding = Finding::new(&INFO, message, help).service(service);
            let written = evidence.prod.services.get(service);
            if let Some(check) = written.and_then(|service| service.healthcheck.as_ref()) {
                finding = finding
                    .at(&check.place, "")
                    .data("test", check.test.clone());
            }
            let from = seen.last_lines.len().saturating_sub(LINES);
            let lines = seen.last_lines[from..].iter();
            lines.fold(finding, |finding, line| {
                finding.proof(format!("{service} | {line}"))
            })
        })
        .collect()
}
