//! A name as the value of a key that speaks of hosts: `host: 'db'`, `DB_HOST=db`, `Server=db;`.

use super::env_default;
use super::language::Family;
use super::spot::{Spot, pattern};
use super::words::{Judgement, judge, names_itself};
use super::{Form, Found};

pub(super) fn find(spot: &Spot) -> Option<Found> {
    let found = spot.in_value()
        && (in_connection_string(spot)
            || in_quotes(spot)
            || in_placeholder(spot)
            || bare(spot)
            || in_element(spot)
            || in_list(spot));
    found.then_some(Found {
        form: Form::Key,
        port: None,
    })
}

fn names_host(key: &str) -> bool {
    judge(key) == Judgement::Host
}

/// `Server=db;Username=…`, `host=db port=5432`, `-Dredis.host=db`: keys inside a string.
fn in_connection_string(spot: &Spot) -> bool {
    let (before, after) = match (spot.family(), spot.in_literal()) {
        (Family::Code, None) => return false,
        (_, Some(inside)) => inside,
        (_, None) => (spot.before(), spot.after()),
    };
    let Some(found) =
        pattern!(r#"(?i)((?:data |network )?[a-z_][\w.\-]*)(\s*)=(\s*)\\?["']?(?:tcp:|admin:)?$"#)
            .captures(before)
    else {
        return false;
    };
    let spaced = !found[2].is_empty() || !found[3].is_empty();
    let source = pattern!(r"(?i)^(?:data source|datasource|network address)$").is_match(&found[1]);
    // With spaces it may as well be a condition of a query or an assignment in a text.
    let ends = if spaced {
        pattern!(r"^(?:,\d+)?;")
    } else {
        pattern!(r#"^(?:$|[\s;,"'&)}\\`<|/]|:[\d${%])"#)
    };
    (source || names_host(&found[1])) && ends.is_match(after)
}

/// The name is all that stands between quotes.
fn in_quotes(spot: &Spot) -> bool {
    let Some((before, after)) = spot.quoted() else {
        return false;
    };
    let chosen = before.trim_end().ends_with('?');
    if !chosen && pattern!(r"^\s*(?::|=>|\]?\s*=[^=])").is_match(after) {
        return false; // itself a key
    }
    keys(before)
        .iter()
        .filter(|key| *key != spot.name())
        .any(|key| names_host(key) || (is_listed(before) && is_listing(key, spot)))
        || env_default::variable(spot)
            .is_some_and(|name| names_host(&name) || names_itself(&name, spot.name()))
}

/// `nodes: ['a', 'b']`.
fn is_listing(key: &str, spot: &Spot) -> bool {
    spot.family() == Family::Data && judge(key) == Judgement::Address
}

fn is_listed(before: &str) -> bool {
    before.trim_end().ends_with(['[', ','])
}

/// The keys that a value at the end of this code may belong to.
fn keys(before: &str) -> Vec<String> {
    let direct = before;
    let before = without_list(before);
    let mut keys = Vec::new();
    let mut push =
        |found: Option<regex::Captures>| keys.extend(found.map(|found| found[1].to_owned()));
    // host: 'db' — host: str = "db" — ['host'] = 'db' — host := "db"
    push(
        pattern!(r#"([A-Za-z_$@][\w.$\-]*)["'`]?\]?(?:\s*:\s*[\w&<>\[\]?.|']+(?:\s+string|\s*\|\s*\w+)?)?\s*(?:=>|:=|\?=|\+=|\|\|=|->|=|:)\s*(?:(?:new\s+)?(?:String(?:::from)?|Some|Ok|Field|str|string|Uri|URI|URL|Cow::from)\(\s*)?[rfbu@$]?$"#)
            .captures(before),
    );
    // host string = "db" — String host = "db" is the form above
    push(
        pattern!(r"([A-Za-z_]\w*)\s+(?:\*?string|String|varchar\(\d+\))\s*:?=\s*$")
            .captures(before),
    );
    // set("db.host", "db") — define('DB_HOST', 'db')
    push(
        pattern!(r#"[A-Za-z_>]\s*\(\s*["'`]([\w.\-]+)["'`]\s*,\s*$"#)
            .captures(direct)
            // Two words side by side: `describe('server', 'db')`.
            .filter(|found| {
                !matches!(
                    &found[1],
                    "server" | "servers" | "upstream" | "broker" | "brokers" | "peers" | "seeds"
                )
            }),
    );
    // x ? 'db' : 'localhost', and the other way round
    push(pattern!(r#"([A-Za-z_$][\w.$\-]*)["'`]?\]?\s*(?::\s*\w+\s*)?(?::=|=>|=|:)\s*[^=:;,{}]*(?:[=!]=+[^=:;,{}]*)?\?(?:[^?:;{}]*:)?\s*$"#).captures(before));
    push(pattern!(r#"([A-Za-z_$][\w.$\-]*)["'`]?\]?\s*(?::=|=>|=|:)\s*[^=:;,{}]*(?:[=!]=+[^=:;,{}]*)?\belse\s*$"#).captures(before));
    // process.env.X || 'db'
    push(
        pattern!(r#"([A-Za-z_$][\w.$\-]*)["'`]?\]?\s*(?::\s*[\w&<>|]+\s*)?(?::=|=>|=|:)\s*[^=;{}]*(?:\|\||\?\?|\?:|\bor|orElse\w*\(|unwrap_or\w*\((?:\|\w*\|)?|getOrElse\()\s*$"#)
            .captures(before),
    );
    // getenv('X', 'db')
    push(
        pattern!(r#"([A-Za-z_$][\w.$\-]*)["'`]?\]?\s*(?::\s*[\w&<>|]+\s*)?(?::=|=>|=|:)\s*[\w.$:>\-<]*\(\s*["'`][\w.\-]+["'`]\s*,\s*(?:default\s*[=:]\s*)?$"#)
            .captures(before),
    );
    keys.extend(keys_beside_default(before));
    keys
}

/// `add_argument("--host", default="db")`, `<property name="host" value="db"/>`, `host: str = Field(default="db")`.
fn keys_beside_default(before: &str) -> Vec<String> {
    let Some(found) = pattern!(r#"(?i)\b(?:default|default_value|defaultValue|value|fallback|envDefault)["'`]?\s*[:=]\s*\\?$"#).find(before) else {
        return Vec::new();
    };
    let head = &before[..found.start()];
    let open = head.rfind(['(', '<', '{']).unwrap_or_else(|| {
        head.rfind('\n')
            .map_or(0, |line| head[..line].rfind('\n').unwrap_or(0))
    });
    let mut keys = Vec::new();
    let named = pattern!(
        r#"(?:\b(?:name|key|env|long|id|envconfig|json|yaml|mapstructure)["'`]?\s*[:=]\s*\\?["'`]?|\(\s*["'`])([\w.\-]+)"#
    );
    keys.extend(
        named
            .captures_iter(&head[open..])
            .map(|found| found[1].to_owned()),
    );
    let assigned =
        pattern!(r#"([A-Za-z_][\w.\-]*)["'`]?(?:\s*:\s*[\w\[\]. |]+)?\s*[:=]\s*[\w.]*$"#);
    keys.extend(
        assigned
            .captures(head[..open].trim_end())
            .map(|found| found[1].to_owned()),
    );
    keys
}

/// Without the opening of a list and its earlier elements.
fn without_list(before: &str) -> &str {
    let mut rest = before.trim_end();
    let elements = pattern!(r#"[\[({]\s*(?:["'`][^"'`]*["'`]\s*,\s*)*$"#);
    let opening = pattern!(
        r"(?:\[\]string|new\s+String\[\]|new\s*\[\]|Arrays\.asList|List\.of|listOf|Set\.of|setOf|Seq|List|array|vec!|of)?\s*[(\[{]$"
    );
    if let Some(found) = elements.find(rest) {
        rest = &rest[..=found.start()];
    }
    match opening.find(rest) {
        Some(found) if found.len() > 1 || rest.ends_with('[') => &rest[..found.start()],
        _ => before,
    }
}

/// `${db.host:db}`, in whatever string it stands.
fn in_placeholder(spot: &Spot) -> bool {
    spot.after().starts_with('}')
        && pattern!(r"\$\{(?:env:)?([A-Za-z_][\w.\-]*?)(?::-|:=|:|-|=)$")
            .captures(spot.before())
            .is_some_and(|found| names_host(&found[1]))
}

/// Unquoted, in configuration and shell.
fn bare(spot: &Spot) -> bool {
    let before = without_bare_list(spot.before());
    match spot.family() {
        Family::Shell | Family::Dockerfile => {
            let of_dockerfile =
                pattern!(r"(?i)^\s*(?:ENV|ARG)\s+([A-Za-z_]\w*)\s+$").captures(before);
            let assigned =
                pattern!(r#"(?:^|[\s;&|("'])([A-Za-z_][\w.\-]*)=(?:["']|\$\{\w+:?[-=])?$"#)
                    .captures(before)
                    .or(of_dockerfile);
            let ends = pattern!(r#"^(?:$|[\s;&|)"',}])"#).is_match(spot.after());
            ends && assigned.is_some_and(|found| is_variable_of_host(&found[1], spot))
        }
        Family::Data => {
            if !pattern!(r#"^(?:\s*(?:$|[,;\])}|<&"'\\`])|:\d|\s+%>)"#).is_match(spot.after()) {
                return false;
            }
            let Some(found) = pattern!(r#"(?:^|[\s{,\[("'])([A-Za-z_$][\w.\-/\[\]]*)["'\]]*\s*(?:=>|=|:)\s*["'\[]*(?:\$\{[\w.]+:-?)?$"#).captures(before) else {
                return false;
            };
            let listing = before.len() < spot.before().len() || before.trim_end().ends_with('[');
            is_variable_of_host(&found[1], spot)
                || (listing
                    && is_listing(&found[1], spot)
                    && !before.trim_start().starts_with("- hosts"))
        }
        Family::Code | Family::Markup | Family::Value => false,
    }
}

/// Variables of files of variables are judged as those of compose files are.
fn is_variable_of_host(key: &str, spot: &Spot) -> bool {
    let name = spot.source.name();
    let of_variables =
        spot.family() == Family::Dockerfile || name.starts_with(".env") || name.ends_with(".env");
    match judge(key) {
        Judgement::Host => true,
        Judgement::Address => of_variables,
        Judgement::Other => of_variables && names_itself(key, spot.name()),
    }
}

/// Without earlier elements of a comma list.
fn without_bare_list(before: &str) -> &str {
    let elements = pattern!(r"(?:[\w.\-]+(?::\d+)?\s*,\s*)+$");
    elements
        .find(before)
        .map_or(before, |found| &before[..found.start()])
}

/// `<host>db</host>`.
fn in_element(spot: &Spot) -> bool {
    spot.family() == Family::Data
        && spot.after().trim_start().starts_with("</")
        && pattern!(r"<([\w:.\-]+)(?:\s[^<>]*)?>\s*$")
            .captures(spot.before())
            .is_some_and(|found| names_host(&found[1]))
}

/// An element of a list that began on a line above.
fn in_list(spot: &Spot) -> bool {
    let ends = pattern!(r#"^["'`]?\s*(?:$|[,\])}])"#).is_match(spot.after());
    ends && parent(spot).is_some_and(|key| names_host(&key) || is_listing(&key, spot))
}

/// The key of the list that the line is an element of.
pub(super) fn parent(spot: &Spot) -> Option<String> {
    let own = spot.before();
    let item = own.trim_start();
    let alone = item.is_empty() && spot.family() == Family::Data;
    if !alone && !pattern!(r#"^(?:-\s+["']?|["'`]|\S*://)\S*$"#).is_match(item) {
        return None;
    }
    let indent = own.len() - item.len();
    for above in spot.lines_above().take(30) {
        let text = above.trim();
        if text.is_empty() {
            continue;
        }
        let above_indent = above.len() - above.trim_start().len();
        let dashed = text.starts_with('-');
        if item.starts_with('-') && dashed && above_indent >= indent {
            continue; // a sibling
        }
        let sibling =
            text.ends_with(',') && text.starts_with(['"', '\'', '`']) && !text.contains(": ");
        if !item.starts_with('-') && (sibling || (above_indent == indent && text.ends_with(','))) {
            continue;
        }
        if above_indent > indent {
            return None;
        }
        return pattern!(r#"([\w.\-]+)["'`]?\]?(?:\s*:\s*[\w\[\]<>]+)?\s*(?:=>|:=|=|:)\s*(?:\[\]string)?(?:new\s+String\[\])?\w*[\[({]*$"#)
            .captures(text)
            .map(|found| found[1].to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn values_of_host_keys_are_found() {
        let cases = [
            ("a.js", "createClient({ host: 'db', port: 1 })"),
            ("a.ts", "const dbHost: string = \"db\";"),
            ("a.js", "host: inDocker ? 'db' : 'localhost',"),
            ("a.js", "const host = inDocker ? 'localhost' : 'db';"),
            (
                "a.js",
                "const host = process.env.NODE_ENV === 'x' ? 'db' : 'localhost'",
            ),
            ("a.py", "Redis(host='db')"),
            ("a.py", "host = 'localhost' if debug else 'db'"),
            ("a.py", "'HOST': 'db',"),
            ("a.py", "app.config['MYSQL_HOST'] = 'db'"),
            ("a.py", "parser.add_argument('--host', default='db')"),
            ("a.py", "redis_host: str = Field(default='db')"),
            ("a.py", "hosts = [\n    'a',\n    'db',\n]"),
            ("a.php", "<?php $servername = \"db\";"),
            ("a.php", "<?php define('DB_HOST', 'db');"),
            ("a.php", "<?php $p = new PDO('mysql:host=db;dbname=x');"),
            ("a.cs", "var c = \"Server=db;Username=x\";"),
            ("a.cs", "var c = \"Data Source=db,1433;User Id=x\";"),
            ("a.cs", "new ConnectionFactory() { HostName = \"db\" }"),
            ("a.go", "\"host=db port=5432 user=x\""),
            ("a.go", "cfg := Config{Hosts: []string{\"a\", \"db\"}}"),
            ("a.go", "flag.String(\"host\", \"db\", \"the host\")"),
            ("a.rb", "config.host = 'db'"),
            ("a.java", "props.put(\"bootstrap.servers\", \"db\");"),
            ("a.java", "private static final String DB_HOST = \"db\";"),
            ("a.rs", "let host: &str = \"db\";"),
            ("a.yml", "host: db"),
            ("a.yml", "{host: db, port: 1}"),
            ("a.yml", "hosts:\n  - a\n  - db\n"),
            ("a.yml", "seed_hosts: [a, db]"),
            ("a.yml", "host: ${DB:db}"),
            ("a.json", "\"host\": \"db\","),
            ("a.json", "\"hosts\": [\n  \"a\",\n  \"db\"\n]"),
            ("a.toml", "host = \"db\""),
            ("a.ini", "host = db ; main"),
            ("a.properties", "spring.redis.host=db"),
            ("a.xml", "<host>db</host>"),
            ("a.xml", "<property name=\"redis.host\" value=\"db\"/>"),
            ("a.conf", "hosts => \"db\""),
            ("a.vcl", ".host = \"db\";"),
            ("a.sh", "HOST=db cmd"),
            ("a.sh", "export PGHOST='db'"),
            ("Dockerfile", "ENV PGHOST=db"),
            (".env", "DATABASE_URL=db"),
        ];
        for (path, text) in cases {
            let found = finds(path, text, &["db"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        }
    }

    #[test]
    fn values_of_other_keys_are_not_hosts() {
        let cases = [
            ("a.js", "database: 'db', user: 'db', client: 'db'"),
            ("a.js", "if (host === 'db') {}"),
            ("a.js", "const x = { 'db': 1 }"),
            ("a.js", "import db from 'db'; const db2 = require('db');"),
            ("a.js", "target: 'db'"),
            (
                "a.cs",
                "var dbConnectionString = configuration.GetConnectionString(\"db\");",
            ),
            (
                "a.js",
                "trace('server', 'db'); require('./t')('host', 'db')",
            ),
            ("a.js", "url: 'db'"),
            ("a.js", "host: process.env.H, name: 'db'"),
            ("a.py", "'NAME': 'db', 'USER': 'db'"),
            ("a.py", "host = db"),
            ("a.py", "hosts = ['a']\nnames = [\n 'db',\n]"),
            ("a.yml", "name: db"),
            ("a.yml", "db: host"),
            ("a.yml", "services:\n  - db"),
            ("a.yml", "host:\n  name: db"),
            ("a.json", "\"dependencies\": { \"db\": \"1\" }"),
            ("a.json", "\"host\": { \"db\": 1 }"),
            ("a.xml", "<artifactId>db</artifactId>"),
            ("a.sh", "POSTGRES_USER=db"),
            ("a.ini", ";host = db"),
            ("Dockerfile", "ENV APP_USER=db"),
            ("a.properties", "redis.serverAddress=db://localhost:6379"),
            ("a.ini", "dsn=db:host=localhost"),
            (".env", "DB_DATABASE=db\nDB_CONNECTION=db"),
            ("a.txt2", "the host: db is down"),
            ("a.cs", "var c = \"Server=localhost;Database=db;User=db\";"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["db"]);
        }
    }
}
