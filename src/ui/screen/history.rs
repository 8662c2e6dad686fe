//! The last log lines, to search in.

use std::collections::VecDeque;

use super::clean::plain;

/// Lines that are kept.
const LINES: usize = 10_000;
/// Bytes that are kept; long lines make fewer of them.
const BYTES: usize = 8 * 1024 * 1024;

/// A line that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Index of the service; none for what envsim said.
    pub service: Option<usize>,
    /// Cleaned, with its colours.
    pub text: String,
}

/// The last lines, oldest first.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<Kept>,
    bytes: usize,
}

impl History {
    /// Keeps a line; the oldest ones go.
    pub fn keep(&mut self, line: Kept) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || (self.bytes > BYTES && self.lines.len() > 1) {
            if let Some(gone) = self.lines.pop_front() {
                self.bytes -= gone.text.len();
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// One of them.
    pub fn line(&self, index: usize) -> Option<&Kept> {
        self.lines.get(index)
    }

    /// Indices of the lines that hold `text`, oldest first. Without capital letters in it, both sizes are the same.
    pub fn find(&self, text: &str) -> Vec<usize> {
        let lines = self.lines.iter().enumerate();
        let found = lines.filter(|(_, line)| !places(&plain(&line.text), text).is_empty());
        found.map(|(index, _)| index).collect()
    }
}

/// Where `text` is in `line`, in bytes: what is searched for and what is marked are the same.
pub fn places(line: &str, text: &str) -> Vec<(usize, usize)> {
    if text.is_empty() {
        return Vec::new();
    }
    if text.chars().any(char::is_uppercase) {
        let found = line.match_indices(text);
        return found.map(|(at, part)| (at, at + part.len())).collect();
    }
    // Only ASCII letters change their size without changing their length.
    let small = line.to_ascii_lowercase();
    let found = small.match_indices(text);
    found.map(|(at, part)| (at, at + part.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: String) -> Kept {
        Kept {
            service: Some(0),
            text,
        }
    }

    #[test]
    fn the_oldest_lines_go_by_number_and_by_size() {
        let mut history = History::default();
        for number in 0..LINES + 5 {
            history.keep(line(format!("line {number}")));
        }
        assert_eq!(history.len(), LINES);
        assert_eq!(history.line(0).map(|line| &*line.text), Some("line 5"));
        for _ in 0..9 {
            history.keep(line("x".repeat(1024 * 1024)));
        }
        assert_eq!(history.len(), 8);
        history.keep(line("x".repeat(BYTES + 1)));
        assert_eq!(history.len(), 1);
        history.keep(line("small".to_owned()));
        assert_eq!(history.len(), 1);
    }

    #[test]
    fn small_letters_find_both_sizes_and_colours_hide_nothing() {
        let mut history = History::default();
        history.keep(line("GET /Users \u{1b}[31m500\u{1b}[0m".to_owned()));
        history.keep(line("get /users 200".to_owned()));
        assert_eq!(history.find("get /users"), [0, 1]);
        assert_eq!(history.find("/Users 500"), [0]);
        assert_eq!(history.find("nothing"), [0usize; 0]);
        assert_eq!(places("aXbx", "x"), [(1, 2), (3, 4)]);
    }
}
