//! What is wrong with the user's files, with the line and a caret under it.

use annotate_snippets::{AnnotationKind, Level as SnippetLevel, Renderer, Snippet};

use super::Place;
use crate::mask::mask;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The app can be run; something in the file has no effect or is doubtful.
    Warning,
    /// The app cannot be run as written.
    #[default]
    Error,
}

/// One problem in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops us.
    pub level: Level,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Where, when it is at one place.
    pub place: Option<Place>,
    /// The text of that line.
    pub line: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// An error without a place in a file.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            message: message.into(),
            place: None,
            line: None,
            help: None,
        }
    }

    /// The same problem with advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The problem as rustc would print it; `colour` adds ANSI styles.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.level {
            Level::Error => SnippetLevel::ERROR,
            Level::Warning => SnippetLevel::WARNING,
        };
        // A line or a message can quote a password of the file; masking keeps the columns.
        let message = mask(&self.message);
        let line = mask(self.line.as_deref().unwrap_or(""));
        let help = self.help.as_deref().map(mask);
        let title = level.primary_title(&*message);
        let snippet = self.place.as_ref().map(|place| {
            let span = byte_range(&line, place.column, place.end_column);
            Snippet::source(&*line)
                .line_start(place.line as usize)
                .path(&*place.path)
                .annotation(AnnotationKind::Primary.span(span))
        });
        let help = help.as_deref().map(|help| SnippetLevel::HELP.message(help));
        let group = match (snippet, help) {
            (Some(snippet), Some(help)) => title.element(snippet).element(help),
            (Some(snippet), None) => title.element(snippet),
            (None, Some(help)) => title.element(help),
            (None, None) => annotate_snippets::Group::with_title(title),
        };
        let report = [group];
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&report).to_string()
    }
}

/// Byte range of the columns `start..end` (from 1, in characters) of `line`.
fn byte_range(line: &str, start: u32, end: u32) -> std::ops::Range<usize> {
    let byte = |column: u32| {
        line.char_indices()
            .nth(column.saturating_sub(1) as usize)
            .map_or(line.len(), |(byte, _)| byte)
    };
    let from = byte(start);
    from..byte(end).max(from)
}

/// All the problems of one reading.
#[derive(Clone, Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// True when one of them is an error.
    pub fn any_error(&self) -> bool {
        self.0.iter().any(|problem| problem.level == Level::Error)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
