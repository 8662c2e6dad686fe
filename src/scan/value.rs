//! Hosts in one value of a compose file: an entry of `environment`, a command, a health check.

use serde::Serialize;

use super::names::Names;
use super::spot::{Source, Spot, pattern};
use super::words::{Judgement, judge, names_itself};
use super::{call_free, in_order};

/// A name used as a host in a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueHost {
    /// The name as it stands there.
    pub host: String,
    /// Where it begins in the value, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The port beside it.
    pub port: Option<u16>,
}

pub(super) fn find(names: &Names, key: &str, value: &str) -> Vec<ValueHost> {
    if !names.occur_in(value) {
        return Vec::new();
    }
    let source = Source::value(value);
    let mut found: Vec<ValueHost> = names
        .places(value)
        .filter_map(|(start, end)| {
            let spot = Spot::new(&source, start, end);
            let port = host_at(key, &spot)?;
            Some(ValueHost {
                host: spot.name().to_owned(),
                start,
                end,
                port,
            })
        })
        .collect();
    in_order(&mut found, |host| (host.start, host.end));
    found
}

/// Nothing if the place is no host; else its port, where one is told.
fn host_at(key: &str, spot: &Spot) -> Option<Option<u16>> {
    if is_of_image(key) || super::words::never(key) {
        return None;
    }
    if let Some(found) = call_free(spot) {
        return Some(found.port);
    }
    let judgement = judge(key);
    let host_key = judgement != Judgement::Other || names_itself(key, spot.name());
    (host_key && is_listed_host(spot)).then(|| small_port(spot.after()))
}

/// `IMAGE`, `REDIS_VERSION`, `TAG`: `redis:6379` there is an image.
fn is_of_image(key: &str) -> bool {
    pattern!(r"(?i)(?:^|_|\.)(?:image|tag|version)s?$").is_match(key)
}

/// The value is the name, or a list of hosts that has it.
fn is_listed_host(spot: &Spot) -> bool {
    pattern!(r#"^(?:["'\[]*)(?:[\w.@\-]+(?::\d+)?["']?[\s,;]+["']?)*$"#).is_match(spot.before())
        && pattern!(r#"^(?::\d+)?["'\]/]*(?:[\s,;]+["']?[\w.@\-]+(?::\d+)?["'\]]*)*\s*$"#)
            .is_match(spot.after())
        || (spot.before().ends_with("rabbit@") && spot.after().is_empty())
}

fn small_port(after: &str) -> Option<u16> {
    pattern!(r"^:(\d+)")
        .captures(after)
        .and_then(|found| found[1].parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begin, end and port.
    type Place = (usize, usize, Option<u16>);

    fn hosts(key: &str, value: &str) -> Vec<Place> {
        let names = Names::new(&[
            "db".into(),
            "web".into(),
            "kafka-1".into(),
            "kafka2".into(),
            "redis".into(),
        ]);
        find(&names, key, value)
            .into_iter()
            .map(|host| (host.start, host.end, host.port))
            .collect()
    }

    #[test]
    fn values_that_hold_hosts_are_read() {
        let cases: &[(&str, &str, &[Place])] = &[
            ("DB_HOST", "db", &[(0, 2, None)]),
            ("REDIS", "redis", &[(0, 5, None)]),
            ("API_URL", "web", &[(0, 3, None)]),
            (
                "BROKERS",
                "kafka-1:9092,kafka2:9092",
                &[(0, 7, Some(9092)), (13, 19, Some(9092))],
            ),
            (
                "DATABASE_URL",
                "postgres://web:pw@db:5432/redis",
                &[(18, 20, Some(5432))],
            ),
            ("X", "jdbc:mysql://db:3306/web", &[(13, 15, Some(3306))]),
            (
                "ConnectionStrings__Main",
                "Server=db,1433;Database=web",
                &[(7, 9, None)],
            ),
            ("", "mysqladmin ping -h db", &[(19, 21, None)]),
            ("", "curl -f http://web:80 || exit 1", &[(15, 18, Some(80))]),
            (
                "",
                "./wait-for-it.sh db:5432 -- npm start",
                &[(17, 19, Some(5432))],
            ),
            ("", "ping -c1 db", &[(9, 11, None)]),
            ("", "serve --host=db", &[(13, 15, None)]),
            ("JAVA_OPTS", "-Dredis.host=redis", &[(13, 18, None)]),
            (
                "WAIT_HOSTS",
                "db:22, redis:6379",
                &[(0, 2, Some(22)), (7, 12, Some(6379))],
            ),
        ];
        for (key, value, want) in cases {
            assert_eq!(hosts(key, value), *want, "{key}={value}");
        }
    }

    #[test]
    fn values_that_only_bear_the_name_are_not() {
        let cases = [
            ("MYSQL_DATABASE", "db"),
            ("POSTGRES_USER", "web"),
            ("SERVICE_NAME", "web"),
            ("DB_PASSWORD", "db"),
            ("DB_CONNECTION", "redis"),
            ("CACHE_DRIVER", "redis"),
            ("APP", "web"),
            ("", "npm run web"),
            ("", "celery -A web worker"),
            ("", "python web.py db"),
            ("REDIS_IMAGE", "redis:6379"),
            ("X", "/srv/web/db"),
            ("VIRTUAL_HOST", "web"),
            ("ALLOWED_HOSTS", "localhost,web"),
            ("SERVER_NAME", "web"),
            ("REDIS_URL", "redis://localhost:6379/db"),
        ];
        for (key, value) in cases {
            assert_eq!(hosts(key, value), [], "{key}={value}");
        }
    }
}
