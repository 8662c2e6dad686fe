//! Tells comments and strings from the rest of a file.
//!
//! No parser: a mistake must stay small.  So a string ends with its line, save
//! where the language says otherwise, and a comment is blanked in place, which
//! keeps every byte's position.

use super::language::{Language, Place};

/// A string literal: the byte range between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A text without its comments, and where its strings are.
#[derive(Debug)]
pub(super) struct Lexed {
    /// As long as the text, comments replaced by spaces.
    pub(super) clean: String,
    /// In order of their places.
    pub(super) literals: Vec<Literal>,
}

/// Splits a text by its language.
pub(super) fn lex(text: &str, language: &Language) -> Lexed {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        language,
        at: 0,
        comments: Vec::new(),
        literals: Vec::new(),
    };
    lexer.run();
    Lexed {
        clean: blank(text, &lexer.comments),
        literals: lexer.literals,
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    language: &'a Language,
    at: usize,
    comments: Vec<(usize, usize)>,
    literals: Vec<Literal>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        if let Some(tag) = self.language.opening_tag {
            self.skip_page(tag);
        }
        while self.at < self.bytes.len() {
            if self.language.opening_tag.is_some() && self.rest().starts_with("?>") {
                self.skip_page("<?");
            } else if !(self.block_comment()
                || self.line_comment()
                || self.string()
                || self.regex_literal())
            {
                self.at += 1;
            }
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_page(&mut self, tag: &str) {
        self.at = self
            .rest()
            .find(tag)
            .map_or(self.bytes.len(), |found| self.at + found + tag.len());
    }

    fn block_comment(&mut self) -> bool {
        // A mark of column one is written with the newline before it, which the first line lacks.
        let Some((open, close)) = self
            .language
            .block
            .iter()
            .copied()
            .find(|(open, _)| self.rest().starts_with(open))
        else {
            return false;
        };
        if open == "/*" && self.at > 0 && is_glob(self.bytes[self.at - 1]) {
            return false;
        }
        let inside = self.at + open.len();
        let end = self.text[inside..]
            .find(close)
            .map_or(self.bytes.len(), |found| inside + found + close.len());
        self.comments.push((self.at, end));
        self.at = end;
        true
    }

    fn line_comment(&mut self) -> bool {
        let rest = self.rest();
        let begins = self
            .language
            .line
            .iter()
            .any(|&(mark, place)| rest.starts_with(mark) && self.stands(place));
        if !begins {
            return false;
        }
        let end = rest
            .find('\n')
            .map_or(self.bytes.len(), |found| self.at + found);
        self.comments.push((self.at, end));
        self.at = end;
        true
    }

    fn stands(&self, place: Place) -> bool {
        let before = &self.text[..self.at];
        match place {
            // `http://…` outside a string, as in a template, is no comment.
            Place::Anywhere => !before.ends_with(':'),
            Place::AfterSpace => before
                .chars()
                .next_back()
                .is_none_or(|last| last.is_whitespace() || last == ';'),
            Place::LineStart => before
                .rsplit('\n')
                .next()
                .is_none_or(|line| line.trim().is_empty()),
        }
    }

    fn string(&mut self) -> bool {
        let quote = self.bytes[self.at];
        if !self.language.quotes.as_bytes().contains(&quote) {
            return false;
        }
        let triple = [quote; 3];
        if self.language.triple && quote != b'`' && self.bytes[self.at..].starts_with(&triple) {
            self.text_block(&triple);
            return true;
        }
        if self.opens_nothing(quote) {
            return false;
        }
        let long = self.language.long_quotes.as_bytes().contains(&quote);
        let start = self.at + 1;
        let mut end = start;
        while end < self.bytes.len() {
            match self.bytes[end] {
                b'\\' => end += 1,
                b'\n' if !long => break,
                here if here == quote => break,
                _ => {}
            }
            end += 1;
        }
        let end = end.min(self.bytes.len());
        self.literals.push(Literal { start, end });
        self.at = end + 1;
        true
    }

    /// An apostrophe: a lifetime, a character, or one in a word of a text.
    fn opens_nothing(&self, quote: u8) -> bool {
        if quote != b'\'' {
            return false;
        }
        let in_word = self.at > 0 && self.bytes[self.at - 1].is_ascii_alphanumeric();
        let lone = self.language.char_quotes && !closes_soon(&self.bytes[self.at + 1..]);
        let prefix = matches!(self.language.family, super::language::Family::Code)
            && !self.language.char_quotes;
        lone || (in_word && !(prefix && self.is_prefix()))
    }

    /// `f'…'`, `rb'…'`: letters before a string that belong to it.
    fn is_prefix(&self) -> bool {
        let letters = self.bytes[..self.at]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        letters <= 2
    }

    fn text_block(&mut self, triple: &[u8; 3]) {
        let start = self.at + 3;
        let mark = std::str::from_utf8(triple).unwrap_or("\"\"\"");
        let end = self.text[start..]
            .find(mark)
            .map_or(self.bytes.len(), |found| start + found);
        if self.language.docstrings && self.is_documentation() {
            self.comments.push((self.at, end));
        } else {
            self.literals.push(Literal { start, end });
        }
        self.at = (end + 3).min(self.bytes.len());
    }

    /// The block is a statement of its own: nothing on its line before it, and
    /// the code above is not waiting for a value.
    fn is_documentation(&self) -> bool {
        let (above, line) = self.text[..self.at]
            .rsplit_once('\n')
            .unwrap_or(("", &self.text[..self.at]));
        let line = line.trim();
        let waiting = above
            .trim_end()
            .ends_with(['(', ',', '=', '[', '{', '+', '\\', '%']);
        (line.is_empty() && !waiting)
            || ["@doc", "@moduledoc", "@typedoc", "@shortdoc"]
                .iter()
                .any(|tag| line.starts_with(tag))
    }

    fn regex_literal(&mut self) -> bool {
        if !self.language.regex_literals || self.bytes[self.at] != b'/' {
            return false;
        }
        let before = self.text[..self.at].trim_end_matches([' ', '\t']);
        if !before.ends_with(['(', '=', ',', ':', '[', '!', '&', '|', '?', '{', ';']) {
            return false;
        }
        let mut in_class = false;
        let mut at = self.at + 1;
        while at < self.bytes.len() {
            match self.bytes[at] {
                b'\n' => return false,
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.at = at + 1;
                    return true;
                }
                _ => {}
            }
            at += 1;
        }
        false
    }
}

