//! The resolved tree as YAML text, for `envsim config`.
//!
//! A text is written without quotes only where Compose's parser, which follows YAML 1.1 in part,
//! reads the same text again: it takes a bare `2024-01-02` for a date and prints it as another text.

use serde_json::Value;

use super::quote::{printable, quoted};
use super::scalar;

/// `value` as a YAML document.
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a value that begins at the start of a line, with its line end.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                spaces(indent, out);
                entry(key, value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                spaces(indent, out);
                item_of(item, indent, out);
            }
        }
        other => {
            spaces(indent, out);
            inline(other, indent, out);
            out.push('\n');
        }
    }
}

fn entry(key: &str, value: &Value, indent: usize, out: &mut String) {
    out.push_str(&plain_or_quoted(key));
    out.push(':');
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        other => {
            out.push(' ');
            inline(other, indent, out);
            out.push('\n');
        }
    }
}

/// An item of a list; a mapping begins on the line of its dash.
fn item_of(item: &Value, indent: usize, out: &mut String) {
    out.push_str("- ");
    match item {
        Value::Object(entries) if !entries.is_empty() => {
            for (number, (key, value)) in entries.iter().enumerate() {
                if number > 0 {
                    spaces(indent + 2, out);
                }
                entry(key, value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    spaces(indent + 2, out);
                }
                item_of(item, indent + 2, out);
            }
        }
        other => {
            inline(other, indent, out);
            out.push('\n');
        }
    }
}

/// What stands on the line of its key or dash; `indent` is that of the line.
fn inline(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) if can_be_literal(text) => literal(text, indent, out),
        Value::String(text) => out.push_str(&plain_or_quoted(text)),
        // Null, booleans and numbers are written as in JSON.
        other => out.push_str(&other.to_string()),
    }
}

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// True for a text of several lines that can stand as it is after `|`.
fn can_be_literal(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text
            .lines()
            .any(|line| line.ends_with([' ', '\t']) || line.starts_with('\t'))
        && !text
            .chars()
            .any(|c| c != '\n' && c != '\t' && !printable(c))
}

fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    out.push_str(match breaks {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            spaces(indent + 2, out);
            out.push_str(line);
        }
    }
    out.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
}

fn plain_or_quoted(text: &str) -> String {
    match is_plain(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// True for a text that reads as the same text without quotes. Some that would are not: who reads
/// them should not have to know the rules.
fn is_plain(text: &str) -> bool {
    let safe = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                '_' | '/' | '.' | '$' | '(' | '<' | '~' | '+' | '=' | '-' | '^' | ';' | ')'
            )
    };
    let Some(first) = text.chars().next() else {
        return false;
    };
    if !(first.is_ascii_alphanumeric() || matches!(first, '_' | '/' | '.' | '$' | '(')) {
        return false;
    }
    let inside = |c: char| {
        safe(c)
            || matches!(
                c,
                ' ' | ':'
                    | ','
                    | '@'
                    | '{'
                    | '}'
                    | '['
                    | ']'
                    | '*'
                    | '%'
                    | '"'
                    | '\''
                    | '!'
                    | '?'
                    | '&'
                    | '|'
                    | '>'
                    | '\\'
            )
    };
    text.chars().all(inside)
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !WORDS.contains(&&*text.to_lowercase())
        && matches!(
            scalar::meaning(text.to_owned(), None, false),
            Ok(scalar::Meaning::Text(_))
        )
}

/// Words that YAML 1.1 takes for booleans; other programs than Compose still do.
const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Context, Kind, Node, Value as Tree, parse};
    use super::*;

    /// The tree as JSON.
    fn json(node: &Node) -> Value {
        match &node.value {
            Tree::Scalar(text, Kind::Text) => json!(text),
            Tree::Scalar(text, _) => serde_json::from_str(text).unwrap_or(Value::Null),
            Tree::Sequence(items) => items.iter().map(json).collect(),
            Tree::Mapping(entries) => entries
                .iter()
                .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), json(value)))
                .collect(),
        }
    }

    fn again(value: &Value) -> Value {
        let text = yaml(value);
        let mut cx = Context::default();
        cx.enter("compose.yaml", &text);
        let node = parse(&text, &mut cx);
        assert!(cx.problems.0.is_empty(), "{text}\n{:?}", cx.problems);
        json(&node.expect("YAML"))
    }

    #[test]
    fn mappings_and_lists_are_written_as_docker_compose_writes_them() {
        let value = json!({
            "name": "shop",
            "services": {"web": {
                "command": ["echo", "two words", "2024-01-02", "yes", "12", ""],
                "ports": [{"mode": "ingress", "target": 80}, [["a"], {}]],
                "script": "one\ntwo\n",
                "none": null,
                "empty": [],
            }},
        });
        assert_eq!(
            yaml(&value),
            "name: shop\nservices:\n  web:\n    command:\n      - echo\n      - two words\n      \
             - \"2024-01-02\"\n      - \"yes\"\n      - \"12\"\n      - \"\"\n    ports:\n      \
             - mode: ingress\n        target: 80\n      - - - a\n        - {}\n    script: |\n      \
             one\n      two\n    none: null\n    empty: []\n"
        );
        assert_eq!(again(&value), value);
    }

    #[test]
    fn texts_that_look_like_something_else_are_read_as_the_same_texts() {
        for text in [
            "null",
            "~",
            "true",
            "1",
            "1_000",
            "0x1f",
            "0b1",
            "0o7",
            "017",
            "1e3",
            ".inf",
            ".NaN",
            "-",
            "- a",
            "a: b",
            "a:",
            "#",
            "a #b",
            "&a",
            "*a",
            "!a",
            "<<",
            "=",
            "2024-01-02 10:00:00",
            "12:30:00",
            "{}",
            "[]",
            "%a",
            "@a",
            "`a",
            "'a'",
            "\"",
            "\\",
            " a",
            "a ",
            "\ta",
            "a\tb",
            "\n",
            "a\n",
            "a\n\n",
            "a\nb\n\n",
            "a\n b",
            " a\nb",
            "a \nb",
            "a\r\nb",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "---",
            "...",
            "a\n---\nb",
            "? a",
            "|",
            ">",
            "$$",
            "é",
            "1-2",
            "+1",
            ".5",
            "5.",
            "08",
            "1.2.3",
            "\0",
            "\u{1b}[0m",
        ] {
            let value = json!({"key": text, text: [text, {"a": text}]});
            assert_eq!(again(&value), value, "{text:?}\n{}", yaml(&value));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_the_same_text(key: String, text: String, lines in "[a:# \\-\n\t\"]{0,12}") {
            let value = json!({key: text, "lines": [lines]});
            prop_assert_eq!(again(&value), value);
        }
    }
}
