//! T008 `start-order-race`.

use crate::checks::rule;
use crate::evidence::{ContainerEnd, ContainerSeen, DelayedStart, Dependent, Evidence};
use crate::finding::Finding;

rule! {
    /// A container needs another one at its start and does not wait for it: when the other comes later, it
    /// ends.
    ///
    /// ## Why it breaks on ECS
    ///
    /// ECS starts the containers of a task in no order but that of `dependsOn`, each as soon as its image is
    /// pulled. Which is first changes with the size of the images and the load of the host. On a developer's
    /// machine the database was mostly started long ago, and when it was not, `restart: always` tries again;
    /// on ECS an essential container that ends takes its task with it.
    ///
    /// The rule needs `envsim prod-check --start-order`. It looks for services whose variables, command, files
    /// or DNS questions name another service of their task and that wait for it on no path of `depends_on`. It
    /// starts the task again with that other service some seconds later than the rest. A service that ends
    /// with an error or turns unhealthy then, and did not in the first run, is a finding.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     environment:
    ///       REDIS_URL: redis://127.0.0.1:6379
    ///   redis:
    ///     image: redis:7
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     environment:
    ///       REDIS_URL: redis://127.0.0.1:6379
    ///     depends_on:
    ///       redis:
    ///         condition: service_healthy
    ///   redis:
    ///     image: redis:7
    ///     healthcheck:
    ///       test: [CMD, redis-cli, ping]
    ///       interval: 5s
    /// ```
    ///
    /// Let the code try again as well: a dependency can go away later, and `dependsOn` only orders the start.
    ///
    /// ## When to ignore it
    ///
    /// When the service is not essential and is started again by something else, or when ECS restarts the
    /// container by its own restart policy and that is meant.
    "T008", "start-order-race", Error, since "0.1.0",
    needs [StartOrder],
    "a container ends when another one, which it does not wait for, starts later",
}

/// Last lines of the log that are shown.
const LINES: usize = 5;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for start in &evidence.delayed_starts {
        for dependent in &start.dependents {
            findings.extend(of_dependent(evidence, start, dependent));
        }
    }
    findings
}

/// A finding where the container did worse than in the normal run.
fn of_dependent(
    evidence: &Evidence,
    start: &DelayedStart,
    dependent: &Dependent,
) -> Option<Finding> {
    let Dependent {
        service,
        because,
        place,
    } = dependent;
    let mut all = start.containers.iter();
    let seen = all.find(|one| one.service == *service)?;
    let normal = evidence.task.as_ref()?.container(service)?;
    let what = trouble(seen)?;
    // What fails in any order is not the order's doing.
    if trouble(normal).is_some() {
        return None;
    }
    let DelayedStart {
        dependency,
        seconds,
        ..
    } = start;
    let message = format!(
        "`{service}` {what} when `{dependency}` starts later than it, and nothing makes it wait: on ECS the order changes from start to start"
    );
    let help = format!(
        "let `{service}` wait (`depends_on` with `{dependency}: {{condition: service_healthy}}`, and a `healthcheck` of `{dependency}`), and try again in the code"
    );
    let written = &evidence.prod.services.get(service)?.place;
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(written, "")
        .data("services", vec![service.clone(), dependency.clone()])
        .proof(format!("`{service}` needs `{dependency}`: {because}"))
        .proof(format!(
            "with `{dependency}` {seconds} s later, `{service}` {what}; in the normal order it did not"
        ));
    if let Some(place) = place {
        finding = finding.at(place, "");
    }
    let from = seen.last_lines.len().saturating_sub(LINES);
    for line in &seen.last_lines[from..] {
        finding = finding.proof(format!("{service} | {line}"));
    }
    Some(finding)
}

/// What went wrong with a container by itself.
fn trouble(seen: &ContainerSeen) -> Option<String> {
    match &seen.end {
        ContainerEnd::Exited { code, .. } if *code != 0 => Some(format!("exits with code {code}")),
        _ if seen.unhealthy => Some("turns unhealthy".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::words::tests::container;
    use crate::checks::words::tests::evidence;
    use crate::evidence::TaskSeen;

    fn seen(end: ContainerEnd, unhealthy: bool) -> ContainerSeen {
        ContainerSeen {
            unhealthy,
            last_lines: vec!["connection refused".to_owned()],
            ..container(end)
        }
    }

    fn exited(code: i64) -> ContainerEnd {
        ContainerEnd::Exited {
            code,
            out_of_memory: false,
        }
    }

    fn found(normal: ContainerSeen, delayed: ContainerSeen) -> Vec<Finding> {
        let mut seen = evidence("services: {web: {image: x}, db: {image: y}}\n");
        seen.task = Some(TaskSeen {
            containers: vec![normal],
            ..TaskSeen::default()
        });
        seen.delayed_starts = vec![DelayedStart {
            dependency: "db".to_owned(),
            seconds: 8,
            dependents: vec![Dependent {
                service: "web".to_owned(),
                because: "its variable `URL` names `db`".to_owned(),
                place: None,
            }],
            containers: vec![delayed],
        }];
        check(&seen)
    }

    #[test]
    fn a_container_that_ends_only_when_the_other_is_late_is_found_with_its_last_lines() {
        let running = seen(ContainerEnd::Running, false);
        let findings = found(running.clone(), seen(exited(1), false));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("exits with code 1"));
        let proof = findings[0].evidence.join("\n");
        assert!(proof.contains("web | connection refused"), "{proof}");
        let findings = found(running, seen(ContainerEnd::Running, true));
        assert!(findings[0].message.contains("turns unhealthy"));
    }

    #[test]
    fn whoever_goes_on_ends_well_or_fails_in_any_order_is_no_race() {
        let running = seen(ContainerEnd::Running, false);
        for (normal, delayed) in [
            (running.clone(), running.clone()),
            (running.clone(), seen(exited(0), false)),
            (seen(exited(1), false), seen(exited(1), false)),
        ] {
            assert!(found(normal, delayed).is_empty());
        }
    }
}
