//! E003 `hidden-by-mount`.

use super::merge::merge;
use crate::app::Service;
use crate::checks::rule;
use crate::evidence::{Evidence, HiddenPath, MountSeen};
use crate::finding::Finding;

rule! {
    /// Files of the image that dev hides behind a mount, so that dev runs on something else.
    ///
    /// A bind mount lays the whole directory of the host over the image's. What the build made in there
    /// (`node_modules` of `npm ci`, `vendor` of `composer install`, a compiled program, the pages of a front end) is not seen
    /// in dev: dev runs on what the host happens to have there, or on nothing. A volume at the path itself
    /// shows the image's files again, and so do `tmpfs` and another mount; then nothing is found. What the base
    /// image has of its own, and what no running app needs, is left out; so is a build result that
    /// dev's own `command` does not use.
    ///
    /// ## Why it breaks on ECS
    ///
    /// There is no mount on ECS, so production runs on the image's files for the first time: other versions of packages than
    /// those on the developer's machine, modules compiled for another system, pages of another build.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     volumes:
    ///       - .:/app
    /// ```
    ///
    /// ```dockerfile
    /// FROM node:22-slim
    /// WORKDIR /app
    /// COPY package.json package-lock.json ./
    /// RUN npm ci
    /// COPY . .
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     volumes:
    ///       - .:/app
    ///       - /app/node_modules
    /// ```
    ///
    /// Or mount only what is edited: `./src:/app/src`.
    ///
    /// ## When to ignore it
    ///
    /// When the host's files are made from the same lock file in the same system, as in a development container, or when
    /// dev is meant to run another build.
    "E003", "hidden-by-mount", Warning, since "0.1.0",
    needs [Files],
    "files of the image that dev does not see because a mount hides them",
}

/// Paths that are named in the proof.
const PROVED: usize = 8;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mounts = evidence.mounts.iter().filter(|mount| !mount.without_build);
    let findings = mounts.filter_map(|mount| {
        let service = evidence.dev.services.get(&mount.service);
        let hidden = mount.hidden.iter();
        let hidden: Vec<&HiddenPath> = hidden.filter(|hidden| matters(hidden, service)).collect();
        finding(mount, &hidden)
    });
    merge(findings.collect())
}

/// Whether dev would run what is hidden. Packages count always; a build result only where dev starts the
/// image's own command, or names it.
fn matters(hidden: &HiddenPath, service: Option<&Service>) -> bool {
    if is_packages(&hidden.target) {
        return true;
    }
    let Some(service) = service else { return true };
    let mut own = service.command.iter().chain(&service.entrypoint).peekable();
    let name = hidden.target.rsplit('/').next().unwrap_or(&hidden.target);
    own.peek().is_none() || own.any(|words| words.value.iter().any(|word| word.contains(name)))
}

/// Whether a package manager fills the directory.
fn is_packages(target: &str) -> bool {
    let name = target.rsplit('/').next().unwrap_or(target);
    matches!(
        name,
        "node_modules" | "vendor" | ".venv" | "venv" | "site-packages" | "bower_components"
    )
}

fn finding(mount: &MountSeen, hidden: &[&HiddenPath]) -> Option<Finding> {
    let MountSeen {
        service,
        source,
        target,
        ..
    } = mount;
    let first = *hidden
        .iter()
        .find(|hidden| is_packages(&hidden.target))
        .or(hidden.first())?;
    let runs = match (first.on_host, is_packages(&first.target)) {
        (true, true) => format!(
            "runs with the packages of `{}` on this machine, maybe in other versions",
            first.path
        ),
        (true, false) => format!("uses `{}` of this machine", first.path),
        (false, _) => format!(
            "has nothing there, since this machine has no `{}`",
            first.path
        ),
    };
    let others = match hidden.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let message = format!(
        "`{}`{others} of the image of `{service}` is hidden in dev by the bind mount of `{source}`: dev {runs}, while production runs on the image's own",
        first.target
    );
    let help = format!(
        "add a volume at the path (`- {}` under `volumes` of `{service}`), which shows the image's files again, or mount only the directories that you edit instead of `{target}`",
        first.target
    );
    let finding = Finding::new(&INFO, message, help)
        .service(service)
        .at(&mount.place, &mount.text)
        .data("path", &*first.path)
        .data("target", &*first.target)
        .data(
            "paths",
            hidden
                .iter()
                .map(|hidden| hidden.target.clone())
                .collect::<Vec<_>>(),
        );
    Some(
        hidden
            .iter()
            .take(PROVED)
            .fold(finding, |finding, hidden| finding.proof(proof(hidden))),
    )
}

fn proof(hidden: &HiddenPath) -> String {
    let HiddenPath {
        target,
        by,
        files,
        lacking,
        differing,
        examples,
        ..
    } = hidden;
    if *files == 0 {
        return format!("the image has `{target}` from {by}");
    }
    let mut text =
        format!("the image has `{target}` from {by}: of its {files} files dev lacks {lacking}");
    if *differing > 0 {
        text.push_str(&format!(" and has {differing} with another content"));
    }
    if let Some(example) = examples.first().filter(|example| *example != target) {
        text.push_str(&format!(", such as `{example}`"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::image::testing::{mount, with, with_service};

    fn hidden(name: &str, on_host: bool) -> HiddenPath {
        HiddenPath {
            path: name.to_owned(),
            target: format!("/app/{name}"),
            by: "line 4 of Dockerfile (npm ci)".to_owned(),
            on_host,
            ..HiddenPath::default()
        }
    }

    fn hiding(names: &[(&str, bool)]) -> MountSeen {
        let mut seen = mount(".", "/app");
        seen.hidden = names
            .iter()
            .map(|(name, on_host)| hidden(name, *on_host))
            .collect();
        seen.hidden_count = names.len();
        seen
    }

    #[test]
    fn packages_of_the_image_are_named_with_what_dev_has_instead() {
        let findings = check(&with(hiding(&[("dist", false), ("node_modules", true)])));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].data["target"], "/app/node_modules");
        assert!(
            findings[0].message.contains("maybe in other versions"),
            "{}",
            findings[0].message
        );
        assert!(
            findings[0].message.contains("and 1 more"),
            "{}",
            findings[0].message
        );
        assert!(
            findings[0].help.contains("`- /app/node_modules`"),
            "{}",
            findings[0].help
        );
        let nothing = check(&with(hiding(&[("node_modules", false)])));
        assert!(
            nothing[0].message.contains("has nothing there"),
            "{}",
            nothing[0].message
        );
    }

    #[test]
    fn a_build_result_counts_only_where_dev_would_run_it() {
        let found = |keys: &str| check(&with_service(keys, hiding(&[("server", false)]))).len();
        assert_eq!(found("build: ."), 1);
        assert_eq!(found("build: ., command: go run ."), 0);
        assert_eq!(found("build: ., command: ./server --debug"), 1);
    }

    #[test]
    fn a_mount_that_hides_nothing_and_a_stock_image_are_fine() {
        assert!(check(&with(mount("src", "/app/src"))).is_empty());
        let mut stock = hiding(&[("index.html", false)]);
        stock.without_build = true;
        assert!(check(&with(stock)).is_empty());
    }
}
