//! YAML text to a [`Node`] tree: anchors, merge keys, duplicate keys, and limits against bombs.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Context, Kind, Node, Place, Value, scalar};

/// Nodes that a file may have after its aliases are expanded. A large real project has some
/// thousands; nested aliases reach this at once.
const MAX_NODES: usize = 200_000;
/// Nesting that a file may have.
const MAX_DEPTH: usize = 128;

/// One collection under construction.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value, in a mapping.
    key: Option<Node>,
    /// Sources of `<<`, applied when the mapping is complete: own keys win.
    merges: Vec<Node>,
}

/// Reads the first document of `text`. An empty file is an empty mapping.
///
/// Problems go to `cx`; none is returned only when the file cannot be used at all.
pub fn parse(text: &str, cx: &mut Context) -> Option<Node> {
    let mut parser = Parser::new_from_str(text);
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Node> = HashMap::new();
    let mut root: Option<Node> = None;
    let mut nodes = 0usize;

    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok(pair) => pair,
            Err(error) => {
                let marker = error.marker();
                let place = cx.place(marker.line(), marker.col(), marker.col() + 1);
                cx.error(&place, format!("invalid YAML: {}", error.info()));
                return None;
            }
        };
        let place = place_of(&span, cx);
        let done = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.suffix.clone());
                // `!!str 5` is text although it is written without quotes.
                let plain = style == ScalarStyle::Plain && tag.as_deref() != Some("str");
                let (text, kind) = match plain {
                    true => scalar::resolve(&text),
                    false => (text.into_owned(), Kind::Text),
                };
                let mut node = Node::scalar(text, kind, place);
                node.tag = tag;
                nodes += 1;
                remember(&mut anchors, anchor, &node);
                Some(node)
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if stack.len() >= MAX_DEPTH =>
            {
                let _ = (anchor, tag);
                cx.error(&place, format!("nested more than {MAX_DEPTH} levels deep"));
                return None;
            }
            Event::SequenceStart(anchor, tag) => {
                stack.push(open(Value::Sequence(Vec::new()), place, anchor, tag));
                None
            }
            Event::MappingStart(anchor, tag) => {
                stack.push(open(Value::Mapping(Vec::new()), place, anchor, tag));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => stack.pop().map(|open| {
                let node = close(open, cx);
                nodes += 1;
                if let Some((anchor, node)) = node.1 {
                    remember(&mut anchors, anchor, &node);
                }
                node.0
            }),
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(node) => {
                    nodes += count(node);
                    Some(node.clone())
                }
                None => {
                    cx.error(&place, "this alias refers to itself or to nothing");
                    return None;
                }
            },
            Event::DocumentStart(_) if root.is_some() => {
                cx.warn(&place, "a second YAML document begins here; it is not read");
                return root;
            }
            _ => None,
        };
        if nodes > MAX_NODES {
            cx.error(
                &cx.place(1, 0, 0),
                format!("the file has more than {MAX_NODES} values once its aliases are expanded"),
            );
            return None;
        }
        if let Some(node) = done {
            match stack.last_mut() {
                None => root = Some(node),
                Some(open) => put(open, node, cx),
            }
        }
    }
    Some(root.unwrap_or_else(|| Node::mapping(cx.place(1, 0, 0))))
}

fn place_of(span: &Span, cx: &Context) -> Place {
    let end = if span.end.line() == span.start.line() {
        span.end.col().max(span.start.col())
    } else {
        cx.line_length(span.start.line())
    };
    cx.place(span.start.line(), span.start.col(), end)
}

fn open(
    value: Value,
    place: Place,
    anchor: usize,
    tag: Option<std::borrow::Cow<'_, saphyr_parser::Tag>>,
) -> Open {
    Open {
        node: Node {
            value,
            place,
            tag: tag.map(|tag| tag.suffix.clone()),
        },
        anchor,
        key: None,
        merges: Vec::new(),
    }
}

