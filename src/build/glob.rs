//! Wildcards of `COPY` and `ADD` sources: Go's `filepath.Match`, which the builders call on every path.

/// The pattern is malformed: a trailing backslash, or a `[` that is never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPattern;

/// Whether `pattern` matches the whole of `name`.
///
/// Copied from Go's `path/filepath/match.go`: `*` and `?` never match `/`, `[^…]` negates (not `[!…]`), `\` escapes,
/// and a malformed pattern is reported even where the match has failed before the malformed part.
pub(crate) fn matches(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut pattern, mut name) = (&pattern[..], &name[..]);
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = split_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&'/'));
        }
        if let Some(left) = match_chunk(chunk, name)?
            && (left.is_empty() || !pattern.is_empty())
        {
            name = left;
            continue;
        }
        if star {
            for at in 0..name.len() {
                if name[at] == '/' {
                    break;
                }
                if let Some(left) = match_chunk(chunk, &name[at + 1..])? {
                    if pattern.is_empty() && !left.is_empty() {
                        continue;
                    }
                    name = left;
                    continue 'pattern;
                }
            }
        }
        while !pattern.is_empty() {
            let (_, chunk, rest) = split_chunk(pattern);
            pattern = rest;
            match_chunk(chunk, &[])?;
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether the pattern is well-formed; what Go answers for it matched against anything.
pub(crate) fn check(pattern: &str) -> Result<(), BadPattern> {
    matches(pattern, ".").map(drop)
}

/// Whether any part of the text is a wildcard, as `fsutil` decides it.
pub(crate) fn has_wildcards(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// A run of leading stars (seen or not), the text up to the next star outside brackets, and the rest.
fn split_chunk(pattern: &[char]) -> (bool, &[char], &[char]) {
    let stars = pattern.iter().take_while(|&&c| c == '*').count();
    let pattern = &pattern[stars..];
    let mut in_range = false;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' if at + 1 < pattern.len() => at += 1,
            '[' => in_range = true,
            ']' => in_range = false,
            '*' if !in_range => break,
            _ => {}
        }
        at += 1;
    }
    (stars > 0, &pattern[..at], &pattern[at..])
}

/// Matches a star-free chunk at the start of `name`; what is left of `name`, or `None`.
fn match_chunk<'n>(mut chunk: &[char], name: &'n [char]) -> Result<Option<&'n [char]>, BadPattern> {
    let mut left = name;
    // After a mismatch the chunk is still read to its end: it may be malformed.
    let mut failed = false;
    while let Some(&first) = chunk.first() {
        failed = failed || left.is_empty();
        match first {
            '[' => {
                let c = if failed { '\0' } else { left[0] };
                left = left.get(1..).unwrap_or_default();
                chunk = &chunk[1..];
                let negated = chunk.first() == Some(&'^');
                chunk = &chunk[usize::from(negated)..];
                let (mut hit, mut ranges) = (false, 0);
                loop {
                    if ranges > 0 && chunk.first() == Some(&']') {
                        chunk = &chunk[1..];
                        break;
                    }
                    let (low, rest) = class_char(chunk)?;
                    let (high, rest) = if rest[0] == '-' {
                        class_char(&rest[1..])?
                    } else {
                        (low, rest)
                    };
                    chunk = rest;
                    hit |= low <= c && c <= high;
                    ranges += 1;
                }
                failed |= hit == negated;
            }
            '?' => {
                failed |= left.first() == Some(&'/');
                left = left.get(1..).unwrap_or_default();
                chunk = &chunk[1..];
            }
            literal => {
                let mut literal = literal;
                if literal == '\\' {
                    chunk = &chunk[1..];
                    literal = *chunk.first().ok_or(BadPattern)?;
                }
                failed |= left.first() != Some(&literal);
                left = left.get(1..).unwrap_or_default();
                chunk = &chunk[1..];
            }
        }
    }
    Ok((!failed).then_some(left))
}

/// One, possibly escaped, character of a class. Something must follow it, if only the closing bracket.
fn class_char(chunk: &[char]) -> Result<(char, &[char]), BadPattern> {
    let (c, rest) = match *chunk {
        [] | ['-' | ']', ..] => return Err(BadPattern),
        ['\\', c, ref rest @ ..] => (c, rest),
        ['\\'] => return Err(BadPattern),
        [c, ref rest @ ..] => (c, rest),
    };
    if rest.is_empty() {
        Err(BadPattern)
    } else {
        Ok((c, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_what_go_matches() {
        // From Go's match_test.go.
        for (pattern, name, wanted) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*/b", "a/c/b", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a???b", "a☺b", Ok(false)),
            ("[a-ζ]*", "α", Ok(true)),
            ("*[a-ζ]", "A", Ok(false)),
            ("a?b", "a/b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[\\-x]", "x", Ok(true)),
            ("[x\\-]", "z", Ok(false)),
            ("[\\-]", "-", Ok(true)),
            ("[x-]", "x", Err(BadPattern)),
            ("[-x]", "x", Err(BadPattern)),
            ("\\", "a", Err(BadPattern)),
            ("[a-b-c]", "a", Err(BadPattern)),
            ("[", "a", Err(BadPattern)),
            ("[^bc", "a", Err(BadPattern)),
            ("a[", "ab", Err(BadPattern)),
            ("a[", "x", Err(BadPattern)),
            ("a/b[", "x", Err(BadPattern)),
            ("*x", "xxx", Ok(true)),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} against {name}");
        }
    }

    #[test]
    fn an_escaped_star_is_no_wildcard() {
        assert!(!has_wildcards("a\\*b"));
        assert!(has_wildcards("a[*]b"));
    }
}
