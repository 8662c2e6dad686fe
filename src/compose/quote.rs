//! Scalars between double quotes, for both writers of Compose files (YAML 1.2.2, "Double-Quoted
//! Style").
//!
//! When a scalar needs them each writer decides for itself: `envsim config` writes as Docker Compose
//! does, and `envsim init` quotes whatever any reader could take for something else.

use std::fmt::Write;

/// Characters that may stand in a file as they are, and that every reader takes for no line break.
pub fn printable(c: char) -> bool {
    match c {
        '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        ' '..='~' => true,
        _ => c >= '\u{a1}' && !matches!(c, '\u{fffe}' | '\u{ffff}'),
    }
}

/// The text between double quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if printable(c) => out.push(c),
            c => {
                let code = c as u32;
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}
