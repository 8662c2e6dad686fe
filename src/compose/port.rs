//! The short form of published ports: `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, ports or ranges.
//!
//! Source: Compose Specification, "Ports", "Short syntax"; Docker's `nat.ParsePortSpec` for the
//! corner cases.

use std::net::IpAddr;

use super::{Kind, Node, Place};

/// The long forms that `text` stands for, one per container port.
///
/// # Errors
/// What is wrong with it, as a sentence without a full stop.
pub fn long_forms(text: &str, place: &Place) -> Result<Vec<Node>, String> {
    let (address, host, container) = split(text);
    let (container, protocol) = match container.split_once('/') {
        Some((container, protocol)) => (container, protocol.to_lowercase()),
        None => (container, "tcp".to_owned()),
    };
    if !matches!(&*protocol, "tcp" | "udp" | "sctp") {
        return Err(format!(
            "`{protocol}` is not a protocol: use tcp, udp or sctp"
        ));
    }
    let address = address.trim_start_matches('[').trim_end_matches(']');
    if !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return Err(format!("`{address}` is not an IP address"));
    }
    if container.is_empty() {
        return Err(format!("`{text}` names no container port"));
    }
    let targets = range(container)?;
    let published = match host {
        "" => None,
        host => Some(range(host)?),
    };
    let single = targets.0 == targets.1;
    if let Some(published) = published
        && published.1 - published.0 != targets.1 - targets.0
        && !single
    {
        return Err(format!(
            "`{host}` and `{container}` are ranges of different lengths"
        ));
    }
    let mut ports = Vec::new();
    for target in targets.0..=targets.1 {
        let published = published.map(|(first, last)| match single && first != last {
            true => format!("{first}-{last}"),
            false => (first + (target - targets.0)).to_string(),
        });
        ports.push((
            format!("{target}/{protocol}"),
            long_form(address, published, target, &protocol, place),
        ));
    }
    // Compose sorts them as text: 10 stands before 9.
    ports.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(ports.into_iter().map(|(_, port)| port).collect())
}

/// Keys and values of all the long forms that `text` stands for, as far as that can be told without
/// reading all of it.
pub fn values(text: &str) -> usize {
    let (address, host, container) = split(text);
    let ports = container.split('/').next().unwrap_or_default();
    let count = range(ports).map_or(0, |(first, last)| (last - first) as usize + 1);
    let optional = [address, host].into_iter().filter(|part| !part.is_empty());
    // The mapping itself with `mode`, `target` and `protocol`, each a key and a value.
    count * (1 + 2 * (3 + optional.count()))
}

fn long_form(
    address: &str,
    published: Option<String>,
    target: u32,
    protocol: &str,
    place: &Place,
) -> Node {
    let mut port = Node::mapping(place.clone());
    port.set("mode", Node::string("ingress", place));
    if !address.is_empty() {
        port.set("host_ip", Node::string(address, place));
    }
    let target = Node::scalar(target.to_string(), Kind::Int, place.clone());
    port.set("target", target);
    if let Some(published) = published {
        port.set("published", Node::string(published, place));
    }
    port.set("protocol", Node::string(protocol, place));
    port
}

/// Address, host part and container part; what is not written is empty.
fn split(text: &str) -> (&str, &str, &str) {
    match text.rsplit_once(':') {
        None => ("", "", text),
        Some((before, container)) => match before.rsplit_once(':') {
            None => ("", before, container),
            Some((address, host)) => (address, host, container),
        },
    }
}

/// First and last port of `80` or `80-82`.
fn range(text: &str) -> Result<(u32, u32), String> {
    let port = |part: &str| match part.parse::<u16>() {
        Ok(port) => Ok(u32::from(port)),
        Err(_) => Err(format!(
            "`{part}` is not a port: a number from 0 to 65535 is expected"
        )),
    };
    let (first, last) = match text.split_once('-') {
        None => (port(text)?, port(text)?),
        Some((first, last)) => (port(first)?, port(last)?),
    };
    if last < first {
        return Err(format!("the range `{text}` runs backwards"));
    }
    Ok((first, last))
}
