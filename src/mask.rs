//! Keeps secrets out of what envsim prints and saves: `user:password@` in a URL becomes
//! `user:********@`.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Forms that give a secret away; `secret` is what must not be seen, and `name`, where there is one,
/// has to name a secret.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // `scheme://user:password@`: the user may be empty, and the password ends at the last `@`
        // before a quote, white space or the path.
        r#"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"`]*:)(?P<secret>[^\s/'"`]+)@"#,
        // The same with a slash in the password, which a port with a path is not.
        r#"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"`]+:)(?P<secret>\d*[^\s:@'"`/\d][^\s:@'"`]*/[^\s:@'"`]*)@"#,
        // `user:password@tcp(host)`, Go's MySQL driver.
        r#"(?P<start>\b[\w.-]+:)(?P<secret>[^\s:@'"`]+)@(?:tcp|unix|udp)?\("#,
        // `Authorization: Bearer …`, also as a word of a command.
        r#"(?i)(?P<start>authorization["']?\s*[=:]\s*["']?(?:(?:basic|bearer|token|digest|apikey)\s+)?)(?P<secret>[^\s"',;&]+)"#,
        // `DB_PASSWORD=…`, `secret_key: "…"`, `--token=…`: a key that names a secret.
        r#"(?i)(?P<start>(?P<name>[a-z0-9_.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|private|access|encryption|signing|account|shared|master|auth)[_-]?key)[a-z0-9_.-]*)["']?\s*[=:]\s*)(?P<secret>"[^"\n]+"|'[^'\n]+'|[^\s"',;&]+)"#,
        // `getenv("DB_PASSWORD", "…")`: a default.
        r#"(?i)(?P<start>["'](?P<name>[a-z0-9_.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|private|access|encryption|signing)[_-]?key)[a-z0-9_.-]*)["']\]?\s*(?:,|\|\||\?\?)\s*)(?P<secret>"[^"\n]+"|'[^'\n]+')"#,
        // `--requirepass …`: an option that names a secret, and its value.
        r#"(?i)(?P<start>(?:^|\s)--?(?P<name>[a-z0-9_.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|private|access)[_-]?key)[a-z0-9_.-]*)\s+)(?P<secret>"[^"\n]+"|'[^'\n]+'|[^\s"'-][^\s"']*)"#,
    ]
    .iter()
    .map(|form| Regex::new(form).expect("a constant pattern"))
    .collect()
});

/// What a text must have for any of the forms to be in it: most log lines have nothing of it.
static MAY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("(?i)@|auth|pass|pwd|secret|token|credential|key").expect("a constant pattern")
});

/// Words of a name that make it one of a secret.
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "authorization",
];

/// First words of a key that is a secret: `API_KEY`, but no `PRIMARY_KEY`.
const KEYS: &[&str] = &[
    "api",
    "private",
    "access",
    "encryption",
    "signing",
    "account",
    "shared",
    "master",
    "auth",
];

/// Last words that say the value is something about a secret, not the secret.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "host",
    "port",
    "addr",
    "address",
    "endpoint",
    "ttl",
    "name",
    "user",
    "username",
    "length",
    "expiry",
    "expires",
    "expiration",
    "timeout",
    "lifetime",
    "algorithm",
    "header",
    "issuer",
    "type",
    "provider",
    "service",
    "policy",
    "enabled",
];

/// Whether a variable, a key or a header of this name holds a secret: `DB_PASSWORD`, `x-api-key`,
/// `clientSecret`; not `PASSWORD_FILE`, which says where it is.
pub fn names_a_secret(name: &str) -> bool {
    let words = words(name);
    if words.last().is_some_and(|last| ABOUT.contains(&&**last)) {
        return false;
    }
    let pair = |two: &[String]| two[1] == "key" && KEYS.contains(&&*two[0]);
    let word = |word: &String| {
        let within = SECRET.iter().any(|secret| word.contains(secret));
        let key = word
            .strip_suffix("key")
            .is_some_and(|one| KEYS.contains(&one));
        let short = word.ends_with("pass") || word.ends_with("pwd");
        let other = ["bypass", "compass", "oldpwd"].contains(&&**word) || word.contains("tokeniz");
        (within || key || short) && !other
    };
    let whole = words.join("");
    whole != "pwd"
        && (words.iter().any(word)
            || words.windows(2).any(pair)
            || matches!(&*whole, "cookie" | "setcookie" | "auth"))
}

/// The words of a name in lower case: `dbPassword` and `DB_PASSWORD` are two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// How programs read a variable: no secret by itself.
const READS: &[&str] = &[
    "os.getenv",
    "os.environ",
    "os.Getenv",
    "process.env",
    "import.meta.env",
    "Deno.env",
    "System.getenv",
    "Environment.GetEnvironmentVariable",
    "getenv(",
    "env(",
    "env::var",
    "std::env",
    "ENV[",
    "ENV.fetch",
];

