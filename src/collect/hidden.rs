//! What the Dockerfile says that the image has where a mount lies over it, and that the mount does not bring.

use std::collections::BTreeMap;
use std::path::Path;

use super::absent::Built;
use super::missing::never_needed;
use super::run_time::is_placeholder;
use crate::evidence::HiddenPath;

/// The mount that hides: where it is on the host and in the container, and what another mount covers (a path relative to
/// the mount).
pub struct Ground<'a> {
    pub source: &'a Path,
    pub target: &'a str,
    pub covered: &'a dyn Fn(&str) -> bool,
}

/// Paths that the build makes below the mount's place, or copies there from elsewhere in the context. `path` of each is
/// relative to the mount.
pub fn look(built: &Built<'_>, ground: &Ground<'_>) -> Vec<HiddenPath> {
    if ground.source.is_file() {
        return Vec::new();
    }
    let mut all: BTreeMap<String, HiddenPath> = BTreeMap::new();
    for made in &built.made {
        let Some(path) = below(&made.path, ground.target) else {
            continue;
        };
        let on_host = ground.source.join(path).exists();
        // Of packages the versions matter; anything else that is there in dev is taken for the same.
        if (ground.covered)(path) || never_needed(path) || (on_host && !made.packages) {
            continue;
        }
        all.insert(
            path.to_owned(),
            HiddenPath {
                path: path.to_owned(),
                target: made.path.clone(),
                by: by(built, made.line, &made.by),
                on_host,
                ..HiddenPath::default()
            },
        );
    }
    for (place, copied) in built.copies.image() {
        let Some(path) = below(place, ground.target) else {
            continue;
        };
        let top = topmost_absent(ground.source, path);
        if (ground.covered)(path) || never_needed(path) || is_placeholder(path) {
            continue;
        }
        let Some(top) = top else { continue };
        let line = copied.instruction_line;
        let hidden = all.entry(top.to_owned()).or_insert_with(|| HiddenPath {
            path: top.to_owned(),
            target: format!("{}/{top}", ground.target.trim_end_matches('/')),
            by: by(built, line, &format!("COPY of `{}`", copied.source)),
            ..HiddenPath::default()
        });
        hidden.files += 1;
        hidden.lacking += 1;
    }
    // A package tree inside of another hidden one is told with it.
    let paths: Vec<String> = all.keys().cloned().collect();
    all.retain(|path, _| {
        let above = |other: &&String| *other != path && Path::new(path).starts_with(other.as_str());
        !paths.iter().any(|other| above(&other))
    });
    all.into_values().collect()
}

fn by(built: &Built<'_>, line: usize, what: &str) -> String {
    format!("line {line} of {} ({what})", built.input.shown)
}

/// `path` relative to `directory`; none when it is not below it.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let rest = match directory.trim_end_matches('/') {
        "" => path.strip_prefix('/')?,
        directory => path.strip_prefix(directory)?.strip_prefix('/')?,
    };
    (!rest.is_empty()).then_some(rest)
}

/// The topmost part of `path` that `source` does not have; none when it has all of it.
fn topmost_absent<'a>(source: &Path, path: &'a str) -> Option<&'a str> {
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    ends.map(|end| &path[..end])
        .find(|part| source.join(part).symlink_metadata().is_err())
}
