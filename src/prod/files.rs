//! Looks at the files of the images: which name a service as host, and which that dev mounts they
//! lack. Reads the disk; what it finds is judged by the rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::missing::{named, never_needed, says_missing, topmost};
use crate::app::{App, Mount, MountKind, Place, Service};
use crate::build::context::{self, EntryKind};
use crate::build::copied::{self, Copies, Missing};
use crate::engine::Engine;
use crate::evidence::{HostInFile, ImageOrigin, MissingFile, MountSeen, TaskSeen};
use crate::mask::mask;
use crate::run::image::{BuildInput, Image};
use crate::scan::{Scanner, scannable};

/// Files of a mount that are asked for one by one; more are told as a number.
const ASKED: usize = 60;
/// Files of a directory that are asked for.
const ASKED_IN_DIRECTORY: usize = 12;
/// A larger file of an image is not fetched to compare it.
const LARGEST_COMPARED: usize = 1 << 20;
/// Text of the images' files that is kept to look names up in, per service.
const KEPT_TEXT: usize = 16 << 20;

/// What the disk says about the images.
#[derive(Debug, Default)]
pub struct Files {
    /// Service names used as hosts.
    pub hosts: Vec<HostInFile>,
    /// The bind mounts of dev; what the image lacks is not confirmed yet.
    pub mounts: Vec<MountSeen>,
    /// Files that could not be read, as sentences.
    pub unreadable: Vec<String>,
}

/// A file of an image, on disk.
struct InImage {
    path: PathBuf,
    via: String,
}

/// Reads every text file that goes into an image.
///
/// Blocking: to be called from a blocking thread.
pub fn look(dev: &App, prod: &App, images: &IndexMap<String, Image>) -> Files {
    let names = dev.host_names();
    let scanner = Scanner::new(
        &names
            .iter()
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>(),
    );
    let mut files = Files::default();
    // One file can be in several images: it is read once and told once.
    let mut seen: BTreeMap<PathBuf, (Vec<String>, String)> = BTreeMap::new();
    let mut per_service: IndexMap<String, Vec<PathBuf>> = IndexMap::new();
    for service in prod.services.values() {
        let Some(image) = images.get(&service.name) else {
            continue;
        };
        for file in in_image(service, image) {
            per_service
                .entry(service.name.clone())
                .or_default()
                .push(file.path.clone());
            let entry = seen
                .entry(file.path)
                .or_insert_with(|| (Vec::new(), file.via));
            if !entry.0.contains(&service.name) {
                entry.0.push(service.name.clone());
            }
        }
    }
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut kept = 0;
    for (path, (services, via)) in &seen {
        let shown = dev.relative(path);
        let text = match read_text(path, &shown) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(error) => {
                files.unreadable.push(format!("{shown}: {error}"));
                continue;
            }
        };
        files
            .hosts
            .extend(mentions(&scanner, &names, &shown, &text, services, via));
        kept += text.len();
        if kept < KEPT_TEXT {
            texts.insert(path.clone(), text);
        }
    }
    for service in dev.services.values() {
        let Some(image) = images.get(&service.name) else {
            continue;
        };
        let own = per_service
            .get(&service.name)
            .map_or(&[][..], Vec::as_slice);
        let own: Vec<(&Path, &str)> = own
            .iter()
            .filter_map(|path| Some((path.as_path(), texts.get(path)?.as_str())))
            .collect();
        for mount in &service.volumes {
            files
                .mounts
                .extend(compare(dev, service, mount, image, &own));
        }
    }
    let mounted: Vec<MountSeen> = files
        .mounts
        .iter()
        .filter(|mount| !mount.without_build)
        .cloned()
        .collect();
    scan_mounted(dev, &scanner, &mounted, &mut files.hosts);
    files
}

/// The service names that `text` uses as hosts.
fn mentions(
    scanner: &Scanner,
    names: &[(String, String)],
    shown: &str,
    text: &str,
    services: &[String],
    via: &str,
) -> Vec<HostInFile> {
    let found = scanner.mentions(shown, text).into_iter().map(|mention| {
        let target = names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&mention.host));
        let line = text
            .lines()
            .nth(mention.line as usize - 1)
            .unwrap_or_default();
        HostInFile {
            services: services.to_vec(),
            target: target.map_or_else(|| mention.host.clone(), |(_, service)| service.clone()),
            host: mention.host,
            place: Place {
                path: shown.into(),
                line: mention.line,
                column: mention.column,
                end_column: mention.end_column,
            },
            text: mask(line).into_owned(),
            variable: mention.variable,
            via: via.to_owned(),
        }
    });
    found.collect()
}

