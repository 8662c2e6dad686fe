//! E007 `state-lost-on-replacement`.

use crate::checks::rule;
use crate::evidence::{AnsweredAgain, Evidence, Replacement, WrittenPath};
use crate::finding::{Finding, Severity};

rule! {
    /// What the app wrote is gone once its task is replaced: a probe that passed in one task fails in the
    /// next, or data was written into the container's own layer.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A task is replaced with every deployment, when its host is taken out of service, when a health check
    /// fails, and whenever the service scales in. The new one has another address, an empty layer over the
    /// image, and empty task volumes. In dev the container stays for weeks and a named volume for ever, so a
    /// SQLite file beside the code, uploads in `public/uploads` or sessions on disk seem to be kept. With
    /// more than one task each has its own, too: a file uploaded to one is missing in the other.
    ///
    /// `envsim prod-check --replace` shows it: it stops the task, starts a fresh one and repeats the probes
    /// that only read (`GET`, `HEAD`, connections and commands). One that fails then is an error. Without the
    /// flag, paths that look like data (databases, uploads, sessions) and lie outside of all volumes are a
    /// warning.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     environment:
    ///       DATABASE_URL: sqlite:////app/shop.db
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     environment:
    ///       DATABASE_URL: postgres://app@db:5432/shop
    ///   db:
    ///     image: postgres:16
    ///     x-envsim:
    ///       external: shop.cluster-abc.eu-west-1.rds.amazonaws.com
    /// ```
    ///
    /// Files that people upload belong into S3 or onto an EFS volume, sessions into a database or a cache that
    /// outlives the task.
    ///
    /// ## When to ignore it
    ///
    /// When the files can be made again at any time, as thumbnails and compiled templates can, or when nobody
    /// misses them, as in a demonstration.
    "E007", "state-lost-on-replacement", Error, since "0.1.0",
    needs [Task],
    "what the app wrote is gone with its task",
}

/// Paths that one finding names.
const NAMED: usize = 5;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let replacement = evidence.replacement.as_ref();
    let lost: Vec<&AnsweredAgain> = replacement.map(lost).unwrap_or_default();
    let mut findings: Vec<Finding> = lost
        .iter()
        .filter_map(|probe| Some(of_probe(evidence, replacement?, probe)))
        .collect();
    for service in evidence.prod.services.values() {
        if lost.iter().any(|probe| probe.service == service.name) {
            continue;
        }
        let all = evidence.written.iter();
        let own = all.filter(|one| one.service == service.name);
        // Whoever asks for a replacement wants to know of every file; else only what tells by itself.
        let paths: Vec<&WrittenPath> = own
            .filter(|one| one.data || replacement.is_some())
            .collect();
        if !paths.is_empty() {
            let finding = of_paths(&paths, replacement);
            findings.push(finding.service(&service.name).at(&service.place, ""));
        }
    }
    findings
}

/// The probes that the first task answered as expected and the second did not.
fn lost(replacement: &Replacement) -> Vec<&AnsweredAgain> {
    let all = replacement.probes.iter();
    all.filter(|probe| probe.before.passed && !probe.after.passed)
        .collect()
}

fn of_probe(evidence: &Evidence, replacement: &Replacement, probe: &AnsweredAgain) -> Finding {
    let AnsweredAgain {
        name,
        service,
        action,
        ..
    } = probe;
    let message = format!(
        "\u{201c}{name}\u{201d} works in the first task and fails in the one that replaces it ({action}): what it needs was lost with the first"
    );
    let help = format!(
        "keep what `{service}` has to find again outside of the task: a managed database, S3, or an EFS volume"
    );
    let addresses = |tasks: &[crate::evidence::TaskName]| {
        let addresses: Vec<&str> = tasks.iter().map(|task| &*task.address).collect();
        addresses.join(", ")
    };
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&probe.place, "")
        .data("probe", &**name)
        .proof(format!(
            "the task at {}: {}",
            addresses(&replacement.before),
            probe.before.answer
        ))
        .proof(format!(
            "the fresh task at {}: {}",
            addresses(&replacement.after),
            probe.after.answer
        ));
    let mut written = evidence.written.iter();
    let own: Vec<&WrittenPath> = written
        .by_ref()
        .filter(|one| one.service == *service)
        .collect();
    if !own.is_empty() {
        finding = finding.data("paths", names(&own)).proof(format!(
            "in the first task, `{service}` wrote {}",
            listed(&own)
        ));
    }
    finding
}

