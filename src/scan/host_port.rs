//! A name followed by a port: `db:5432`, which must be told from `redis:7`, an image.

use super::spot::{Spot, pattern};
use super::words::{Judgement, judge};
use super::{Form, Found};

/// What stands where a port would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Number(u16),
    /// A variable, known by its name to be a port.
    Computed,
    None,
}

/// Below this a number after a colon is more often a version than a port.
const LIKELY_PORT: u16 = 80;

/// Reads `:port` at the beginning of a text.
pub(super) fn port(after: &str) -> Port {
    let Some(rest) = after.strip_prefix(':') else {
        return Port::None;
    };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 {
        let mut next = rest[digits..].chars();
        let ends = match next.next() {
            None => true,
            Some('.') => !next.next().is_some_and(char::is_alphanumeric),
            Some('-' | '_' | '@') => false,
            Some(other) => !other.is_alphanumeric(),
        };
        return match rest[..digits].parse() {
            Ok(number) if ends && number > 0 => Port::Number(number),
            _ => Port::None,
        };
    }
    let computed = pattern!(
        r"(?i)^(?:\$?\{\{?[^{}]*port[^{}]*\}|#\{[^{}]*port[^{}]*\}|\$\(?\w*port|<[^<>]*port|%\(\w*port)"
    );
    if computed.is_match(rest) {
        Port::Computed
    } else {
        Port::None
    }
}

pub(super) fn find(spot: &Spot) -> Option<Found> {
    if !spot.in_value() || !opens(spot.before()) {
        return None;
    }
    match port(spot.after()) {
        Port::Number(number) if number >= LIKELY_PORT || keyed(spot.before()) => Some(Found {
            form: Form::HostPort,
            port: Some(number),
        }),
        Port::Computed if !spot.before().ends_with('/') => Some(Found {
            form: Form::HostPort,
            port: None,
        }),
        Port::None if joined_with_port(spot) => Some(Found {
            form: Form::HostPort,
            port: None,
        }),
        _ => None,
    }
}

/// `"db:" + port`.
fn joined_with_port(spot: &Spot) -> bool {
    let Some(rest) = spot.after().strip_prefix(':') else {
        return false;
    };
    pattern!(r#"(?i)^["'`]\s*(?:\+|\.|<>|<<|&)\s*[\w.>$:\-\[\]"'(]*port"#).is_match(rest)
        || (pattern!(r"^%[dsv]").is_match(rest) && keyed(spot.before()))
}

/// What may stand before a host: not a path's slash, and a colon only after a transport.
fn opens(before: &str) -> bool {
    match before.chars().next_back() {
        None => true,
        Some(':') => pattern!(
            r"(?i)(?:^|[^\w.])(?:tcp|udp|tcp4|fcgi|http|https|dns|ssl|tls|node|[\w.\-]*proxy):$"
        )
        .is_match(before),
        Some(last) => last.is_whitespace() || "\"'`=,([{@><;|!&".contains(last),
    }
}

/// Whether the value belongs to a key that speaks of hosts.
fn keyed(before: &str) -> bool {
    pattern!(r#"([\w.\-]+)["'`]?\]?\s*(?:=>|:=|=|:|\s)\s*[\["'`(]*$"#)
        .captures(before)
        .is_some_and(|found| judge(&found[1]) != Judgement::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn a_port_ends_as_a_number_does() {
        assert_eq!(port(":5432/app"), Port::Number(5432));
        assert_eq!(port(":2888:3888"), Port::Number(2888));
        assert_eq!(port(":7.2-alpine"), Port::None);
        assert_eq!(port(":18-slim"), Port::None);
        assert_eq!(port(":99999"), Port::None);
        assert_eq!(port(":${DB_PORT}/x"), Port::Computed);
        assert_eq!(port(":${TAG}"), Port::None);
    }

    #[test]
    fn a_name_with_a_port_is_a_host() {
        let cases = [
            ("a.go", r#"redis.Options{Addr: "redis:6379"}"#),
            ("a.js", "new Kafka({brokers: ['redis:9092']})"),
            ("a.py", "x = 'kafka:1,redis:9092'"),
            ("a.yml", "- targets: ['redis:9100']"),
            ("a.yml", "  - redis:9100"),
            ("a.env", "SERVERS=a:1,redis:6379"),
            ("a.cfg", "server.1=redis:2888:3888"),
            ("a.js", "x = 'redis:' + config.port"),
            ("a.py", "x = f'redis:{port}'"),
            ("a.sh", "wait redis:$REDIS_PORT"),
            ("a.yml", "host: redis:22"),
            ("a.conf", "SetHandler proxy:fcgi:redis:9000"),
        ];
        for (path, text) in cases {
            let found = finds(path, text, &["redis"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        }
    }

    #[test]
    fn an_image_a_key_and_a_message_are_not_hosts() {
        let cases = [
            ("a.yml", "image: redis:7"),
            ("a.yml", "image: redis:6379"),
            ("a.yml", "- redis:7"),
            ("a.yml", "image: registry/redis:6379"),
            ("Dockerfile", "FROM redis:6379"),
            ("a.sh", "docker run redis:6379"),
            ("a.js", "x = {redis:6379}"),
            ("a.js", "key = `redis:${id}`"),
            ("a.js", "console.log('cannot reach redis:6379 now')"),
            ("a.sh", "echo waiting for redis:6379"),
            ("a.yml", r#"expr: up{instance="redis:9121"}"#),
            ("a.html", "<p>redis:6379</p>"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["redis"]);
        }
    }
}
