//! Log lines that say why a program cannot do its work. Pure.

/// Words of a program that misses a file.
const FILES: &[&str] = &[
    "no such file",
    "enoent",
    "filenotfound",
    "nosuchfile",
    "cannot find module",
    "can't open",
    "cannot open",
    "could not open",
    "failed to open",
    "unable to open",
    "does not exist",
    "failed (2:",
    "cannot access",
    "not found",
    "cannot find",
    "can't find",
    "could not find",
    "cannot load such file",
];

/// Words of a program that misses a setting.
const SETTINGS: &[&str] = &[
    "undefined",
    "not set",
    "unset",
    "unbound variable",
    "not defined",
    "missing",
    "required",
    "must be set",
    "must be provided",
    "keyerror",
    "is empty",
    "not provided",
    "not configured",
    "invalid",
    "expected",
];

/// Whether `line` says that a file is not there.
pub fn misses_a_file(line: &str) -> bool {
    says(line, FILES)
}

/// Whether `line` says that a setting is not there or is of no use.
pub fn misses_a_setting(line: &str) -> bool {
    says(line, SETTINGS)
}

/// Whether `line` is worth keeping from a long log.
pub fn is_one(line: &str) -> bool {
    misses_a_file(line) || misses_a_setting(line)
}

fn says(line: &str, words: &[&str]) -> bool {
    let lower = line.to_lowercase();
    words.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_of_many_languages_are_known() {
        for line in [
            "Error: ENOENT: no such file or directory, open '/app/a'",
            "FileNotFoundError: [Errno 2] No such file or directory: 'a'",
            "Error: Cannot find module '/app/x'",
            "open() \"/usr/share/nginx/html/a\" failed (2: No such file or directory)",
            "java.nio.file.NoSuchFileException: /app/a",
        ] {
            assert!(misses_a_file(line), "{line}");
        }
        for line in [
            "KeyError: 'SMTP_HOST'",
            "SMTP_HOST: unbound variable",
            "Error: SMTP_HOST is required",
        ] {
            assert!(misses_a_setting(line), "{line}");
        }
        assert!(!is_one("listening on port 3000"));
    }
}
