//! The graph of a document to a tree: aliases become copies, merges become entries.

use std::collections::HashSet;

use super::graph::{Graph, Id, Raw, Shape};
use crate::compose::{Context, Kind, Node, Place, Value};

/// The tree of the document `root`.
pub fn build(graph: &Graph, root: Id, cx: &Context) -> Node {
    let tree = Tree { graph, cx };
    tree.node(root)
        .unwrap_or_else(|| Node::null(&tree.place(graph.get(root))))
}

struct Tree<'a, 't> {
    graph: &'a Graph<'t>,
    cx: &'a Context,
}

impl Tree<'_, '_> {
    /// The value `id`; none for `<<`, which Compose leaves out where it is a value.
    fn node(&self, id: Id) -> Option<Node> {
        let raw = self.graph.get(self.graph.target(id));
        let value = match &raw.shape {
            // What `!reset` stands before is not read, whatever it is.
            _ if raw.tag.as_deref() == Some("reset") => Value::Scalar(String::new(), Kind::Null),
            Shape::Scalar(text, kind) => Value::Scalar(text.clone(), *kind),
            Shape::Sequence(items) => Value::Sequence(self.items(items)),
            Shape::Mapping(entries) => Value::Mapping(self.entries(entries)),
            Shape::Merge | Shape::Alias(_) => return None,
        };
        Some(Node {
            value,
            place: self.place(raw),
            tag: raw.tag.as_deref().map(str::to_owned),
        })
    }

    fn items(&self, items: &[Id]) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(items.len());
        // Compose takes an item with `!reset` out of its list.
        let kept = items.iter().filter(|item| !self.graph.is_reset(**item));
        nodes.extend(kept.filter_map(|item| self.node(*item)));
        nodes
    }

    fn entries(&self, written: &[(Id, Id)]) -> Vec<(Node, Node)> {
        let mut entries = Vec::with_capacity(written.len());
        let merges = written.iter().any(|(key, _)| self.is_merge(*key));
        let mut known = HashSet::new();
        self.collect(written, merges, &mut known, &mut entries);
        entries
    }

    /// Adds the entries of a mapping that are not known yet, and then those that it merges: its own
    /// win, and of several sources the first.
    fn collect<'a>(
        &'a self,
        written: &'a [(Id, Id)],
        merges: bool,
        known: &mut HashSet<&'a str>,
        entries: &mut Vec<(Node, Node)>,
    ) {
        for (key, value) in written {
            let text = self.key_text(*key);
            let fresh = !merges || known.insert(text);
            if !fresh || self.is_merge(*key) {
                // An own `!reset` takes nothing away from what is merged; with it the merged value
                // replaces what earlier documents say.
                let own = entries.iter_mut().find(|(key, _)| key.text() == Some(text));
                if let Some((_, own)) = own.filter(|(_, own)| own.tag.as_deref() == Some("reset"))
                    && let Some(merged) = self.node(*value)
                {
                    let tag = Some("override".to_owned());
                    *own = Node { tag, ..merged };
                }
                continue;
            }
            if let (Some(key), Some(value)) = (self.node(*key), self.node(*value)) {
                entries.push((key, value));
            }
        }
        for (_, source) in written.iter().filter(|(key, _)| self.is_merge(*key)) {
            self.merge(*source, known, entries);
        }
    }

    fn merge<'a>(
        &'a self,
        source: Id,
        known: &mut HashSet<&'a str>,
        entries: &mut Vec<(Node, Node)>,
    ) {
        if self.graph.is_reset(source) {
            return;
        }
        match &self.graph.get(self.graph.target(source)).shape {
            Shape::Mapping(written) => self.collect(written, true, known, entries),
            Shape::Sequence(sources) => {
                for source in sources {
                    self.merge(*source, known, entries);
                }
            }
            _ => {}
        }
    }

    fn is_merge(&self, key: Id) -> bool {
        matches!(self.graph.get(key).shape, Shape::Merge)
    }

    fn key_text(&self, key: Id) -> &str {
        match &self.graph.get(self.graph.target(key)).shape {
            Shape::Scalar(text, _) => text,
            _ => "<<",
        }
    }

    fn place(&self, raw: &Raw) -> Place {
        let (start, end) = (raw.start, raw.end);
        let line = start.shown_line as usize;
        let last = match start.shown_line == end.shown_line {
            true => end.shown_column as usize,
            false => self.cx.line_length(line),
        };
        self.cx.place(line, start.shown_column as usize, last)
    }
}
