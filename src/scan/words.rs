//! What the words of a key say about its value: `DB_HOST` names a host, `DB_NAME` does not.

/// How far a key says that its value is a network host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// `host`, `server`, `brokers`, …: a bare name is a host.
    Host,
    /// `url`, `endpoint`, `master`, …: a bare name may be one, where little else is likely.
    Address,
    /// Anything else.
    Other,
}

const HOST: &[&str] = &[
    "host",
    "hosts",
    "hostname",
    "hostnames",
    "hostport",
    "addr",
    "addrs",
    "address",
    "addresses",
    "server",
    "servers",
    "broker",
    "brokers",
    "brokerlist",
    "bootstrap",
    "upstream",
    "upstreams",
    "peers",
    "seeds",
    "nameserver",
    "nameservers",
    "fqdn",
    "dsn",
    "servername",
];

/// Last words that say nothing about the value.
const FILLER: &[&str] = &["list", "string", "strings", "default", "value"];

const ADDRESS: &[&str] = &[
    "url",
    "urls",
    "uri",
    "uris",
    "endpoint",
    "endpoints",
    "nodes",
    "peer",
    "master",
    "primary",
    "replica",
    "replicas",
    "slave",
    "leader",
    "seed",
    "targets",
    "proxy",
    "gateway",
    "remote",
    "connect",
    "ip",
    "join",
    "zookeeper",
];

/// Words that make a key speak of names compared with a request's.
const NEVER: &[&str] = &[
    "allowed",
    "allow",
    "trusted",
    "cors",
    "origin",
    "origins",
    "virtual",
    "vhost",
    "vhosts",
    "virtualhost",
    "letsencrypt",
    "whitelist",
];

/// Words that end like a host and are none.
const NOT_GLUED: &[&str] = &["ghost", "localhost", "observer"];

/// Last words that turn `host_…` into a property of the host.
const PROPERTY: &[&str] = &[
    "name",
    "names",
    "user",
    "username",
    "password",
    "pass",
    "port",
    "ports",
    "database",
    "path",
    "dir",
    "file",
    "key",
    "id",
    "type",
    "mode",
    "header",
    "prefix",
    "suffix",
    "count",
    "timeout",
    "os",
    "role",
    "group",
    "pattern",
    "regex",
    "class",
    "driver",
    "engine",
    "version",
    "tag",
    "alias",
    "label",
    "env",
    "protocol",
    "scheme",
    "interface",
    "index",
    "kind",
];

/// Endings of words that are written together: `dbhost`, `redisserver`.
const GLUED: &[&str] = &[
    "host",
    "hosts",
    "hostname",
    "servers",
    "server",
    "servername",
    "addr",
    "brokers",
];

/// Judges a key by its words.
pub(super) fn judge(key: &str) -> Judgement {
    let mut words = split(key);
    if never(key) {
        return Judgement::Other;
    }
    if is_connection(key, &words) {
        return Judgement::Host;
    }
    while words.len() > 1
        && words
            .last()
            .is_some_and(|last| FILLER.contains(&last.as_str()))
    {
        words.pop();
    }
    let Some(last) = words.last() else {
        return Judgement::Other;
    };
    let before_last = words.len().checked_sub(2).map(|at| words[at].as_str());
    let host = HOST.contains(&last.as_str())
        || matches!(
            (before_last, last.as_str()),
            (Some("host"), "name" | "names") | (Some("contact"), "points")
        )
        || (!NOT_GLUED.contains(&last.as_str())
            && GLUED
                .iter()
                .any(|ending| last.len() > ending.len() && last.ends_with(ending)))
        || (words
            .iter()
            .any(|word| matches!(word.as_str(), "host" | "hostname" | "addr" | "address"))
            && !PROPERTY.contains(&last.as_str()));
    if host {
        Judgement::Host
    } else if ADDRESS.contains(&last.as_str()) && !words.iter().any(|word| word == "initial") {
        // Elasticsearch's `initial_master_nodes` are names of nodes.
        Judgement::Address
    } else {
        Judgement::Other
    }
}

/// Whether a key speaks of names that are compared, not looked up.
pub(super) fn never(key: &str) -> bool {
    let words = split(key);
    words.iter().any(|word| NEVER.contains(&word.as_str())) || excludes(&words)
}

/// `NO_PROXY`, `nonProxyHosts`: names that a client compares with the one it wants.
fn excludes(words: &[String]) -> bool {
    let proxy = |word: &String| word == "proxy";
    words.first().is_some_and(|first| first == "noproxy")
        || words
            .windows(2)
            .any(|pair| matches!(&*pair[0], "no" | "non") && proxy(&pair[1]))
}

