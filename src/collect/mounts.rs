//! What the bind mounts of dev bring and the images lack.

use std::path::Path;

use indexmap::IndexMap;

use super::files::files_below;
use super::missing::{named, never_needed, says_missing, topmost};
use crate::app::{App, Mount, MountKind, Place, Service};
use crate::build::copied::{self, Copies, Missing};
use crate::engine::Engine;
use crate::evidence::{ImageOrigin, MissingFile, MountSeen, TaskSeen};
use crate::mask::mask;
use crate::run::image::{BuildInput, Image, Source};

/// Files of a mount that are asked for one by one; more are told as a number.
const ASKED: usize = 60;

/// Files of a directory that are asked for.
const ASKED_IN_DIRECTORY: usize = 12;

/// A larger file of an image is not fetched to compare it.
const LARGEST_COMPARED: usize = 1 << 20;

/// Compares one bind mount of dev with the image.
pub fn compare(
    app: &App,
    service: &Service,
    mount: &Mount,
    image: &Source,
    own: &[(&Path, &str)],
) -> Option<MountSeen> {
    let MountKind::Bind { source, .. } = &mount.kind else {
        return None;
    };
    let mut seen = MountSeen {
        service: service.name.clone(),
        source: app.relative(source),
        target: mount.target.clone(),
        place: mount.place.clone(),
        text: String::new(),
        without_build: false,
        image: image.reference.clone(),
        missing: Vec::new(),
        files: 0,
    };
    if seen.source.is_empty() {
        ".".clone_into(&mut seen.source);
    }
    match image.origin {
        ImageOrigin::Stock => return None,
        ImageOrigin::Generated => {
            let copied = image
                .generated
                .as_ref()?
                .context
                .iter()
                .any(|root| root.target == mount.target);
            if !copied {
                return None;
            }
            seen.without_build = true;
            if let Some(stock) = &service.image {
                seen.image.clone_from(&stock.value);
            }
            seen.files = if source.is_dir() {
                files_below(source).len()
            } else {
                1
            };
            if seen.files > 0 {
                seen.missing.push(MissingFile {
                    path: seen.source.clone(),
                    target: mount.target.clone(),
                    reason: "the service has no build, so nothing copies it".to_owned(),
                    named_in: None,
                    logged: None,
                });
            }
        }
        ImageOrigin::Built => {
            let (input, build) = (image.built.as_ref()?, service.build.as_ref()?);
            let absent = match source.strip_prefix(&build.context) {
                Ok(inside) => {
                    inside_context(input, &inside.to_string_lossy(), source, &mount.target)
                }
                Err(_) => outside_context(source),
            };
            seen.files = absent.total;
            // What another mount of the service lies over is not seen through this one.
            let covered = |target: &str| {
                service.volumes.iter().any(|other| {
                    other.target != mount.target && Path::new(target).starts_with(&other.target)
                })
            };
            for (path, reason) in absent.files.into_iter().take(ASKED) {
                let (on_disk, target) = match path.as_str() {
                    "" => (source.clone(), mount.target.clone()),
                    path => (
                        source.join(path),
                        format!("{}/{path}", mount.target.trim_end_matches('/')),
                    ),
                };
                if covered(&target) {
                    continue;
                }
                seen.missing.push(MissingFile {
                    path: app.relative(&on_disk),
                    named_in: name_in(app, &on_disk, own),
                    target,
                    reason,
                    logged: None,
                });
            }
        }
    }
    Some(seen)
}

/// Paths below a mount that the image lacks, with the reasons.
struct Absent {
    files: Vec<(String, String)>,
    total: usize,
}

