//! Looks at the files of the images: which name a service as host. Reads the disk; what it finds is
//! judged by the rules.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::checkout::Checkout;
use super::copied_layers;
use super::environment::{self, Reader};
use super::hosts::{Job, Search};
use super::mounts::{self, Comparing};
use super::own_name::{self, InFile};
use super::ports;
use crate::app::{App, Service};
use crate::build::context::{self, EntryKind};
use crate::evidence::{HostInFile, MountSeen, OwnName, PortsSeen};
use crate::run::image::Source;
use crate::secrets::Verdict;

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
    /// Secrets in what builds copy, in the order of the copies.
    pub secrets: Vec<InCopy>,
    /// Files that could not be read, as sentences.
    pub unreadable: Vec<String>,
}

/// A secret that a build copies into an image.
#[derive(Debug)]
pub struct InCopy {
    /// The service.
    pub service: String,
    /// Which of the build's copies: an index into [`Copies::files`](crate::build::copied::Copies).
    pub copy: usize,
    /// What it is.
    pub verdict: Verdict,
}

/// A file of a service's image, on disk.
struct InImage<'a> {
    path: Arc<Path>,
    service: &'a str,
    via: Arc<str>,
    /// Which of the build's copies brings it, and to where in the image.
    copy: Option<(usize, &'a str)>,
}

/// Which files are looked into for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// All that builds copy into images.
    LookedFor,
    /// There is an image whose layers tell more: only those of images that are known from the disk.
    InLayers,
}

