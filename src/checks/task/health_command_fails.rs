//! T010 `health-command-fails`.

use std::time::Duration;

use crate::app::{HealthCheck, Place, Service};
use crate::checks::rule;
use crate::evidence::{ChangeKind, ContainerSeen, Evidence, HealthAttempt};
use crate::finding::Finding;

rule! {
    /// A health check cannot work: its program is not in the image, or its times are ones that ECS refuses.
    ///
    /// The first is told by the run as a task, from what the check answered. The times are read from the Compose file.
    ///
    /// ## Why it breaks on ECS
    ///
    /// ECS runs the check inside the container, with the programs of its image. A slim image has neither `curl` nor
    /// `wget`, and one that is made `FROM scratch` has no shell for a check written as text. The check then fails every time;
    /// the container is UNHEALTHY, and the service replaces the whole task, again and again. In dev Compose only writes
    /// `unhealthy` behind the container's name.
    ///
    /// A task definition is refused in which `interval` is not 5 to 300 s, `timeout` 2 to 60 s, `retries` 1 to 10 or
    /// `startPeriod` 0 to 300 s.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     image: python:3.12-slim
    ///     command: python -m http.server 8000
    ///     healthcheck:
    ///       test: curl -f http://localhost:8000/     # there is no curl
    ///       interval: 2s                             # less than 5 s
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     image: python:3.12-slim
    ///     command: python -m http.server 8000
    ///     healthcheck:
    ///       test: ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/')"]
    ///       interval: 5s
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When production has other checks than the Compose file: those of a load balancer, say. Better put the check into
    /// `compose.override.yaml` then, which only the dev run reads.
    "T010", "health-command-fails", Error, since "0.1.0",
    needs [Task],
    "a health check's program is not in the image, or ECS refuses its times",
}

/// Exit codes of a shell for a program that cannot be run, or is not there.
const NOT_RUN: [i64; 2] = [126, 127];

fn check(evidence: &Evidence) -> Vec<Finding> {
    let services = evidence.prod.services.values();
    let mut findings: Vec<Finding> = services.flat_map(times).collect();
    let containers = evidence.task.iter().flat_map(|task| &task.containers);
    findings.extend(containers.filter_map(|seen| program(evidence, seen)));
    findings
}

/// One value of a health check and what ECS allows.
struct Bound {
    key: &'static str,
    shown: String,
    range: &'static str,
    fits: bool,
}

/// SM[HealthCheck]: the ranges of ECS.
fn bounds(check: &HealthCheck) -> Vec<Bound> {
    let time =
        |key: &'static str, value: Option<Duration>, from: u64, to: u64, range: &'static str| {
            value.map(|value| Bound {
                key,
                shown: seconds(value),
                range,
                fits: (Duration::from_secs(from)..=Duration::from_secs(to)).contains(&value),
            })
        };
    let retries = check.retries.map(|value| Bound {
        key: "retries",
        shown: value.to_string(),
        range: "1 to 10",
        fits: (1..=10).contains(&value),
    });
    let all = [
        time("interval", check.interval, 5, 300, "5 to 300 s"),
        time("timeout", check.timeout, 2, 60, "2 to 60 s"),
        retries,
        time("start_period", check.start_period, 0, 300, "0 to 300 s"),
    ];
    all.into_iter().flatten().collect()
}

fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

fn times(service: &Service) -> Vec<Finding> {
    let Some(check) = service.healthcheck.as_ref().filter(|check| !check.disable) else {
        return Vec::new();
    };
    let refused = bounds(check).into_iter().filter(|bound| !bound.fits);
    refused
        .map(|bound| {
            let Bound { key, shown, range, .. } = bound;
            let message = format!(
                "`{key}` of the health check of `{}` is {shown}, and ECS refuses what is not {range}",
                service.name
            );
            let help = format!("write a value of {range}; the run as a task took the nearest one");
            let written = format!("healthcheck.{key}");
            let place = service.values.get(&written).and_then(|places| places.first());
            Finding::new(&INFO, message, help)
                .service(&service.name)
                .data("value", shown)
                .data("kind", ChangeKind::Refused.as_str())
                .at(place.unwrap_or(&check.place), "")
                .data("key", written)
        })
        .collect()
}

