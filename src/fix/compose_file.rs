//! Compose files: a variable more, with all else left as it is written.
//!
//! The text is changed by lines, so that comments, order and layout stay. Then both texts are read
//! and compared: what changed must be the one value, or the repair is refused.

use super::{Reason, Variable};
use crate::compose::{Context, Node, Value, parse};

/// Puts `variable` under the keys `below` of its service; they are made when they are not there.
///
/// # Errors
/// A service that is not in this file, a variable that has another value already, a layout that
/// cannot be changed by lines.
pub fn put(text: &str, below: &[&str], variable: &Variable) -> Result<String, Reason> {
    let file = &*variable.file;
    let before = read(text, file)?;
    let mut path = vec!["services", &*variable.service];
    path.extend(below);
    if before
        .get("services")
        .and_then(|all| all.get(&variable.service))
        .is_none()
    {
        return Err(format!("`{file}` has no service `{}`", variable.service));
    }
    if let Some(known) = value_of(&before, &path, &variable.name) {
        return match known == variable.value {
            true => Ok(text.to_owned()),
            false => Err(format!(
                "`{}` of `{}` has another value already under `{}`",
                variable.name,
                variable.service,
                below.join(".")
            )),
        };
    }
    let after = insert(text, &before, &path, variable)?;
    let wanted = with(&before, &path, variable);
    match read(&after, file) {
        Ok(read) if same(&read, &wanted) => Ok(after),
        _ => Err(format!(
            "`{file}` is written in a way that cannot be changed by machine: set `{}` under `{}` of `{}` by hand",
            variable.name,
            below.join("."),
            variable.service
        )),
    }
}

/// The value of a variable in the file as it is written; none when the service does not set it.
pub fn written(text: &str, file: &str, service: &str, name: &str) -> Option<String> {
    let tree = read(text, file).ok()?;
    value_of(&tree, &["services", service, "environment"], name).map(str::to_owned)
}

fn read(text: &str, file: &str) -> Result<Node, Reason> {
    let mut cx = Context::default();
    cx.enter(file, text);
    let tree = parse(text, &mut cx).filter(|_| !cx.problems.any_error());
    tree.ok_or_else(|| format!("`{file}` cannot be read"))
}

fn at<'n>(tree: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(tree, |node, key| node.get(key))
}

fn value_of<'n>(tree: &'n Node, path: &[&str], name: &str) -> Option<&'n str> {
    let variables = at(tree, path)?;
    match &variables.value {
        Value::Mapping(_) => variables.get(name)?.text(),
        Value::Sequence(items) => items.iter().find_map(|item| {
            let (key, value) = item.text()?.split_once('=')?;
            (key == name).then_some(value)
        }),
        Value::Scalar(..) => None,
    }
}

/// The tree as it shall be.
fn with(tree: &Node, path: &[&str], variable: &Variable) -> Node {
    let mut tree = tree.clone();
    let place = tree.place.clone();
    let mut node = &mut tree;
    for key in path {
        if node.is_null() {
            *node = Node::mapping(place.clone());
        }
        if node.get(key).is_none() {
            node.set(key, Node::mapping(place.clone()));
        }
        node = node.get_mut(key).expect("it was just set");
    }
    if node.is_null() {
        *node = Node::mapping(place.clone());
    }
    if let Value::Sequence(items) = &mut node.value {
        let item = format!("{}={}", variable.name, variable.value);
        items.push(Node::string(item, &place));
    } else {
        node.set(&variable.name, Node::string(&*variable.value, &place));
    }
    tree
}

