//! Addresses of neighbours: `localhost` in a task, the service's name in dev.
//!
//! The containers of a task with `awsvpc` share one network namespace, so they reach each other at 127.0.0.1 (Amazon
//! ECS Developer Guide, "Task networking with the awsvpc network mode"). In dev each has its own.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Images by the end of their name, with the ports they listen on.
const IMAGES: &[(&str, &[u16])] = &[
    ("postgres", &[5432]),
    ("postgis", &[5432]),
    ("mysql", &[3306]),
    ("mariadb", &[3306]),
    ("mongo", &[27017]),
    ("redis", &[6379]),
    ("valkey", &[6379]),
    ("memcached", &[11211]),
    ("rabbitmq", &[5672, 15672]),
    ("nginx", &[80]),
    ("httpd", &[80]),
    ("elasticsearch", &[9200]),
    ("opensearch", &[9200]),
    ("localstack", &[4566]),
    ("dynamodb-local", &[8000]),
    ("aws-xray-daemon", &[2000]),
    ("aws-otel-collector", &[4317, 4318, 2000]),
    ("opentelemetry-collector", &[4317, 4318]),
    ("opentelemetry-collector-contrib", &[4317, 4318]),
    ("cloudwatch-agent", &[25888, 8125, 4317, 4318]),
    ("agent", &[8126, 8125]),
    ("statsd", &[8125]),
    ("fluent-bit", &[24224]),
    ("aws-for-fluent-bit", &[24224]),
    ("pgbouncer", &[6432]),
];

/// Ports that a URL means when it names none.
const SCHEMES: &[(&str, u16)] = &[
    ("http", 80),
    ("https", 443),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("redis", 6379),
    ("rediss", 6379),
    ("mongodb", 27017),
    ("amqp", 5672),
    ("memcached", 11211),
];

/// A loopback address with what surrounds it. An address such as `10.127.0.0.1` is told apart by `own_word`.
static LOOPBACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?P<user>[^\s/@,;'\x22]*@)?(?P<host>localhost|127\.0\.0\.1|\[::1\])(?P<port>:\d{1,5})?")
        .expect("a constant pattern")
});

/// A container of the task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub image: String,
    /// Ports that it declares.
    pub ports: Vec<(u16, u16)>,
}

impl Peer {
    fn declares(&self, port: u16) -> bool {
        self.ports
            .iter()
            .any(|&(first, last)| (first..=last).contains(&port))
    }

    fn listens(&self, port: u16) -> bool {
        self.declares(port) || self.usual_ports().contains(&port)
    }

    /// Ports that an image of this name listens on.
    pub fn usual_ports(&self) -> &'static [u16] {
        let image = image_name(&self.image);
        let known = IMAGES.iter().find(|(name, _)| *name == image);
        known.map_or(&[], |(_, ports)| *ports)
    }
}

/// `postgres` of `docker.io/library/postgres:16@sha256:…`.
pub fn image_name(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split([':', '@']).next().unwrap_or(last)
}

/// The containers as one of them sees its neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours<'a> {
    pub own: &'a Peer,
    pub all: &'a [Peer],
}

