//! Tokens to a graph of values in which an alias is still an alias: as large as the file, however
//! much its aliases repeat.

use std::collections::HashMap;

use super::input::{Mark, Syntax};
use super::scanner::{Scanner, no_colon};
use super::token::{Part, Token};
use super::{MAX_DEPTH, MAX_EXPANDED, MAX_VISITS, MAX_WRITTEN, too_deep, too_large};
use crate::compose::Kind;
use crate::compose::scalar::{self, Meaning};

/// The number of a value in the graph.
pub type Id = usize;

/// What a value is.
pub enum Shape {
    /// A scalar with its text and kind.
    Scalar(String, Kind),
    /// `<<`, the key that merges; as a value Compose leaves it out.
    Merge,
    /// A list.
    Sequence(Vec<Id>),
    /// Keys and values as they are written.
    Mapping(Vec<(Id, Id)>),
    /// Another value again.
    Alias(Id),
}

/// A value as it is written.
pub struct Raw {
    pub shape: Shape,
    /// The tag of an application, without its `!`.
    pub tag: Option<Box<str>>,
    pub start: Mark,
    pub end: Mark,
    /// A scalar that is no text, or a point in time: it cannot be a key.
    pub no_key: bool,
    /// Values in this one when aliases are followed.
    size: usize,
    /// Levels in this one when aliases are followed.
    depth: usize,
    /// False while its parts are read: an alias to it would have no end.
    complete: bool,
}

/// What stands before a value.
#[derive(Default)]
struct Marks {
    anchor: Option<String>,
    tag: Option<String>,
}

impl Marks {
    fn is_empty(&self) -> bool {
        self.anchor.is_none() && self.tag.is_none()
    }
}

/// Reads documents to a graph.
pub struct Graph<'t> {
    scanner: Scanner<'t>,
    raws: Vec<Raw>,
    /// Anchors stay known in the documents after theirs, as in go-yaml.
    anchors: HashMap<String, Id>,
    /// Where each anchored value is repeated, in the order of the file.
    uses: HashMap<Id, Vec<Id>>,
    /// Handles of tags and what they stand for.
    handles: Vec<(String, String)>,
    level: usize,
    /// Keys read so far.
    keys: usize,
    begun: bool,
    /// Mistakes that do not stop the reading.
    pub mistakes: Vec<Syntax>,
}

impl<'t> Graph<'t> {
    /// The graph of `text`, before its first document is read.
    pub fn new(text: &'t str) -> Self {
        Self {
            scanner: Scanner::new(text),
            raws: Vec::new(),
            anchors: HashMap::new(),
            uses: HashMap::new(),
            handles: Vec::new(),
            level: 0,
            keys: 0,
            begun: false,
            mistakes: Vec::new(),
        }
    }

    /// The value of number `id`.
    pub fn get(&self, id: Id) -> &Raw {
        &self.raws[id]
    }

    /// Values within the value `id`, with its aliases followed.
    pub fn size(&self, id: Id) -> usize {
        self.raws[id].size
    }

    /// The value that `id` is or that it is an alias of.
    pub fn target(&self, id: Id) -> Id {
        match self.raws[id].shape {
            Shape::Alias(target) => target,
            _ => id,
        }
    }

