//! A name as an argument of a call that connects: `new Redis('cache')`, `connect(('db', 5432))`.

use super::language::Family;
use super::spot::{Spot, pattern};
use super::words::{Judgement, judge};
use super::{Form, Found};

/// Ports of well-known servers: beside one, a name in an argument list is a host.
const KNOWN_PORTS: &[u16] = &[
    1025, 1433, 1521, 1883, 2181, 2379, 3306, 4222, 5432, 5671, 5672, 6379, 6380, 7687, 8086, 8125,
    9042, 9092, 9200, 9300, 11211, 11300, 15672, 24224, 26379, 27017, 28015, 50051, 61613, 61616,
];

/// Classes and functions whose first string is a host.
const CLIENTS: &[&str] = &[
    "redis",
    "strictredis",
    "ioredis",
    "jedis",
    "jedispool",
    "jedispooled",
    "mysqli",
    "mongoclient",
    "elasticsearch",
    "opensearch",
    "memcached",
    "memcache",
    "smtp",
    "httpconnection",
    "httpsconnection",
    "tcpclient",
    "tcpsocket",
    "socket",
    "connectionparameters",
    "statsclient",
    "statsd",
    "influxdbclient",
    "ftp",
    "telnet",
    "amqpconnection",
    "amqpstreamconnection",
    "gethostbyname",
    "getbyname",
    "getallbyname",
    "getaddrinfo",
    "gethostaddresses",
    "gethostentry",
    "httphost",
    "dnsendpoint",
    "inetsocketaddress",
    "serveraddress",
    "hostandport",
    "host",
    "hostname",
    "wait_for_host",
    "waitforhost",
    "beanstalk",
    "pheanstalk",
    "cassandra",
];

pub(super) fn find(spot: &Spot) -> Option<Found> {
    if spot.family() != Family::Code || spot.literal.is_none() {
        return None;
    }
    let (before, after) = spot.quoted()?;
    let port = port_beside(before, after);
    let callee = callee(before);
    let path = callee.unwrap_or("");
    let accepted = match port {
        Beside::Known(_) => callee.is_some() || before.trim_end().ends_with(['(', '[', ',']),
        Beside::Named => callee.is_some() || before.trim_end().ends_with(['(', '[']),
        Beside::Number(_) => connects(path) || is_client(path) || sets_host(path),
        Beside::Nothing => {
            is_client(path) || sets_host(path) || (connects(path) && stands_alone(path, after))
        }
    };
    accepted.then(|| Found {
        form: Form::Argument,
        port: port.number(),
    })
}

/// What the neighbouring argument says.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Known(u16),
    Number(u16),
    /// A variable called port.
    Named,
    Nothing,
}

impl Beside {
    fn number(self) -> Option<u16> {
        match self {
            Self::Known(port) | Self::Number(port) => Some(port),
            Self::Named | Self::Nothing => None,
        }
    }
}

