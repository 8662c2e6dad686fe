//! The files of variables that Compose reads: `.env`, `--env-file`, and `env_file` of a service.
//!
//! Sources: Compose documentation, "Syntax for environment files"; for what it leaves open, the
//! behaviour of compose-go's `dotenv`, compared with `docker compose config`. [`parse_raw`] reads
//! `format: raw`, the files of `docker run --env-file`.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::interpolate::{Fault, Lookup, expand};

/// One line that sets a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name; Compose takes an empty one too.
    pub name: String,
    /// Value; none for a name alone that has no value outside the file: such a line does nothing.
    pub value: Option<String>,
    /// True for a name alone: the value is not of the file.
    pub inherited: bool,
    /// Line of the name, from 1.
    pub line: u32,
    /// Line on which the value ends.
    pub last_line: u32,
    /// Columns of the value on its first line, quotes included, from 1, end exclusive; of the name
    /// when it stands alone.
    pub columns: (u32, u32),
    /// Variables that the value uses and that have no value. A `$` in a secret makes such a name
    /// of a part of it.
    pub missing: Vec<String>,
}

/// A line that cannot be read. The message does not quote it, for it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Line, from 1.
    pub line: u32,
    /// Columns on that line, from 1, end exclusive.
    pub columns: (u32, u32),
    /// What is wrong.
    pub message: String,
}

impl BadLine {
    /// A line longer than [`MAX_SCANNED`].
    pub(super) fn too_long(number: u32, line: &str) -> Self {
        Self {
            line: number,
            columns: (1, column(line, line.len())),
            message: format!("the line has more than {MAX_SCANNED} bytes"),
        }
    }
}

/// Bytes that the values of a file may have together. Each may hold the one before it twice, which
/// doubles with every line.
const MAX_LENGTH: usize = 16 << 20;

/// Variables that a file may set: as many as Compose reads values of a document.
const MAX_ENTRIES: usize = 100_000;

/// The longest line in bytes that Go's line scanner takes, which `format: raw` and ECS read with.
pub(super) const MAX_SCANNED: usize = 65_535;

/// Reads the file. Variables in values are looked up by `lookup`, then in the file so far.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(text: &str, lookup: Lookup) -> Result<Vec<Entry>, BadLine> {
    parse_after(text, lookup, &|_| None)
}

/// As [`parse`], for a file that follows others: what it sets itself counts before `earlier`.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse_after(text: &str, lookup: Lookup, earlier: Lookup) -> Result<Vec<Entry>, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text,
        at: 0,
        lines: Lines::new(text),
        lookup,
        earlier,
        known: HashMap::new(),
        entries: Vec::new(),
        length: Cell::new(0),
    };
    while reader.find_statement() {
        if reader.entries.len() >= MAX_ENTRIES {
            let message = format!("the file sets more than {MAX_ENTRIES} variables");
            return Err(reader.bad(reader.at..reader.at, message));
        }
        reader.statement()?;
    }
    Ok(reader.entries)
}

/// Reads the file in the format `raw`: all after the first `=` is the value as it stands.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse_raw(text: &str, lookup: Lookup) -> Result<Vec<Entry>, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = Vec::new();
    for (number, line) in scanned_lines(text) {
        if line.len() > MAX_SCANNED {
            return Err(BadLine::too_long(number, line));
        }
        let indent = line.len() - line.trim_start().len();
        let body = &line[indent..];
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let (name, written) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (body, None),
        };
        let start = match written {
            Some(_) => indent + name.len() + 1,
            None => indent,
        };
        let columns = (column(line, start), column(line, line.len()));
        let bad = |message: &str| BadLine {
            line: number,
            columns: (column(line, indent), column(line, indent + name.len())),
            message: message.to_owned(),
        };
        if name.is_empty() {
            return Err(bad("there is no name before `=`"));
        }
        if name.contains([' ', '\t']) {
            return Err(bad(
                "in the format `raw`, a name has no spaces in or after it",
            ));
        }
        if entries.len() >= MAX_ENTRIES {
            return Err(bad(&format!(
                "the file sets more than {MAX_ENTRIES} variables"
            )));
        }
        entries.push(Entry {
            name: name.to_owned(),
            value: written.map_or_else(|| lookup(name), |value| Some(value.to_owned())),
            inherited: written.is_none(),
            line: number,
            last_line: number,
            columns,
            missing: Vec::new(),
        });
    }
    Ok(entries)
}

