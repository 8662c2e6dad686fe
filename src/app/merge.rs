//! Several Compose files become one.
//!
//! Source: Compose Specification, "Merge": mappings are merged, sequences are appended, `command`,
//! `entrypoint` and a health check's `test` are replaced, what has a key of its own (variables,
//! labels, volumes by target, ports) is merged by it, `!reset` removes and `!override` replaces.

use crate::compose::{Kind, Node, Value};

/// Lays `over` on `base`.
pub fn merge(base: Node, over: Node) -> Node {
    merge_at(base, over, &mut Vec::new())
}

fn merge_at(base: Node, over: Node, path: &mut Vec<String>) -> Node {
    if over.tag.as_deref() == Some("override") {
        return over;
    }
    if replaces(path) {
        return over;
    }
    let by_key = keyed_by_name(path);
    let (base, over) = match by_key {
        true => (as_mapping(base, path), as_mapping(over, path)),
        false => (base, over),
    };
    let (base, over) = match in_service(path, &["build"]) {
        true => (as_build(base), as_build(over)),
        false => (base, over),
    };
    let place = over.place.clone();
    let tag = over.tag.clone();
    let value = match (base.value, over.value) {
        (Value::Mapping(base), Value::Mapping(over)) => Value::Mapping(entries(base, over, path)),
        (Value::Sequence(base), Value::Sequence(over)) => Value::Sequence(items(base, over, path)),
        (Value::Scalar(text, style), Value::Sequence(over)) if appends_scalar(path) => {
            let first = Node::scalar(text, style, base.place);
            Value::Sequence(items(vec![first], over, path))
        }
        (Value::Sequence(base), Value::Scalar(text, style)) if appends_scalar(path) => {
            let last = Node::scalar(text, style, place.clone());
            Value::Sequence(items(base, vec![last], path))
        }
        (base, Value::Scalar(_, Kind::Null)) => base,
        (_, over) => over,
    };
    Node { value, place, tag }
}

fn entries(
    mut base: Vec<(Node, Node)>,
    over: Vec<(Node, Node)>,
    path: &mut Vec<String>,
) -> Vec<(Node, Node)> {
    for (key, value) in over {
        let name = key.text().unwrap_or_default().to_owned();
        let at = base
            .iter()
            .position(|(known, _)| known.text() == Some(&name));
        if value.tag.as_deref() == Some("reset") {
            if let Some(at) = at {
                base.remove(at);
            }
            continue;
        }
        match at {
            None => base.push((key, value)),
            Some(at) => {
                path.push(name);
                let (known, old) = base.remove(at);
                let merged = merge_at(old, value, path);
                path.pop();
                base.insert(at, (known, merged));
            }
        }
    }
    base
}

/// Appends; an item that means the same target as an earlier one takes its place.
fn items(mut base: Vec<Node>, over: Vec<Node>, path: &[String]) -> Vec<Node> {
    for item in over {
        let identity = identity(&item, path);
        match base
            .iter_mut()
            .find(|known| self::identity(known, path) == identity)
        {
            Some(known) => *known = item,
            None => base.push(item),
        }
    }
    base
}

/// What makes two items of a list the same thing: a volume's target, a port's whole meaning,
/// else the text.
fn identity(item: &Node, path: &[String]) -> String {
    match (key_of(path), &item.value) {
        (Some("volumes"), Value::Scalar(text, _)) => {
            let parts: Vec<&str> = text.split(':').collect();
            let target = match *parts {
                [_, target] | [_, target, _] if target.starts_with('/') => target,
                [target, ..] => target,
                [] => text,
            };
            format!("volume {}", target.trim_end_matches('/'))
        }
        (Some("volumes"), Value::Mapping(_)) => {
            let target = item.get("target").and_then(Node::text).unwrap_or_default();
            format!("volume {}", target.trim_end_matches('/'))
        }
        (_, Value::Scalar(text, _)) => text.clone(),
        _ => format!("{:?}", without_places(item)),
    }
}

/// The value alone, so that equal items from two files are equal.
fn without_places(node: &Node) -> String {
    match &node.value {
        Value::Scalar(text, _) => text.clone(),
        Value::Sequence(items) => items
            .iter()
            .map(without_places)
            .collect::<Vec<_>>()
            .join(","),
        Value::Mapping(entries) => {
            let mut pairs: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}={}", without_places(key), without_places(value)))
                .collect();
            pairs.sort();
            pairs.join(",")
        }
    }
}

/// The key of a service (or of its `build`, …) that `path` leads to.
fn key_of(path: &[String]) -> Option<&str> {
    match path {
        [services, _, rest @ ..] if services == "services" => rest.last().map(String::as_str),
        _ => None,
    }
}