/// Reads every text file that goes into an image.
///
/// Blocking: to be called from a blocking thread.
pub fn look(dev: &App, prod: &App, sources: &IndexMap<String, Source>, secrets: Secrets) -> Files {
    let search = Search::new(dev);
    let mut files = Files::default();
    let mut per_service: IndexMap<String, Vec<Arc<Path>>> = IndexMap::new();
    let mut all = Vec::new();
    for service in prod.services.values() {
        let Some(image) = sources.get(&service.name) else {
            continue;
        };
        match in_image(service, image, secrets) {
            Ok(inside) => {
                let own = inside.iter().map(|file| file.path.clone());
                per_service.insert(service.name.clone(), own.collect());
                all.extend(inside);
            }
            Err(error) => files.unreadable.push(error),
        }
    }
    // One file can be in several images: it is read once and told once. The sort keeps the order of
    // the services.
    all.sort_by(|a, b| by_components(&a.path, &b.path));
    let only_in_dev = environment::only_in_dev(dev, prod);
    let mut own_names = Vec::new();
    let texts = search_images((dev, prod), &all, &search, &mut files, &mut own_names);
    let mut checkout = Checkout::find(&dev.directory);
    for service in dev.services.values() {
        let Some(image) = sources.get(&service.name) else {
            continue;
        };
        let own = match texts.is_empty() {
            true => &[],
            false => per_service
                .get(&service.name)
                .map_or(&[][..], Vec::as_slice),
        };
        let own: Vec<(&Path, &str)> = own
            .iter()
            .filter_map(|path| Some((&**path, texts.get(&**path)?.as_str())))
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

/// The order that [`Path`] has, of paths without needless slashes and dots; it takes a tenth of the time.
fn by_components(a: &Path, b: &Path) -> Ordering {
    let (a, b) = (a.as_os_str().as_bytes(), b.as_os_str().as_bytes());
    let differing = a.iter().zip(b).find(|(a, b)| a != b);
    // A component that ends is before one that goes on.
    let rank = |byte: u8| match byte {
        b'/' => 0,
        byte => byte,
    };
    match differing {
        Some((a, b)) => rank(*a).cmp(&rank(*b)),
        None => a.len().cmp(&b.len()),
    }
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
    all: &'a [InImage],
    search: &Search,
    files: &mut Files,
    own_names: &mut Vec<InFile>,
) -> HashMap<&'a Path, String> {
    // The texts of these are asked for the variables that they read.
    let only_in_dev = environment::only_in_dev(dev, prod);
    let reads: BTreeSet<&str> = only_in_dev.iter().map(|(service, _)| &**service).collect();
    let wanted = |service: &String| has_mounts(dev, prod, service) || reads.contains(&**service);
    let groups: Vec<&[InImage]> = all
        .chunk_by(|a, b| a.path.as_os_str() == b.path.as_os_str())
        .collect();
    // Most files have the services of the one before.
    let mut of_group: Vec<usize> = Vec::with_capacity(groups.len());
    let mut sets: Vec<(Vec<String>, bool)> = Vec::new();
    for group in &groups {
        let mut services: Vec<&str> = Vec::new();
        for file in *group {
            if !services.contains(&file.service) {
                services.push(file.service);
            }
        }
        let known = sets.iter().rposition(|(known, _)| *known == services);
        of_group.push(known.unwrap_or_else(|| {
            let services: Vec<String> = services.iter().map(|&name| name.to_owned()).collect();
            let keep = services.iter().any(wanted);
            sets.push((services, keep));
            sets.len() - 1
        }));
    }
    let jobs: Vec<Job> = groups
        .iter()
        .zip(&of_group)
        .map(|(group, set)| Job {
            path: &group[0].path,
            services: &sets[*set].0,
            via: &group[0].via,
            mounted: false,
            keep: sets[*set].1,
            targets: copies(group).map(|(_, _, target)| target).collect(),
        })
        .collect();
    let mut texts = HashMap::new();
    for (at, seen) in search.files(&jobs, &|path| shown(dev, path)) {
        files.hosts.extend(seen.hosts);
        files.unreadable.extend(seen.unreadable);
        own_names.extend(seen.own_names);
        texts.extend(seen.text.map(|text| (&*groups[at][0].path, text)));
        for (target, verdict) in seen.secrets {
            let of_target = copies(groups[at]).nth(target);
            files
                .secrets
                .extend(of_target.map(|(service, copy, _)| InCopy {
                    service: service.to_owned(),
                    copy,
                    verdict,
                }));
        }
    }
    // As the Dockerfile has them.
    files.secrets.sort_by_key(|secret| secret.copy);
    texts
}

/// Service, copy and target of what copies bring of a file.
fn copies<'g>(group: &'g [InImage]) -> impl Iterator<Item = (&'g str, usize, &'g str)> {
    let of_file = |file: &'g InImage| file.copy.map(|(copy, target)| (file.service, copy, target));
    group.iter().filter_map(of_file)
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
fn in_image<'a>(
    service: &'a Service,
    image: &'a Source,
    secrets: Secrets,
) -> Result<Vec<InImage<'a>>, String> {
    if let (Some(input), Some(build)) = (&image.built, &service.build) {
        let copies = input
            .copies()
            .map_err(|error| format!("{}: {error}", input.shown))?;
        // Where a name is no UTF-8, the path of the listing is not the one on disk.
        let entries = input.listing.entries.iter();
        let odd: HashMap<&str, &Path> = entries
            .filter(|entry| entry.disk().to_str().is_none())
            .map(|entry| (&*entry.path, entry.disk()))
            .collect();
        let mut line = None;
        let own_layers = match secrets {
            Secrets::LookedFor => None,
            Secrets::InLayers => copied_layers::known(input),
        };
        let mut files: Vec<InImage> = Vec::with_capacity(copies.files.len() + 1);
        for (number, copied) in copies.files.iter().enumerate() {
            let via = match &line {
                Some((line, via)) if *line == copied.instruction_line => Arc::clone(via),
                _ => format!(
                    "copied by line {} of {}",
                    copied.instruction_line, input.shown
                )
                .into(),
            };
            line = Some((copied.instruction_line, Arc::clone(&via)));
            let looked_for = match secrets {
                Secrets::LookedFor => copied.in_final,
                Secrets::InLayers => own_layers.as_ref().is_some_and(|own| own.contains(&number)),
            };
            files.push(InImage {
                path: match odd.get(&*copied.source) {
                    Some(disk) => (*disk).into(),
                    None => build.context.join(&copied.source).into(),
                },
                service: &service.name,
                via,
                copy: looked_for.then_some((number, &copied.target)),
            });
        }
        if build.dockerfile_inline.is_none() {
            files.push(InImage {
                path: build.dockerfile.as_path().into(),
                service: &service.name,
                via: "the Dockerfile makes it".into(),
                copy: None,
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
        let via: Arc<str> = format!(
            "mounted at {} in dev{}",
            root.target,
            line.unwrap_or_default()
        )
        .into();
        let source = PathBuf::from(&root.source);
        let paths = match root.is_file {
            true => vec![source],
            false => files_below(&source),
        };
        files.extend(paths.into_iter().map(|path| InImage {
            path: path.into(),
            service: &service.name,
            via: Arc::clone(&via),
            copy: None,
        }));
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
    // With who has each and how it comes there.
    let mut found: BTreeMap<PathBuf, (Vec<String>, String)> = BTreeMap::new();
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
            services,
            via,
            mounted: true,
            keep: false,
            targets: Vec::new(),
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
    let seen = search.files(&jobs, &|path| shown(app, path)).into_iter();
    for mut host in seen.flat_map(|(_, seen)| seen.hosts) {
        let path = &host.place.path;
        host.services
            .retain(|service| !known.contains(&(path.clone(), service.clone())));
        if !host.services.is_empty() {
            files.hosts.push(host);
        }
    }
}
