//! `ports` and `expose` of a service.

use super::{Context, Node, Value, short};
use crate::app::{At, Port, Protocol};

/// Reads `ports`, short or long.
pub fn ports(node: &Node, cx: &mut Context) -> Vec<Port> {
    let mut all = Vec::new();
    for item in cx.items(node, "`ports`") {
        if let Value::Mapping(_) = item.value {
            all.extend(long_port(item, cx));
            continue;
        }
        let Some(text) = cx.string(item, "a port") else {
            continue;
        };
        match short::ports(&text, &item.place) {
            Ok(ports) => all.extend(ports),
            Err(message) => {
                cx.error(&item.place, message).help =
                    Some("write `HOST:CONTAINER`, for example \"8080:80\"".to_owned());
            }
        }
    }
    all
}

fn long_port(node: &Node, cx: &mut Context) -> Option<Port> {
    let mut port = Port {
        target: 0,
        published: None,
        host_ip: None,
        protocol: Protocol::Tcp,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "a port") {
        match key {
            "target" => {
                port.target = cx.integer(value, "`target`")?;
                port.place = value.place.clone();
            }
            "published" => {
                let text = cx.string(value, "`published`")?;
                match short::range(&text) {
                    Ok(range) => port.published = range.first().copied(),
                    Err(message) => {
                        cx.error(&value.place, message);
                        return None;
                    }
                }
            }
            "host_ip" => port.host_ip = cx.string(value, "`host_ip`"),
            "protocol" => match value.text() {
                Some("tcp") => {}
                Some("udp") => port.protocol = Protocol::Udp,
                _ => cx.wrong(value, "`protocol`", "`tcp` or `udp`"),
            },
            "mode" | "name" | "app_protocol" => {}
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a port",
                &[
                    "target",
                    "published",
                    "host_ip",
                    "protocol",
                    "mode",
                    "name",
                    "app_protocol",
                ],
            ),
        }
    }
    if port.target == 0 {
        cx.error(
            &node.place,
            "a port needs its `target`, the port in the container",
        );
        return None;
    }
    Some(port)
}

/// Reads `expose`.
pub fn expose(node: &Node, cx: &mut Context) -> Vec<At<u16>> {
    let mut all = Vec::new();
    for item in cx.strings(node, "`expose`") {
        let text = item.value.split('/').next().unwrap_or_default();
        match short::range(text) {
            Ok(range) => all.extend(range.into_iter().map(|value| At {
                value,
                place: item.place.clone(),
            })),
            Err(message) => {
                cx.error(&item.place, message);
            }
        }
    }
    all
}
