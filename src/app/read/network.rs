//! `networks`, `network_mode` and `extra_hosts` of a service.

use super::{Context, Node, Value};
use crate::app::{At, NetworkAttachment, NetworkMode, Place};

/// A network without settings of its own.
pub fn attachment(name: &str, place: &Place) -> NetworkAttachment {
    NetworkAttachment {
        name: At {
            value: name.to_owned(),
            place: place.clone(),
        },
        aliases: Vec::new(),
        ipv4_address: None,
    }
}

/// Reads `networks`, a list or a mapping.
pub fn networks(node: &Node, cx: &mut Context) -> Vec<NetworkAttachment> {
    let Value::Mapping(entries) = &node.value else {
        let names = cx.strings(node, "`networks`").into_iter();
        return names
            .map(|name| attachment(&name.value, &name.place))
            .collect();
    };
    let mut all = Vec::new();
    for (key, value) in entries {
        let Some(name) = key.text() else { continue };
        let mut network = attachment(name, &key.place);
        for (key, place, value) in cx.entries(value, "a network of a service") {
            match key {
                "aliases" => network.aliases = cx.plain_strings(value, "`aliases`"),
                "ipv4_address" => network.ipv4_address = cx.string(value, "`ipv4_address`"),
                "ipv6_address" | "link_local_ips" | "mac_address" | "priority" | "gw_priority"
                | "driver_opts" | "interface_name" => {
                    cx.warn(
                        place,
                        format!("envsim does not use `{key}` of a network yet"),
                    );
                }
                _ if key.starts_with("x-") => {}
                _ => cx.unknown_key(
                    place,
                    key,
                    "a network of a service",
                    &["aliases", "ipv4_address", "ipv6_address", "priority"],
                ),
            }
        }
        all.push(network);
    }
    all
}

/// Reads `network_mode`.
pub fn network_mode(node: &Node, cx: &mut Context) -> Option<At<NetworkMode>> {
    let text = cx.string(node, "`network_mode`")?;
    let value = match &*text {
        "bridge" => NetworkMode::Bridge,
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        _ => match text.strip_prefix("service:") {
            Some(service) => NetworkMode::Service(service.to_owned()),
            None => {
                cx.error(
                    &node.place,
                    format!("envsim does not know the network mode `{text}`"),
                )
                .help = Some("`bridge`, `host`, `none` or `service:NAME`".to_owned());
                return None;
            }
        },
    };
    let place = node.place.clone();
    Some(At { value, place })
}

/// Reads `extra_hosts`, a list or a mapping, as `host:ip`.
pub fn extra_hosts(node: &Node, cx: &mut Context) -> Vec<At<String>> {
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .filter_map(|(key, value)| {
                Some(At {
                    value: format!("{}:{}", key.text()?, value.text()?),
                    place: key.place.clone(),
                })
            })
            .collect(),
        _ => {
            let mut hosts = cx.strings(node, "`extra_hosts`");
            for host in &mut hosts {
                // `host=ip` is the newer spelling of `host:ip`; the engine wants the older.
                if let Some((name, ip)) = host.value.split_once('=') {
                    host.value = format!("{name}:{ip}");
                }
            }
            hosts
        }
    }
}
