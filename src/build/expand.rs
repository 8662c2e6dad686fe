//! Variables in Dockerfile words: `$X`, `${X}` and the forms with a modifier.
//!
//! Follows BuildKit's `frontend/dockerfile/shell/lex.go` (`ProcessWord`): quotes and escapes are taken away in the same
//! pass, and a variable nobody set is empty.

use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// A word BuildKit refuses to expand; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpandError(String);

/// Expands one word. `escape` is the Dockerfile's escape character, `get` looks up a variable.
pub(crate) fn expand(
    word: &str,
    escape: char,
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ExpandError> {
    Lexer {
        rest: word.chars().peekable(),
        escape,
        get,
    }
    .until(None, false)
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    escape: char,
    get: &'a dyn Fn(&str) -> Option<String>,
}

fn refuse<T>(why: impl Into<String>) -> Result<T, ExpandError> {
    Err(ExpandError(why.into()))
}

impl Lexer<'_> {
    /// Reads up to `stop`, or to the end of the word. `raw` keeps escape characters, which patterns need.
    fn until(&mut self, stop: Option<char>, raw: bool) -> Result<String, ExpandError> {
        let mut out = String::new();
        while let Some(&c) = self.rest.peek() {
            if Some(c) == stop {
                self.rest.next();
                return Ok(out);
            }
            match c {
                '\'' => out.push_str(&self.single_quoted()?),
                '"' => out.push_str(&self.double_quoted(raw)?),
                '$' => out.push_str(&self.variable()?),
                c => {
                    self.rest.next();
                    if c != self.escape {
                        out.push(c);
                        continue;
                    }
                    if raw {
                        out.push(c);
                    }
                    out.extend(self.rest.next());
                }
            }
        }
        match stop {
            None => Ok(out),
            Some(_) => refuse("a `${` is not closed by a `}`"),
        }
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        self.rest.next();
        let mut out = String::new();
        for c in self.rest.by_ref() {
            if c == '\'' {
                return Ok(out);
            }
            out.push(c);
        }
        refuse("a single quote is not closed")
    }

    fn double_quoted(&mut self, raw: bool) -> Result<String, ExpandError> {
        self.rest.next();
        let mut out = String::new();
        while let Some(&c) = self.rest.peek() {
            if c == '$' {
                out.push_str(&self.variable()?);
                continue;
            }
            self.rest.next();
            if c == '"' {
                return Ok(out);
            }
            if c != self.escape {
                out.push(c);
                continue;
            }
            if raw {
                out.push(c);
            }
            match self.rest.peek() {
                None => {}
                Some(&next) if next == '"' || next == '$' || next == self.escape => {
                    out.extend(self.rest.next())
                }
                Some(_) => out.push(c),
            }
        }
        refuse("a double quote is not closed")
    }

    fn variable(&mut self) -> Result<String, ExpandError> {
        self.rest.next();
        if self.rest.peek() != Some(&'{') {
            let name = self.name();
            return Ok(if name.is_empty() {
                "$".to_owned()
            } else {
                (self.get)(&name).unwrap_or_default()
            });
        }
        self.rest.next();
        if matches!(self.rest.peek(), None | Some('{' | '}' | ':')) {
            return refuse("`${` is not followed by the name of a variable");
        }
        let name = self.name();
        let value = (self.get)(&name);
        let modifier = self.rest.next();
        let empty_is_unset = modifier == Some(':');
        let modifier = if empty_is_unset {
            self.rest.next()
        } else {
            modifier
        };
        let usable = value
            .clone()
            .filter(|value| !(empty_is_unset && value.is_empty()));
        match modifier {
            Some('}') if !empty_is_unset => Ok(value.unwrap_or_default()),
            Some('-') => {
                let word = self.until(Some('}'), false)?;
                Ok(usable.unwrap_or(word))
            }
            Some('+') => {
                let word = self.until(Some('}'), false)?;
                Ok(usable.map(|_| word).unwrap_or_default())
            }
            Some('?') => {
                let word = self.until(Some('}'), false)?;
                let why = if word.is_empty() {
                    "is not set"
                } else {
                    word.as_str()
                };
                usable.ok_or_else(|| {
                    ExpandError(format!("`{name}` {why}: give it with a build argument"))
                })
            }
            Some(side @ ('#' | '%')) if !empty_is_unset => {
                let word = self.until(Some('}'), true)?;
                let (pattern, greedy) = word
                    .strip_prefix(side)
                    .map_or((word.as_str(), false), |rest| (rest, true));
                trim(&value.unwrap_or_default(), pattern, side == '#', greedy)
            }
            Some('/') if !empty_is_unset => {
                let all = self.rest.next_if_eq(&'/').is_some();
                let pattern = self.until(Some('/'), true)?;
                let with = self.until(Some('}'), true)?;
                let found = pattern_expression(&pattern, true, "")?;
                let value = value.unwrap_or_default();
                let with = regex::NoExpand(&with);
                let replaced = if all {
                    found.replace_all(&value, with)
                } else {
                    found.replace(&value, with)
                };
                Ok(replaced.into_owned())
            }
            Some(other) => refuse(format!(
                "`{other}` is not a modifier that a `${{…}}` may have"
            )),
            None => refuse("a `${` is not closed by a `}`"),
        }
    }

    /// A name, all digits, or one of the special parameters of a shell.
    fn name(&mut self) -> String {
        match self.rest.peek() {
            Some(&c) if c.is_numeric() => {
                let mut digits = String::new();
                while let Some(c) = self.rest.next_if(|c| c.is_numeric()) {
                    digits.push(c);
                }
                digits
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.rest.next().map(String::from).unwrap_or_default()
            }
            _ => {
                let mut name = String::new();
                while let Some(c) = self.rest.next_if(|&c| c.is_alphanumeric() || c == '_') {
                    name.push(c);
                }
                name
            }
        }
    }
}

