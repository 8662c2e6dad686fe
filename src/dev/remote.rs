//! Engines that do not see this machine's files: in a virtual machine, or on another machine. Bind mounts would
//! show that machine's files there, so they become volumes that the files are synced to. Pure.

use std::path::{Path, PathBuf};

use crate::app::{App, FileSource, Mount, MountKind, WatchAction, WatchRule};
use crate::engine::EngineInfo;

/// Permission bits of a config or secret that is copied instead of mounted: readable, as Compose has it.
const READABLE: u32 = 0o444;
/// What belongs to the engine's machine wherever that is: its socket, its clock, its devices.
const OF_THE_ENGINE: [&str; 8] = [
    "/var/run",
    "/run",
    "/proc",
    "/sys",
    "/dev",
    "/var/lib/docker",
    "/lib/modules",
    "/etc/localtime",
];

/// A directory or file that has to be in a container before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The service.
    pub service: String,
    /// On this machine.
    pub source: PathBuf,
    /// In the container.
    pub target: String,
}

/// Whether the engine sees this machine's files: it is behind a socket of this machine and runs on its kernel.
/// Docker Desktop and Colima have a socket here and a kernel of their own.
pub fn sees_files(address: &str, engine: &EngineInfo, kernel: Option<&str>) -> bool {
    address.starts_with("unix://") && kernel.is_some_and(|kernel| kernel == engine.kernel)
}

/// Replaces bind mounts by volumes with a rule that syncs them, and returns what has to be copied before the start.
pub fn sync_binds(app: &mut App) -> Vec<Copied> {
    let mut copied = Vec::new();
    for service in app.services.values_mut() {
        for file in &mut service.files {
            if matches!(file.source, FileSource::File(_)) && file.mode.is_none() {
                file.mode = Some(READABLE);
            }
        }
        let below: Vec<String> = service
            .volumes
            .iter()
            .map(|mount| mount.target.clone())
            .collect();
        let mut kept = Vec::new();
        for mut mount in std::mem::take(&mut service.volumes) {
            let MountKind::Bind { source, .. } = &mount.kind else {
                kept.push(mount);
                continue;
            };
            let source = source.clone();
            if OF_THE_ENGINE.iter().any(|path| source.starts_with(path)) {
                kept.push(mount);
                continue;
            }
            copied.push(Copied {
                service: service.name.clone(),
                source: source.clone(),
                target: mount.target.clone(),
            });
            service.watch.push(rule(&mount, &source, &below));
            // A single file needs no volume: it lies in the container itself.
            if !source.is_file() {
                mount.kind = MountKind::Anonymous;
                // A bind mount hides what the image has there.
                mount.no_copy = true;
                mount.read_only = false;
                kept.push(mount);
            }
        }
        service.volumes = kept;
    }
    copied
}

/// The rule of a mount; what other mounts bring below its target is not its to sync.
fn rule(mount: &Mount, source: &Path, targets: &[String]) -> WatchRule {
    let inner = targets.iter().filter_map(|other| {
        let below = Path::new(other).strip_prefix(&mount.target).ok()?;
        let below = below.to_string_lossy().into_owned();
        (!below.is_empty()).then_some(below)
    });
    WatchRule {
        path: source.to_owned(),
        action: WatchAction::Sync,
        target: Some(mount.target.clone()),
        ignore: inner.collect(),
        include: Vec::new(),
        initial_sync: false,
        place: mount.place.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    #[test]
    fn a_bind_mount_becomes_a_volume_and_a_rule_that_leaves_inner_mounts_alone() {
        let mut app = app("services:
  web:
    image: web
    volumes:
      - ./code:/app
      - modules:/app/node_modules
      - /var/run/docker.sock:/var/run/docker.sock
volumes: {modules: {}}
");
        let copied = sync_binds(&mut app);
        let web = &app.services["web"];
        assert_eq!(copied.len(), 1);
        assert_eq!(copied[0].target, "/app");
        let rule = &web.watch[0];
        assert_eq!(rule.target.as_deref(), Some("/app"));
        assert_eq!(rule.ignore, ["node_modules"]);
        let kinds: Vec<bool> = web
            .volumes
            .iter()
            .map(|mount| matches!(mount.kind, MountKind::Bind { .. }))
            .collect();
        // The code, the modules, and the engine's own socket.
        assert_eq!(kinds, [false, false, true]);
        assert!(web.volumes[0].no_copy);
    }
}
