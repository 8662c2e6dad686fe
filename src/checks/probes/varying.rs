//! What of an answer varies from request to request: masked before two answers are compared. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// Kinds of varying text: name, pattern, what is put in its place. The order counts: a date is taken
/// before its digits look like an id.
static KINDS: LazyLock<Vec<(&'static str, Regex, &'static str)>> = LazyLock::new(|| {
    let kinds = [
        (
            "dates",
            r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? \d{1,2}[ -]\w{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2}( GMT| UTC)?|\b\d{1,2}:\d{2}:\d{2}([.,]\d+)?\b|\b1[5-9]\d{8}(\d{3})?(\.\d+)?\b",
            "<date>",
        ),
        (
            "ids",
            r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            "<id>",
        ),
        (
            "addresses",
            r"\bip-10(-\d{1,3}){3}\.[\w.-]+|\b(?:\d{1,3}\.){3}\d{1,3}(:\d{2,5})?\b|\blocalhost(:\d{2,5})?\b|\[::1?\](:\d{2,5})?",
            "<address>",
        ),
        ("hashes", r"\b[0-9a-f]*\d[0-9a-f]*\b", "<hash>"),
        (
            "durations",
            r"\b\d+(\.\d+)? ?(ms|µs|us|seconds|secs?|s)\b",
            "<duration>",
        ),
        ("tokens", r"[A-Za-z0-9+/_-]{24,}={0,2}", "<token>"),
    ];
    kinds
        .into_iter()
        .map(|(name, pattern, shown)| {
            (
                name,
                Regex::new(pattern).expect("a constant pattern"),
                shown,
            )
        })
        .collect()
});

/// Shortest run of hexadecimal digits that counts as a hash: a container's id has 12, an asset's 8.
const HASH: usize = 8;

/// Masks what varies in `text`, and notes each kind that was there in `kinds`.
pub fn masked(text: &str, kinds: &mut Vec<&'static str>) -> String {
    let mut text = text.to_owned();
    for (name, pattern, shown) in KINDS.iter() {
        let mut any = false;
        let next = pattern.replace_all(&text, |found: &regex::Captures<'_>| {
            let whole = &found[0];
            // A short number or word is content; so is a long word without a digit.
            let content = match *name {
                "hashes" => whole.len() < HASH,
                "tokens" => !whole.contains(|c: char| c.is_ascii_digit()) || whole.contains("//"),
                _ => false,
            };
            any |= !content;
            match content {
                true => whole.to_owned(),
                false => (*shown).to_owned(),
            }
        });
        text = next.into_owned();
        if any && !kinds.contains(name) {
            kinds.push(name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_by_itself_is_masked_and_named() {
        for (text, shown, kind) in [
            ("at 2026-01-02T03:04:05.678Z!", "at <date>!", "dates"),
            ("Fri, 02 Jan 2026 03:04:05 GMT", "<date>", "dates"),
            ("{\"time\": 1767323045123}", "{\"time\": <date>}", "dates"),
            (
                "id 0f8fad5b-d9cb-469f-a165-70867728950e.",
                "id <id>.",
                "ids",
            ),
            ("http://127.0.0.1:8080/a", "http://<address>/a", "addresses"),
            ("http://localhost:3000/a", "http://<address>/a", "addresses"),
            ("ip-10-1-2-3.ec2.internal", "<address>", "addresses"),
            ("main.3f2a9b1c.js", "main.<hash>.js", "hashes"),
            ("host 0f3a5b7c9d11", "host <hash>", "hashes"),
            ("took 12.5 ms", "took <duration>", "durations"),
            (
                "nonce=aGVsbG8gd29ybGQgMTIzNDU2Nzg5",
                "nonce=<token>",
                "tokens",
            ),
        ] {
            let mut kinds = Vec::new();
            assert_eq!(masked(text, &mut kinds), shown);
            assert_eq!(kinds, [kind], "{text}");
        }
    }

    #[test]
    fn content_stays() {
        for text in [
            "<h1>Welcome</h1>",
            "price 1299, 3 items",
            "/static/js/main.js",
            "version 1.2.3",
            "accessibility-and-internationalization",
        ] {
            let mut kinds = Vec::new();
            assert_eq!(masked(text, &mut kinds), text);
            assert!(kinds.is_empty(), "{text}: {kinds:?}");
        }
    }
}
