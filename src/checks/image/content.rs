//! What a mount brings to a stock image: code or content that it runs or serves, or only settings. Pure.

use std::path::Path;

use crate::app::Service;
use crate::evidence::MountSeen;

/// Endings of files that a program runs.
const CODE: &[&str] = &[
    "js", "mjs", "cjs", "ts", "tsx", "jsx", "vue", "svelte", "py", "rb", "php", "go", "rs", "java",
    "kt", "scala", "cs", "fs", "ex", "exs", "erl", "pl", "pm", "lua", "r", "jl", "clj", "dart",
    "swift", "c", "cpp", "jar", "war", "wasm", "dll", "erb", "twig", "ipynb", "feature", "robot",
];

/// Endings of files that a server hands out.
const PAGES: &[&str] = &["html", "htm", "css", "scss", "md", "mdx"];

/// Endings of settings, whoever reads them.
const SETTINGS: &[&str] = &[
    "yml",
    "yaml",
    "conf",
    "cfg",
    "ini",
    "toml",
    "json",
    "xml",
    "properties",
    "env",
    "cnf",
    "cf",
    "rules",
    "acl",
    "list",
    "hcl",
    "tmpl",
    "template",
    "tpl",
    "pem",
    "crt",
    "key",
    "cert",
    "txt",
    "pub",
    "alloy",
    "river",
    "vcl",
    "lock",
];

/// Directories that web servers serve.
const SERVED: &[&str] = &[
    "/usr/share/nginx",
    "/var/www",
    "/usr/local/apache2/htdocs",
    "/srv",
    "/usr/share/caddy",
    "/usr/local/tomcat/webapps",
    "/opt/jboss/wildfly/standalone/deployments",
    "/htdocs",
    "/www",
    "/public",
    "/static",
];

/// Directories where servers look for settings, set-up scripts and plug-ins of settings: what is there configures the
/// server, even when it is a script.
const SETTINGS_AT: &[&str] = &[
    "/etc",
    "/docker-entrypoint-initdb.d",
    "/docker-entrypoint.d",
    "/docker-entrypoint-init.d",
    "/config",
    "/conf",
    "/usr/local/etc",
    "/opt/bitnami",
    "/usr/share/logstash/pipeline",
    "/usr/share/logstash/config",
    "/usr/share/elasticsearch/config",
    "/usr/share/kibana/config",
    "/usr/local/apache2/conf",
    "/certs",
    "/ssl",
    "/var/lib/grafana",
    "/opt/keycloak/data/import",
    "/docker-healthcheck",
    "/healthcheck",
    "/healthchecks",
    "/run/secrets",
];

/// Whether the mount brings code that the service runs, or pages that it serves.
pub fn is_code(mount: &MountSeen, service: &Service) -> bool {
    let target = Path::new(&mount.target);
    let in_any = |places: &[&str]| places.iter().any(|place| target.starts_with(place));
    let ending = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        name.rsplit_once('.').map(|(_, ending)| ending.to_owned())
    };
    let has = |endings: &[&str]| {
        let mut all = mount.brings.iter().filter_map(ending);
        all.any(|ending| endings.contains(&&*ending))
    };
    if in_any(SETTINGS_AT) || is_check(mount, service) {
        return false;
    }
    if in_any(SERVED) {
        let served =
            |path: &String| ending(path).is_none_or(|ending| !SETTINGS.contains(&&*ending));
        return has(CODE) || has(PAGES) || mount.brings.iter().any(served);
    }
    has(CODE)
        || has(PAGES)
        || (is_run(mount, service) && mount.brings.iter().any(|path| is_program(&ending(path))))
}

/// A script or program by its name: no ending, or one that is neither settings nor data.
fn is_program(ending: &Option<String>) -> bool {
    const DATA: &[&str] = &["sql", "csv", "dump", "gz", "zip", "log"];
    ending
        .as_deref()
        .is_none_or(|ending| !SETTINGS.contains(&ending) && !DATA.contains(&ending))
}

