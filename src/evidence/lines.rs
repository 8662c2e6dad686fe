//! The lines of the project's files that findings point at, so that a report needs no files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::app::Place;

/// Lines by path and number, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lines(BTreeMap<String, BTreeMap<u32, String>>);

impl Lines {
    /// Adds a line; the first one that is told stays.
    pub fn add(&mut self, path: &str, line: u32, text: impl Into<String>) {
        let lines = self.0.entry(path.to_owned()).or_default();
        lines.entry(line).or_insert_with(|| text.into());
    }

    /// A line of a file.
    pub fn get(&self, path: &str, line: u32) -> Option<&str> {
        self.0.get(path)?.get(&line).map(String::as_str)
    }

    /// The line of a place.
    pub fn at(&self, place: &Place) -> Option<&str> {
        self.get(&place.path, place.line)
    }

    /// The lines before and after that of a place.
    pub fn around(&self, place: &Place) -> (Option<&str>, Option<&str>) {
        let line = |number: Option<u32>| self.get(&place.path, number?);
        (
            line(place.line.checked_sub(1)),
            line(place.line.checked_add(1)),
        )
    }
}
