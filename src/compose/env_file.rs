//! The `.env` dialect of Compose: `.env` of the project and the files of `env_file`.
//!
//! Source: Compose documentation, "Syntax for environment files": quotes, `export`, comments,
//! values over several lines, interpolation in unquoted and double-quoted values.

use super::interpolate::expand;

/// One line that sets a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name.
    pub name: String,
    /// Value; none for a name alone, which is taken from the shell.
    pub value: Option<String>,
    /// Line, from 1.
    pub line: u32,
    /// Columns of the value on that line, from 1, end exclusive.
    pub columns: (u32, u32),
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

/// Reads the file. Variables in values are looked up first in the file so far, then by `lookup`.
pub fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Entry>, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries: Vec<Entry> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let number = index as u32 + 1;
        let bad = |message: String| BadLine {
            line: number,
            message,
        };
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let body = match trimmed.strip_prefix("export") {
            Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
            _ => trimmed,
        };
        let Some(split) = body.find(['=', ':']) else {
            let name = body.trim_end();
            check_name(name).map_err(bad)?;
            let end = column_of(line, name) + name.chars().count() as u32;
            entries.push(Entry {
                name: name.to_owned(),
                value: None,
                line: number,
                columns: (column_of(line, name), end),
            });
            continue;
        };
        let name = body[..split].trim_end();
        check_name(name).map_err(bad)?;
        let raw = body[split + 1..].trim_start();
        let column = line.chars().count() as u32 - raw.chars().count() as u32 + 1;
        let known = |entries: &[Entry], key: &str| {
            let own = entries.iter().rev().find(|entry| entry.name == key);
            own.and_then(|entry| entry.value.clone())
                .or_else(|| lookup(key))
        };
        let value = match raw.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let mut quoted = raw[1..].to_owned();
                let mut end = closing_quote(&quoted, quote);
                while end.is_none() {
                    let Some((_, next)) = lines.next() else {
                        return Err(bad(format!("the quote `{quote}` is not closed")));
                    };
                    quoted.push('\n');
                    quoted.push_str(next);
                    end = closing_quote(&quoted, quote);
                }
                let inside = &quoted[..end.unwrap_or_default()];
                if quote == '\'' {
                    inside.to_owned()
                } else {
                    let unescaped = unescape(inside);
                    expand(&unescaped, &|key| known(&entries, key), &mut Vec::new()).map_err(bad)?
                }
            }
            _ => {
                let bare = strip_comment(raw).trim_end();
                expand(bare, &|key| known(&entries, key), &mut Vec::new()).map_err(bad)?
            }
        };
        entries.push(Entry {
            name: name.to_owned(),
            value: Some(value),
            line: number,
            columns: (column, line.trim_end().chars().count() as u32 + 1),
        });
    }
    Ok(entries)
}

fn column_of(line: &str, name: &str) -> u32 {
    let byte = line.find(name).unwrap_or(0);
    line[..byte].chars().count() as u32 + 1
}

fn check_name(name: &str) -> Result<(), String> {
    let valid = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']'));
    if valid {
        Ok(())
    } else {
        Err(format!("`{name}` is not a variable name"))
    }
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return Some(at);
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('$') => out.push_str("$$"),
            Some(other @ ('"' | '\\' | '\'')) => out.push(other),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}

/// A `#` begins a comment when white space stands before it.
fn strip_comment(text: &str) -> &str {
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        if c == '#' && previous.is_whitespace() {
            return &text[..at];
        }
        previous = c;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Option<String>)> {
        let lookup = |name: &str| (name == "SHELL_VAR").then(|| "from shell".to_owned());
        let entries = parse(text, &lookup).expect("readable");
        entries.into_iter().map(|e| (e.name, e.value)).collect()
    }

    #[test]
    fn quotes_comments_and_export_are_read_as_compose_reads_them() {
        let some = |text: &str| Some(text.to_owned());
        let text = "# note\nA=1 # comment\nexport B=\"two $A\\n\"\nC='$A'\nD=x#y\nE=\nF\nG: 5\n\
                    H=\"line one\nline two\"\nI=${SHELL_VAR}-${NONE:-d}\n";
        assert_eq!(
            read(text),
            [
                ("A".to_owned(), some("1")),
                ("B".to_owned(), some("two 1\n")),
                ("C".to_owned(), some("$A")),
                ("D".to_owned(), some("x#y")),
                ("E".to_owned(), some("")),
                ("F".to_owned(), None),
                ("G".to_owned(), some("5")),
                ("H".to_owned(), some("line one\nline two")),
                ("I".to_owned(), some("from shell-d")),
            ]
        );
    }

    #[test]
    fn an_open_quote_names_its_line() {
        let error = parse("A=1\nB=\"open\n", &|_| None).unwrap_err();
        assert_eq!(
            (error.line, &*error.message),
            (2, "the quote `\"` is not closed")
        );
    }
}
