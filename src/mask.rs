//! Keeps secrets out of what envsim prints: `user:password@` in a URL becomes `user:********@`.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Forms that give a secret away; `secret` is what must not be seen.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // `scheme://user:password@`: the user may be empty, and the password ends at the last `@`
        // before a quote, white space or the path.
        r#"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"`]*:)(?P<secret>[^\s/'"`]+)@"#,
        // The same with a slash in the password, which a port with a path is not.
        r#"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"`]+:)(?P<secret>\d*[^\s:@'"`/\d][^\s:@'"`]*/[^\s:@'"`]*)@"#,
        // `user:password@tcp(host)`, Go's MySQL driver.
        r#"(?P<start>\b[\w.-]+:)(?P<secret>[^\s:@'"`]+)@(?:tcp|unix|udp)?\("#,
        // `DB_PASSWORD=…`, `secret_key: "…"`, `--token=…`: a key that names a secret.
        r#"(?i)(?P<start>[a-z0-9_.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|private|access|encryption|signing)_?key)[a-z0-9_]*["']?\s*[=:]\s*)(?P<secret>"[^"\n]+"|'[^'\n]+'|[^\s"',;&]+)"#,
    ]
    .iter()
    .map(|form| Regex::new(form).expect("a constant pattern"))
    .collect()
});

/// `text` with a `*` for every character of a password that its form gives away: the columns of
/// all else stay, so that a caret still points at the right place.
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for form in FORMS.iter() {
        let next = form.replace_all(&masked, |found: &Captures| {
            let whole = &found[0];
            let secret = &found["secret"];
            let after = &whole[found["start"].len() + secret.len()..];
            format!(
                "{}{}{after}",
                &found["start"],
                "*".repeat(secret.chars().count())
            )
        });
        if let Cow::Owned(next) = next {
            masked = Cow::Owned(next);
        }
    }
    masked
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
            ("SECRET_KEY=abc", "SECRET_KEY=***"),
            ("AWS_SECRET_ACCESS_KEY: abc", "AWS_SECRET_ACCESS_KEY: ***"),
            (
                "root:hunter2@tcp(db:3306)/app",
                "root:*******@tcp(db:3306)/app",
            ),
            ("postgres://u:pa/ss@db/x", "postgres://u:*****@db/x"),
            ("password: 'correct horse' x", "password: *************** x"),
            ("the password is asked for", "the password is asked for"),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
