//! What a program prints, as far as it stays within its line: colours are kept, and everything else that would
//! move the cursor, clear, ring or set a title is taken out.
//!
//! The forms of control sequences are those of ECMA-48 (5.4, 5.6) and of the parser of DEC's terminals
//! (<https://vt100.net/emu/dec_ansi_parser>).

use unicode_width::UnicodeWidthChar;

/// Columns between the stops of a tab.
const TAB: usize = 8;

/// `line` without what draws outside of it. What overwrites itself with `\r`, as progress does, is its last state.
/// Colours end with the line; without `colour` there are none. Pure.
pub fn clean(line: String, colour: bool) -> String {
    if line.bytes().all(is_plain) {
        return line;
    }
    let line = last_state(&line);
    let mut out = Clean {
        text: String::with_capacity(line.len()),
        column: 0,
        coloured: false,
    };
    let mut rest = line;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        rest = match char {
            '\u{1b}' => escape(rest, colour, &mut out),
            '\u{9b}' => control_sequence(rest, colour, &mut out),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => after_string(rest),
            '\t' => {
                let blanks = TAB - out.column % TAB;
                out.text.extend(std::iter::repeat_n(' ', blanks));
                out.column += blanks;
                rest
            }
            char if char.is_control() => rest,
            char => {
                out.text.push(char);
                out.column += char.width().unwrap_or(0);
                rest
            }
        };
    }
    if out.coloured {
        out.text.push_str("\u{1b}[0m");
    }
    out.text
}

/// The same without colours.
pub fn plain(text: &str) -> String {
    clean(text.to_owned(), false)
}

struct Clean {
    text: String,
    column: usize,
    /// Whether a colour is on.
    coloured: bool,
}

/// Bytes that are never part of a control: 0xc2 begins those of the upper half in UTF-8.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f && byte != 0xc2
}

/// What stands after the last `\r` that something stands after.
fn last_state(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    line.rsplit('\r').next().unwrap_or(line)
}

/// After ESC.
fn escape<'a>(rest: &'a str, colour: bool, out: &mut Clean) -> &'a str {
    match rest.as_bytes().first() {
        Some(b'[') => control_sequence(&rest[1..], colour, out),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => after_string(&rest[1..]),
        // Intermediate bytes and a final one, such as the choice of a set of characters.
        Some(0x20..=0x2f) => {
            let rest = rest.trim_start_matches(|char| (' '..='/').contains(&char));
            match rest.as_bytes().first() {
                Some(0x30..=0x7e) => &rest[1..],
                _ => rest,
            }
        }
        Some(0x30..=0x7e) => &rest[1..],
        _ => rest,
    }
}

/// After CSI: parameters, intermediate bytes and a final one. Only that of a colour is kept, and only in the form
/// of the standard: with `>` or `?` before its numbers it would be a setting of the keyboard.
fn control_sequence<'a>(rest: &'a str, colour: bool, out: &mut Clean) -> &'a str {
    let after = rest.trim_start_matches(|char| ('0'..='?').contains(&char));
    let numbers = &rest[..rest.len() - after.len()];
    let last = after.trim_start_matches(|char| (' '..='/').contains(&char));
    let between = after.len() - last.len();
    match last.as_bytes().first() {
        Some(b'm') if between == 0 && numbers.chars().all(|c| !('<'..='?').contains(&c)) => {
            if colour {
                out.text.push_str("\u{1b}[");
                out.text.push_str(numbers);
                out.text.push('m');
                out.coloured = !numbers.trim_matches(['0', ';']).is_empty();
            }
            &last[1..]
        }
        Some(0x40..=0x7e) => &last[1..],
        // Broken off: what comes is looked at by itself.
        _ => last,
    }
}

