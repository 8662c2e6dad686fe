//! A container as the engine tells of it.

use std::collections::BTreeMap;

use bollard::models::PortMap;
use serde::{Deserialize, Serialize};

use super::clock;
use super::image::read_port;

/// What the engine knows about a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    pub id: String,
    pub name: String,
    /// The image's id.
    pub image_id: String,
    /// The image as it was named when the container was made.
    pub image: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub status: String,
    pub running: bool,
    pub exit_code: i64,
    /// What the engine says; it stays false when only a child of the main process was killed.
    pub oom_killed: bool,
    pub error: String,
    /// RFC 3339; absent when it never started.
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub health: Option<HealthState>,
    /// By network name.
    pub ip_addresses: BTreeMap<String, String>,
    /// With the host ports really in use; empty unless it runs.
    pub ports: Vec<PublishedPort>,
    pub labels: BTreeMap<String, String>,
    pub env: Vec<String>,
    pub restart_count: i64,
    /// On the engine's host; 0 unless it runs.
    pub pid: i64,
    pub mounts: Vec<MountedAt>,
    pub network_mode: String,
    pub hostname: String,
    pub memory: i64,
    pub log_driver: String,
}

impl ContainerState {
    /// When it was started last, in milliseconds since 1970; none when it never was.
    pub fn started_milliseconds(&self) -> Option<u64> {
        let (seconds, nanoseconds) = clock::parse(self.started_at.as_deref()?)?;
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        Some(seconds * 1000 + u64::from(nanoseconds) / 1_000_000)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthState {
    /// `starting`, `healthy`, `unhealthy`.
    pub status: String,
    pub failing_streak: i64,
    pub last_output: String,
    pub last_exit_code: Option<i64>,
    /// Exit code and output of the last few checks, oldest first; -1 when a check could not be started.
    pub log: Vec<(i64, String)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    pub container: u16,
    pub protocol: String,
    pub address: String,
    pub host: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedAt {
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// The volume's name.
    pub name: Option<String>,
    pub source: String,
    pub target: String,
    pub read_only: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedContainer {
    pub id: String,
    pub name: String,
    pub image: String,
    pub labels: BTreeMap<String, String>,
    /// `running`, `exited`, …
    pub state: String,
    /// For people: "Up 3 seconds (healthy)".
    pub status: String,
    pub ports: Vec<PublishedPort>,
    /// Seconds since 1970.
    pub created: i64,
}

fn bare_name(name: Option<String>) -> String {
    name.unwrap_or_default().trim_start_matches('/').to_string()
}

fn read_ports(ports: PortMap) -> Vec<PublishedPort> {
    let mut all: Vec<PublishedPort> = ports
        .into_iter()
        .filter_map(|(key, bindings)| Some((read_port(&key)?, bindings?)))
        .flat_map(|((container, protocol), bindings)| {
            bindings.into_iter().filter_map(move |b| {
                Some(PublishedPort {
                    container,
                    protocol: protocol.clone(),
                    address: b.host_ip.unwrap_or_default(),
                    host: b.host_port?.parse().ok()?,
                })
            })
        })
        .collect();
    all.sort();
    all
}

/// What is read of a container. Bollard's own types refuse a whole answer for one word they do not
/// know (Podman has states of its own), so these take any text and miss nothing but what is absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Inspected {
    id: Option<String>,
    name: Option<String>,
    image: Option<String>,
    restart_count: Option<i64>,
    state: InspectedState,
    config: InspectedConfig,
    host_config: InspectedHost,
    network_settings: InspectedNetworks,
    mounts: Option<Vec<InspectedMount>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedState {
    status: Option<String>,
    running: Option<bool>,
    #[serde(rename = "OOMKilled")]
    oom_killed: Option<bool>,
    pid: Option<i64>,
    exit_code: Option<i64>,
    error: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    health: Option<InspectedHealth>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedHealth {
    status: Option<String>,
    failing_streak: Option<i64>,
    log: Option<Vec<InspectedProbe>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedProbe {
    exit_code: Option<i64>,
    output: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedConfig {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<String>>,
    hostname: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedHost {
    network_mode: Option<String>,
    memory: Option<i64>,
    log_config: Option<InspectedLog>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedLog {
    #[serde(rename = "Type")]
    kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedNetworks {
    networks: Option<BTreeMap<String, InspectedEndpoint>>,
    ports: Option<PortMap>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedEndpoint {
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InspectedMount {
    #[serde(rename = "Type")]
    kind: Option<String>,
    name: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    #[serde(rename = "RW")]
    writable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Listed {
    id: Option<String>,
    names: Option<Vec<String>>,
    image: Option<String>,
    created: Option<i64>,
    ports: Option<Vec<ListedPort>>,
    labels: Option<BTreeMap<String, String>>,
    state: Option<String>,
    status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ListedPort {
    #[serde(rename = "IP")]
    ip: Option<String>,
    private_port: Option<u16>,
    public_port: Option<u16>,
    #[serde(rename = "Type")]
    kind: Option<String>,
}

/// Docker's word for a state that Podman names otherwise.
fn status(text: Option<String>) -> String {
    match text.as_deref() {
        Some("stopped") => "exited".to_string(),
        Some("configured" | "initialized") => "created".to_string(),
        _ => text.unwrap_or_default(),
    }
}

impl From<Inspected> for ContainerState {
    fn from(found: Inspected) -> ContainerState {
        let (state, config, host) = (found.state, found.config, found.host_config);
        // The engine writes the year 1 for "never".
        let time = |t: Option<String>| t.filter(|t| !t.is_empty() && !t.starts_with("0001-"));
        let health = state.health.and_then(|h| {
            let status = h.status.unwrap_or_default();
            let log: Vec<(i64, String)> = h
                .log
                .unwrap_or_default()
                .into_iter()
                .map(|one| (one.exit_code.unwrap_or(-1), one.output.unwrap_or_default()))
                .collect();
            let last = log.last().cloned();
            (!status.is_empty() && status != "none").then(|| HealthState {
                status,
                failing_streak: h.failing_streak.unwrap_or(0),
                last_exit_code: last.as_ref().map(|(code, _)| *code),
                last_output: last.map(|(_, output)| output).unwrap_or_default(),
                log,
            })
        });
        ContainerState {
            id: found.id.unwrap_or_default(),
            name: bare_name(found.name),
            image_id: found.image.unwrap_or_default(),
            image: config.image.unwrap_or_default(),
            status: status(state.status),
            running: state.running.unwrap_or(false),
            exit_code: state.exit_code.unwrap_or(0),
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.unwrap_or_default(),
            started_at: time(state.started_at),
            finished_at: time(state.finished_at),
            health,
            ip_addresses: found
                .network_settings
                .networks
                .into_iter()
                .flatten()
                .filter_map(|(name, e)| Some((name, e.ip_address.filter(|a| !a.is_empty())?)))
                .collect(),
            ports: read_ports(found.network_settings.ports.unwrap_or_default()),
            labels: config.labels.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            restart_count: found.restart_count.unwrap_or(0),
            pid: state.pid.unwrap_or(0),
            mounts: found
                .mounts
                .into_iter()
                .flatten()
                .map(|m| MountedAt {
                    kind: m.kind.unwrap_or_default(),
                    name: m.name.filter(|n| !n.is_empty()),
                    source: m.source.unwrap_or_default(),
                    target: m.destination.unwrap_or_default(),
                    read_only: m.writable == Some(false),
                })
                .collect(),
            network_mode: host.network_mode.unwrap_or_default(),
            hostname: config.hostname.unwrap_or_default(),
            memory: host.memory.unwrap_or(0),
            log_driver: host.log_config.and_then(|l| l.kind).unwrap_or_default(),
        }
    }
}

impl From<Listed> for ListedContainer {
    fn from(found: Listed) -> ListedContainer {
        let mut ports: Vec<PublishedPort> = found
            .ports
            .into_iter()
            .flatten()
            .filter_map(|p| {
                Some(PublishedPort {
                    container: p.private_port?,
                    protocol: p.kind.unwrap_or_default(),
                    address: p.ip.unwrap_or_default(),
                    host: p.public_port?,
                })
            })
            .collect();
        ports.sort();
        ListedContainer {
            id: found.id.unwrap_or_default(),
            name: bare_name(found.names.unwrap_or_default().into_iter().next()),
            image: found.image.unwrap_or_default(),
            labels: found.labels.unwrap_or_default(),
            state: status(found.state),
            status: found.status.unwrap_or_default(),
            ports,
            created: found.created.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_unknown_words_and_nothing_are_read() {
        let text = r#"{"Id":"ab","Name":"/x","State":{"Status":"stopped","Running":false,"New":{}},
            "Config":{"Labels":null,"Env":null},"HostConfig":{"CgroupnsMode":"novel"},
            "NetworkSettings":{"Networks":null,"Ports":{"80/tcp":null}},"Mounts":null}"#;
        let state =
            ContainerState::from(serde_json::from_str::<Inspected>(text).unwrap_or_default());
        assert_eq!(
            (state.name.as_str(), state.status.as_str()),
            ("x", "exited")
        );
        assert!(state.ports.is_empty() && state.health.is_none());
    }
}
