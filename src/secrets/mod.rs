//! Tells secrets by the path and content of a file, and by the name of a variable. It says which kind it
//! is, never what it is.

pub mod path;

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// More of a file is not looked into.
pub const LOOKED_INTO: usize = 64 << 10;

/// A kind of secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    /// A private key.
    PrivateKey,
    /// A file of variables with values that are secret.
    EnvFile,
    /// Credentials of a cloud, a cluster or a host.
    Credentials,
    /// A token of a registry or a service.
    Token,
    /// A store of keys under a password.
    KeyStore,
    /// The history of the repository.
    Repository,
    /// A variable of the image.
    Variable,
}

impl SecretKind {
    /// What it is, in a fragment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "a private key",
            Self::EnvFile => "an env file with secret values",
            Self::Credentials => "credentials",
            Self::Token => "a token",
            Self::KeyStore => "a key store",
            Self::Repository => "the repository with all its history",
            Self::Variable => "a variable with a secret value",
        }
    }
}

/// A kind, and whether the value looks like one that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The kind.
    pub kind: SecretKind,
    /// The value looks real: it is no placeholder of a sample or of a local database.
    pub real: bool,
}

fn real(kind: SecretKind) -> Option<Verdict> {
    Some(Verdict { kind, real: true })
}

/// Directories whose keys are other people's: packages, trust stores, tests.
const FOREIGN: &[&str] = &[
    "node_modules",
    "vendor",
    "site-packages",
    "dist-packages",
    "gems",
    "bower_components",
    ".cargo",
    "pkg",
    "test",
    "tests",
    "__tests__",
    "spec",
    "testdata",
    "fixtures",
    "examples",
    "example",
    "samples",
    "doc",
    "docs",
];
/// Top directories that belong to the system.
const SYSTEM: &[&str] = &[
    "usr/share/",
    "usr/lib/",
    "usr/bin/",
    "usr/sbin/",
    "usr/include/",
    "usr/local/lib/",
    "usr/local/include/",
    "usr/local/share/",
    "bin/",
    "sbin/",
    "lib/",
    "lib64/",
    "proc/",
    "sys/",
    "dev/",
    "var/lib/dpkg/",
    "var/lib/apt/",
    "var/cache/",
    "etc/ssl/certs/",
];

/// Whether the content of a file has to be looked at: it can be a secret by its path, or it is a small
/// text of the app.
pub fn worth_reading(path: &str, size: u64) -> bool {
    let path = path.trim_start_matches('/');
    let inside_git = path.starts_with(".git/") || path.contains("/.git/");
    if is_system(path) || has_foreign(path) {
        return false;
    }
    if inside_git {
        return matches!(file_name(path), "HEAD" | "config");
    }
    is_named_like_one(path) || (size <= LOOKED_INTO as u64 && !is_binary_name(path))
}

/// Whether no file below the absolute path of a directory is taken for a secret, whatever it holds: it
/// belongs to the system or to a package.
pub fn is_never_one_below(directory: &str) -> bool {
    let inside = format!("{}/file", directory.trim_matches('/'));
    is_system(&inside) || has_foreign(&inside)
}

fn is_system(path: &str) -> bool {
    SYSTEM.iter().any(|start| path.starts_with(start))
}

fn has_foreign(path: &str) -> bool {
    let mut parts = path.rsplit('/').skip(1);
    parts.any(|part| FOREIGN.contains(&part))
}

fn is_binary_name(path: &str) -> bool {
    const BINARY: &[&str] = &[
        ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".woff", ".woff2", ".ttf", ".zip", ".gz",
        ".so", ".pyc", ".class", ".jar", ".map", ".wasm", ".mp4", ".pdf",
    ];
    BINARY.iter().any(|end| path.ends_with(end))
}