    /// Reads the next document, if there is one.
    pub fn document(&mut self) -> Result<Option<Id>, Syntax> {
        while self.scanner.peek()?.part == Part::DocumentEnd {
            self.scanner.next()?;
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let token = self.scanner.peek()?;
        let explicit = match &token.part {
            Part::End => return Ok(None),
            Part::Version(..) | Part::TagDirective(..) | Part::DocumentStart => true,
            _ => !first,
        };
        let before = self.raws.len() - self.keys;
        self.directives()?;
        let root = match explicit {
            true => self.explicit_document()?,
            false => self.node(true, false)?,
        };
        if self.scanner.peek()?.part == Part::DocumentEnd {
            self.scanner.next()?;
        }
        if self.raws.len() - self.keys - before > MAX_VISITS {
            let message = format!("Docker Compose reads at most {MAX_VISITS} values of a document");
            return Err(Syntax::new(message, self.raws[root].start));
        }
        Ok(Some(root))
    }

    fn explicit_document(&mut self) -> Result<Id, Syntax> {
        let token = self.scanner.next()?;
        if token.part != Part::DocumentStart {
            let message = format!(
                "{} stands here after the end of the document",
                token.part.name()
            );
            return Err(Syntax::new(message, token.start)
                .help("check the indentation; another document begins with `---`"));
        }
        let next = self.scanner.peek()?;
        match next.part {
            Part::Version(..)
            | Part::TagDirective(..)
            | Part::DocumentStart
            | Part::DocumentEnd
            | Part::End => self.empty(token.end),
            _ => self.node(true, false),
        }
    }

    fn directives(&mut self) -> Result<(), Syntax> {
        self.handles.clear();
        let mut versions = 0;
        while let Part::Version(..) | Part::TagDirective(..) = self.scanner.peek()?.part {
            let token = self.scanner.next()?;
            match token.part {
                // Compose's parser refuses even 1.2.
                Part::Version(major, minor) if (major, minor) != (1, 1) || versions > 0 => {
                    return Err(Syntax::new(
                        "Docker Compose takes only one `%YAML 1.1`",
                        token.start,
                    )
                    .help("leave the line out"));
                }
                Part::TagDirective(handle, prefix) => {
                    if self.handles.iter().any(|(known, _)| *known == handle) {
                        let message = format!("the handle `{handle}` is given twice");
                        return Err(Syntax::new(message, token.start));
                    }
                    self.handles.push((handle, prefix));
                }
                _ => versions += 1,
            }
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.handles.iter().any(|(known, _)| known == handle) {
                self.handles.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    /// A value. `block` tells whether it may be one by indentation, and `indentless` whether the
    /// dashes of a list may stand below the first letter of its key.
    fn node(&mut self, block: bool, indentless: bool) -> Result<Id, Syntax> {
        let start = self.scanner.peek()?.start;
        if let Part::Alias(_) = self.scanner.peek()?.part {
            return self.alias();
        }
        let (marks, end) = self.marks(start)?;
        let level = self.level;
        self.level += 1;
        if self.level > MAX_DEPTH {
            return Err(too_deep(start));
        }
        let reset = marks.tag.as_deref() == Some("!reset");
        let known = self.mistakes.len();
        let id = self.content(block, indentless, marks, end)?;
        self.level = level;
        if reset {
            // Compose does not look at what `!reset` takes out.
            self.mistakes.truncate(known);
        }
        Ok(id)
    }

    fn content(
        &mut self,
        block: bool,
        indentless: bool,
        marks: Marks,
        end: Mark,
    ) -> Result<Id, Syntax> {
        match &self.scanner.peek()?.part {
            Part::Dash if indentless => self.indentless(marks),
            Part::Scalar(..) => self.scalar(marks),
            Part::OpenBracket => self.flow_sequence(marks),
            Part::OpenBrace => self.flow_mapping(marks),
            Part::SequenceStart if block => self.block_sequence(marks),
            Part::MappingStart if block => self.block_mapping(marks),
            _ if !marks.is_empty() => self.no_content(marks, end),
            other => {
                let message = format!("a value must stand here, not {}", other.name());
                let mark = self.scanner.peek()?.start;
                Err(Syntax::new(message, mark))
            }
        }
    }

    fn alias(&mut self) -> Result<Id, Syntax> {
        let Token { part, start, end } = self.scanner.next()?;
        let Part::Alias(name) = part else {
            return self.empty(start);
        };
        let width = end.shown_column - start.shown_column;
        let error = |message| {
            Err(Syntax {
                width,
                ..Syntax::new(message, start)
            })
        };
        let Some(&target) = self.anchors.get(&name) else {
            return error(format!("no anchor `&{name}` stands before this alias"));
        };
        if !self.raws[target].complete {
            return error(format!(
                "`*{name}` stands within `&{name}`, which it repeats"
            ));
        }
        let id = self.open(Shape::Alias(target), Marks::default(), start, end)?;
        self.uses.entry(target).or_default().push(id);
        self.complete(id)
    }

    /// The anchor and the tag before a value, in either order, and where they end.
    fn marks(&mut self, start: Mark) -> Result<(Marks, Mark), Syntax> {
        let mut marks = Marks::default();
        let mut end = start;
        loop {
            match &self.scanner.peek()?.part {
                Part::Anchor(_) if marks.anchor.is_none() => {}
                Part::Tag(..) if marks.tag.is_none() => {}
                _ => return Ok((marks, end)),
            }
            let token = self.scanner.next()?;
            end = token.end;
            match token.part {
                Part::Anchor(name) => marks.anchor = Some(name),
                Part::Tag(handle, suffix) => {
                    marks.tag = Some(self.full_tag(&handle, suffix, token.start)?);
                }
                _ => {}
            }
        }
    }

    fn full_tag(&self, handle: &str, suffix: String, mark: Mark) -> Result<String, Syntax> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        match self.handles.iter().find(|(known, _)| known == handle) {
            Some((_, prefix)) => Ok(format!("{prefix}{suffix}")),
            None => Err(Syntax::new(
                format!("the tag handle `{handle}` is not known"),
                mark,
            )),
        }
    }

    fn scalar(&mut self, marks: Marks) -> Result<Id, Syntax> {
        let Token { part, start, end } = self.scanner.next()?;
        match part {
            Part::Scalar(text, quoted) => self.add_scalar(text, quoted, marks, start, end),
            _ => self.empty(start),
        }
    }

    /// A null that is not written.
    fn empty(&mut self, mark: Mark) -> Result<Id, Syntax> {
        self.no_content(Marks::default(), mark)
    }

    /// An anchor or a tag with nothing after it.
    fn no_content(&mut self, marks: Marks, mark: Mark) -> Result<Id, Syntax> {
        self.add_scalar(String::new(), false, marks, mark, mark)
    }

    fn add_scalar(
        &mut self,
        text: String,
        quoted: bool,
        marks: Marks,
        start: Mark,
        end: Mark,
    ) -> Result<Id, Syntax> {
        let meaning = scalar::meaning(text, marks.tag.as_deref(), quoted).unwrap_or_else(|why| {
            self.mistakes.push(Syntax::new(why, start));
            Meaning::Null
        });
        if let Meaning::Float(value) = meaning
            && !value.is_finite()
        {
            let message = "Docker Compose takes no infinity and no `.nan`";
            self.mistakes.push(Syntax::new(message, start));
        }
        let no_key = !matches!(meaning, Meaning::Text(_) | Meaning::Merge);
        let shape = match meaning {
            Meaning::Merge => Shape::Merge,
            meaning => {
                let (text, kind) = meaning.into_parts();
                Shape::Scalar(text, kind)
            }
        };
        let id = self.open(shape, marks, start, end)?;
        self.raws[id].no_key = no_key;
        self.complete(id)
    }

    /// Adds a value whose parts are yet to be read.
    fn open(&mut self, shape: Shape, marks: Marks, start: Mark, end: Mark) -> Result<Id, Syntax> {
        if self.raws.len() >= MAX_WRITTEN {
            return Err(Syntax::new(
                format!("the file has more than {MAX_WRITTEN} values"),
                start,
            ));
        }
        let id = self.raws.len();
        let local = marks.tag.as_deref().and_then(|tag| tag.strip_prefix('!'));
        self.raws.push(Raw {
            shape,
            tag: local.filter(|tag| !tag.is_empty()).map(Into::into),
            start,
            end,
            no_key: false,
            size: 1,
            depth: 1,
            complete: false,
        });
        if let Some(anchor) = marks.anchor {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    /// Notes that the parts of a value are read, and measures it.
    fn complete(&mut self, id: Id) -> Result<Id, Syntax> {
        let raw = &self.raws[id];
        let (size, depth) = match &raw.shape {
            Shape::Scalar(..) | Shape::Merge => (1, 1),
            Shape::Alias(target) => (self.raws[*target].size, self.raws[*target].depth),
            Shape::Sequence(items) => self.measure(items.iter()),
            Shape::Mapping(entries) => {
                self.measure(entries.iter().flat_map(|(key, value)| [key, value]))
            }
        };
        if size > MAX_EXPANDED {
            return Err(too_large(raw.start));
        }
        if depth > MAX_DEPTH {
            return Err(too_deep(raw.start));
        }
        let raw = &mut self.raws[id];
        (raw.size, raw.depth, raw.complete) = (size, depth, true);
        Ok(id)
    }

    fn measure<'a>(&self, parts: impl Iterator<Item = &'a Id>) -> (usize, usize) {
        let (size, depth) = parts.fold((0, 0), |(size, depth), id| {
            let part = &self.raws[*id];
            (size + part.size, part.depth.max(depth))
        });
        (1 + size, 1 + depth)
    }

    fn block_sequence(&mut self, marks: Marks) -> Result<Id, Syntax> {
        let start = self.scanner.next()?.start;
        let id = self.open(Shape::Sequence(Vec::new()), marks, start, start)?;
        let mut items = Vec::new();
        loop {
            let token = self.scanner.next()?;
            match token.part {
                Part::Dash => {}
                Part::BlockEnd => return self.close_sequence(id, items),
                other => {
                    let line = start.shown_line;
                    let message = format!(
                        "{} stands where the list of line {line} goes on",
                        other.name()
                    );
                    return Err(Syntax::new(message, token.start)
                        .help("begin each item with `- `, and mind the indentation"));
                }
            }
            let next = self.scanner.peek()?;
            items.push(match next.part {
                Part::Dash | Part::BlockEnd => self.empty(token.end)?,
                _ => self.node(true, false)?,
            });
        }
    }

    /// A list whose dashes stand below the first letter of its key.
    fn indentless(&mut self, marks: Marks) -> Result<Id, Syntax> {
        let start = self.scanner.peek()?.start;
        let id = self.open(Shape::Sequence(Vec::new()), marks, start, start)?;
        let mut items = Vec::new();
        while self.scanner.peek()?.part == Part::Dash {
            let dash = self.scanner.next()?;
            items.push(match self.scanner.peek()?.part {
                Part::Dash | Part::Key | Part::Colon | Part::BlockEnd => self.empty(dash.end)?,
                _ => self.node(true, false)?,
            });
        }
        self.close_sequence(id, items)
    }

    fn close_sequence(&mut self, id: Id, items: Vec<Id>) -> Result<Id, Syntax> {
        self.raws[id].shape = Shape::Sequence(items);
        self.complete(id)
    }

    fn block_mapping(&mut self, marks: Marks) -> Result<Id, Syntax> {
        let start = self.scanner.next()?.start;
        let id = self.open(Shape::Mapping(Vec::new()), marks, start, start)?;
        let mut entries = Vec::new();
        loop {
            let token = self.scanner.next()?;
            match token.part {
                Part::Key => {}
                Part::BlockEnd => return self.close_mapping(id, entries),
                Part::Scalar(..) => return Err(no_colon(token.start)),
                other => {
                    let line = start.shown_line;
                    let message = format!(
                        "{} stands where the mapping of line {line} goes on",
                        other.name()
                    );
                    return Err(Syntax::new(message, token.start).help(
                        "a line must be indented exactly as the other keys beside it, \
                         and be `key: value`",
                    ));
                }
            }
            let key = self.block_part(token.end)?;
            let colon = match self.scanner.peek()? {
                Token {
                    part: Part::Colon,
                    end,
                    ..
                } => Ok(*end),
                Token { start, .. } => Err(*start),
            };
            let value = match colon {
                Ok(end) => {
                    self.scanner.next()?;
                    self.block_part(end)?
                }
                Err(start) => self.empty(start)?,
            };
            entries.push((key, value));
        }
    }

    /// A key or a value of a mapping by indentation.
    fn block_part(&mut self, after: Mark) -> Result<Id, Syntax> {
        match self.scanner.peek()?.part {
            Part::Key | Part::Colon | Part::BlockEnd => self.empty(after),
            _ => self.node(true, true),
        }
    }

    fn flow_sequence(&mut self, marks: Marks) -> Result<Id, Syntax> {
        let open = self.scanner.next()?;
        let id = self.open(Shape::Sequence(Vec::new()), marks, open.start, open.end)?;
        let mut items = Vec::new();
        loop {
            self.flow_separator(items.is_empty(), &Part::CloseBracket, &open)?;
            match self.scanner.peek()?.part {
                Part::CloseBracket => break,
                Part::Key => items.push(self.single_pair()?),
                _ => items.push(self.node(false, false)?),
            }
        }
        self.scanner.next()?;
        self.close_sequence(id, items)
    }

    /// Steps over the comma between two parts, which only the closing bracket makes needless.
    fn flow_separator(&mut self, first: bool, close: &Part, open: &Token) -> Result<(), Syntax> {
        let token = self.scanner.peek()?;
        if first || token.part == *close {
            return match token.part {
                Part::End => Err(never_closed(open)),
                _ => Ok(()),
            };
        }
        match &token.part {
            Part::Comma => {
                self.scanner.next()?;
                match self.scanner.peek()?.part {
                    Part::End => Err(never_closed(open)),
                    _ => Ok(()),
                }
            }
            Part::End => Err(never_closed(open)),
            other => {
                let (close, line) = (close.name(), open.start.shown_line);
                let message = format!(
                    "{} stands where `,` or {close} must: {} of line {line} is still open",
                    other.name(),
                    open.part.name()
                );
                Err(Syntax::new(message, token.start))
            }
        }
    }

    /// `key: value` within brackets, which is a mapping of one entry.
    fn single_pair(&mut self) -> Result<Id, Syntax> {
        let Token { start, end, .. } = self.scanner.next()?;
        let id = self.open(Shape::Mapping(Vec::new()), Marks::default(), start, end)?;
        let key = match self.scanner.peek()?.part {
            // libyaml steps over what follows a `?` without a key, whatever it is.
            Part::Colon | Part::Comma | Part::CloseBracket => {
                let end = self.scanner.next()?.end;
                self.empty(end)?
            }
            _ => self.node(false, false)?,
        };
        let value = self.flow_value(&Part::CloseBracket)?;
        self.close_mapping(id, vec![(key, value)])
    }

    /// What follows the colon of a mapping within brackets, or null.
    fn flow_value(&mut self, close: &Part) -> Result<Id, Syntax> {
        let colon = self.scanner.peek()?;
        let mark = colon.start;
        if colon.part != Part::Colon {
            return self.empty(mark);
        }
        let mark = self.scanner.next()?.end;
        match &self.scanner.peek()?.part {
            Part::Comma => self.empty(mark),
            part if part == close => self.empty(mark),
            _ => self.node(false, false),
        }
    }

    fn flow_mapping(&mut self, marks: Marks) -> Result<Id, Syntax> {
        let open = self.scanner.next()?;
        let id = self.open(Shape::Mapping(Vec::new()), marks, open.start, open.end)?;
        let mut entries = Vec::new();
        loop {
            self.flow_separator(entries.is_empty(), &Part::CloseBrace, &open)?;
            let token = self.scanner.peek()?;
            let mark = token.start;
            match token.part {
                Part::CloseBrace => break,
                Part::Key => {
                    self.scanner.next()?;
                    let key = match self.scanner.peek()?.part {
                        Part::Colon | Part::Comma | Part::CloseBrace => self.empty(mark)?,
                        _ => self.node(false, false)?,
                    };
                    entries.push((key, self.flow_value(&Part::CloseBrace)?));
                }
                _ => {
                    let key = self.node(false, false)?;
                    let mark = self.scanner.peek()?.start;
                    entries.push((key, self.empty(mark)?));
                }
            }
        }
        self.scanner.next()?;
        self.close_mapping(id, entries)
    }

    fn close_mapping(&mut self, id: Id, entries: Vec<(Id, Id)>) -> Result<Id, Syntax> {
        self.keys += entries.len();
        self.check_keys(&entries);
        self.check_cycle(id, &entries);
        self.raws[id].shape = Shape::Mapping(entries);
        self.complete(id)
    }

    /// Notes keys that are no text, keys given twice, and merges of what is no mapping.
    fn check_keys(&mut self, entries: &[(Id, Id)]) {
        let mut lines: HashMap<&str, u32> = HashMap::with_capacity(entries.len());
        let mut mistakes = Vec::new();
        for (key, value) in entries {
            let raw = &self.raws[*key];
            let text = match &self.raws[self.target(*key)] {
                Raw {
                    no_key: false,
                    shape: Shape::Scalar(text, _),
                    ..
                } => text,
                Raw {
                    shape: Shape::Merge,
                    ..
                } => "<<",
                other => {
                    mistakes.push(self.bad_key(raw, other));
                    continue;
                }
            };
            if let Shape::Merge = raw.shape
                && let Some(bad) = self.bad_merge(*value)
            {
                let message = "`<<` takes a mapping or a list of mappings";
                mistakes.push(Syntax::new(message, self.raws[bad].start));
            }
            match lines.entry(text) {
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(raw.start.shown_line);
                }
                std::collections::hash_map::Entry::Occupied(first) => {
                    let line = first.get();
                    let message =
                        format!("`{text}` is given twice; it already stands on line {line}");
                    mistakes.push(spanning(raw, message));
                }
            }
        }
        self.mistakes.append(&mut mistakes);
    }

    /// Notes what compose-go takes for a cycle (`checkForCycle`): a value merged into a mapping and
    /// repeated deeper within it.
    fn check_cycle(&mut self, mapping: Id, entries: &[(Id, Id)]) {
        let merge = |(key, _): &&(Id, Id)| matches!(self.raws[*key].shape, Shape::Merge);
        // It does not look at what the whole file merges.
        let Some((_, merged)) = entries.iter().find(merge).filter(|_| self.level > 1) else {
            return;
        };
        let Some(uses) = self.uses.get(&self.target(*merged)) else {
            return;
        };
        // The values of a mapping have the numbers after its own.
        let inside = &uses[uses.partition_point(|alias| *alias < mapping)..];
        if let Some(again) = inside
            .iter()
            .find(|alias| *alias != merged && inside.contains(merged))
        {
            let message = "Docker Compose takes this for a cycle: the same value is also merged \
                           into a mapping around it";
            let mistake = spanning(&self.raws[*again], message.to_owned())
                .help("give the two places anchors of their own");
            self.mistakes.push(mistake);
        }
    }

    fn bad_key(&self, written: &Raw, meant: &Raw) -> Syntax {
        match &meant.shape {
            Shape::Scalar(_, Kind::Null) => {
                spanning(written, "a key is missing or null".to_owned())
            }
            Shape::Scalar(text, _) => spanning(written, format!("the key `{text}` is no text"))
                .help("put the key in quotes"),
            _ => spanning(
                written,
                "a key must be text, not a list or a mapping".to_owned(),
            ),
        }
    }

    /// The part of the value of `<<` that cannot be merged.
    fn bad_merge(&self, value: Id) -> Option<Id> {
        let is_mapping = |id: Id| matches!(self.raws[self.target(id)].shape, Shape::Mapping(_));
        if self.is_reset(value) {
            return None;
        }
        match &self.raws[self.target(value)].shape {
            Shape::Mapping(_) => None,
            Shape::Sequence(items) => items
                .iter()
                .copied()
                .find(|item| !is_mapping(*item) && !self.is_reset(*item)),
            _ => Some(value),
        }
    }

    /// True for a value that `!reset` takes out.
    pub fn is_reset(&self, id: Id) -> bool {
        self.raws[self.target(id)].tag.as_deref() == Some("reset")
    }
}

fn spanning(raw: &Raw, message: String) -> Syntax {
    let one_line = raw.start.shown_line == raw.end.shown_line;
    let width = raw.end.shown_column.saturating_sub(raw.start.shown_column);
    Syntax {
        width: if one_line { width.max(1) } else { 1 },
        ..Syntax::new(message, raw.start)
    }
}

fn never_closed(open: &Token) -> Syntax {
    Syntax::new(
        format!("this {} is never closed", open.part.name()),
        open.start,
    )
}
