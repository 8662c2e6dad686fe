//! Configs and secrets as files of a container. Pure, but for [`content`], which reads a file.
//!
//! A file of the host is mounted, as Docker Compose does. What stands in the Compose file or in a
//! variable is copied into the container before it starts, and so is a file for which an owner or a
//! mode is asked: a mount cannot change them. A read-only root takes no copies; there the directory
//! becomes a volume of the container's own, filled with what the image has at that path.

use std::path::Path;

use crate::app::{App, FileMount, FileSource, Level, MountKind, Problem, Service};
use crate::engine::{MountSpec, Recursion};
use crate::labels::Labels;

/// Mode of a copied file when none is written.
const MODE: u32 = 0o444;

/// The mounts that the files of `service` need.
pub fn mounts(labels: &Labels, service: &Service) -> Vec<MountSpec> {
    let mut all = Vec::new();
    let mut made: Vec<String> = Vec::new();
    for file in &service.files {
        if let (FileSource::File(source), false) = (&file.source, is_copied(file)) {
            all.push(MountSpec::Bind {
                source: source.to_string_lossy().into_owned(),
                target: file.target.clone(),
                read_only: true,
                propagation: None,
                recursion: Recursion::Usual,
            });
        } else if service.read_only && is_copied(file) && covering(service, file).is_none() {
            let directory = parent(&file.target);
            if !made.iter().any(|known| directory.starts_with(known)) {
                made.push(directory.clone());
                all.push(MountSpec::Volume {
                    name: String::new(),
                    target: directory,
                    read_only: false,
                    no_copy: false,
                    subpath: None,
                    labels: labels.of("volume", None),
                });
            }
        }
    }
    all
}

/// Whether the file is copied instead of mounted.
pub fn is_copied(file: &FileMount) -> bool {
    match &file.source {
        FileSource::File(_) => file.uid.is_some() || file.gid.is_some() || file.mode.is_some(),
        FileSource::Variable { .. } | FileSource::Content(_) => true,
        FileSource::External => false,
    }
}

/// The bytes of a file that is copied.
pub fn content(file: &FileMount) -> std::io::Result<Vec<u8>> {
    match &file.source {
        FileSource::File(path) => std::fs::read(path),
        FileSource::Variable { value, .. } => Ok(value
            .as_ref()
            .map(|value| value.0.clone().into_bytes())
            .unwrap_or_default()),
        FileSource::Content(text) => Ok(text.clone().into_bytes()),
        FileSource::External => Ok(Vec::new()),
    }
}

/// An archive of one file, to be unpacked in the directory of its target.
pub fn archive(file: &FileMount, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(file.mode.unwrap_or(MODE));
    header.set_uid(file.uid.unwrap_or_default().into());
    header.set_gid(file.gid.unwrap_or_default().into());
    let mut archive = tar::Builder::new(Vec::new());
    let name = file.target.trim_start_matches('/');
    archive.append_data(&mut header, name, content)?;
    archive.into_inner()
}

/// The same for a directory that exists as a volume: the name alone.
pub fn archive_in_directory(file: &FileMount, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let (_, name) = file.target.rsplit_once('/').unwrap_or(("", &file.target));
    let named = FileMount {
        target: name.to_owned(),
        ..file.clone()
    };
    archive(&named, content)
}

/// The directory of `target`.
pub fn parent(target: &str) -> String {
    match target.rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
    }
}

/// The mount of `service` that lies over the place of `file`.
fn covering<'a>(service: &'a Service, file: &FileMount) -> Option<&'a MountKind> {
    let over = |target: &str| Path::new(&file.target).starts_with(target);
    let mount = service.volumes.iter().find(|mount| over(&mount.target))?;
    Some(&mount.kind)
}

/// Files that cannot be where they are asked for.
pub fn problems(app: &App) -> Vec<Problem> {
    let mut all = Vec::new();
    for service in app.services.values() {
        for file in &service.files {
            if let Some(problem) = problem(service, file) {
                all.push(Problem {
                    place: Some(file.place.clone()),
                    ..problem
                });
            }
        }
    }
    all
}

