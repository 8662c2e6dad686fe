//! Which files the task missed and dev has: both runs' containers are asked, which are stopped and
//! still there.

use std::path::Path;

use futures::future::join_all;

use super::dev_run::DevSeen;
use super::missed_path::candidates;
use super::task_run::TaskRun;
use crate::app::{App, Mount, MountKind, Service};
use crate::engine::Engine;
use crate::evidence::MissedFile;

/// Paths that are asked for, per service.
const ASKED: usize = 30;

/// The files, per service each once. Without a dev run the bind mounts of `dev` are looked into on the
/// disk.
pub async fn look(
    engine: &Engine,
    dev: &App,
    seen: &TaskRun,
    compared: Option<&DevSeen>,
) -> Vec<MissedFile> {
    let mut asked = Vec::new();
    for container in &seen.task.containers {
        let name = &container.service;
        let Some(service) = dev.services.get(name) else {
            continue;
        };
        let id_in = |all: &[(String, String)]| {
            let own = all.iter().find(|(service, _)| service == name);
            own.map(|(_, id)| id.clone())
        };
        let Some(in_task) = id_in(&seen.containers) else {
            continue;
        };
        let in_dev = compared.and_then(|compared| id_in(&compared.containers));
        let directory = seen.directories.get(name).map_or("/", String::as_str);
        for (path, line) in wanted(&container.complaints, directory) {
            asked.push(one(
                engine,
                service,
                in_dev.clone(),
                in_task.clone(),
                path,
                line,
            ));
        }
    }
    join_all(asked).await.into_iter().flatten().collect()
}

/// The paths that a log misses, each with its first line.
fn wanted(complaints: &[String], directory: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in complaints {
        for path in candidates(line, directory) {
            if all.iter().all(|(known, _)| *known != path) {
                all.push((path, line.clone()));
            }
        }
    }
    all.truncate(ASKED);
    all
}

/// The path when the task does not have it and dev has.
async fn one(
    engine: &Engine,
    service: &Service,
    in_dev: Option<String>,
    in_task: String,
    path: String,
    line: String,
) -> Option<MissedFile> {
    let mount = mount_of(service, &path);
    let has = match &in_dev {
        Some(id) => engine.exists(id, &path).await.ok()?,
        None => mount.is_some_and(|mount| on_disk(mount, &path)),
    };
    if !has || engine.exists(&in_task, &path).await.ok()? {
        return None;
    }
    Some(MissedFile {
        service: service.name.clone(),
        in_dev: how(mount),
        path,
        line,
    })
}

/// The mount that `path` is in; the innermost of several.
fn mount_of<'a>(service: &'a Service, path: &str) -> Option<&'a Mount> {
    let inside = |mount: &&Mount| Path::new(path).starts_with(&mount.target);
    let all = service.volumes.iter().filter(inside);
    all.max_by_key(|mount| mount.target.len())
}

fn on_disk(mount: &Mount, path: &str) -> bool {
    let MountKind::Bind { source, .. } = &mount.kind else {
        return false;
    };
    match Path::new(path).strip_prefix(&mount.target) {
        Ok(inside) if inside.as_os_str().is_empty() => source.exists(),
        Ok(inside) => source.join(inside).exists(),
        Err(_) => false,
    }
}

/// How dev comes to a file that is in `mount`, or in none.
fn how(mount: Option<&Mount>) -> String {
    let Some(mount) = mount else {
        return "in its own image or because its command made it".to_owned();
    };
    let target = &mount.target;
    match &mount.kind {
        MountKind::Bind { .. } => {
            let place = &mount.place;
            format!(
                "through the bind mount at `{target}` ({} line {})",
                place.path, place.line
            )
        }
        MountKind::Volume { source } => {
            format!("in the volume `{source}` at `{target}`, which is empty in a new task")
        }
        MountKind::Anonymous => format!("in an anonymous volume at `{target}`"),
        MountKind::Tmpfs { .. } => format!("in memory at `{target}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    #[test]
    fn a_path_belongs_to_the_innermost_mount() {
        let app = app("services:
  web:
    image: x
    volumes: ['./:/app', 'seed:/app/seed', '/app/node_modules']
volumes: {seed: {}}
");
        let service = &app.services["web"];
        let how = |path: &str| how(mount_of(service, path));
        assert!(how("/app/a.txt").contains("bind mount at `/app` (compose.yaml line 4)"));
        assert!(how("/app/seed/a.sql").contains("volume `seed`"));
        assert!(how("/app/node_modules/x").contains("anonymous volume"));
        assert!(how("/application/x").contains("its own image"));
    }

    #[test]
    fn each_path_is_asked_for_once() {
        let line = |text: &str| format!("ENOENT: no such file or directory, open '{text}'");
        let lines = [line("/a/b"), line("/a/b"), line("/a/c")];
        let paths: Vec<String> = wanted(&lines, "/")
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(paths, ["/a/b", "/a/c"]);
        let many: Vec<String> = (0..100).map(|n| line(&format!("/a/{n}"))).collect();
        assert_eq!(wanted(&many, "/").len(), ASKED);
    }
}
