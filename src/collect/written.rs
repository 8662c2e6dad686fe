//! Which of the paths that a container wrote are worth telling. Pure.

use crate::engine::{Change, ChangeKind};
use crate::evidence::WrittenPath;

/// Paths that are kept of each service.
const MOST: usize = 50;

/// What every container writes, and what nobody wants to find again.
const PLACES: &[&str] = &[
    "/dev/",
    "/etc/",
    "/proc/",
    "/run/",
    "/sys/",
    "/tmp/",
    "/usr/",
    "/var/cache/",
    "/var/lib/apt/",
    "/var/lib/dpkg/",
    "/var/lib/nginx/",
    "/var/lock/",
    "/var/log/",
    "/var/run/",
    "/var/tmp/",
    "/lib/",
    "/bin/",
    "/sbin/",
    "/root/",
    "/boot/",
    "/envsim/",
];
/// Directories of caches, logs and build results, wherever they are.
const DIRECTORIES: &[&str] = &[
    "__pycache__",
    ".cache",
    "cache",
    "caches",
    ".npm",
    ".yarn",
    ".pnpm-store",
    ".config",
    ".local",
    ".next",
    ".nuxt",
    ".vite",
    ".turbo",
    ".parcel-cache",
    ".gradle",
    ".m2",
    ".cargo",
    ".git",
    ".pytest_cache",
    ".mypy_cache",
    "node_modules",
    "site-packages",
    "vendor",
    "venv",
    ".venv",
    "target",
    "log",
    "logs",
    "tmp",
    "temp",
    "views",
    "bootsnap",
    "coverage",
];
/// Endings of such files.
const ENDINGS: &[&str] = &[
    ".pid",
    ".sock",
    ".log",
    ".pyc",
    ".lock",
    ".lck",
    ".swp",
    ".tmp",
    ".bash_history",
    ".python_history",
    ".node_repl_history",
    ".wget-hsts",
    ".DS_Store",
    ".tsbuildinfo",
];

/// Endings of files that hold an app's data.
const DATA_ENDINGS: &[&str] = &[
    ".db",
    ".db3",
    ".sqlite",
    ".sqlite3",
    ".mdb",
    ".rdb",
    ".aof",
    ".bolt",
    ".duckdb",
    ".h2.db",
    ".db-wal",
    ".db-journal",
    ".sqlite-wal",
    ".sqlite3-wal",
    ".sqlite3-journal",
];
/// Directories that hold an app's data.
const DATA_DIRECTORIES: &[&str] = &[
    "data",
    "db",
    "databases",
    "upload",
    "uploads",
    "media",
    "storage",
    "session",
    "sessions",
    "attachments",
    "avatars",
    "backup",
    "backups",
    "userdata",
    "user-data",
];

/// The files that `service` wrote outside of `mounts` and that are neither caches nor traces of its
/// running; those that look like data first.
pub fn told(service: &str, changes: &[Change], mounts: &[String]) -> Vec<WrittenPath> {
    let paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
    // The engine lists the directories above each file, too.
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    let is_parent = |path: &str| {
        let below = format!("{path}/");
        let at = sorted.partition_point(|other| *other < below.as_str());
        sorted.get(at).is_some_and(|next| next.starts_with(&below))
    };
    let wanted = changes
        .iter()
        .filter(|change| change.kind != ChangeKind::Deleted)
        .map(|change| &*change.path)
        .filter(|path| !is_parent(path) && !is_mount(path, mounts) && !is_noise(path));
    let mut told: Vec<WrittenPath> = wanted
        .map(|path| WrittenPath {
            service: service.to_owned(),
            path: path.to_owned(),
            data: is_data(path),
        })
        .collect();
    told.sort_by(|a, b| (!a.data, &a.path).cmp(&(!b.data, &b.path)));
    told.truncate(MOST);
    told
}

/// Whether `path` is a mount, in one, or a directory that the engine made for one.
fn is_mount(path: &str, mounts: &[String]) -> bool {
    let inside = |outer: &str, inner: &str| {
        let rest = inner.strip_prefix(outer.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    mounts
        .iter()
        .any(|mount| inside(mount, path) || inside(path, mount))
}

fn is_noise(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    PLACES.iter().any(|place| path.starts_with(place))
        || path.matches('/').count() < 2 && !is_data(path)
        || parts.any(|part| DIRECTORIES.contains(&part))
        || DIRECTORIES.contains(&name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn is_data(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().to_lowercase();
    DATA_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || parts.any(|part| DATA_DIRECTORIES.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[&str]) -> Vec<(String, bool)> {
        let change = |path: &&str| Change {
            path: (*path).to_owned(),
            kind: ChangeKind::Added,
        };
        let changes: Vec<Change> = paths.iter().map(change).collect();
        let told = told("web", &changes, &["/app/volume".to_owned()]).into_iter();
        told.map(|one| (one.path, one.data)).collect()
    }

    #[test]
    fn databases_uploads_and_sessions_look_like_data() {
        for path in [
            "/app/db.sqlite3",
            "/app/uploads/cat.png",
            "/var/www/storage/framework/sessions/abc",
            "/app/data/items.json",
            "/data.db",
        ] {
            assert_eq!(of(&[path]), [(path.to_owned(), true)]);
        }
        assert_eq!(
            of(&["/app/report.csv"]),
            [("/app/report.csv".to_owned(), false)]
        );
    }

    #[test]
    fn caches_logs_and_what_every_container_writes_are_no_news() {
        for path in [
            "/tmp/upload.db",
            "/run/nginx.pid",
            "/etc/nginx/conf.d/default.conf",
            "/var/cache/nginx/proxy_temp",
            "/app/__pycache__/app.pyc",
            "/app/node_modules/.cache/x",
            "/app/server.pid",
            "/app/logs/access.txt",
            "/root/.npm/_logs/1",
            "/app/volume/kept.db",
            "/app/.next/cache/x",
            "/app",
        ] {
            assert_eq!(of(&[path]), [], "{path}");
        }
    }

    #[test]
    fn of_a_directory_only_its_files_are_told() {
        assert_eq!(
            of(&["/app", "/app/out", "/app/out/a.txt", "/app/out-2"]),
            [
                ("/app/out-2".to_owned(), false),
                ("/app/out/a.txt".to_owned(), false)
            ]
        );
    }

    #[test]
    fn what_was_deleted_is_not_written() {
        let change = Change {
            path: "/app/data/a".to_owned(),
            kind: ChangeKind::Deleted,
        };
        assert_eq!(told("web", &[change], &[]), []);
    }

    #[test]
    fn of_many_paths_those_of_data_stay() {
        let mut paths: Vec<String> = (0..200).map(|n| format!("/app/out/{n}")).collect();
        paths.push("/app/z.sqlite3".to_owned());
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let told = of(&paths);
        assert_eq!(told.len(), MOST);
        assert_eq!(told[0], ("/app/z.sqlite3".to_owned(), true));
    }
}