/// Connection strings, and .NET's `EventBusConnection`; `DB_CONNECTION` of other
/// frameworks chooses a driver.
fn is_connection(key: &str, words: &[String]) -> bool {
    let of_string = words
        .windows(2)
        .any(|pair| pair[0] == "connection" && pair[1].starts_with("string"));
    let camel_case = words.len() > 1
        && key.contains("Connection")
        && words.last().is_some_and(|last| last == "connection");
    of_string || camel_case
}

/// A key that is the name itself, `REDIS: redis`, and a name that means little
/// but a peer: a known server's, or one of several words.
pub(super) fn names_itself(key: &str, host: &str) -> bool {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    plain(key) == plain(host) && (host.contains(['-', '_']) || SERVERS.contains(&host))
}

/// Servers whose name on both sides is unlikely to be a user, a role or a database.
const SERVERS: &[&str] = &[
    "redis",
    "mongo",
    "mongodb",
    "rabbitmq",
    "kafka",
    "zookeeper",
    "memcached",
    "elasticsearch",
    "opensearch",
    "nats",
    "cassandra",
    "influxdb",
    "consul",
    "vault",
    "etcd",
    "minio",
    "mailhog",
    "mosquitto",
    "zipkin",
    "jaeger",
    "statsd",
    "graphite",
    "logstash",
    "solr",
    "eureka",
];

/// The words of a key in lower case, numbers left out: `dbHost1`, `DB_HOST`, `db.host` → `db`, `host`.
fn split(key: &str) -> Vec<String> {
    let chars: Vec<char> = key.chars().collect();
    let mut words = vec![String::new()];
    for (at, &here) in chars.iter().enumerate() {
        if !here.is_alphabetic() {
            words.push(String::new());
            continue;
        }
        let after_lower = at > 0 && chars[at - 1].is_lowercase();
        let ends_acronym = at > 0
            && chars[at - 1].is_uppercase()
            && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if here.is_uppercase() && (after_lower || ends_acronym) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(here.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_hosts_are_told_from_keys_of_names_and_users() {
        let hosts = [
            "host",
            "DB_HOST",
            "dbHost",
            "DBHost",
            "redis.host",
            "spring.data.mongodb.host",
            "HostName",
            "KAFKA_BROKERS",
            "bootstrap.servers",
            "MYSQL_HOST_1",
            "dbhost",
            "$servername",
            "ADVERTISED_HOST_NAME",
            "ConnectionStrings__Redis",
            "EventBusConnection",
            "seed_hosts",
            "ES_ADDRESSES",
            "contact-points",
            "HOST_REDIS",
            "backend_hostname0",
            "BROKER_LIST",
            "--redis-host",
            "ConnectionString",
            "IMAGE_PROVIDER_HOST",
            "jobmanager.rpc.address",
            "GHOST_DB_HOST",
            "MONGODB_INITIAL_PRIMARY_HOST",
            "original_host",
        ];
        for key in hosts {
            assert_eq!(judge(key), Judgement::Host, "{key}");
        }
        for key in ["API_URL", "endpoint", "REDIS_MASTER", "nodes", "baseUrl"] {
            assert_eq!(judge(key), Judgement::Address, "{key}");
        }
        let others = [
            "MYSQL_DATABASE",
            "POSTGRES_USER",
            "SERVICE_NAME",
            "server_name",
            "SERVER_NAME",
            "DB_PASSWORD",
            "VIRTUAL_HOST",
            "ALLOWED_HOSTS",
            "allowedHosts",
            "DB_CONNECTION",
            "QUEUE_CONNECTION",
            "image",
            "HOST_PATH",
            "job",
            "ghost",
            "localhost",
            "vhost",
            "cluster.initial_master_nodes",
            "type",
            "HOST_PORT_TYPE",
            "",
            "CORS_ORIGIN",
            "NO_PROXY",
            "no_proxy",
            "noProxy",
            "http.nonProxyHosts",
        ];
        for key in others {
            assert_eq!(judge(key), Judgement::Other, "{key}");
        }
    }

    #[test]
    fn a_key_may_be_the_name_itself() {
        assert!(names_itself("REDIS", "redis"));
        assert!(names_itself("ORDER_SERVICE", "order-service"));
        assert!(!names_itself("APP", "app"));
        assert!(!names_itself("CACHE_DRIVER", "redis"));
    }
}
