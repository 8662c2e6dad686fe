//! Finds who listens on the container's own host name or is known by it: in the files that were
//! searched, in the commands of the Compose file, and in the server that Next.js writes.

use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Regex;

use crate::app::{App, At, Place, Service};
use crate::build::context::EntryKind;
use crate::compose::disk::{Disk, Files};
use crate::evidence::{OwnName, OwnNameFor};
use crate::mask::mask;
use crate::run::image::{BuildInput, Source};
use crate::scan::listens_on_hostname;

/// A place in a file with whether the variable `HOSTNAME` decides.
pub struct InFile {
    /// What was seen.
    pub seen: OwnName,
    /// Setting the variable changes it.
    pub by_variable: bool,
}

/// Everything of the kind in `prod`; `in_files` is what its files showed.
pub fn look(prod: &App, sources: &IndexMap<String, Source>, in_files: Vec<InFile>) -> Vec<OwnName> {
    let sets = |service: &Service| {
        let source = sources.get(&service.name);
        sets_variable(service) || source.is_some_and(image_sets_variable)
    };
    let mut all = Vec::new();
    for InFile {
        mut seen,
        by_variable,
    } in in_files
    {
        if by_variable {
            let of = |name: &String| prod.services.get(name);
            seen.services
                .retain(|name| of(name).is_some_and(|service| !sets(service)));
        }
        if !seen.services.is_empty() {
            all.push(seen);
        }
    }
    for service in prod.services.values().filter(|service| !sets(service)) {
        let commands = [&service.entrypoint, &service.command];
        all.extend(
            commands
                .into_iter()
                .flatten()
                .filter_map(|words| of_command(service, words)),
        );
        let input = sources
            .get(&service.name)
            .and_then(|source| source.built.as_ref());
        all.extend(input.and_then(|input| next_server(service, input)));
    }
    all
}

fn sets_variable(service: &Service) -> bool {
    let mut variables = service.environment.iter();
    variables.any(|variable| variable.name == "HOSTNAME")
}

/// `ENV HOSTNAME=…`, or `CMD HOSTNAME=… node server.js`: Docker sets the variable only where nobody
/// else does.
fn image_sets_variable(source: &Source) -> bool {
    static SETS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?im)^\s*ENV\s+(?:.*\s)?HOSTNAME[=\s]|^\s*(?:CMD|ENTRYPOINT)\s.*\bHOSTNAME=")
            .expect("the pattern is valid")
    });
    let input = source.built.as_ref();
    input.is_some_and(|input| SETS.is_match(&input.text))
}

fn of_command(service: &Service, words: &At<Vec<String>>) -> Option<OwnName> {
    listens_on_hostname(&words.value.join(" ")).then(|| OwnName {
        services: vec![service.name.clone()],
        used_for: OwnNameFor::Listening,
        place: words.place.clone(),
        text: String::new(),
        via: format!("it is the command of `{}`", service.name),
    })
}

/// Next.js with `output: "standalone"` writes a `server.js` that listens on `HOSTNAME`; the Dockerfile
/// runs that ("Next.js documentation, `output`, Automatically Copying Traced Files").
fn next_server(service: &Service, input: &BuildInput) -> Option<OwnName> {
    static RUNS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)^\s*(?:CMD|ENTRYPOINT)\b.*\bnode["',\s]+(?:[\w./-]*/)?server\.js\b"#)
            .expect("the pattern is valid")
    });
    let build = service.build.as_ref()?;
    let replaced = service.command.is_some() || service.entrypoint.is_some();
    if replaced || build.dockerfile_inline.is_some() || !is_standalone(input) {
        return None;
    }
    let (index, line) = input
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| RUNS.is_match(line))
        .last()?;
    let indent = line.chars().take_while(|c| c.is_whitespace()).count() as u32;
    let place = Place {
        path: input.shown.as_str().into(),
        line: index as u32 + 1,
        column: indent + 1,
        end_column: line.trim_end().chars().count() as u32 + 1,
    };
    Some(OwnName {
        services: vec![service.name.clone()],
        used_for: OwnNameFor::NextServer,
        place,
        text: mask(line).into_owned(),
        via: format!("the image of `{}` runs it", service.name),
    })
}

/// Whether a `next.config.*` of the build context says so.
fn is_standalone(input: &BuildInput) -> bool {
    static SAYS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?m)^[^/\n]*\boutput\s*:\s*["']standalone["']"#)
            .expect("the pattern is valid")
    });
    let is_config = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.strip_prefix("next.config.")
            .is_some_and(|ending| matches!(ending, "js" | "mjs" | "cjs" | "ts" | "mts"))
    };
    let mut entries = input.listing.entries.iter();
    entries.any(|entry| {
        entry.kind == EntryKind::File
            && is_config(&entry.path)
            && Files
                .read(entry.disk())
                .is_ok_and(|text| SAYS.is_match(&text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    fn listening(services: &[&str], by_variable: bool) -> InFile {
        InFile {
            seen: OwnName {
                services: services.iter().map(|name| (*name).to_owned()).collect(),
                used_for: OwnNameFor::Listening,
                place: Place::start_of("server.js"),
                text: String::new(),
                via: String::new(),
            },
            by_variable,
        }
    }

    #[test]
    fn whoever_sets_the_variable_is_left_out() {
        let app = app_for(
            "services:
  a: {image: a}
  b: {image: b, environment: {HOSTNAME: 0.0.0.0}}
  c: {image: c, command: 'serve --host $$HOSTNAME'}
  d: {image: d, command: 'serve --host $$HOSTNAME', environment: {HOSTNAME: 0.0.0.0}}
",
            Mode::Prod,
        );
        let found = |by_variable| -> Vec<Vec<String>> {
            let in_files = vec![listening(&["a", "b"], by_variable)];
            let seen = look(&app, &IndexMap::new(), in_files).into_iter();
            seen.map(|seen| seen.services).collect()
        };
        assert_eq!(found(true), [vec!["a"], vec!["c"]]);
        assert_eq!(found(false), [vec!["a", "b"], vec!["c"]]);
    }
}