/// Whether the mount is one script that the health check runs, and the service itself does not.
fn is_check(mount: &MountSeen, service: &Service) -> bool {
    let name = mount.target.rsplit('/').next().unwrap_or(&mount.target);
    let names = |words: &[String]| words.iter().any(|word| word.contains(name));
    let check = service.healthcheck.as_ref();
    let checked = check.is_some_and(|check| names(&check.test))
        || name.to_lowercase().contains("healthcheck");
    let mut commands = service.command.iter().chain(&service.entrypoint);
    mount.files == 1 && checked && !commands.any(|words| names(&words.value))
}

/// Whether the service's command names something in the mount, or runs there.
fn is_run(mount: &MountSeen, service: &Service) -> bool {
    let target = mount.target.trim_end_matches('/');
    let words = service.command.iter().chain(&service.entrypoint);
    let mut words = words
        .flat_map(|words| words.value.iter())
        .flat_map(|word| word.split_whitespace());
    let there = |path: &str| Path::new(path).starts_with(target);
    words.any(there) || service.working_dir.as_deref().is_some_and(there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::image::testing::{mount, with_service};

    fn brings(keys: &str, target: &str, files: &[&str]) -> bool {
        let mut seen = mount("x", target);
        seen.brings = files.iter().map(|file| (*file).to_owned()).collect();
        let evidence = with_service(keys, seen);
        is_code(&evidence.mounts[0], &evidence.dev.services["web"])
    }

    #[test]
    fn code_and_pages_are_told_from_settings() {
        for (keys, target, files) in [
            ("image: node", "/app", &["package.json", "src/index.js"][..]),
            ("image: nginx", "/usr/share/nginx/html", &["index.html"]),
            ("image: nginx", "/usr/share/nginx/html", &["logo.png"]),
            (
                "image: wordpress",
                "/var/www/html/wp-content/themes",
                &["a/style.css"],
            ),
            ("image: 'php:8-apache'", "/var/www/html", &["index.php"]),
            (
                "image: tomcat",
                "/usr/local/tomcat/webapps/app.war",
                &["app.war"],
            ),
            (
                "image: debian, command: [sh, /scripts/run.sh]",
                "/scripts",
                &["run.sh"],
            ),
            (
                "image: debian, command: 'bin/server', working_dir: /opt/app",
                "/opt/app",
                &["bin/server"],
            ),
            (
                "image: grafana/k6, command: run /scripts/load.js",
                "/scripts",
                &["load.js"],
            ),
            (
                "image: squidfunk/mkdocs-material",
                "/docs",
                &["mkdocs.yml", "docs/index.md"],
            ),
        ] {
            assert!(brings(keys, target, files), "{keys} {target}");
        }
        for (keys, target, files) in [
            ("image: nginx", "/etc/nginx/nginx.conf", &["nginx.conf"][..]),
            ("image: nginx", "/etc/nginx/lua", &["a.lua"]),
            (
                "image: prom/prometheus",
                "/etc/prometheus",
                &["prometheus.yml"],
            ),
            (
                "image: prom/prometheus, command: --config.file=/prom/p.yml",
                "/prom",
                &["p.yml"],
            ),
            (
                "image: mysql",
                "/docker-entrypoint-initdb.d",
                &["01.sql", "02.sh"],
            ),
            (
                "image: worker, healthcheck: {test: [CMD, python, /usr/src/check.py]}",
                "/usr/src/check.py",
                &["check.py"],
            ),
            (
                "image: redis, command: redis-server /redis/redis.conf",
                "/redis",
                &["redis.conf"],
            ),
            ("image: redis", "/healthchecks", &["redis.sh"]),
            ("image: postgres", "/seed", &["a.sql"]),
            (
                "image: grafana/grafana",
                "/var/lib/grafana/dashboards",
                &["a.json"],
            ),
        ] {
            assert!(!brings(keys, target, files), "{keys} {target}");
        }
    }
}
