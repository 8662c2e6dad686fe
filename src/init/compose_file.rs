//! A small writer of YAML for people: comments, blank lines, and quotes only where they are needed.

mod quote;

use std::fmt::Write;

use crate::compose::quote::printable;

/// Lists of plain words up to this column stay on one line.
const WIDTH: usize = 100;

/// A value of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Yaml {
    /// Text that Compose interpolates: `$$` is a dollar sign.
    Text(String),
    /// A number or a boolean.
    Plain(String),
    /// Text of several lines, written as it is; Compose interpolates it too.
    Block(String),
    /// One item a line.
    List(Vec<Item>),
    /// Words on one line, as far as they fit; interpolated like [`Yaml::Text`].
    Words(Vec<String>),
    Map(Map),
    /// A value that [`Yaml::Alias`] can repeat.
    Anchor(&'static str, Box<Yaml>),
    Alias(&'static str),
    /// A key without a value.
    Nothing,
}

/// An item of a list and the comment above it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub comment: Vec<String>,
    pub value: Yaml,
}

/// A mapping in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Vec<Entry>);

/// A key with its value, and what stands above it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    key: String,
    value: Yaml,
    comment: Vec<String>,
    gap: bool,
}

impl Entry {
    /// Adds a comment above the key.
    pub fn comment(&mut self, text: impl Into<String>) -> &mut Self {
        self.comment.push(text.into());
        self
    }

    /// Leaves a line free above the key.
    pub fn gap(&mut self) -> &mut Self {
        self.gap = true;
        self
    }
}

impl Map {
    /// Adds a key at the end, or gives the one that is there another value.
    pub fn put(&mut self, key: impl Into<String>, value: impl Into<Yaml>) -> &mut Entry {
        let (key, value) = (key.into(), value.into());
        let at = match self.0.iter().position(|entry| entry.key == key) {
            Some(at) => {
                self.0[at].value = value;
                at
            }
            None => {
                self.0.push(Entry {
                    key,
                    value,
                    comment: Vec::new(),
                    gap: false,
                });
                self.0.len() - 1
            }
        };
        &mut self.0[at]
    }

    /// Adds a key unless `value` has nothing in it.
    pub fn put_some(&mut self, key: &str, value: impl Into<Yaml>) {
        let value = value.into();
        let empty = match &value {
            Yaml::List(items) => items.is_empty(),
            Yaml::Words(words) => words.is_empty(),
            Yaml::Map(map) => map.is_empty(),
            _ => false,
        };
        if !empty {
            self.put(key, value);
        }
    }

