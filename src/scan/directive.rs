//! A name in a directive of a server's configuration: `proxy_pass`, `server`, `reverse_proxy`, `host db`.

use super::host_port::{self, Port};
use super::language::Family;
use super::spot::{Spot, pattern};
use super::{Form, Found};

pub(super) fn find(spot: &Spot) -> Option<Found> {
    if spot.family() != Family::Data {
        return None;
    }
    let defined = spot
        .source
        .defined
        .iter()
        .any(|defined| defined == spot.name());
    let found = (!defined && after_pass(spot))
        || after_server(spot)
        || after_proxy(spot)
        || after_word(spot);
    found.then(|| Found {
        form: Form::Directive,
        port: number(spot.after()),
    })
}

fn number(after: &str) -> Option<u16> {
    match host_port::port(after) {
        Port::Number(port) => Some(port),
        Port::Computed | Port::None => pattern!(r"^\s+(\d{2,5})\b")
            .captures(after)
            .and_then(|found| found[1].parse().ok()),
    }
}

/// nginx: `fastcgi_pass php:9000;`, `uwsgi_pass app;`, `set $upstream web;`
fn after_pass(spot: &Spot) -> bool {
    let ends = pattern!(r#"^["']?(?:;|:(?:\d|\$)|\s*;|/)"#).is_match(spot.after());
    ends && pattern!(r#"\b(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass\s+["']?$|\bset\s+\$\w*(?:upstream|backend|host|server|addr)\w*\s+["']?$|\bmirror\s+$"#)
        .is_match(spot.before())
}

/// nginx: `server web:80 weight=5;`  HAProxy: `server label web:80 check`, where the label is not a host.
fn after_server(spot: &Spot) -> bool {
    let (before, after) = (spot.before(), spot.after());
    let nginx = pattern!(r"(?:^|[{;])\s*server\s+$").is_match(before)
        && pattern!(r"^(?::(?:\d|\$)|\s*;|\s+(?:weight=|max_|fail_|backup|down|resolve|slow_))")
            .is_match(after);
    let haproxy = pattern!(
        r"^\s*(?:server|peer|default-server|server-template\s+\S+)\s+[^\s;{]+\s+(?:\w+@)?$"
    )
    .is_match(before)
        && pattern!(r"^(?::(?:\d|\$)|\s|$)").is_match(after)
        && !pattern!(r"^\s*server\s+[^\s;]+[;]").is_match(before);
    nginx || haproxy
}

/// Caddy: `reverse_proxy /api/* web:80 other`, `php_fastcgi app:9000`; squid: `cache_peer web parent`.
fn after_proxy(spot: &Spot) -> bool {
    let directive = pattern!(
        r"^\s*(?:reverse_proxy|php_fastcgi|forward_auth|cache_peer)\s+(?:[^\s{]+\s+)*(?:\w+://)?$"
    );
    // `to` is too common a word to go without a port.
    let of_block = pattern!(r"^\s*to\s+$").is_match(spot.before()) && spot.after().starts_with(':');
    (directive.is_match(spot.before()) || of_block)
        && pattern!(r"^(?::(?:\d|\{|\$)|\s|$|\{)").is_match(spot.after())
}

/// `Host db`, `address db`, `replicaof db 6379`: a word, white space, the host, and nothing more.
fn after_word(spot: &Spot) -> bool {
    if spot.source.name().contains("pg_hba") {
        return false; // `host` opens a rule of access there
    }
    let word = pattern!(
        r#"(?i)^\s*(?:host|hostname|server|servers|address|addr|upstream_host|db_host|nameserver|relayhost)[ \t]+["']?$"#
    );
    let replica = pattern!(r"(?i)^\s*(?:replicaof|slaveof|sentinel\s+monitor\s+\S+)\s+$");
    (word.is_match(spot.before()) && pattern!(r#"^["']?(?::\d+)?\s*$"#).is_match(spot.after()))
        || (replica.is_match(spot.before()) && pattern!(r"^\s+\d").is_match(spot.after()))
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn hosts_of_directives_are_found() {
        let cases = [
            ("nginx.conf", "upstream x { server web; }"),
            ("nginx.conf", "upstream x {\n  server web:80 weight=2;\n}"),
            ("nginx.conf", "fastcgi_pass web:9000;"),
            ("nginx.conf", "uwsgi_pass web;"),
            ("nginx.conf", "set $upstream web;"),
            ("haproxy.cfg", "  server s1 web:80 check"),
            ("haproxy.cfg", "  server s1 web check"),
            ("Caddyfile", "reverse_proxy /api/* web:80"),
            ("Caddyfile", "php_fastcgi web:9000"),
            ("Caddyfile", "reverse_proxy {\n  to web:80\n}"),
            ("fluent-bit.conf", "    Host  web"),
            ("redis.conf", "replicaof web 6379"),
            ("sentinel.conf", "sentinel monitor main web 6379 2"),
        ];
        for (path, text) in cases {
            let found = finds(path, text, &["web"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        }
    }

    #[test]
    fn labels_of_directives_are_not_hosts() {
        let cases = [
            ("nginx.conf", "server_name web;"),
            ("nginx.conf", "upstream web {"),
            ("nginx.conf", "location /web { alias /srv/web/; root web; }"),
            (
                "nginx.conf",
                "upstream web { server 10.0.0.1; }\nuwsgi_pass web;",
            ),
            ("nginx.conf", "# server web:80;"),
            (
                "haproxy.cfg",
                "backend web\n  server web 10.0.0.1:80 check\n  use_backend web if x\n  default_backend web",
            ),
            ("pg_hba.conf", "host web all 0.0.0.0/0 md5"),
            ("Caddyfile", "root * /srv/web\nhandle /web {"),
            ("a.conf", "the server web is old"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["web"]);
        }
    }
}
