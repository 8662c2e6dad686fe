//! E002 `differs-from-image`.

use super::merge::merge;
use crate::checks::rule;
use crate::evidence::{DifferingFile, Evidence, MountSeen};
use crate::finding::Finding;

rule! {
    /// A file that dev and the image both have, with another content.
    ///
    /// Dev shows the file of the mount, production the one in the image. They differ when a later step of the Dockerfile
    /// changes or generates the file (`RUN sed`, a build that writes into the sources), when another file is
    /// copied to the same place afterwards, or when the mounted directory is not the one that is copied. The run
    /// reads the image's own files and compares size and SHA-256; without a run, the rule finds what the
    /// `COPY` instructions alone tell.
    ///
    /// Lock files and installed packages are left out: `hidden-by-mount` speaks of packages.
    ///
    /// ## Why it breaks on ECS
    ///
    /// ECS runs the image. What was tried in dev is another version of the file, so a mistake in the image's one shows in
    /// production for the first time.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     volumes:
    ///       - ./src:/app/src
    /// ```
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY src ./src
    /// RUN sed -i 's/debug: true/debug: false/' src/settings.js
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY src ./src
    /// ENV APP_DEBUG=false
    /// ```
    ///
    /// The file is the same in both, and what differs is a variable that the app reads.
    ///
    /// ## When to ignore it
    ///
    /// When the difference is wanted and small, such as a version number that the build writes into a file.
    "E002", "differs-from-image", Warning, since "0.1.0",
    needs [Files],
    "a file that dev sees through a mount with another content than in the image",
}

/// Files that are named in the proof.
const PROVED: usize = 8;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mounts = evidence.mounts.iter().filter(|mount| !mount.without_build);
    merge(mounts.filter_map(of_mount).collect())
}

fn of_mount(mount: &MountSeen) -> Option<Finding> {
    let MountSeen {
        service,
        source,
        target,
        image,
        ..
    } = mount;
    let first = mount.differing.first()?;
    let single = mount.differing_count == 1;
    let message = match single {
        true => format!(
            "`{}` is another one in dev than in the image of `{service}`: dev shows `{}` of the bind mount",
            first.target, first.path
        ),
        false => format!(
            "{} paths below `{target}` are other ones in dev than in the image of `{service}`: dev shows those of the bind mount of `{source}`",
            mount.differing_count
        ),
    };
    let help = format!(
        "let one file serve both: copy `{source}` as it is, let no later step of the Dockerfile change it, and take what must differ from environment variables"
    );
    let (path, inside) = match single {
        true => (&first.path, &first.target),
        false => (source, target),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &**path)
        .data("target", &**inside)
        .data(
            "files",
            mount
                .differing
                .iter()
                .map(|file| file.path.clone())
                .collect::<Vec<_>>(),
        );
    for file in mount.differing.iter().take(PROVED) {
        finding = finding.proof(proof(file, image));
    }
    let more = mount.differing_count.saturating_sub(PROVED);
    Some(match more {
        0 => finding,
        more => finding.proof(format!("and {more} more")),
    })
}

fn proof(file: &DifferingFile, image: &str) -> String {
    let DifferingFile { target, reason, .. } = file;
    match (&file.in_image, &file.in_dev) {
        (Some(in_image), Some(in_dev)) => format!(
            "`{target}`: {reason} (in the image `{image}` {} bytes, {}; in dev {} bytes, {})",
            in_image.size,
            short(&in_image.content),
            in_dev.size,
            short(&in_dev.content)
        ),
        _ if file.files > 1 => format!("`{target}`: {reason} ({} files differ)", file.files),
        _ => format!("`{target}`: {reason}"),
    }
}

/// The beginning of a SHA-256, as people compare it; where a link points is shown as it is.
fn short(content: &str) -> String {
    match content.len() == 64 && content.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => format!("sha256 {}…", &content[..12]),
        false => content.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::image::testing::{mount, with};
    use crate::evidence::FileFacts;

    fn differing(path: &str) -> DifferingFile {
        DifferingFile {
            path: path.to_owned(),
            target: format!("/app/{path}"),
            reason: "line 3 of Dockerfile copies it, and a later step changes it".to_owned(),
            files: 1,
            ..DifferingFile::default()
        }
    }

    #[test]
    fn one_file_is_named_with_both_contents() {
        let facts = |size: u64, content: String| FileFacts {
            size,
            mode: 0o644,
            content,
        };
        let mut seen = mount("src", "/app/src");
        seen.differing = vec![DifferingFile {
            in_image: Some(facts(3, "ab".repeat(32))),
            in_dev: Some(facts(4, "cd".repeat(32))),
            ..differing("src/a.js")
        }];
        seen.differing_count = 1;
        let findings = check(&with(seen));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].data["path"], "src/a.js");
        let proof = &findings[0].evidence[0];
        assert!(
            proof.contains("3 bytes, sha256 abababababab…") && proof.contains("4 bytes"),
            "{proof}"
        );
    }

    #[test]
    fn the_files_of_one_mount_are_one_finding() {
        let mut seen = mount(".", "/app");
        seen.differing = (0..12)
            .map(|number| differing(&format!("{number}.js")))
            .collect();
        seen.differing_count = 50;
        let findings = check(&with(seen));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].data["path"], ".");
        assert!(
            findings[0].message.starts_with("50 paths"),
            "{}",
            findings[0].message
        );
        assert_eq!(
            findings[0].evidence.last().map(String::as_str),
            Some("and 42 more")
        );
    }

    #[test]
    fn the_same_files_and_a_stock_image_are_fine() {
        assert!(check(&with(mount("src", "/app/src"))).is_empty());
        let mut stock = mount("nginx.conf", "/etc/nginx/nginx.conf");
        stock.without_build = true;
        stock.differing = vec![differing("nginx.conf")];
        stock.differing_count = 1;
        assert!(check(&with(stock)).is_empty());
    }
}