/// The finding about a check whose program is not there.
fn program(evidence: &Evidence, seen: &ContainerSeen) -> Option<Finding> {
    let attempt = seen
        .health_log
        .iter()
        .rev()
        .find(|attempt| missing(attempt).is_some())?;
    let program = missing(attempt)?;
    let service = evidence.prod.services.get(&seen.service);
    let check = service.and_then(|service| service.healthcheck.as_ref());
    let name = &seen.service;
    let what = match &*program {
        "" => "its program".to_owned(),
        program => format!("`{program}`"),
    };
    let message = format!(
        "the health check of `{name}` cannot run: {what} is not in the image, so ECS replaces the task again and again"
    );
    let help = format!(
        "install {what} in the image of `{name}`, or write the check with what is there: the language of the app can ask its own port"
    );
    let place: Option<&Place> = check
        .map(|check| &check.place)
        .or(service.map(|service| &service.place));
    let mut finding = Finding::new(&INFO, message, help)
        .service(name)
        .data("program", program)
        .data("exit_code", attempt.exit_code);
    if let Some(place) = place {
        finding = finding.at(place, "");
    }
    let answer = attempt
        .output
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    Some(finding.proof(format!(
        "the check ended with code {} and said: {answer}",
        attempt.exit_code
    )))
}

/// The program that was not found, empty when it cannot be told; none when the check did run.
fn missing(attempt: &HealthAttempt) -> Option<String> {
    if attempt.exit_code == 0 {
        return None;
    }
    let output = &attempt.output;
    // The engine: `exec: "curl": executable file not found in $PATH`, `exec: "/x": stat /x: no such file or directory`
    if let Some((_, rest)) = output.split_once("exec: \"") {
        let found = rest.split_once('"').filter(|(_, after)| {
            after.contains("executable file not found")
                || after.contains("no such file or directory")
        });
        if let Some((program, _)) = found {
            return Some(program.to_owned());
        }
    }
    // A shell: `/bin/sh: 1: curl: not found`, `sh: curl: not found`, `bash: line 1: curl: command not found`
    for line in output.lines() {
        let rest = line
            .trim_end()
            .strip_suffix(": not found")
            .or_else(|| line.trim_end().strip_suffix(": command not found"));
        if let Some((shell, program)) = rest.and_then(|rest| rest.rsplit_once(": "))
            && shell.contains("sh")
        {
            return Some(program.to_owned());
        }
    }
    NOT_RUN.contains(&attempt.exit_code).then(String::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    fn attempt(exit_code: i64, output: &str) -> HealthAttempt {
        HealthAttempt {
            exit_code,
            output: output.to_owned(),
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        for (code, output, program) in [
            (
                -1,
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"curl\": executable file not found in $PATH: unknown",
                "curl",
            ),
            (127, "/bin/sh: 1: curl: not found\n", "curl"),
            (1, "/bin/sh: wget: not found", "wget"),
            (127, "bash: line 1: nc: command not found", "nc"),
            (126, "permission denied", ""),
            (
                -1,
                "exec: \"/app/health\": stat /app/health: no such file or directory",
                "/app/health",
            ),
        ] {
            assert_eq!(
                missing(&attempt(code, output)).as_deref(),
                Some(program),
                "{output}"
            );
        }
    }

    #[test]
    fn a_check_that_ran_and_failed_is_not_meant() {
        for (code, output) in [
            (
                22,
                "curl: (22) The requested URL returned error: 404 Not Found",
            ),
            (7, "curl: (7) Failed to connect to localhost port 80"),
            (1, "page not found"),
            (0, "sh: x: not found"),
        ] {
            assert_eq!(missing(&attempt(code, output)), None, "{output}");
        }
    }

    #[test]
    fn each_refused_time_is_told_at_its_line() {
        let text = "services:\n  web:\n    image: web\n    healthcheck:\n      test: x\n      interval: 2s\n      timeout: 30s\n      retries: 20\n      start_period: 10m\n";
        let app = app_for(text, Mode::Prod);
        let all = check(&Evidence::new(app.clone(), app));
        let told: Vec<(String, u32)> = all
            .iter()
            .map(|finding| {
                (
                    finding.data["key"].as_str().unwrap_or_default().to_owned(),
                    finding.locations[0].place.line,
                )
            })
            .collect();
        let told: Vec<(&str, u32)> = told.iter().map(|(key, line)| (&**key, *line)).collect();
        assert_eq!(
            told,
            [
                ("healthcheck.interval", 6),
                ("healthcheck.retries", 8),
                ("healthcheck.start_period", 9)
            ]
        );
    }

    #[test]
    fn usual_times_are_fine() {
        let text = "services:\n  web: {image: web, healthcheck: {test: x, interval: 10s, timeout: 3s, retries: 5, start_period: 1m}}\n";
        let app = app_for(text, Mode::Prod);
        assert!(check(&Evidence::new(app.clone(), app)).is_empty());
    }
}
