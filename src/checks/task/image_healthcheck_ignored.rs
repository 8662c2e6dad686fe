//! T009 `image-healthcheck-ignored`.

use crate::app::{Condition, Service};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{Evidence, ImageOrigin};
use crate::finding::{Finding, Severity};

rule! {
    /// An image has a HEALTHCHECK, and the service has none of its own.
    ///
    /// It is an error when another service waits for this one with `service_healthy`, and a warning when the
    /// project's own Dockerfile has the check. Checks that stock images bring along and nobody waits for are passed
    /// over.
    ///
    /// ## Why it breaks on ECS
    ///
    /// ECS ignores the HEALTHCHECK of an image. Only the `healthCheck` of the task definition counts, which the
    /// Compose file's `healthcheck` becomes. Without one the container's status stays UNKNOWN: a container that hangs is
    /// never replaced, a deployment takes every container that runs for a good one, and a task definition in which
    /// another container waits for HEALTHY is refused: `A dependency container with HEALTHY condition must have health check
    /// configured`.
    ///
    /// ## Broken
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// COPY . .
    /// HEALTHCHECK --interval=10s CMD node health.js
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// ```yaml
    /// services:
    ///   web: {build: .}
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     healthcheck:
    ///       test: ["CMD", "node", "health.js"]
    ///       interval: 10s
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When a load balancer asks the service in production: its health check takes the place of the container's.
    /// `healthcheck: {disable: true}` says that there is to be none.
    "T009", "image-healthcheck-ignored", Warning, since "0.1.0",
    needs [],
    "the image has a HEALTHCHECK, which ECS ignores, and the service has none",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let services = evidence.prod.services.values();
    services
        .filter_map(|service| finding(evidence, service))
        .collect()
}

fn finding(evidence: &Evidence, service: &Service) -> Option<Finding> {
    let own = service.healthcheck.as_ref();
    if own.is_some_and(|check| check.disable || !check.test.is_empty()) {
        return None;
    }
    let name = &service.name;
    let mut dockerfiles = evidence.dockerfiles.iter();
    let written = dockerfiles
        .find(|seen| seen.service == *name)
        .and_then(|seen| seen.healthcheck.as_ref());
    // `HEALTHCHECK NONE`
    if written.is_some_and(|check| check.value.is_empty()) {
        return None;
    }
    let image = evidence.image(name);
    let in_image = image.is_some_and(|image| image.has_healthcheck);
    if written.is_none() && !in_image {
        return None;
    }
    let waiting: Vec<&str> = evidence
        .prod
        .waiting_for(name, Condition::Healthy)
        .filter(|other| evidence.prod.task_name(other) == evidence.prod.task_name(service))
        .map(|other| &*other.name)
        .collect();
    let stock = image.is_some_and(|image| image.origin != ImageOrigin::Built);
    if waiting.is_empty() && written.is_none() && stock {
        return None;
    }
    let message = match waiting.as_slice() {
        [] => format!(
            "ECS ignores the HEALTHCHECK of the image of `{name}`: a container that hangs is never replaced"
        ),
        waiting => format!(
            "ECS ignores the HEALTHCHECK of the image of `{name}`, and {} wait for it to be healthy: such a task definition is refused",
            list(waiting)
        ),
    };
    let words = image.map_or(&[][..], |image| &image.healthcheck);
    let test = match written {
        _ if !words.is_empty() => format!("test: {}", serde_json::Value::from(words)),
        Some(check) => format!("test: {}", yaml(&check.value)),
        None => "test: [\"CMD\", …]` with the command of the image's check (`docker inspect` shows it), `interval: 10s".to_owned(),
    };
    let help = format!(
        "write it into the Compose file as well, below `healthcheck:` of `{name}`: `{test}`"
    );
    let mut finding = Finding::new(&INFO, message, help)
        .service(name)
        .data("waiting", waiting.clone());
    if !waiting.is_empty() {
        finding.severity = Severity::Error;
    }
    if let Some(check) = written {
        finding = finding.at(&check.place, "").data("test", &*check.value);
    }
    let dependencies = evidence.prod.services.values().flat_map(|other| {
        let all = other.depends_on.iter();
        all.filter(|dependency| {
            dependency.service.value == *name && dependency.condition == Condition::Healthy
        })
    });
    for dependency in dependencies {
        finding = finding.at(&dependency.service.place, "");
    }
    if finding.locations.is_empty() {
        finding = finding.at(&service.place, "");
    }
    Some(match written {
        Some(check) => finding.proof(format!(
            "the Dockerfile says `HEALTHCHECK CMD {}`",
            check.value
        )),
        None => finding.proof(format!(
            "the image `{}` has a HEALTHCHECK",
            image.map_or("", |image| &image.reference)
        )),
    })
}