/// The lines as Go's line scanner cuts them, with their numbers: one `\r` before the end is dropped.
/// A line longer than [`MAX_SCANNED`] keeps it, so that its length can be told.
pub(super) fn scanned_lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let lines = text.split('\n').map(|line| match line.strip_suffix('\r') {
        Some(cut) if line.len() <= MAX_SCANNED => cut,
        _ => line,
    });
    (1..).zip(lines)
}

/// Column of the byte `at` of `line`, from 1, in characters.
pub(super) fn column(line: &str, at: usize) -> u32 {
    line[..at].chars().count() as u32 + 1
}

/// Goes through the text statement by statement. What follows a closing quote on its line is the
/// next statement, as for Compose.
struct Reader<'a> {
    text: &'a str,
    /// Byte offset of what is to be read.
    at: usize,
    lines: Lines<'a>,
    lookup: Lookup<'a>,
    earlier: Lookup<'a>,
    /// What the file has set so far.
    known: HashMap<String, String>,
    entries: Vec<Entry>,
    /// Bytes of all values so far.
    length: Cell<usize>,
}

/// How a statement names its variable.
enum Key {
    /// `NAME=` or `NAME:`.
    Assigned,
    /// `NAME` and the end of the line.
    Alone,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Moves to the next statement; false at the end.
    fn find_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                return self.at < self.text.len();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn statement(&mut self) -> Result<(), BadLine> {
        self.skip_export()?;
        let start = self.at;
        let (key, name) = self.key()?;
        match key {
            // `export` and a line end.
            Key::Alone if name.is_empty() => {}
            Key::Alone => {
                let value = (self.lookup)(name);
                let entry = self.entry(name, value, start, start..start + name.len());
                self.entries.push(Entry {
                    inherited: true,
                    ..entry
                });
            }
            Key::Assigned => {
                self.skip_blanks();
                let from = self.at;
                let (value, to, missing) = self.value()?;
                self.known.insert(name.to_owned(), value.clone());
                let entry = self.entry(name, Some(value), start, from..to);
                self.entries.push(Entry { missing, ..entry });
            }
        }
        Ok(())
    }

    /// What `name` at `start` says with the text `written`.
    fn entry(
        &self,
        name: &str,
        value: Option<String>,
        start: usize,
        written: Range<usize>,
    ) -> Entry {
        let last = written.end.saturating_sub(1).max(written.start);
        Entry {
            name: name.to_owned(),
            value,
            inherited: false,
            line: self.lines.number(start),
            last_line: self.lines.number(last),
            columns: self.lines.columns(written),
            missing: Vec::new(),
        }
    }

    /// `export` needs white space after it; a line end will do.
    fn skip_export(&mut self) -> Result<(), BadLine> {
        let Some(rest) = self.rest().strip_prefix("export") else {
            return Ok(());
        };
        if !rest.starts_with(['\t', '\n', '\x0c', '\r', ' ']) {
            return Ok(());
        }
        let start = self.at;
        self.at += "export".len();
        self.skip_blanks();
        match self.rest().is_empty() {
            true => Err(self.bad(start..self.at, "there is no name after `export`")),
            false => Ok(()),
        }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }

    /// Reads the name and what ends it. A last line without `=` and without a line end is the value
    /// of a variable without a name: Compose's reading of it.
    fn key(&mut self) -> Result<(Key, &'a str), BadLine> {
        let rest = self.rest();
        let end = rest.char_indices().find(|&(_, c)| !is_name_part(c));
        let Some((end, last)) = end else {
            return Ok((Key::Assigned, ""));
        };
        let name = rest[..end].trim_end();
        let start = self.at;
        if !matches!(last, '=' | ':' | '\n') {
            let place = start + end..start + end + last.len_utf8();
            let shown = match last {
                '"' | '\'' | '\\' => last.to_string(),
                other => other.escape_debug().to_string(),
            };
            let message = format!("a variable name cannot have `{shown}`");
            return Err(self.bad(place, message));
        }
        // Other white space within a name is let through.
        if name.contains(' ') {
            let message = "a variable name cannot have a space";
            return Err(self.bad(start..start + name.len(), message));
        }
        self.at += end + 1;
        let key = match last {
            '\n' => Key::Alone,
            _ => Key::Assigned,
        };
        Ok((key, name))
    }

