//! A name as an argument of a command: `-h db`, `--host=db`, `ping db`, `nc -z db 5432`.

use std::borrow::Cow;

use super::spot::{Spot, pattern};
use super::words::{Judgement, judge};
use super::{Form, Found};

pub(super) fn find(spot: &Spot) -> Option<Found> {
    if !spot.in_value() {
        return None;
    }
    let before = unquoted(spot.before());
    if of_containers(&before) || !ends_argument(spot.after()) {
        return None;
    }
    let port = following_port(spot.after());
    let tool = after_tool(&before) || after_client(&before, spot.after());
    (tool || after_flag(&before) || after_node(&before)).then_some(Found {
        form: Form::Argument,
        port,
    })
}

/// `["ping", "-c1", "db"]` read as `ping -c1 db`.
fn unquoted(before: &str) -> Cow<'_, str> {
    let joined = pattern!(r#"\\?["']\s*,\s*\\?["']"#).replace_all(before, " ");
    match joined.trim_end_matches(['"', '\'', '\\']) {
        same if same.len() == before.len() => Cow::Borrowed(before),
        stripped => Cow::Owned(stripped.to_owned()),
    }
}

/// Commands of docker and compose take services' names as such.
fn of_containers(before: &str) -> bool {
    pattern!(r"\b(?:docker|docker-compose|podman|nerdctl|kubectl|helm|minikube|systemctl|service|supervisorctl)\s[^;|&]*$").is_match(before)
        && !pattern!(r"\b(?:exec|run)\s.*\s(?:-h|--host|ping|curl|nc)\b").is_match(before)
}

fn ends_argument(after: &str) -> bool {
    pattern!(r#"^(?:$|[\s"'`;&|)\]},<>\\/]|:(?:\d|\$|\{))"#).is_match(after)
}

/// `nc -z db 5432`.
fn following_port(after: &str) -> Option<u16> {
    pattern!(r#"^(?::|["']?,?\s+["']?)(\d{2,5})\b"#)
        .captures(after)
        .and_then(|found| found[1].parse().ok())
}

/// Tools whose first argument besides flags is a host.
fn after_tool(before: &str) -> bool {
    pattern!(
        r#"(?x)
        (?:^|[\s;&|(`"'/!=\[])
        (?: ping6? | nc | ncat | netcat | telnet | nslookup | dig | traceroute | getent\s+(?:ahosts\w*|hosts) | ssh-keyscan
          | (?:wait[_-]?for|wait[_-]?on|wait-?4)[\w-]* (?:\.sh|\.py|\.js)? | wait[_-]for[_-]it (?:\.sh)? | mongosh? | cqlsh
          | (?:replicaof|slaveof) | sentinel\s+monitor\s+\S+ | join_cluster | mongo-wait )
        (?: \s+ -{1,2}[\w-]+ (?: [=\s]\s*\d+[smh]? )? )*
        \s+ $"#
    )
    .is_match(before)
}

/// `curl web/health`, `wget -q web`.
fn after_client(before: &str, after: &str) -> bool {
    pattern!(r#"(?:^|[\s;&|(`"'!])(?:curl|wget|ab|wrk|hey|siege)(?:\s+-(?:-[\w-]+|[A-Za-z]*[sSfLkvIiqN4])(?:[=\s]\d+)?)*\s+$"#)
        .is_match(before)
        && pattern!(r#"^(?:$|[/"';&|)]|:\d|\s*$|\s+[;&|>])"#).is_match(after)
}

/// `--redis-host db`, `--brokers=a,db`, `-h db`, `-hdb`.
fn after_flag(before: &str) -> bool {
    let head = pattern!(r"(?:[\w.\-]+(?::\d+)?,)+$")
        .find(before)
        .map_or(before, |found| &before[..found.start()]);
    if pattern!(r#"(?:^|[\s"'\[(,])-h(?:\s+|=)?$"#).is_match(head) {
        return true;
    }
    if pattern!(r"\bsqlcmd\b.*\s-S\s*$").is_match(head) {
        return true;
    }
    pattern!(r#"(?:^|[\s"'\[(,])--?([A-Za-z][\w.\-]*)(?:=|\s+)["']?$"#)
        .captures(head)
        .is_some_and(|found| {
            let flag = &found[1];
            let joins = matches!(
                flag,
                "join"
                    | "retry-join"
                    | "zookeeper"
                    | "replicaof"
                    | "slaveof"
                    | "peers"
                    | "master"
                    | "redis"
            );
            (joins || judge(flag) == Judgement::Host) && (flag.len() > 1)
        })
}

/// `rabbit@db`: a node of Erlang.
fn after_node(before: &str) -> bool {
    before.ends_with("rabbit@")
}

#[cfg(test)]
mod tests {
    use crate::scan::testing::{finds, finds_nothing};

    #[test]
    fn arguments_that_name_hosts_are_found() {
        let cases = [
            ("a.sh", "mysqladmin ping -h db --silent", None),
            ("a.sh", "mysql -hdb -uroot", None),
            ("a.sh", "until pg_isready --host=db; do sleep 1; done", None),
            ("a.sh", "while ! nc -z db 5432; do", Some(5432)),
            ("a.sh", "./wait-for-it.sh -t 60 db:5432 -- run", Some(5432)),
            ("a.sh", "ping -c1 db", None),
            ("a.sh", "curl -fsS db/health", None),
            ("a.sh", "kafka-topics --bootstrap-server db", None),
            ("a.sh", "redis-server --replicaof db 6379", Some(6379)),
            ("a.sh", "cockroach start --join=a,db", None),
            ("a.sh", "getent hosts db", None),
            ("a.sh", "rabbitmqctl join_cluster rabbit@db", None),
            (
                "Dockerfile",
                "CMD [\"./wait-for-it.sh\", \"db:5432\", \"--\", \"run\"]",
                Some(5432),
            ),
            ("Dockerfile", "CMD [\"run\", \"--host\", \"db\"]", None),
            ("Dockerfile", "HEALTHCHECK CMD mysqladmin ping -h db", None),
            (
                "package.json",
                "\"start\": \"wait-on tcp:db:5432 && node .\"",
                Some(5432),
            ),
            ("a.py", "subprocess.run(['pg_isready', '-h', 'db'])", None),
        ];
        for (path, text, port) in cases {
            let found = finds(path, text, &["db"]);
            assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
            assert_eq!(found[0].port, port, "{path}: {text}");
        }
    }

    #[test]
    fn other_arguments_are_not_hosts() {
        let cases = [
            ("a.sh", "docker run --hostname db -h db x"),
            ("a.sh", "docker compose exec db psql"),
            ("a.sh", "psql -U db -d db"),
            ("a.sh", "cd db && ls db/"),
            ("a.sh", "--name db --target db"),
            ("a.sh", "celery -A db worker"),
            ("a.ts", "return 'please wait db'"),
            ("a.sh", "echo ping db"),
            ("a.sh", "curl -u db http://localhost"),
            ("package.json", "\"db\": \"node db\""),
            ("Dockerfile", "RUN npm run build:db && mkdir db"),
            ("Dockerfile", "FROM x AS db"),
            ("Dockerfile", "COPY --from=db /a /db"),
        ];
        for (path, text) in cases {
            finds_nothing(path, text, &["db"]);
        }
    }
}