/// `src/*` and `**/*` are patterns of paths.
fn is_glob(before: u8) -> bool {
    before.is_ascii_alphanumeric() || matches!(before, b'*' | b'.' | b'}')
}

/// Whether a character literal ends within a few bytes.
fn closes_soon(after: &[u8]) -> bool {
    after
        .iter()
        .take(8)
        .position(|&byte| byte == b'\'')
        .is_some_and(|at| at == 1 || after.first() == Some(&b'\\') || after[0] >= 0x80)
}

/// The text with spaces in place of the ranges; newlines stay.
fn blank(text: &str, ranges: &[(usize, usize)]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for &(start, end) in ranges {
        clean.push_str(&text[at..start]);
        clean.extend(
            text.as_bytes()[start..end]
                .iter()
                .map(|&byte| if byte == b'\n' { '\n' } else { ' ' }),
        );
        at = end;
    }
    clean.push_str(&text[at..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::language;

    fn clean(path: &str, text: &str) -> String {
        let lexed = lex(text, &language::of(path, text));
        assert_eq!(lexed.clean.len(), text.len());
        lexed
            .clean
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn comments_are_blanked_by_the_language_of_the_file() {
        let cases = [
            ("a.js", "x // db", "x"),
            ("a.js", "/* db\n db */ x", "\n       x"),
            ("a.js", "'http://db'", "'http://db'"),
            ("a.js", "x = /[\"'/]/; y // z", "x = /[\"'/]/; y"),
            ("a.js", "`a\n// b`", "`a\n// b`"),
            ("a.py", "x = 1 # db", "x = 1"),
            (
                "a.py",
                "def f():\n  \"\"\"db\n  \"\"\"\n  x",
                "def f():\n\n  \"\"\"\n  x",
            ),
            ("a.py", "x = \"\"\"db\"\"\"", "x = \"\"\"db\"\"\""),
            ("a.sh", "echo ${#x} # db", "echo ${#x}"),
            ("a.sql", "-- db\nx", "\nx"),
            ("a.lua", "--[[ db\n]] x -- y", "\n   x"),
            ("a.html", "<!-- db --> x", "            x"),
            ("a.ini", "; db\nx ; y", "\nx ; y"),
            ("nginx.conf", "server a; # db", "server a;"),
            ("a.properties", "u=http://h/#db", "u=http://h/#db"),
            ("a.yml", "u: http://h/#db # c", "u: http://h/#db"),
            ("a.rs", "fn f<'a>() {} // db", "fn f<'a>() {}"),
            ("a.php", "it's <?php $a = 'b'; # db", "it's <?php $a = 'b';"),
            ("a.go", "x := '\"' // db", "x := '\"'"),
        ];
        for (path, text, want) in cases {
            assert_eq!(clean(path, text), want, "{path}: {text}");
        }
    }

    #[test]
    fn a_string_left_open_ends_with_its_line() {
        let lexed = lex("a = \"b\nc = 'd'", &language::of("a.java", ""));
        assert_eq!(lexed.literals[0], Literal { start: 5, end: 6 });
    }

    #[test]
    fn an_apostrophe_in_a_word_opens_no_string() {
        assert!(
            lex("don't # x", &language::of("a.yml", ""))
                .literals
                .is_empty()
        );
    }
}