/// A command as YAML has it.
fn yaml(command: &str) -> String {
    format!("'{}'", command.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app_for;
    use crate::app::{At, Mode, Place};
    use crate::evidence::DockerfileSeen;

    fn evidence(text: &str, check: Option<&str>, origin: ImageOrigin) -> Evidence {
        let app = app_for(text, Mode::Prod);
        let mut evidence = Evidence::new(app.clone(), app);
        let image = serde_json::json!({
            "service": "web", "reference": "web:1", "id": "", "origin": origin,
            "exposed": [], "volumes": [], "has_healthcheck": check != Some(""),
        });
        evidence
            .images
            .push(serde_json::from_value(image).expect("an image"));
        if let Some(check) = check {
            evidence.dockerfiles.push(DockerfileSeen {
                service: "web".to_owned(),
                path: "Dockerfile".to_owned(),
                froms: Vec::new(),
                exposes: Vec::new(),
                entrypoint: None,
                cmd: None,
                variables: Vec::new(),
                healthcheck: Some(At {
                    value: check.to_owned(),
                    place: Place::start_of("Dockerfile"),
                }),
                user: None,
                stop_signal: None,
                shell: None,
            });
        }
        evidence
    }

    const ALONE: &str = "services: {web: {build: .}}";
    const AWAITED: &str = "services: {web: {image: web}, app: {image: app, depends_on: {web: {condition: service_healthy}}}}";

    #[test]
    fn a_check_of_the_dockerfile_is_a_warning_that_shows_how_to_write_it() {
        let all = check(&evidence(
            ALONE,
            Some("curl -f 'http://localhost/'"),
            ImageOrigin::Built,
        ));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].severity, Severity::Warning);
        assert!(
            all[0]
                .help
                .contains("test: 'curl -f ''http://localhost/'''"),
            "{}",
            all[0].help
        );
    }

    #[test]
    fn a_check_that_another_service_waits_for_is_an_error_also_of_a_stock_image() {
        let all = check(&evidence(AWAITED, None, ImageOrigin::Stock));
        assert_eq!(all[0].severity, Severity::Error);
        assert_eq!(all[0].data["waiting"], serde_json::json!(["app"]));
    }

    #[test]
    fn checks_of_stock_images_that_nobody_waits_for_are_passed_over() {
        assert!(
            check(&evidence(
                "services: {web: {image: web}}",
                None,
                ImageOrigin::Stock
            ))
            .is_empty()
        );
    }

    #[test]
    fn a_check_in_the_compose_file_counts_and_none_is_none() {
        for text in [
            "services: {web: {build: ., healthcheck: {test: [CMD, 'true']}}}",
            "services: {web: {build: ., healthcheck: {disable: true}}}",
        ] {
            assert!(
                check(&evidence(text, Some("true"), ImageOrigin::Built)).is_empty(),
                "{text}"
            );
        }
        assert!(check(&evidence(ALONE, Some(""), ImageOrigin::Built)).is_empty());
    }
}
