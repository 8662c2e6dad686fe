//! What a mount brings that belongs to a run or to a machine, and not to the app: data that the app writes, sockets,
//! placeholders, keys. Pure.

use std::path::Path;

/// Names of folders that an app fills while it runs. `data` is not among them: many apps keep seeds there.
const RUN_TIME_NAMES: &[&str] = &[
    "logs",
    "log",
    "tmp",
    "temp",
    "cache",
    ".cache",
    "uploads",
    "upload",
    "backup",
    "backups",
    "dumps",
    "pgdata",
    "node_modules",
];

/// Places where well-known servers keep what they write; what is mounted at or below one is data.
const DATA_BELOW: &[&str] = &[
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/data/db",
    "/data/configdb",
    "/var/lib/mongodb",
    "/var/lib/redis",
    "/var/lib/rabbitmq/mnesia",
    "/usr/share/elasticsearch/data",
    "/var/lib/clickhouse",
    "/var/lib/influxdb",
    "/var/lib/cassandra",
    "/var/lib/docker",
    "/var/log",
    "/var/cache",
    "/var/tmp",
    "/var/run",
    "/var/spool",
    "/bitnami",
    "/var/jenkins_home",
    "/opt/sonarqube/data",
    "/var/opt/mssql",
    "/opt/oracle/oradata",
    "/root/.cache",
    "/etc/letsencrypt/live",
    "/etc/letsencrypt/archive",
];

/// The same, but what is mounted below one can be the app's own: dashboards below Grafana's data, for example.
const DATA_AT: &[&str] = &[
    "/data",
    "/prometheus",
    "/var/lib/grafana",
    "/var/lib/rabbitmq",
    "/minio",
    "/meilisearch/meili_data",
    "/qdrant/storage",
    "/var/lib/weaviate",
    "/loki",
    "/alertmanager",
    "/home/node/.n8n",
    "/etc/letsencrypt",
    "/var/www/certbot",
    "/tmp",
];

/// Endings of files that servers write and nobody edits.
const DATA_ENDINGS: &[&str] = &[
    ".sqlite",
    ".sqlite3",
    ".db",
    ".rdb",
    ".aof",
    ".ibd",
    ".wt",
    ".log",
    ".pid",
    ".lock",
    ".bson",
    ".dump",
    ".sqlite3-wal",
    ".sqlite3-shm",
    ".db-wal",
    ".db-shm",
    ".sock",
    ".frm",
    ".mdb",
];

/// True for a file that only keeps its folder in version control.
pub fn is_placeholder(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(
        name,
        ".gitkeep"
            | ".keep"
            | ".gitignore"
            | ".gitattributes"
            | ".placeholder"
            | ".empty"
            | ".DS_Store"
            | ".dockerignore"
    )
}

/// True for a file that only tells people what a folder is for.
fn is_readme(path: &str) -> bool {
    let lower = path.to_lowercase();
    !path.contains('/') && (lower.starts_with("readme") || lower.starts_with("license"))
}

/// Whether a mounted folder holds what a run writes. `source` is its path on the host, `files` are the files in it
/// (relative), `all_ignored_by_git` says that a clean checkout has none of them.
pub fn is_run_time(
    source: &str,
    target: &str,
    read_only: bool,
    files: &[String],
    all_ignored_by_git: bool,
) -> bool {
    let target = target.trim_end_matches('/');
    let place = Path::new(target);
    if DATA_BELOW.iter().any(|data| place.starts_with(data)) {
        return true;
    }
    let real = |file: &&String| !is_placeholder(file) && !is_readme(file);
    let mut files = files.iter().filter(real).peekable();
    if files.peek().is_none() {
        return true;
    }
    let name = source
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(source);
    let name = name.trim_start_matches(['.', '_']).to_lowercase();
    let named = |names: &[&str]| {
        names.iter().any(|known| {
            name == *known
                || name.ends_with(&format!("-{known}"))
                || name.ends_with(&format!("_{known}"))
        })
    };
    if named(RUN_TIME_NAMES) && !read_only {
        return true;
    }
    // A build result that is served is the app's own, although git ignores it.
    let is_data = DATA_AT.contains(&target)
        || named(&[
            "data", "db", "database", "storage", "media", "volume", "volumes",
        ]);
    if is_data && !read_only && all_ignored_by_git {
        return true;
    }
    let written = |file: &String| {
        let lower = file.to_lowercase();
        DATA_ENDINGS.iter().any(|ending| lower.ends_with(ending))
    };
    files.all(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_time(source: &str, target: &str, files: &[&str], ignored: bool) -> bool {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        is_run_time(source, target, false, &files, ignored)
    }

    #[test]
    fn what_a_run_writes_is_told_from_what_the_app_is_made_of() {
        for (source, target, files, ignored) in [
            ("data", "/var/lib/mysql", &["ibdata1"][..], false),
            (
                "pg",
                "/var/lib/postgresql/data/pgdata",
                &["PG_VERSION"],
                false,
            ),
            ("uploads", "/app/uploads", &["a.png"], false),
            ("app_logs", "/app/logs", &["a.txt"], false),
            ("empty", "/app/empty", &[".gitkeep"], false),
            ("src", "/var/www/html", &["README.md"], false),
            ("anything", "/x", &[], false),
            ("data", "/data", &["a.json"], true),
            ("state", "/app/state", &["app.sqlite3"], false),
        ] {
            assert!(
                run_time(source, target, files, ignored),
                "{source} {target}"
            );
        }
        for (source, target, files, ignored) in [
            ("data", "/app/data", &["cities.json"][..], false),
            ("initdb", "/docker-entrypoint-initdb.d", &["01.sql"], false),
            (
                "dashboards",
                "/var/lib/grafana/dashboards",
                &["a.json"],
                false,
            ),
            ("dist", "/usr/share/nginx/html", &["index.html"], true),
            ("src", "/app/src", &["a.log", "a.js"], false),
        ] {
            assert!(
                !run_time(source, target, files, ignored),
                "{source} {target}"
            );
        }
        let files = ["a.txt".to_owned()];
        assert!(
            !is_run_time("logs", "/app/logs", true, &files, false),
            "read-only"
        );
    }
}