/// Whether two trees say the same, wherever it stands.
fn same(a: &Node, b: &Node) -> bool {
    a.tag == b.tag
        && match (&a.value, &b.value) {
            (Value::Mapping(a), Value::Mapping(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| {
                        let other = key
                            .text()
                            .and_then(|key| b.iter().find(|(name, _)| name.text() == Some(key)));
                        other.is_some_and(|(_, other)| same(value, other))
                    })
            }
            (Value::Sequence(a), Value::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (a, b) => a == b,
        }
}

/// The new text; whether it says what it shall is for [`put`] to see.
fn insert(text: &str, tree: &Node, path: &[&str], variable: &Variable) -> Result<String, Reason> {
    let (mut node, mut key, mut depth) = (tree, tree, 0);
    while let Some(name) = path.get(depth) {
        let Some((found, value)) = entry(node, name) else {
            break;
        };
        (key, node, depth) = (found, value, depth + 1);
    }
    let rest = &path[depth..];
    let lines = Lines::of(text);
    let pair = format!("{}: {}", variable.name, quoted(&variable.value));
    match &node.value {
        Value::Sequence(_) if rest.is_empty() => {
            let item = quoted(&format!("{}={}", variable.name, variable.value));
            match lines.is_flow(node) {
                true => lines.append_in_flow(node, &item),
                false => Ok(lines.append(key, &[format!("- {item}")])),
            }
        }
        Value::Mapping(_) if lines.is_flow(node) => {
            lines.append_in_flow(node, &nested(rest, &pair))
        }
        Value::Mapping(_) => Ok(lines.append(key, &block(rest, &pair))),
        _ if node.is_null() => Ok(lines.append(key, &block(rest, &pair))),
        _ => Err(format!(
            "`{}` of `{}` is not a mapping",
            path[..depth].join("."),
            variable.service
        )),
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<(&'n Node, &'n Node)> {
    let entries = node.as_mapping()?.iter();
    let mut found = entries.filter(|(key, _)| key.text() == Some(name));
    found.next().map(|(key, value)| (key, value))
}

/// `a:`, `  b:`, `    NAME: value`.
fn block(keys: &[&str], pair: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (depth, key) in keys.iter().enumerate() {
        lines.push(format!("{}{key}:", "  ".repeat(depth)));
    }
    lines.push(format!("{}{pair}", "  ".repeat(keys.len())));
    lines
}

/// `a: {b: {NAME: value}}`.
fn nested(keys: &[&str], pair: &str) -> String {
    keys.iter()
        .rev()
        .fold(pair.to_owned(), |inner, key| format!("{key}: {{{inner}}}"))
}

/// A double-quoted YAML scalar; JSON's escapes are YAML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The lines of a file.
struct Lines<'t> {
    text: &'t str,
    lines: Vec<&'t str>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            lines: text.split_inclusive('\n').collect(),
        }
    }

    /// Byte at which `node` begins.
    fn start(&self, node: &Node) -> usize {
        let before = &self.lines[..(node.place.line as usize - 1).min(self.lines.len())];
        let line = self.lines.get(before.len()).copied().unwrap_or_default();
        let inside = line.char_indices().nth(node.place.column as usize - 1);
        before.iter().map(|line| line.len()).sum::<usize>()
            + inside.map_or(line.len(), |(at, _)| at)
    }

    fn is_flow(&self, node: &Node) -> bool {
        self.text[self.start(node)..].starts_with(['{', '['])
    }

    /// The text with `added` at the end of the block below `key`, as deep as what is there.
    fn append(&self, key: &Node, added: &[String]) -> String {
        let own = key.place.column as usize - 1;
        let first = key.place.line as usize;
        let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let written = |line: &str| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        };
        // `- x` may stand as deep as the key of its list.
        let dashes = added.len() == 1 && added[0].starts_with("- ");
        let inside = |line: &str| {
            indent(line) > own
                || (dashes && indent(line) == own && line.trim_start().starts_with('-'))
        };
        let mut end = first;
        let mut depth = None;
        for (number, line) in self.lines.iter().enumerate().skip(first) {
            if !written(line) {
                continue;
            }
            if !inside(line) {
                break;
            }
            depth.get_or_insert(indent(line));
            end = number + 1;
        }
        let depth = " ".repeat(depth.unwrap_or(own + 2));
        let newline = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let mut text: String = self.lines[..end].concat();
        if !text.ends_with('\n') {
            text.push_str(newline);
        }
        for line in added {
            text.push_str(&format!("{depth}{line}{newline}"));
        }
        text.push_str(&self.lines[end..].concat());
        text
    }

    /// The text with `entry` before the bracket that closes `node`.
    fn append_in_flow(&self, node: &Node, entry: &str) -> Result<String, Reason> {
        let start = self.start(node);
        let close = closing(&self.text[start..])
            .map(|at| start + at)
            .ok_or_else(|| "a bracket is not closed".to_owned())?;
        let before = self.text[..close].trim_end();
        let comma = if before.ends_with(['{', '[', ',']) {
            ""
        } else {
            ", "
        };
        let space = if before.ends_with(',') { " " } else { "" };
        Ok(format!(
            "{before}{comma}{space}{entry}{}",
            &self.text[before.len()..]
        ))
    }
}

