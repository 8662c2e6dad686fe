//! Finding the engine: which addresses to try, in which order, and the first word with each.
//!
//! The order is docker's own, then the sockets of the other engines. A choice
//! the user made (`DOCKER_HOST`, `DOCKER_CONTEXT`, `docker context use`) is
//! binding: when it fails, no other engine is tried, because acting on another
//! engine than the user's other tools do would be worse than stopping.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::{BollardRequest, ClientVersion, Docker};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::chain;
use super::info::{EngineInfo, EngineKind};
use super::raw::Dial;
use super::{ApiVersion, Engine, EngineError, Shared};

const PING_DEADLINE: Duration = Duration::from_secs(3);

/// Bollard counts this until the answer's first line, so it must outlive the
/// slowest call that answers only at its end (a stop, a large archive).
const LONGEST_CALL_S: u64 = 3600;

/// Newer engines drop and rename fields; asking for no more than what bollard's
/// types describe keeps an old `envsim` working with a new engine.
const NEWEST_API: ApiVersion = ApiVersion(1, 53);

/// The engine in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Where the address came from: "DOCKER_HOST", "docker context `colima`", "default socket".
    pub how: String,
    /// `unix:///…` or `tcp://…`, with credentials masked.
    pub address: String,
    /// True for a socket on this machine. The engine may still be in a virtual machine behind it.
    pub local: bool,
}

/// An address that may answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub how: String,
    /// As configured; use [`Candidate::shown_address`] for people.
    pub address: String,
    /// The user chose it, so no other may take its place.
    pub explicit: bool,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, when TLS is wanted.
    pub tls: Option<PathBuf>,
    /// Known before trying: why it cannot work.
    pub problem: Option<String>,
}

impl Candidate {
    fn new(how: impl Into<String>, address: impl Into<String>, explicit: bool) -> Self {
        Candidate {
            how: how.into(),
            address: address.into(),
            explicit,
            tls: None,
            problem: None,
        }
    }

    /// The address without user or password.
    pub fn shown_address(&self) -> String {
        mask(&self.address)
    }

    fn is_local(&self) -> bool {
        match self.address.split_once("://") {
            Some(("unix", _)) => true,
            Some((_, rest)) => {
                let host = rest.rsplit('@').next().unwrap_or(rest);
                ["localhost", "127.", "[::1]"]
                    .iter()
                    .any(|l| host.starts_with(l))
            }
            None => false,
        }
    }
}