impl Neighbours<'_> {
    /// The neighbour that listens on `port`, unless the container itself does. What is declared counts first.
    fn at(&self, port: u16) -> Option<&str> {
        if self.own.declares(port) {
            return None;
        }
        let others = || self.all.iter().filter(|peer| peer.name != self.own.name);
        let declared = others().find(|peer| peer.declares(port));
        let usual = || {
            others()
                .find(|peer| peer.listens(port))
                .filter(|_| !self.own.listens(port))
        };
        declared.or_else(usual).map(|peer| peer.name.as_str())
    }

    /// `text` with the names of neighbours where it says `localhost:PORT`; none when nothing changes.
    pub fn named(&self, text: &str) -> Option<String> {
        let replaced = LOOPBACK.replace_all(text, |found: &Captures| {
            let whole = &found[0];
            let scheme = found.name("scheme").map_or("", |scheme| scheme.as_str());
            let written = found
                .name("port")
                .and_then(|port| port.as_str()[1..].parse().ok());
            let usual = || {
                let name = scheme
                    .trim_end_matches("://")
                    .split('+')
                    .next()
                    .unwrap_or_default();
                SCHEMES
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, port)| *port)
            };
            let host = found.name("host").expect("it is in the pattern");
            let neighbour = written.or_else(usual).and_then(|port| self.at(port));
            match neighbour.filter(|_| own_word(text, host.start(), host.end())) {
                Some(name) => {
                    let at = host.start() - found.get(0).map_or(0, |all| all.start());
                    format!("{}{name}{}", &whole[..at], &whole[at + host.len()..])
                }
                None => whole.to_owned(),
            }
        });
        (replaced != text).then(|| replaced.into_owned())
    }

    /// A port of `localhost` in `text` that no container is known to listen on.
    pub fn unknown(&self, text: &str) -> Option<u16> {
        let hosts = LOOPBACK.captures_iter(text);
        let ports = hosts.filter_map(|found| found.name("port")?.as_str()[1..].parse().ok());
        let mut unknown = ports.filter(|&port| !self.all.iter().any(|peer| peer.listens(port)));
        unknown.next()
    }

    /// The neighbour that a variable such as `DB_HOST=localhost` means, told by `DB_PORT` or by its name.
    pub fn host(
        &self,
        name: &str,
        value: &str,
        port_of: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        if !is_loopback(value) {
            return None;
        }
        let upper = name.to_ascii_uppercase();
        let suffixes = ["_HOSTNAME", "_HOST", "_SERVER", "_ADDRESS", "_ADDR", "HOST"];
        let prefix = suffixes
            .iter()
            .find_map(|suffix| upper.strip_suffix(suffix))?;
        let port = port_of(&format!("{prefix}_PORT")).or_else(|| port_of(&format!("{prefix}PORT")));
        if let Some(port) = port.and_then(|port| port.parse().ok()) {
            return self.at(port).map(str::to_owned);
        }
        let word = prefix.to_ascii_lowercase();
        let mut meant = self.all.iter().filter(|peer| {
            let named = peer.name.to_ascii_lowercase().contains(&word)
                || image_name(&peer.image).contains(&word);
            !word.is_empty() && peer.name != self.own.name && named
        });
        match (meant.next(), meant.next()) {
            (Some(only), None) => Some(only.name.clone()),
            _ => None,
        }
    }
}

/// Whether a value is a loopback address and nothing else.
pub fn is_loopback(value: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]", "::1"].contains(&value)
}

/// Whether no letter, digit or dot goes on at either end of the host.
fn own_word(text: &str, start: usize, end: usize) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text[..start].ends_with(part) && !text[end..].starts_with(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers() -> Vec<Peer> {
        let peer = |name: &str, image: &str, ports: &[(u16, u16)]| Peer {
            name: name.to_owned(),
            image: image.to_owned(),
            ports: ports.to_vec(),
        };
        vec![
            peer("web", "example/web:1", &[(3000, 3000)]),
            peer("api", "example/api:1", &[(8000, 8010)]),
            peer("cache", "public.ecr.aws/docker/library/redis:7", &[]),
            peer("db", "postgres:16", &[]),
        ]
    }

    #[test]
    fn localhost_with_a_neighbours_port_becomes_its_name() {
        let all = peers();
        let neighbours = Neighbours {
            own: &all[0],
            all: &all,
        };
        for (text, expected) in [
            ("http://localhost:8000/v1", "http://api:8000/v1"),
            ("127.0.0.1:8010", "api:8010"),
            ("redis://localhost", "redis://cache"),
            ("postgres://u:p@localhost/app", "postgres://u:p@db/app"),
            (
                "postgresql+asyncpg://u:p@[::1]:5432/app",
                "postgresql+asyncpg://u:p@db:5432/app",
            ),
            (
                "a=localhost:6379,b=localhost:8001",
                "a=cache:6379,b=api:8001",
            ),
        ] {
            assert_eq!(neighbours.named(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "http://localhost:3000",
            "localhost:9999",
            "localhost",
            "mylocalhost:8000",
            "10.127.0.0.1:8000",
            "http://localhost.example:8000",
        ] {
            assert_eq!(neighbours.named(text), None, "{text}");
        }
        assert_eq!(
            neighbours.unknown("localhost:3000,localhost:6379,localhost:9999"),
            Some(9999)
        );
        assert_eq!(neighbours.unknown("localhost:3000 db.example:1"), None);
    }

    #[test]
    fn a_host_variable_is_told_by_its_port_or_its_name() {
        let all = peers();
        let neighbours = Neighbours {
            own: &all[0],
            all: &all,
        };
        let port_of = |name: &str| (name == "PGX_PORT").then(|| "5432".to_owned());
        assert_eq!(
            neighbours
                .host("PGX_HOST", "localhost", &port_of)
                .as_deref(),
            Some("db")
        );
        assert_eq!(
            neighbours
                .host("REDIS_HOST", "127.0.0.1", &port_of)
                .as_deref(),
            Some("cache")
        );
        assert_eq!(neighbours.host("HOST", "127.0.0.1", &port_of), None);
        assert_eq!(neighbours.host("MAIL_HOST", "localhost", &port_of), None);
        assert_eq!(neighbours.host("DB_HOST", "db.example", &port_of), None);
    }
}
