//! Files of a service that say which port its program listens on.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::Subject;
use super::program::of_variable;
use crate::app::{FileSource, MountKind, Place};
use crate::collect::files::files_below;
use crate::collect::read::{text, text_with};
use crate::collect::threads;
use crate::evidence::{PortClaim, PortSource};
use crate::mask::mask;
use crate::scan::ports::source;

/// Files of one service that are read for its ports.
const MOST_FILES: usize = 3000;
/// Endings that a program's name in a command leaves out.
const ENDINGS: &[&str] = &[
    "",
    ".js",
    ".ts",
    ".mjs",
    ".cjs",
    ".py",
    "/index.js",
    "/index.ts",
];

/// The file of the image that the command calls `name`, with its text.
pub fn file(subject: &Subject, name: &str) -> Option<(Arc<Path>, String)> {
    let name = name.trim_start_matches("./");
    let wanted: Vec<&str> = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let last = *wanted.last()?;
    let mut best: Option<(usize, usize, &Arc<Path>)> = None;
    for path in subject.files {
        // There can be very many, and few have the name.
        if !names(path, last) {
            continue;
        }
        let shown = path.to_string_lossy();
        for ending in ENDINGS {
            let Some(stem) = shown.strip_suffix(ending) else {
                continue;
            };
            if stem.rsplit('/').next() != Some(last) {
                continue;
            }
            let parts: Vec<&str> = stem.split('/').collect();
            let same = parts
                .iter()
                .rev()
                .zip(wanted.iter().rev())
                .take_while(|(a, b)| a == b)
                .count();
            // The one with the longest common end, then the topmost.
            let better = best.is_none_or(|(most, depth, _)| {
                same > most || (same == most && parts.len() < depth)
            });
            if better {
                best = Some((same, parts.len(), path));
            }
        }
    }
    let (_, _, path) = best?;
    Some((path.clone(), read(subject, path)?))
}

/// Whether a path can end with `name` and one of [`ENDINGS`].
fn names(path: &Path, name: &str) -> bool {
    let path = path.as_os_str().as_bytes();
    ENDINGS.iter().any(|ending| {
        let stem = path.strip_suffix(ending.as_bytes());
        stem.is_some_and(|stem| stem.ends_with(name.as_bytes()))
    })
}

/// The text of the script `name` in the topmost package.json that has it.
pub fn package_script(subject: &Subject, name: &str) -> Option<String> {
    let mut packages: Vec<&Arc<Path>> = subject
        .files
        .iter()
        .filter(|path| path.ends_with("package.json"))
        .collect();
    packages.sort_by_key(|path| path.components().count());
    packages.into_iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let package: serde_json::Value = serde_json::from_str(&text).ok()?;
        let script = package.get("scripts")?.get(name)?.as_str()?;
        Some(script.to_owned())
    })
}

/// Whether a file is a shell script.
pub fn is_shell(path: &Path, text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let by_first = first.starts_with("#!")
        && ["sh", "bash", "dash", "ash"]
            .iter()
            .any(|shell| first.trim_end().ends_with(shell) || first.contains(&format!("{shell} ")));
    path.extension().is_some_and(|extension| extension == "sh") || by_first
}

/// The text of a file worth reading; none for binaries, archives, lock files and so on.
fn read(subject: &Subject, path: &Path) -> Option<String> {
    text(path, &subject.app.relative(path)).ok().flatten()
}

/// The claims of one file of source or configuration.
pub fn claims_of(subject: &Subject, path: &Path, text: &str) -> Vec<PortClaim> {
    claims(subject, path, text, PortSource::Source)
}

fn claims(subject: &Subject, path: &Path, text: &str, how: PortSource) -> Vec<PortClaim> {
    let shown = subject.app.relative(path);
    let found = source::ports(&shown, text).into_iter();
    found
        .filter_map(|mention| {
            let replaced = mention.variable.as_ref().and_then(|name| {
                let port = subject.variable(name)?.parse().ok()?;
                Some(of_variable(name, port, subject.variable_place(name)))
            });
            // A variable without a default and without a value says nothing.
            if replaced.is_none() && mention.port == 0 {
                return None;
            }
            Some(replaced.unwrap_or_else(|| {
                let line = text
                    .lines()
                    .nth(mention.line as usize - 1)
                    .unwrap_or_default();
                PortClaim {
                    port: mention.port,
                    how,
                    what: format!("`{shown}` listens on port {}", mention.port),
                    place: Some(Place {
                        path: shown.as_str().into(),
                        line: mention.line,
                        column: mention.column,
                        end_column: mention.end_column,
                    }),
                    text: mask(line.trim_end()).into_owned(),
                }
            }))
        })
        .collect()
}

