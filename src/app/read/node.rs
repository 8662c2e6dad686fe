//! A YAML document as a tree that knows where each part stands.

use crate::app::Place;

/// How a scalar was written; only a plain one can be a number, a boolean or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In quotes, or a block scalar.
    Text,
}

/// A value with its place and its tag (`!reset`, `!override`).
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; for a mapping or sequence, its first line.
    pub place: Place,
    /// The tag's text without `!`.
    pub tag: Option<String>,
}

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A scalar as written, without its quotes.
    Scalar(String, Style),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file; keys are unique.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// A scalar made by us, standing at `place`.
    pub fn scalar(text: impl Into<String>, style: Style, place: Place) -> Self {
        Self {
            value: Value::Scalar(text.into(), style),
            place,
            tag: None,
        }
    }

    /// An empty mapping at `place`.
    pub fn mapping(place: Place) -> Self {
        Self {
            value: Value::Mapping(Vec::new()),
            place,
            tag: None,
        }
    }

    /// The scalar's text; empty for null, none for collections.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// True for `null`, `~` and an empty plain scalar.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, Style::Plain)
            if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value under `key` of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Mapping(entries) => entries
                .iter()
                .find(|(name, _)| name.text() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// What a reader of the file would call it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar(text, Style::Plain) if text.parse::<f64>().is_ok() => "a number",
            Value::Scalar(text, Style::Plain) if text == "true" || text == "false" => "a boolean",
            Value::Scalar(..) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The place of the bytes `range` of a scalar, when the scalar stands on one line as it is;
    /// else the place of the scalar.
    pub fn place_within(&self, range: std::ops::Range<usize>) -> Place {
        let Value::Scalar(text, style) = &self.value else {
            return self.place.clone();
        };
        let width = self.place.end_column.saturating_sub(self.place.column) as usize;
        let length = text.chars().count();
        let quotes = match style {
            Style::Plain => 0,
            Style::Text => 2,
        };
        // An escape, a fold or an interpolation changed the text: columns cannot be told.
        if width != length + quotes || range.end > text.len() {
            return self.place.clone();
        }
        let before = text[..range.start].chars().count() + quotes / 2;
        let inside = text[range].chars().count();
        let column = self.place.column + before as u32;
        Place {
            column,
            end_column: column + inside as u32,
            ..self.place.clone()
        }
    }
}