/// Whether a value that a secret's name has is no secret: nothing, a switch, what is masked already,
/// or where the secret comes from (`$DB_PASSWORD`, `process.env.TOKEN`).
pub fn is_plain(value: &str) -> bool {
    if READS.iter().any(|read| value.starts_with(read)) {
        return true;
    }
    let value = value.trim_matches(['"', '\'']);
    let inner = value.trim_start_matches('$');
    let inner = inner
        .strip_prefix('{')
        .map_or(inner, |inner| inner.trim_end_matches(['}', '?']));
    let refers =
        value.starts_with('$') && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let switch = ["true", "false", "null", "none", "yes", "no", "value"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word));
    refers || switch || value.chars().all(|c| c == '*')
}

/// Where the secret stands in a value: within its quotes, before a bracket, or the default in
/// `${NAME:-default}`.
fn bare(value: &str) -> std::ops::Range<usize> {
    let inner = value.trim_matches(['"', '\'']);
    let quoted = inner.len() < value.len();
    let inner = match quoted {
        true => inner,
        false => inner.trim_end_matches(['`', '}', ')', ']']),
    };
    let start = value.find(inner).unwrap_or_default();
    let end = start + inner.len();
    let operator = |c: char| matches!(c, ':' | '-' | '?' | '+' | '=');
    if let Some(rest) = inner.strip_prefix("${") {
        let name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let default = name.trim_start_matches(operator).trim_end_matches('}');
        let start = end - name.trim_start_matches(operator).len();
        return start..start + default.len();
    }
    // The name of `${NAME:-default}` was taken for the key.
    let closed = value.trim_end_matches('`').ends_with('}');
    match closed && inner.starts_with(operator) {
        true => start + 1..end,
        false => start..end,
    }
}

/// A `*` for every character.
pub fn stars(text: &str) -> String {
    "*".repeat(text.chars().count())
}

/// `text` with a `*` for every character of a password that its form gives away: the columns of
/// all else stay, so that a caret still points at the right place.
pub fn mask(text: &str) -> Cow<'_, str> {
    mask_noting(text, &mut |_| {})
}

/// The same; each secret is handed to `note`, without quotes.
pub fn mask_noting<'a>(text: &'a str, note: &mut dyn FnMut(&str)) -> Cow<'a, str> {
    let mut masked = Cow::Borrowed(text);
    if !MAY.is_match(text) {
        return masked;
    }
    for form in FORMS.iter() {
        let next = form.replace_all(&masked, |found: &Captures| {
            let whole = &found[0];
            let secret = &found["secret"];
            let named = found
                .name("name")
                .is_none_or(|name| names_a_secret(name.as_str()));
            if !named || is_plain(secret) {
                return whole.to_owned();
            }
            // Quotes and brackets stay, so that what is masked reads as it did.
            let at = bare(secret);
            let inner = &secret[at.clone()];
            if is_plain(inner) {
                return whole.to_owned();
            }
            note(inner);
            let masked = format!(
                "{}{}{}",
                &secret[..at.start],
                stars(inner),
                &secret[at.end..]
            );
            let after = &whole[found["start"].len() + secret.len()..];
            format!("{}{masked}{after}", &found["start"])
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
            ("password: 'correct horse' x", "password: '*************' x"),
            ("the password is asked for", "the password is asked for"),
            ("nothing here", "nothing here"),
            (
                "redis-server --requirepass hunter2 --port 1",
                "redis-server --requirepass ******* --port 1",
            ),
            (
                "curl -H 'Authorization: Bearer abc.def' http://api",
                "curl -H 'Authorization: Bearer *******' http://api",
            ),
            ("{\"apiKey\": \"k1\"}", "{\"apiKey\": \"**\"}"),
            ("TOKEN: ${API_TOKEN:-abc}", "TOKEN: ${API_TOKEN:-***}"),
            ("connect(password=abc)", "connect(password=***)"),
            (
                "pw = os.getenv(\"DB_PASSWORD\", \"hunter2\")",
                "pw = os.getenv(\"DB_PASSWORD\", \"*******\")",
            ),
            (
                "process.env['API_TOKEN'] || 'abc'",
                "process.env['API_TOKEN'] || '***'",
            ),
        ] {
            assert_eq!(mask(text), masked);
            assert_eq!(mask(masked), masked, "once is enough");
        }
    }

    #[test]
    fn what_is_about_a_secret_or_refers_to_one_stays() {
        for text in [
            "POSTGRES_PASSWORD_FILE=/run/secrets/db",
            "TOKEN_URL=http://auth:8080/token",
            "password: ${DB_PASSWORD}",
            "DB_PASSWORD=$DB_PASSWORD",
            "use_token: true",
            "proxy_pass http://api:3000;",
            "--password-file /run/secrets/db",
            "pg_pass = os.getenv(\"POSTGRES_PASSWORD\")",
            "password: process.env.DB_PASSWORD,",
            "give a default: `${API_KEY:-value}`",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn a_name_tells_whether_its_value_is_a_secret() {
        for name in [
            "DB_PASSWORD",
            "PGPASSWORD",
            "requirepass",
            "x-api-key",
            "clientSecret",
            "AWS_SECRET_ACCESS_KEY",
            "STRIPE_APIKEY",
            "Authorization",
            "Cookie",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "PWD",
            "PRIMARY_KEY",
            "DB_PASSWORD_FILE",
            "SECRET_SERVICE_HOST",
            "TOKENIZERS_PARALLELISM",
            "BYPASS",
            "KEY",
            "DATABASE_URL",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
