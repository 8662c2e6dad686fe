//! A name as the host of a URL, or of what a driver uses in place of one.

use super::host_port::{self, Port};
use super::spot::{Spot, pattern};
use super::{Form, Found};

/// Schemes whose authority is no network host: files, images, buckets, and
/// names that a registry resolves.
const NOT_NETWORK: &[&str] = &[
    "file",
    "classpath",
    "lb",
    "unix",
    "http+unix",
    "docker",
    "docker-image",
    "oci",
    "s3",
    "s3a",
    "s3n",
    "gs",
    "gcs",
    "wasb",
    "webpack",
    "chrome",
    "chrome-extension",
    "vscode",
    "app",
    "res",
    "asset",
    "data",
    "urn",
    "sqlite",
    "sqlite3",
    "about",
    "arn",
    "ng",
    "capacitor",
    "ionic",
    "content",
    "android-app",
    "intent",
    "market",
    "discovery",
    "nacos",
    "stork",
    "service",
    "container",
    "package",
    "image",
    "npm",
    "jar",
    "vault",
    "secret",
    "ssm",
    "env",
    "k8s",
    "tauri",
    "electron",
    "bundle",
    "component",
    "module",
    "phar",
    "php",
    "zip",
    "glob",
    "job",
    "builtin",
    "metro",
    "expo",
    "balancer",
];

pub(super) fn find(spot: &Spot) -> Option<Found> {
    if spot
        .source
        .defined
        .iter()
        .any(|defined| defined == spot.name())
        && !spot.after().starts_with(':')
    {
        return None;
    }
    let before = spot.before();
    let opened = after_scheme(before) || after_driver_prefix(before) || across_literals(spot);
    if !opened {
        return None;
    }
    let port = authority_end(spot.after())?;
    Some(Found {
        form: Form::Url,
        port,
    })
}

/// `scheme://`, then at most credentials, earlier hosts of a list, or an opened placeholder.
fn after_scheme(before: &str) -> bool {
    let Some(at) = before.rfind("://") else {
        return false;
    };
    let between = &before[at + 3..];
    let scheme = pattern!(r"[A-Za-z][A-Za-z0-9+.\-_]*$")
        .find(&before[..at])
        .map_or("", |found| found.as_str());
    let scheme = scheme
        .rsplit(':')
        .next()
        .unwrap_or(scheme)
        .to_ascii_lowercase();
    if NOT_NETWORK.contains(&scheme.as_str()) {
        return false;
    }
    let resolver = matches!(scheme.as_str(), "dns" | "passthrough") && between == "/";
    resolver || leads_to_host(between)
}

/// What may stand between `//` and a host.
pub(super) fn leads_to_host(between: &str) -> bool {
    let open_placeholder = pattern!(r"(?:^|@|,)\$?\{\{?\s*\$?[\w.\-]+\s*(?::-|:=|:|-)$");
    if open_placeholder.is_match(between) {
        return true;
    }
    match between.chars().next_back() {
        None => true,
        Some('@' | ',') => plain(between),
        Some(_) => false,
    }
}

/// Neither path nor quote nor space, but for what stands in braces or follows a percent sign.
fn plain(between: &str) -> bool {
    let mut depth = 0_usize;
    for here in between.chars() {
        match here {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            '/' | '"' | '\'' | '`' | '?' | '#' | '\\' if depth == 0 => return false,
            _ if depth == 0 && here.is_whitespace() => return false,
            _ => {}
        }
    }
    depth == 0
}

/// Forms of database drivers: `tcp(db:3306)`, `jdbc:oracle:thin:@//db:1521`.
fn after_driver_prefix(before: &str) -> bool {
    pattern!(r"(?:@(?:tcp[46]?)?\(|\btcp[46]?\(|:thin:(?:[^\s@]*)@(?://)?|/dev/(?:tcp|udp)/|@//)$")
        .is_match(before)
}

/// `"postgres://" + user + "@db/app"`: the scheme is in an earlier literal.
fn across_literals(spot: &Spot) -> bool {
    let Some(head) = spot
        .before()
        .strip_suffix('@')
        .and_then(|head| head.strip_suffix(['"', '\'', '`']))
    else {
        return false;
    };
    head.rfind("://").is_some_and(|at| {
        let between = &head[at + 3..];
        !between.contains(';') && head.trim_end().ends_with(['+', '.', ',', '<', '&'])
    })
}

