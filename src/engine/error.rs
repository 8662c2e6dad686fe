//! What can go wrong with the engine, sorted by what the reader can do about it.
//!
//! The engine answers with free text; this file is the one place that reads
//! that text. It never carries environment values, build arguments or
//! credentials: only names, addresses and the engine's own sentence.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::build_progress::BuildFailure;
use super::connect::Candidate;

/// A failed call to the engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// No engine answered. An explicit choice that fails has one entry.
    #[error("{}", unreachable_text(.tried))]
    Unreachable { tried: Vec<(Candidate, String)> },

    #[error("{what} `{name}` does not exist")]
    NotFound { what: String, name: String },

    #[error("{doing}: {message}")]
    Conflict { doing: String, message: String },

    #[error("{address}:{port} is already in use on the engine's host")]
    PortInUse { address: String, port: u16 },

    #[error("the subnet overlaps with a network that already exists ({message})")]
    AddressPoolOverlap { message: String },

    /// The engine has no free subnet left to give to a new network.
    #[error("the engine has no free address range for another network ({message})")]
    AddressPoolExhausted { message: String },

    #[error("the name `{name}` is already in use")]
    NameInUse { name: String },

    #[error("image `{image}` is not available: {detail}")]
    ImageNotFound { image: String, detail: String },

    /// A bind mount names a path that the engine's host does not have.
    #[error("bind mount source `{path}` does not exist on the engine's host")]
    MountSourceMissing { path: String },

    #[error("{0}")]
    Build(Box<BuildFailure>),

    #[error("{doing}: the engine refused: {message}")]
    Denied { doing: String, message: String },

    #[error("{doing}: no answer after {} s", .after.as_secs())]
    Timeout { doing: String, after: Duration },

    #[error("{doing}: {message}")]
    Other {
        doing: String,
        status: Option<u16>,
        message: String,
    },
}

impl EngineError {
    /// True when the thing asked for is simply not there.
    pub fn is_not_found(&self) -> bool {
        match self {
            EngineError::NotFound { .. } | EngineError::ImageNotFound { .. } => true,
            EngineError::Other { status, .. } => *status == Some(404),
            _ => false,
        }
    }

    /// True when the engine says that the state already is, or is in the way of, what was asked.
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            EngineError::Conflict { .. } | EngineError::NameInUse { .. }
        )
    }

    pub(super) fn other(doing: impl Into<String>, message: impl Into<String>) -> Self {
        EngineError::Other {
            doing: doing.into(),
            status: None,
            message: message.into(),
        }
    }

    pub(super) fn build(failure: BuildFailure) -> Self {
        EngineError::Build(Box::new(failure))
    }
}

fn unreachable_text(tried: &[(Candidate, String)]) -> String {
    match tried {
        [] => "no container engine was found: neither DOCKER_HOST nor a docker context names one, \
               and none of the usual sockets exists"
            .to_string(),
        [(only, why)] => format!(
            "the container engine at {} ({}) does not answer: {why}",
            only.shown_address(),
            only.how
        ),
        many => {
            let each: Vec<String> = many
                .iter()
                .map(|(c, why)| format!("{} ({}): {why}", c.shown_address(), c.how))
                .collect();
            format!("no container engine answers: {}", each.join("; "))
        }
    }
}

/// Sorts what bollard returned. `doing` is a fragment such as "starting container `web`".
pub(super) fn from_bollard(doing: &str, error: bollard::errors::Error) -> EngineError {
    use bollard::errors::Error as B;
    match error {
        B::DockerResponseServerError {
            status_code,
            message,
        } => classify(doing, Some(status_code), &message),
        B::DockerStreamError { error } => classify(doing, None, &error),
        B::DockerContainerWaitError { error, .. } => classify(doing, None, &error),
        B::RequestTimeoutError => EngineError::other(doing, "the engine did not answer in time"),
        B::JsonDataError { message, .. } => EngineError::other(
            doing,
            format!("the engine's answer could not be read: {message}"),
        ),
        other => EngineError::other(doing, chain(&other)),
    }
}

/// The error and its causes in one line, without repeating a text that its cause repeats.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text
}

