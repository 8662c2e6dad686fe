//! Takes the secrets out of evidence, before it is judged and before it is saved.
//!
//! A value is a secret by the name of its variable, key, header or option, by its form (see
//! [`crate::mask`]), or because it is the content of a Compose secret. Where such a value turns up
//! again, in a log line or an answer, it is masked there too. Hosts and columns stay as they are.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Evidence;
use crate::app::{App, FileSource};
use crate::mask::{is_plain, mask_noting, names_a_secret, stars};

/// A shorter value is no secret that could be told from an ordinary word.
const SHORTEST: usize = 6;

/// Fields that name a file: what stands there is how the file is found.
const PATHS: &[&str] = &["path", "directory", "files", "context", "dockerfile"];

/// The values that must not be seen, wherever they stand.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// `evidence` without secrets, and the values that were taken out.
    ///
    /// # Errors
    /// Evidence that JSON cannot hold: a path that is not UTF-8.
    pub fn take(evidence: &Evidence) -> serde_json::Result<(Evidence, Self)> {
        let mut value = serde_json::to_value(evidence)?;
        let mut found = BTreeSet::new();
        for app in [&evidence.dev, &evidence.prod] {
            found.extend(hidden(app));
        }
        by_name(&mut value, &mut found);
        let names: BTreeSet<String> = [&evidence.dev, &evidence.prod]
            .iter()
            .flat_map(|app| app.host_names())
            .map(|(name, _)| name)
            .collect();
        found.retain(|secret| distinct(secret) && !names.contains(secret));
        let secrets = Self(found);
        secrets.in_texts(&mut value, "");
        Ok((serde_json::from_value(value)?, secrets))
    }

    /// `text` with a `*` for every character of a secret.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = mask_noting(text, &mut |_| {}).into_owned();
        for secret in &self.0 {
            masked = replace_word(&masked, secret);
        }
        masked
    }

    fn in_texts(&self, value: &mut Value, key: &str) {
        match value {
            Value::String(text) if !PATHS.contains(&key) => {
                let masked = self.mask(text);
                if masked != *text {
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.in_texts(item, key)),
            Value::Object(fields) => fields
                .iter_mut()
                .for_each(|(key, value)| self.in_texts(value, key)),
            _ => {}
        }
    }
}