/// The port, where the text goes on as a URL does after its host; none if the
/// name is a user, or only the beginning of a host.
fn authority_end(after: &str) -> Option<Option<u16>> {
    if is_user(after) {
        return None;
    }
    let after = after.strip_prefix('}').unwrap_or(after);
    match after.chars().next() {
        None => Some(None),
        Some(':') => match host_port::port(after) {
            Port::Number(port) => Some(Some(port)),
            Port::Computed => Some(None),
            Port::None => {
                // `http://db:` + port, `jdbc:oracle:thin:@db:1521:XE`
                let ends = after[1..]
                    .chars()
                    .next()
                    .is_none_or(|next| "\"'`%{$<} ,;)/".contains(next) || next.is_whitespace());
                ends.then_some(None)
            }
        },
        Some(next) if next.is_whitespace() || "/?#\"'`,;)]}><|\\$&!%{+*".contains(next) => {
            Some(None)
        }
        Some(next) if !next.is_ascii() => Some(None),
        Some('.') => Some(None),
        Some(_) => None,
    }
}

/// An `@` before the authority's end: what was found is the user's name.
fn is_user(after: &str) -> bool {
    let mut depth = 0_usize;
    for (at, here) in after.char_indices() {
        match here {
            '{' | '(' => depth += 1,
            '}' | ')' if depth > 0 => depth -= 1,
            '@' if depth == 0 => return true,
            '"' | '\'' | '`' if depth == 0 => {
                // `"mysql://app:" + password + "@db"`
                let joined = after[at + 1..].trim_start().starts_with(['+', '.', ',']);
                return joined && pattern!(r#"["'`]@"#).is_match(&after[at..]);
            }
            '/' | '?' | '#' | ',' | ';' | '<' | '>' | ')' | ']' | '|' if depth == 0 => {
                return false;
            }
            _ if depth == 0 && here.is_whitespace() => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn the_host_of_a_url_is_found_in_any_language() {
        let cases = [
            ("a.js", "fetch('http://web')", None),
            ("a.js", "fetch(`http://web:8080/api/${id}`)", Some(8080)),
            (
                "a.py",
                r#"u = f"postgres://{user}:{os.environ['PW']}@web:5432/app""#,
                Some(5432),
            ),
            ("a.go", r#"dsn := "root:pw@tcp(web:3306)/app""#, Some(3306)),
            ("a.go", r#"grpc.Dial("dns:///web:50051")"#, Some(50051)),
            (
                "a.java",
                r#"String u = "jdbc:mysql://web:3306/app";"#,
                Some(3306),
            ),
            (
                "a.java",
                r#"String u = "jdbc:oracle:thin:@web:1521:XE";"#,
                Some(1521),
            ),
            (
                "a.java",
                r#"String u = "jdbc:sqlserver://web;databaseName=x";"#,
                None,
            ),
            (
                "a.properties",
                "u=jdbc:postgresql://${DB_HOST:web}:5432/app",
                Some(5432),
            ),
            ("a.yml", "u: mongodb://a:1,web:2/app", Some(2)),
            ("a.yml", "u: PLAINTEXT_HOST://web:29092", Some(29092)),
            ("a.conf", "proxy_pass http://web$request_uri;", None),
            ("a.html", r#"<a href="http://web/x">"#, None),
            (
                "a.js",
                r#"x = "amqp://" + user + ":" + pw + "@web:5672""#,
                Some(5672),
            ),
            ("a.py", r#"x = "redis://web:" + port"#, None),
            ("a.php", "<?php $u = 'http://web' . $path;", None),
            ("a.sh", "exec 3<>/dev/tcp/web/80", None),
            ("a.rb", "x = \"redis://:#{pw}@web:6379/0\"", Some(6379)),
        ];
        for (path, text, port) in cases {
            let found = finds(path, text, &["web"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
            assert_eq!(found[0].port, port, "{path}: {text}");
        }
    }

    #[test]
    fn the_other_parts_of_a_url_are_not_hosts() {
        let cases = [
            ("a.js", "x = 'web://localhost'"),
            ("a.js", "x = 'mongodb://localhost/web'"),
            ("a.js", "x = 'postgres://web:pw@localhost/x'"),
            ("a.js", "x = 'postgres://web@localhost/x'"),
            ("a.py", r#"x = f"postgres://web:{pw}@localhost""#),
            ("a.js", r#"x = "postgres://web:" + pw + "@localhost""#),
            ("a.js", "x = 'http://localhost:80/web'"),
            ("a.js", "x = 'http://web.example.com'"),
            ("a.js", "x = 'http://example.com/?a=b@web'"),
            ("a.yml", "uri: lb://web"),
            ("a.yml", "path: file://web/x"),
            ("a.js", "x = 'http://web-' + n"),
            ("a.js", "// see http://web/"),
            ("a.js", "console.log('listening on http://web:80')"),
            (
                "a.conf",
                "upstream web { server 10.0.0.1; }\nproxy_pass http://web;",
            ),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["web"]);
        }
    }
}
