//! E011 `wrong-architecture`.

use crate::app::{Architecture, Place, Service};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{DockerfileSeen, Evidence, ImageOrigin};
use crate::finding::{Finding, Severity};

rule! {
    /// An image of another processor architecture than the task's.
    ///
    /// The task's architecture is `x-envsim.architecture`, else the one that the services' `platform` agree
    /// on, else X86_64. Compared with it are `platform`, `FROM --platform` and the images themselves. An image
    /// from a registry that is there for several architectures counts as fine.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A task definition has one `runtimePlatform` for all its containers, and without one it means X86_64
    /// ("RuntimePlatform"). An engine on a developer's machine emulates what it cannot run, so an image for
    /// the other architecture works there, slowly. Fargate emulates nothing: the pull fails with
    /// `CannotPullContainerError`, or the container ends with `exec format error` before its first line.
    /// The usual way to get there is a build on a computer with Apple silicon that is pushed as it is.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     platform: linux/arm64
    /// x-envsim:
    ///   architecture: X86_64
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     platform: linux/amd64
    /// x-envsim:
    ///   architecture: X86_64
    /// ```
    ///
    /// Or run the tasks on the other architecture: `architecture: ARM64` here, and
    /// `"runtimePlatform": {"cpuArchitecture": "ARM64"}` in the task definition.
    ///
    /// ## When to ignore it
    ///
    /// When the images for production are built elsewhere, for the right architecture: write
    /// `x-envsim.architecture` so that envsim need not guess, and ignore what is left.
    "E011", "wrong-architecture", Error, since "0.1.0",
    needs [Images],
    "an image of another architecture than the task's",
}

/// The architecture of the tasks, and how it is known.
struct Wanted {
    architecture: Architecture,
    /// Nobody wrote it down: it is what ECS takes when nothing is said.
    assumed: bool,
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = mixed(evidence);
    let wanted = wanted(evidence);
    for service in evidence.prod.services.values() {
        let found = declared(service, &wanted)
            .or_else(|| in_dockerfile(evidence, service, &wanted))
            .or_else(|| in_image(evidence, service, &wanted));
        // Of a task with several platforms it is not known which one is wrong.
        let told = findings.iter().any(|finding| names(finding, &service.name));
        findings.extend(found.filter(|_| !told));
    }
    findings
}

fn names(finding: &Finding, service: &str) -> bool {
    let services = finding
        .data
        .get("services")
        .and_then(|names| names.as_array());
    services.is_some_and(|names| names.iter().any(|name| name == service))
}

/// The architecture part of `linux/arm64/v8`, as images have it.
fn of_platform(platform: &str) -> &str {
    let architecture = match platform.split_once('/') {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => platform,
    };
    match architecture {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" | "arm64v8" => "arm64",
        other => other,
    }
}

/// The one platform that a service asks for.
fn platform(service: &Service) -> Option<&str> {
    let build = service
        .build
        .as_ref()
        .map_or(&[][..], |build| &build.platforms);
    match (&service.platform, build) {
        (Some(platform), _) => Some(platform),
        (None, [only]) => Some(only),
        _ => None,
    }
}

fn wanted(evidence: &Evidence) -> Wanted {
    if let Some(written) = &evidence.prod.architecture {
        return Wanted {
            architecture: written.value,
            assumed: false,
        };
    }
    let mut asked: Vec<&str> = evidence
        .prod
        .services
        .values()
        .filter_map(platform)
        .map(of_platform)
        .collect();
    asked.sort_unstable();
    asked.dedup();
    let agreed = Architecture::ALL
        .into_iter()
        .find(|one| asked == [one.of_images()]);
    Wanted {
        architecture: agreed.unwrap_or_default(),
        assumed: agreed.is_none(),
    }
}

