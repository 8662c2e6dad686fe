//! Looks at env files with the eyes of ECS.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::app::{App, EnvFrom, Place};
use crate::compose::disk::{Disk, Files};
use crate::compose::ecs_env_file;
use crate::evidence::EnvFileLine;

/// Which env files are not there, in a sentence; none when all are.
pub fn missing(app: &App) -> Option<String> {
    let services = app.services.values();
    let files = services.flat_map(|service| &service.missing_env_files);
    let mut names: Vec<String> = files.map(|file| app.relative(&file.value)).collect();
    names.sort();
    names.dedup();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("the env file `{one}` does not exist")),
        all => Some(format!(
            "the env files {} do not exist",
            all.iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// The lines of the app's env files that ECS reads otherwise than Compose. A file that cannot be
/// read was told when the project was.
pub fn lines(app: &App) -> Vec<EnvFileLine> {
    let mut files: BTreeMap<&PathBuf, Vec<String>> = BTreeMap::new();
    for service in app.services.values() {
        for file in &service.env_files {
            files
                .entry(&file.value)
                .or_default()
                .push(service.name.clone());
        }
    }
    let lookup = |name: &str| std::env::var(name).ok();
    let mut all = Vec::new();
    for (path, services) in files {
        let Ok(text) = Files.read(path) else { continue };
        let shown = app.relative(path);
        for difference in ecs_env_file::differences(&text, &lookup) {
            all.push(EnvFileLine {
                services: services.clone(),
                name: difference.name,
                reason: difference.reason,
                place: Place {
                    line: difference.line,
                    ..Place::start_of(&shown)
                },
            });
        }
    }
    for service in app.services.values() {
        let read = service.env_files.iter().filter_map(|file| {
            let text = Files.read(&file.value).ok()?;
            Some((app.relative(&file.value), text))
        });
        let read: Vec<(String, String)> = read.collect();
        // Written elsewhere as well, the variable has that value in both.
        let from_files = |name: &str| {
            let mut all = service.environment.iter();
            all.any(|variable| variable.name == name && variable.from == EnvFrom::EnvFile)
        };
        for line in passed_over(&read, from_files) {
            let same =
                |known: &&mut EnvFileLine| known.place == line.place && known.reason == line.reason;
            match all.iter_mut().find(same) {
                Some(known) => known.services.push(service.name.clone()),
                None => all.push(EnvFileLine {
                    services: vec![service.name.clone()],
                    ..line
                }),
            }
        }
    }
    all.sort_by(|a, b| a.place.cmp(&b.place));
    all
}

/// The lines of later files, each given as path and text, that ECS passes over because an earlier one
/// has the variable too: with Compose the last file wins, with ECS the first. `counts` tells whether
/// the files decide about a variable.
fn passed_over(files: &[(String, String)], counts: impl Fn(&str) -> bool) -> Vec<EnvFileLine> {
    let mut first: BTreeMap<String, (&str, Option<String>)> = BTreeMap::new();
    let mut lost = Vec::new();
    for (path, text) in files {
        // In one file the last line of a name wins with both.
        let entries = ecs_env_file::parse(text).unwrap_or_default().into_iter();
        let entries: BTreeMap<String, _> =
            entries.map(|entry| (entry.name.clone(), entry)).collect();
        for (name, entry) in entries {
            let Some((winner, value)) = first.get(&name) else {
                first.insert(name, (path, entry.value));
                continue;
            };
            if *value != entry.value && counts(&name) {
                lost.push(EnvFileLine {
                    services: Vec::new(),
                    name,
                    reason: format!("`{winner}` has it too, and ECS takes the first file's value"),
                    place: Place {
                        line: entry.line,
                        ..Place::start_of(path)
                    },
                });
            }
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_files_with_one_variable_ecs_takes_the_first() {
        let files = [
            ("a.env", "SAME=1\nOTHER=old\nWRITTEN=x\n"),
            ("b.env", "SAME=1\nOTHER=new\nWRITTEN=y\nOWN=1\n"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()));
        let lost = passed_over(&files, |name| name != "WRITTEN");
        let shown = lost
            .iter()
            .map(|line| format!("{}:{} {}", line.place.path, line.place.line, line.name));
        assert_eq!(shown.collect::<Vec<_>>(), ["b.env:2 OTHER"]);
        assert!(lost[0].reason.contains("`a.env` has it too"));
    }
}
