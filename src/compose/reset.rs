//! `!reset` and `!override`: what a later document takes away.
//!
//! Source: Compose Specification, "Merge", "Reset value" and "Replace value". A value with either
//! tag removes what earlier documents say at its place; one with `!reset` is itself nothing.

use super::path::KeyPath;
use super::{Node, Value};

/// The places that a document resets.
#[derive(Clone, Debug, Default)]
pub struct Resets(Vec<KeyPath>);

impl Resets {
    /// Takes the values with `!reset` out of `document` and notes where they and the values with
    /// `!override` stand.
    pub fn take(document: &mut Node) -> Self {
        let mut resets = Self::default();
        resets.walk(document, &mut KeyPath::default());
        resets
    }

    fn walk(&mut self, node: &mut Node, path: &mut KeyPath) {
        match &mut node.value {
            Value::Mapping(entries) => entries.retain_mut(|(key, value)| {
                path.push(key.text().unwrap_or_default());
                let keep = self.keep(value, path);
                path.pop();
                keep
            }),
            // An item of a list has no place that an earlier list could share.
            Value::Sequence(items) => items.retain_mut(|item| {
                path.push("[]");
                let keep = item.tag.as_deref() != Some("reset") && {
                    self.walk(item, path);
                    true
                };
                path.pop();
                keep
            }),
            Value::Scalar(..) => {}
        }
    }

    fn keep(&mut self, value: &mut Node, path: &mut KeyPath) -> bool {
        match value.tag.as_deref() {
            Some("reset") => {
                self.0.push(path.clone());
                false
            }
            Some("override") => {
                self.0.push(path.clone());
                value.tag = None;
                true
            }
            _ => {
                self.walk(value, path);
                true
            }
        }
    }

    /// Removes the noted places from what earlier documents say.
    pub fn apply(&self, earlier: &mut Node) {
        for path in &self.0 {
            remove(earlier, path.keys());
        }
    }

    /// Removes the noted places from one resource: the service that is extended, or what an
    /// included file says under the same name.
    pub fn apply_to(&self, resource: &mut Node, section: &str, name: &str) {
        for path in &self.0 {
            if let [first, second, rest @ ..] = path.keys()
                && first == section
                && second == name
                && !rest.is_empty()
            {
                remove(resource, rest);
            }
        }
    }
}

fn remove(node: &mut Node, keys: &[String]) {
    match keys {
        [] => {}
        [last] => {
            node.remove(last);
        }
        [first, rest @ ..] => {
            if let Some(child) = node.get_mut(first) {
                remove(child, rest);
            }
        }
    }
}