/// The text of a file worth scanning; none for binaries, archives, lock files and so on.
fn read_text(path: &Path, shown: &str) -> std::io::Result<Option<String>> {
    use std::io::Read;
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut file = std::fs::File::open(path)?;
    let mut head = [0u8; 4096];
    let read = file.read(&mut head)?;
    if !scannable(shown, metadata.len(), &head[..read]) {
        return Ok(None);
    }
    let mut bytes = head[..read].to_vec();
    file.read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The files on disk that are in the image of `service`, stages that are only built from included:
/// what is compiled into the image is in it too.
fn in_image(service: &Service, image: &Image) -> Vec<InImage> {
    if let (Some(input), Some(build)) = (&image.built, &service.build) {
        let Ok(copies) = copied::copied(&input.resolved, &input.listing.files()) else {
            return Vec::new();
        };
        let mut files: Vec<InImage> = copies
            .files
            .iter()
            .map(|copied| InImage {
                path: build.context.join(&copied.source),
                via: format!(
                    "copied by line {} of {}",
                    copied.instruction_line, input.shown
                ),
            })
            .collect();
        if build.dockerfile_inline.is_none() {
            files.push(InImage {
                path: build.dockerfile.clone(),
                via: "the Dockerfile makes it".to_owned(),
            });
        }
        return files;
    }
    let Some(generated) = &image.generated else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for root in &generated.context {
        let line = service
            .volumes
            .iter()
            .find(|mount| mount.target == root.target)
            .map(|mount| format!(" ({} line {})", mount.place.path, mount.place.line));
        let via = format!(
            "mounted at {} in dev{}",
            root.target,
            line.unwrap_or_default()
        );
        let source = PathBuf::from(&root.source);
        if root.is_file {
            files.push(InImage { path: source, via });
            continue;
        }
        for path in files_below(&source) {
            files.push(InImage {
                path,
                via: via.clone(),
            });
        }
    }
    files
}

/// Regular files below `directory` that its ignore file keeps, or none when it cannot be read.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let listed =
        context::find_ignore(directory, None).and_then(|ignore| context::walk(directory, &ignore));
    let Ok(listing) = listed else {
        return Vec::new();
    };
    let files = listing
        .entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::File);
    files.map(|entry| directory.join(&entry.path)).collect()
}

/// Compares one bind mount of dev with the image.
fn compare(
    app: &App,
    service: &Service,
    mount: &Mount,
    image: &Image,
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
            for (path, reason) in absent.files.into_iter().take(ASKED) {
                let (on_disk, target) = match path.as_str() {
                    "" => (source.clone(), mount.target.clone()),
                    path => (
                        source.join(path),
                        format!("{}/{path}", mount.target.trim_end_matches('/')),
                    ),
                };
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

/// Service names as hosts in files that only the mounts bring: they belong into the image, and break
/// there.
fn scan_mounted(app: &App, scanner: &Scanner, mounts: &[MountSeen], hosts: &mut Vec<HostInFile>) {
    let names = app.host_names();
    for mount in mounts {
        for missing in &mount.missing {
            let path = app.directory.join(&missing.path);
            let files = if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            };
            let via = format!(
                "only the bind mount at {} brings it ({} line {})",
                mount.target, mount.place.path, mount.place.line
            );
            for file in files {
                let shown = app.relative(&file);
                if hosts.iter().any(|known| {
                    *known.place.path == *shown && known.services.contains(&mount.service)
                }) {
                    continue;
                }
                if let Ok(Some(text)) = read_text(&file, &shown) {
                    hosts.extend(mentions(
                        scanner,
                        &names,
                        &shown,
                        &text,
                        std::slice::from_ref(&mount.service),
                        &via,
                    ));
                }
            }
        }
    }
}

/// Adds the log lines of the task that complain about a missing path.
pub fn join_logs(mounts: &mut [MountSeen], task: &TaskSeen) {
    for mount in mounts {
        let Some(container) = task.container(&mount.service) else {
            continue;
        };
        for file in &mut mount.missing {
            let line = container
                .last_lines
                .iter()
                .find(|line| says_missing(line, &file.target));
            file.logged = line.cloned();
        }
    }
}
