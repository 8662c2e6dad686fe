//! Doubles in lists: of two items that mean the same thing the later one stands, at the earlier
//! one's position.
//!
//! Source: Compose Specification, "Merge", "Unique resources": ports by the whole of their
//! meaning, mounts and devices by target, pairs by their key, the rest by their text.

use std::collections::HashMap;

use super::volume::short_target;
use super::{Node, Value};

/// What makes two items the same.
#[derive(Clone, Copy)]
enum Identity {
    /// The text up to the first `=`.
    Key,
    /// The whole text.
    Text,
    /// The target in the container; short syntax is understood.
    Volume,
    /// The device's target.
    Device,
    /// The target, by default the source in this directory.
    Mounted(&'static str),
    /// Address, published and container port, and protocol.
    Port,
    /// The path of an env file.
    EnvFile,
}

/// Lists of a service.
const SERVICE: &[(&str, Identity)] = &[
    ("annotations", Identity::Key),
    ("build.args", Identity::Key),
    ("build.additional_contexts", Identity::Key),
    ("build.tags", Identity::Key),
    ("build.labels", Identity::Key),
    ("cap_add", Identity::Key),
    ("cap_drop", Identity::Key),
    ("configs", Identity::Mounted("")),
    ("deploy.labels", Identity::Key),
    ("devices", Identity::Device),
    ("dns", Identity::Key),
    ("dns_opt", Identity::Key),
    ("dns_search", Identity::Key),
    ("env_file", Identity::EnvFile),
    ("environment", Identity::Key),
    ("expose", Identity::Text),
    ("labels", Identity::Key),
    ("links", Identity::Key),
    ("ports", Identity::Port),
    ("profiles", Identity::Key),
    ("secrets", Identity::Mounted("/run/secrets")),
    ("sysctls", Identity::Key),
    ("tmpfs", Identity::Key),
    ("volumes", Identity::Volume),
];

/// Removes the doubles from every list that must have none.
pub fn unique(document: &mut Node) {
    for (_, service) in containers(document) {
        for (path, identity) in SERVICE {
            let list = match path.split_once('.') {
                None => service.get_mut(path),
                Some((outer, inner)) => service
                    .get_mut(outer)
                    .and_then(|outer| outer.get_mut(inner)),
            };
            if let Some(list) = list {
                remove_doubles(list, *identity);
            }
        }
        for (_, network) in section(service, "networks") {
            for key in ["aliases", "link_local_ips"] {
                if let Some(list) = network.get_mut(key) {
                    remove_doubles(list, Identity::Key);
                }
            }
        }
    }
    for (_, network) in section(document, "networks") {
        if let Some(list) = network.get_mut("labels") {
            remove_doubles(list, Identity::Key);
        }
    }
}

/// The entries of the mapping under `key`, to change their values.
pub(super) fn section<'a>(
    node: &'a mut Node,
    key: &str,
) -> impl Iterator<Item = (String, &'a mut Node)> {
    let entries = match node.get_mut(key).map(|node| &mut node.value) {
        Some(Value::Mapping(entries)) => &mut entries[..],
        _ => &mut [],
    };
    let named = |(key, value): &'a mut (Node, Node)| {
        let name = key.text().unwrap_or_default().to_owned();
        (name, value)
    };
    entries.iter_mut().map(named)
}

/// The services and the jobs, which are described alike, to change them.
pub(super) fn containers(document: &mut Node) -> impl Iterator<Item = (String, &mut Node)> {
    let sections = match &mut document.value {
        Value::Mapping(entries) => &mut entries[..],
        _ => &mut [],
    };
    let described = |(key, _): &&mut (Node, Node)| matches!(key.text(), Some("services" | "jobs"));
    sections
        .iter_mut()
        .filter(described)
        .flat_map(|(_, section)| match &mut section.value {
            Value::Mapping(entries) => &mut entries[..],
            _ => &mut [],
        })
        .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), value))
}

fn remove_doubles(list: &mut Node, identity: Identity) {
    let Value::Sequence(items) = &mut list.value else {
        return;
    };
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(items.len());
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        let known = identity.of(&item).and_then(|key| {
            let next = kept.len();
            let at = *seen.entry(key).or_insert(next);
            (at < next).then_some(at)
        });
        match known {
            Some(at) => kept[at] = item,
            None => kept.push(item),
        }
    }
    *items = kept;
}

impl Identity {
    /// None for an item of the wrong form; the check of the types reports it.
    fn of(self, item: &Node) -> Option<String> {
        let own = |key: &str| item.get(key).and_then(Node::text);
        match (self, item.as_mapping(), item.text()) {
            (Self::Key, None, Some(text)) => {
                Some(text.split_once('=').map_or(text, |(key, _)| key).to_owned())
            }
            (Self::Text | Self::Port | Self::EnvFile, None, Some(text)) => Some(text.to_owned()),
            (Self::Volume, None, Some(text)) => Some(short_target(text)),
            (Self::Volume | Self::Device, Some(_), _) => own("target").map(str::to_owned),
            (Self::Device, None, Some(text)) => {
                let mut parts = text.split(':');
                let source = parts.next();
                parts.next().or(source).map(str::to_owned)
            }
            (Self::Mounted(directory), None, Some(text)) => Some(format!("{directory}/{text}")),
            (Self::Mounted(directory), Some(_), _) => Some(match own("target") {
                Some(target) => target.to_owned(),
                None => format!("{directory}/{}", own("source").unwrap_or_default()),
            }),
            (Self::Port, Some(_), _) => Some(format!(
                "{}:{}:{}/{}",
                own("host_ip").unwrap_or("0.0.0.0"),
                own("published").unwrap_or_default(),
                own("target")?,
                own("protocol").unwrap_or("tcp"),
            )),
            (Self::EnvFile, Some(_), _) => own("path").map(str::to_owned),
            _ => None,
        }
    }
}
