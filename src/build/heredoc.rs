//! Here-documents of a Dockerfile, found and blanked out before the file is read any further.
//!
//! The reader behind [`super::dockerfile`] knows a here-document only as the first word of `RUN`; `RUN python3 <<EOF`
//! would make it read the script as instructions. Lines and byte positions stay the same after blanking, so every
//! position found in the blanked text is one in the original.

use std::ops::Range;

/// A Dockerfile's text with the bodies of its here-documents turned into blanks and their `<<` into `__`.
pub(crate) struct Blanked {
    pub(crate) text: String,
    /// Lines of the instructions that had here-documents, counted from 1.
    pub(crate) lines: Vec<usize>,
    /// Where each `<<` was, as a byte position.
    pub(crate) markers: Vec<usize>,
}

/// An instruction opens a here-document that nothing closes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unterminated {
    pub(crate) line: usize,
    pub(crate) name: String,
}

/// Blanks out every here-document. `escape` is the Dockerfile's escape character, which also continues lines.
pub(crate) fn blank(text: &str, escape: char) -> Result<Blanked, Unterminated> {
    let lines: Vec<Range<usize>> = line_ranges(text);
    let mut blanked = Blanked {
        text: text.to_owned(),
        lines: Vec::new(),
        markers: Vec::new(),
    };
    let mut to_blank: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        let mut logical = String::new();
        loop {
            let line = text[lines[at].clone()].trim_end_matches(['\r', '\n']);
            at += 1;
            let skipped =
                line.trim_start().starts_with('#') || (at - 1 > start && line.trim().is_empty());
            if !skipped {
                let (line, goes_on) = without_continuation(line, escape);
                logical.push_str(line);
                if !goes_on {
                    break;
                }
            } else if at - 1 == start {
                break;
            }
            if at == lines.len() {
                break;
            }
        }
        if !logical.contains("<<") || !may_have_heredoc(&logical) {
            continue;
        }
        let end_of_logical = at;
        for name in names(&logical) {
            let body = at;
            let closed = lines[body..].iter().position(|line| {
                let line = text[line.clone()].trim_end_matches(['\r', '\n']);
                (if name.chomp {
                    line.trim_start_matches('\t')
                } else {
                    line
                }) == name.word
            });
            match closed {
                Some(offset) => {
                    at = body + offset + 1;
                    to_blank.extend(lines[body..at].iter().cloned());
                }
                // `$(( 1 << 2 ))` looks like one to the newest frontends only; nothing was meant to be closed.
                None if name.spaced => {}
                None => {
                    return Err(Unterminated {
                        line: start + 1,
                        name: name.word,
                    });
                }
            }
        }
        if at > end_of_logical {
            blanked.lines.push(start + 1);
            let span = lines[start].start..lines[end_of_logical - 1].end;
            blanked.markers.extend(
                text[span.clone()]
                    .match_indices("<<")
                    .map(|(offset, _)| span.start + offset),
            );
        }
    }
    let mut bytes = text.as_bytes().to_vec();
    for byte in to_blank.into_iter().flatten() {
        if !matches!(bytes[byte], b'\n' | b'\r') {
            bytes[byte] = b' ';
        }
    }
    for &marker in &blanked.markers {
        bytes[marker..marker + 2].copy_from_slice(b"__");
    }
    // Whole lines were replaced byte for byte by ASCII, so this cannot fail.
    blanked.text = String::from_utf8(bytes).unwrap_or_default();
    Ok(blanked)
}

fn line_ranges(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let range = start..start + line.len();
            start = range.end;
            range
        })
        .collect()
}

/// The line without its continuation character, and whether it had one. Two escape characters in a row are no
/// continuation.
fn without_continuation(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(rest) if !rest.ends_with(escape) => (rest, true),
        _ => (line, false),
    }
}