/// Byte of the bracket that closes the one `text` begins with.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), c) if c == open && !escaped => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        escaped = false;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROD: &[&str] = &["x-envsim", "prod", "environment"];

    fn variable(value: &str) -> Variable {
        Variable {
            file: "compose.yaml".to_owned(),
            service: "web".to_owned(),
            name: "DB_URL".to_owned(),
            value: value.to_owned(),
        }
    }

    #[track_caller]
    fn becomes(before: &str, below: &[&str], after: &str) {
        let new = put(before, below, &variable("pg://127.0.0.1/x"));
        assert_eq!(new.as_deref(), Ok(after));
    }

    #[test]
    fn keys_that_are_not_there_are_made_at_the_end_of_the_service() {
        becomes(
            "services:\n  web:\n    image: x # the app\n\n  # the data\n  db:\n    image: y\n",
            PROD,
            "services:\n  web:\n    image: x # the app\n    x-envsim:\n      prod:\n        environment:\n          DB_URL: \"pg://127.0.0.1/x\"\n\n  # the data\n  db:\n    image: y\n",
        );
    }

    #[test]
    fn keys_that_are_there_are_used_however_they_are_written() {
        becomes(
            "services:\n    web:\n        x-envsim:\n            prod: {environment: {A: '}'}}\n        image: x\n",
            PROD,
            "services:\n    web:\n        x-envsim:\n            prod: {environment: {A: '}', DB_URL: \"pg://127.0.0.1/x\"}}\n        image: x\n",
        );
        becomes(
            "services:\n  web:\n    environment:\n    - A=1\n    image: x",
            &["environment"],
            "services:\n  web:\n    environment:\n    - A=1\n    - \"DB_URL=pg://127.0.0.1/x\"\n    image: x",
        );
        becomes(
            "services:\n  web:\n    environment: [A=1, 'B=]' ]\n",
            &["environment"],
            "services:\n  web:\n    environment: [A=1, 'B=]', \"DB_URL=pg://127.0.0.1/x\" ]\n",
        );
        becomes(
            "services:\n  web:\n    environment: []\n",
            &["environment"],
            "services:\n  web:\n    environment: [\"DB_URL=pg://127.0.0.1/x\"]\n",
        );
        becomes(
            "services: {web: {image: x}}\n",
            &["environment"],
            "services: {web: {image: x, environment: {DB_URL: \"pg://127.0.0.1/x\"}}}\n",
        );
        becomes(
            "services:\r\n  web:\r\n    environment:\r\n    image: x\r\n",
            &["environment"],
            "services:\r\n  web:\r\n    environment:\r\n      DB_URL: \"pg://127.0.0.1/x\"\r\n    image: x\r\n",
        );
    }

    #[test]
    fn what_other_services_share_is_not_changed() {
        let shared = "x-env: &env\n  A: 1\nservices:\n  web:\n    environment: *env\n  job:\n    environment: *env\n";
        assert!(put(shared, &["environment"], &variable("x")).is_err());
        becomes(
            "x-env: &env\n  A: 1\nservices:\n  web:\n    environment:\n      <<: *env\n",
            &["environment"],
            "x-env: &env\n  A: 1\nservices:\n  web:\n    environment:\n      <<: *env\n      DB_URL: \"pg://127.0.0.1/x\"\n",
        );
    }

    #[test]
    fn a_value_that_is_there_already_stays() {
        let text = "services:\n  web:\n    environment:\n      DB_URL: a\n";
        assert_eq!(
            put(text, &["environment"], &variable("a")).as_deref(),
            Ok(text)
        );
        assert!(put(text, &["environment"], &variable("b")).is_err());
        assert_eq!(written(text, "c", "web", "DB_URL").as_deref(), Some("a"));
    }
}
