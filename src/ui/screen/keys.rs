//! Bytes of a terminal to keys.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Backspace,
    Escape,
    /// Ctrl-L: draw everything again.
    Redraw,
}

/// The keys of what was read at once; what is not known is left out. Pure.
pub fn keys(read: &[u8]) -> Vec<Key> {
    let text = String::from_utf8_lossy(read);
    let mut rest = &*text;
    let mut keys = Vec::new();
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '\u{1b}' => {
                let sequence = rest.strip_prefix('[').or(rest.strip_prefix('O'));
                let Some(sequence) = sequence.filter(|sequence| !sequence.is_empty()) else {
                    keys.push(Key::Escape);
                    continue;
                };
                let end = sequence.find(|char| ('@'..='~').contains(&char));
                let end = end.unwrap_or(sequence.len() - 1);
                // Numbers after `;` are the keys that were held with it.
                let name = sequence[..=end].split(';').next().unwrap_or_default();
                let last = sequence.as_bytes()[end];
                keys.extend(match (name.trim_end_matches('~'), last) {
                    (_, b'A') | (_, b'D') => Some(Key::Up),
                    (_, b'B') | (_, b'C') => Some(Key::Down),
                    (_, b'H') | ("1" | "7", b'~') => Some(Key::Home),
                    (_, b'F') | ("4" | "8", b'~') => Some(Key::End),
                    ("5", b'~') => Some(Key::PageUp),
                    ("6", b'~') => Some(Key::PageDown),
                    _ => None,
                });
                rest = &sequence[end + 1..];
            }
            '\r' | '\n' => keys.push(Key::Enter),
            '\u{8}' | '\u{7f}' => keys.push(Key::Backspace),
            '\u{c}' => keys.push(Key::Redraw),
            char if char.is_control() || char == char::REPLACEMENT_CHARACTER => {}
            char => keys.push(Key::Char(char)),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_bytes() {
        assert_eq!(
            keys("qä\r\u{7f}\u{c}".as_bytes()),
            [
                Key::Char('q'),
                Key::Char('ä'),
                Key::Enter,
                Key::Backspace,
                Key::Redraw
            ]
        );
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[1;5C\x1b[5~\x1b[6~\x1b[Hq"),
            [
                Key::Up,
                Key::Down,
                Key::Down,
                Key::PageUp,
                Key::PageDown,
                Key::Home,
                Key::Char('q')
            ]
        );
        assert_eq!(keys(b"\x1b"), [Key::Escape]);
        // A function key, a focus report and half of a character do nothing.
        assert_eq!(keys(b"\x1b[15~\x1b[I\xc3"), []);
        assert_eq!(keys(b"\x1b[12"), []);
        assert_eq!(keys("\u{1b}[é".as_bytes()), []);
    }
}