    /// The mapping under `key`, made when it is not there.
    pub fn map(&mut self, key: &str) -> &mut Map {
        if !matches!(self.get(key), Some(Yaml::Map(_))) {
            self.put(key, Map::default());
        }
        let entry = self.0.iter_mut().find(|entry| entry.key == key);
        match entry.map(|entry| &mut entry.value) {
            Some(Yaml::Map(map)) => map,
            _ => unreachable!("a mapping was put there"),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Yaml> {
        let entry = self.0.iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.value)
    }

    /// Puts these keys first, in this order.
    pub fn order(&mut self, keys: &[&str]) {
        let place = |entry: &Entry| keys.iter().position(|key| *key == entry.key);
        self.0
            .sort_by_key(|entry| place(entry).unwrap_or(keys.len()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Yaml {
    /// Text without anything to interpolate: its dollar signs are its own.
    pub fn literal(text: &str) -> Self {
        Self::Text(text.replace('$', "$$"))
    }

    /// Words without anything to interpolate.
    pub fn literal_words<T: AsRef<str>>(words: &[T]) -> Self {
        let words = words.iter().map(|word| word.as_ref().replace('$', "$$"));
        Self::Words(words.collect())
    }

    /// A number or a boolean.
    pub fn plain(value: impl ToString) -> Self {
        Self::Plain(value.to_string())
    }
}

impl From<Map> for Yaml {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<Vec<Yaml>> for Yaml {
    fn from(values: Vec<Yaml>) -> Self {
        Self::List(values.into_iter().map(Item::from).collect())
    }
}

impl From<bool> for Yaml {
    fn from(value: bool) -> Self {
        Self::plain(value)
    }
}

impl From<i64> for Yaml {
    fn from(value: i64) -> Self {
        Self::plain(value)
    }
}

impl From<Yaml> for Item {
    fn from(value: Yaml) -> Self {
        Self {
            comment: Vec::new(),
            value,
        }
    }
}

/// The whole file: a comment, then the mapping.
pub fn write(comment: &[String], root: &Map) -> String {
    let mut out = String::new();
    comments(&mut out, comment, 0);
    if !comment.is_empty() {
        out.push('\n');
    }
    map(&mut out, root, 0);
    out
}

fn map(out: &mut String, map: &Map, indent: usize) {
    for (index, entry) in map.0.iter().enumerate() {
        if entry.gap && index > 0 {
            out.push('\n');
        }
        comments(out, &entry.comment, indent);
        let _ = write!(out, "{:indent$}{}:", "", quote::quoted(&entry.key));
        value(out, &entry.value, indent);
    }
}

/// What follows a key and its colon, to the end of the last line.
fn value(out: &mut String, value_: &Yaml, indent: usize) {
    match value_ {
        Yaml::Nothing => out.push('\n'),
        Yaml::Text(text) => {
            let _ = writeln!(out, " {}", quote::quoted(text));
        }
        Yaml::Plain(text) => {
            let _ = writeln!(out, " {text}");
        }
        Yaml::Block(text) if quote::fits_a_block(text) => block(out, text, indent + 2),
        Yaml::Block(text) => value(out, &Yaml::Text(text.clone()), indent),
        Yaml::Alias(name) => {
            let _ = writeln!(out, " *{name}");
        }
        Yaml::Anchor(name, inner) => {
            let _ = write!(out, " &{name}");
            value(out, inner, indent);
        }
        Yaml::Words(words) => match flow(words) {
            Some(line) if line.len() + indent < WIDTH => {
                let _ = writeln!(out, " {line}");
            }
            _ => {
                let items = words.iter().map(|word| Yaml::Text(word.clone()).into());
                value(out, &Yaml::List(items.collect()), indent);
            }
        },
        Yaml::List(items) if items.is_empty() => out.push_str(" []\n"),
        Yaml::List(items) => {
            out.push('\n');
            items.iter().for_each(|one| item(out, one, indent + 2));
        }
        Yaml::Map(inner) if inner.is_empty() => out.push_str(" {}\n"),
        Yaml::Map(inner) => {
            out.push('\n');
            map(out, inner, indent + 2);
        }
    }
}

fn item(out: &mut String, item: &Item, indent: usize) {
    comments(out, &item.comment, indent);
    let mut text = String::new();
    match &item.value {
        Yaml::Map(inner) if !inner.is_empty() => map(&mut text, inner, indent + 2),
        other => value(&mut text, other, indent),
    }
    // A mapping begins on the line of the dash; a scalar brings its own space.
    let _ = write!(out, "{:indent$}- {}", "", text.trim_start_matches(' '));
}

fn block(out: &mut String, text: &str, indent: usize) {
    out.push_str(" |\n");
    for line in text.lines() {
        if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    }
}

fn flow(words: &[String]) -> Option<String> {
    if words.iter().any(|word| word.contains('\n')) {
        return None;
    }
    let words: Vec<_> = words.iter().map(|word| quote::in_flow(word)).collect();
    Some(format!("[{}]", words.join(", ")))
}

/// Comment lines, wrapped between words; what YAML forbids in a comment is left out.
fn comments(out: &mut String, texts: &[String], indent: usize) {
    for paragraph in texts.iter().flat_map(|text| text.lines()) {
        let mut line = String::new();
        let clean: String = paragraph
            .chars()
            .map(|c| if printable(c) { c } else { ' ' })
            .collect();
        for word in clean.split_whitespace() {
            if !line.is_empty() && indent + line.chars().count() + word.chars().count() > WIDTH {
                let _ = writeln!(out, "{:indent$}#{line}", "");
                line.clear();
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(out, "{:indent$}#{line}", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Context, Kind, Node, Value, interpolate, parse};
    use proptest::prelude::*;

    /// The file as envsim and Compose would understand it.
    fn read(text: &str) -> Node {
        let mut cx = Context::default();
        cx.enter("compose.yaml", text);
        let mut node = parse(text, &mut cx).unwrap_or_else(|| panic!("{text}"));
        interpolate::interpolate(&mut node, &|_| None, &mut cx);
        assert!(cx.problems.0.is_empty(), "{text}\n{:?}", cx.problems);
        node
    }

    fn text_at(node: &Node, key: &str) -> String {
        match node.get(key).map(|node| &node.value) {
            Some(Value::Scalar(text, Kind::Text)) => text.clone(),
            other => panic!("{key}: {other:?}"),
        }
    }

    #[test]
    fn a_file_reads_as_a_person_would_write_it() {
        let mut root = Map::default();
        root.put("name", Yaml::literal("shop"));
        let services = root.map("services");
        let mut web = Map::default();
        web.put("command", Yaml::literal_words(&["node", "a, b", "$HOME"]))
            .comment("the main process");
        web.put("ports", vec![Yaml::literal("127.0.0.1:80:80")]);
        let mut rule = Map::default();
        rule.put("action", Yaml::literal("sync"));
        rule.put("path", Yaml::literal("."));
        web.put("watch", vec![Yaml::Map(rule)]);
        services.put("web", web);
        root.put("x-envsim", Map::default()).gap();
        root.map("volumes").put("data", Yaml::Nothing);
        let expected = r#"# A note.

name: shop
services:
  web:
    # the main process
    command: [node, "a, b", "$$HOME"]
    ports:
      - "127.0.0.1:80:80"
    watch:
      - action: sync
        path: .

x-envsim: {}
volumes:
  data:
"#;
        assert_eq!(write(&["A note.".to_owned()], &root), expected);
    }

    #[test]
    fn words_that_yaml_takes_for_something_else_are_quoted() {
        for word in [
            "",
            "yes",
            "No",
            "on",
            "off",
            "y",
            "n",
            "true",
            "null",
            "~",
            "1",
            "1.5",
            "1e3",
            "0x1f",
            "0o7",
            "1_000",
            "12:30",
            "2020-01-01",
            ".5",
            ".inf",
            "inf",
            "nan",
            "-",
            "- a",
            "? a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a'",
            "\"a\"",
            "[a",
            "{a",
            " a",
            "a ",
            "a\nb",
            "a\tb",
            "\u{7f}",
            "\u{feff}",
            "---",
            "<<",
            "=",
            "a\\b",
            "\u{2028}",
            "a,b]",
            "+1",
            "NaN",
            "infinity",
        ] {
            let mut root = Map::default();
            root.put("value", Yaml::literal(word));
            root.put("words", Yaml::literal_words(&[word, word]));
            root.put("list", vec![Yaml::literal(word)]);
            root.put(format!("k{word}"), Yaml::literal(word));
            // envsim's reader merges under this key even in quotes.
            let key = if word == "<<" { "plain" } else { word };
            root.put(key, Yaml::literal(word));
            let node = read(&write(&[], &root));
            assert_eq!(text_at(&node, "value"), word);
            assert_eq!(text_at(&node, key), word);
            let words = node.get("words").and_then(Node::as_sequence);
            let read: Vec<_> = words.into_iter().flatten().map(Node::as_string).collect();
            assert_eq!(read, [Some(word), Some(word)]);
        }
    }

    #[test]
    fn comments_of_any_text_stay_comments() {
        let mut root = Map::default();
        let long = "word ".repeat(60) + "\nsecond\u{0}\u{7}: [";
        root.put("a", Yaml::plain(1)).comment(long);
        let text = write(&["x\ny: 1".to_owned()], &root);
        let node = read(&text);
        assert_eq!(node.as_mapping().map(<[_]>::len), Some(1), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 5));
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was(text in "\\PC*|(?s).{0,40}|[ -~\n\t]{0,30}") {
            let mut root = Map::default();
            root.put("value", Yaml::literal(&text));
            root.put("block", Yaml::Block(text.replace('$', "$$")));
            root.put("words", Yaml::literal_words(&[&text, "b"]));
            root.put("list", vec![Yaml::literal(&text)]);
            let written = write(std::slice::from_ref(&text), &root);
            let node = read(&written);
            prop_assert_eq!(text_at(&node, "value"), text.clone(), "{}", written);
            prop_assert_eq!(text_at(&node, "block"), text.clone(), "{}", written);
            for key in ["words", "list"] {
                let first = node.get(key).and_then(Node::as_sequence).and_then(<[_]>::first);
                prop_assert_eq!(first.and_then(Node::as_string), Some(text.as_str()), "{}", written);
            }
        }

        #[test]
        fn every_key_is_read_back_as_it_was(key in "\\PC{0,40}|(?s).{0,20}") {
            prop_assume!(key != "<<");
            let mut root = Map::default();
            root.map("inner").put(key.clone(), Yaml::literal("x"));
            let node = read(&write(&[], &root));
            let inner = node.get("inner").and_then(Node::as_mapping).expect("a mapping");
            prop_assert_eq!(inner[0].0.as_string(), Some(key.as_str()));
        }
    }
}
