//! `networks`, `network_mode` and `extra_hosts` of a service.

use super::{Context, Node, Value};
use crate::app::{At, Link, NetworkAttachment, NetworkMode};

/// Reads `networks`, the ones of highest priority first: the first is the default route.
pub fn networks(node: &Node, cx: &mut Context) -> Vec<NetworkAttachment> {
    let mut all = Vec::new();
    for (key, value) in node.as_mapping().unwrap_or(&[]) {
        let Some(name) = cx.string_at(key, "a network") else {
            continue;
        };
        let text = |key: &str| value.get(key).and_then(Node::text).map(str::to_owned);
        let number = |key: &str| {
            let written = value.get(key).and_then(Node::text);
            written
                .and_then(|text| text.parse::<i64>().ok())
                .unwrap_or_default()
        };
        let attachment = NetworkAttachment {
            name,
            aliases: value
                .get("aliases")
                .map(|aliases| cx.plain_strings(aliases, "`aliases`"))
                .unwrap_or_default(),
            ipv4_address: text("ipv4_address"),
            ipv6_address: text("ipv6_address"),
            link_local_ips: value
                .get("link_local_ips")
                .map(|addresses| cx.plain_strings(addresses, "`link_local_ips`"))
                .unwrap_or_default(),
            mac_address: text("mac_address"),
            driver_opts: value
                .get("driver_opts")
                .map(|options| cx.text_pairs(options, "`driver_opts`"))
                .unwrap_or_default(),
            priority: number("priority"),
            gateway_priority: number("gw_priority"),
            interface_name: text("interface_name"),
        };
        all.push(attachment);
    }
    // Compose connects by falling priority, and by name where it is equal.
    all.sort_by(|a, b| {
        let by_priority = b.priority.cmp(&a.priority);
        by_priority.then_with(|| a.name.value.cmp(&b.name.value))
    });
    all
}

/// Reads `network_mode`.
pub fn network_mode(node: &Node, cx: &mut Context) -> Option<At<NetworkMode>> {
    let text = cx.string(node, "`network_mode`")?;
    let value = match &*text {
        "bridge" | "default" => NetworkMode::Bridge,
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        _ => match text.split_once(':') {
            Some(("service", service)) => NetworkMode::Service(service.to_owned()),
            Some(("container", container)) => NetworkMode::Container(container.to_owned()),
            _ => {
                let message = format!("envsim does not know the network mode `{text}`");
                cx.error(&node.place, message).help =
                    Some("`bridge`, `host`, `none`, `service:NAME` or `container:NAME`".to_owned());
                return None;
            }
        },
    };
    let place = node.place.clone();
    Some(At { value, place })
}

/// Reads `extra_hosts`, a list or a mapping, as `host:ip`.
pub fn extra_hosts(node: &Node) -> Vec<At<String>> {
    let mut hosts = Vec::new();
    let mut add = |name: &str, address: &str, node: &Node| {
        // IPv6 addresses may stand in brackets, which the engine does not want.
        let address = address
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(address);
        hosts.push(At {
            value: format!("{name}:{address}"),
            place: node.place.clone(),
        });
    };
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                let name = key.text().unwrap_or_default();
                let one = std::slice::from_ref(value);
                for address in value.as_sequence().unwrap_or(one) {
                    add(name, address.text().unwrap_or_default(), key);
                }
            }
        }
        Value::Sequence(items) => {
            for item in items {
                let text = item.text().unwrap_or_default();
                // `host=ip` is the newer spelling of `host:ip`; the engine wants the older.
                let pair = text.split_once('=').or_else(|| text.split_once(':'));
                if let Some((name, addresses)) = pair {
                    for address in addresses.split(',') {
                        add(name, address, item);
                    }
                }
            }
        }
        Value::Scalar(..) => {}
    }
    hosts
}
/// Reads `links`: `SERVICE` or `SERVICE:ALIAS`.
pub fn links(list: &Node, cx: &mut Context) -> Vec<Link> {
    let written = cx.strings(list, "`links`").into_iter();
    let read = written.map(|link| {
        let (service, alias) = link
            .value
            .split_once(':')
            .unwrap_or((&link.value, &link.value));
        Link {
            service: service.to_owned(),
            alias: At {
                value: alias.to_owned(),
                place: link.place.clone(),
            },
        }
    });
    read.collect()
}