/// A mount of a part of the build context: the COPY instructions and the ignore file tell.
fn inside_context(input: &BuildInput, inside: &str, source: &Path, target: &str) -> Absent {
    let Ok(copies) = copied::copied(&input.resolved, &input.listing.files()) else {
        return Absent {
            files: Vec::new(),
            total: 0,
        };
    };
    if source.is_file() {
        let files = reason(&copies, input, inside).map(|reason| (String::new(), reason));
        return Absent {
            files: files.into_iter().collect(),
            total: 1,
        };
    }
    if !inside.is_empty()
        && input
            .ignore
            .decide(inside)
            .is_ok_and(|verdict| verdict.excluded)
    {
        // The ignore file leaves out all of it, so the listing knows nothing of what is below.
        let reason = reason(&copies, input, inside);
        let total = files_below(source).len();
        let files = reason
            .filter(|_| total > 0)
            .map(|reason| (String::new(), reason));
        return Absent {
            files: files.into_iter().collect(),
            total,
        };
    }
    let paths = copies.image_paths(target, inside);
    let below = |path: &str| -> Option<String> {
        let rest = match inside {
            "" => path,
            inside => path.strip_prefix(inside)?.strip_prefix('/')?,
        };
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    let there: Vec<String> = paths
        .present
        .iter()
        .chain(paths.elsewhere.iter().map(|(path, _)| path))
        .filter_map(|path| below(path))
        .collect();
    let absent: Vec<String> = paths
        .absent
        .iter()
        .filter_map(|path| below(path))
        .filter(|path| !never_needed(path))
        .collect();
    let ignored = input
        .listing
        .ignored
        .iter()
        .filter_map(|ignored| below(&ignored.path));
    let ignored: Vec<String> = ignored.filter(|path| !never_needed(path)).collect();
    let total = there.len() + paths.absent.len();
    let candidates = topmost(&absent, &there).into_iter().chain(ignored);
    let full = |path: &str| match inside {
        "" => path.to_owned(),
        inside => format!("{inside}/{path}"),
    };
    let files = candidates.filter_map(|path| {
        let reason = reason(&copies, input, &full(&path))?;
        Some((path, reason))
    });
    Absent {
        files: files.collect(),
        total,
    }
}

/// Why the image lacks a path of the context; none when it has it, or was compiled from it.
fn reason(copies: &Copies, input: &BuildInput, path: &str) -> Option<String> {
    match copies.reason_missing(path, &input.ignore).ok()?? {
        Missing::OtherStage { built: true, .. } => None,
        missing => Some(format!("{missing} ({})", input.shown)),
    }
}

/// A mount from outside of the build context: no COPY can reach it.
fn outside_context(source: &Path) -> Absent {
    let reason = "it lies outside of the build context, where no COPY reaches".to_owned();
    if source.is_file() {
        return Absent {
            files: vec![(String::new(), reason)],
            total: 1,
        };
    }
    let total = files_below(source).len();
    let files = if total == 0 {
        Vec::new()
    } else {
        vec![(String::new(), reason)]
    };
    Absent { files, total }
}

/// A line of the image's own files that names the path.
fn name_in(app: &App, path: &Path, own: &[(&Path, &str)]) -> Option<(Place, String)> {
    let name = path.file_name()?.to_string_lossy();
    own.iter()
        .filter(|(file, _)| *file != path)
        .find_map(|(file, text)| {
            let at = named(text, &name)?;
            let before = &text[..at];
            let line = before.matches('\n').count();
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let column = before[start..].chars().count() as u32 + 1;
            let shown: &str = &app.relative(file);
            let place = Place {
                path: shown.into(),
                line: line as u32 + 1,
                column,
                end_column: column + name.chars().count() as u32,
            };
            Some((
                place,
                mask(text.lines().nth(line).unwrap_or_default()).into_owned(),
            ))
        })
}

/// Asks the images themselves, through containers made from them: what a build made after all is
/// not missing.
pub async fn confirm(
    engine: &Engine,
    project: &Path,
    containers: &[(String, String)],
    images: &IndexMap<String, Image>,
    mounts: &mut [MountSeen],
) {
    for mount in mounts.iter_mut().filter(|mount| !mount.without_build) {
        let Some((_, id)) = containers
            .iter()
            .find(|(service, _)| *service == mount.service)
        else {
            continue;
        };
        let opaque = images.get(&mount.service).is_none_or(makes_files);
        let mut missing = Vec::new();
        for file in mount.missing.drain(..) {
            missing.extend(ask(engine, id, project, file, opaque).await);
        }
        mount.missing = missing;
    }
}

/// Whether a RUN of the image can have made a file of any name: then another content is no proof
/// that the file is not the one meant.
fn makes_files(image: &Image) -> bool {
    image.built.as_ref().is_none_or(|input| {
        let mut steps = input.resolved.reachable().flat_map(|stage| &stage.steps);
        steps.any(|step| matches!(step.kind, crate::build::dockerfile::Kind::Run(_)))
    })
}

/// The path when the image lacks it or has another file in its place; none when it is there.
async fn ask(
    engine: &Engine,
    id: &str,
    project: &Path,
    file: MissingFile,
    opaque: bool,
) -> Option<MissingFile> {
    let on_disk = project.join(&file.path);
    if !on_disk.is_dir() {
        return match there(engine, id, &file.target).await {
            None => Some(file),
            Some(_) if opaque => None,
            Some(bytes) => std::fs::read(&on_disk)
                .is_ok_and(|own| own != bytes)
                .then(|| replaced(file)),
        };
    }
    // A RUN can have made the directory, with packages of another choice than the host's.
    if opaque && there(engine, id, &file.target).await.is_some() {
        return None;
    }
    // The directory can be there with other files in it: what counts is what is below.
    let below = files_below(&on_disk);
    let mut others = 0;
    for path in below.iter().take(ASKED_IN_DIRECTORY) {
        let inside = path
            .strip_prefix(&on_disk)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        let target = format!("{}/{inside}", file.target);
        match there(engine, id, &target).await {
            None => return Some(file),
            Some(bytes) => {
                others += usize::from(!opaque && std::fs::read(path).is_ok_and(|own| own != bytes))
            }
        }
    }
    (others > 0).then(|| replaced(file))
}

fn replaced(mut file: MissingFile) -> MissingFile {
    file.reason
        .push_str("; the base image has a file of that name, with another content");
    file
}

/// The content of a file of the image; empty for what is no file; none when nothing is there.
async fn there(engine: &Engine, id: &str, path: &str) -> Option<Vec<u8>> {
    let bytes = engine.get_archive_bytes(id, path, LARGEST_COMPARED).await;
    let archive = match bytes {
        Ok(archive) => archive,
        Err(error) if error.is_not_found() => return None,
        Err(_) => return Some(Vec::new()), // there, and too large to compare
    };
    let mut archive = tar::Archive::new(&archive[..]);
    let mut content = Vec::new();
    let entry = archive.entries().ok()?.next()?.ok();
    let read = entry.map(|mut entry| std::io::Read::read_to_end(&mut entry, &mut content));
    drop(read);
    Some(content)
}

/// Adds the log lines of the task that complain about a missing path.
pub fn join_logs(mounts: &mut [MountSeen], task: &TaskSeen) {
    for mount in mounts {
        let Some(container) = task.container(&mount.service) else {
            continue;
        };
        for file in &mut mount.missing {
            let mut lines = container.complaints.iter().chain(&container.last_lines);
            let line = lines.find(|line| says_missing(line, &file.target));
            file.logged = line.cloned();
        }
    }
}
