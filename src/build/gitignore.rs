//! `.gitignore`: which files of a project a clean checkout does not have.
//!
//! The rules are those of gitignore(5). Pure: one file's text to patterns; which files count for a path is for the caller.

use regex::Regex;

/// A read `.gitignore`.
#[derive(Debug, Clone, Default)]
pub struct GitIgnore {
    patterns: Vec<Pattern>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// From 1.
    pub line: usize,
    /// As written.
    pub written: String,
    /// It begins with `!`: it brings back what a line above keeps out.
    pub negated: bool,
    only_directories: bool,
    matcher: Regex,
}

impl GitIgnore {
    /// Reads the text. A line that is no pattern matches nothing, as in git.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().enumerate();
        let patterns = lines.filter_map(|(at, line)| pattern(at + 1, line));
        Self {
            patterns: patterns.collect(),
        }
    }

    /// Its patterns, in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// What the last line that matches says of a path relative to the file's directory; none when no
    /// line matches.
    pub fn decide(&self, path: &str, is_directory: bool) -> Option<&Pattern> {
        self.patterns.iter().rev().find(|pattern| {
            (is_directory || !pattern.only_directories) && pattern.matcher.is_match(path)
        })
    }
}

fn pattern(line: usize, text: &str) -> Option<Pattern> {
    let written = trim_end(text);
    if written.is_empty() || written.starts_with('#') {
        return None;
    }
    let (negated, rest) = match written.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let only_directories = rest.ends_with('/');
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // A slash at the beginning or in the middle ties the pattern to the file's own directory.
    let anchored = rest.contains('/');
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let expression = match anchored {
        true => format!("^{}$", expression(rest)?),
        false => format!("^(?:.*/)?{}$", expression(rest)?),
    };
    Some(Pattern {
        line,
        written: written.to_owned(),
        negated,
        only_directories,
        matcher: Regex::new(&expression).ok()?,
    })
}

/// Trailing blanks do not count unless a backslash holds them.
fn trim_end(text: &str) -> &str {
    let trimmed = text.trim_end_matches([' ', '\t', '\r']);
    match trimmed.ends_with('\\') && trimmed.len() < text.len() {
        true => &text[..=trimmed.len()],
        false => trimmed,
    }
}

/// The regular expression of a pattern's wildcards.
fn expression(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if rest == "/**" {
            out.push_str("/.+");
            break;
        }
        if let Some(after) = rest.strip_prefix("/**/") {
            out.push_str("/(?:.*/)?");
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("**/").filter(|_| out.is_empty()) {
            out.push_str("(?:.*/)?");
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => {
                rest = rest.trim_start_matches('*');
                out.push_str("[^/]*");
            }
            '?' => out.push_str("[^/]"),
            '[' => {
                let end = rest.char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
                let class = &rest[..end];
                let (not, class) = match class.strip_prefix(['!', '^']) {
                    Some(class) => ("^/", class),
                    None => ("", class),
                };
                let class = class.replace('\\', "\\\\").replace('[', "\\[");
                out.push_str(&format!("[{not}{class}]"));
                rest = &rest[end + 1..];
            }
            '\\' => {
                let escaped = rest.chars().next()?;
                out.push_str(&regex::escape(&escaped.to_string()));
                rest = &rest[escaped.len_utf8()..];
            }
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one line ignores a file of that path (a directory when it ends with a slash).
    fn ignores(pattern: &str, path: &str) -> bool {
        let is_directory = path.ends_with('/');
        GitIgnore::parse(pattern)
            .decide(path.trim_end_matches('/'), is_directory)
            .is_some_and(|pattern| !pattern.negated)
    }

    #[test]
    fn patterns_match_what_git_matches() {
        for (pattern, path, wanted) in [
            ("dist", "dist", true),
            ("dist", "web/dist", true),
            ("dist", "distant", false),
            ("/dist", "web/dist", false),
            ("/dist", "dist", true),
            ("dist/", "dist", false),
            ("dist/", "dist/", true),
            ("web/dist", "web/dist", true),
            ("web/dist", "a/web/dist", false),
            ("*.log", "a/b.log", true),
            ("*.log", "a/b.logs", false),
            ("a/*.js", "a/b/c.js", false),
            ("**/cache", "a/b/cache", true),
            ("**/cache", "cache", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("x?z", "xyz", true),
            ("[ab].txt", "b.txt", true),
            ("[!ab].txt", "b.txt", false),
            ("[a-c].txt", "c.txt", true),
            ("\\#x", "#x", true),
            ("# x", "# x", false),
            ("foo   ", "foo", true),
            ("[", "[", false),
        ] {
            assert_eq!(ignores(pattern, path), wanted, "{pattern} against {path}");
        }
    }

    #[test]
    fn the_last_line_wins() {
        let file = GitIgnore::parse("*.env\n!sample.env\n");
        assert_eq!(
            file.decide("a.env", false).map(|pattern| pattern.line),
            Some(1)
        );
        assert!(
            file.decide("sample.env", false)
                .is_some_and(|pattern| pattern.negated)
        );
    }
}