    /// Reads the value: itself, where it ends, and the variables it misses.
    fn value(&mut self) -> Result<(String, usize, Vec<String>), BadLine> {
        let start = self.at;
        let mut missing = Vec::new();
        let value = match self.rest().chars().next() {
            Some('\'') => self.quoted('\'')?,
            Some('"') => {
                let text = unescape(&self.quoted('"')?);
                self.expand(&text, start..self.at, &mut missing)?
            }
            _ => {
                let line = self.rest().split('\n').next().unwrap_or_default();
                // ` #` with a space, not a tab; and a `#` that begins the value is part of it.
                let bare = line.split(" #").next().unwrap_or_default().trim_end();
                let end = start + bare.len();
                let value = self.expand(bare, start..end, &mut missing)?;
                self.at = (start + line.len() + 1).min(self.text.len());
                return Ok((value, end, missing));
            }
        };
        Ok((value, self.at, missing))
    }

    /// Reads up to the closing quote. A backslash before that quote goes; all others stay.
    fn quoted(&mut self, quote: char) -> Result<String, BadLine> {
        let mut out = String::new();
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            if c == quote && !escaped {
                self.at += at + 1;
                return Ok(out);
            }
            if c == '\\' && !escaped {
                escaped = true;
                continue;
            }
            if escaped && c != quote {
                out.push('\\');
            }
            escaped = false;
            out.push(c);
        }
        let message = format!("the quote `{quote}` is not closed");
        Err(self.bad(self.at..self.at + 1, message))
    }

    fn expand(
        &self,
        text: &str,
        place: Range<usize>,
        missing: &mut Vec<String>,
    ) -> Result<String, BadLine> {
        let lookup = |name: &str| {
            (self.lookup)(name)
                .or_else(|| self.known.get(name).cloned())
                .or_else(|| (self.earlier)(name))
        };
        let expanded = expand(text, &lookup, missing);
        if let Ok(expanded) = &expanded {
            self.length.set(self.length.get() + expanded.len());
        }
        let expanded = expanded.and_then(|text| match self.length.get() > MAX_LENGTH {
            true => Err(Fault::TooLong),
            false => Ok(text),
        });
        expanded.map_err(|fault: Fault| self.bad(place, fault.discreet()))
    }

    fn bad(&self, place: Range<usize>, message: impl Into<String>) -> BadLine {
        BadLine {
            line: self.lines.number(place.start),
            columns: self.lines.columns(place),
            message: message.into(),
        }
    }
}

/// White space of compose-go's parser that does not end a line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// Letters and numbers of all scripts. The standard library's `is_alphanumeric` takes in some
/// marks and symbols beyond Unicode's categories L and N.
static LETTER_OR_NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{L}\p{N}]$").expect("a constant pattern"));

fn is_name_part(c: char) -> bool {
    let plain = c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
    let other = || !c.is_ascii() && LETTER_OR_NUMBER.is_match(c.encode_utf8(&mut [0; 4]));
    plain || is_blank(c) || other()
}

/// Replaces the escapes of a double-quoted value. `\$` becomes `$$`, which [`expand`] makes a
/// dollar sign of; what is no escape keeps its backslash.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let replacement = match c {
            'a' => "\x07",
            'b' => "\x08",
            'f' => "\x0c",
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'v' => "\x0b",
            '$' => "$$",
            '"' => "\"",
            '\\' => "\\",
            '0' => {
                rest = octal(&rest[1..], &mut out);
                continue;
            }
            _ => {
                out.push('\\');
                continue;
            }
        };
        out.push_str(replacement);
        rest = &rest[1..];
    }
    out.push_str(rest);
    out
}

/// Adds the character of `\0ooo`, whose digits `text` begins with, and gives what follows. One that
/// is not complete loses its zero and is otherwise kept, as compose-go has it.
fn octal<'a>(text: &'a str, out: &mut String) -> &'a str {
    let digits = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(digits);
    match u8::from_str_radix(digits, 8) {
        Ok(code) if digits.len() == 3 => out.push(char::from(code)),
        _ => {
            out.push('\\');
            out.push_str(digits);
        }
    }
    rest
}

/// Bytes of a line in which columns are counted: a line of a megabyte can set a variable in every
/// few bytes, and nobody looks for the column of one.
const MAX_COLUMN: usize = 10_000;