fn is_named_like_one(path: &str) -> bool {
    let name = file_name(path);
    is_env_file(name)
        || name.starts_with("id_")
        || [".pem", ".key", ".p12", ".pfx", ".jks", ".keystore"]
            .iter()
            .any(|end| name.ends_with(end))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `.env`, `.env.production`, `web.env`, but no samples.
fn is_env_file(name: &str) -> bool {
    const SAMPLES: &[&str] = &[
        "example", "sample", "template", "dist", "defaults", "schema", "tpl", "tmpl", "test", "ci",
        "vault",
    ];
    let is = name == ".env"
        || name.starts_with(".env.")
        || name.starts_with(".env-")
        || name.ends_with(".env");
    let parts = name.split(['.', '-', '_']);
    is && !parts.into_iter().any(|part| SAMPLES.contains(&part))
}

/// Parts of a content of which it has one when [`judge`] finds a secret in it that
/// [`is_told_by_name`] does not say to look for.
pub const SIGNS: &[&str] = &[
    "PRIVATE KEY",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "npm_",
    "pypi-AgEIcHlwaS5vcmc",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "sk_live_",
    "rk_live_",
    "AKIA",
];

/// Whether the path alone is reason enough to judge what is in the file.
pub fn is_told_by_name(path: &str) -> bool {
    const NAMES: &[&str] = &[
        ".dockercfg",
        ".dockerconfigjson",
        "kubeconfig",
        ".netrc",
        ".git-credentials",
        "application_default_credentials.json",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".pypirc",
        "pip.conf",
        ".pip.conf",
        // Of `.aws`, `.docker`, `.kube`, `.git` and Rails' `config`.
        "credentials",
        "config.json",
        "config",
        "HEAD",
        "master.key",
    ];
    let name = file_name(path);
    NAMES.contains(&name)
        || is_env_file(name)
        || [".p12", ".pfx", ".keystore"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// The kind of secret in the file at `path`, absolute or relative, whose content begins with `content`.
pub fn judge(path: &str, content: &[u8]) -> Option<Verdict> {
    let path = path.trim_start_matches('/');
    if is_system(path) || has_foreign(path) {
        return None;
    }
    let name = file_name(path);
    let text = String::from_utf8_lossy(&content[..content.len().min(LOOKED_INTO)]);
    let ends = |end: &str| path == end || path.ends_with(&format!("/{end}"));
    if path.ends_with(".git/config") || path == ".git/HEAD" || path.ends_with("/.git/HEAD") {
        let with_password = CREDENTIAL_URL.is_match(&text);
        return match with_password {
            true => real(SecretKind::Credentials),
            false => Some(Verdict {
                kind: SecretKind::Repository,
                real: false,
            }),
        };
    }
    if is_env_file(name) {
        return env_file(&text);
    }
    let has = |form: &Regex| form.is_match(&text);
    let keyed = ["p12", "pfx", "keystore"]
        .iter()
        .any(|end| name.ends_with(&format!(".{end}")));
    if keyed {
        return Some(Verdict {
            kind: SecretKind::KeyStore,
            real: false,
        });
    }
    if is_key_name(name) && has(&PRIVATE_KEY) {
        return real(SecretKind::PrivateKey);
    }
    let credentials = (ends(".aws/credentials") && text.contains("aws_secret_access_key"))
        || ((ends(".docker/config.json") || name == ".dockercfg" || name == ".dockerconfigjson")
            && has(&DOCKER_AUTH))
        || ((ends(".kube/config") || name == "kubeconfig") && has(&KUBE))
        || (name == ".netrc" && text.contains("password"))
        || (name == ".git-credentials" && has(&CREDENTIAL_URL))
        || (name == "application_default_credentials.json" && text.contains("refresh_token"))
        || (name.ends_with(".json") && text.contains("\"service_account\"") && has(&PRIVATE_KEY))
        || (ends("config/master.key") && text.trim().len() == 32);
    if credentials {
        return real(SecretKind::Credentials);
    }
    let token = (matches!(name, ".npmrc" | ".yarnrc" | ".yarnrc.yml") && has(&NPM_TOKEN))
        || (name == ".pypirc" && has(&PYPI_PASSWORD))
        || (matches!(name, "pip.conf" | ".pip.conf") && has(&CREDENTIAL_URL));
    if token || has(&TOKENS) {
        return real(SecretKind::Token);
    }
    None
}

fn is_key_name(name: &str) -> bool {
    !name.ends_with(".pub")
        && (name.starts_with("id_")
            || [".pem", ".key", ".ppk", ".der"]
                .iter()
                .any(|end| name.ends_with(end))
            || !name.contains('.'))
}

/// A file of variables: its secret values decide.
fn env_file(text: &str) -> Option<Verdict> {
    let mut found = None;
    for line in text.lines() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        match value_of(name.trim(), value) {
            Some(true) => return real(SecretKind::EnvFile),
            Some(false) => {
                found = Some(Verdict {
                    kind: SecretKind::EnvFile,
                    real: false,
                })
            }
            None => {}
        }
    }
    found
}

/// Whether a variable of this name and value holds a secret: none when it does not, false when the
/// value looks like a placeholder.
pub fn value_of(name: &str, value: &str) -> Option<bool> {
    let reference = value.starts_with('$')
        || value.contains("${")
        || value.starts_with("<")
        || value.starts_with("{{");
    if value.is_empty() || reference {
        return None;
    }
    if TOKENS.is_match(value) || CREDENTIAL_URL.is_match(value) && !is_placeholder_url(value) {
        return Some(true);
    }
    if !is_secret_name(name)
        || value.starts_with('/')
        || value.parse::<u64>().is_ok_and(|n| n < 100_000)
    {
        return None;
    }
    if matches!(
        &*value.to_lowercase(),
        "true" | "false" | "yes" | "no" | "none" | "null" | "on" | "off"
    ) {
        return None;
    }
    Some(!is_placeholder(value))
}

/// Whether the name of a variable is one of a secret: its last words say so.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    let words: Vec<&str> = upper
        .split(['_', '-', '.'])
        .filter(|word| !word.is_empty())
        .collect();
    let last = words.last().copied().unwrap_or_default();
    let before = words
        .len()
        .checked_sub(2)
        .map(|at| words[at])
        .unwrap_or_default();
    match last {
        "PASSWORD" | "PASSWD" | "PWD" if words.len() == 1 => last != "PWD",
        "PASSWORD" | "PASSWD" | "PASSPHRASE" | "PWD" | "PASS" | "SECRET" | "TOKEN" | "APIKEY"
        | "CREDENTIALS" => true,
        "KEY" => matches!(
            before,
            "API" | "SECRET" | "PRIVATE" | "ACCESS" | "ENCRYPTION" | "SIGNING" | "AUTH" | "MASTER"
        ),
        "BASE" => upper.ends_with("SECRET_KEY_BASE"),
        _ => last.ends_with("PASSWORD") || last.ends_with("APIKEY"),
    }
}

/// Values of samples, of local databases and of the steps of a build.
fn is_placeholder(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "change",
        "example",
        "placeholder",
        "dummy",
        "password",
        "secret",
        "your",
        "xxx",
        "todo",
        "insecure",
        "default",
        "replace",
        "sample",
        "fake",
        "demo",
        "test",
        "develop",
        "local",
        "postgres",
        "mysql",
        "mongo",
        "redis",
        "admin",
        "root",
        "user",
        "guest",
        "build",
        "notused",
        "unused",
        "foobar",
        "12345",
    ];
    let lower = value.to_lowercase();
    value.chars().count() < 8
        || WORDS.iter().any(|word| lower.contains(word))
        || value.chars().all(|c| c == '*' || c == 'x')
}

