//! `configs` and `secrets` of a service.

use std::collections::HashMap;

use super::{Context, Node};
use crate::app::{FileKind, FileMount, FileSource, Hidden};

/// The configs and secrets of the top level.
#[derive(Debug, Default)]
pub struct Known(HashMap<(FileKind, String), FileSource>);

impl Known {
    /// Reads both sections; `environment` has the variables they name.
    pub fn of(root: &Node, environment: &HashMap<String, String>) -> Self {
        let mut known = HashMap::new();
        for (section, kind) in [("configs", FileKind::Config), ("secrets", FileKind::Secret)] {
            let entries = root.get(section).and_then(Node::as_mapping);
            for (key, node) in entries.unwrap_or(&[]) {
                let name = key.text().unwrap_or_default().to_owned();
                known.insert((kind, name), source(node, environment));
            }
        }
        Self(known)
    }
}

fn source(node: &Node, environment: &HashMap<String, String>) -> FileSource {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    match (text("file"), text("environment"), text("content")) {
        (Some(file), _, _) => FileSource::File(file.into()),
        (_, Some(name), _) => FileSource::Variable {
            value: environment.get(&name).cloned().map(Hidden),
            name,
        },
        (_, _, Some(content)) => FileSource::Content(content),
        _ => FileSource::External,
    }
}

/// Reads the list under `configs` or `secrets`.
pub fn mounts(node: &Node, kind: FileKind, known: &Known, cx: &mut Context) -> Vec<FileMount> {
    let items = node.as_sequence().unwrap_or(&[]);
    let mut all = Vec::new();
    for item in items {
        let Some(name) = item.get("source").and_then(Node::text) else {
            continue;
        };
        let Some(source) = known.0.get(&(kind, name.to_owned())) else {
            continue;
        };
        let number = |key: &str, cx: &mut Context| {
            item.get(key)
                .and_then(|id| cx.integer(id, &format!("`{key}`")))
        };
        let mode = item.get("mode").and_then(Node::text);
        all.push(FileMount {
            kind,
            name: name.to_owned(),
            source: source.clone(),
            target: target(item.get("target").and_then(Node::text), name, kind),
            uid: number("uid", cx),
            gid: number("gid", cx),
            mode: mode.and_then(|mode| octal(item.get("mode"), mode)),
            place: item.place.clone(),
        });
    }
    all
}

/// A secret's relative target is below `/run/secrets`, a config's below the root.
fn target(written: Option<&str>, name: &str, kind: FileKind) -> String {
    let written = written.unwrap_or(name);
    match kind {
        _ if written.starts_with('/') => written.to_owned(),
        FileKind::Config => format!("/{written}"),
        FileKind::Secret => format!("/run/secrets/{written}"),
    }
}

/// A number has been read from octal already; a text is octal digits.
fn octal(node: Option<&Node>, text: &str) -> Option<u32> {
    match node.and_then(Node::as_string) {
        Some(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        None => text.parse().ok(),
    }
}
