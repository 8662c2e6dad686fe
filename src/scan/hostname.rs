//! Finds where a program takes the container's own host name for the address that it listens on, or
//! for its identity. No parser: what listens and what names are told by the words around the reading.

use std::sync::LazyLock;

use regex::Regex;

use super::language::Family;
use super::spot::{Source, pattern};

/// What the host name is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostnameFor {
    /// The address of a server's socket.
    Listening,
    /// An id of a node, worker, consumer or the like.
    Identity,
}

/// One place where a text reads the container's own host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostnameUse {
    /// Line, from 1.
    pub line: u32,
    /// First character of the reading, from 1.
    pub column: u32,
    /// The character after it.
    pub end_column: u32,
    /// What for.
    pub used_for: HostnameFor,
    /// It is read from the variable `HOSTNAME`, so that setting that changes it.
    pub by_variable: bool,
}

/// Parts of a text without which none of it is a reading: the cheap question before the search.
pub(super) const SIGNS: &[&str] = &["HOSTNAME", "ostname", "getLocalHost"];

/// The readings, in any language; in a template `${HOSTNAME}` is one as well.
const READING: &str = r#"(?x)
    (?: process\.env\.HOSTNAME\b | process\.env\[\s*["']HOSTNAME["']\s*\]
      | os\.environ(?:\.get\(\s*|\[\s*)["']HOSTNAME["'] | os\.getenv\(\s*["']HOSTNAME["']
      | os\.Getenv\("HOSTNAME"\) | System\.getenv\("HOSTNAME"\) | \bgetenv\(\s*["']HOSTNAME["']\s*\)
      | ENV(?:\.fetch\(\s*|\[\s*)["']HOSTNAME["'] | env::var\("HOSTNAME"\)
      | \$\{HOSTNAME(?:[:\-][^}]*)?\} | \$HOSTNAME\b
      | \bos\.hostname\(\) | \bsocket\.(?:gethostname|getfqdn)\(\) | \bos\.Hostname\(\)
      | \bSocket\.gethostname\b | \bgethostname\(\) | InetAddress\.getLocalHost\(\)
      | \$\(hostname(?:\ +-[a-z]+)?\) | `hostname(?:\ +-[a-z]+)?`
    )"#;

static READINGS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(READING).expect("the pattern is valid"));

/// The places of a file, in their order. `path` tells the language.
pub fn hostname_uses(path: &str, text: &str) -> Vec<HostnameUse> {
    if !SIGNS.iter().any(|sign| text.contains(sign)) {
        return Vec::new();
    }
    let source = Source::file(path, text);
    let mut uses = Vec::new();
    for (index, line) in source.clean.lines().enumerate() {
        for found in READINGS.find_iter(line) {
            let (before, after) = (&line[..found.start()], &line[found.end()..]);
            let Some(used_for) = purpose(&source, before, after) else {
                continue;
            };
            let column = |bytes: usize| line[..bytes].chars().count() as u32 + 1;
            uses.push(HostnameUse {
                line: index as u32 + 1,
                column: column(found.start()),
                end_column: column(found.end()),
                used_for,
                by_variable: found.as_str().contains("HOSTNAME"),
            });
        }
    }
    uses
}

/// Whether a command of a Compose file gives a server the container's host name to listen on.
pub fn listens_on_hostname(command: &str) -> bool {
    READINGS
        .find_iter(command)
        .any(|found| is_flag_of_listener(&command[..found.start()]))
}

fn purpose(source: &Source, before: &str, after: &str) -> Option<HostnameFor> {
    let listens = match source.family() {
        Family::Code => in_listening_call(before) || is_listened_on_below(source, before, after),
        Family::Shell | Family::Dockerfile | Family::Value => is_flag_of_listener(before),
        Family::Data => is_key_of_listener(before),
        Family::Markup => false,
    };
    if listens {
        return Some(HostnameFor::Listening);
    }
    is_identity(before).then_some(HostnameFor::Identity)
}

/// The functions and classes that open a listening socket.
const LISTENERS: &str = r"(?:listen|bind|serve|serve_forever|ListenAndServe(?:TLS)?|Listen|create_server|start_server|make_server|HTTPServer|TCPServer(?:\.new)?|InetSocketAddress|run_simple)";

/// `server.listen(3000, os.hostname())`, `app.run(host=socket.gethostname())`.
fn in_listening_call(before: &str) -> bool {
    static CALL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(&format!(r"(?:^|[^\w]){LISTENERS}\s*\([^;]*$")).expect("the pattern is valid")
    });
    CALL.is_match(before) || pattern!(r"\brun\s*\([^;]*\bhost\s*=\s*[^;,]*$").is_match(before)
}

/// `const hostname = process.env.HOSTNAME || 'localhost'`, and further down `listen(port, hostname)`.
fn is_listened_on_below(source: &Source, before: &str, after: &str) -> bool {
    let assigned = pattern!(
        r"^\s*(?:(?:export\s+)?(?:const|let|var|final|val|String|auto)\s+)?([A-Za-z_]\w*)(?:\s*:\s*\w+)?(?:\s*,\s*\w+)?\s*:?=\s*[^;]*$"
    );
    let Some(found) = assigned.captures(before) else {
        return false;
    };
    // A comparison or the argument of another call is no address.
    if before.contains("==") || after.trim_start().starts_with("==") {
        return false;
    }
    let name = regex::escape(&found[1]);
    let call = format!(r"(?:^|[^\w]){LISTENERS}\s*\([^;]*?(?:^|[^\w.]){name}\b(?:[^\w.(]|$)");
    let by_key = format!(r"\brun\s*\([^;]*?\bhost\s*=\s*{name}\b");
    Regex::new(&format!("(?:{call})|(?:{by_key})"))
        .is_ok_and(|used| source.clean.lines().any(|line| used.is_match(line)))
}

/// `--host $HOSTNAME`, `-b ${HOSTNAME}:8000`; not `worker@$HOSTNAME`.
fn is_flag_of_listener(before: &str) -> bool {
    pattern!(
        r#"(?:^|[\s"'\[,])(?:--?(?:host|hostname|bind|bind[_-]addr(?:ess)?|address|addr|listen|listen[_-](?:address|addr|host)|http[_-]host|server[.\-]address|interface)(?:=|\s+|["']\s*,\s*)|-b\s+)["']?(?:\w+://)?$"#
    )
    .is_match(before)
        && !pattern!(r"\b(?:docker|podman|nerdctl|celery|ssh|mysql|psql)\b").is_match(before)
}

/// `server.address=${HOSTNAME}`, `bind = "${HOSTNAME}:80"`, `listen ${HOSTNAME}:80;`
fn is_key_of_listener(before: &str) -> bool {
    pattern!(
        r#"(?i)^\s*["']?(?:(?:\w+\.)*server\.(?:address|host)|bind(?:[_-]?(?:addr|address|host|ip))?|listen(?:[_-]?(?:addr|address|host|ip|on))?)["']?\s*[:= ]\s*["'\[]*(?:\w+://)?$"#
    )
    .is_match(before)
}

/// `WORKER_ID=$HOSTNAME`, `nodeId: os.hostname()`, `rabbit@$HOSTNAME`.
fn is_identity(before: &str) -> bool {
    pattern!(
        r#"(?i)(?:node|worker|instance|consumer|client|member|broker|replica|peer|shard|lock[_-]?owner|owner)[_\-.]?(?:id|name)["'`]?\]?\s*(?:=>|:=|=|:|\s)\s*["'`]?[\w\-]*$|\b(?:rabbit|ejabberd|emqx)@$"#
    )
    .is_match(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(path: &str, text: &str) -> Vec<HostnameFor> {
        let uses = hostname_uses(path, text);
        uses.into_iter().map(|found| found.used_for).collect()
    }

    #[test]
    fn servers_that_listen_on_the_host_name_are_found() {
        let cases = [
            ("a.js", "server.listen(3000, process.env.HOSTNAME)"),
            ("a.js", "app.listen({ port, host: os.hostname() })"),
            (
                "server.js",
                "const hostname = process.env.HOSTNAME || 'localhost'\nserver.listen(port, hostname, ready)",
            ),
            ("a.py", "app.run(host=os.environ['HOSTNAME'], port=80)"),
            ("a.py", "s.bind((socket.gethostname(), 80))"),
            (
                "a.py",
                "host = socket.gethostname()\nuvicorn.run('a:app', host=host)",
            ),
            (
                "a.go",
                "http.ListenAndServe(os.Getenv(\"HOSTNAME\")+\":80\", nil)",
            ),
            (
                "a.go",
                "host, _ := os.Hostname()\nl, err := net.Listen(\"tcp\", host+\":80\")",
            ),
            ("a.sh", "exec gunicorn -b $HOSTNAME:8000 app"),
            ("a.sh", "exec serve --host \"$(hostname -i)\""),
            ("Dockerfile", "CMD uvicorn app:app --host $HOSTNAME"),
            ("application.properties", "server.address=${HOSTNAME}"),
            ("nginx.conf.template", "  listen ${HOSTNAME}:80;"),
            ("package.json", "{\"x\": 1}\n"),
        ];
        for (path, text) in &cases[..cases.len() - 1] {
            assert_eq!(uses(path, text), [HostnameFor::Listening], "{path}: {text}");
        }
        assert!(uses("package.json", cases[cases.len() - 1].1).is_empty());
    }

    #[test]
    fn identities_are_told_from_addresses() {
        let cases = [
            (
                "a.js",
                "const kafka = new Kafka({ clientId: os.hostname() })",
            ),
            ("a.py", "worker_id = socket.gethostname()"),
            ("a.sh", "export NODE_NAME=$HOSTNAME"),
            ("a.sh", "rabbitmqctl join_cluster rabbit@$HOSTNAME"),
        ];
        for (path, text) in cases {
            assert_eq!(uses(path, text), [HostnameFor::Identity], "{path}: {text}");
        }
    }

    #[test]
    fn what_is_only_shown_or_sent_is_fine() {
        let cases = [
            ("a.js", "res.send(`served by ${os.hostname()}`)"),
            (
                "a.js",
                "const hostname = os.hostname()\nconsole.log(hostname)",
            ),
            ("a.js", "// server.listen(80, process.env.HOSTNAME)"),
            (
                "a.js",
                "const host = os.hostname()\nserver.listen(port, () => log(port))",
            ),
            ("a.py", "return {'host': socket.gethostname()}"),
            ("a.go", "name, err := os.Hostname()\nlog.Println(name)"),
            ("a.sh", "echo \"$HOSTNAME is up\""),
            ("a.sh", "docker run --hostname $HOSTNAME x"),
            ("a.sh", "celery worker --hostname=w1@$HOSTNAME"),
            ("a.yml", "title: ${HOSTNAME}"),
            ("a.html", "<b>$HOSTNAME</b>"),
        ];
        for (path, text) in cases {
            assert!(uses(path, text).is_empty(), "{path}: {text}");
        }
    }

    #[test]
    fn a_place_names_the_reading_and_whether_a_variable_changes_it() {
        let found = &hostname_uses("a.js", "\n  server.listen(1, process.env.HOSTNAME)")[0];
        assert_eq!((found.line, found.column, found.end_column), (2, 20, 40));
        assert!(found.by_variable);
        assert!(!hostname_uses("a.js", "server.listen(1, os.hostname())")[0].by_variable);
    }

    #[test]
    fn a_command_is_read_like_a_script() {
        assert!(listens_on_hostname("serve --host $HOSTNAME"));
        assert!(!listens_on_hostname("serve --name $HOSTNAME"));
    }
}
