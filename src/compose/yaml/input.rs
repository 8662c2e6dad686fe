//! The text of a file, read character by character with the place of each.

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Line as YAML counts, from 1; `NEL`, `LS` and `PS` break lines too.
    pub line: u32,
    /// Column within that line, from 1, in characters.
    pub column: i32,
    /// Line as an editor counts, from 1.
    pub shown_line: u32,
    /// Column within the line of the editor, from 0, in characters.
    pub shown_column: u32,
}

/// What makes a file unusable.
#[derive(Debug)]
pub struct Syntax {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Where.
    pub mark: Mark,
    /// How many characters of the line it concerns.
    pub width: u32,
    /// What to do.
    pub help: Option<&'static str>,
}

impl Syntax {
    /// An error at one character.
    pub fn new(message: impl Into<String>, mark: Mark) -> Self {
        Self {
            message: message.into(),
            mark,
            width: 1,
            help: None,
        }
    }

    /// The same error with advice.
    pub fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }
}

/// The text and how far it is read.
pub struct Input<'t> {
    text: &'t str,
    at: usize,
    mark: Mark,
}

impl<'t> Input<'t> {
    /// `text` from its start, without a byte order mark.
    pub fn new(text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mark = Mark {
            line: 1,
            column: 1,
            shown_line: 1,
            shown_column: 0,
        };
        Self { text, at: 0, mark }
    }

    /// The place of the next character.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The byte at `ahead` from here; 0 after the end, which no text contains.
    pub fn byte(&self, ahead: usize) -> u8 {
        let bytes = self.text.as_bytes();
        bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// True when nothing is left.
    pub fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// The next character, to name it in a message.
    pub fn char(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// True when the byte at `ahead` is a space or a tab.
    pub fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), b' ' | b'\t')
    }

    /// True when a line break begins at `ahead`. Besides CR and LF these are NEL, LS and PS, as in
    /// YAML 1.1.
    pub fn is_break(&self, ahead: usize) -> bool {
        match self.byte(ahead) {
            b'\r' | b'\n' => true,
            0xC2 => self.byte(ahead + 1) == 0x85,
            0xE2 => self.byte(ahead + 1) == 0x80 && matches!(self.byte(ahead + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    /// True when a line break or the end is at `ahead`.
    pub fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead) == 0 || self.is_break(ahead)
    }

    /// True when white space or the end is at `ahead`.
    pub fn is_space_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// True when `---` or `...` stands alone at the start of this line.
    pub fn is_document_indicator(&self) -> bool {
        self.mark.column == 1
            && matches!(self.rest().get(..3), Some(b"---" | b"..."))
            && self.is_space_or_end(3)
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Steps over one character, which is no line break.
    pub fn skip(&mut self) {
        self.at += width(self.byte(0));
        self.mark.column += 1;
        self.mark.shown_column += 1;
    }

    /// Steps over spaces and tabs.
    pub fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Steps over the rest of the line, but not its break.
    pub fn skip_line(&mut self) {
        while !self.is_break_or_end(0) {
            self.skip();
        }
    }

    /// Moves one character, which is no line break, to `text`.
    pub fn read(&mut self, text: &mut String) {
        let end = (self.at + width(self.byte(0))).min(self.text.len());
        text.push_str(&self.text[self.at..end]);
        self.skip();
    }

    /// Steps over a line break, if one is here.
    pub fn skip_break(&mut self) {
        self.read_break(&mut String::new());
    }

    /// Moves a line break, if one is here, to `text`: LS and PS as they are, any other as LF.
    pub fn read_break(&mut self, text: &mut String) {
        if !self.is_break(0) {
            return;
        }
        let first = self.byte(0);
        let pair = first == b'\r' && self.byte(1) == b'\n';
        let length = if pair { 2 } else { width(first) };
        match first {
            0xE2 => text.push_str(&self.text[self.at..self.at + length]),
            _ => text.push('\n'),
        }
        self.at += length;
        self.mark.line += 1;
        self.mark.column = 1;
        if pair || first == b'\n' {
            self.mark.shown_line += 1;
            self.mark.shown_column = 0;
        } else {
            self.mark.shown_column += 1;
        }
    }

    /// Steps to the byte `at`, which begins a character.
    pub fn advance_to(&mut self, at: usize) {
        while self.at < at {
            match self.is_break(0) {
                true => self.skip_break(),
                false => self.skip(),
            }
        }
    }

    /// True when a `#` is the next that is no white space.
    pub fn comment_after_space(&self) -> bool {
        // go-yaml looks this far for another comment line.
        let near = self.rest().iter().take(512);
        let mut solid = near.skip_while(|byte| b" \t\r\n".contains(byte));
        solid.next() == Some(&b'#')
    }
}

/// Bytes of the character that begins with `first`.
fn width(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}
