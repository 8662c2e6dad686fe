//! Text to tokens, by the rules of go-yaml v4 as Docker Compose 5.6 uses it: those of libyaml, with
//! `:` and `?` inside of words allowed between brackets too.

use std::collections::VecDeque;

use super::MAX_DEPTH;
use super::input::{Input, Mark, Syntax};
use super::token::{Part, Token};

/// A place where a key without `?` may begin: known only when its `:` is met.
#[derive(Clone, Copy)]
struct Candidate {
    mark: Mark,
    /// The number of the token that would be the key.
    token: usize,
    /// Nothing but a key can stand at this indentation.
    required: bool,
}

/// Reads tokens.
pub struct Scanner<'t> {
    pub(super) input: Input<'t>,
    queue: VecDeque<Token>,
    /// Tokens handed out.
    taken: usize,
    /// The possible key of each open bracket, and of the block around them.
    candidates: Vec<Option<Candidate>>,
    /// Column of the block being read; -1 outside of any.
    pub(super) indent: i32,
    indents: Vec<i32>,
    /// Whether a key may begin here.
    pub(super) key_allowed: bool,
    /// Whether the last token was `[` or `,`.
    after_separator: bool,
    ended: bool,
}

impl<'t> Scanner<'t> {
    /// The tokens of `text`.
    pub fn new(text: &'t str) -> Self {
        Self {
            input: Input::new(text),
            queue: VecDeque::new(),
            taken: 0,
            candidates: vec![None],
            indent: -1,
            indents: Vec::new(),
            key_allowed: true,
            after_separator: false,
            ended: false,
        }
    }

    /// The next token, which stays.
    pub fn peek(&mut self) -> Result<&Token, Syntax> {
        while self.needs_more() {
            self.fetch()?;
        }
        Ok(&self.queue[0])
    }

    /// The next token.
    pub fn next(&mut self) -> Result<Token, Syntax> {
        let mark = self.peek()?.start;
        self.taken += 1;
        let token = self.queue.pop_front();
        // After the end there is only the end.
        Ok(token.unwrap_or(Token {
            part: Part::End,
            start: mark,
            end: mark,
        }))
    }

    pub(super) fn in_flow(&self) -> bool {
        self.candidates.len() > 1
    }

    /// A token that may turn out to be a key cannot be handed out yet.
    fn needs_more(&mut self) -> bool {
        if self.queue.is_empty() {
            return true;
        }
        let line = self.input.mark().line;
        // One from an earlier line is none any more: a key stands on one line.
        let mut alive = self
            .candidates
            .iter()
            .flatten()
            .filter(|key| key.mark.line == line);
        !self.ended && alive.next().is_some_and(|key| key.token == self.taken)
    }

    fn push(&mut self, part: Part, start: Mark) {
        let end = self.input.mark();
        self.after_separator = matches!(part, Part::OpenBracket | Part::Comma);
        self.queue.push_back(Token { part, start, end });
    }

    /// Puts an empty token before the token `number`.
    fn insert(&mut self, number: usize, part: Part, mark: Mark) {
        let token = Token {
            part,
            start: mark,
            end: mark,
        };
        self.queue.insert(number.saturating_sub(self.taken), token);
    }

    fn fetch(&mut self) -> Result<(), Syntax> {
        self.skip_to_token();
        let mark = self.input.mark();
        self.unroll(mark.column);
        if self.input.at_end() {
            return self.fetch_end();
        }
        if mark.column == 1 && self.input.byte(0) == b'%' {
            self.leave_blocks()?;
            return self.directive();
        }
        if self.input.is_document_indicator() {
            return self.document_indicator();
        }
        let next_is_space = self.input.is_space_or_end(1);
        match self.input.byte(0) {
            b'[' => self.open(Part::OpenBracket),
            b'{' => self.open(Part::OpenBrace),
            b']' => self.close(Part::CloseBracket),
            b'}' => self.close(Part::CloseBrace),
            b',' => self.comma(),
            b'-' if next_is_space => self.dash(),
            b'?' if next_is_space => self.question(),
            // After `[` and `,` a colon can begin a word, as in `[:80]`.
            b':' if next_is_space || self.in_flow() && !self.after_separator => self.colon(),
            b'*' | b'&' => self.anchor(),
            b'!' => self.tag(),
            b'|' | b'>' if !self.in_flow() => self.block(),
            b'\'' | b'"' => self.quoted(),
            _ => self.plain(),
        }
    }

