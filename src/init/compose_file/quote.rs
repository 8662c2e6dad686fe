//! When a scalar needs quotes.

use std::borrow::Cow;

use crate::compose::quote::{printable, quoted as double_quoted};

/// What some YAML reader, of 1.1 or 1.2, takes for a boolean or for nothing.
const WORDS: &[&str] = &[
    "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "infinity",
];

/// A scalar after a key or a dash.
pub fn quoted(text: &str) -> Cow<'_, str> {
    match is_plain(text) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(double_quoted(text)),
    }
}

/// A scalar between brackets.
pub fn in_flow(text: &str) -> Cow<'_, str> {
    match is_plain(text) && !text.contains([' ', ':']) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(double_quoted(text)),
    }
}

/// Whether the text stays the same as the lines of a literal block.
pub fn fits_a_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or_default();
    !body.is_empty()
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n'])
        && body.chars().all(|c| c == '\n' || printable(c))
        && body
            .lines()
            .all(|line| line.trim() != "" || line.is_empty())
}

/// `10s`, `512M`: digits and one letter, a number to no reader.
fn is_amount(text: &str) -> bool {
    let digits = text.trim_end_matches(['s', 'm', 'h', 'M', 'G']);
    digits.len() + 1 == text.len()
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Stricter than YAML: what is not plainly a word is quoted, so that no reader can differ.
fn is_plain(text: &str) -> bool {
    if is_amount(text) {
        return true;
    }
    let starts =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.' | '_'));
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+=@~^()%;:, ".contains(c);
    starts
        && text.chars().all(safe)
        && !text.contains([',', ';'])
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && text.parse::<f64>().is_err()
        && !is_dotted_number(text)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_dotted_number(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|rest| {
        WORDS.iter().any(|word| rest.eq_ignore_ascii_case(word))
            || rest.starts_with(|c: char| c.is_ascii_digit())
    })
}
