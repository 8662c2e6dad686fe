//! T011 `essential-container-unhealthy`.

use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// The health check of an essential container fails in the task.
    ///
    /// The finding has what the check answered last, and the container's last log lines. T010 says so when the check's
    /// program is not in the image.
    ///
    /// ## Why it breaks on ECS
    ///
    /// Compose shows an unhealthy container and leaves it running. The ECS service stops the whole task, with
    /// `Task failed container health checks`, and starts another one, again and again; during a deployment the new version
    /// never becomes the running one. A check that passes in dev can fail in the task: there it has no service
    /// names and no bind mounts, and a slow start with less CPU takes longer than the check's patience.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     healthcheck:
    ///       test: curl -f http://web:3000/health     # no such name in a task
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     healthcheck:
    ///       test: curl -f http://localhost:3000/health
    ///       start_period: 60s                        # for a slow start
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When the check fails for want of something that production has and this run does not. Better give it a stand-in,
    /// or let the check ask the container alone: a check that fails when the database is away makes ECS replace
    /// the app for the database's fault.
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
            if let Some(last) = seen.health_log.last() {
                let answer = last.output.lines().rfind(|line| !line.trim().is_empty());
                finding = finding.proof(format!(
                    "the check ended with code {}{}",
                    last.exit_code,
                    answer.map(|answer| format!(" and said: {answer}")).unwrap_or_default()
                ));
            }
            let from = seen.last_lines.len().saturating_sub(LINES);
            let lines = seen.last_lines[from..].iter();
            lines.fold(finding, |finding, line| {
                finding.proof(format!("{service} | {line}"))
            })
        })
        .collect()
}