    /// Steps over white space and comments.
    fn skip_to_token(&mut self) {
        loop {
            // A tab is no indentation: where a key may begin, it is not stepped over.
            let tabs = self.in_flow() || !self.key_allowed;
            while self.input.byte(0) == b' ' || tabs && self.input.byte(0) == b'\t' {
                self.input.skip();
            }
            if self.input.byte(0) == b'#' {
                self.comments();
            }
            if !self.input.is_break(0) {
                return;
            }
            self.input.skip_break();
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    /// Steps over a comment and the comments on the lines after it, which tabs may indent.
    fn comments(&mut self) {
        self.input.skip_line();
        while self.input.comment_after_space() {
            while self.input.byte(0) != b'#' {
                match self.input.is_break(0) {
                    true => self.input.skip_break(),
                    false => self.input.skip(),
                }
            }
            self.input.skip_line();
        }
    }

    fn fetch_end(&mut self) -> Result<(), Syntax> {
        let mark = self.input.mark();
        self.leave_blocks()?;
        self.ended = true;
        self.push(Part::End, mark);
        Ok(())
    }

    /// Ends all blocks, before what stands outside of documents.
    fn leave_blocks(&mut self) -> Result<(), Syntax> {
        self.unroll(-1);
        self.drop_candidate()?;
        self.key_allowed = false;
        Ok(())
    }

    fn document_indicator(&mut self) -> Result<(), Syntax> {
        self.leave_blocks()?;
        let start = self.input.mark();
        let part = match self.input.byte(0) {
            b'-' => Part::DocumentStart,
            _ => Part::DocumentEnd,
        };
        for _ in 0..3 {
            self.input.skip();
        }
        self.push(part, start);
        Ok(())
    }

    /// Takes one character as a token.
    fn indicator(&mut self, part: Part) {
        let start = self.input.mark();
        self.input.skip();
        self.push(part, start);
    }

    fn open(&mut self, part: Part) -> Result<(), Syntax> {
        self.save_candidate()?;
        if self.candidates.len() > MAX_DEPTH {
            return Err(super::too_deep(self.input.mark()));
        }
        self.candidates.push(None);
        self.key_allowed = true;
        self.indicator(part);
        Ok(())
    }

    fn close(&mut self, part: Part) -> Result<(), Syntax> {
        self.drop_candidate()?;
        if self.in_flow() {
            self.candidates.pop();
        }
        self.key_allowed = false;
        self.indicator(part);
        Ok(())
    }

    fn comma(&mut self) -> Result<(), Syntax> {
        self.drop_candidate()?;
        self.key_allowed = true;
        self.indicator(Part::Comma);
        Ok(())
    }

    fn dash(&mut self) -> Result<(), Syntax> {
        if !self.in_flow() {
            let mark = self.input.mark();
            if !self.key_allowed {
                return Err(Syntax::new("a list cannot begin here", mark)
                    .help("put the first `-` on a line of its own"));
            }
            self.roll(mark, None, Part::SequenceStart);
        }
        self.drop_candidate()?;
        self.key_allowed = true;
        self.indicator(Part::Dash);
        Ok(())
    }

    fn question(&mut self) -> Result<(), Syntax> {
        if !self.in_flow() {
            let mark = self.input.mark();
            if !self.key_allowed {
                return Err(Syntax::new("a key cannot begin here", mark));
            }
            self.roll(mark, None, Part::MappingStart);
        }
        self.drop_candidate()?;
        self.key_allowed = !self.in_flow();
        self.indicator(Part::Key);
        Ok(())
    }

    fn colon(&mut self) -> Result<(), Syntax> {
        let mark = self.input.mark();
        match self.candidate().filter(|key| key.mark.line == mark.line) {
            Some(key) => {
                self.insert(key.token, Part::Key, key.mark);
                self.roll(key.mark, Some(key.token), Part::MappingStart);
                *self.candidate_mut() = None;
                self.key_allowed = false;
            }
            None => {
                if !self.in_flow() {
                    if !self.key_allowed {
                        return Err(stray_colon(mark));
                    }
                    self.roll(mark, None, Part::MappingStart);
                }
                self.key_allowed = !self.in_flow();
            }
        }
        self.indicator(Part::Colon);
        Ok(())
    }

    /// Adds a token that was read, beginning at `start`.
    pub(super) fn add(&mut self, part: Part, start: Mark, end: Mark) {
        self.after_separator = false;
        self.queue.push_back(Token { part, start, end });
    }

    fn candidate(&self) -> Option<Candidate> {
        self.candidates.last().copied().flatten()
    }

    fn candidate_mut(&mut self) -> &mut Option<Candidate> {
        if self.candidates.is_empty() {
            self.candidates.push(None);
        }
        let last = self.candidates.len() - 1;
        &mut self.candidates[last]
    }

    /// Notes that what begins here may be a key.
    pub(super) fn save_candidate(&mut self) -> Result<(), Syntax> {
        if !self.key_allowed {
            return Ok(());
        }
        self.drop_candidate()?;
        let mark = self.input.mark();
        *self.candidate_mut() = Some(Candidate {
            mark,
            token: self.taken + self.queue.len(),
            required: !self.in_flow() && self.indent == mark.column,
        });
        Ok(())
    }

    /// Notes that what might have been a key is none.
    pub(super) fn drop_candidate(&mut self) -> Result<(), Syntax> {
        match self.candidate_mut().take() {
            Some(key) if key.required => Err(no_colon(key.mark)),
            _ => Ok(()),
        }
    }

    /// Begins a block when the column is further right than the block being read.
    fn roll(&mut self, mark: Mark, before: Option<usize>, part: Part) {
        if self.in_flow() || self.indent >= mark.column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = mark.column;
        let number = before.unwrap_or(self.taken + self.queue.len());
        self.insert(number, part, mark);
    }

    /// Ends the blocks further right than `column`.
    fn unroll(&mut self, column: i32) {
        if self.in_flow() {
            return;
        }
        while self.indent > column {
            let mark = self.input.mark();
            self.push(Part::BlockEnd, mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}

/// The error of a line in a mapping that is not `key: value`.
pub(super) fn no_colon(mark: Mark) -> Syntax {
    Syntax::new("a key stands here, but no `:` follows it", mark).help(
        "every line of a mapping is `key: value`; a text of more than one line must be indented \
         further than its key",
    )
}

fn stray_colon(mark: Mark) -> Syntax {
    Syntax::new(
        "a `:` cannot stand here: this line already has its value",
        mark,
    )
    .help("put a text that contains `: ` in quotes, or mend the indentation")
}
