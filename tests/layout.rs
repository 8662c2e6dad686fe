//! Keeps the map in the crate's documentation true: the table of `src/lib.rs` against the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Module to the modules it may use; none stands for all.
fn table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = read(&root().join("src/lib.rs"));
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].trim_end_matches("`]").to_owned();
        let uses = match cells[2] {
            "all" => None,
            list => Some(
                list.split(',')
                    .map(|cell| cell.trim().trim_matches('`').to_owned())
                    .filter(|name| !name.is_empty())
                    .collect(),
            ),
        };
        (name, uses)
    })
    .collect()
}

/// Source files of a module.
fn sources(module: &str) -> Vec<PathBuf> {
    let file = root().join(format!("src/{module}.rs"));
    if file.is_file() {
        return vec![file];
    }
    let mut files = Vec::new();
    let mut directories = vec![root().join("src").join(module)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)
            .expect("a module's directory")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The code without its comments, doc comments included: links in prose are no dependency.
fn code(path: &Path) -> String {
    let text = read(path);
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Top-level modules that `text` names after `crate::`, also inside braces.
fn used(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .collect(),
            None => vec![rest],
        };
        for name in names {
            let end = name
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            if known.contains(&name[..end]) {
                found.insert(name[..end].to_owned());
            }
        }
    }
    found
}

#[test]
fn the_map_names_every_module_of_the_crate() {
    let mapped: BTreeSet<String> = table().into_keys().collect();
    let text = read(&root().join("src/lib.rs"));
    let declared: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("pub mod ")?
                .strip_suffix(';')
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(mapped, declared);
}

#[test]
fn no_module_uses_one_that_its_row_does_not_name() {
    let table = table();
    let known: BTreeSet<String> = table.keys().cloned().collect();
    let mut wrong = Vec::new();
    for (module, allowed) in &table {
        let Some(allowed) = allowed else { continue };
        for file in sources(module) {
            for other in used(&code(&file), &known) {
                if other != *module && !allowed.contains(&other) {
                    wrong.push(format!(
                        "{} uses `{other}`",
                        file.strip_prefix(root()).unwrap_or(&file).display()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_arrow_of_the_map_is_there_in_the_code() {
    let table = table();
    let known: BTreeSet<String> = table.keys().cloned().collect();
    for (module, allowed) in &table {
        let Some(allowed) = allowed else { continue };
        let all: BTreeSet<String> = sources(module)
            .iter()
            .flat_map(|file| used(&code(file), &known))
            .collect();
        let idle: Vec<_> = allowed.iter().filter(|name| !all.contains(*name)).collect();
        assert!(
            idle.is_empty(),
            "the row of `{module}` names what it does not use: {idle:?}"
        );
    }
}

#[test]
fn only_the_engine_module_knows_the_client_library() {
    for module in table().keys().filter(|module| *module != "engine") {
        for file in sources(module) {
            assert!(!code(&file).contains("bollard"), "{}", file.display());
        }
    }
}

#[test]
fn rules_touch_no_disk_network_clock_or_environment() {
    for file in sources("checks") {
        let text = code(&file);
        for forbidden in [
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "SystemTime",
            "Instant",
            "tokio",
        ] {
            assert!(
                !text.contains(forbidden),
                "{} uses {forbidden}",
                file.display()
            );
        }
    }
}

#[test]
fn only_one_file_opens_the_files_of_a_project() {
    for file in sources("app").iter().chain(&sources("compose")) {
        if !file.ends_with("compose/disk.rs") {
            assert!(!code(file).contains("std::fs"), "{}", file.display());
        }
    }
}
