//! Lines of styled text, with their width.

use std::fmt::Write;

use anstyle::{AnsiColor, Color, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A piece of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Text without controls.
    pub text: String,
    /// Its looks.
    pub style: Style,
    /// What a click opens.
    pub link: Option<String>,
}

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Span>);

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Colours; without them bold and the like are left.
    pub colour: bool,
    /// Links (OSC 8).
    pub links: bool,
}

/// A style of this colour.
pub fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// Columns of a text.
pub fn width(text: &str) -> usize {
    text.width()
}

impl Line {
    /// Adds text in a style.
    pub fn put(&mut self, text: impl Into<String>, style: Style) -> &mut Self {
        self.0.push(Span {
            text: text.into(),
            style,
            link: None,
        });
        self
    }

    /// Adds plain text.
    pub fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.put(text, Style::new())
    }

    /// Adds blanks until the line has `columns`.
    pub fn pad(&mut self, columns: usize) -> &mut Self {
        let missing = columns.saturating_sub(self.width());
        match missing {
            0 => self,
            missing => self.text(" ".repeat(missing)),
        }
    }

    /// Columns that it takes.
    pub fn width(&self) -> usize {
        self.0.iter().map(|span| width(&span.text)).sum()
    }

    /// The same in at most `columns`; what is cut ends with `…`.
    pub fn cut(mut self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut left = columns.saturating_sub(1);
        let mut spans = Vec::new();
        for mut span in self.0.drain(..) {
            let whole = width(&span.text);
            if whole <= left {
                left -= whole;
                spans.push(span);
                continue;
            }
            let mut end = 0;
            for (at, char) in span.text.char_indices() {
                let wide = char.width().unwrap_or(0);
                if wide > left {
                    break;
                }
                left -= wide;
                end = at + char.len_utf8();
            }
            span.text.truncate(end);
            if columns > 0 {
                span.text.push('…');
            }
            spans.push(span);
            break;
        }
        Self(spans)
    }

    /// As bytes for a terminal with these looks.
    pub fn ansi(&self, looks: Looks) -> String {
        let mut out = String::new();
        for span in &self.0 {
            let style = match looks.colour {
                true => span.style,
                false => span.style.fg_color(None).bg_color(None),
            };
            let link = span.link.as_ref().filter(|_| looks.links);
            if let Some(link) = link {
                // The form that terminals agreed on: egmontkob/hyperlinks.
                let _ = write!(out, "\u{1b}]8;;{link}\u{1b}\\");
            }
            let _ = write!(out, "{style}{}{style:#}", span.text);
            if link.is_some() {
                out.push_str("\u{1b}]8;;\u{1b}\\");
            }
        }
        out
    }

    /// The text alone.
    #[cfg(test)]
    pub fn plain(&self) -> String {
        self.0.iter().map(|span| &*span.text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let mut line = Line::default();
        line.text("web ").put("日本", coloured(AnsiColor::Green));
        line.0.push(Span {
            text: ":80".to_owned(),
            link: Some("http://x:80".to_owned()),
            ..Span::default()
        });
        line
    }

    #[test]
    fn a_line_is_cut_by_columns_and_never_within_a_wide_character() {
        assert_eq!(line().width(), 11);
        let cut = |columns| line().cut(columns).plain();
        assert_eq!(cut(11), "web 日本:80");
        assert_eq!(cut(10), "web 日本:…");
        assert_eq!(cut(8), "web 日…");
        assert_eq!(cut(7), "web 日…");
        assert_eq!(cut(6), "web …");
        assert_eq!(cut(1), "…");
        assert_eq!(cut(0), "");
        for columns in 0..12 {
            assert!(line().cut(columns).width() <= columns);
        }
    }

    #[test]
    fn colours_and_links_are_written_where_they_are_shown() {
        assert_eq!(line().ansi(Looks::default()), "web 日本:80");
        let all = Looks {
            colour: true,
            links: true,
        };
        assert_eq!(
            line().ansi(all),
            "web \u{1b}[32m日本\u{1b}[0m\u{1b}]8;;http://x:80\u{1b}\\:80\u{1b}]8;;\u{1b}\\"
        );
    }
}
