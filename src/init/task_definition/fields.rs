//! Fields of a JSON object, each asked for by name; what nobody asked for is named at the end.
//!
//! Names are compared without their case, so that CloudFormation's `ContainerDefinitions` is read as the API's
//! `containerDefinitions`.

use serde_json::{Map, Value};

use crate::compose::{Problem, nearest};
use crate::init::notes::Notes;

/// What was found wrong, and what there is to say.
#[derive(Debug, Default)]
pub struct Findings {
    /// The file, for messages.
    pub file: String,
    pub problems: Vec<Problem>,
    pub notes: Notes,
}

impl Findings {
    /// Notes an error in the field at `path`.
    pub fn error(&mut self, path: &str, message: impl Into<String>) {
        let message = format!("{}: `{path}`: {}", self.file, message.into());
        self.problems.push(Problem::error(message));
    }

    fn wrong(&mut self, path: &str, expected: &str, found: &Value) {
        let text = found.to_string();
        let shown: String = text.chars().take(40).collect();
        let dots = if shown.len() < text.len() { "…" } else { "" };
        self.error(
            path,
            format!("expected {expected}, found {}`{shown}{dots}`", kind(found)),
        );
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing ",
        Value::Bool(_) => "the boolean ",
        Value::Number(_) => "the number ",
        Value::String(_) => "the text ",
        Value::Array(_) => "the list ",
        Value::Object(_) => "the object ",
    }
}

/// A JSON object that is being read.
pub struct Fields<'a> {
    /// Where it is, as `containerDefinitions[0]`; empty for the outermost.
    path: String,
    map: &'a Map<String, Value>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub fn new(path: impl Into<String>, map: &'a Map<String, Value>) -> Self {
        Self {
            path: path.into(),
            map,
            asked: Vec::new(),
        }
    }

    /// The path of a field of this object.
    pub fn path(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        }
    }

    /// The value of a field; none where there is nothing in it, as in the output of `--generate-cli-skeleton`.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        let found = self
            .map
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| value)
            .filter(|value| !is_nothing(value))
    }

    /// Text; a number or boolean counts as its text.
    pub fn text(&mut self, name: &'static str, findings: &mut Findings) -> Option<String> {
        let value = self.value(name)?;
        text_of(value, &self.path(name), findings)
    }

    /// A whole number, also when it is written as text.
    pub fn number(&mut self, name: &'static str, findings: &mut Findings) -> Option<i64> {
        let value = self.value(name)?;
        let path = self.path(name);
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ if told(value, &path, findings) => return None,
            _ => None,
        };
        if number.is_none() {
            findings.wrong(&path, "a whole number", value);
        }
        number
    }

    /// A boolean, also when it is written as text.
    pub fn boolean(&mut self, name: &'static str, findings: &mut Findings) -> Option<bool> {
        let value = self.value(name)?;
        let path = self.path(name);
        match value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ if told(value, &path, findings) => None,
            _ => {
                findings.wrong(&path, "`true` or `false`", value);
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &'static str, findings: &mut Findings) -> Vec<String> {
        let Some(items) = self.list(name, findings) else {
            return Vec::new();
        };
        let path = self.path(name);
        let texts = items.iter().enumerate();
        texts
            .filter_map(|(index, item)| text_of(item, &format!("{path}[{index}]"), findings))
            .collect()
    }

    fn list(&mut self, name: &'static str, findings: &mut Findings) -> Option<&'a Vec<Value>> {
        let value = self.value(name)?;
        let path = self.path(name);
        match value {
            Value::Array(items) => Some(items),
            _ if told(value, &path, findings) => None,
            _ => {
                findings.wrong(&path, "a list", value);
                None
            }
        }
    }

    /// A list of objects.
    pub fn objects(&mut self, name: &'static str, findings: &mut Findings) -> Vec<Fields<'a>> {
        let Some(items) = self.list(name, findings) else {
            return Vec::new();
        };
        let path = self.path(name);
        let objects = items.iter().enumerate();
        objects
            .filter_map(|(index, item)| object_of(item, format!("{path}[{index}]"), findings))
            .collect()
    }

    /// An object.
    pub fn object(&mut self, name: &'static str, findings: &mut Findings) -> Option<Fields<'a>> {
        let value = self.value(name)?;
        object_of(value, self.path(name), findings)
    }

    /// An object whose keys are the user's own.
    pub fn pairs(&mut self, name: &'static str, findings: &mut Findings) -> Vec<(String, String)> {
        let Some(inner) = self.object(name, findings) else {
            return Vec::new();
        };
        let texts = inner.map.iter();
        texts
            .filter_map(|(key, value)| {
                Some((key.clone(), text_of(value, &inner.path(key), findings)?))
            })
            .collect()
    }

    /// Names the fields that nobody asked for, as fields of `service` or of the task.
    pub fn rest(self, service: Option<&str>, findings: &mut Findings) {
        for (key, value) in self.map {
            let asked = self
                .asked
                .iter()
                .any(|asked| asked.eq_ignore_ascii_case(key));
            if asked || is_nothing(value) {
                continue;
            }
            let meant = nearest(key, self.asked.iter().copied());
            let text = match meant {
                Some(meant) => format!(
                    "envsim does not know this field, so it is left out; did you mean `{meant}`?"
                ),
                None => "envsim does not know this field, so it is left out".to_owned(),
            };
            match service {
                Some(service) => findings.notes.service(service, self.path(key), text),
                None => findings.notes.field(self.path(key), text),
            }
        }
    }

    /// The last part of the path, for notes about fields of a service.
    pub fn has(&self, name: &str) -> bool {
        self.map
            .iter()
            .any(|(key, value)| key.eq_ignore_ascii_case(name) && !is_nothing(value))
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Whether the value is a function of CloudFormation, which is then noted.
fn told(value: &Value, path: &str, findings: &mut Findings) -> bool {
    let Value::Object(map) = value else {
        return false;
    };
    let mut keys = map.keys();
    let function = match (keys.next(), keys.next()) {
        (Some(key), None) if key == "Ref" || key.starts_with("Fn::") => key,
        _ => return false,
    };
    findings.notes.field(
        path,
        format!("only CloudFormation knows its value (`{function}`)"),
    );
    true
}

/// Text; none, with a note, for a function of CloudFormation.
pub fn text_of(value: &Value, path: &str, findings: &mut Findings) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ if told(value, path, findings) => None,
        _ => {
            findings.wrong(path, "text", value);
            None
        }
    }
}

fn object_of<'a>(value: &'a Value, path: String, findings: &mut Findings) -> Option<Fields<'a>> {
    match value {
        Value::Object(map) if !told(value, &path, findings) => Some(Fields::new(path, map)),
        Value::Object(_) => None,
        _ => {
            findings.wrong(&path, "an object", value);
            None
        }
    }
}