/// After what begins a title, a link or the like: what follows its end; nothing when it has none.
fn after_string(rest: &str) -> &str {
    for (at, char) in rest.char_indices() {
        match char {
            '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}' => return &rest[at + char.len_utf8()..],
            '\u{1b}' => {
                let after = &rest[at + 1..];
                return after.strip_prefix('\\').unwrap_or(&rest[at..]);
            }
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(line: &str) -> String {
        clean(line.to_owned(), true)
    }

    #[test]
    fn colours_are_kept_and_end_with_the_line() {
        assert_eq!(shown("plain ä 日本"), "plain ä 日本");
        assert_eq!(shown("\u{1b}[31mred"), "\u{1b}[31mred\u{1b}[0m");
        assert_eq!(
            shown("\u{1b}[1;38:5:9mred\u{1b}[0m."),
            "\u{1b}[1;38:5:9mred\u{1b}[0m."
        );
        assert_eq!(shown("\u{1b}[31mred\u{1b}[m"), "\u{1b}[31mred\u{1b}[m");
        assert_eq!(shown("\u{9b}32mgreen"), "\u{1b}[32mgreen\u{1b}[0m");
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
    }

    #[test]
    fn nothing_moves_the_cursor_clears_rings_or_sets_a_title() {
        for (printed, wanted) in [
            ("a\u{1b}[2J\u{1b}[Hb", "ab"),
            ("a\u{1b}[10;20Hb\u{1b}[3Ac\u{1b}[K", "abc"),
            ("a\u{1b}[?1049h\u{1b}[?25lb", "ab"),
            // A setting of the keyboard and a mode of it: no colours.
            ("a\u{1b}[>4;1mb\u{1b}[?4mc", "abc"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            (
                "a\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\b",
                "alinkb",
            ),
            ("a\u{1b}Pq#0\u{1b}\\b\u{1b}_x\u{9c}c", "abc"),
            ("a\u{1b}]0;never ended", "a"),
            ("a\u{1b}]52;c;\u{1b}[31mb", "a\u{1b}[31mb\u{1b}[0m"),
            ("a\u{7}\u{8}b\u{b}\u{c}\u{e}\u{7f}", "ab"),
            ("a\u{1b}(0b\u{1b}cd\u{1b}7e\u{1b}#8f\u{1b}", "abdef"),
            ("a\u{84}\u{85}b\u{9d}x\u{9c}c", "abc"),
            // Broken sequences hide no other one.
            ("a\u{1b}[12\u{1b}[2Jb", "ab"),
            ("a\u{1b}[1\u{9b}Jb", "ab"),
            ("a\u{1b}[12äb", "aäb"),
            ("a\u{1b}[ mb", "ab"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(shown(printed), wanted, "{printed:?}");
        }
    }

    #[test]
    fn tabs_become_blanks_and_progress_its_last_state() {
        assert_eq!(shown("a\tb"), "a       b");
        assert_eq!(
            shown("日本\t\u{1b}[1m\tb\u{1b}[m"),
            "日本    \u{1b}[1m        b\u{1b}[m"
        );
        assert_eq!(shown("10 %\r50 %\r100 %"), "100 %");
        assert_eq!(shown("10 %\rdone\r"), "done");
        assert_eq!(shown("\r\r"), "");
    }

    proptest! {
        #[test]
        fn of_anything_only_colours_and_text_are_left(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("\u{1b}".to_owned()), Just("\u{9b}".to_owned()), Just("[".to_owned()),
                    Just("]".to_owned()), Just("m".to_owned()), Just("\u{7}".to_owned()),
                    Just("\r".to_owned()), Just("\t".to_owned()), "[0-9;:<=>? !]{1,3}", ".{0,4}",
                ],
                0..20,
            )
        ) {
            let line = pieces.concat();
            let once = shown(&line);
            prop_assert_eq!(&shown(&once), &once);
            let mut rest = once.as_str();
            while let Some(at) = rest.find(char::is_control) {
                let sequence = rest[at..].strip_prefix("\u{1b}[");
                prop_assert!(sequence.is_some(), "{:?} of {:?}", once, line);
                let sequence = sequence.unwrap_or_default();
                let after = sequence.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';' || c == ':');
                prop_assert!(after.starts_with('m'), "{:?} of {:?}", once, line);
                rest = after;
            }
            prop_assert!(!plain(&line).chars().any(char::is_control));
        }
    }
}
