//! Keeps secrets out of what envsim prints: `user:password@` in a URL becomes `user:********@`.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

static CREDENTIALS: LazyLock<Regex> = LazyLock::new(|| {
    // The user name may be empty (`redis://:secret@host`); the password ends at the last `@` before
    // a slash, a quote or white space.
    Regex::new(r#"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"`]*):(?P<secret>[^\s/'"`]+)@"#)
        .expect("a constant pattern")
});
static PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?P<key>[a-z0-9_.-]*(?:password|passwd|secret|token|api_?key|private_?key)["']?\s*[=:]\s*["']?)(?P<secret>[^\s"',;&]+)"#,
    )
    .expect("a constant pattern")
});

/// `text` with a `*` for every character of a password that its form gives away: the columns of
/// all else stay, so that a caret still points at the right place.
pub fn mask(text: &str) -> Cow<'_, str> {
    let stars = |secret: &str| "*".repeat(secret.chars().count());
    let without = CREDENTIALS.replace_all(text, |found: &Captures| {
        format!("{}:{}@", &found["start"], stars(&found["secret"]))
    });
    let masked = PASSWORD.replace_all(&without, |found: &Captures| {
        format!("{}{}", &found["key"], stars(&found["secret"]))
    });
    match masked {
        Cow::Borrowed(_) => without,
        Cow::Owned(masked) => Cow::Owned(masked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_and_assignments_are_masked() {
        for (text, masked) in [
            ("mongodb://u:p@ss@db:27017/x", "mongodb://u:****@db:27017/x"),
            ("redis://:secret@cache", "redis://:******@cache"),
            ("http://web:8080/a@b", "http://web:8080/a@b"),
            (
                "POSTGRES_PASSWORD=hunter2 ok",
                "POSTGRES_PASSWORD=******* ok",
            ),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
