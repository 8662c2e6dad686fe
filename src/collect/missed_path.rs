//! Paths in log lines that say that a file is not there. Pure.

use crate::run::complaint::misses_a_file;

/// Paths that are taken out of one line.
const MOST: usize = 6;

/// The absolute paths that `line` can mean, the likeliest first; a relative one is taken to be below
/// `directory`, where the program works. None when the line does not say that a file is missing.
///
/// Several can be named, of which one is missing: whoever asks the two containers finds out which.
pub fn candidates(line: &str, directory: &str) -> Vec<String> {
    if !misses_a_file(line) {
        return Vec::new();
    }
    let mut found: Vec<String> = Vec::new();
    for word in quoted(line).into_iter().chain(bare(line)) {
        if let Some(path) = absolute(&word, line, directory)
            && !found.contains(&path)
        {
            found.push(path);
        }
    }
    found.truncate(MOST);
    found
}

/// What stands between quotes of one kind.
fn quoted(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for quote in ['\'', '"', '`'] {
        let parts: Vec<&str> = line.split(quote).collect();
        // An odd part is inside; without a second quote there is none.
        let inside = parts.iter().enumerate().filter(|(index, _)| index % 2 == 1);
        found.extend(
            inside
                .filter(|(index, _)| index + 1 < parts.len())
                .map(|(_, part)| (*part).to_owned()),
        );
    }
    found
}

/// The words of the line without what surrounds a path: brackets, quotes, a colon or a line number
/// behind it. The last come first: `script: line 3: /the/path: No such file`.
fn bare(line: &str) -> Vec<String> {
    let around = [
        '"', '\'', '`', '(', ')', '[', ']', '{', '}', ',', ';', ':', '<', '>', '.',
    ];
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '=' | '"'));
    let mut found: Vec<String> = words
        .map(|word| {
            let start = word.trim_start_matches(&around[..14]);
            start.trim_end_matches(around).to_owned()
        })
        .filter(|word| word.contains('/'))
        .collect();
    found.reverse();
    found
}

/// `word` as an absolute path, when it can be one.
fn absolute(word: &str, line: &str, directory: &str) -> Option<String> {
    let odd =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '?' | '|' | '\\' | '$');
    let word = word.strip_prefix("file://").unwrap_or(word);
    if word.len() < 3 || word.len() > 400 || word.contains("://") || word.contains(odd) {
        return None;
    }
    let path = match word.strip_prefix('/') {
        Some(_) => word.to_owned(),
        None => {
            let module = line.contains("Cannot find module") && !word.starts_with('.');
            let named = word.contains('/') || word.contains('.');
            let within = match (module, named) {
                (true, _) => format!("node_modules/{word}"),
                (false, true) => word.to_owned(),
                (false, false) => return None,
            };
            format!("{}/{within}", directory.trim_end_matches('/'))
        }
    };
    normal(&path)
}

/// Without `.`, `..` and doubled slashes; none for the root and above.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_path_is_among_those_of_the_line() {
        for (line, path) in [
            (
                "Error: ENOENT: no such file or directory, open '/app/config/prod.json'",
                "/app/config/prod.json",
            ),
            ("Error: Cannot find module '/app/x'", "/app/x"),
            (
                "Error: Cannot find module 'express'",
                "/app/node_modules/express",
            ),
            ("Error: Cannot find module './lib/y'", "/app/lib/y"),
            (
                "FileNotFoundError: [Errno 2] No such file or directory: 'config.yml'",
                "/app/config.yml",
            ),
            (
                "2026/01/01 [error] 7#7: *1 open() \"/usr/share/nginx/html/a.html\" failed (2: No such file or directory), client: 1.2.3.4, request: \"GET /a.html HTTP/1.1\"",
                "/usr/share/nginx/html/a.html",
            ),
            (
                "Exception in thread \"main\" java.nio.file.NoSuchFileException: /app/rules.xml",
                "/app/rules.xml",
            ),
            (
                "java.io.FileNotFoundException: data/rules.xml (No such file or directory)",
                "/app/data/rules.xml",
            ),
            (
                "PHP Warning:  include(/var/www/inc.php): Failed to open stream: No such file or directory in /var/www/index.php on line 2",
                "/var/www/inc.php",
            ),
            (
                "panic: open /etc/shop/rates.csv: no such file or directory",
                "/etc/shop/rates.csv",
            ),
            (
                "/entry.sh: line 3: /app/bin/run: No such file or directory",
                "/app/bin/run",
            ),
            (
                "cat: ../data/seed.sql: No such file or directory",
                "/data/seed.sql",
            ),
            (
                "No such file or directory @ rb_sysopen - /app/list.txt (Errno::ENOENT)",
                "/app/list.txt",
            ),
            ("cannot load such file -- /app/lib/shop", "/app/lib/shop"),
            (
                "[Errno 2] No such file or directory: '/app/a b.txt', '/app/c.txt'",
                "/app/c.txt",
            ),
        ] {
            let found = candidates(line, "/app");
            assert!(found.iter().any(|found| found == path), "{line}: {found:?}");
        }
    }

    #[test]
    fn lines_without_a_complaint_or_a_path_have_none() {
        for line in [
            "listening, see '/app/index.html'",
            "404 not found",
            "user not found: bob",
            "http://example.com/a.css not found",
            "no such file or directory: '..'",
        ] {
            assert_eq!(candidates(line, "/app"), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_path_that_leads_above_the_root_is_none() {
        assert_eq!(normal("/../../x"), None);
        assert_eq!(normal("/app/./a//b/../c"), Some("/app/a/c".to_owned()));
    }
}
