//! Reading typed scalars and simple lists out of nodes.

use std::time::Duration;

use indexmap::IndexMap;

use super::{Context, Node, Value};
use crate::app::{At, Place};
use crate::compose::quantity;

impl Context {
    /// Text; a number or boolean is taken as it is written.
    pub fn string(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Value::Scalar(text, _) if !node.is_null() => Some(text.clone()),
            _ => {
                self.wrong(node, what, "a string");
                None
            }
        }
    }

    /// Text with its place.
    pub fn string_at(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        let value = self.string(node, what)?;
        let place = node.place.clone();
        Some(At { value, place })
    }

    /// `true` or `false`; also in quotes, as an interpolated value is.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.text() {
            Some("true" | "True" | "TRUE" | "yes" | "on" | "y") => Some(true),
            Some("false" | "False" | "FALSE" | "no" | "off" | "n") => Some(false),
            _ => {
                self.wrong(node, what, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number from 0.
    pub fn integer<T: std::str::FromStr>(&mut self, node: &Node, what: &str) -> Option<T> {
        match node.text().and_then(|text| text.parse().ok()) {
            Some(number) => Some(number),
            None => {
                self.wrong(node, what, "a whole number");
                None
            }
        }
    }

    /// A duration: `1m30s`, `500ms`, `1h`, or a number of seconds is refused as Compose does.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        match node.text().and_then(quantity::duration) {
            Some(duration) => Some(duration),
            None => {
                self.wrong(node, what, "a duration such as `30s` or `1m30s`");
                None
            }
        }
    }

    /// A size in bytes: `64m`, `1.5gb`, `1024`; -1 for no limit.
    pub fn bytes(&mut self, node: &Node, what: &str) -> Option<i64> {
        match node.text().and_then(quantity::bytes) {
            Some(bytes) => Some(bytes),
            None => {
                self.wrong(node, what, "a size such as `64m` or `1gb`");
                None
            }
        }
    }

    /// A string or a list of strings.
    pub fn strings(&mut self, node: &Node, what: &str) -> Vec<At<String>> {
        match &node.value {
            Value::Sequence(items) => items
                .iter()
                .filter_map(|item| self.string_at(item, what))
                .collect(),
            _ if node.is_null() => Vec::new(),
            _ => self.string_at(node, what).into_iter().collect(),
        }
    }

    /// The same without places.
    pub fn plain_strings(&mut self, node: &Node, what: &str) -> Vec<String> {
        let strings = self.strings(node, what);
        strings.into_iter().map(|item| item.value).collect()
    }

    /// `command` and `entrypoint`: a list, or a string that is split as a shell splits words
    /// (no shell runs it). Null leaves the image's own.
    pub fn words(&mut self, node: &Node, what: &str) -> Option<At<Vec<String>>> {
        let place = node.place.clone();
        let value = match &node.value {
            _ if node.is_null() => return None,
            Value::Scalar(text, _) => match crate::compose::words(text) {
                Some(words) => words,
                None => {
                    self.error(&place, format!("{what} has a quote that is not closed"));
                    return None;
                }
            },
            _ => self.plain_strings(node, what),
        };
        Some(At { value, place })
    }

    /// A mapping `KEY: value`, or a list of `KEY=value`; `KEY` alone has no value.
    /// The place is the value's.
    pub fn pairs(&mut self, node: &Node, what: &str) -> IndexMap<String, At<Option<String>>> {
        let mut pairs = IndexMap::new();
        match &node.value {
            _ if node.is_null() => {}
            Value::Mapping(entries) => {
                for (key, value) in entries {
                    let Some(name) = key.text() else { continue };
                    let (text, place) = match &value.value {
                        _ if value.is_null() => (None, key.place.clone()),
                        Value::Scalar(text, _) => (Some(text.clone()), value.place.clone()),
                        _ => {
                            self.wrong(value, &format!("`{name}` of {what}"), "a string");
                            continue;
                        }
                    };
                    pairs.insert(name.to_owned(), At { value: text, place });
                }
            }
            Value::Sequence(items) => {
                for item in items {
                    let Some(text) = self.string(item, what) else {
                        continue;
                    };
                    let (name, value) = split_pair(item, &text);
                    pairs.insert(name, value);
                }
            }
            Value::Scalar(..) => self.wrong(node, what, "a mapping or a list of `KEY=value`"),
        }
        pairs
    }

    /// [`Self::pairs`] where a missing value is empty text.
    pub fn text_pairs(&mut self, node: &Node, what: &str) -> IndexMap<String, String> {
        let pairs = self.pairs(node, what).into_iter();
        pairs
            .map(|(name, value)| (name, value.value.unwrap_or_default()))
            .collect()
    }

    /// The entries of a mapping with text keys; an error for anything else.
    pub fn entries<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
    ) -> Vec<(&'a str, &'a Place, &'a Node)> {
        match &node.value {
            Value::Mapping(entries) => entries
                .iter()
                .filter_map(|(key, value)| Some((key.text()?, &key.place, value)))
                .collect(),
            _ if node.is_null() => Vec::new(),
            _ => {
                self.wrong(node, what, "a mapping");
                Vec::new()
            }
        }
    }

    /// The items of a list; an error for anything else.
    pub fn items<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match &node.value {
            Value::Sequence(items) => items,
            _ if node.is_null() => &[],
            _ => {
                self.wrong(node, what, "a list");
                &[]
            }
        }
    }

    /// Notes that `node` has the wrong type.
    pub fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let kind = node.kind();
        let shown = match node.text() {
            Some(text) if !node.is_null() && text.len() < 40 => format!("{kind}, `{text}`"),
            _ => kind.to_owned(),
        };
        self.error(
            &node.place,
            format!("{what} must be {expected}, not {shown}"),
        );
    }
}

/// Splits `KEY=value`; the place is the value's, or the key's when there is none.
pub fn split_pair(item: &Node, text: &str) -> (String, At<Option<String>>) {
    match text.split_once('=') {
        Some((name, value)) => {
            let place = item.place_within(name.len() + 1..text.len());
            let value = Some(value.to_owned());
            (name.to_owned(), At { value, place })
        }
        None => {
            let place = item.place.clone();
            (text.to_owned(), At { value: None, place })
        }
    }
}
