//! Frames as bytes. The cursor rests at the first character of what stays at the bottom: that place is known after
//! every change of the terminal's size, however the terminal wraps its lines anew.

use super::styled::{Line, Looks};

/// Terminals that know it show a frame at once; others ignore it.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?25l";
const END: &str = "\u{1b}[?2026l";
/// From the resting place to the end of the screen.
const CLEAR: &str = "\r\u{1b}[J";

/// The bottom alone, or below log lines `scrolled`, each of which ends with a line feed. Pure.
pub fn frame(scrolled: &[u8], clear: bool, bottom: &[Line], looks: Looks) -> Vec<u8> {
    let mut out = Vec::with_capacity(scrolled.len() + 1024);
    out.extend_from_slice(BEGIN.as_bytes());
    if clear || !scrolled.is_empty() {
        out.extend_from_slice(CLEAR.as_bytes());
    }
    out.extend_from_slice(scrolled);
    out.push(b'\r');
    rows(&mut out, bottom, looks);
    if bottom.len() > 1 {
        out.extend_from_slice(format!("\u{1b}[{}A", bottom.len() - 1).as_bytes());
    }
    out.push(b'\r');
    out.extend_from_slice(END.as_bytes());
    out
}

/// A whole screen of `lines`. Pure.
pub fn cover(lines: &[Line], looks: Looks) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(BEGIN.as_bytes());
    out.extend_from_slice(b"\x1b[H");
    rows(&mut out, lines, looks);
    out.extend_from_slice(END.as_bytes());
    out
}

fn rows(out: &mut Vec<u8>, lines: &[Line], looks: Looks) {
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(line.ansi(looks).as_bytes());
        out.extend_from_slice(b"\x1b[K");
    }
    out.extend_from_slice(b"\x1b[J");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.text(text);
        line
    }

    #[test]
    fn log_lines_take_the_place_of_the_bottom_which_comes_after_them() {
        let drawn = frame(
            b"a\nb\n",
            false,
            &[line("one"), line("two")],
            Looks::default(),
        );
        assert_eq!(
            String::from_utf8_lossy(&drawn),
            "\u{1b}[?2026h\u{1b}[?25l\r\u{1b}[Ja\nb\n\rone\u{1b}[K\r\ntwo\u{1b}[K\u{1b}[J\u{1b}[1A\r\u{1b}[?2026l"
        );
        let drawn = frame(b"", false, &[line("one")], Looks::default());
        assert_eq!(
            String::from_utf8_lossy(&drawn),
            "\u{1b}[?2026h\u{1b}[?25l\rone\u{1b}[K\u{1b}[J\r\u{1b}[?2026l"
        );
    }
}
