//! `portMappings` and `disableNetworking` of a container.

use super::container::Task;
use super::fields::{Fields, Findings};
use super::localhost::Peer;
use crate::init::compose_file::{Map, Yaml};
use crate::init::ports::{HostPorts, PortRange};
use crate::init::service::Service;

/// A container as its neighbours need to know it. What is wrong is told when the container is read.
pub fn peer(container: &mut Fields<'_>) -> Peer {
    let mut quiet = Findings::default();
    let name = container.text("name", &mut quiet).unwrap_or_default();
    let image = container.text("image", &mut quiet).unwrap_or_default();
    let mappings = container.objects("portMappings", &mut quiet);
    let ports = mappings
        .into_iter()
        .filter_map(|mut one| range(&mut one, &mut quiet));
    let mut ports: Vec<(u16, u16)> = ports.map(|range| (range.first, range.last)).collect();
    if ports.is_empty()
        && let Some(mut check) = container.object("healthCheck", &mut quiet)
        && let Some((port, _)) =
            crate::init::probe::own_url(&check.texts("command", &mut quiet).join(" "))
    {
        ports.push((port, port));
    }
    Peer { name, image, ports }
}

fn range(one: &mut Fields<'_>, findings: &mut Findings) -> Option<PortRange> {
    let protocol = one
        .text("protocol", findings)
        .unwrap_or_else(|| "tcp".to_owned());
    let (path, text) = match one.text("containerPortRange", findings) {
        Some(range) => (one.path("containerPortRange"), range),
        None => (
            one.path("containerPort"),
            one.number("containerPort", findings)?.to_string(),
        ),
    };
    let range = PortRange::parse(&format!("{text}/{protocol}"));
    if range.is_none() {
        findings.error(
            &path,
            format!("`{text}` with the protocol `{protocol}` is no port that a container can have"),
        );
    }
    range
}

/// Publishes the ports on 127.0.0.1.
pub fn read(
    c: &mut Fields<'_>,
    s: &mut Service,
    task: &Task<'_>,
    host: &mut HostPorts,
    findings: &mut Findings,
) {
    let mut written = Vec::new();
    for mut one in c.objects("portMappings", findings) {
        let range = range(&mut one, findings);
        let wanted = one
            .number("hostPort", findings)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0);
        let name = one.text("name", findings);
        let protocol = one.text("appProtocol", findings);
        let no_port =
            range.is_none() && !one.has("containerPort") && !one.has("containerPortRange");
        if no_port {
            findings.error(
                &one.path("containerPort"),
                "a port mapping needs `containerPort` or `containerPortRange`",
            );
        }
        one.rest(Some(&s.name), findings);
        let Some(range) = range else { continue };
        let wanted = wanted
            .filter(|_| !task.shares_network)
            .unwrap_or(range.first);
        let (line, first) = host.publish(wanted, range);
        if first != wanted {
            findings.notes.service(
                &s.name,
                "portMappings",
                format!(
                    "port {} is published as {first} here: another service has {wanted}",
                    range.first
                ),
            );
        }
        if !range.udp && s.port.is_none() {
            s.port = Some(range.first);
        }
        written.push(mapping(range, first, &line, name, protocol, s, findings));
    }
    s.keys.put_some("ports", written);
    if c.boolean("disableNetworking", findings) == Some(true) {
        s.keys.put("network_mode", Yaml::literal("none"));
    }
}

/// The short form, unless there is more to say than it can.
fn mapping(
    range: PortRange,
    published: u16,
    line: &str,
    name: Option<String>,
    protocol: Option<String>,
    s: &Service,
    findings: &mut Findings,
) -> Yaml {
    if name.is_none() && protocol.is_none() {
        return Yaml::literal(line);
    }
    if range.first != range.last {
        let text = format!(
            "a range of ports has no place for its name (`{}`) and protocol in Compose",
            name.unwrap_or_default()
        );
        findings.notes.service(&s.name, "portMappings", text);
        return Yaml::literal(line);
    }
    let mut map = Map::default();
    if let Some(name) = name {
        map.put("name", Yaml::literal(&name));
    }
    map.put("target", i64::from(range.first));
    map.put("published", Yaml::literal(&published.to_string()));
    map.put("host_ip", Yaml::literal("127.0.0.1"));
    if range.udp {
        map.put("protocol", Yaml::literal("udp"));
    }
    if let Some(protocol) = protocol {
        map.put("app_protocol", Yaml::literal(&protocol));
    }
    Yaml::Map(map)
}