fn is_placeholder_url(value: &str) -> bool {
    let password = CREDENTIAL_URL
        .captures(value)
        .and_then(|found| found.name("password"));
    password.is_none_or(|password| {
        is_placeholder(password.as_str()) || password.as_str().starts_with('$')
    })
}

fn form(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static PRIVATE_KEY: LazyLock<Regex> =
    LazyLock::new(|| form(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"));
static CREDENTIAL_URL: LazyLock<Regex> =
    LazyLock::new(|| form(r#"[a-z][a-z0-9+.-]*://[^\s/:@'"]*:(?P<password>[^\s/@'"]+)@"#));
static DOCKER_AUTH: LazyLock<Regex> =
    LazyLock::new(|| form(r#""(?:auth|identitytoken)"\s*:\s*"[^"]+""#));
static KUBE: LazyLock<Regex> =
    LazyLock::new(|| form(r"(?m)^\s*(?:client-key-data|token|password):\s*\S+"));
static NPM_TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    form(
        r#"(?m)^[^#;\n]*(?:_authToken|_auth|_password|npmAuthToken)\s*[=:]\s*"?[A-Za-z0-9+/_.-]{8,}"#,
    )
});
static PYPI_PASSWORD: LazyLock<Regex> =
    LazyLock::new(|| form(r"(?m)^\s*password\s*[=:]\s*[^\s$%]{4,}"));
/// Forms that only tokens have, of GitHub, GitLab, npm, PyPI, Slack, Stripe and AWS.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    form(
        r"(?x)\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20}|npm_[A-Za-z0-9]{36}
        |pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}|xox[abprs]-[A-Za-z0-9-]{20,}|[sr]k_live_[A-Za-z0-9]{20,}
        |AKIA(?:[A-HJ-Z0-9][A-Z0-9]{15}|I[A-NP-Z0-9][A-Z0-9]{14}))\b",
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str, text: &str) -> Option<(SecretKind, bool)> {
        judge(path, text.as_bytes()).map(|verdict| (verdict.kind, verdict.real))
    }

    /// A key's frame with nothing in it.
    fn key() -> String {
        format!("-----BEGIN {} KEY-----\nMII=\n", "RSA PRIVATE")
    }

    #[test]
    fn secrets_are_told_by_name_and_content() {
        use SecretKind::*;
        let token = format!("ghp_{}", "a1".repeat(18));
        for (path, text, wanted) in [
            (
                "app/.env",
                "PORT=80\nDB_PASSWORD=k9f8Hq27sLx\n",
                (EnvFile, true),
            ),
            (
                ".env.production",
                "export API_KEY=\"k9f8Hq27sLx\"\n",
                (EnvFile, true),
            ),
            (".env", "POSTGRES_PASSWORD=postgres\n", (EnvFile, false)),
            ("root/.ssh/id_rsa", &*key(), (PrivateKey, true)),
            ("etc/tls/server.key", &*key(), (PrivateKey, true)),
            (
                "app/.npmrc",
                "//registry.example.com/:_authToken=abcdefgh12345\n",
                (Token, true),
            ),
            (
                "app/config.js",
                &*format!("const t = '{token}'"),
                (Token, true),
            ),
            (
                "root/.aws/credentials",
                "[default]\naws_secret_access_key = x\n",
                (Credentials, true),
            ),
            (
                "root/.docker/config.json",
                "{\"auths\": {\"r\": {\"auth\": \"YWJj\"}}}",
                (Credentials, true),
            ),
            (
                "app/.git/HEAD",
                "ref: refs/heads/main\n",
                (Repository, false),
            ),
            (
                "app/.git/config",
                "url = https://me:k9f8Hq27@example.com/x.git",
                (Credentials, true),
            ),
            ("app/store.p12", "\u{1}\u{2}", (KeyStore, false)),
            (
                "app/config/master.key",
                "0123456789abcdef0123456789abcdef",
                (Credentials, true),
            ),
        ] {
            assert_eq!(kind(path, text), Some(wanted), "{path}");
            assert!(is_told_by_name(path) || has_sign(text), "{path}");
        }
    }

    fn has_sign(text: &str) -> bool {
        SIGNS.iter().any(|sign| text.contains(sign))
    }

    #[test]
    fn every_form_of_a_token_has_a_sign() {
        let long = "Ab1".repeat(30);
        let of = |length: usize| &long[..length];
        let tokens = [
            ("ghp_", 36),
            ("gho_", 36),
            ("ghu_", 36),
            ("ghs_", 36),
            ("ghr_", 36),
            ("github_pat_", 80),
            ("glpat-", 20),
            ("npm_", 36),
            ("pypi-AgEIcHlwaS5vcmc", 60),
            ("xoxa-", 30),
            ("xoxb-", 30),
            ("xoxp-", 30),
            ("xoxr-", 30),
            ("xoxs-", 30),
            ("sk_live_", 24),
            ("rk_live_", 24),
        ];
        let tokens = tokens.map(|(start, length)| format!("{start}{}", of(length)));
        let aws = [
            format!("AKIA{}", "B2".repeat(8)),
            format!("AKIA{}", "I2".repeat(7) + "AB"),
        ];
        let key = format!("{{\"type\": \"service_account\", \"key\": \"{}\"}}", key());
        for token in tokens.into_iter().chain(aws).chain([key]) {
            assert!(kind("app/x.json", &token).is_some(), "{token}");
            assert!(has_sign(&token), "{token}");
        }
    }

    #[test]
    fn samples_certificates_and_other_peoples_keys_are_none() {
        for (path, text) in [
            (".env.example", "DB_PASSWORD=k9f8Hq27sLx\n"),
            ("sample.env", "DB_PASSWORD=k9f8Hq27sLx\n"),
            (
                ".env",
                "PORT=80\nDB_HOST=db\nDB_PASSWORD=\nTOKEN=${TOKEN}\nSECRET_FILE=/run/secrets/x\n",
            ),
            ("id_rsa.pub", "ssh-rsa AAAA"),
            ("app/ca.pem", "-----BEGIN CERTIFICATE-----"),
            ("app/node_modules/x/test/key.pem", &*key()),
            ("usr/lib/python3/dist-packages/x/server.key", &*key()),
            ("app/tests/fixtures/server.pem", &*key()),
            (
                ".npmrc",
                "//registry.example.com/:_authToken=${NPM_TOKEN}\n",
            ),
            (".npmrc", "registry=https://registry.example.com\n"),
            (
                "README.md",
                "use AKIAIOSFODNN7EXAMPLE and a BEGIN PRIVATE KEY",
            ),
            ("docs/.env", "DB_PASSWORD=k9f8Hq27sLx\n"),
        ] {
            assert_eq!(kind(path, text), None, "{path}");
        }
    }

    #[test]
    fn the_last_words_of_a_name_tell_a_secret() {
        for name in [
            "DB_PASSWORD",
            "NPM_TOKEN",
            "STRIPE_API_KEY",
            "JWT_SECRET",
            "AWS_SECRET_ACCESS_KEY",
            "SECRET_KEY_BASE",
            "PGPASSWORD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "TOKEN_TTL",
            "PASSWORD_FILE",
            "SECRET_NAME",
            "PWD",
            "OLDPWD_PATH",
            "AWS_ACCESS_KEY_ID",
            "PUBLIC_KEY",
            "COMPASS",
            "KEY",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert_eq!(value_of("DB_PASSWORD", "dummy"), Some(false));
        assert_eq!(value_of("DB_PASSWORD", "$OTHER"), None);
        assert_eq!(value_of("ALLOW_EMPTY_PASSWORD", "yes"), None);
        assert_eq!(
            value_of("DATABASE_URL", "postgres://app:k9f8Hq27sLx@db/app"),
            Some(true)
        );
    }
}
