//! What ends up in a container's environment and labels: the files named beside the values.
//!
//! Source: Compose Specification, "env_file" and "label_file": later files win over earlier ones,
//! and what is written in the Compose file wins over all files.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::disk::Disk;
use super::env_file::{self, BadLine, Entry};
use super::interpolate::Lookup;
use super::unique::section;
use super::{Context, Node, Place, Value};

/// The tag of a value that an env file gives.
pub const FROM_ENV_FILE: &str = "env-file";

/// An env file of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// The service.
    pub service: String,
    /// Its absolute path.
    pub path: PathBuf,
    /// True for `format: raw`, which is read as it stands.
    pub raw: bool,
    /// It has to be there and is not.
    pub missing: bool,
    /// Where the service names it.
    pub place: Place,
}

/// The env files of every service.
pub fn env_files_of(document: &Node, disk: &dyn Disk) -> Vec<EnvFile> {
    let services = document.get("services").and_then(Node::as_mapping);
    let mut all = Vec::new();
    for (name, service) in services.unwrap_or(&[]) {
        let files = service.get("env_file").and_then(Node::as_sequence);
        for file in files.unwrap_or(&[]) {
            let Some(path) = file.get("path") else {
                continue;
            };
            let on_disk = PathBuf::from(path.text().unwrap_or_default());
            all.push(EnvFile {
                service: name.text().unwrap_or_default().to_owned(),
                missing: is_required(file) && !disk.exists(&on_disk),
                path: on_disk,
                raw: file.get("format").and_then(Node::text) == Some("raw"),
                place: path.place.clone(),
            });
        }
    }
    all
}

fn is_required(file: &Node) -> bool {
    file.get("required").and_then(Node::text) != Some("false")
}

/// Reads the env files of every service into `environment`, and drops the list of files. One that is
/// not there is an error when `needs` says so, else a warning. `at` is the project's directory and the
/// disk.
pub fn read_env_files(
    document: &mut Node,
    project: &HashMap<String, String>,
    at: (&Path, &dyn Disk),
    needs: bool,
    cx: &mut Context,
) {
    for (_, service) in section(document, "services") {
        env_files(service, project, at, needs, cx);
    }
}

/// Reads the label files of every service into `labels`.
pub fn read_label_files(document: &mut Node, base: &Path, disk: &dyn Disk, cx: &mut Context) {
    for (_, service) in section(document, "services") {
        label_files(service, base, disk, cx);
    }
}

/// A file's path as the user would name it.
fn shown(path: &str, base: &Path) -> String {
    let relative = Path::new(path).strip_prefix(base);
    relative.map_or_else(|_| path.to_owned(), |path| path.display().to_string())
}

fn env_files(
    service: &mut Node,
    project: &HashMap<String, String>,
    (base, disk): (&Path, &dyn Disk),
    needs: bool,
    cx: &mut Context,
) {
    let Some(files) = service.remove("env_file") else {
        return;
    };
    let own = pairs(service.get("environment"));
    // Null stands for a variable that is named and has no value anywhere: it stays so.
    let mut read: IndexMap<String, Node> = IndexMap::new();
    let mut known: HashMap<String, String> = own
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.text().unwrap_or_default().to_owned()))
        .collect();
    let own_values = known.clone();
    for file in files.as_sequence().unwrap_or(&[]) {
        let Some(path) = file.get("path").filter(|path| path.text().is_some()) else {
            continue;
        };
        let text = path.text().unwrap_or_default();
        if !disk.exists(Path::new(text)) {
            if is_required(file) {
                let message = format!("the env file `{}` does not exist", shown(text, base));
                let problem = match needs {
                    true => cx.error(&path.place, message),
                    false => cx.warn(&path.place, message),
                };
                problem.help = Some(
                    "create it, or write `path:` and `required: false` if it may be missing"
                        .to_owned(),
                );
            }
            continue;
        }
        let format = file.get("format").and_then(Node::text).unwrap_or_default();
        let lookup = |name: &str| project.get(name).or_else(|| own_values.get(name)).cloned();
        let earlier = |name: &str| known.get(name).cloned();
        let entries = entries(path, text, format, base, disk, [&lookup, &earlier], cx);
        for (name, value) in entries {
            known.insert(name.clone(), value.text().unwrap_or_default().to_owned());
            read.insert(name, value);
        }
    }
    read.extend(own);
    if !read.is_empty() {
        let place = files.place.clone();
        service.set("environment", mapping(read, &place));
    }
}

