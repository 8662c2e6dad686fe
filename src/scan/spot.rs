//! One place where a name stands, and what stands around it.

use regex::Regex;

use super::language::{self, Family, Language};
use super::lex::{self, Literal};

/// A compiled pattern, once for the process.
macro_rules! pattern {
    ($text:expr) => {{
        static PATTERN: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| regex::Regex::new($text).expect("the pattern is valid"));
        &*PATTERN
    }};
}
pub(super) use pattern;

/// How far back the code before a name is read.
const WINDOW: usize = 400;

/// A file, prepared for looking at the places in it.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    pub(super) language: Language,
    /// The text, comments blanked.
    pub(super) clean: String,
    literals: Vec<Literal>,
    /// Names that the file itself gives a meaning: nginx upstreams.
    pub(super) defined: Vec<String>,
}

impl<'a> Source<'a> {
    pub(super) fn file(path: &'a str, text: &'a str) -> Self {
        Self::new(path, text, language::of(path, text))
    }

    pub(super) fn value(text: &'a str) -> Self {
        Self::new("", text, language::VALUE)
    }

    fn new(path: &'a str, text: &'a str, language: Language) -> Self {
        let lexed = lex::lex(text, &language);
        let defined = match language.family {
            Family::Data => captured(
                pattern!(r"(?m)^[ \t]*upstream[ \t]+([\w.-]+)"),
                &lexed.clean,
            ),
            _ => Vec::new(),
        };
        Self {
            path,
            text,
            language,
            clean: lexed.clean,
            literals: lexed.literals,
            defined,
        }
    }

    pub(super) fn family(&self) -> Family {
        self.language.family
    }

    /// The file's name in lower case.
    pub(super) fn name(&self) -> String {
        self.path
            .rsplit('/')
            .next()
            .unwrap_or("")
            .to_ascii_lowercase()
    }

    /// The literal around a byte.
    fn literal_at(&self, at: usize) -> Option<Literal> {
        let next = self.literals.partition_point(|literal| literal.start <= at);
        next.checked_sub(1)
            .map(|last| self.literals[last])
            .filter(|literal| at < literal.end)
    }
}

fn captured(pattern: &Regex, text: &str) -> Vec<String> {
    pattern
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// A name in a file.
#[derive(Debug)]
pub(super) struct Spot<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
    line_start: usize,
    line_end: usize,
    pub(super) literal: Option<Literal>,
}

impl<'a> Spot<'a> {
    pub(super) fn new(source: &'a Source<'a>, start: usize, end: usize) -> Self {
        let clean = &source.clean;
        let line_start = clean[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = clean[end..].find('\n').map_or(clean.len(), |at| end + at);
        Self {
            source,
            start,
            end,
            line_start,
            line_end,
            literal: source.literal_at(start),
        }
    }

    pub(super) fn name(&self) -> &'a str {
        &self.source.clean[self.start..self.end]
    }

    pub(super) fn family(&self) -> Family {
        self.source.family()
    }

    /// The line up to the name.
    pub(super) fn before(&self) -> &'a str {
        &self.source.clean[floor(&self.source.clean, self.line_start, self.start)..self.start]
    }

    /// The line after the name.
    pub(super) fn after(&self) -> &'a str {
        let end = ceil(&self.source.clean, self.end, self.line_end);
        &self.source.clean[self.end..end]
    }

    /// Whether the place can hold a host at all: in code, hosts are in strings.
    pub(super) fn in_value(&self) -> bool {
        match self.family() {
            Family::Code => self.literal.is_some(),
            Family::Markup => false,
            Family::Shell | Family::Dockerfile | Family::Data | Family::Value => true,
        }
    }

    /// The text before and after the quotes, where the name is all that stands between them.
    ///
    /// Read from the text and not from the literals: `f"{getenv('X', 'db')}"` has a string in a string.
    pub(super) fn quoted(&self) -> Option<(&'a str, &'a str)> {
        let before = self.window();
        let after = self.after();
        let quote = before
            .chars()
            .next_back()
            .filter(|last| matches!(last, '"' | '\'' | '`'))?;
        let rest = after
            .strip_prefix('\\')
            .unwrap_or(after)
            .strip_prefix(quote)?;
        let before = &before[..before.len() - 1];
        Some((before.strip_suffix('\\').unwrap_or(before), rest))
    }

    /// Up to the name, over the line's start.
    pub(super) fn window(&self) -> &'a str {
        &self.source.clean[floor(&self.source.clean, 0, self.start)..self.start]
    }

    /// The code before the literal that the name is in.
    pub(super) fn code_before(&self) -> Option<&'a str> {
        let literal = self.literal?;
        let end = literal.start.saturating_sub(1);
        self.source
            .clean
            .get(floor(&self.source.clean, 0, end)..end)
    }

    /// The literal that the name is in, up to the name and after it.
    pub(super) fn in_literal(&self) -> Option<(&'a str, &'a str)> {
        let Literal { start, end } = self.literal?;
        let start = floor(&self.source.clean, start, self.start);
        let end = ceil(&self.source.clean, self.end, end);
        Some((
            &self.source.clean[start..self.start],
            self.source.clean.get(self.end..end)?,
        ))
    }

    /// Whole lines above, nearest first.
    pub(super) fn lines_above(&self) -> impl Iterator<Item = &'a str> + 'a {
        self.source.clean[..self.line_start].lines().rev()
    }

    /// The next line.
    pub(super) fn line_below(&self) -> Option<&'a str> {
        self.source.clean.get(self.line_end + 1..)?.lines().next()
    }

    /// The whole line.
    pub(super) fn line(&self) -> &'a str {
        &self.source.clean[self.line_start..self.line_end]
    }
}

/// A place not before `low`, at most a window before `at`, on a character's boundary.
fn floor(text: &str, low: usize, at: usize) -> usize {
    let mut start = low.max(at.saturating_sub(WINDOW)).min(at);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    start
}

/// A place not after `high`, at most a window after `at`, on a character's boundary.
fn ceil(text: &str, at: usize, high: usize) -> usize {
    let mut end = high.min(at + WINDOW).max(at);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}
