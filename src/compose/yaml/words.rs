//! Reading scalars: plain, in quotes, and as blocks.

use super::input::{Mark, Syntax};
use super::scanner::Scanner;
use super::token::Part;

/// White space met within a scalar, not yet known to belong to it.
#[derive(Default)]
struct Gap {
    blanks: String,
    first_break: String,
    more_breaks: String,
    /// A line break was met.
    broken: bool,
}

impl Gap {
    /// Adds what the gap stands for to `text`: one line break is a space, more are one less.
    fn fold(&mut self, text: &mut String) {
        if !self.broken && self.blanks.is_empty() {
            return;
        }
        if !self.broken {
            text.push_str(&self.blanks);
        } else if !self.first_break.starts_with('\n') {
            text.push_str(&self.first_break);
            text.push_str(&self.more_breaks);
        } else if self.more_breaks.is_empty() {
            text.push(' ');
        } else {
            text.push_str(&self.more_breaks);
        }
        *self = Self::default();
    }
}

impl Scanner<'_> {
    /// A word or more without quotes.
    pub(super) fn plain(&mut self) -> Result<(), Syntax> {
        if !self.begins_plain() {
            return Err(self.no_beginning());
        }
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.input.mark();
        let mut end = start;
        let mut text = String::new();
        let mut gap = Gap::default();
        while !self.input.is_document_indicator() && self.input.byte(0) != b'#' {
            while !self.input.is_space_or_end(0) && !self.ends_plain() {
                gap.fold(&mut text);
                self.input.read(&mut text);
                end = self.input.mark();
            }
            if !(self.input.is_blank(0) || self.input.is_break(0)) {
                break;
            }
            self.plain_gap(&mut gap)?;
            if !self.in_flow() && self.input.mark().column < self.indent + 1 {
                break;
            }
        }
        if gap.broken {
            self.key_allowed = true;
        }
        self.add(Part::Scalar(text, false), start, end);
        Ok(())
    }

    fn begins_plain(&self) -> bool {
        match self.input.byte(0) {
            b'-' => !self.input.is_blank(1),
            b'?' | b':' => !self.input.is_space_or_end(1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\''
            | b'"' | b'%' | b'@' | b'`' => false,
            _ => !self.input.is_space_or_end(0),
        }
    }

    fn no_beginning(&self) -> Syntax {
        let mark = self.input.mark();
        match self.input.char() {
            Some('\t') => Syntax::new("a tab cannot indent a line", mark)
                .help("YAML takes spaces only: replace the tab by spaces"),
            Some(c @ ('|' | '>')) => Syntax::new(
                format!("a block of text cannot begin with `{c}` here"),
                mark,
            )
            .help("between brackets, put the text in quotes"),
            Some(c) => Syntax::new(format!("a value cannot begin with `{c}`"), mark)
                .help("put the text in quotes"),
            None => Syntax::new("a value is missing", mark),
        }
    }

    /// True where a plain scalar ends although no white space follows.
    fn ends_plain(&self) -> bool {
        let flow = self.in_flow();
        match self.input.byte(0) {
            b',' | b'[' | b']' | b'{' | b'}' => flow,
            b'?' => flow && self.input.is_space_or_end(1),
            b':' => {
                self.input.is_space_or_end(1)
                    || flow && matches!(self.input.byte(1), b',' | b']' | b'}')
            }
            _ => false,
        }
    }

    fn plain_gap(&mut self, gap: &mut Gap) -> Result<(), Syntax> {
        loop {
            if gap.broken
                && self.input.byte(0) == b'\t'
                && self.input.mark().column < self.indent + 1
            {
                return Err(Syntax::new("a tab cannot indent a line", self.input.mark())
                    .help("YAML takes spaces only: replace the tab by spaces"));
            }
            if !self.white(gap) {
                return Ok(());
            }
        }
    }

    /// Moves one blank or line break to the gap; false when there is none.
    fn white(&mut self, gap: &mut Gap) -> bool {
        if self.input.is_blank(0) {
            match gap.broken {
                true => self.input.skip(),
                false => self.input.read(&mut gap.blanks),
            }
            return true;
        }
        if !self.input.is_break(0) {
            return false;
        }
        if gap.broken {
            self.input.read_break(&mut gap.more_breaks);
        } else {
            gap.blanks.clear();
            self.input.read_break(&mut gap.first_break);
            gap.broken = true;
        }
        true
    }

    /// A text in quotes.
    pub(super) fn quoted(&mut self) -> Result<(), Syntax> {
        self.save_candidate()?;
        self.key_allowed = false;
        let start = self.input.mark();
        let quote = self.input.byte(0);
        self.input.skip();
        let mut text = String::new();
        loop {
            if self.input.at_end() || self.input.is_document_indicator() {
                return Err(unclosed(quote, start));
            }
            let mut gap = Gap::default();
            self.quoted_words(quote, &mut text, &mut gap)?;
            if self.input.byte(0) == quote {
                break;
            }
            while self.white(&mut gap) {}
            gap.fold_quoted(&mut text);
        }
        self.input.skip();
        let end = self.input.mark();
        self.add(Part::Scalar(text, true), start, end);
        Ok(())
    }

    /// Reads up to white space or the closing quote.
    fn quoted_words(&mut self, quote: u8, text: &mut String, gap: &mut Gap) -> Result<(), Syntax> {
        while !self.input.is_space_or_end(0) {
            match self.input.byte(0) {
                b'\'' if quote == b'\'' && self.input.byte(1) == b'\'' => {
                    text.push('\'');
                    self.input.skip();
                    self.input.skip();
                }
                next if next == quote => return Ok(()),
                b'\\' if quote == b'"' && self.input.is_break(1) => {
                    self.input.skip();
                    self.input.skip_break();
                    gap.broken = true;
                    return Ok(());
                }
                b'\\' if quote == b'"' => self.escape(text)?,
                _ => self.input.read(text),
            }
        }
        Ok(())
    }

    /// `\n` and its like.
    fn escape(&mut self, text: &mut String) -> Result<(), Syntax> {
        let start = self.input.mark();
        self.input.skip();
        let Some(code) = self.input.char() else {
            return Err(Syntax::new("nothing follows the `\\`", start));
        };
        self.input.skip();
        let meant = match code {
            '0' => '\0',
            'a' => '\x07',
            'b' => '\x08',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\x0B',
            'f' => '\x0C',
            'r' => '\r',
            'e' => '\x1B',
            ' ' | '"' | '\'' | '\\' => code,
            'N' => '\u{85}',
            '_' => '\u{A0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            'x' => self.escaped_code(2, start)?,
            'u' => self.escaped_code(4, start)?,
            'U' => self.escaped_code(8, start)?,
            _ => {
                let message = format!("`\\{code}` means nothing between double quotes");
                return Err(Syntax {
                    width: 2,
                    ..Syntax::new(message, start)
                }
                .help("write `\\\\` for a backslash, or use single quotes"));
            }
        };
        text.push(meant);
        Ok(())
    }

    fn escaped_code(&mut self, digits: usize, start: Mark) -> Result<char, Syntax> {
        let mut code = 0u32;
        for _ in 0..digits {
            let Some(digit) = char::from(self.input.byte(0)).to_digit(16) else {
                let message = format!("{digits} hexadecimal digits must stand here");
                return Err(Syntax::new(message, self.input.mark()));
            };
            code = code << 4 | digit;
            self.input.skip();
        }
        char::from_u32(code)
            .ok_or_else(|| Syntax::new("this escape is no character of Unicode", start))
    }

    /// A block of text, after `|` or `>`.
    pub(super) fn block(&mut self) -> Result<(), Syntax> {
        self.drop_candidate()?;
        self.key_allowed = true;
        let start = self.input.mark();
        let literal = self.input.byte(0) == b'|';
        self.input.skip();
        let (keep, step) = self.block_header()?;
        let mut indent = match step {
            0 => 0,
            step if self.indent >= 0 => self.indent + step,
            step => step + 1,
        };
        let mut block = Block::default();
        let mut end = self.block_breaks(&mut indent, &mut block.more_breaks)?;
        while self.input.mark().column == indent && !self.input.at_end() {
            let blank = self.input.is_blank(0);
            block.begin_line(literal, blank);
            while !self.input.is_break_or_end(0) {
                self.input.read(&mut block.text);
            }
            self.input.read_break(&mut block.last_break);
            end = self.block_breaks(&mut indent, &mut block.more_breaks)?;
        }
        self.add(Part::Scalar(block.end(keep), true), start, end);
        Ok(())
    }

    /// The `+`, `-` and digit after `|`: what to do with the breaks at the end, and the indentation.
    fn block_header(&mut self) -> Result<(Keep, i32), Syntax> {
        let mut keep = None;
        let mut step = None;
        loop {
            let byte = self.input.byte(0);
            match byte {
                b'+' if keep.is_none() => keep = Some(Keep::All),
                b'-' if keep.is_none() => keep = Some(Keep::None),
                b'0' if step.is_none() => {
                    return Err(Syntax::new(
                        "the indentation must be 1 to 9",
                        self.input.mark(),
                    ));
                }
                b'1'..=b'9' if step.is_none() => step = Some(i32::from(byte - b'0')),
                _ => break,
            }
            self.input.skip();
        }
        self.input.skip_blanks();
        if self.input.byte(0) == b'#' {
            self.input.skip_line();
        }
        if !self.input.is_break_or_end(0) {
            let message = "a block of text begins on the line after its `|` or `>`";
            return Err(Syntax::new(message, self.input.mark()));
        }
        self.input.skip_break();
        Ok((keep.unwrap_or(Keep::One), step.unwrap_or(0)))
    }

    /// Reads empty lines and the indentation of the next; an indentation of 0 is found out here.
    fn block_breaks(&mut self, indent: &mut i32, breaks: &mut String) -> Result<Mark, Syntax> {
        let mut widest = 0;
        let mut end = self.input.mark();
        loop {
            let open = |column: i32| *indent == 0 || column < *indent;
            while open(self.input.mark().column) && self.input.byte(0) == b' ' {
                self.input.skip();
            }
            let column = self.input.mark().column;
            widest = widest.max(column);
            if open(column) && self.input.byte(0) == b'\t' {
                return Err(Syntax::new("a tab cannot indent a line", self.input.mark())
                    .help("YAML takes spaces only: replace the tab by spaces"));
            }
            if !self.input.is_break(0) {
                break;
            }
            self.input.read_break(breaks);
            end = self.input.mark();
        }
        if *indent == 0 {
            *indent = widest.max(self.indent + 1).max(1);
        }
        Ok(end)
    }
}