fn label_files(service: &mut Node, base: &Path, disk: &dyn Disk, cx: &mut Context) {
    let Some(files) = service.get("label_file").cloned() else {
        return;
    };
    let mut labels: IndexMap<String, Node> = IndexMap::new();
    for path in files.as_sequence().unwrap_or(&[]) {
        let Some(text) = path.text() else { continue };
        if !disk.exists(Path::new(text)) {
            let message = format!("the label file `{}` does not exist", shown(text, base));
            cx.error(&path.place, message);
            continue;
        }
        let lookup = |name: &str| labels.get(name)?.text().map(str::to_owned);
        labels.extend(entries(
            path,
            text,
            "",
            base,
            disk,
            [&lookup, &|_| None],
            cx,
        ));
    }
    for (name, value) in pairs(service.get("labels")) {
        let value = match value.is_null() {
            true => Node::string("", &value.place),
            false => value,
        };
        labels.insert(name, value);
    }
    if !labels.is_empty() {
        let place = files.place.clone();
        service.set("labels", mapping(labels, &place));
    }
}

fn mapping(entries: IndexMap<String, Node>, place: &Place) -> Node {
    let entries = entries.into_iter();
    Node {
        value: Value::Mapping(
            entries
                .map(|(name, value)| (Node::string(name, &value.place), value))
                .collect(),
        ),
        ..Node::null(place)
    }
}

/// The variables of one file, each at its place there.
fn entries(
    path: &Node,
    file: &str,
    format: &str,
    base: &Path,
    disk: &dyn Disk,
    [lookup, earlier]: [Lookup; 2],
    cx: &mut Context,
) -> Vec<(String, Node)> {
    let shown = shown(file, base);
    let read = disk.read(Path::new(file));
    let text = match read.and_then(|text| cx.admit(text.len()).map(|()| text)) {
        Ok(text) => text,
        Err(why) => {
            cx.error(&path.place, format!("cannot read `{shown}`: {why}"));
            return Vec::new();
        }
    };
    cx.enter_hidden(&shown, &text);
    let parsed = match format {
        "" | ".env" => env_file::parse_after(&text, lookup, earlier),
        "raw" => env_file::parse_raw(&text, lookup),
        other => {
            let message = format!("`{other}` is not a format of env files");
            cx.error(&path.place, message).help = Some("`raw`, or nothing".to_owned());
            return Vec::new();
        }
    };
    let entries = match parsed {
        Ok(entries) if cx.spend(2 * entries.len(), &path.place) => entries,
        Ok(_) => return Vec::new(),
        Err(bad) => {
            bad_line(cx, &bad);
            return Vec::new();
        }
    };
    let node = |entry: Entry| {
        let (start, end) = entry.columns;
        let place = cx.place(entry.line as usize, start as usize - 1, end as usize - 1);
        let value = Node {
            tag: Some(FROM_ENV_FILE.to_owned()),
            ..Node::string(entry.value?, &place)
        };
        Some((entry.name, value))
    };
    entries.into_iter().filter_map(node).collect()
}

/// Notes a line of the file being read that is no variable.
pub(super) fn bad_line(cx: &mut Context, bad: &BadLine) {
    let (start, end) = bad.columns;
    let place = cx.place(bad.line as usize, start as usize - 1, end as usize - 1);
    cx.error(&place, &*bad.message);
}

/// The pairs of a mapping or of a list of `KEY=value`; null where there is no value.
pub fn pairs(node: Option<&Node>) -> Vec<(String, Node)> {
    let mut pairs: Vec<(String, Node)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut doubles: HashSet<usize> = HashSet::new();
    match node.map(|node| &node.value) {
        Some(Value::Mapping(entries)) => pairs.extend(
            entries
                .iter()
                .filter_map(|(key, value)| Some((key.text()?.to_owned(), value.clone()))),
        ),
        Some(Value::Sequence(items)) => {
            for item in items {
                let Some(text) = item.text() else { continue };
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => {
                        let place = item.place_within(name.len() + 1..text.len());
                        let tag = item.tag.clone();
                        let value = Node {
                            tag,
                            ..Node::string(value, &place)
                        };
                        (name, value)
                    }
                    None => (text, Node::null(&item.place)),
                };
                // Of doubles the last stands, at its own place.
                if let Some(double) = known.insert(name.to_owned(), pairs.len()) {
                    doubles.insert(double);
                }
                pairs.push((name.to_owned(), value));
            }
        }
        _ => {}
    }
    let mut at = 0..;
    pairs.retain(|_| !doubles.contains(&at.next().unwrap_or_default()));
    pairs
}
