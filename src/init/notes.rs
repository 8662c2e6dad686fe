//! What the written file cannot say, for the person who has to know.

use std::fmt;

/// One thing to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about, as it is written where it was found; empty when the text says it.
    pub field: String,
    /// The services it concerns; none for the whole project.
    pub services: Vec<String>,
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "`{}`", self.field)?;
        if !self.services.is_empty() {
            write!(f, " of {}", listed(&self.services))?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Notes in the order in which they were found; the same note about several services is one.
#[derive(Clone, Debug, Default)]
pub struct Notes(pub Vec<Note>);

impl Notes {
    /// A note about the project.
    pub fn general(&mut self, text: impl Into<String>) {
        self.add(String::new(), None, text.into());
    }

    /// A note about a field of the whole project.
    pub fn field(&mut self, field: impl Into<String>, text: impl Into<String>) {
        self.add(field.into(), None, text.into());
    }

    /// A note about a field of a service.
    pub fn service(&mut self, service: &str, field: impl Into<String>, text: impl Into<String>) {
        self.add(field.into(), Some(service), text.into());
    }

    fn add(&mut self, field: String, service: Option<&str>, text: String) {
        let known = self.0.iter_mut().find(|note| {
            note.field == field
                && note.text == text
                && note.services.is_empty() == service.is_none()
        });
        match (known, service) {
            (Some(note), Some(service)) if !note.services.iter().any(|known| known == service) => {
                note.services.push(service.to_owned());
            }
            (Some(_), _) => {}
            (None, service) => self.0.push(Note {
                field,
                services: service.map(str::to_owned).into_iter().collect(),
                text,
            }),
        }
    }
}

/// `a`, `b` and `c`, in backticks.
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_note_about_several_services_is_told_once() {
        let mut notes = Notes::default();
        notes.service("web", "logConfiguration", "left out");
        notes.service("db", "logConfiguration", "left out");
        notes.service("db", "logConfiguration", "left out");
        notes.field("tags", "left out");
        let texts: Vec<String> = notes.0.iter().map(Note::to_string).collect();
        assert_eq!(
            texts,
            [
                "`logConfiguration` of `web` and `db`: left out",
                "`tags`: left out"
            ]
        );
    }
}