impl Gap {
    /// As [`Gap::fold`]; after `\` at the end of a line there is no first break and no space.
    fn fold_quoted(&mut self, text: &mut String) {
        if self.broken && self.first_break.is_empty() {
            text.push_str(&self.more_breaks);
            *self = Self::default();
        } else {
            self.fold(text);
        }
    }
}

/// Which line breaks at the end of a block belong to it.
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    None,
    One,
    All,
}

/// A block of text as far as it is read.
#[derive(Default)]
struct Block {
    text: String,
    last_break: String,
    more_breaks: String,
    /// The line before began with a blank: it is not folded.
    after_blank: bool,
}

impl Block {
    /// Joins the next line to the text.
    fn begin_line(&mut self, literal: bool, blank: bool) {
        let folds = !literal && !self.after_blank && !blank && self.last_break.starts_with('\n');
        if !folds {
            self.text.push_str(&self.last_break);
        } else if self.more_breaks.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&self.more_breaks);
        self.last_break.clear();
        self.more_breaks.clear();
        self.after_blank = blank;
    }

    fn end(mut self, keep: Keep) -> String {
        if keep != Keep::None {
            self.text.push_str(&self.last_break);
        }
        if keep == Keep::All {
            self.text.push_str(&self.more_breaks);
        }
        self.text
    }
}

fn unclosed(quote: u8, start: Mark) -> Syntax {
    let quote = char::from(quote);
    Syntax::new(
        format!("the text that begins with this `{quote}` is never closed"),
        start,
    )
}