/// The addresses to try, best first. Pure: everything it asks comes in as a function.
///
/// `read` returns a file's text, or `None` when there is no such file.
pub fn candidates(
    env: &dyn Fn(&str) -> Option<String>,
    home: Option<&Path>,
    exists: &dyn Fn(&Path) -> bool,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Vec<Candidate> {
    let env = |name: &str| env(name).filter(|v| !v.is_empty());
    let config = env("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| home.map(|h| h.join(".docker")));
    let tls = env("DOCKER_TLS_VERIFY").and_then(|_| {
        env("DOCKER_CERT_PATH")
            .map(PathBuf::from)
            .or_else(|| config.clone())
    });

    if let Some(host) = env("DOCKER_HOST") {
        let address = if host.contains("://") {
            host
        } else {
            format!("tcp://{host}")
        };
        let mut chosen = Candidate::new("DOCKER_HOST", address, true);
        chosen.tls = tls;
        return vec![chosen];
    }
    if let Some(name) = env("DOCKER_CONTEXT").filter(|n| n != "default") {
        return vec![context(&name, config.as_deref(), read)];
    }
    let current = config
        .as_deref()
        .filter(|_| env("DOCKER_CONTEXT").is_none())
        .and_then(|dir| read(&dir.join("config.json")))
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
        .and_then(|v| v.get("currentContext")?.as_str().map(str::to_string))
        .filter(|n| !n.is_empty() && n != "default");
    if let Some(name) = current {
        return vec![context(&name, config.as_deref(), read)];
    }

    let mut sockets: Vec<(&str, PathBuf)> =
        vec![("default socket", PathBuf::from("/var/run/docker.sock"))];
    let runtime = env("XDG_RUNTIME_DIR").map(PathBuf::from);
    if let Some(dir) = &runtime {
        sockets.push(("rootless Docker", dir.join("docker.sock")));
    }
    if let Some(home) = home {
        sockets.push(("Docker Desktop", home.join(".docker/run/docker.sock")));
        sockets.push(("Docker Desktop", home.join(".docker/desktop/docker.sock")));
        sockets.push(("Colima", home.join(".colima/default/docker.sock")));
        sockets.push(("Colima", home.join(".colima/docker.sock")));
    }
    if let Some(dir) = &runtime {
        sockets.push(("rootless Podman", dir.join("podman/podman.sock")));
    }
    sockets.push(("Podman", PathBuf::from("/run/podman/podman.sock")));
    if let Some(home) = home {
        sockets.push(("Rancher Desktop", home.join(".rd/docker.sock")));
        sockets.push(("OrbStack", home.join(".orbstack/run/docker.sock")));
    }
    sockets
        .into_iter()
        .filter(|(_, path)| exists(path))
        .map(|(how, path)| Candidate::new(how, format!("unix://{}", path.display()), false))
        .collect()
}

/// A docker context by name, from the CLI's own store (a folder named by the SHA-256 of the name).
fn context(name: &str, config: Option<&Path>, read: &dyn Fn(&Path) -> Option<String>) -> Candidate {
    #[derive(Deserialize)]
    struct Meta {
        #[serde(rename = "Endpoints", default)]
        endpoints: std::collections::HashMap<String, MetaEndpoint>,
    }
    #[derive(Deserialize)]
    struct MetaEndpoint {
        #[serde(rename = "Host", default)]
        host: String,
    }

    let mut chosen = Candidate::new(format!("docker context `{name}`"), "", true);
    let Some(config) = config else {
        chosen.problem = Some("the home folder is not known".to_string());
        return chosen;
    };
    let id: String = Sha256::digest(name.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let meta = config.join("contexts/meta").join(&id).join("meta.json");
    let Some(text) = read(&meta) else {
        chosen.problem = Some(format!(
            "there is no such context (no {}); `docker context ls` lists them",
            meta.display()
        ));
        return chosen;
    };
    let host = serde_json::from_str::<Meta>(&text)
        .ok()
        .and_then(|mut m| m.endpoints.remove("docker"))
        .map(|e| e.host)
        .filter(|h| !h.is_empty());
    match host {
        Some(host) => chosen.address = host,
        None => {
            chosen.problem = Some(format!("{} names no docker endpoint", meta.display()));
        }
    }
    let tls = config.join("contexts/tls").join(&id).join("docker");
    if read(&tls.join("ca.pem")).is_some() {
        chosen.tls = Some(tls);
    }
    chosen
}

/// Hides `user:password@` in an address.
fn mask(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_string();
    };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://***@{}", &rest[at + 1..]),
        None => address.to_string(),
    }
}

fn on_this_machine() -> Vec<Candidate> {
    let home = std::env::home_dir();
    candidates(
        &|name| std::env::var(name).ok(),
        home.as_deref(),
        &|path| path.exists(),
        &|path| std::fs::read_to_string(path).ok(),
    )
}

impl Engine {
    /// Connects to the engine that the user's other tools would use, or the first that answers.
    pub async fn connect() -> Result<Engine, EngineError> {
        let mut tried = Vec::new();
        for candidate in on_this_machine() {
            match Engine::connect_to(&candidate).await {
                Ok(engine) => return Ok(engine),
                Err(why) => {
                    let binding = candidate.explicit;
                    tried.push((candidate, why));
                    if binding {
                        break;
                    }
                }
            }
        }
        Err(EngineError::Unreachable { tried })
    }

    /// Every candidate with what it answered, for a report on the machine.
    pub async fn survey() -> Vec<(Candidate, Result<EngineInfo, String>)> {
        let each = on_this_machine().into_iter().map(|candidate| async move {
            let answer = async {
                let engine = Engine::connect_to(&candidate).await?;
                match tokio::time::timeout(PING_DEADLINE, engine.info()).await {
                    Ok(info) => info.map_err(|e| e.to_string()),
                    Err(_) => Err(no_answer()),
                }
            }
            .await;
            (candidate, answer)
        });
        futures::future::join_all(each).await
    }

    /// Connects to one address; the error is the reason alone.
    pub async fn connect_to(candidate: &Candidate) -> Result<Engine, String> {
        if let Some(problem) = &candidate.problem {
            return Err(problem.clone());
        }
        match tokio::time::timeout(PING_DEADLINE, first_word(candidate)).await {
            Ok(answer) => answer,
            Err(_) => Err(no_answer()),
        }
    }
}

fn no_answer() -> String {
    format!("no answer within {} s", PING_DEADLINE.as_secs())
}

async fn first_word(candidate: &Candidate) -> Result<Engine, String> {
    let version = ClientVersion {
        major_version: NEWEST_API.0 as usize,
        minor_version: NEWEST_API.1 as usize,
    };
    let (scheme, rest) = candidate
        .address
        .split_once("://")
        .unwrap_or(("unix", candidate.address.as_str()));
    let (docker, dial) = match scheme {
        "unix" => {
            // An empty path would be bollard's default socket: another engine than the one named.
            if rest.is_empty() {
                return Err("the address names no socket".to_string());
            }
            let docker = Docker::connect_with_unix(rest, LONGEST_CALL_S, &version)
                .map_err(|e| connect_text(&chain(&e)))?;
            (docker, Some(Dial::Unix(PathBuf::from(rest))))
        }
        "tcp" | "http" | "https" if candidate.tls.is_some() || scheme == "https" => {
            let folder = candidate.tls.clone().ok_or_else(|| {
                "TLS needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH (a folder with ca.pem, cert.pem, key.pem)".to_string()
            })?;
            // Bollard finds a missing key only when it is asked for, and panics on nothing else.
            for name in ["ca.pem", "cert.pem", "key.pem"] {
                if !folder.join(name).is_file() {
                    return Err(format!("TLS: {} is missing", folder.join(name).display()));
                }
            }
            let docker = Docker::connect_with_ssl(
                &with_port(rest, 2376),
                &folder.join("key.pem"),
                &folder.join("cert.pem"),
                &folder.join("ca.pem"),
                LONGEST_CALL_S,
                &version,
            )
            .map_err(|e| chain(&e))?;
            (docker, None)
        }
        "tcp" | "http" => {
            let address = with_port(rest, 2375);
            let docker = Docker::connect_with_http(&address, LONGEST_CALL_S, &version)
                .map_err(|e| chain(&e))?;
            (docker, Some(Dial::Tcp(address)))
        }
        "ssh" => {
            return Err(format!(
                "ssh addresses are not supported; forward the socket instead: \
                 `ssh -nNT -L /tmp/docker-remote.sock:/var/run/docker.sock {}`, then \
                 DOCKER_HOST=unix:///tmp/docker-remote.sock",
                rest.rsplit('@').next().unwrap_or(rest)
            ));
        }
        other => return Err(format!("`{other}://` addresses are not supported")),
    };

    let said = docker
        .version()
        .await
        .map_err(|e| connect_text(&chain(&e)))?;
    let server = said
        .api_version
        .as_deref()
        .and_then(ApiVersion::parse)
        .ok_or_else(|| "it answers, but not like a container engine".to_string())?;
    let api = server.min(NEWEST_API);
    let kind = EngineKind::of(&said);
    let docker = docker.with_request_modifier(move |request| adapt(request, api));
    Ok(Engine {
        docker,
        shared: Arc::new(Shared {
            found: Found {
                how: candidate.how.clone(),
                address: candidate.shown_address(),
                local: candidate.is_local(),
            },
            dial,
            api,
            kind,
            server_os: said.os.unwrap_or_else(|| "linux".to_string()),
        }),
    })
}

/// `host:port` of an address that may lack the port or end in a slash.
fn with_port(rest: &str, default: u16) -> String {
    let host = rest.trim_end_matches('/');
    // The colons of an IPv6 address are inside brackets.
    let after = host.rsplit(']').next().unwrap_or(host);
    if after.contains(':') {
        host.to_string()
    } else {
        format!("{host}:{default}")
    }
}

/// What every request gets on its way out.
///
/// Bollard sends paths without a version, which means "the newest you have";
/// and it encodes credentials with the alphabet that engines do not decode.
pub(super) fn adapt(mut request: BollardRequest, api: ApiVersion) -> BollardRequest {
    let versioned = request.uri().path_and_query().and_then(|p| {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(format!("/v{api}{}", p.as_str()).parse().ok()?);
        hyper::Uri::from_parts(parts).ok()
    });
    if let Some(uri) = versioned {
        *request.uri_mut() = uri;
    }
    for name in ["x-registry-auth", "x-registry-config"] {
        if let Some(value) = request.headers().get(name).and_then(|v| v.to_str().ok()) {
            let safe = value.replace('+', "-").replace('/', "_");
            if let Ok(safe) = safe.parse() {
                request.headers_mut().insert(name, safe);
            }
        }
    }
    request
}

/// The system's words for a socket that cannot be used, with what to do about it.
fn connect_text(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    if lower.contains("permission denied") {
        "permission denied on the socket (is this user in the `docker` group?)".to_string()
    } else if lower.contains("connection refused") {
        "connection refused (is the engine running?)".to_string()
    } else if lower.contains("socket not found") || lower.contains("no such file") {
        "the socket does not exist (is the engine running?)".to_string()
    } else {
        message.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn found(env: &[(&str, &str)], files: &[(&str, &str)], sockets: &[&str]) -> Vec<Candidate> {
        let env: HashMap<String, String> = env
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let files: HashMap<PathBuf, String> = files
            .iter()
            .map(|(k, v)| (PathBuf::from(k), v.to_string()))
            .collect();
        candidates(
            &|name| env.get(name).cloned(),
            Some(Path::new("/home/u")),
            &|path| sockets.iter().any(|s| Path::new(s) == path),
            &|path| files.get(path).cloned(),
        )
    }

    const COLIMA: &str = "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16";

    #[test]
    fn docker_host_is_the_only_one() {
        let all = found(
            &[
                ("DOCKER_HOST", "tcp://u:secret@10.0.0.1:2376/"),
                ("DOCKER_TLS_VERIFY", "1"),
                ("DOCKER_CONTEXT", "x"),
            ],
            &[],
            &["/var/run/docker.sock"],
        );
        assert_eq!(all.len(), 1);
        assert!(all[0].explicit);
        assert_eq!(all[0].shown_address(), "tcp://***@10.0.0.1:2376/");
        assert_eq!(all[0].tls.as_deref(), Some(Path::new("/home/u/.docker")));
        assert!(!all[0].is_local());
    }

    #[test]
    fn a_context_is_read_from_the_cli_store() {
        let meta = format!("/home/u/.docker/contexts/meta/{COLIMA}/meta.json");
        let files = [
            (
                "/home/u/.docker/config.json",
                r#"{"auths":{},"currentContext":"colima"}"#,
            ),
            (
                meta.as_str(),
                r#"{"Name":"colima","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///home/u/.colima/default/docker.sock","SkipTLSVerify":false}}}"#,
            ),
        ];
        let all = found(&[], &files, &["/var/run/docker.sock"]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].how, "docker context `colima`");
        assert_eq!(all[0].address, "unix:///home/u/.colima/default/docker.sock");
        assert!(all[0].is_local() && all[0].problem.is_none());
        // `DOCKER_CONTEXT=default` overrides the current one.
        let all = found(
            &[("DOCKER_CONTEXT", "default")],
            &files,
            &["/var/run/docker.sock"],
        );
        assert_eq!(all[0].how, "default socket");
        let all = found(
            &[("DOCKER_CONTEXT", "gone")],
            &files,
            &["/var/run/docker.sock"],
        );
        assert!(
            all[0]
                .problem
                .as_deref()
                .is_some_and(|p| p.contains("no such context"))
        );
    }

    #[test]
    fn sockets_in_order() {
        let all = found(
            &[("XDG_RUNTIME_DIR", "/run/user/1000"), ("DOCKER_HOST", "")],
            &[("/home/u/.docker/config.json", "not json")],
            &[
                "/home/u/.orbstack/run/docker.sock",
                "/run/user/1000/podman/podman.sock",
                "/home/u/.colima/default/docker.sock",
                "/home/u/.docker/run/docker.sock",
                "/run/user/1000/docker.sock",
                "/var/run/docker.sock",
            ],
        );
        let how: Vec<&str> = all.iter().map(|c| c.how.as_str()).collect();
        assert_eq!(
            how,
            [
                "default socket",
                "rootless Docker",
                "Docker Desktop",
                "Colima",
                "rootless Podman",
                "OrbStack"
            ]
        );
        assert!(all.iter().all(|c| !c.explicit));
        assert!(found(&[], &[], &[]).is_empty());
    }

    #[test]
    fn requests_get_a_version_and_a_readable_credential() {
        let request = hyper::Request::builder()
            .uri("unix://2f76/containers/json?all=true")
            .header("X-Registry-Auth", "a+b/c==")
            .body(bollard::body_full(bytes::Bytes::new()))
            .expect("a request");
        let request = adapt(request, ApiVersion(1, 41));
        assert_eq!(
            request.uri().to_string(),
            "unix://2f76/v1.41/containers/json?all=true"
        );
        assert_eq!(request.headers()["x-registry-auth"], "a-b_c==");
    }

    #[test]
    fn ports_are_docker_defaults() {
        assert_eq!(with_port("h", 2375), "h:2375");
        assert_eq!(with_port("h:1/", 2375), "h:1");
        assert_eq!(with_port("[::1]", 2376), "[::1]:2376");
        assert_eq!(with_port("[::1]:99", 2376), "[::1]:99");
    }

    #[tokio::test]
    async fn impossible_addresses_say_what_to_do() {
        for (address, says) in [
            ("ssh://me@host", "forward the socket"),
            ("npipe:////./pipe/x", "not supported"),
            ("unix:///no/such.sock", "does not exist"),
            ("tcp://127.0.0.1:1", "refused"),
            ("https://127.0.0.1:1", "DOCKER_CERT_PATH"),
        ] {
            let candidate = Candidate::new("DOCKER_HOST", address, true);
            let why = Engine::connect_to(&candidate)
                .await
                .map(|_| ())
                .unwrap_err();
            assert!(why.contains(says), "{address}: {why}");
        }
    }
}