/// Tasks whose services ask for several platforms.
fn mixed(evidence: &Evidence) -> Vec<Finding> {
    let tasks = evidence.prod.tasks();
    let several = tasks.values().filter_map(|services| {
        let asking: Vec<(&&Service, &str)> = services
            .iter()
            .filter_map(|service| Some((service, of_platform(platform(service)?))))
            .collect();
        let (_, first) = asking.first()?;
        let others = asking.iter().any(|(_, architecture)| architecture != first);
        others.then(|| {
            let names: Vec<&str> = asking.iter().map(|(service, _)| &*service.name).collect();
            let message = format!(
                "{} are for several architectures, and all containers of a task run on one",
                list(&names)
            );
            let help = "build and pull all images of the task for one architecture, or put the services into tasks of their own with `x-envsim.task`";
            let mut finding = Finding::new(&INFO, message, help)
                .service(names[0])
                .data("services", names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            for (service, architecture) in asking {
                finding = finding
                    .at(place(service), "")
                    .proof(format!("`{}` is for {architecture}", service.name));
            }
            finding
        })
    });
    several.collect()
}

/// Where the platform is written, else the service.
fn place(service: &Service) -> &Place {
    service.keys.get("platform").unwrap_or(&service.place)
}

fn declared(service: &Service, wanted: &Wanted) -> Option<Finding> {
    let written = platform(service)?;
    let architecture = of_platform(written);
    (architecture != wanted.architecture.of_images()).then(|| {
        finding(&service.name, architecture, wanted)
            .at(place(service), "")
            .proof(format!("its platform is `{written}`"))
    })
}

/// A `FROM --platform` of the image itself. One that a variable gives follows the build.
fn in_dockerfile(evidence: &Evidence, service: &Service, wanted: &Wanted) -> Option<Finding> {
    let of_service = |seen: &&DockerfileSeen| seen.service == service.name;
    let dockerfile = evidence.dockerfiles.iter().find(of_service)?;
    let fixed = dockerfile
        .froms
        .iter()
        .filter(|from| from.in_image && from.image.is_some());
    fixed.into_iter().find_map(|from| {
        let written = from
            .platform
            .as_deref()
            .filter(|written| !written.contains('$'))?;
        let architecture = of_platform(written);
        (architecture != wanted.architecture.of_images()).then(|| {
            finding(&service.name, architecture, wanted)
                .at(&from.place, &from.text)
                .proof(format!("it stands on an image for `{written}`"))
        })
    })
}

fn in_image(evidence: &Evidence, service: &Service, wanted: &Wanted) -> Option<Finding> {
    let image = evidence.image(&service.name)?;
    let architecture = image.architecture.as_str();
    if architecture.is_empty() || architecture == wanted.architecture.of_images() {
        return None;
    }
    // The engine pulls the image of its own architecture, ECS that of the task.
    if image.origin == ImageOrigin::Stock && architecture == evidence.engine_architecture {
        return None;
    }
    let mut finding = finding(&service.name, architecture, wanted)
        .at(&service.place, "")
        .proof(format!(
            "the image `{}` is for {}/{architecture}",
            image.reference, image.os
        ));
    // What is built here may be built again elsewhere.
    if wanted.assumed && image.origin != ImageOrigin::Stock {
        finding.severity = Severity::Warning;
    }
    Some(finding)
}

fn finding(service: &str, architecture: &str, wanted: &Wanted) -> Finding {
    let task = wanted.architecture.as_str();
    let message = format!(
        "the image of `{service}` is for {architecture}, and the task runs on {task}: it cannot start there"
    );
    let help = format!(
        "build for `linux/{}` (`platform: linux/{0}`), or let the task run on what the image is for with `x-envsim.architecture` and `runtimePlatform`",
        wanted.architecture.of_images()
    );
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .data("architecture", architecture)
        .data("task", task)
        .data("services", vec![service.to_owned()]);
    if wanted.assumed {
        finding = finding.proof(format!(
            "no file says what the task runs on; without `runtimePlatform` it is {task}"
        ));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{FromSeen, ImageSeen};

    fn image(service: &str, origin: ImageOrigin, architecture: &str) -> ImageSeen {
        serde_json::from_value(serde_json::json!({
            "service": service, "reference": "x", "id": "sha256:1", "origin": origin, "exposed": [],
            "volumes": [], "has_healthcheck": false, "architecture": architecture, "os": "linux",
        }))
        .expect("an image")
    }

    fn services(findings: &[Finding]) -> Vec<(&str, Severity)> {
        findings
            .iter()
            .map(|one| (one.service.as_deref().unwrap_or_default(), one.severity))
            .collect()
    }

    #[test]
    fn several_platforms_in_one_task_are_one_finding_and_in_two_tasks_none_of_that_kind() {
        let text = |task: &str| {
            format!(
                "services:
  a: {{image: 'a:1', platform: linux/amd64}}
  b: {{image: 'b:1', platform: linux/arm64/v8, x-envsim: {{task: {task}}}}}
"
            )
        };
        let findings = check(&evidence(&text("project")));
        assert_eq!(services(&findings), [("a", Severity::Error)]);
        assert_eq!(findings[0].locations.len(), 2);
        let findings = check(&evidence(&text("other")));
        assert_eq!(services(&findings), [("b", Severity::Error)]);
    }

    #[test]
    fn a_platform_that_all_services_have_is_the_tasks() {
        let seen =
            evidence("services: {a: {image: 'a:1', platform: linux/arm64}, b: {image: 'b:1'}}\n");
        assert!(check(&seen).is_empty());
        let seen = evidence(
            "x-envsim: {architecture: X86_64}\nservices: {a: {image: 'a:1', platform: linux/arm64}}\n",
        );
        assert_eq!(services(&check(&seen)), [("a", Severity::Error)]);
    }

    #[test]
    fn an_image_that_was_built_here_counts_and_a_pulled_one_of_the_engines_kind_does_not() {
        let text = "services: {web: {build: .}, db: {image: 'db:1'}, old: {image: 'old:1'}}\n";
        let run = |head: &str| {
            let mut seen = evidence(&format!("{head}{text}"));
            seen.engine_architecture = "arm64".to_owned();
            seen.images = vec![
                image("web", ImageOrigin::Built, "arm64"),
                image("db", ImageOrigin::Stock, "arm64"),
                image("old", ImageOrigin::Stock, "386"),
            ];
            let findings = check(&seen);
            services(&findings)
                .iter()
                .map(|(name, severity)| ((*name).to_owned(), *severity))
                .collect::<Vec<_>>()
        };
        let named = |name: &str, severity| (name.to_owned(), severity);
        assert_eq!(
            run(""),
            [
                named("web", Severity::Warning),
                named("old", Severity::Error)
            ]
        );
        assert_eq!(
            run("x-envsim: {architecture: X86_64}\n"),
            [named("web", Severity::Error), named("old", Severity::Error)]
        );
        assert_eq!(
            run("x-envsim: {architecture: ARM64}\n"),
            [named("old", Severity::Error)]
        );
    }

    #[test]
    fn a_fixed_platform_in_the_dockerfile_counts_for_the_image_alone() {
        let mut seen = evidence("services: {web: {build: .}}\n");
        let from = |platform: &str, in_image| FromSeen {
            image: Some("x:1".to_owned()),
            platform: Some(platform.to_owned()),
            in_image,
            place: Place::start_of("Dockerfile"),
            text: String::new(),
        };
        seen.dockerfiles.push(DockerfileSeen {
            service: "web".to_owned(),
            froms: vec![from("linux/arm64", false), from("$BUILDPLATFORM", true)],
            ..DockerfileSeen::default()
        });
        assert!(check(&seen).is_empty());
        seen.dockerfiles[0].froms.push(from("linux/arm64", true));
        assert_eq!(services(&check(&seen)), [("web", Severity::Error)]);
    }
}
