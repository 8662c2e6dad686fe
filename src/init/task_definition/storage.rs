//! `volumes` of the task, and `mountPoints` and `volumesFrom` of its containers.

use super::fields::{Fields, Findings};
use crate::init::compose_file::{Map, Yaml};
use crate::init::service::Service;

/// Paths of a machine that mean the same on every Linux machine.
const EVERYWHERE: &[&str] = &[
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/proc",
    "/sys",
    "/dev",
    "/etc/localtime",
    "/etc/timezone",
    "/cgroup",
];

/// The volumes of a task.
#[derive(Default)]
pub struct Storage {
    /// For the file; a volume that is a path of the host is not in it.
    pub written: Map,
    /// Volume to what stands before the `:` of a mount.
    sources: Vec<(String, String)>,
    /// Container to what it mounts: source, path in the container, whether it may only read.
    mounts: Vec<(String, Mount)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    volume: String,
    path: String,
    read_only: bool,
}

impl Storage {
    /// Reads the volumes of the task.
    pub fn volumes(&mut self, task: &mut Fields<'_>, findings: &mut Findings) {
        for mut one in task.objects("volumes", findings) {
            let Some(name) = one.text("name", findings) else {
                findings.error(&one.path("name"), "a volume needs a name");
                continue;
            };
            self.volume(&name, &mut one, findings);
            one.rest(None, findings);
        }
    }

    fn volume(&mut self, name: &str, one: &mut Fields<'_>, findings: &mut Findings) {
        let mut map = Map::default();
        let field = format!("volumes.{name}");
        let mut comment = None;
        if let Some(mut host) = one.object("host", findings) {
            let path = host.text("sourcePath", findings);
            host.rest(None, findings);
            match path {
                Some(path)
                    if EVERYWHERE
                        .iter()
                        .any(|known| path == *known || path.starts_with(&format!("{known}/"))) =>
                {
                    self.sources.push((name.to_owned(), path));
                    return;
                }
                Some(path) => {
                    findings.notes.field(&field, format!("is `{path}` of the EC2 instance; here it is an empty volume. Write `./SOMETHING` in its place to bring files"));
                    comment = Some(format!("{path} of the instance on ECS"));
                }
                None => {}
            }
        }
        if let Some(docker) = one.object("dockerVolumeConfiguration", findings) {
            docker_volume(docker, &field, &mut map, findings);
        }
        comment = remote(one, &field, findings).or(comment);
        if one.boolean("configuredAtLaunch", findings) == Some(true) {
            findings.notes.field(
                &field,
                "is an EBS volume that is given when the task is started; here it is an empty one",
            );
            comment = Some("an EBS volume on ECS".to_owned());
        }
        self.sources.push((name.to_owned(), name.to_owned()));
        let value = if map.is_empty() {
            Yaml::Nothing
        } else {
            Yaml::Map(map)
        };
        let entry = self.written.put(name, value);
        if let Some(comment) = comment {
            entry.comment(comment);
        }
    }

    /// `mountPoints` and `volumesFrom` of a container. A container may name one that is written further down, so what it
    /// takes from others is added by [`Storage::finish`].
    pub fn mounts(&mut self, c: &mut Fields<'_>, s: &mut Service, findings: &mut Findings) {
        let mut written = Vec::new();
        for mut one in c.objects("mountPoints", findings) {
            let (volume, path) = (
                one.text("sourceVolume", findings),
                one.text("containerPath", findings),
            );
            let read_only = one.boolean("readOnly", findings).unwrap_or_default();
            let missing = one.path("containerPath");
            one.rest(Some(&s.name), findings);
            let (Some(volume), Some(path)) = (volume, path) else {
                findings.error(
                    &missing,
                    "a mount point needs `sourceVolume` and `containerPath`",
                );
                continue;
            };
            if !self.sources.iter().any(|(known, _)| *known == volume) {
                findings.notes.service(&s.name, "mountPoints", format!("the volume `{volume}` is not declared in `volumes`: ECS refuses that; an empty one is written"));
                self.sources.push((volume.clone(), volume.clone()));
                self.written.put(volume.clone(), Yaml::Nothing);
            }
            let mount = Mount {
                volume,
                path,
                read_only,
            };
            written.push(self.line(&mount));
            self.mounts.push((s.name.clone(), mount));
        }
        s.keys.put_some("volumes", written);
    }

    fn line(&self, mount: &Mount) -> Yaml {
        let source = self.sources.iter().find(|(name, _)| *name == mount.volume);
        let source = source.map_or(mount.volume.as_str(), |(_, source)| source);
        let mode = if mount.read_only { ":ro" } else { "" };
        Yaml::literal(&format!("{source}:{}{mode}", mount.path))
    }