fn may_have_heredoc(logical: &str) -> bool {
    let mut words = logical.split_ascii_whitespace();
    let mut instruction = words.next().unwrap_or_default().to_ascii_uppercase();
    if instruction == "ONBUILD" {
        instruction = words.next().unwrap_or_default().to_ascii_uppercase();
    }
    // The exec form is JSON, where `<<` is text.
    matches!(instruction.as_str(), "RUN" | "COPY" | "ADD")
        && !words.next().is_some_and(|word| word.starts_with('['))
}

struct Name {
    word: String,
    chomp: bool,
    /// White space stood between `<<` and the word.
    spaced: bool,
}

/// BuildKit's `heredocsFromLine`: words of the form `<<NAME`, `3<<-NAME`, `<<"NAME"`. An open quote anywhere on the
/// line means there is none.
fn names(logical: &str) -> Vec<Name> {
    let mut words = vec![String::new()];
    let mut chars = logical.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        let word = words
            .last_mut()
            .expect("starts with one word and only grows");
        match (quote, c) {
            (Some(open), c) if c == open => {
                quote = None;
                word.push(c);
            }
            (Some('\''), c) => word.push(c),
            (_, '\\') => {
                word.push(c);
                word.extend(chars.next());
            }
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.push(c);
            }
            (None, '<') if chars.peek() == Some(&'<') => {
                chars.next();
                word.push_str("<<");
                while let Some(space) = chars.next_if(|c| c.is_whitespace()) {
                    word.push(space);
                }
            }
            (None, c) if c.is_whitespace() => words.push(String::new()),
            (None, c) => word.push(c),
        }
    }
    if quote.is_some() {
        return Vec::new();
    }
    words.iter().filter_map(|word| name(word)).collect()
}

fn name(word: &str) -> Option<Name> {
    let rest = word
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .strip_prefix("<<")?;
    let (rest, chomp) = rest
        .strip_prefix('-')
        .map_or((rest, false), |rest| (rest, true));
    if rest.contains('<') {
        return None;
    }
    let bare = rest.trim_start();
    let word: String = bare
        .chars()
        .filter(|c| !matches!(c, '\'' | '"' | '\\'))
        .collect();
    (!word.is_empty()).then_some(Name {
        word,
        chomp,
        spaced: bare.len() < rest.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_given_to_a_program_is_blanked_and_lines_stay() {
        let text = "FROM a\nRUN python3 <<EOF\nFROM b\nprint(1)\nEOF\nCMD x\n";
        let blanked = blank(text, '\\').unwrap();
        assert_eq!(
            blanked.text,
            "FROM a\nRUN python3 __EOF\n      \n        \n   \nCMD x\n"
        );
        assert_eq!(blanked.lines, [2]);
    }

    #[test]
    fn several_documents_of_one_instruction_follow_each_other() {
        let text = "FROM a\nCOPY <<one <<-\"two\" /x/\n1\none\n\t2\n\ttwo\nUSER u\n";
        let blanked = blank(text, '\\').unwrap();
        assert!(
            blanked.text.ends_with("\n \n   \n  \n    \nUSER u\n"),
            "{:?}",
            blanked.text
        );
        assert_eq!(blanked.markers.len(), 2);
    }

    #[test]
    fn a_shift_or_a_here_string_is_no_document() {
        for line in [
            "RUN echo $((1<<2))\n",
            "RUN cat <<<EOF\n",
            "RUN echo '<<EOF'\n",
            "RUN [\"echo\", \"<<EOF\"]\n",
        ] {
            let text = format!("FROM a\n{line}CMD x\n");
            assert_eq!(blank(&text, '\\').unwrap().text, text);
        }
    }

    #[test]
    fn a_document_that_is_not_closed_is_an_error() {
        let error = blank("FROM a\nRUN <<EOF\necho\n", '\\').err().unwrap();
        assert_eq!(
            error,
            Unterminated {
                line: 2,
                name: "EOF".to_owned()
            }
        );
    }

    #[test]
    fn continued_lines_and_comments_between_them_belong_to_the_instruction() {
        let text = "FROM a\nRUN a && \\\n # note\n  sh <<EOF\nx\nEOF\n";
        assert_eq!(blank(text, '\\').unwrap().lines, [2]);
    }
}
