//! Short forms become long ones.
//!
//! Source: Compose Specification: every attribute with a "short syntax" there.

use super::unique::{containers, section};
use super::{Context, Kind, Node, Place, Value, merge, port, volume};

/// Puts a merged document into long forms. `exact` is false while variables are not interpolated:
/// what cannot be read then stays as it is.
pub fn canonical(document: &mut Node, exact: bool, cx: &mut Context) {
    for (_, service) in containers(document) {
        of_service(service, exact, cx);
    }
    for key in ["volumes", "networks", "secrets", "configs"] {
        for (name, resource) in section(document, key) {
            external(key, &name, resource, cx);
        }
    }
}

fn of_service(service: &mut Node, exact: bool, cx: &mut Context) {
    change(service, "build", merge::build);
    if let Some(build) = service.get_mut("build") {
        of_build(build, exact, cx);
    }
    change(service, "depends_on", |node| {
        dependencies(merge::dependencies(node))
    });
    change(service, "env_file", env_files);
    for key in ["label_file", "dns"] {
        change(service, key, list);
    }
    change(service, "dns", without_empty);
    change(service, "gpus", gpus);
    change(service, "networks", merge::names);
    change(service, "models", merge::names);
    change(service, "extends", |node| named("service", node));
    each(service, "secrets", |item| named("source", item));
    each(service, "configs", |item| named("source", item));
    if let Some(list) = service.get_mut("ports") {
        ports(list, exact, cx);
    }
    parsed(service, "volumes", exact, cx, volume::long_form);
    parsed(service, "devices", exact, cx, volume::device);
    if let Some(triggers) = service.get_mut("triggers") {
        each(triggers, "schedule", |item| named("cron", item));
    }
    if let Some(develop) = service.get_mut("develop") {
        each(develop, "watch", |mut rule| {
            change(&mut rule, "ignore", list);
            change(&mut rule, "include", list);
            // The name it had before it came into the specification.
            if let Some(old) = rule.remove("x-initialSync") {
                rule.set("initial_sync", old);
            }
            rule
        });
    }
}

fn of_build(build: &mut Node, exact: bool, cx: &mut Context) {
    each(build, "secrets", |item| named("source", item));
    for key in ["provenance", "sbom"] {
        change(build, key, |node| match node.text() {
            Some(text) => Node::string(text, &node.place),
            None => node,
        });
    }
    if let Some(contexts) = build.get_mut("additional_contexts") {
        key_values(contexts, exact, cx);
    }
    if let Some(ssh) = build.get_mut("ssh") {
        ssh_keys(ssh, cx);
    }
}

/// Replaces the value under `key`.
pub(super) fn change(node: &mut Node, key: &str, with: impl FnOnce(Node) -> Node) {
    if let Some(value) = node.get_mut(key) {
        let place = value.place.clone();
        *value = with(std::mem::replace(value, Node::null(&place)));
    }
}

/// Replaces every item of the list under `key`.
pub(super) fn each(node: &mut Node, key: &str, with: impl Fn(Node) -> Node) {
    if let Some(Value::Sequence(items)) = node.get_mut(key).map(|node| &mut node.value) {
        for item in items {
            let place = item.place.clone();
            *item = with(std::mem::replace(item, Node::null(&place)));
        }
    }
}

/// A text as a list of one.
fn list(node: Node) -> Node {
    match &node.value {
        Value::Scalar(_, Kind::Text) => {
            let place = node.place.clone();
            sequence(vec![node], &place)
        }
        _ => node,
    }
}

fn without_empty(mut node: Node) -> Node {
    if let Value::Sequence(items) = &mut node.value {
        items.retain(|item| item.text() != Some(""));
    }
    node
}

/// A text as a mapping with the one key `key`.
fn named(key: &str, node: Node) -> Node {
    match &node.value {
        Value::Scalar(_, Kind::Text) => {
            let mut mapping = Node::mapping(node.place.clone());
            mapping.set(key, node);
            mapping
        }
        _ => node,
    }
}

fn sequence(items: Vec<Node>, place: &Place) -> Node {
    Node {
        value: Value::Sequence(items),
        ..Node::null(place)
    }
}

fn dependencies(mut node: Node) -> Node {
    if let Value::Mapping(entries) = &mut node.value {
        for (key, value) in entries {
            if value.as_mapping().is_none() {
                continue;
            }
            let place = &key.place;
            if value.get("condition").is_none() {
                value.set("condition", Node::string("service_started", place));
            }
            if value.get("required").is_none() {
                value.set("required", Node::bool(true, place));
            }
        }
    }
    node
}

