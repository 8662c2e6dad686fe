//! Looks at the files of the images: which name a service as host. Reads the disk; what it finds is
//! judged by the rules.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::checkout::Checkout;
use super::environment::{self, Reader};
use super::hosts::{Job, Search};
use super::mounts::{self, Comparing};
use super::own_name::{self, InFile};
use super::ports;
use crate::app::{App, Service};
use crate::build::context::{self, EntryKind};
use crate::build::copied;
use crate::evidence::{HostInFile, MountSeen, OwnName, PortsSeen};
use crate::run::image::Source;

/// What the disk says about the images.
#[derive(Debug, Default)]
pub struct Files {
    /// Service names used as hosts.
    pub hosts: Vec<HostInFile>,
    /// Where programs take their container's own host name for an address or an identity.
    pub own_names: Vec<OwnName>,
    /// The bind mounts of dev; what the image lacks is not confirmed yet.
    pub mounts: Vec<MountSeen>,
    /// Lines of the images' files that read variables which only dev has.
    pub variables: Vec<Reader>,
    /// Ports that the files say each service listens on.
    pub ports: Vec<PortsSeen>,
    /// Files that could not be read, as sentences.
    pub unreadable: Vec<String>,
}

/// A file of an image, on disk.
struct InImage {
    path: PathBuf,
    via: String,
}

/// The files of the images, with who has each and how it comes there.
type ByPath = BTreeMap<PathBuf, (Vec<String>, String)>;

/// Reads every text file that goes into an image.
///
/// Blocking: to be called from a blocking thread.
pub fn look(dev: &App, prod: &App, sources: &IndexMap<String, Source>) -> Files {
    let search = Search::new(dev);
    let mut files = Files::default();
    // One file can be in several images: it is read once and told once.
    let mut seen = ByPath::new();
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
            let own = per_service.entry(service.name.clone()).or_default();
            own.push(file.path.clone());
            let entry = seen
                .entry(file.path)
                .or_insert_with(|| (Vec::new(), file.via));
            if !entry.0.contains(&service.name) {
                entry.0.push(service.name.clone());
            }
        }
    }
    let only_in_dev = environment::only_in_dev(dev, prod);
    let mut own_names = Vec::new();
    let texts = search_images((dev, prod), &seen, &search, &mut files, &mut own_names);
    let mut checkout = Checkout::find(&dev.directory);
    for service in dev.services.values() {
        let Some(image) = sources.get(&service.name) else {
            continue;
        };
        let own = per_service
            .get(&service.name)
            .map_or(&[][..], Vec::as_slice);
        let own: Vec<(&Path, &str)> = own
            .iter()
            .filter_map(|path| Some((path.as_path(), texts.get(&**path)?.as_str())))
            .collect();
        files
            .variables
            .extend(readers(dev, service, &only_in_dev, &own));
        let comparing = Comparing::of(dev, service, image, &own);
        for shown in mounts::shown(service, prod.services.get(&service.name)) {
            files.mounts.extend(comparing.mount(&shown, &mut checkout));
        }
    }
    search_mounted(dev, &search, &mut files);
    files.own_names = own_name::look(prod, sources, own_names);
    files.ports = ports::look(prod, sources, &per_service);
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

/// Whether something is mounted over the image in dev, so that the texts of its files are asked for
/// the names of what only the mounts bring.
fn has_mounts(dev: &App, prod: &App, service: &str) -> bool {
    let in_production = prod.services.get(service);
    let in_dev = dev.services.get(service);
    in_dev.is_some_and(|service| !mounts::shown(service, in_production).is_empty())
}

/// Searches the files of the images; returns the texts of those that a service with mounts has.
fn search_images<'a>(
    (dev, prod): (&App, &App),
    seen: &'a ByPath,
    search: &Search,
    files: &mut Files,
    own_names: &mut Vec<InFile>,
) -> HashMap<&'a Path, String> {
    // The texts of these are asked for the variables that they read.
    let only_in_dev = environment::only_in_dev(dev, prod);
    let reads: BTreeSet<&String> = only_in_dev.iter().map(|(service, _)| service).collect();
    let jobs: Vec<Job> = seen
        .iter()
        .map(|(path, (services, via))| Job {
            path,
            shown: shown(dev, path),
            services,
            via,
            mounted: false,
            keep: services
                .iter()
                .any(|service| has_mounts(dev, prod, service) || reads.contains(service)),
        })
        .collect();
    let mut texts = HashMap::new();
    for (job, seen) in jobs.iter().zip(search.files(&jobs)) {
        files.hosts.extend(seen.hosts);
        files.unreadable.extend(seen.unreadable);
        own_names.extend(seen.own_names);
        texts.extend(seen.text.map(|text| (job.path, text)));
    }
    texts
}

/// The path for people: what a name of a file can hold besides text would break a report.
fn shown(app: &App, path: &Path) -> String {
    let odd = |c: char| c.is_control();
    app.relative(path).replace(odd, "\u{fffd}")
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
        // Where a name is no UTF-8, the path of the listing is not the one on disk.
        let entries = input.listing.entries.iter();
        let odd: HashMap<&str, &Path> = entries
            .filter(|entry| entry.disk().to_str().is_none())
            .map(|entry| (&*entry.path, entry.disk()))
            .collect();
        let mut files: Vec<InImage> = copies
            .files
            .iter()
            .map(|copied| InImage {
                path: match odd.get(&*copied.source) {
                    Some(disk) => (*disk).to_owned(),
                    None => build.context.join(&copied.source),
                },
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
    files.map(|entry| entry.disk().to_owned()).collect()
}

/// Searches the files that only the mounts bring: they belong into the image, and break there.
fn search_mounted(app: &App, search: &Search, files: &mut Files) {
    let mut found = ByPath::new();
    // What may hold a secret is not read.
    let read = |mount: &&MountSeen| !mount.without_build && !mount.credentials;
    for mount in files.mounts.iter().filter(read) {
        for missing in mount.missing.iter().filter(|missing| !missing.credentials) {
            let path = app.directory.join(&missing.path);
            let below = if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            };
            for path in below {
                let via = || {
                    format!(
                        "the bind mount at {} ({} line {})",
                        mount.target, mount.place.path, mount.place.line
                    )
                };
                let entry = found.entry(path).or_insert_with(|| (Vec::new(), via()));
                if !entry.0.contains(&mount.service) {
                    entry.0.push(mount.service.clone());
                }
            }
        }
    }
    let jobs: Vec<Job> = found
        .iter()
        .map(|(path, (services, via))| Job {
            path,
            shown: shown(app, path),
            services,
            via,
            mounted: true,
            keep: false,
        })
        .collect();
    let known: HashSet<(Arc<str>, String)> = files
        .hosts
        .iter()
        .flat_map(|host| {
            let services = host.services.iter();
            services.map(|service| (host.place.path.clone(), service.clone()))
        })
        .collect();
    for mut host in search.files(&jobs).into_iter().flat_map(|seen| seen.hosts) {
        let path = &host.place.path;
        host.services
            .retain(|service| !known.contains(&(path.clone(), service.clone())));
        if !host.services.is_empty() {
            files.hosts.push(host);
        }
    }
}