/// The claims of all source files of the image.
pub fn everywhere(subject: &Subject) -> Vec<PortClaim> {
    let files: Vec<&Arc<Path>> = subject
        .files
        .iter()
        .filter(|path| !source::is_configuration(&path.to_string_lossy()))
        .take(MOST_FILES)
        .collect();
    let claims = threads::each(&files, Vec::new, |buffer, path| {
        let shown = subject.app.relative(path);
        let text = text_with(path, &shown, buffer, source::may_tell).ok()??;
        Some(claims_of(subject, path, &text))
    });
    let mut claims: Vec<PortClaim> = claims.into_iter().flat_map(|(_, claims)| claims).collect();
    if claims.is_empty() {
        claims.extend(spring_boot(subject));
    }
    claims
}

/// Spring Boot with a web server and without a port listens on 8080.
fn spring_boot(subject: &Subject) -> Option<PortClaim> {
    let mut builds = subject.files.iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        matches!(&*name, "pom.xml" | "build.gradle" | "build.gradle.kts")
    });
    builds.find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let word = ["spring-boot-starter-web", "spring-boot-starter-webflux"]
            .into_iter()
            .find(|word| text.contains(word))?;
        let line = text.lines().position(|line| line.contains(word))?;
        let shown = subject.app.relative(path);
        Some(PortClaim {
            port: 8080,
            how: PortSource::Source,
            what: "Spring Boot listens on port 8080 by default".to_owned(),
            place: Some(Place {
                line: line as u32 + 1,
                ..Place::start_of(&shown)
            }),
            text: String::new(),
        })
    })
}

/// The claims of the service's files whose names have one of `parts` in them.
pub fn configured(subject: &Subject, parts: &[&str]) -> Vec<PortClaim> {
    if parts.is_empty() {
        return Vec::new();
    }
    let wanted = |path: &Path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        parts.iter().any(|part| name.contains(part))
    };
    of_configuration(subject, &wanted)
}

/// The claims of configuration files of one of the servers `programs`, in the image or mounted.
pub fn configured_server(subject: &Subject, programs: &[&str]) -> Vec<PortClaim> {
    let Some(program) = programs.first() else {
        return Vec::new();
    };
    let names: &[&str] = match *program {
        "nginx" | "openresty" => &[".conf", ".template", "nginx"],
        "httpd" | "apache2-foreground" => &["httpd.conf", "ports.conf", "apache"],
        "caddy" => &["caddyfile"],
        "traefik" => &["traefik."],
        "redis-server" | "valkey-server" => &["redis.conf", "valkey.conf"],
        "mysqld" | "mariadbd" => &[".cnf"],
        "postgres" => &["postgresql.conf"],
        _ => return Vec::new(),
    };
    configured(subject, names)
}

fn of_configuration(subject: &Subject, wanted: &dyn Fn(&Path) -> bool) -> Vec<PortClaim> {
    let mounted = mounted(subject);
    // What is mounted hides what the image has.
    for files in [&mounted[..], subject.files] {
        let mut claims_here = Vec::new();
        for path in files.iter().filter(|path| wanted(path)).take(MOST_FILES) {
            if let Some(text) = read(subject, path) {
                claims_here.extend(claims(subject, path, &text, PortSource::Configuration));
            }
        }
        if !claims_here.is_empty() {
            return claims_here;
        }
    }
    Vec::new()
}

/// Files that a bind mount or a config brings.
fn mounted(subject: &Subject) -> Vec<Arc<Path>> {
    let binds = subject
        .service
        .volumes
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Bind { source, .. } => Some(source),
            _ => None,
        });
    let configs = subject
        .service
        .files
        .iter()
        .filter_map(|file| match &file.source {
            FileSource::File(source) => Some(source),
            _ => None,
        });
    let mut all = Vec::new();
    for source in binds.chain(configs) {
        // A path of the host outside of the project has nothing of the app.
        if source.is_file() {
            all.push(source.as_path().into());
        } else if source.starts_with(&subject.app.directory) && source.is_dir() {
            all.extend(files_below(source).into_iter().map(Arc::from));
        }
    }
    all
}