fn env_files(node: Node) -> Node {
    let mut node = list(node);
    if let Value::Sequence(items) = &mut node.value {
        for item in items {
            let place = item.place.clone();
            let mut file = named("path", std::mem::replace(item, Node::null(&place)));
            if file.as_mapping().is_some() && file.get("required").is_none() {
                file.set("required", Node::bool(true, &place));
            }
            *item = file;
        }
    }
    node
}

fn gpus(node: Node) -> Node {
    match &node.value {
        Value::Scalar(_, Kind::Text) => {
            let mut request = Node::mapping(node.place.clone());
            request.set("count", Node::string("all", &node.place));
            sequence(vec![request], &node.place)
        }
        _ => node,
    }
}

/// `[KEY=value]` as a mapping; an item without `=` is an error.
fn key_values(node: &mut Node, exact: bool, cx: &mut Context) {
    let Value::Sequence(items) = &node.value else {
        return;
    };
    let mut mapping = Node::mapping(node.place.clone());
    for item in items {
        match item.text().and_then(|text| text.split_once('=')) {
            Some((key, value)) => mapping.set(key, Node::string(value, &item.place)),
            None if !exact => return,
            None => {
                cx.error(&item.place, "`NAME=VALUE` is expected here");
            }
        }
    }
    *node = mapping;
}

fn ssh_keys(node: &mut Node, cx: &mut Context) {
    let Value::Sequence(items) = &node.value else {
        return;
    };
    let mut mapping = Node::mapping(node.place.clone());
    for item in items {
        match item.text().map(|text| (text, text.split_once('='))) {
            Some((_, Some((id, path)))) => mapping.set(id, Node::string(path, &item.place)),
            Some(("default", None)) => mapping.set("default", Node::null(&item.place)),
            _ => {
                cx.error(&item.place, "an SSH key is `default` or `ID=PATH`");
            }
        }
    }
    *node = mapping;
}

fn ports(list: &mut Node, exact: bool, cx: &mut Context) {
    let Value::Sequence(items) = &mut list.value else {
        return;
    };
    let mut long = Vec::with_capacity(items.len());
    for item in &*items {
        let text = match &item.value {
            Value::Scalar(text, Kind::Text | Kind::Int) => text,
            _ => {
                long.push(item.clone());
                continue;
            }
        };
        // A range of few letters stands for thousands of ports.
        if !cx.spend(port::values(text), &item.place) {
            return;
        }
        match port::long_forms(text, &item.place) {
            Ok(forms) => long.extend(forms),
            // One entry that cannot be read keeps the whole list as it is.
            Err(_) if !exact => return,
            Err(message) => {
                cx.error(&item.place, message).help =
                    Some("the short form is `[[IP:]HOST:]CONTAINER[/PROTOCOL]`".to_owned());
            }
        }
    }
    *items = long;
}

fn parsed(
    service: &mut Node,
    key: &str,
    exact: bool,
    cx: &mut Context,
    read: impl Fn(&str, &Place) -> Result<Node, String>,
) {
    let Some(Value::Sequence(items)) = service.get_mut(key).map(|node| &mut node.value) else {
        return;
    };
    for item in items {
        let Some(text) = item.as_string() else {
            continue;
        };
        match read(text, &item.place) {
            Ok(form) => *item = form,
            Err(_) if !exact => {}
            Err(message) => {
                cx.error(&item.place, message);
            }
        }
    }
}

/// The old form `external: {name: NAME}`.
fn external(section: &str, name: &str, resource: &mut Node, cx: &mut Context) {
    let Some(external) = resource.get("external") else {
        return;
    };
    if external.as_mapping().is_none() {
        return;
    }
    let place = external.place.clone();
    let old = external.get("name").cloned();
    resource.set("external", Node::bool(true, &place));
    let Some(old) = old else {
        return;
    };
    cx.warn(&place, "`external.name` is deprecated").help =
        Some("write `external: true` and the name as `name:` beside it".to_owned());
    match resource.get("name") {
        Some(own) if own.text() != old.text() => {
            let message = format!("`{section}.{name}` has two names: `name` and `external.name`");
            cx.error(&place, message);
        }
        _ => resource.set("name", old),
    }
}