/// Sorts the engine's sentence. Pure.
pub(super) fn classify(doing: &str, status: Option<u16>, message: &str) -> EngineError {
    let message = message.trim();
    if let Some((address, port)) = port_in_use(message) {
        return EngineError::PortInUse { address, port };
    }
    let lower = message.to_ascii_lowercase();
    if lower.contains("pool overlaps with other one")
        || lower.contains("is already used on the host")
    {
        return EngineError::AddressPoolOverlap {
            message: message.to_string(),
        };
    }
    if lower.contains("non-overlapping ipv4 address pool")
        || lower.contains("predefined address pools have been fully subnetted")
    {
        return EngineError::AddressPoolExhausted {
            message: message.to_string(),
        };
    }
    if let Some(name) = name_in_use(message) {
        return EngineError::NameInUse { name };
    }
    if let Some(path) = first(&BIND_SOURCE, message) {
        return EngineError::MountSourceMissing { path };
    }
    if let Some(image) = first(&NO_SUCH_IMAGE, message) {
        return EngineError::ImageNotFound {
            image: image.trim_end_matches('.').to_string(),
            detail: "the engine has no such image".to_string(),
        };
    }
    if let Some(found) = not_found(message) {
        return found;
    }
    if status == Some(403)
        || lower.contains("mounts denied")
        || lower.contains("authorization denied by plugin")
    {
        return EngineError::Denied {
            doing: doing.to_string(),
            message: message.to_string(),
        };
    }
    if status == Some(409) {
        return EngineError::Conflict {
            doing: doing.to_string(),
            message: message.to_string(),
        };
    }
    EngineError::Other {
        doing: doing.to_string(),
        status,
        message: if message.is_empty() {
            match status {
                Some(code) => format!("the engine answered with status {code}"),
                None => "the engine gave no reason".to_string(),
            }
        } else {
            message.to_string()
        },
    }
}

static BIND_SOURCE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?:bind source path does not exist: |statfs |source path )([^:\s][^:]*?)(?:$|:? (?:no such file or directory|does not exist)|: no such file)",
    )
});
static NO_SUCH_IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?:no such image: |unable to find image '|unable to find image |^)(\S+?)(?:'|: image not known|: no such image|$)",
    )
});
static HOST_PORT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    vec![
        compiled(r"Bind for (\S+):(\d+) failed"),
        compiled(r"listen (?:tcp|udp|sctp)[46]? (\S*):(\d+): "),
        compiled(r"host port (?:for )?(\d+\.\d+\.\d+\.\d+|\[[^\]]*\]):(\d+)"),
        compiled(
            r"[Pp]orts? (?:are not available|is not available)[^0-9\[]*(\d+\.\d+\.\d+\.\d+|\[[^\]]*\]):(\d+)",
        ),
    ]
});
static NAME_IN_USE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    vec![
        compiled(r#"container name "?/?([^"\s]+)"? is already in use"#),
        compiled(r"network with name (\S+) already exists"),
        compiled(r"network name (\S+) already used"),
        compiled(r"volume with name (\S+) already exists"),
    ]
});
static NOT_FOUND: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    vec![
        (compiled(r"(?i)no such container: (\S+)"), "container"),
        (
            compiled(r#"(?i)no container with (?:name or )?id "?([^"\s]+)"?"#),
            "container",
        ),
        (compiled(r"(?i)no such exec(?: instance)?: (\S+)"), "exec"),
        (compiled(r"(?i)^(?:get )?(\S+): no such volume"), "volume"),
        (compiled(r"(?i)no such volume: (\S+)"), "volume"),
        (compiled(r"(?i)network (\S+) not found"), "network"),
        (compiled(r"(?i)no such network: (\S+)"), "network"),
        (
            compiled(r"(?i)unable to find network with name or id (\S+?):"),
            "network",
        ),
        (
            compiled(r"(?i)could not find the file (.+) in container"),
            "path",
        ),
    ]
});

/// The patterns are constants: one that does not compile fails the unit tests.
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

fn first(pattern: &Regex, text: &str) -> Option<String> {
    let found = pattern.captures(text)?.get(1)?.as_str().trim();
    (!found.is_empty()).then(|| found.to_string())
}

fn port_in_use(message: &str) -> Option<(String, u16)> {
    let lower = message.to_ascii_lowercase();
    if !(lower.contains("port is already allocated")
        || lower.contains("address already in use")
        || lower.contains("ports are not available"))
    {
        return None;
    }
    let found = HOST_PORT.iter().find_map(|p| p.captures(message))?;
    let address = found.get(1)?.as_str().trim_matches(['[', ']']);
    let port = found.get(2)?.as_str().parse().ok()?;
    let address = if address.is_empty() || address == ":" {
        "0.0.0.0"
    } else {
        address
    };
    Some((address.to_string(), port))
}

fn name_in_use(message: &str) -> Option<String> {
    NAME_IN_USE
        .iter()
        .find_map(|p| first(p, message))
        .map(|n| n.trim_matches(['"', '\'', '/', ':']).to_string())
}

