//! `external`: in production a managed service, reached under another name.

use std::net::IpAddr;

use super::port;
use crate::app::read::{Context, Node, Value};
use crate::app::{App, At, Condition, External};
use crate::compose::Kind;

const KEYS: &[&str] = &["host", "port", "reason"];
/// RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// `HOST[:PORT]`, or a mapping with `host`.
pub fn read(node: &Node, cx: &mut Context) -> Option<External> {
    match &node.value {
        Value::Scalar(text, Kind::Text) => short(node, text, cx),
        Value::Mapping(_) => long(node, cx),
        _ => {
            cx.wrong(node, "`external`", "`HOST[:PORT]` or a mapping with `host`");
            None
        }
    }
}

fn short(node: &Node, text: &str, cx: &mut Context) -> Option<External> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        cx.error(
            &node.place,
            format!("`external` is `HOST[:PORT]`, without `{scheme}://`"),
        )
        .help = Some(format!("write `external: {host}`"));
        return None;
    }
    let (name, number) = match text.rsplit_once(':') {
        // More than one colon is an IPv6 address.
        Some((name, number)) if !name.contains(':') => (name, Some(number)),
        _ => (text, None),
    };
    let at = |range: std::ops::Range<usize>| node.place_within(range);
    let name_at = At {
        value: name.to_owned(),
        place: at(0..name.len()),
    };
    let port = match number.map(str::parse) {
        None => None,
        Some(Ok(port @ 1..)) => Some(port),
        Some(_) => {
            let number = number.unwrap_or_default();
            let message = format!("`{number}` is not a port (1 to 65535)");
            cx.error(&at(name.len() + 1..text.len()), message);
            return None;
        }
    };
    Some(External {
        host: host(name_at, cx)?,
        port,
        reason: None,
    })
}

fn long(node: &Node, cx: &mut Context) -> Option<External> {
    let (mut name, mut number, mut reason) = (None, None, None);
    for (key, place, value) in cx.entries(node, "`external`") {
        match key {
            "host" => name = cx.string_at(value, "`host`"),
            "port" => number = port(value, "`port`", cx),
            "reason" => reason = cx.string(value, "`reason`"),
            _ => cx.unknown_key(place, key, "`external`", KEYS),
        }
    }
    if node.get("host").is_none() {
        cx.error(&node.place, "`external` needs the `host` of production")
            .help =
            Some("for example `host: orders.abc123.eu-west-1.rds.amazonaws.com`".to_owned());
    }
    Some(External {
        host: host(name?, cx)?,
        port: number,
        reason,
    })
}

/// A name that DNS can answer for: only then can a stand-in take its place.
fn host(host: At<String>, cx: &mut Context) -> Option<At<String>> {
    let name = host.value.strip_suffix('.').unwrap_or(&host.value);
    let (message, help) = if name.parse::<IpAddr>().is_ok() {
        (
            format!("`{name}` is an address, and envsim can stand in only for a name"),
            "give the managed service a name, for example in a private hosted zone",
        )
    } else if name.eq_ignore_ascii_case("localhost") {
        (
            "`localhost` is the task itself".to_owned(),
            "name the host of the managed service, or take out `external`",
        )
    } else if !is_name(name) {
        (
            format!("`{name}` is not a host name"),
            "for example `orders.abc123.eu-west-1.rds.amazonaws.com`",
        )
    } else {
        return Some(At {
            value: name.to_ascii_lowercase(),
            place: host.place,
        });
    };
    cx.error(&host.place, message).help = Some(help.to_owned());
    None
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    name.len() <= LONGEST_NAME && name.split('.').all(label)
}

/// What can only be judged with all services at hand.
pub fn check(app: &App, cx: &mut Context) {
    let names = app.host_names();
    for service in app.services.values() {
        let Some(external) = &service.external else {
            continue;
        };
        let host = &external.host;
        if let Some((name, owner)) = names.iter().find(|(name, _)| *name == host.value) {
            let message = format!(
                "`{name}` is a name of the service `{owner}`, which nothing resolves in production"
            );
            cx.error(&host.place, message).help =
                Some("name the host as production knows it".to_owned());
        }
        let mut earlier = app.services.values().take_while(|o| o.name != service.name);
        let same = earlier.find(|other| {
            let theirs = other.external.as_ref();
            theirs.is_some_and(|theirs| theirs.host.value == host.value)
        });
        if let Some(other) = same {
            let message = format!(
                "`{}` and `{}` have the same host in production, and envsim has one stand-in for a name",
                other.name, service.name
            );
            cx.error(&host.place, message).help =
                Some("give each a name of its own, for example a CNAME".to_owned());
        }
        for other in app.waiting_for(&service.name, Condition::Completed) {
            let dependency = other
                .depends_on
                .iter()
                .find(|dependency| dependency.service.value == service.name);
            if let Some(dependency) = dependency {
                let message = format!(
                    "`{}` waits for `{}` to complete, and that is external: a managed service does not end",
                    other.name, service.name
                );
                cx.error(&dependency.service.place, message).help =
                    Some("wait for `service_started` or `service_healthy`".to_owned());
            }
        }
    }
    let external = |service: &&crate::app::Service| service.external.is_some();
    if let Some(first) = app.services.values().find(external)
        && app.services.values().all(|service| external(&service))
    {
        let message = "every service is external, so nothing is left to run in production";
        cx.error(&first.place, message).help =
            Some("take out `external` of the services that you deploy".to_owned());
    }
}
