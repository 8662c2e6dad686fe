//! Looks at the files of the images: which name a service as host. Reads the disk; what it finds is
//! judged by the rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::environment::{self, Reader};
use super::mounts::compare;
use crate::app::{App, FileKind, FileSource, Mount, MountKind, Place, Service};
use crate::build::context::{self, EntryKind};
use crate::build::copied;
use crate::evidence::{HostInFile, MountSeen};
use crate::mask::mask;
use crate::run::image::Source;
use crate::scan::{Scanner, scannable};

/// Text of the images' files that is kept to look names up in, per service.
const KEPT_TEXT: usize = 16 << 20;

/// What the disk says about the images.
#[derive(Debug, Default)]
pub struct Files {
    /// Service names used as hosts.
    pub hosts: Vec<HostInFile>,
    /// The bind mounts of dev; what the image lacks is not confirmed yet.
    pub mounts: Vec<MountSeen>,
    /// Lines of the images' files that read variables which only dev has.
    pub variables: Vec<Reader>,
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
pub fn look(dev: &App, prod: &App, sources: &IndexMap<String, Source>) -> Files {
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
        let Some(image) = sources.get(&service.name) else {
            continue;
        };
        let inside = in_image(service, image).unwrap_or_else(|error| {
            files.unreadable.push(error);
            Vec::new()
        });
        for file in inside {
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
    let only_in_dev = environment::only_in_dev(dev, prod);
    for service in dev.services.values() {
        let Some(image) = sources.get(&service.name) else {
            continue;
        };
        let own = per_service
            .get(&service.name)
            .map_or(&[][..], Vec::as_slice);
        let own: Vec<(&Path, &str)> = own
            .iter()
            .filter_map(|path| Some((path.as_path(), texts.get(path)?.as_str())))
            .collect();
        files
            .variables
            .extend(readers(dev, service, &only_in_dev, &own));
        let configs = mounted_configs(service);
        for mount in service.volumes.iter().chain(&configs) {
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

/// The lines of the files of `service` that read a variable of `only_in_dev`.
fn readers(
    dev: &App,
    service: &Service,
    only_in_dev: &[(String, String)],
    own: &[(&Path, &str)],
) -> Vec<Reader> {
    let names = only_in_dev.iter().filter(|(of, _)| *of == service.name);
    let all = names.filter_map(|(_, name)| {
        let (place, text) = environment::read_in(dev, own, name)?;
        Some(Reader {
            service: service.name.clone(),
            name: name.clone(),
            place,
            text,
        })
    });
    all.collect()
}

/// Configs that are files of the host: dev mounts them as it mounts a bind. A secret is none of
/// these: it does not belong into an image.
fn mounted_configs(service: &Service) -> Vec<Mount> {
    let configs = service
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Config);
    configs
        .filter_map(|file| match &file.source {
            FileSource::File(source) => Some(Mount {
                kind: MountKind::Bind {
                    source: source.clone(),
                    create: false,
                },
                target: file.target.clone(),
                read_only: true,
                no_copy: false,
                subpath: None,
                propagation: None,
                selinux: None,
                recursive: None,
                place: file.place.clone(),
            }),
            _ => None,
        })
        .collect()
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
            mounted: false,
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
///
/// # Errors
/// A Dockerfile whose COPY instructions cannot be followed, in a sentence.
fn in_image(service: &Service, image: &Source) -> Result<Vec<InImage>, String> {
    if let (Some(input), Some(build)) = (&image.built, &service.build) {
        let copies = copied::copied(&input.resolved, &input.listing.files())
            .map_err(|error| format!("{}: {error}", input.shown))?;
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
        return Ok(files);
    }
    let Some(generated) = &image.generated else {
        return Ok(Vec::new());
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
    Ok(files)
}

/// Regular files below `directory` that its ignore file keeps, or none when it cannot be read.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
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
                "the bind mount at {} ({} line {})",
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
                    let services = std::slice::from_ref(&mount.service);
                    let seen = mentions(scanner, &names, &shown, &text, services, &via);
                    hosts.extend(seen.into_iter().map(|seen| HostInFile {
                        mounted: true,
                        ..seen
                    }));
                }
            }
        }
    }
}
