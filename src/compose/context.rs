//! The file being read and the problems found so far.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{Level, Place, Problem, Problems};

/// Collects problems and knows the text of every file read, to show its lines.
#[derive(Debug, Default)]
pub struct Context {
    path: Arc<str>,
    lines: HashMap<Arc<str>, Vec<String>>,
    /// Which problem was told of a place.
    told: HashMap<(Place, String), usize>,
    /// Takes the advice of a problem that was told before.
    repeated: Problem,
    /// What was found.
    pub problems: Problems,
}

impl Context {
    /// Makes `path` the file being read.
    pub fn enter(&mut self, path: &str, text: &str) {
        self.path = path.into();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(str::to_owned).collect();
        self.lines.insert(self.path.clone(), lines);
    }

    /// A place in the file being read: line from 1, columns from 0.
    pub fn place(&self, line: usize, start: usize, end: usize) -> Place {
        Place {
            path: self.path.clone(),
            line: line.max(1) as u32,
            column: start as u32 + 1,
            end_column: end as u32 + 1,
        }
    }

    /// Characters of line `line` (from 1) of the file being read.
    pub fn line_length(&self, line: usize) -> usize {
        self.lines
            .get(&self.path)
            .and_then(|lines| lines.get(line.saturating_sub(1)))
            .map_or(0, |line| line.trim_end().chars().count())
    }

    /// Notes an error; the result can be given advice.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Error, place, message.into())
    }

    /// Notes an error that concerns no place of a file; the result can be given advice.
    pub fn error_without_place(&mut self, message: impl Into<String>) -> &mut Problem {
        self.problems.0.push(Problem::error(message));
        let last = self.problems.0.len() - 1;
        &mut self.problems.0[last]
    }

    /// Notes a warning; the result can be given advice.
    pub fn warn(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Warning, place, message.into())
    }

    /// Notes an unknown key with the nearest valid one.
    pub fn unknown_key(&mut self, place: &Place, key: &str, owner: &str, valid: &[&str]) {
        let problem = self.error(place, format!("unknown key `{key}` in {owner}"));
        problem.help = Some(match nearest(key, valid.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "keys of your own begin with `x-`".to_owned(),
        });
    }

    /// One mistake is told once: a file is checked again with every file that is laid over it, and
    /// what is no number is neither a whole one nor one within bounds.
    fn add(&mut self, level: Level, place: &Place, message: String) -> &mut Problem {
        // Several variables of one text can be unset: warnings differ by what they say.
        let word = match level {
            Level::Error => String::new(),
            Level::Warning => message.clone(),
        };
        let known = self.told.entry((place.clone(), word));
        if let Entry::Occupied(known) = &known {
            let at = *known.get();
            self.repeated = self.problems.0[at].clone();
            return &mut self.repeated;
        }
        known.or_insert(self.problems.0.len());
        let line = self
            .lines
            .get(&place.path)
            .and_then(|lines| lines.get(place.line as usize - 1))
            .cloned();
        self.problems.0.push(Problem {
            level,
            message,
            place: Some(place.clone()),
            line,
            help: None,
        });
        let last = self.problems.0.len() - 1;
        &mut self.problems.0[last]
    }
}

/// The name nearest to `word`, when one is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().min(word.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
