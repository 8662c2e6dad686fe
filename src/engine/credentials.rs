//! Registry credentials, from where `docker login` keeps them.
//!
//! `~/.docker/config.json` holds them in plain base64 or names a helper
//! program. They are read when a registry asks and are never stored, shown or
//! put on a command line (a helper gets the registry's name on its stdin).

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use std::collections::HashMap;
use tokio::io::AsyncWriteExt;

const HELPER_DEADLINE: Duration = Duration::from_secs(20);

/// The key under which Docker Hub's credentials are kept, for historical reasons.
const HUB_KEY: &str = "https://index.docker.io/v1/";

#[derive(Clone, Default)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
    pub(super) identity_token: String,
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    auths: HashMap<String, Auth>,
    #[serde(rename = "credsStore", default)]
    creds_store: String,
    #[serde(rename = "credHelpers", default)]
    cred_helpers: HashMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
}

/// The credentials for a registry host; `None` when there are none, an error when a helper failed.
pub(super) async fn for_registry(host: &str) -> Result<Option<Credentials>, String> {
    let Some(config) = read_config() else {
        return Ok(None);
    };
    let key = config_key(host);
    if let Some(helper) = helper_for(&config, &key) {
        return ask_helper(helper, &key).await;
    }
    Ok(stored(&config, &key))
}

fn read_config() -> Option<Config> {
    let folder = std::env::var_os("DOCKER_CONFIG")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".docker")))?;
    let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
    serde_json::from_str(&text).ok()
}

fn config_key(host: &str) -> String {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB_KEY.to_string(),
        other => other.to_string(),
    }
}

fn helper_for<'c>(config: &'c Config, key: &str) -> Option<&'c str> {
    config
        .cred_helpers
        .get(key)
        .or(Some(&config.creds_store))
        .map(String::as_str)
        .filter(|h| !h.is_empty())
}

fn stored(config: &Config, key: &str) -> Option<Credentials> {
    let bare = |k: &str| {
        k.trim_start_matches("https://")
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap_or("")
            .to_string()
    };
    let auth = config.auths.get(key).or_else(|| {
        config
            .auths
            .iter()
            .find(|(k, _)| bare(k) == bare(key))
            .map(|(_, v)| v)
    })?;
    let (username, password) = match decode_base64(&auth.auth)
        .and_then(|b| String::from_utf8(b).ok())
        .and_then(|t| {
            t.split_once(':')
                .map(|(u, p)| (u.to_string(), p.to_string()))
        }) {
        Some((u, p)) => (u, p.trim_end_matches('\0').to_string()),
        None => (auth.username.clone(), auth.password.clone()),
    };
    let found = Credentials {
        username,
        password,
        identity_token: auth.identitytoken.clone(),
    };
    // With a helper in use, `auths` keeps an empty entry per registry.
    (!found.username.is_empty() || !found.identity_token.is_empty()).then_some(found)
}

async fn ask_helper(helper: &str, key: &str) -> Result<Option<Credentials>, String> {
    #[derive(Deserialize)]
    struct Given {
        #[serde(rename = "Username", default)]
        username: String,
        #[serde(rename = "Secret", default)]
        secret: String,
    }

    let program = format!("docker-credential-{helper}");
    let asking = async {
        let mut child = tokio::process::Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("credential helper `{program}`: {e}"))?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that has already gone is judged by its exit status.
            let _ = input.write_all(key.as_bytes()).await;
        }
        child
            .wait_with_output()
            .await
            .map_err(|e| format!("credential helper `{program}`: {e}"))
    };
    let output = tokio::time::timeout(HELPER_DEADLINE, asking)
        .await
        .map_err(|_| format!("credential helper `{program}` gave no answer"))??;
    if !output.status.success() {
        // By convention the reason is on stdout; having none stored is not a failure.
        let said = String::from_utf8_lossy(&output.stdout);
        return if said.contains("not found") {
            Ok(None)
        } else {
            Err(format!(
                "credential helper `{program}` failed ({})",
                output.status
            ))
        };
    }
    let given: Given = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("credential helper `{program}` gave an unreadable answer"))?;
    Ok(Some(if given.username == "<token>" {
        Credentials {
            identity_token: given.secret,
            ..Default::default()
        }
    } else {
        Credentials {
            username: given.username,
            password: given.secret,
            ..Default::default()
        }
    }))
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let mut held = 0u32;
    let mut bits = 0;
    for byte in text.trim().trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap_or_default()
    }

    #[test]
    fn base64() {
        assert_eq!(decode_base64("dTpwOjE=").as_deref(), Some(&b"u:p:1"[..]));
        assert_eq!(decode_base64("").as_deref(), Some(&b""[..]));
        assert_eq!(decode_base64("a b"), None);
    }

    #[test]
    fn stored_credentials() {
        let c = config(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOjE="},"https://r.example/v2/":{"auth":"dTpwOjE="},"empty.example":{}}}"#,
        );
        let hub = stored(&c, &config_key("registry-1.docker.io"));
        assert!(hub.is_some_and(|h| h.username == "u" && h.password == "p:1"));
        assert!(stored(&c, "r.example").is_some());
        assert!(stored(&c, "empty.example").is_none());
        assert!(stored(&c, "other.example").is_none());
    }

    #[test]
    fn helpers() {
        let c = config(
            r#"{"credsStore":"desktop","credHelpers":{"123.dkr.ecr.eu-west-1.amazonaws.com":"ecr-login"}}"#,
        );
        assert_eq!(
            helper_for(&c, "123.dkr.ecr.eu-west-1.amazonaws.com"),
            Some("ecr-login")
        );
        assert_eq!(helper_for(&c, "r.example"), Some("desktop"));
        assert_eq!(helper_for(&config("{}"), "r.example"), None);
    }
}