    /// Adds what a container takes from others with `volumesFrom`.
    pub fn finish(
        &self,
        taken: &[(String, String, bool)],
        services: &mut [Service],
        findings: &mut Findings,
    ) {
        for service in services {
            let own = self.mounts.iter().filter(|(name, _)| *name == service.name);
            let mut all: Vec<Mount> = own.map(|(_, mount)| mount.clone()).collect();
            let before = all.len();
            for (_, from, read_only) in taken.iter().filter(|(name, ..)| *name == service.name) {
                let theirs = self.mounts.iter().filter(|(name, _)| name == from);
                for (_, mount) in theirs {
                    let mount = Mount {
                        read_only: mount.read_only || *read_only,
                        ..mount.clone()
                    };
                    if !all.iter().any(|known| known.path == mount.path) {
                        all.push(mount);
                    }
                }
                let text = format!(
                    "the volumes of `{from}` are written one by one; those that only its image declares are not among them"
                );
                findings.notes.service(&service.name, "volumesFrom", text);
            }
            if all.len() > before {
                let lines: Vec<Yaml> = all.iter().map(|mount| self.line(mount)).collect();
                service.keys.put("volumes", lines);
            }
        }
    }
}

fn docker_volume(mut docker: Fields<'_>, field: &str, map: &mut Map, findings: &mut Findings) {
    let driver = docker.text("driver", findings);
    let options = docker.pairs("driverOpts", findings);
    let labels = docker.pairs("labels", findings);
    let scope = docker
        .text("scope", findings)
        .unwrap_or_else(|| "task".to_owned());
    let created = docker.boolean("autoprovision", findings);
    docker.rest(None, findings);
    match driver.as_deref() {
        None | Some("local") => {
            if let Some(driver) = driver {
                map.put("driver", Yaml::literal(&driver));
            }
            let mut written = Map::default();
            for (name, value) in options {
                written.put(name, Yaml::literal(&value));
            }
            map.put_some("driver_opts", Yaml::Map(written));
        }
        Some(driver) => findings.notes.field(field, format!("the volume driver `{driver}` and its options are for the instance; here it is a local volume")),
    }
    let mut written = Map::default();
    for (name, value) in labels {
        written.put(name, Yaml::literal(&value));
    }
    map.put_some("labels", Yaml::Map(written));
    if scope == "shared" {
        let made = match created {
            Some(true) => "ECS makes it when it is missing",
            _ => "it has to be there already",
        };
        findings.notes.field(field, format!("is shared by the tasks of an instance and outlives them ({made}); in the simulated task it is empty at each start"));
    }
}

/// File systems of AWS: an empty volume here. What they are on ECS is returned.
fn remote(one: &mut Fields<'_>, field: &str, findings: &mut Findings) -> Option<String> {
    let mut found = None;
    if let Some(mut efs) = one.object("efsVolumeConfiguration", findings) {
        let id = efs.text("fileSystemId", findings).unwrap_or_default();
        let root = efs
            .text("rootDirectory", findings)
            .unwrap_or_else(|| "/".to_owned());
        let encrypted = efs.text("transitEncryption", findings);
        let port = efs.number("transitEncryptionPort", findings);
        let mut how = Vec::new();
        how.extend(encrypted.map(|value| format!("transit encryption {value}")));
        how.extend(port.map(|port| format!("port {port}")));
        if let Some(mut authorization) = efs.object("authorizationConfig", findings) {
            how.extend(
                authorization
                    .text("accessPointId", findings)
                    .map(|id| format!("access point {id}")),
            );
            how.extend(
                authorization
                    .text("iam", findings)
                    .map(|iam| format!("IAM {iam}")),
            );
            authorization.rest(None, findings);
        }
        efs.rest(None, findings);
        let how = if how.is_empty() {
            String::new()
        } else {
            format!(" ({})", how.join(", "))
        };
        findings.notes.field(field, format!("is `{root}` of the EFS file system `{id}`{how}; here it is an empty volume, and its files are not in it"));
        found = Some(format!("EFS {id} on ECS"));
    }
    if let Some(mut fsx) = one.object("fsxWindowsFileServerVolumeConfiguration", findings) {
        let id = fsx.text("fileSystemId", findings).unwrap_or_default();
        let root = fsx.text("rootDirectory", findings).unwrap_or_default();
        if let Some(mut authorization) = fsx.object("authorizationConfig", findings) {
            authorization.text("credentialsParameter", findings);
            authorization.text("domain", findings);
            authorization.rest(None, findings);
        }
        fsx.rest(None, findings);
        findings.notes.field(
            field,
            format!("is `{root}` of the FSx file system `{id}`; here it is an empty volume"),
        );
        found = Some(format!("FSx {id} on ECS"));
    }
    found
}

/// Who takes the volumes of whom: container, source, whether it may only read.
pub fn taken(
    c: &mut Fields<'_>,
    known: &[String],
    findings: &mut Findings,
) -> Vec<(String, String, bool)> {
    let mut quiet = Findings::default();
    let Some(name) = c.text("name", &mut quiet) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for mut one in c.objects("volumesFrom", findings) {
        let read_only = one.boolean("readOnly", findings).unwrap_or_default();
        let path = one.path("sourceContainer");
        match one.text("sourceContainer", findings) {
            Some(source) if known.contains(&source) => all.push((name.clone(), source, read_only)),
            Some(source) => findings.error(&path, format!("there is no container `{source}`")),
            None => findings.error(&path, "it needs the name of a container"),
        }
        one.rest(Some(&name), findings);
    }
    all
}
