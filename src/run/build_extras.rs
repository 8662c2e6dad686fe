//! What `build` says beyond what the engine's build call takes. Pure.
//!
//! That call has no field for named contexts, so each becomes a stage in front of the Dockerfile's
//! own: `FROM IMAGE AS NAME`, or the files of a directory copied into an empty one.

use crate::app::{App, Build, Level, Place, Problem, Service};

/// Directory of the archive with the files of named contexts.
const DIRECTORY: &str = ".envsim-contexts";

/// Where a named context comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory of this machine.
    Directory(String),
    /// An image.
    Image(String),
    /// The image of another service.
    Service(String),
    /// Something that the engine's call cannot have.
    Other(String),
}

/// Reads the value of `additional_contexts.NAME`.
pub fn source(text: &str) -> Source {
    if let Some(image) = text.strip_prefix("docker-image://") {
        return Source::Image(image.to_owned());
    }
    if let Some(service) = text.strip_prefix("service:") {
        return Source::Service(service.to_owned());
    }
    let remote = text.contains("://") || text.starts_with("git@") || text.starts_with("target:");
    match remote {
        true => Source::Other(text.to_owned()),
        false => Source::Directory(text.to_owned()),
    }
}

/// Whether a stage can have the name.
pub fn can_be_stage(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

/// Where the files of the context `name` are in the archive.
pub fn directory(name: &str) -> String {
    format!("{DIRECTORY}/{name}")
}

/// The Dockerfile `text`, whose first `FROM` stands on `line`, with a stage per context: its name,
/// and its image where it is one.
pub fn with_stages(text: &str, line: usize, contexts: &[(String, Option<String>)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let stages = contexts.iter().map(|(name, image)| match image {
        Some(image) => format!("FROM {image} AS {name}"),
        None => format!(
            "FROM scratch AS {name}\nCOPY [\"{}\", \"/\"]",
            directory(name)
        ),
    });
    let at = line.saturating_sub(1).min(lines.len());
    lines.splice(at..at, stages);
    lines.join("\n") + "\n"
}

/// The platform to build for: the service's, else the one that `platforms` leaves no choice about.
pub fn platform(service: &Service, build: &Build) -> Option<String> {
    let only = match &*build.platforms {
        [one] => Some(one.clone()),
        _ => None,
    };
    service.platform.clone().or(only)
}

/// What a build asks for and does not get; `api` is the version of the engine's API.
pub fn problems(app: &App, api: (u32, u32)) -> Vec<Problem> {
    let mut all = Vec::new();
    for service in app.services.values() {
        if let Some(build) = &service.build {
            of_build(service, build, api, &mut all);
        }
    }
    all
}

fn of_build(service: &Service, build: &Build, api: (u32, u32), all: &mut Vec<Problem>) {
    let name = &service.name;
    let mut tell = |level: Level, place: &Place, message: String, help: &str| {
        let problem = Problem {
            level,
            place: Some(place.clone()),
            ..Problem::error(message)
        };
        all.push(problem.help(help));
    };
    for (context, written) in &build.additional_contexts {
        if let Source::Other(written) = source(written) {
            let message = format!(
                "the context `{context}` of `{name}` is `{written}`, which envsim cannot fetch"
            );
            tell(
                Level::Error,
                &build.place,
                message,
                "clone it and name its directory",
            );
        } else if !can_be_stage(context) {
            let message =
                format!("the context `{context}` of `{name}` needs a name that a stage can have");
            tell(
                Level::Error,
                &build.place,
                message,
                "use small letters, digits, `-`, `_` and `.`",
            );
        }
    }
    if !build.ssh.is_empty() {
        let message = format!("the build of `{name}` gets no SSH agent: envsim does not serve one");
        tell(
            Level::Error,
            &build.place,
            message,
            "fetch what needs the key before the build, or use a build secret",
        );
    }
    if build.platforms.len() > 1 && service.platform.is_none() {
        let message = format!(
            "`{name}` is built for the engine's own platform and not for {} platforms",
            build.platforms.len()
        );
        tell(
            Level::Warning,
            &build.place,
            message,
            "choose one with `platform`",
        );
    }
    let old = api < (1, 42);
    let without = [
        (
            "ulimits",
            old && !build.ulimits.is_empty(),
            "update the engine to Docker 23",
        ),
        (
            "shm_size",
            old && build.shm_size.is_some(),
            "update the engine to Docker 23",
        ),
        (
            "cache_to",
            !build.cache_to.is_empty(),
            "nothing to do: the engine keeps its own cache",
        ),
        (
            "tags",
            !build.tags.is_empty(),
            "nothing to do: the runs use names of their own",
        ),
        (
            "entitlements",
            !build.entitlements.is_empty(),
            "let the build do without",
        ),
        ("privileged", build.privileged, "let the build do without"),
        (
            "isolation",
            build.isolation.is_some(),
            "leave it out: it belongs to Windows",
        ),
        (
            "provenance",
            build.provenance.is_some(),
            "nothing to do: it is made when an image is pushed",
        ),
        (
            "sbom",
            build.sbom.is_some(),
            "nothing to do: it is made when an image is pushed",
        ),
    ];
    for (key, is_set, help) in without {
        if is_set {
            let message = format!("`{key}` has no effect on the build of `{name}`");
            tell(Level::Warning, &build.place, message, help);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    #[test]
    fn named_contexts_are_stages_before_the_first_of_the_dockerfile() {
        let text =
            "# syntax=docker/dockerfile:1\nARG V=1\nFROM base:$V\nCOPY --from=assets /a /a\n";
        let contexts = [
            ("assets".to_owned(), None),
            ("base".to_owned(), Some("debian:12".to_owned())),
        ];
        assert_eq!(
            with_stages(text, 3, &contexts),
            "# syntax=docker/dockerfile:1\nARG V=1\nFROM scratch AS assets\nCOPY [\".envsim-contexts/assets\", \"/\"]\n\
             FROM debian:12 AS base\nFROM base:$V\nCOPY --from=assets /a /a\n"
        );
    }

    #[test]
    fn what_a_build_does_not_get_is_told() {
        let app = app("services:
  web:
    build:
      context: .
      ssh: [default]
      ulimits: {nofile: 100}
      platforms: [linux/amd64, linux/arm64]
      additional_contexts: {far: 'https://example.test/a.git', near: ./near}
");
        let told: Vec<(Level, String)> = problems(&app, (1, 41))
            .into_iter()
            .map(|problem| (problem.level, problem.message))
            .collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(told[0].0, Level::Error);
        assert_eq!(problems(&app, (1, 51)).len(), 3);
    }
}
