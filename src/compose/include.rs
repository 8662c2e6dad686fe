//! `include`: whole projects that become part of this one.
//!
//! Source: Compose Specification, "Include".

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::document::{Reader, Scope, Stop};
use super::reset::Resets;
use super::variables::bad_line;
use super::{Node, Place, Value, env_file, merge, nearest};

/// Files on the way to an included one. Reading goes by recursion, and people write two or three.
const MAX_DEPTH: usize = 50;

/// One entry of `include`.
struct Entry {
    paths: Vec<(String, Place)>,
    project_directory: Option<String>,
    env_files: Vec<(String, Place)>,
    place: Place,
}

/// Takes `include` out of `document` and adds what the files have. What the document itself says
/// of the same service or resource is laid over it.
pub fn apply(
    reader: &mut Reader,
    scope: &Scope,
    document: &mut Node,
    trail: &[PathBuf],
    resets: &Resets,
) -> Result<(), Stop> {
    let Some(include) = document.remove("include") else {
        return Ok(());
    };
    let entries = match &include.value {
        Value::Sequence(items) => items.iter().map(|item| entry(item, reader)).collect(),
        _ if include.is_null() => Vec::new(),
        _ => {
            let kind = include.kind();
            let message = format!("`include` must be a list, not {kind}");
            reader.cx.error(&include.place, message).help =
                Some("write `- path/to/compose.yaml` under `include:`".to_owned());
            return Err(Stop);
        }
    };
    for entry in entries {
        let entry = entry?;
        let place = entry.place.clone();
        let imported = load(reader, scope, entry, trail)?;
        if !reader.cx.spend(imported.size(), &place) {
            return Err(Stop);
        }
        import(reader, imported, document, resets);
    }
    Ok(())
}

fn entry(item: &Node, reader: &mut Reader) -> Result<Entry, Stop> {
    let texts = |node: Option<&Node>| -> Vec<(String, Place)> {
        let Some(node) = node else { return Vec::new() };
        let items = node.as_sequence().unwrap_or(std::slice::from_ref(node));
        let texts = items
            .iter()
            .filter_map(|item| Some((item.as_string()?, &item.place)));
        texts
            .map(|(text, place)| (text.to_owned(), place.clone()))
            .collect()
    };
    let entry = match &item.value {
        Value::Mapping(entries) => {
            check_keys(entries, reader);
            let directory = item.get("project_directory").and_then(Node::as_string);
            Entry {
                paths: texts(item.get("path")),
                project_directory: directory.map(str::to_owned),
                env_files: texts(item.get("env_file")),
                place: item.place.clone(),
            }
        }
        _ => Entry {
            paths: texts(Some(item)),
            project_directory: None,
            env_files: Vec::new(),
            place: item.place.clone(),
        },
    };
    if entry.paths.is_empty() {
        reader.cx.error(&entry.place, "`include` names no `path`");
        return Err(Stop);
    }
    Ok(entry)
}

/// Warns of keys that Compose passes over.
fn check_keys(entries: &[(Node, Node)], reader: &mut Reader) {
    for (key, _) in entries {
        let name = key.text().unwrap_or_default();
        let valid = ["path", "project_directory", "env_file"];
        if !valid.contains(&name) {
            let near = nearest(name, valid.into_iter());
            let message = format!("`include` has no key `{name}`: it is ignored");
            reader.cx.warn(&key.place, message).help =
                near.map(|near| format!("did you mean `{near}`?"));
        }
    }
}

fn load(reader: &mut Reader, scope: &Scope, entry: Entry, trail: &[PathBuf]) -> Result<Node, Stop> {
    let base = scope.base(reader);
    let mut files = Vec::new();
    for (path, place) in &entry.paths {
        for remote in ["https://", "http://", "oci://", "git@", "ssh://", "git://"] {
            if path.starts_with(remote) {
                let message = format!("`{path}` is not on this machine");
                reader.cx.error(place, message).help =
                    Some("envsim reads local files: clone it and name the file".to_owned());
                return Err(Stop);
            }
        }
        files.push((base.absolute(path), place.clone()));
    }
    check_way(reader, &entry, &files, trail)?;
    let directory = match &entry.project_directory {
        Some(directory) => base.absolute(directory),
        None => {
            let first = files.first().and_then(|(file, _)| file.parent());
            first.map(Path::to_owned).unwrap_or_default()
        }
    };
    let environment = environment(reader, scope, &entry, &directory)?;
    let inner = Scope {
        directory,
        environment,
    };
    reader.read_model(&inner, &files, trail)
}

