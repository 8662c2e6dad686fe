//! A manual page for a terminal: headings and code stand out, paragraphs fit the width.

/// Widest line of text; longer ones are hard to read.
const WIDEST: usize = 88;

/// Renders the Markdown of a manual page (headings, paragraphs, lists, fenced code, `code` and
/// **bold**) for a terminal of `width` columns; ANSI styles when `colour`.
pub fn render(page: &str, width: usize, colour: bool) -> String {
    let style = Style { colour };
    let width = width.clamp(20, WIDEST);
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut fenced = false;
    for line in page.lines() {
        let fence = line.trim_start().starts_with("```");
        if fenced && !fence {
            out.push_str(&style.code_line(line));
            continue;
        }
        let begins =
            fence || line.trim().is_empty() || line.starts_with('#') || item(line).is_some();
        if begins {
            flush(&mut paragraph, width, &style, &mut out);
        }
        if fence {
            fenced = !fenced;
        } else if let Some(heading) = heading(line) {
            out.push_str(&style.bold(heading));
            out.push('\n');
        } else if line.trim().is_empty() {
            out.push('\n');
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(if paragraph.is_empty() {
                line.trim_end()
            } else {
                line.trim()
            });
        }
    }
    flush(&mut paragraph, width, &style, &mut out);
    out
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' '))?
}

/// The bullet or number of a list item, with the space behind it.
fn item(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let marker = text.split(' ').next()?;
    let number = marker
        .strip_suffix('.')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    let bullet = matches!(marker, "-" | "*" | "+");
    let length = line.len() - text.len() + marker.len() + 1;
    (number || bullet).then(|| line.get(..length))?
}

/// Writes a paragraph or a list item, wrapped between words; what is wrapped stands under the text.
fn flush(paragraph: &mut String, width: usize, style: &Style, out: &mut String) {
    if paragraph.is_empty() {
        return;
    }
    let indent = item(paragraph).map_or(0, |marker| marker.chars().count());
    let mut column = 0;
    let mut wrapped = String::new();
    for word in paragraph.split(' ') {
        let length = style.width(word);
        if column > indent && column + 1 + length > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else if !wrapped.is_empty() {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    out.push_str(&style.inline(&wrapped));
    out.push('\n');
    paragraph.clear();
}

/// ANSI styles, or the plain marks where there are none.
struct Style {
    colour: bool,
}

impl Style {
    /// Characters of a word without the marks that are not shown.
    fn width(&self, word: &str) -> usize {
        let marks = word.replace("**", "");
        marks.chars().filter(|c| *c != '`' || !self.colour).count()
    }

    fn bold(&self, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[1m{}\x1b[0m", text.replace('`', "")),
            false => text.to_owned(),
        }
    }

    fn code_line(&self, line: &str) -> String {
        match (self.colour, line.is_empty()) {
            (_, true) => "\n".to_owned(),
            (true, _) => format!("    \x1b[36m{line}\x1b[0m\n"),
            (false, _) => format!("    {line}\n"),
        }
    }

    /// `code` and **bold** within a text. Without colour the marks of code are what tells it apart.
    fn inline(&self, text: &str) -> String {
        if !self.colour {
            return text.replace("**", "");
        }
        let mut out = String::new();
        let mut code = false;
        let mut bold = false;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if c == '`' {
                code = !code;
                out.push_str(if code { "\x1b[36m" } else { "\x1b[39m" });
                rest = &rest[1..];
            } else if !code && rest.starts_with("**") {
                bold = !bold;
                out.push_str(if bold { "\x1b[1m" } else { "\x1b[22m" });
                rest = &rest[2..];
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        // A mark that was never closed must not colour what follows.
        if code || bold {
            out.push_str("\x1b[0m");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# H001 name\n\nA `service` name is\nwritten **here**, and this sentence is long enough to be wrapped.\n\n## Broken\n\n```yaml\na: 1\n\n  b: 2\n```\n\n- one item that is as long as\n  two lines\n- two\n";

    #[test]
    fn a_page_is_wrapped_and_code_is_indented() {
        let text = render(PAGE, 40, false);
        assert_eq!(
            text,
            "H001 name\n\nA `service` name is written here, and\nthis sentence is long enough to be\nwrapped.\n\nBroken\n\n    a: 1\n\n      b: 2\n\n- one item that is as long as two lines\n- two\n"
        );
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(40), "{text}");
    }

    #[test]
    fn styles_replace_the_marks() {
        let text = render(PAGE, 80, true);
        for part in [
            "\x1b[1mH001 name\x1b[0m",
            "\x1b[36mservice\x1b[39m",
            "\x1b[1mhere\x1b[22m",
            "    \x1b[36ma: 1\x1b[0m",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains('`') && !text.contains("**"), "{text}");
    }
}
