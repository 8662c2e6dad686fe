//! A YAML document as a tree that knows where each part stands.

use super::Place;

/// What a scalar is, by YAML's core schema as Compose's parser applies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`, `~` or nothing; the text is empty.
    Null,
    /// The text is `true` or `false`.
    Bool,
    /// The text is decimal, whatever base it was written in.
    Int,
    /// The text is as Go's `fmt.Sprint` writes the number, for that is what ends up in a variable.
    Float,
    /// Text.
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
    /// A scalar; [`Kind`] tells what the text means.
    Scalar(String, Kind),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file; keys are unique.
    Mapping(Vec<(Node, Node)>),
}

/// Keys from which on a mapping gets room for more of them than one.
const ROOMY: usize = 8;

impl Node {
    /// A scalar made by us, standing at `place`.
    pub fn scalar(text: impl Into<String>, kind: Kind, place: Place) -> Self {
        Self {
            value: Value::Scalar(text.into(), kind),
            place,
            tag: None,
        }
    }

    /// Text made by us, standing at `place`.
    pub fn string(text: impl Into<String>, place: &Place) -> Self {
        Self::scalar(text, Kind::Text, place.clone())
    }

    /// A boolean made by us, standing at `place`.
    pub fn bool(value: bool, place: &Place) -> Self {
        Self::scalar(value.to_string(), Kind::Bool, place.clone())
    }

    /// Null made by us, standing at `place`.
    pub fn null(place: &Place) -> Self {
        Self::scalar("", Kind::Null, place.clone())
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

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(_, Kind::Null))
    }

    /// The scalar as a boolean, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar(text, Kind::Bool) => Some(text == "true"),
            _ => None,
        }
    }

    /// The scalar's text, when it is text and nothing else.
    pub fn as_string(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, Kind::Text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_mapping(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
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

    /// The value under `key` of a mapping, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Mapping(entries) => entries
                .iter_mut()
                .find(|(name, _)| name.text() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Puts `value` under `key` of a mapping, in the place of what is there or at the end.
    /// A new key stands where the value stands.
    pub fn set(&mut self, key: &str, value: Node) {
        if let Some(known) = self.get_mut(key) {
            *known = value;
        } else if let Value::Mapping(entries) = &mut self.value {
            // Most mappings have a few keys: room for more would be much of a large tree.
            if entries.len() < ROOMY {
                entries.reserve_exact(1);
            }
            entries.push((Node::string(key, &value.place), value));
        }
    }

    /// Takes `key` out of a mapping.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Mapping(entries) = &mut self.value else {
            return None;
        };
        let at = entries
            .iter()
            .position(|(name, _)| name.text() == Some(key))?;
        Some(entries.remove(at).1)
    }

    /// Keys and values in this one, itself included.
    pub fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar(..) => 0,
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|(_, value)| 1 + value.size()).sum(),
        }
    }

    /// What a reader of the file would call it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(_, Kind::Null) => "nothing",
            Value::Scalar(_, Kind::Int | Kind::Float) => "a number",
            Value::Scalar(_, Kind::Bool) => "a boolean",
            Value::Scalar(..) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The place of the bytes `range` of a scalar, when the scalar stands on one line as it is;
    /// else the place of the scalar.
    pub fn place_within(&self, range: std::ops::Range<usize>) -> Place {
        let Value::Scalar(text, _) = &self.value else {
            return self.place.clone();
        };
        let width = self.place.end_column.saturating_sub(self.place.column) as usize;
        let length = text.chars().count();
        // An escape, a fold or an interpolation changed the text: columns cannot be told.
        let quotes = match width.checked_sub(length) {
            Some(quotes @ (0 | 2)) if range.end <= text.len() => quotes,
            _ => return self.place.clone(),
        };
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