/// Contents of secrets that come from variables: these are not in the evidence, but a log line can
/// quote them.
fn hidden(app: &App) -> Vec<String> {
    let files = app.services.values().flat_map(|service| &service.files);
    files
        .filter_map(|file| match &file.source {
            FileSource::Variable { value, .. } => value.as_ref().map(|value| value.0.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a value can be told from the words of an ordinary text.
fn distinct(secret: &str) -> bool {
    secret.chars().count() >= SHORTEST
        && secret.chars().any(|c| !c.is_ascii_lowercase())
        && !secret.chars().all(|c| c.is_ascii_digit())
        && !secret.contains('/')
}

/// Masks what its name or place makes a secret, and notes it.
fn by_name(value: &mut Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => {
            options(items, found);
            items.iter_mut().for_each(|item| by_name(item, found));
        }
        Value::Object(fields) => {
            variable(fields, found);
            secret_file(fields, found);
            if let Some(Value::Array(pairs)) = fields.get_mut("variables") {
                pairs.iter_mut().for_each(|pair| assigned(pair, found));
            }
            for (name, value) in fields.iter_mut() {
                if !names_a_secret(name) {
                    by_name(value, found);
                    continue;
                }
                match value {
                    Value::String(text) => hide(text, found),
                    // A build argument is a value with its place.
                    Value::Object(inner) => {
                        if let Some(Value::String(text)) = inner.get_mut("value") {
                            hide(text, found);
                        }
                    }
                    other => by_name(other, found),
                }
            }
        }
        Value::String(text) => {
            mask_noting(text, &mut |secret| {
                found.insert(secret.to_owned());
            });
        }
        _ => {}
    }
}

/// `{"name": "DB_PASSWORD", "value": "…"}`.
fn variable(fields: &mut Map<String, Value>, found: &mut BTreeSet<String>) {
    let secret = fields
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(names_a_secret);
    if let (true, Some(Value::String(text))) = (secret, fields.get_mut("value")) {
        hide(text, found);
    }
}

/// `["DB_PASSWORD", "…"]`, set in front of a command.
fn assigned(pair: &mut Value, found: &mut BTreeSet<String>) {
    if let Some([Value::String(name), Value::String(text)]) =
        pair.as_array_mut().map(Vec::as_mut_slice)
        && names_a_secret(name)
    {
        hide(text, found);
    }
}

/// The content of a secret that stands in the Compose file.
fn secret_file(fields: &mut Map<String, Value>, found: &mut BTreeSet<String>) {
    let secret = fields.get("kind").and_then(Value::as_str) == Some("secret");
    let content = fields
        .get_mut("source")
        .and_then(|source| source.get_mut("content"));
    if let (true, Some(Value::String(text))) = (secret, content) {
        found.insert(text.trim().to_owned());
        *text = stars(text);
    }
}

/// `["--requirepass", "…"]`.
fn options(items: &mut [Value], found: &mut BTreeSet<String>) {
    for at in 1..items.len() {
        let names = items[at - 1]
            .as_str()
            .and_then(|option| option.strip_prefix('-'))
            .is_some_and(|name| !name.contains('=') && names_a_secret(name));
        if let (true, Value::String(text)) = (names, &mut items[at])
            && !text.starts_with('-')
        {
            hide(text, found);
        }
    }
}

/// Masks a value whose name says that it is a secret; of a URL only the password.
fn hide(text: &mut String, found: &mut BTreeSet<String>) {
    if is_plain(text) {
        return;
    }
    if text.contains("://") {
        let masked = mask_noting(text, &mut |secret| {
            found.insert(secret.to_owned());
        });
        *text = masked.into_owned();
        return;
    }
    found.insert(text.clone());
    *text = stars(text);
}

/// Every occurrence of `word` that is no part of a longer one becomes stars.
fn replace_word(text: &str, word: &str) -> String {
    let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut masked = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in text.match_indices(word) {
        let end = at + word.len();
        if inside(text[..at].chars().next_back()) || inside(text[end..].chars().next()) {
            continue;
        }
        masked.push_str(&text[rest..at]);
        masked.push_str(&stars(word));
        rest = end;
    }
    masked.push_str(&text[rest..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::evidence::{Attempt, ProbeSeen};

    const SECRET: &str = "Hunter2-x9";

    /// An app with the secret in every place that can have one.
    fn evidence() -> Evidence {
        let text = format!(
            "x-envsim:
  probes:
    - {{service: web, http: GET /, port: 80, headers: {{Authorization: 'Bearer {SECRET}', X-Api-Key: {SECRET}}}}}
    - {{service: web, command: [mysql, --password, {SECRET}, -e, 'select 1']}}
services:
  web:
    image: web
    build: {{context: ., args: {{NPM_TOKEN: {SECRET}}}, labels: {{app.secret: {SECRET}}}}}
    environment:
      DB_PASSWORD: {SECRET}
      DB_URL: postgres://app:{SECRET}@db:5432/shop
      SECRET_URL: http://vault:{SECRET}@vault:8200
      OPTIONS: --token {SECRET} --host db
    command: [serve, --api-key={SECRET}, --db, 'redis://:{SECRET}@cache']
    labels: {{api_key: {SECRET}}}
    healthcheck: {{test: 'curl -H \"Authorization: Bearer {SECRET}\" web'}}
    configs: [settings]
  db: {{image: db}}
configs:
  settings: {{content: 'password={SECRET}'}}
"
        );
        let mut evidence = Evidence::new(
            app_for(&text, Mode::Dev),
            app_for(&text, Mode::Prod).deployed(),
        );
        evidence
            .notes
            .push(format!("it said: login with {SECRET} failed"));
        evidence.probes.push(ProbeSeen {
            dev_again: None,
            name: "p".to_owned(),
            service: "web".to_owned(),
            action: "GET /".to_owned(),
            place: evidence.prod.services["web"].place.clone(),
            inferred: false,
            dev: None,
            prod: Some(Attempt {
                passed: false,
                answer: format!("the body was `{SECRET}`"),
                ..Attempt::default()
            }),
        });
        evidence
    }

    #[test]
    fn no_secret_is_left_and_the_hosts_are() {
        let (masked, _) = Secrets::take(&evidence()).expect("JSON");
        let text = serde_json::to_string(&masked).expect("JSON");
        let around = |at: usize| &text[at.saturating_sub(90)..(at + 30).min(text.len())];
        if let Some(at) = text.find(SECRET) {
            panic!("{}", around(at));
        }
        for left in [
            "postgres://app:**********@db:5432/shop",
            "http://vault:**********@vault:8200",
            "--token ********** --host db",
            "redis://:**********@cache",
        ] {
            assert!(text.contains(left), "{left}");
        }
    }

    #[test]
    fn what_has_no_secrets_any_more_does_not_change() {
        let (once, _) = Secrets::take(&evidence()).expect("JSON");
        let (twice, _) = Secrets::take(&once).expect("JSON");
        let text = |evidence| serde_json::to_string(evidence).expect("JSON");
        assert_eq!(text(&once), text(&twice));
    }

    #[test]
    fn an_ordinary_word_that_is_a_password_too_stays_elsewhere() {
        let text = "services:
  postgres: {image: postgres, environment: {POSTGRES_PASSWORD: postgres}}
";
        let evidence = Evidence::new(app_for(text, Mode::Dev), app_for(text, Mode::Prod));
        let (masked, _) = Secrets::take(&evidence).expect("JSON");
        let service = &masked.prod.services["postgres"];
        assert_eq!(service.environment[0].value, "********");
        assert_eq!(service.image.as_ref().expect("an image").value, "postgres");
    }
}