fn of_paths(paths: &[&WrittenPath], replacement: Option<&Replacement>) -> Finding {
    let service = &paths[0].service;
    let message = format!(
        "`{service}` writes {} into its container, outside of every volume: ECS replaces the task with every deployment, and the files are gone",
        listed(paths)
    );
    let help = match replacement {
        Some(_) => format!(
            "keep what `{service}` has to find again in a managed database, S3 or an EFS volume"
        ),
        None => format!(
            "keep what `{service}` has to find again in a managed database, S3 or an EFS volume; `envsim prod-check --replace` shows whether it is missed"
        ),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .data("paths", names(paths))
        .proof(format!(
            "in the task, these paths differed from the image when the probes were over: {}",
            listed(paths)
        ));
    if replacement.is_some() {
        finding = finding.proof("in the fresh task, every probe that only reads still passed");
    }
    finding.severity = Severity::Warning;
    finding
}

fn names(paths: &[&WrittenPath]) -> Vec<String> {
    paths.iter().map(|one| one.path.clone()).collect()
}

/// The first paths, and how many more there are.
fn listed(paths: &[&WrittenPath]) -> String {
    let first: Vec<String> = paths
        .iter()
        .take(NAMED)
        .map(|one| format!("`{}`", one.path))
        .collect();
    match paths.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{Attempt, TaskName};

    fn with(paths: &[(&str, bool)]) -> Evidence {
        let mut seen = evidence("services: {web: {image: x}, api: {image: y}}\n");
        seen.written = paths
            .iter()
            .map(|(path, data)| WrittenPath {
                service: "web".to_owned(),
                path: (*path).to_owned(),
                data: *data,
            })
            .collect();
        seen
    }

    fn replaced(before: bool, after: bool) -> Option<Replacement> {
        let attempt = |passed: bool| Attempt {
            passed,
            answer: format!("passed: {passed}"),
            ..Attempt::default()
        };
        let task = |address: &str| {
            vec![TaskName {
                id: "1f".to_owned(),
                address: address.to_owned(),
            }]
        };
        Some(Replacement {
            before: task("10.0.0.2"),
            after: task("10.9.9.9"),
            probes: vec![AnsweredAgain {
                name: "the item is there".to_owned(),
                service: "web".to_owned(),
                action: "GET /items/1 on port 80".to_owned(),
                place: Place::start_of("compose.yaml"),
                before: attempt(before),
                after: attempt(after),
            }],
        })
    }

    #[test]
    fn a_probe_that_fails_in_the_fresh_task_is_an_error_with_both_addresses() {
        let mut seen = with(&[("/app/shop.db", true)]);
        seen.replacement = replaced(true, false);
        let findings = check(&seen);
        assert_eq!(findings.len(), 1, "the paths are told with the probe");
        assert_eq!(findings[0].severity, Severity::Error);
        let proof = findings[0].evidence.join("\n");
        for part in ["10.0.0.2", "10.9.9.9", "/app/shop.db"] {
            assert!(proof.contains(part), "{proof}");
        }
    }

    #[test]
    fn a_probe_that_never_passed_says_nothing_about_state() {
        for (before, after) in [(false, false), (true, true), (false, true)] {
            let mut seen = with(&[]);
            seen.replacement = replaced(before, after);
            assert!(check(&seen).is_empty(), "{before} {after}");
        }
    }

    #[test]
    fn without_a_replacement_only_what_looks_like_data_is_a_warning() {
        assert!(check(&with(&[("/app/report.csv", false)])).is_empty());
        let findings = check(&with(&[("/app/shop.db", true), ("/app/report.csv", false)]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(findings[0].message.contains("`/app/shop.db`"));
        assert!(!findings[0].message.contains("report.csv"));
        assert!(findings[0].help.contains("--replace"));
    }

    #[test]
    fn whoever_asks_for_a_replacement_is_told_every_written_file() {
        let mut seen = with(&[("/app/report.csv", false)]);
        seen.replacement = replaced(true, true);
        let findings = check(&seen);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warning);
    }

    #[test]
    fn many_paths_are_counted() {
        let paths: Vec<String> = (0..9).map(|n| format!("/app/data/{n}")).collect();
        let paths: Vec<(&str, bool)> = paths.iter().map(|path| (&**path, true)).collect();
        let message = &check(&with(&paths))[0].message;
        assert!(message.contains("and 4 more"), "{message}");
    }
}
