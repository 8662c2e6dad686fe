//! The keys of one mapping: each is read once, and what is not written has its default.

use indexmap::IndexMap;

use super::{Context, Node};
use crate::app::At;

/// A mapping that is read key by key.
pub struct Keys<'a> {
    node: &'a Node,
    cx: &'a mut Context,
}

impl<'a> Keys<'a> {
    /// The keys of `node`; problems go to `cx`.
    pub fn of(node: &'a Node, cx: &'a mut Context) -> Self {
        Self { node, cx }
    }

    /// What `with` makes of the value under `key`.
    pub fn read<T: Default>(
        &mut self,
        key: &str,
        with: impl FnOnce(&'a Node, &mut Context) -> T,
    ) -> T {
        let written = self.node.get(key);
        written.map_or_else(T::default, |value| with(value, self.cx))
    }

    /// The same, where null is as good as nothing.
    fn given<T: Default>(
        &mut self,
        key: &str,
        with: impl FnOnce(&'a Node, &mut Context) -> T,
    ) -> T {
        self.read(key, |value, cx| match value.is_null() {
            true => T::default(),
            false => with(value, cx),
        })
    }

    /// A scalar as it is written.
    pub fn text(&self, key: &str) -> Option<String> {
        self.node.get(key).and_then(Node::text).map(str::to_owned)
    }

    /// True when the value is `true`.
    pub fn is_set(&self, key: &str) -> bool {
        self.node.get(key).and_then(Node::text) == Some("true")
    }

    /// A text with its place.
    pub fn text_at(&mut self, key: &str) -> Option<At<String>> {
        self.given(key, |value, cx| cx.string_at(value, &quoted(key)))
    }

    /// A size in bytes.
    pub fn bytes(&mut self, key: &str) -> Option<i64> {
        self.given(key, |value, cx| cx.bytes(value, &quoted(key)))
    }

    /// A text or a list of texts.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.read(key, |list, cx| cx.plain_strings(list, &quoted(key)))
    }

    /// A mapping of texts, or a list of `KEY=value`.
    pub fn pairs(&mut self, key: &str) -> IndexMap<String, String> {
        self.read(key, |map, cx| cx.text_pairs(map, &quoted(key)))
    }

    /// A command line or its words.
    pub fn words(&mut self, key: &str) -> Option<At<Vec<String>>> {
        self.read(key, |words, cx| cx.words(words, &quoted(key)))
    }
}

fn quoted(key: &str) -> String {
    format!("`{key}`")
}
