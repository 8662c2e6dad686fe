//! `ports` and `expose` of a service.

use super::{Context, Node};
use crate::app::{At, Port, Protocol};

/// Reads `ports`.
pub fn ports(node: &Node, cx: &mut Context) -> Vec<Port> {
    let items = node.as_sequence().unwrap_or(&[]);
    items.iter().filter_map(|item| port(item, cx)).collect()
}

fn port(node: &Node, cx: &mut Context) -> Option<Port> {
    let target = node.get("target")?;
    let published = node
        .get("published")
        .filter(|value| value.text() != Some(""));
    let (first, last) = match published {
        Some(value) => {
            let range = range(value.text()?);
            if range.is_none() {
                cx.wrong(value, "`published`", "a port or a range of ports");
            }
            range.map_or((None, None), |(first, last)| (Some(first), Some(last)))
        }
        None => (None, None),
    };
    let protocol = match node.get("protocol").and_then(Node::text) {
        Some("udp") => Protocol::Udp,
        Some("sctp") => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    Some(Port {
        target: cx.integer(target, "`target`")?,
        published: first,
        published_last: last,
        host_ip: text("host_ip"),
        protocol,
        name: text("name"),
        app_protocol: text("app_protocol"),
        place: target.place.clone(),
    })
}

/// First and last port of `80` or `80-82`.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// Reads `expose`.
pub fn expose(node: &Node, cx: &mut Context) -> Vec<At<u16>> {
    let mut all = Vec::new();
    for item in cx.strings(node, "`expose`") {
        let text = item.value.split('/').next().unwrap_or_default();
        match range(text) {
            Some((first, last)) => {
                if !cx.spend((last - first) as usize + 1, &item.place) {
                    return all;
                }
                all.extend((first..=last).map(|value| At {
                    value,
                    place: item.place.clone(),
                }));
            }
            None => {
                let message = format!("`{}` is neither a port nor a range of ports", item.value);
                cx.error(&item.place, message);
            }
        }
    }
    all
}
