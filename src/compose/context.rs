//! The file being read and the problems found so far.

use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Level, Place, Problem, Problems};

/// Files that one reading may open, a file counting as often as it is opened: aliases, `include` and
/// `extends` let a few small files ask for any number.
const MAX_FILES: usize = 10_000;
/// Bytes that one reading may read, counted in the same way.
const MAX_READ: usize = 32 << 20;
/// Keys and values that the files may have, aliases followed, with those that `include`, `extends`,
/// several documents and ranges of ports make of them. One takes some 250 bytes until it is printed,
/// so that this many stay below 200 MB; a range of all ports makes 589,815.
pub(super) const MAX_VALUES: usize = 600_000;
/// Problems that are kept. A file with more has one cause, or is no Compose file.
const MAX_PROBLEMS: usize = 100;
/// Problems for which a name that was meant is looked for: that goes through all names there are.
const MAX_GUESSES: usize = 20;
/// Names that are compared for it.
const MAX_COMPARED: usize = 1_000;
/// Bytes of the longest name that was meant.
const MAX_NAME: usize = 100;

/// Collects problems and knows the text of every file read, to show its lines.
#[derive(Debug, Default)]
pub struct Context {
    path: Arc<str>,
    texts: HashMap<Arc<str>, Text>,
    /// Files whose lines are not shown: any of them can be a secret.
    hidden: HashSet<Arc<str>>,
    files: usize,
    bytes: usize,
    values: usize,
    /// Which problem was told of a place.
    told: HashMap<(Place, String), usize>,
    /// Stands for a problem that is not kept.
    unkept: Option<Box<Problem>>,
    /// What was found.
    pub problems: Problems,
}

/// The text of a file and, once one is asked for, where its lines begin.
#[derive(Debug)]
struct Text {
    text: String,
    starts: OnceCell<Vec<u32>>,
}

impl Text {
    /// Line `number`, from 1, without its end.
    fn line(&self, number: usize) -> Option<&str> {
        let starts = self.starts.get_or_init(|| {
            let breaks = self.text.match_indices('\n');
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| at as u32 + 1))
                .collect()
        });
        let start = *starts.get(number.saturating_sub(1))? as usize;
        self.text[start..].lines().next()
    }
}

impl Context {
    /// As [`Self::enter`], for a file of variables: its lines are never shown.
    pub fn enter_hidden(&mut self, path: &str, text: &str) {
        self.enter(path, text);
        self.hidden.insert(self.path.clone());
    }

    /// Makes `path` the file being read.
    pub fn enter(&mut self, path: &str, text: &str) {
        self.path = path.into();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text = Text {
            text: text.to_owned(),
            starts: OnceCell::new(),
        };
        self.texts.insert(self.path.clone(), text);
    }

    /// Counts a file of `bytes` bytes.
    ///
    /// # Errors
    /// Why it is not read, as a fragment, when it is one too many.
    pub(super) fn admit(&mut self, bytes: usize) -> Result<(), String> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > MAX_FILES {
            return Err(format!(
                "more than {MAX_FILES} files are opened, each counted as often as it is named"
            ));
        }
        if self.bytes > MAX_READ {
            return Err(format!(
                "more than {MAX_READ} bytes are read, each file counted as often as it is named"
            ));
        }
        Ok(())
    }

    /// Counts the bytes of a text that variables are put into; false, with an error, when all of
    /// them are too long.
    pub(super) fn lengthen(&mut self, bytes: usize, place: &Place) -> bool {
        let before = self.bytes;
        self.bytes = before.saturating_add(bytes);
        if self.bytes > MAX_READ && before <= MAX_READ {
            let message = format!("the texts with variables have more than {MAX_READ} bytes");
            self.error(place, message);
        }
        self.bytes <= MAX_READ
    }

    /// Counts keys and values that are read, or made out of others; false, with an error, when they
    /// are too many.
    pub(crate) fn spend(&mut self, values: usize, place: &Place) -> bool {
        let before = self.values;
        self.values = before.saturating_add(values);
        if self.values > MAX_VALUES && before <= MAX_VALUES {
            let message = format!(
                "the project becomes too large: its files have, or make, more than {MAX_VALUES} values"
            );
            self.error(place, message).help = Some(
                "`include`, `extends`, env files, further documents and ranges of ports copy what they name"
                    .to_owned(),
            );
        }
        self.values <= MAX_VALUES
    }

    /// True when [`Self::spend`] said no: nothing more need be read.
    pub(super) fn is_spent(&self) -> bool {
        self.values > MAX_VALUES
    }

    /// The name nearest to `word`, when one is near enough to be a slip of the finger.
    pub(super) fn guess<'a>(
        &self,
        word: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        match self.problems.0.len() < MAX_GUESSES {
            true => nearest(word, names.take(MAX_COMPARED)),
            false => None,
        }
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
        self.texts
            .get(&self.path)
            .and_then(|text| text.line(line))
            .map_or(0, |line| line.trim_end().chars().count())
    }

    /// Notes an error; the result can be given advice.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Error, place, message.into())
    }

    /// Notes an error that concerns no place of a file; the result can be given advice.
    pub fn error_without_place(&mut self, message: impl Into<String>) -> &mut Problem {
        self.keep(Problem::error(message))
    }

    /// Notes a warning; the result can be given advice.
    pub fn warn(&mut self, place: &Place, message: impl Into<String>) -> &mut Problem {
        self.add(Level::Warning, place, message.into())
    }

    /// Notes an unknown key with the nearest valid one.
    pub fn unknown_key(&mut self, place: &Place, key: &str, owner: &str, valid: &[&str]) {
        let near = self.guess(key, valid.iter().copied());
        let shown = shortened(key);
        let problem = self.error(place, format!("unknown key `{shown}` in {owner}"));
        problem.help = Some(match near {
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
        if let Entry::Occupied(known) = &known
            && let Some(problem) = self.problems.0.get(*known.get())
        {
            return self.unkept.insert(Box::new(problem.clone()));
        }
        known.or_insert(self.problems.0.len());
        let text = self.texts.get(&place.path);
        let shown = !self.is_full(level) && !self.hidden.contains(&place.path);
        let line = match shown {
            true => text.and_then(|text| text.line(place.line as usize).map(Arc::from)),
            false => None,
        };
        self.keep(Problem {
            level,
            message,
            place: Some(place.clone()),
            line,
            help: None,
        })
    }

    /// True when no further problem of this level is kept. An error is never lost for warnings: the
    /// reading must fail.
    fn is_full(&self, level: Level) -> bool {
        self.problems.0.len() >= MAX_PROBLEMS
            && (level == Level::Warning || self.problems.any_error())
    }

    fn keep(&mut self, problem: Problem) -> &mut Problem {
        if self.is_full(problem.level) {
            return self.unkept.insert(Box::new(problem));
        }
        self.problems.0.push(problem);
        let last = self.problems.0.len() - 1;
        &mut self.problems.0[last]
    }
}

/// The name nearest to `word`, when one is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_NAME {
        return None;
    }
    names
        .filter(|name| name.len() <= MAX_NAME)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| {
            let length = name.len().min(word.len());
            *distance <= 1 + length / 4 && *distance < length
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The beginning of a text that is too long for a message.
pub(super) fn shortened(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