/// `${X#pattern}` and its like: the value without its shortest or longest matching end.
fn trim(value: &str, pattern: &str, front: bool, greedy: bool) -> Result<String, ExpandError> {
    if front {
        let found = pattern_expression(pattern, greedy, "^")?;
        return Ok(found.replace(value, regex::NoExpand("")).into_owned());
    }
    // Turned round, a suffix is a prefix, and "shortest" means the same again.
    let turned = |text: &str| text.chars().rev().collect::<String>();
    if pattern.contains('\\') {
        return refuse("an escape in a `%` pattern is not supported here: spell the value out");
    }
    let found = pattern_expression(&turned(pattern), greedy, "^")?;
    Ok(turned(&found.replace(&turned(value), regex::NoExpand(""))))
}

fn pattern_expression(pattern: &str, greedy: bool, anchor: &str) -> Result<Regex, ExpandError> {
    let mut expression = format!("(?s){anchor}");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => expression.push_str(if greedy { ".*" } else { ".*?" }),
            '?' => expression.push('.'),
            '\\' => match chars.next() {
                Some(c @ ('*' | '?' | '\\' | '}' | '/')) => {
                    expression.push_str(&regex::escape(&c.to_string()))
                }
                _ => {
                    return refuse(format!(
                        "the pattern `{pattern}` has an escape that means nothing"
                    ));
                }
            },
            c => expression.push_str(&regex::escape(&c.to_string())),
        }
    }
    Regex::new(&expression)
        .map_err(|_| ExpandError(format!("the pattern `{pattern}` is too large")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(word: &str) -> Result<String, ExpandError> {
        expand(word, '\\', &|name| match name {
            "X" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "FILE" => Some("a.tar.gz".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn words_expand_as_buildkit_expands_them() {
        for (word, wanted) in [
            ("$X/y", "value/y"),
            ("${X}y", "valuey"),
            ("$NONE", ""),
            ("${NONE:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${X:-d}", "value"),
            ("${X:+d}", "d"),
            ("${NONE:+d}", ""),
            ("${EMPTY:+d}", ""),
            ("${EMPTY+d}", "d"),
            ("${NONE:-${X}}", "value"),
            ("\\$X", "$X"),
            ("'$X'", "$X"),
            ("\"$X \\\" \\a\"", "value \" \\a"),
            ("a\\ b", "a b"),
            ("$", "$"),
            ("${X:?}", "value"),
            ("${FILE%.*}", "a.tar"),
            ("${FILE%%.*}", "a"),
            ("${FILE#*.}", "tar.gz"),
            ("${FILE##*.}", "gz"),
            ("${FILE/tar/zip}", "a.zip.gz"),
            ("${FILE//./-}", "a-tar-gz"),
        ] {
            assert_eq!(expanded(word).as_deref(), Ok(wanted), "{word}");
        }
    }

    #[test]
    fn an_open_brace_or_quote_is_refused() {
        for word in [
            "${X",
            "${X:-a",
            "${}",
            "'a",
            "\"a",
            "${X:!a}",
            "${NONE:?must be given}",
        ] {
            assert!(expanded(word).is_err(), "{word}");
        }
    }
}
