//! E005 `file-not-found-at-run-time`.

use std::path::Path;

use crate::checks::rule;
use crate::evidence::{Evidence, MissedFile};
use crate::finding::Finding;

rule! {
    /// The running task looked for a file in vain, and dev has it.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A task has the files of its image and empty volumes. In dev there are more: what bind mounts bring, what
    /// a named volume has kept since somebody filled it, what the image's development stage or the command of
    /// dev makes. The app asks for such a file when it starts, or weeks later when a certain page is opened.
    ///
    /// The rule reads the logs of the task for lines that say that a file is missing (`ENOENT`, `No such file or
    /// directory`, `FileNotFoundError`, `Cannot find module`, nginx's `failed (2`, …) and asks the containers
    /// of both runs: only what dev has and the task has not is reported. A path that E001
    /// (`missing-from-image`) reports already is not told again.
    ///
    /// ## Broken
    ///
    /// ```dockerfile
    /// FROM node:22-slim AS dev
    /// WORKDIR /app
    /// COPY . .
    ///
    /// FROM node:22-slim AS prod
    /// WORKDIR /app
    /// COPY --from=dev /app/src src
    /// CMD ["node", "src/server.js"]
    /// ```
    ///
    /// `src/server.js` reads `/app/templates`, which only the stage `dev` has.
    ///
    /// ## Repaired
    ///
    /// ```dockerfile
    /// FROM node:22-slim AS dev
    /// WORKDIR /app
    /// COPY . .
    ///
    /// FROM node:22-slim AS prod
    /// WORKDIR /app
    /// COPY --from=dev /app/src src
    /// COPY --from=dev /app/templates templates
    /// CMD ["node", "src/server.js"]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When the app tries the file first and does well without it, and its log only says so.
    "E005", "file-not-found-at-run-time", Error, since "0.1.0",
    needs [Task, DevRun],
    "the task looked for a file in vain, and dev has it",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let missed = evidence.missed_files.iter();
    let untold = missed.filter(|file| !is_told(evidence, file));
    untold.map(|file| finding(evidence, file)).collect()
}

/// Whether E001 reports the path, or a directory above it.
fn is_told(evidence: &Evidence, file: &MissedFile) -> bool {
    let own = evidence
        .mounts
        .iter()
        .filter(|mount| mount.service == file.service);
    let mut missing = own.flat_map(|mount| &mount.missing);
    missing.any(|missing| Path::new(&file.path).starts_with(&missing.target))
}

fn finding(evidence: &Evidence, file: &MissedFile) -> Finding {
    let MissedFile {
        service,
        path,
        line,
        in_dev,
    } = file;
    let message = format!(
        "`{service}` looks for `{path}` in the task and does not find it: dev has it {in_dev}"
    );
    let help = format!(
        "bring `{path}` into the image that production uses (a COPY, or a RUN that makes it), or let `{service}` make it at its start"
    );
    let mut finding = Finding::new(&INFO, message, help).service(service);
    if let Some(written) = evidence.prod.services.get(service) {
        let place = match &written.build {
            Some(build) => written.keys.get("build").unwrap_or(&build.place),
            None => &written.place,
        };
        finding = finding.at(place, "");
    }
    finding
        .data("target", &**path)
        .proof(format!("in the task, `{service}` logged: {line}"))
        .proof(format!(
            "dev has `{path}`, and the container of the task has not"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::image::testing::mount;
    use crate::checks::words::tests::evidence;
    use crate::evidence::MissingFile;

    fn with(path: &str) -> Evidence {
        let mut seen = evidence("services: {web: {image: x}}\n");
        seen.missed_files.push(MissedFile {
            service: "web".to_owned(),
            path: path.to_owned(),
            line: format!("ENOENT: no such file, open '{path}'"),
            in_dev: "in the volume `seed` at `/seed`".to_owned(),
        });
        seen
    }

    #[test]
    fn a_file_that_only_dev_has_is_an_error_with_its_log_line() {
        let findings = check(&with("/seed/a.sql"));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("the volume `seed`"));
        assert!(findings[0].evidence[0].contains("ENOENT"));
        assert!(check(&evidence("services: {web: {image: x}}\n")).is_empty());
    }

    #[test]
    fn what_a_bind_mount_s_finding_says_is_not_told_twice() {
        let mut seen = with("/app/config/prod.json");
        let mut mount = mount(".", "/app");
        mount.missing.push(MissingFile {
            path: "config".to_owned(),
            target: "/app/config".to_owned(),
            reason: "no COPY brings it".to_owned(),
            ..MissingFile::default()
        });
        seen.mounts.push(mount);
        assert!(check(&seen).is_empty());
        "/app/configuration.json".clone_into(&mut seen.missed_files[0].path);
        assert_eq!(check(&seen).len(), 1);
    }
}