fn in_service(path: &[String], keys: &[&str]) -> bool {
    matches!(path, [services, _, key] if services == "services" && keys.contains(&&**key))
}

fn replaces(path: &[String]) -> bool {
    in_service(path, &["command", "entrypoint"])
        || matches!(path, [s, _, h, t] if s == "services" && h == "healthcheck" && t == "test")
}

fn keyed_by_name(path: &[String]) -> bool {
    in_service(
        path,
        &[
            "environment",
            "labels",
            "extra_hosts",
            "sysctls",
            "depends_on",
            "networks",
            "annotations",
        ],
    ) || matches!(path, [s, _, b, a] if s == "services" && b == "build" && (a == "args" || a == "labels"))
        || matches!(path, [s, _, x, p, e] if s == "services" && x == "x-envsim" && p == "prod" && e == "environment")
}

fn appends_scalar(path: &[String]) -> bool {
    in_service(path, &["env_file", "dns", "dns_search", "tmpfs"])
}

/// `build: DIR` as the `build: {context: DIR}` it stands for.
fn as_build(node: Node) -> Node {
    if !matches!(node.value, Value::Scalar(..)) || node.is_null() {
        return node;
    }
    let mut mapping = Node::mapping(node.place.clone());
    mapping.tag.clone_from(&node.tag);
    let key = Node::scalar("context", Kind::Text, node.place.clone());
    mapping.value = Value::Mapping(vec![(key, Node { tag: None, ..node })]);
    mapping
}

/// A list of `KEY=value` or of names as the mapping it stands for.
fn as_mapping(node: Node, path: &[String]) -> Node {
    let Value::Sequence(list) = &node.value else {
        return node;
    };
    let mut mapping = Node::mapping(node.place.clone());
    mapping.tag = node.tag.clone();
    let separators: &[char] = match key_of(path) {
        Some("extra_hosts") => &['=', ':'],
        Some("depends_on" | "networks") => &[],
        _ => &['='],
    };
    let entries = list.iter().filter_map(|item| {
        let text = item.text()?;
        let split = text.find(separators);
        let name = &text[..split.unwrap_or(text.len())];
        let key = Node::scalar(name, Kind::Text, item.place.clone());
        let value = match split {
            Some(at) => {
                let place = item.place_within(at + 1..text.len());
                Node::scalar(&text[at + 1..], Kind::Text, place)
            }
            None => Node::scalar("", Kind::Null, item.place.clone()),
        };
        Some((key, value))
    });
    mapping.value = Value::Mapping(entries.collect());
    mapping
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Context, parse};

    fn node(text: &str) -> Node {
        let mut cx = Context::default();
        cx.enter("compose.yaml", text);
        parse(text, &mut cx).expect("valid YAML")
    }

    fn service(base: &str, over: &str) -> Node {
        let wrap = |text: &str| node(&format!("services:\n  web: {text}\n"));
        let merged = merge(wrap(base), wrap(over));
        merged.get("services").unwrap().get("web").unwrap().clone()
    }

    fn show(node: &Node) -> String {
        without_places(node)
    }

    #[test]
    fn variables_are_merged_by_name_whatever_form_they_have() {
        let web = service("{environment: {A: 1, B: 2}}", "{environment: [B=3, C=4]}");
        assert_eq!(show(web.get("environment").unwrap()), "A=1,B=3,C=4");
    }

    #[test]
    fn commands_are_replaced_and_other_lists_appended() {
        let web = service(
            "{command: [a, b], expose: [1]}",
            "{command: [c], expose: [2, 1]}",
        );
        assert_eq!(show(web.get("command").unwrap()), "c");
        assert_eq!(show(web.get("expose").unwrap()), "1,2");
    }

    #[test]
    fn a_volume_with_the_same_target_takes_the_place_of_the_first() {
        let web = service(
            "{volumes: ['./a:/app', 'v:/data']}",
            "{volumes: ['./b:/app:ro']}",
        );
        assert_eq!(show(web.get("volumes").unwrap()), "./b:/app:ro,v:/data");
    }

    #[test]
    fn a_short_build_keeps_its_context_when_a_long_one_is_laid_over_it() {
        let web = service("{build: ./api}", "{build: {target: prod}}");
        assert_eq!(show(web.get("build").unwrap()), "context=./api,target=prod");
    }

    #[test]
    fn reset_removes_and_override_replaces() {
        let web = service(
            "{ports: ['80:80'], volumes: ['.:/app'], image: x}",
            "{ports: !override ['81:80'], volumes: !reset []}",
        );
        assert_eq!(show(web.get("ports").unwrap()), "81:80");
        assert!(web.get("volumes").is_none());
        assert_eq!(web.get("image").unwrap().text(), Some("x"));
    }
}