fn not_found(message: &str) -> Option<EngineError> {
    NOT_FOUND.iter().find_map(|(pattern, what)| {
        first(pattern, message).map(|name| EngineError::NotFound {
            what: what.to_string(),
            name: name.trim_matches(['"', '\'', ',', '.']).to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(status: u16, message: &str) -> EngineError {
        classify("starting container `web`", Some(status), message)
    }

    #[test]
    fn ports_in_use_from_each_engine() {
        for (text, address, port) in [
            (
                "driver failed programming external connectivity on endpoint eng-a (8f3c): Bind for 0.0.0.0:8080 failed: port is already allocated",
                "0.0.0.0",
                8080,
            ),
            (
                "driver failed programming external connectivity on endpoint web (ab): Error starting userland proxy: listen tcp4 127.0.0.1:5432: bind: address already in use",
                "127.0.0.1",
                5432,
            ),
            (
                "failed to set up container networking: driver failed programming external connectivity on endpoint web (ab): failed to bind host port for 0.0.0.0:8080:172.18.0.2:80/tcp: address already in use",
                "0.0.0.0",
                8080,
            ),
            (
                "failed to bind host port 127.0.0.1:8080/tcp: address already in use",
                "127.0.0.1",
                8080,
            ),
            (
                "driver failed programming external connectivity on endpoint w (1): Bind for :::8080 failed: port is already allocated",
                "::",
                8080,
            ),
            (
                "rootlessport listen tcp 0.0.0.0:8080: bind: address already in use",
                "0.0.0.0",
                8080,
            ),
            (
                "Ports are not available: exposing port TCP 0.0.0.0:3000 -> 127.0.0.1:0: listen tcp 0.0.0.0:3000: bind: address already in use",
                "0.0.0.0",
                3000,
            ),
        ] {
            match at(500, text) {
                EngineError::PortInUse {
                    address: a,
                    port: p,
                } => {
                    assert_eq!((a.as_str(), p), (address, port), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn names_subnets_and_mounts() {
        let e = at(
            409,
            "Conflict. The container name \"/eng-a\" is already in use by container \"8f\". You have to remove (or rename) that container to be able to reuse that name.",
        );
        assert!(
            matches!(e, EngineError::NameInUse { ref name } if name == "eng-a"),
            "{e:?}"
        );
        let e = at(409, "network with name eng-n already exists");
        assert!(
            matches!(e, EngineError::NameInUse { ref name } if name == "eng-n"),
            "{e:?}"
        );
        let e = at(403, "Pool overlaps with other one on this address space");
        assert!(matches!(e, EngineError::AddressPoolOverlap { .. }), "{e:?}");
        let e = at(
            500,
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
        );
        assert!(
            matches!(e, EngineError::AddressPoolExhausted { .. }),
            "{e:?}"
        );
        let e = at(
            400,
            "invalid mount config for type \"bind\": bind source path does not exist: /no/such",
        );
        assert!(
            matches!(e, EngineError::MountSourceMissing { ref path } if path == "/no/such"),
            "{e:?}"
        );
        let e = at(500, "statfs /no/such: no such file or directory");
        assert!(
            matches!(e, EngineError::MountSourceMissing { ref path } if path == "/no/such"),
            "{e:?}"
        );
    }

    #[test]
    fn missing_things() {
        let e = at(404, "No such image: eng-none:latest");
        assert!(
            matches!(e, EngineError::ImageNotFound { ref image, .. } if image == "eng-none:latest"),
            "{e:?}"
        );
        let e = at(404, "eng-none: image not known");
        assert!(
            matches!(e, EngineError::ImageNotFound { ref image, .. } if image == "eng-none"),
            "{e:?}"
        );
        for (text, kind, id) in [
            ("No such container: eng-x", "container", "eng-x"),
            (
                "no container with name or ID \"eng-x\" found: no such container",
                "container",
                "eng-x",
            ),
            ("network eng-n not found", "network", "eng-n"),
            ("get eng-v: no such volume", "volume", "eng-v"),
            ("No such exec instance: 12", "exec", "12"),
            (
                "Could not find the file /nope in container eng-a",
                "path",
                "/nope",
            ),
        ] {
            let e = at(404, text);
            assert!(e.is_not_found(), "{text}");
            assert!(
                matches!(e, EngineError::NotFound { ref what, ref name } if what == kind && name == id),
                "{text}: {e:?}"
            );
        }
    }

    #[test]
    fn the_rest_keeps_the_engines_words() {
        let e = at(
            409,
            "You cannot remove a running container 8f. Stop the container before attempting removal or force remove",
        );
        assert!(e.is_conflict());
        let e = at(
            500,
            "OCI runtime create failed: exec: \"nope\": executable file not found in $PATH: unknown",
        );
        assert_eq!(
            e.to_string(),
            "starting container `web`: OCI runtime create failed: exec: \"nope\": executable file not found in $PATH: unknown"
        );
        assert!(
            at(403, "mounts denied: the path /x is not shared")
                .to_string()
                .contains("refused")
        );
        assert_eq!(
            at(500, "").to_string(),
            "starting container `web`: the engine answered with status 500"
        );
    }
}