fn remember(anchors: &mut HashMap<usize, Node>, anchor: usize, node: &Node) {
    if anchor > 0 {
        anchors.insert(anchor, node.clone());
    }
}

/// Adds a finished node to the collection it belongs to.
fn put(open: &mut Open, node: Node, cx: &mut Context) {
    let entries = match &mut open.node.value {
        Value::Sequence(items) => return items.push(node),
        Value::Mapping(entries) => entries,
        Value::Scalar(..) => return,
    };
    let Some(key) = open.key.take() else {
        if node.text().is_none() {
            cx.error(&node.place, "a key must be a scalar");
        }
        open.key = Some(node);
        return;
    };
    match key.text() {
        Some("<<") => match node.value {
            Value::Sequence(items) => open.merges.extend(items),
            _ => open.merges.push(node),
        },
        Some(text) => match entries.iter().find(|(known, _)| known.text() == Some(text)) {
            Some((first, _)) => {
                let line = first.place.line;
                let message = format!("`{text}` is given twice; it already stands on line {line}");
                cx.error(&key.place, message);
            }
            None => entries.push((key, node)),
        },
        None => {}
    }
}

/// Finishes a collection; also gives back what its anchor stands for.
fn close(open: Open, cx: &mut Context) -> (Node, Option<(usize, Node)>) {
    let mut node = open.node;
    if let Value::Mapping(entries) = &mut node.value {
        for merge in open.merges {
            let Value::Mapping(others) = merge.value else {
                cx.error(&merge.place, "`<<` takes a mapping or a list of mappings");
                continue;
            };
            for (key, value) in others {
                if !entries.iter().any(|(known, _)| known.text() == key.text()) {
                    entries.push((key, value));
                }
            }
        }
    }
    let anchored = (open.anchor > 0).then(|| (open.anchor, node.clone()));
    (node, anchored)
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(..) => 1,
        Value::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Mapping(entries) => 1 + entries.iter().map(|(_, v)| 1 + count(v)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Vec<String>) {
        let mut cx = Context::default();
        cx.enter("compose.yaml", text);
        let node = parse(text, &mut cx);
        let messages = cx.problems.0.iter().map(|p| {
            let place = p
                .place
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("{place} {}", p.message)
        });
        (node, messages.collect())
    }

    #[test]
    fn a_merge_key_adds_what_the_mapping_does_not_have() {
        let (node, problems) = read("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n");
        let b = node.unwrap().get("b").cloned().unwrap();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(b.get("x").unwrap().text(), Some("3"));
        assert_eq!(b.get("y").unwrap().text(), Some("2"));
    }

    #[test]
    fn a_key_given_twice_is_an_error_at_the_second() {
        let (_, problems) = read("a: 1\nb: 2\na: 3\n");
        assert_eq!(
            problems,
            ["compose.yaml:3:1 `a` is given twice; it already stands on line 1"]
        );
    }

    #[test]
    fn nested_aliases_do_not_fill_the_memory() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..40 {
            let previous = n - 1;
            let items = vec![format!("*a{previous}"); 10].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{items}]\n"));
        }
        let (node, problems) = read(&text);
        assert!(node.is_none());
        assert!(problems[0].contains("once its aliases are expanded"));
    }

    #[test]
    fn bad_yaml_names_line_and_column() {
        let (node, problems) = read("services:\n  web:\n   - a\n  b: [\n");
        assert!(node.is_none());
        assert!(problems[0].starts_with("compose.yaml:"), "{problems:?}");
    }

    #[test]
    fn a_scalar_knows_its_columns() {
        let (node, _) = read("services:\n  web:\n    image: \"nginx:1\"\n");
        let node = node.unwrap();
        let image = node
            .get("services")
            .unwrap()
            .get("web")
            .unwrap()
            .get("image")
            .unwrap();
        assert_eq!(
            (image.place.line, image.place.column, image.place.end_column),
            (3, 12, 21)
        );
        let tag = image.place_within(6..7);
        assert_eq!((tag.column, tag.end_column), (19, 20));
    }
}
