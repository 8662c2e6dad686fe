//! Hosts that Docker alone knows: `host.docker.internal`, and `127.0.0.11` as a DNS server. No other
//! thing is called so, hence no key or port has to stand beside them.

use super::host_port::{self, Port};
use super::names::{DOCKER_RESOLVER, is_docker_host};
use super::spot::{Spot, pattern};
use super::{Form, Found};

pub(super) fn find(spot: &Spot) -> Option<Found> {
    let name = spot.name();
    if !is_docker_host(name) || !spot.in_value() {
        return None;
    }
    // Every address below 127 is the container's own; only as a resolver this one is Docker's.
    if name == DOCKER_RESOLVER && !is_resolver(spot) {
        return None;
    }
    let port = match host_port::port(spot.after()) {
        Port::Number(port) => Some(port),
        Port::Computed | Port::None => None,
    };
    Some(Found {
        form: Form::Key,
        port,
    })
}

/// `resolver 127.0.0.11`, `nameserver dns1 127.0.0.11:53`, `"dns": "127.0.0.11"`.
fn is_resolver(spot: &Spot) -> bool {
    let named = pattern!(r"(?i)(?:resolver|name_?server|\bdns)\w*\b[^;{}]*$");
    named.is_match(spot.before())
        || spot.after().starts_with(":53")
        || super::key::parent(spot).is_some_and(|key| named.is_match(&key))
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn names_that_docker_alone_resolves_need_nothing_around_them() {
        let cases = [
            ("a.py", "DB = 'host.docker.internal'"),
            ("a.js", "fetch('http://host.docker.internal:3000/x')"),
            ("a.yml", "- gateway.docker.internal"),
            ("a.sh", "ping -c1 host.docker.internal"),
            (
                "Dockerfile",
                "ENV XDEBUG_CONFIG=client_host=host.docker.internal",
            ),
            ("php.ini", "xdebug.client_host = host.docker.internal"),
            ("nginx.conf", "resolver 127.0.0.11 valid=10s;"),
            (
                "haproxy.cfg",
                "resolvers docker\n  nameserver dns1 127.0.0.11:53",
            ),
            ("a.json", "{\"dns\": [\"127.0.0.11\"]}"),
        ];
        for (path, text) in cases {
            let found = finds(path, text, &[]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        }
    }

    #[test]
    fn comments_messages_permissions_and_other_loopback_addresses_are_not_meant() {
        let cases = [
            ("a.py", "# host.docker.internal"),
            ("a.py", "ALLOWED_HOSTS = ['host.docker.internal']"),
            ("a.js", "console.log('use host.docker.internal')"),
            ("a.sh", "echo try host.docker.internal"),
            ("a.py", "s.bind(('127.0.0.11', 80))"),
            ("a.py", "x = 'my.host.docker.internal.example'"),
            ("nginx.conf", "allow 127.0.0.11;"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &[]);
        }
    }

    #[test]
    fn the_port_beside_is_told() {
        let found = finds("a.yml", "url: host.docker.internal:9000", &[]);
        assert_eq!(found[0].port, Some(9000));
    }
}