fn problem(service: &Service, file: &FileMount) -> Option<Problem> {
    let name = &file.name;
    match &file.source {
        FileSource::External => {
            let message = format!("`{name}` is external: only Swarm keeps configs and secrets");
            return Some(Problem::error(message).help(
                "give it a `file`, `environment` or `content`, in `compose.override.yaml` for example",
            ));
        }
        FileSource::Variable {
            name: variable,
            value: None,
        } => {
            let message = format!("`{name}` needs the variable `{variable}`, which is not set");
            return Some(
                Problem::error(message)
                    .help(format!("set `{variable}` in your shell or in `.env`")),
            );
        }
        FileSource::File(path) if is_copied(file) && !path.is_file() => {
            let message = format!("`{name}` is not a file: `{}`", path.display());
            return Some(Problem::error(message).help("correct the path"));
        }
        _ if !is_copied(file) => return None,
        _ => {}
    }
    match covering(service, file) {
        Some(MountKind::Tmpfs { .. }) => {
            let message = format!(
                "`{name}` cannot be put at `{}`: a tmpfs of `{}` hides it",
                file.target, service.name
            );
            Some(Problem::error(message).help("choose another `target`"))
        }
        Some(MountKind::Bind { source, .. }) => {
            let message = format!(
                "`{name}` is written into `{}` on your disk",
                source.display()
            );
            let problem = Problem {
                level: Level::Warning,
                ..Problem::error(message)
            };
            Some(problem.help(format!("the bind mount lies over `{}`", file.target)))
        }
        None if service.read_only && parent(&file.target) == "/" => {
            let message = format!(
                "`{name}` cannot be put into the root of `{}`, which is read-only",
                service.name
            );
            Some(Problem::error(message).help("give it a `target` in a directory, or a `file`"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;
    use crate::labels::RunKind;

    const SHOP: &str = "services:
  web:
    image: web
    read_only: true
    configs: [plain, {source: inline, target: /etc/app/app.conf, mode: 0400, uid: '7'}]
configs:
  plain: {file: ./plain.conf}
  inline: {content: 'a=b'}
";

    #[test]
    fn a_file_is_mounted_and_content_is_copied() {
        let app = app(SHOP);
        let labels = Labels {
            project: "shop".to_owned(),
            run: RunKind::Dev,
            owner: "host:1".to_owned(),
            task: None,
        };
        let made = mounts(&labels, &app.services["web"]);
        let MountSpec::Bind { target, .. } = &made[0] else {
            panic!("a bind");
        };
        assert_eq!(target, "/plain");
        let MountSpec::Volume { name, target, .. } = &made[1] else {
            panic!("a volume");
        };
        assert_eq!((name.as_str(), target.as_str()), ("", "/etc/app"));
    }

    #[test]
    fn the_archive_has_owner_and_mode() {
        let app = app(SHOP);
        let file = &app.services["web"].files[1];
        let bytes = archive(file, &content(file).expect("content")).expect("an archive");
        let mut archive = tar::Archive::new(&*bytes);
        let entry = archive.entries().expect("entries").next();
        let entry = entry.expect("one").expect("whole");
        assert_eq!(
            entry.path().expect("a path").to_string_lossy(),
            "etc/app/app.conf"
        );
        assert_eq!(entry.header().mode().expect("a mode"), 0o400);
        assert_eq!(entry.header().uid().expect("an owner"), 7);
    }

    #[test]
    fn a_variable_that_is_not_set_is_an_error_and_its_value_is_never_shown() {
        let app = app("services:
  web: {image: web, secrets: [token]}
secrets: {token: {environment: NO_SUCH_VARIABLE}}
");
        let found = problems(&app);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("NO_SUCH_VARIABLE"));
        let hidden = crate::app::Hidden("hunter2".to_owned());
        assert_eq!(format!("{hidden:?}"), "Hidden");
    }
}
