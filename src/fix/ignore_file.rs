//! Ignore files: a path that the build context shall keep.

use super::Reason;
use crate::build::ignore::Ignore;

/// Adds a line that keeps `path`. The last line that matches decides, so it goes to the end.
///
/// # Errors
/// A path that a line cannot name, or that stays ignored all the same.
pub fn keep(text: &str, file: &str, path: &str) -> Result<String, Reason> {
    if excluded(text, file, path)? {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut after = text.to_owned();
        if !after.is_empty() && !after.ends_with('\n') {
            after.push_str(newline);
        }
        after.push_str(&format!("!{}{newline}", escaped(path)));
        if excluded(&after, file, path)? {
            return Err(format!(
                "a line `!{path}` at the end of `{file}` would not bring it back"
            ));
        }
        return Ok(after);
    }
    Ok(text.to_owned())
}

fn excluded(text: &str, file: &str, path: &str) -> Result<bool, Reason> {
    let ignore = Ignore::parse(text, file).map_err(|error| error.to_string())?;
    let verdict = ignore.decide(path).map_err(|error| error.to_string())?;
    Ok(verdict.excluded)
}

/// The characters of patterns, as themselves.
fn escaped(path: &str) -> String {
    let mut text = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_by_a_line_at_the_end() {
        for (before, path, after) in [
            ("*\n!src\n", "config/a.json", "*\n!src\n!config/a.json\n"),
            ("*.json", "b.json", "*.json\n!b.json\n"),
            ("*\r\n", "a", "*\r\n!a\r\n"),
            ("", "a", ""),
        ] {
            assert_eq!(keep(before, ".dockerignore", path).as_deref(), Ok(after));
        }
    }
}
