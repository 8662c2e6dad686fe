//! E004 `code-only-by-mount`.

use super::content::is_code;
use crate::checks::rule;
use crate::evidence::{Evidence, MountSeen, Via};
use crate::finding::Finding;

rule! {
    /// A service without a build whose code, or the content that it serves, comes by a mount alone.
    ///
    /// The service runs a stock image, such as `node:22` or `nginx`, and a bind mount brings what it runs or serves. There
    /// is no image of the app: nothing that could be pushed to a registry and deployed. The rule tells code and
    /// content from settings by their names and by where they are mounted; a stock image with nothing but its
    /// settings mounted is not found. Whatever its kind, each mount that the image lacks is found by
    /// `missing-from-image` as well: that finding says which file is missing, this one that there is nothing to deploy.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A task definition names an image and nothing else. On ECS this service starts as the stock image that it is: nginx
    /// serves its welcome page, `node` finds no script and exits, PHP answers 404 or 403. A change of the code
    /// would also reach production without a version: there is no tag to roll back to.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     image: node:22-slim
    ///     working_dir: /app
    ///     command: node server.js
    ///     volumes:
    ///       - ./app:/app
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     volumes:
    ///       - ./app:/app
    /// ```
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY app ./
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// `envsim dockerfile web` writes such a Dockerfile. The mount may stay: it is what makes development quick.
    ///
    /// ## When to ignore it
    ///
    /// When the service is a tool of development (a load test, an admin page, a documentation server) that is not deployed.
    /// A profile that production does not activate, or a compose.override.yaml, says so better than an ignored finding.
    "E004", "code-only-by-mount", Error, since "0.1.0",
    needs [Files],
    "a service without a build whose code or content comes by a mount alone",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let services = evidence.dev.services.values();
    services
        .filter_map(|service| {
            let code = |mount: &&MountSeen| {
                mount.service == service.name
                    && mount.without_build
                    && mount.via == Via::Bind
                    && !mount.credentials
                    && !mount.missing.is_empty()
                    && is_code(mount, service)
            };
            let mounts: Vec<&MountSeen> = evidence.mounts.iter().filter(code).collect();
            finding(&mounts)
        })
        .collect()
}

/// One finding for all mounts of a service that bring code.
fn finding(mounts: &[&MountSeen]) -> Option<Finding> {
    let MountSeen {
        service,
        source,
        target,
        image,
        ..
    } = mounts.first()?;
    let message = format!(
        "`{service}` has no image of its own: what it runs or serves comes by the bind mount of `{source}` over the stock image `{image}`, and a task has the image alone"
    );
    let help = format!(
        "give `{service}` a `build` with a Dockerfile that copies `{source}` to `{target}`; `envsim dockerfile {service}` writes it"
    );
    let finding = Finding::new(&INFO, message, help)
        .service(service)
        .data("path", &**source)
        .data("target", &**target);
    Some(mounts.iter().fold(finding, |finding, mount| {
        let examples: Vec<String> = mount
            .brings
            .iter()
            .take(3)
            .map(|path| format!("`{path}`"))
            .collect();
        finding.at(&mount.place, &mount.text).proof(format!(
            "`{}` brings {} to `{}`, such as {}",
            mount.source,
            match mount.files {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            },
            mount.target,
            examples.join(", ")
        ))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::image::testing::{mount, with, with_service};
    use crate::evidence::MissingFile;

    fn stock(target: &str, file: &str) -> MountSeen {
        let mut seen = mount("app", target);
        seen.without_build = true;
        seen.brings = vec![file.to_owned()];
        seen.missing = vec![MissingFile::default()];
        seen
    }

    #[test]
    fn code_that_only_a_mount_brings_is_one_finding_per_service() {
        let mut evidence = with_service("image: node", stock("/app", "server.js"));
        evidence.mounts.push(stock("/lib", "lib.js"));
        let findings = check(&evidence);
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (&findings[0].data["path"], &findings[0].data["target"]),
            (&"app".into(), &"/app".into())
        );
        assert_eq!(findings[0].locations.len(), 2);
    }

    #[test]
    fn settings_a_build_and_content_that_the_image_has_are_fine() {
        let settings = with_service("image: nginx", stock("/etc/nginx/conf.d", "default.conf"));
        assert!(check(&settings).is_empty());
        let mut built = stock("/app", "server.js");
        built.without_build = false;
        assert!(check(&with(built)).is_empty());
        let mut there = stock("/usr/share/nginx/html", "index.html");
        there.missing.clear();
        assert!(check(&with_service("image: nginx", there)).is_empty());
    }
}
