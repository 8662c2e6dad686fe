//! E010 `mutable-tag`.

use crate::app::Place;
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{Evidence, ImageOrigin};
use crate::finding::Finding;

rule! {
    /// An image that is named without a version: with the tag `latest`, or with no tag, which means
    /// `latest`. In the Compose file and in the `FROM` lines of the stages that are built.
    ///
    /// The names that the project gives to its own images (`build` and `image` together) are none of this
    /// rule's business, and neither are stages that the target does not need, other stages of the file,
    /// `scratch`, and images named by digest.
    ///
    /// ## Why it breaks on ECS
    ///
    /// In dev the engine keeps the image that it pulled first, for months if need be. ECS has no such
    /// memory: each deployment, and each task that is run by itself, asks the registry anew what the tag
    /// means ("Container image resolution"). So the first deployment after a new major version brings
    /// it to production, untested, and rolling back to the task definition of yesterday does not bring
    /// back the image of yesterday. A `FROM` without a version does the same on the next build without a
    /// cache, which in CI is every build.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   cache:
    ///     image: redis
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   cache:
    ///     image: redis:7.4
    /// ```
    ///
    /// A tag can still be moved by its owner. A digest cannot: `redis:7.4@sha256:…`.
    ///
    /// ## When to ignore it
    ///
    /// When the deployment replaces the tag: a pipeline that writes the digest it has just built into the
    /// task definition has no use for the one in the Compose file.
    "E010", "mutable-tag", Warning, since "0.1.0",
    needs [],
    "an image named by `latest` or without a tag",
}

/// A name of an image that can mean another one tomorrow.
struct Named<'a> {
    image: &'a str,
    place: &'a Place,
    services: Vec<&'a str>,
    /// Stands in a Dockerfile.
    base: bool,
    digest: Option<&'a str>,
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let own = own_images(evidence);
    let mut all: Vec<Named> = Vec::new();
    for service in evidence.prod.services.values() {
        let Some(image) = service.image.as_ref().filter(|_| service.build.is_none()) else {
            continue;
        };
        let seen = evidence.image(&service.name);
        join(
            &mut all,
            Named {
                image: &image.value,
                place: &image.place,
                services: vec![&service.name],
                base: false,
                digest: seen
                    .filter(|seen| seen.origin == ImageOrigin::Stock)
                    .and_then(|seen| seen.repo_digests.first())
                    .map(String::as_str),
            },
        );
    }
    for dockerfile in &evidence.dockerfiles {
        let service = evidence.prod.services.get(&dockerfile.service);
        let contexts = service.and_then(|service| service.build.as_ref());
        for from in &dockerfile.froms {
            let Some(image) = &from.image else { continue };
            let given = contexts.is_some_and(|build| build.additional_contexts.contains_key(image));
            if !given {
                join(
                    &mut all,
                    Named {
                        image,
                        place: &from.place,
                        services: vec![&dockerfile.service],
                        base: true,
                        digest: None,
                    },
                );
            }
        }
    }
    all.retain(|named| is_mutable(named.image) && !own.contains(&with_tag(named.image)));
    all.iter().map(finding).collect()
}

/// Services that share a line share a finding.
fn join<'a>(all: &mut Vec<Named<'a>>, new: Named<'a>) {
    let same = |old: &&mut Named| old.place == new.place && old.image == new.image;
    match all.iter_mut().find(same) {
        Some(old) => old.services.extend(new.services),
        None => all.push(new),
    }
}

/// The names that the project gives to images it builds itself, in either run.
fn own_images(evidence: &Evidence) -> Vec<String> {
    let services = evidence
        .dev
        .services
        .values()
        .chain(evidence.prod.services.values());
    let built = services.filter(|service| service.build.is_some());
    built
        .filter_map(|service| Some(with_tag(&service.image.as_ref()?.value)))
        .collect()
}

/// The tag of a reference without a digest; none when it has no tag.
fn tag(image: &str) -> Option<&str> {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map(|(_, tag)| tag)
}

fn with_tag(image: &str) -> String {
    match tag(image) {
        Some(_) => image.to_owned(),
        None => format!("{image}:latest"),
    }
}

/// Whether the reference is `latest`, said or not. One by digest is always the same image.
fn is_mutable(image: &str) -> bool {
    !image.is_empty() && !image.contains('@') && tag(image).is_none_or(|tag| tag == "latest")
}

fn finding(named: &Named) -> Finding {
    let image = named.image;
    let what = match tag(image) {
        Some(_) => "its tag is `latest`",
        None => "it has no tag, which means `latest`",
    };
    let when = match named.base {
        true => "a build of another day stands on another image",
        false => "a deployment of another day runs another image",
    };
    let help = match named.digest {
        Some(digest) => format!("name a version, or the image that was checked here: `{digest}`"),
        None => {
            let name = image.strip_suffix(":latest").unwrap_or(image);
            format!(
                "name a version: `{name}:VERSION`, or the digest for the very same image every time"
            )
        }
    };
    let mut finding = Finding::new(
        &INFO,
        format!("`{image}` is no fixed image: {what}, so {when}"),
        help,
    )
    .service(named.services[0])
    .at(named.place, "")
    .data("image", image)
    .data(
        "services",
        named
            .services
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    );
    if named.services.len() > 1 {
        finding = finding.proof(format!("{} use it", list(&named.services)));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{DockerfileSeen, FromSeen};

    fn images(findings: &[Finding]) -> Vec<&str> {
        findings
            .iter()
            .map(|one| one.data["image"].as_str().expect("a text"))
            .collect()
    }

    #[test]
    fn latest_and_no_tag_are_found_and_versions_and_digests_are_not() {
        let seen = evidence(
            "services:
  a: {image: redis}
  b: {image: 'registry.example.com:5000/team/app:latest'}
  c: {image: 'redis:7'}
  d: {image: 'redis@sha256:aaaa'}
  e: {image: 'localhost:5000/app:1'}
  f: {image: 'localhost:5000/app'}
",
        );
        let findings = check(&seen);
        assert_eq!(
            images(&findings),
            [
                "redis",
                "registry.example.com:5000/team/app:latest",
                "localhost:5000/app"
            ]
        );
    }

    #[test]
    fn names_of_images_that_the_project_builds_are_its_own() {
        let seen = evidence(
            "services:
  web: {build: ., image: shop}
  worker: {image: 'shop:latest'}
",
        );
        assert!(check(&seen).is_empty());
    }

    #[test]
    fn a_from_line_is_found_once_for_all_services_of_its_dockerfile() {
        let mut seen = evidence(
            "services:
  web: {build: {context: ., additional_contexts: {base: 'docker-image://x'}}}
  worker: {build: .}
",
        );
        let from = |image: Option<&str>, line| FromSeen {
            image: image.map(str::to_owned),
            platform: None,
            in_image: true,
            place: Place {
                line,
                ..Place::start_of("Dockerfile")
            },
            text: String::new(),
        };
        for service in ["web", "worker"] {
            seen.dockerfiles.push(DockerfileSeen {
                service: service.to_owned(),
                froms: vec![
                    from(Some("node"), 1),
                    from(None, 3),
                    from(Some("python:3.12"), 5),
                ],
                ..DockerfileSeen::default()
            });
        }
        seen.dockerfiles[0].froms.push(from(Some("base"), 7));
        let findings = check(&seen);
        assert_eq!(images(&findings), ["node"]);
        assert_eq!(
            findings[0].data["services"],
            serde_json::json!(["web", "worker"])
        );
        assert_eq!(findings[0].locations[0].place.line, 1);
    }
}