/// Where each line begins.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    /// Line of the byte `at`, from 1.
    fn number(&self, at: usize) -> u32 {
        self.starts.partition_point(|start| *start <= at) as u32
    }

    /// Columns of `range` on the line it begins on.
    fn columns(&self, range: Range<usize>) -> (u32, u32) {
        let number = self.number(range.start) as usize;
        let start = self.starts[number - 1];
        let next = self.starts.get(number);
        let line = &self.text[start..next.map_or(self.text.len(), |next| next - 1)];
        let end = (range.end - start).min(line.len());
        if range.start - start > MAX_COLUMN {
            return (1, 1);
        }
        (column(line, range.start - start), column(line, end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shell(name: &str) -> Option<String> {
        (name == "SHELL_VAR").then(|| "from shell".to_owned())
    }

    fn set(entries: Vec<Entry>) -> Vec<(String, String)> {
        let entries = entries.into_iter();
        entries
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect()
    }

    fn read(text: &str) -> Vec<(String, String)> {
        set(parse(text, &shell).expect("readable"))
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// The value of `A`.
    fn a(text: &str) -> String {
        let entries = read(text).into_iter();
        let mut own = entries.filter(|(name, _)| name == "A");
        own.next_back().expect("A is set").1
    }

    fn bad(text: &str) -> (u32, (u32, u32), String) {
        let bad = parse(text, &shell).unwrap_err();
        (bad.line, bad.columns, bad.message)
    }

    #[test]
    fn quotes_comments_and_export_are_read_as_compose_reads_them() {
        let text = "# note\nA=1 # comment\nexport B=\"two $A\\n\"\nC='$A'\nD=x#y\nE=\nF\nG: 5\n\
                    H=\"line one\nline two\"\nI=${SHELL_VAR}-${NONE:-d}\nSHELL_VAR\n";
        assert_eq!(
            read(text),
            [
                pair("A", "1"),
                pair("B", "two 1\n"),
                pair("C", "$A"),
                pair("D", "x#y"),
                pair("E", ""),
                pair("G", "5"),
                pair("H", "line one\nline two"),
                pair("I", "from shell-d"),
                pair("SHELL_VAR", "from shell"),
            ]
        );
    }

    #[test]
    fn a_comment_in_a_line_needs_a_space_and_a_value_before_it() {
        for (text, expected) in [
            ("A=1 # c\n", "1"),
            ("A=1\t# c\n", "1\t# c"),
            ("A= # c\n", "# c"),
            ("A=#c\n", "#c"),
            ("A=\"x\"#c\n", "x"),
            ("A='x' # c\n", "x"),
        ] {
            assert_eq!(a(text), expected, "{text}");
        }
    }

    #[test]
    fn white_space_around_names_and_values_goes() {
        for (text, expected) in [
            ("A =  b  \n", "b"),
            (" A=1\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A\u{a0}=\u{a0}x\u{2003}\n", "x"),
            ("A=\u{2003}x\n", "\u{2003}x"),
            ("export\nA=1\n", "1"),
            ("A=a\"b\"\n", "a\"b\""),
        ] {
            assert_eq!(a(text), expected, "{text}");
        }
    }

    #[test]
    fn escapes_are_those_of_compose() {
        for (written, expected) in [
            (r#""\n\t\r\"\\""#, "\n\t\r\"\\"),
            (r#""\a\b\f\v""#, "\x07\x08\x0c\x0b"),
            (
                r#""\$SHELL_VAR $$ ${SHELL_VAR}""#,
                "$SHELL_VAR $ from shell",
            ),
            (r#""\c\q\x41\'""#, r"\c\q\x41\'"),
            (r#""\0123\0377""#, "Sÿ"),
            (r#""\0\07\0400\089""#, r"\\7\400\89"),
            (r"'\n\'\\'", r"\n'\\"),
            (r"a\nb\$SHELL_VAR", r"a\nb\from shell"),
        ] {
            assert_eq!(a(&format!("A={written}\n")), expected, "{written}");
        }
    }

    #[test]
    fn what_follows_a_quote_is_the_next_statement() {
        assert_eq!(read("A=\"x\"y=1\n"), [pair("A", "x"), pair("y", "1")]);
        assert_eq!(read("A='x' junk\n"), [pair("A", "x")]);
    }

    #[test]
    fn a_name_alone_does_nothing_without_a_value_elsewhere() {
        let entries = parse("A=1\nA\nSHELL_VAR\n", &shell).expect("readable");
        let values = entries
            .iter()
            .map(|it| (it.value.as_deref(), it.inherited))
            .collect::<Vec<_>>();
        assert_eq!(
            values,
            [(Some("1"), false), (None, true), (Some("from shell"), true)]
        );
        // Without a line end it is the value of no name.
        assert_eq!(read("A"), [pair("", "A")]);
    }

    #[test]
    fn names_are_letters_and_numbers_of_any_script() {
        assert_eq!(
            read("1A=1\né.b-c[0]=2\n²=3\n"),
            [pair("1A", "1"), pair("é.b-c[0]", "2"), pair("²", "3")]
        );
        assert!(parse("ⓐ=1\n", &shell).is_err());
    }

    #[test]
    fn a_variable_is_looked_up_outside_then_in_the_file_then_in_earlier_files() {
        let earlier = |name: &str| {
            let known = ["SHELL_VAR", "A", "B"].contains(&name);
            known.then(|| "earlier".to_owned())
        };
        let text = "SHELL_VAR=x\nA=own\nC=${SHELL_VAR} ${A} ${B}\n";
        let entries = parse_after(text, &shell, &earlier).expect("readable");
        assert_eq!(
            entries.last().and_then(|entry| entry.value.as_deref()),
            Some("from shell own earlier")
        );
    }

    #[test]
    fn a_variable_without_a_value_is_noted() {
        let entries = parse("A=$NONE-${OTHER:-x}\n", &shell).expect("readable");
        assert_eq!(entries[0].missing, ["NONE"]);
    }

    #[test]
    fn bad_lines_are_told_with_line_and_column_and_without_their_text() {
        let message = |text: &str| text.to_owned();
        for (text, expected) in [
            (
                "A=1\nB=\"open\n",
                (2, (3, 4), message("the quote `\"` is not closed")),
            ),
            (
                "A=1\n  éB*C=2\n",
                (2, (5, 6), message("a variable name cannot have `*`")),
            ),
            (
                "A=\n\"b\"",
                (2, (1, 2), message("a variable name cannot have `\"`")),
            ),
            (
                "export A B=1\n",
                (1, (8, 11), message("a variable name cannot have a space")),
            ),
            (
                "export ",
                (1, (1, 8), message("there is no name after `export`")),
            ),
            (
                "A=\"x\"\nB=pa${ss # c\n",
                (
                    2,
                    (3, 9),
                    message("`${…}` is not closed with `}` on its line"),
                ),
            ),
            (
                "A=${NONE:?must}\n",
                (1, (3, 16), message("the variable `NONE` is required: must")),
            ),
        ] {
            assert_eq!(bad(text), expected, "{text}");
        }
    }

    #[test]
    fn an_entry_knows_where_its_value_stands() {
        let text = "# c\nexport A = 'x y' # c\nB=\"one\ntwo\"\nC=z # c\nD\n";
        let entries = parse(text, &shell).expect("readable");
        let places = entries
            .iter()
            .map(|it| (it.line, it.last_line, it.columns))
            .collect::<Vec<_>>();
        assert_eq!(
            places,
            [
                (2, 2, (12, 17)),
                (3, 4, (3, 7)),
                (5, 5, (3, 4)),
                (6, 6, (1, 2))
            ]
        );
    }

    #[test]
    fn the_raw_format_takes_all_after_the_equals_sign() {
        let text = "\u{feff}# c\n  # c\n A=\"$B\" # c \r\n\nC=\nSHELL_VAR\nNONE\na;b=1";
        assert_eq!(
            set(parse_raw(text, &shell).expect("readable")),
            [
                pair("A", "\"$B\" # c "),
                pair("C", ""),
                pair("SHELL_VAR", "from shell"),
                pair("a;b", "1"),
            ]
        );
        for text in ["A =1\n", "export A=1\n", "=1\n", "SHELL_VAR \n"] {
            assert!(parse_raw(text, &shell).is_err(), "{text}");
        }
    }

    #[test]
    fn the_raw_format_has_a_longest_line() {
        let line = |length: usize| format!("A={}\n", "x".repeat(length - 2));
        assert!(parse_raw(&line(MAX_SCANNED), &shell).is_ok());
        assert!(parse_raw(&line(MAX_SCANNED + 1), &shell).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in r"(A|=|:|\n|\r\n|'|\x22|\\|\$|\$\{A|\}| |#|export|\t|é|\u{feff}|.){0,40}"
        ) {
            let _ = parse(&text, &shell);
            let _ = parse_raw(&text, &shell);
        }
    }
}
