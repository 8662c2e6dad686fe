//! Looks at env files with the eyes of ECS.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::app::{App, Place};
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
    all
}
