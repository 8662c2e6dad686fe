//! Go's regular expressions, read as Go reads them and rewritten for the `regex` crate.
//!
//! `.dockerignore` patterns are turned into Go regular expressions with their escapes and brackets left as they are, so
//! the differences between the two engines show: `[[^/]*` is one class followed by a star in Go and an unclosed nested
//! class in Rust, `\d` is ASCII in Go, `\Q` quotes in Go only. Only what such a pattern can contain is covered; groups,
//! dots and repetitions arrive in the shapes [`super::ignore`] writes.

use regex::Regex;

/// The expression is refused by Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadExpression;

/// Compiles a Go expression.
pub(crate) fn compile(go: &str) -> Result<Regex, BadExpression> {
    Regex::new(&translate(go)?).map_err(|_| BadExpression)
}

fn translate(go: &str) -> Result<String, BadExpression> {
    let mut out = String::new();
    let mut rest = go;
    while let Some(c) = rest.chars().next() {
        match c {
            '\\' if rest.starts_with("\\Q") => {
                // Without `\E` everything to the end is literal, even the closing anchor.
                let (literal, after) = rest[2..].split_once("\\E").unwrap_or((&rest[2..], ""));
                out.push_str(&regex::escape(literal));
                rest = after;
            }
            '\\' => rest = escape(rest, false, &mut out)?,
            '[' => rest = class(rest, &mut out)?,
            ']' => {
                out.push_str("\\]");
                rest = &rest[1..];
            }
            c => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    Ok(out)
}

/// An escape sequence that starts `text`; writes its equivalent and returns what follows.
fn escape<'a>(text: &'a str, in_class: bool, out: &mut String) -> Result<&'a str, BadExpression> {
    let c = text[1..].chars().next().ok_or(BadExpression)?;
    let after = &text[1 + c.len_utf8()..];
    let set = match c {
        // `\d` and its like mean ASCII in Go.
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => "[\\t\\n\\x0C\\r ]",
        'S' => "[^\\t\\n\\x0C\\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        'A' if !in_class => "\\A",
        'z' if !in_class => "\\z",
        'b' if !in_class => "(?-u:\\b)",
        'B' if !in_class => "\\B",
        'p' | 'P' => return unicode_class(text, out),
        _ => {
            let (literal, after) = escaped_char(text)?;
            push_char(literal, out);
            return Ok(after);
        }
    };
    out.push_str(set);
    Ok(after)
}

/// `\pL`, `\p{Greek}`, `\P{^Greek}`: the names are the same in both engines.
fn unicode_class<'a>(text: &'a str, out: &mut String) -> Result<&'a str, BadExpression> {
    let mut negated = text.starts_with("\\P");
    let named = &text[2..];
    let (name, after) = if let Some(braced) = named.strip_prefix('{') {
        braced.split_once('}').ok_or(BadExpression)?
    } else {
        let c = named.chars().next().ok_or(BadExpression)?;
        named.split_at(c.len_utf8())
    };
    let name = match name.strip_prefix('^') {
        Some(name) => {
            negated = !negated;
            name
        }
        None => name,
    };
    out.push_str(if negated { "\\P{" } else { "\\p{" });
    out.push_str(name);
    out.push('}');
    Ok(after)
}

/// The single character an escape stands for: `regexp/syntax`'s `parseEscape`.
fn escaped_char(text: &str) -> Result<(char, &str), BadExpression> {
    let c = text[1..].chars().next().ok_or(BadExpression)?;
    let after = &text[1 + c.len_utf8()..];
    let control = match c {
        'a' => '\x07',
        'f' => '\x0C',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0B',
        // A single digit but zero would be a back-reference, which Go has not.
        '1'..='7' if !after.starts_with(|c: char| c.is_digit(8)) => return Err(BadExpression),
        '0'..='7' => {
            let more = after.chars().take(2).take_while(|c| c.is_digit(8)).count();
            let value = u32::from_str_radix(&text[1..2 + more], 8).map_err(|_| BadExpression)?;
            return Ok((char::from_u32(value).ok_or(BadExpression)?, &after[more..]));
        }
        'x' => {
            let (digits, rest) = match after.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or(BadExpression)?,
                None => (after.get(..2).ok_or(BadExpression)?, &after[2..]),
            };
            let value = u32::from_str_radix(digits, 16).map_err(|_| BadExpression)?;
            return Ok((char::from_u32(value).ok_or(BadExpression)?, rest));
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
        _ => return Err(BadExpression),
    };
    Ok((control, after))
}

/// A bracketed class that starts `text`: `regexp/syntax`'s `parseClass`. A `[` inside is literal, `]` closes unless it
/// comes first.
fn class<'a>(text: &'a str, out: &mut String) -> Result<&'a str, BadExpression> {
    let mut rest = &text[1..];
    out.push('[');
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if rest.starts_with("[:")
            && let Some(end) = rest[2..].find(":]")
        {
            let name = &rest[..end + 4];
            let known = [
                "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
                "punct",
            ];
            let word = name[2..name.len() - 2].trim_start_matches('^');
            if !known.contains(&word) && !["space", "upper", "word", "xdigit"].contains(&word) {
                return Err(BadExpression);
            }
            out.push_str(name);
            rest = &rest[end + 4..];
            continue;
        }
        if rest.starts_with('\\') && rest[1..].starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P'])
        {
            rest = escape(rest, true, out)?;
            continue;
        }
        let (low, after) = class_char(rest)?;
        rest = after;
        push_char(low, out);
        if rest.starts_with('-') && rest.len() > 1 && !rest[1..].starts_with(']') {
            let (high, after) = class_char(&rest[1..])?;
            if high < low {
                return Err(BadExpression);
            }
            out.push('-');
            push_char(high, out);
            rest = after;
        }
    }
    out.push(']');
    Ok(&rest[1..])
}

fn class_char(text: &str) -> Result<(char, &str), BadExpression> {
    let c = text.chars().next().ok_or(BadExpression)?;
    if c == '\\' {
        escaped_char(text)
    } else {
        Ok((c, &text[c.len_utf8()..]))
    }
}

/// Writes a character so that it is literal in and outside of a class.
fn push_char(c: char, out: &mut String) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", c as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bracket_inside_a_class_is_literal() {
        let found = compile("^x[[^/]*]$").unwrap();
        assert!(found.is_match("x]") && found.is_match("x^]") && !found.is_match("xa"));
    }

    #[test]
    fn quoting_without_an_end_swallows_the_anchor() {
        let found = compile("^\\Qfoo$").unwrap();
        assert!(!found.is_match("foo") && found.is_match("foo$bar"));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for bad in [
            "^x\\y$",
            "^[z-a]$",
            "^\\1$",
            "^[a\\Qb]$",
            "^[[:nope:]]$",
            "^\\E$",
            "^[a",
        ] {
            assert_eq!(compile(bad).err(), Some(BadExpression), "{bad}");
        }
    }

    #[test]
    fn escapes_stand_for_what_they_stand_for_in_go() {
        for (go, text) in [
            ("^\\x41$", "A"),
            ("^\\101$", "A"),
            ("^\\pL$", "é"),
            ("^[\\d]$", "7"),
            ("^\\-$", "-"),
        ] {
            assert!(compile(go).unwrap().is_match(text), "{go}");
        }
        assert!(!compile("^\\w$").unwrap().is_match("é"));
    }
}