/// An error when the way to the entry's `files` is a circle or too long. As in Compose only the first
/// file is looked for on the way; a circle over another one ends where the way is too long.
fn check_way(
    reader: &mut Reader,
    entry: &Entry,
    files: &[(PathBuf, Place)],
    trail: &[PathBuf],
) -> Result<(), Stop> {
    let too_long = trail.len() >= MAX_DEPTH;
    let looked_for = if too_long { files.len() } else { 1 };
    for (file, place) in files.iter().take(looked_for) {
        let Some(start) = trail.iter().rposition(|known| known == file) else {
            continue;
        };
        let circle = trail[start..].iter().chain([file]);
        let names: Vec<String> = circle
            .map(|file| format!("`{}`", reader.shown(file)))
            .collect();
        let message = format!("`include` goes in a circle: {}", names.join(" → "));
        reader.cx.error(place, message);
        return Err(Stop);
    }
    if too_long {
        let message = format!("`include` goes through more than {MAX_DEPTH} files");
        reader.cx.error(&entry.place, message).help =
            Some("include the innermost files in the first one".to_owned());
        return Err(Stop);
    }
    Ok(())
}

/// The env files of an entry, and where they are named: its own, or `.env` of its directory.
fn env_files(
    reader: &Reader,
    scope: &Scope,
    entry: &Entry,
    directory: &Path,
) -> Vec<(PathBuf, Place)> {
    let mut files: Vec<(PathBuf, Place)> = Vec::new();
    if entry.env_files.is_empty() {
        let own = directory.join(".env");
        if reader.disk.exists(&own) && !reader.disk.is_directory(&own) {
            files.push((own, entry.place.clone()));
        }
    }
    for (path, place) in &entry.env_files {
        if path != "/dev/null" {
            files.push((scope.base(reader).absolute(path), place.clone()));
        }
    }
    files
}

/// The including project's variables, and what the included one's env files add.
fn environment(
    reader: &mut Reader,
    scope: &Scope,
    entry: &Entry,
    directory: &Path,
) -> Result<Rc<HashMap<String, String>>, Stop> {
    let files = env_files(reader, scope, entry, directory);
    if files.is_empty() {
        return Ok(scope.environment.clone());
    }
    let mut variables: HashMap<String, String> = HashMap::new();
    for (file, place) in files {
        let shown = reader.shown(&file);
        let text = reader.text(&file).map_err(|why| {
            reader
                .cx
                .error(&place, format!("cannot read `{shown}`: {why}"));
            Stop
        })?;
        let lookup = |name: &str| scope.environment.get(name).cloned();
        let earlier = |name: &str| variables.get(name).cloned();
        reader.cx.enter_hidden(&shown, &text);
        let entries = env_file::parse_after(&text, &lookup, &earlier).map_err(|bad| {
            bad_line(&mut reader.cx, &bad);
            Stop
        })?;
        if !reader.cx.spend(2 * entries.len(), &place) {
            return Err(Stop);
        }
        let entries = entries.into_iter();
        variables.extend(entries.filter_map(|entry| Some((entry.name, entry.value?))));
    }
    let mut all = (*scope.environment).clone();
    for (name, value) in variables {
        all.entry(name).or_insert(value);
    }
    Ok(Rc::new(all))
}

fn import(reader: &mut Reader, mut imported: Node, document: &mut Node, resets: &Resets) {
    for section in [
        "services", "volumes", "networks", "secrets", "configs", "models",
    ] {
        let Some(Node {
            value: Value::Mapping(entries),
            place,
            ..
        }) = imported.remove(section)
        else {
            continue;
        };
        if document.get(section).and_then(Node::as_mapping).is_none() {
            document.set(section, Node::mapping(place));
        }
        let Some(own) = document.get_mut(section) else {
            continue;
        };
        let Value::Mapping(own) = &mut own.value else {
            continue;
        };
        let known = merge::Index::of(own);
        for (key, mut resource) in entries {
            let name = key.text().unwrap_or_default();
            match known.get(name) {
                None => own.push((key, resource)),
                Some(at) => {
                    let place = key.place.clone();
                    let conflict = std::mem::replace(&mut own[at].1, Node::null(&place));
                    resets.apply_to(&mut resource, section, name);
                    own[at].1 =
                        merge::merge_resource(resource, conflict, section, name, &mut reader.cx);
                }
            }
        }
    }
}