fn port_beside(before: &str, after: &str) -> Beside {
    let number = pattern!(r#"^\s*,\s*["']?(\d{2,5})\b"#)
        .captures(after)
        .or_else(|| pattern!(r#"[(,\s]["']?(\d{2,5})["']?\s*,\s*$"#).captures(before))
        .and_then(|found| found[1].parse::<u16>().ok());
    match number {
        Some(port) if KNOWN_PORTS.contains(&port) => Beside::Known(port),
        Some(port) => Beside::Number(port),
        None if pattern!(r#"(?i)^\s*,\s*[\w.$>:(\-]*port\b"#).is_match(after) => Beside::Named,
        None => Beside::Nothing,
    }
}

/// The call that the literal is the first argument of, or the second after a number.
fn callee(before: &str) -> Option<&str> {
    let found = pattern!(r#"([A-Za-z_$][\w$.:\\]*(?:->\w+)*)\s*(?:<[\w, ]*>)?(?:\(|\s)\s*[\[(]*\s*(?:\d{2,5}\s*,\s*)?$"#).captures(before)?;
    let path = found.get(1)?.as_str();
    let parenthesised = before[found.get(1)?.end()..].contains('(');
    // Without parentheses only Ruby's constructors are calls.
    (parenthesised || path.ends_with(".new")).then_some(path)
}

/// The function's or the class's own name.
fn own_name(path: &str) -> &str {
    let path = path
        .strip_suffix(".new")
        .or_else(|| path.strip_suffix("::new"))
        .unwrap_or(path);
    path.rsplit(['.', ':', '>', '\\']).next().unwrap_or(path)
}

fn is_client(path: &str) -> bool {
    let name = own_name(path).to_ascii_lowercase();
    let of_resolver = pattern!(
        r"(?i)\bdns(?:\.promises)?\.(?:lookup|resolve)\w*$|^(?:dns_get_record|checkdnsrr)$"
    )
    .is_match(path);
    // `redis('…')` in lower case is more often a lookup of the project's own.
    let written_as_class = own_name(path).starts_with(|c: char| c.is_uppercase())
        || !matches!(
            name.as_str(),
            "redis" | "socket" | "memcached" | "cassandra" | "elasticsearch" | "opensearch"
        );
    // Ruby's `Net::HTTP`: a text in the first place is the host, addresses are objects.
    let of_http =
        pattern!(r"\bNet::HTTP\.(?:new|start|get|get_response|get_print)$").is_match(path);
    of_resolver || of_http || (CLIENTS.contains(&name.as_str()) && written_as_class)
}

/// `setHost("db")`, `withHostname("db")`, `addServer("db")`, `net.LookupHost("db")`.
fn sets_host(path: &str) -> bool {
    let name = own_name(path);
    let lower = name.to_ascii_lowercase();
    ["set", "with", "add", "lookup", "resolve", "ping"]
        .iter()
        .any(|verb| lower.starts_with(verb))
        && judge(name) == Judgement::Host
}

/// `connect`, `mysql_connect`, `OpenRedisConnection`, `Connect`.
fn connects(path: &str) -> bool {
    let name = own_name(path).to_ascii_lowercase();
    let opens =
        name.contains("connection") && ["open", "dial"].iter().any(|verb| name.starts_with(verb));
    let file =
        pattern!(r"(?i)sqlite|duckdb|lancedb|signal|event|emitter|socketio|redux").is_match(path);
    !file && (opens || (pattern!(r"(?i)(?:^|_|p|re|try|must)connect(?:to\w*|async|sync)?$|^(?:open|dial)_?\w*(?:conn|host)$").is_match(&name)))
}

/// A driver's name goes first as well: `sqlx.Connect("mysql", dsn)`.
fn stands_alone(path: &str, after: &str) -> bool {
    let sole = after.trim_start().starts_with(')');
    let host_first = pattern!(
        r"(?i)mysqli?_p?connect$|(?:ftp|ssh2|ldap|imap|pymysql|mysqldb|ibm_db|smtp)\w*(?:\.|->|::|_)\w*connect$"
    );
    sole || host_first.is_match(path)
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn arguments_of_calls_that_connect_are_hosts() {
        let cases = [
            ("a.py", "r = Redis('db', 6379)", Some(6379)),
            ("a.py", "s.connect(('db', 8000))", Some(8000)),
            ("a.py", "s.connect(('db', port))", None),
            ("a.py", "c = pika.ConnectionParameters('db')", None),
            ("a.py", "Elasticsearch(['db'])", None),
            ("a.py", "socket.gethostbyname('db')", None),
            ("a.py", "stomp.Connection([('db', 61613)])", Some(61613)),
            ("a.js", "new Redis(6379, 'db')", Some(6379)),
            ("a.js", "net.connect(9000, 'db')", Some(9000)),
            ("a.js", "dns.lookup('db', done)", None),
            ("a.php", "<?php $m = new mysqli('db', 'u', 'p');", None),
            ("a.php", "<?php mysql_connect('db', 'u', 'p');", None),
            ("a.php", "<?php $r->connect('db', 6379);", Some(6379)),
            ("a.php", "<?php $m->addServer('db', 11211);", Some(11211)),
            ("a.cs", "OpenRedisConnection(\"db\");", None),
            ("a.cs", "ConnectionMultiplexer.Connect(\"db\")", None),
            ("a.java", "new JedisPool(\"db\")", None),
            ("a.java", "factory.setHost(\"db\");", None),
            ("a.java", "new Socket(\"db\", 5000)", Some(5000)),
            ("a.rb", "TCPSocket.new 'db', 5000", Some(5000)),
            ("a.rb", "http = Net::HTTP.new('db', 8001)", Some(8001)),
            ("a.rb", "Net::HTTP.start('db', 80) do |http|", Some(80)),
            ("a.rb", "Net::HTTP.get('db', '/page')", None),
        ];
        for (path, text, port) in cases {
            let found = finds(path, text, &["db"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
            assert_eq!(found[0].port, port, "{path}: {text}");
        }
    }

    #[test]
    fn arguments_of_other_calls_are_not() {
        let cases = [
            ("a.go", "sqlx.Connect(\"db\", dsn)"),
            ("a.go", "sql.Open(\"db\", dsn)"),
            ("a.php", "<?php DB::connection('db')->table('x');"),
            ("a.py", "sqlite3.connect('db')"),
            ("a.py", "cache.set('db', 3600)"),
            ("a.js", "app.get('db')"),
            ("a.js", "setTimeout('db', 1000)"),
            ("a.js", "require('db')"),
            ("a.rb", "puts 'db', 80"),
            ("a.py", "redis('db')"),
            ("a.rb", "My::HTTP.get('db', 80)"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["db"]);
        }
    }
}
