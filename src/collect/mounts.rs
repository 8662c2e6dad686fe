//! What the mounts of dev bring and the images lack, have otherwise, or have hidden, as the disk tells.

use std::path::{Path, PathBuf};

use super::absent::{self, Built, Candidate};
use super::checkout::Checkout;
use super::files::files_below;
use super::missing::{is_lock_file, is_package, named, says_missing};
use super::run_time::{is_placeholder, is_run_time};
use super::{hidden, image_files};
use crate::app::{App, FileKind, FileSource, Mount, MountKind, Place, Service};
use crate::build::context;
use crate::build::generate::{self, BindMount, SkipReason, SourceKind};
use crate::evidence::{Cause, DifferingFile, ImageOrigin, MissingFile, MountSeen, TaskSeen, Via};
use crate::mask::mask;
use crate::run::image::Source;
use crate::secrets::path::{holds_credentials, is_env_file};

/// Files of a mount that git's ignore files are asked about.
const ASKED: usize = 200;

/// One file or directory of the host that dev shows in a container.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute path in the container.
    pub target: String,
    pub read_only: bool,
    pub via: Via,
    pub place: Place,
}

/// Everything of the host that dev shows in the containers of `service`: bind mounts, and configs and secrets that are
/// files. A config or secret that production takes from elsewhere is none: somebody has thought of it.
pub fn shown(service: &Service, in_production: Option<&Service>) -> Vec<Shown> {
    // An image that is built elsewhere is not known here, and a mount over a stock image that only an
    // override of dev has is none of production's.
    let is_meant = |mount: &&Mount| match in_production {
        Some(other) if other.build.is_none() => {
            let same = |one: &Mount| {
                one.target == mount.target && matches!(one.kind, MountKind::Bind { .. })
            };
            service.build.is_none() && other.volumes.iter().any(same)
        }
        _ => true,
    };
    let meant = service.volumes.iter().filter(is_meant);
    let binds = meant.filter_map(|mount| match &mount.kind {
        MountKind::Bind { source, .. } => Some(Shown {
            source: source.clone(),
            target: mount.target.clone(),
            read_only: mount.read_only,
            via: Via::Bind,
            place: mount.place.clone(),
        }),
        _ => None,
    });
    let files = service.files.iter().filter_map(|file| {
        let FileSource::File(source) = &file.source else {
            return None;
        };
        let same =
            |other: &&crate::app::FileMount| other.kind == file.kind && other.target == file.target;
        let kept = in_production.and_then(|service| service.files.iter().find(same))?;
        matches!(kept.source, FileSource::File(_)).then(|| Shown {
            source: source.clone(),
            target: file.target.clone(),
            read_only: true,
            via: match file.kind {
                FileKind::Config => Via::Config,
                FileKind::Secret => Via::Secret,
            },
            place: file.place.clone(),
        })
    });
    binds.chain(files).collect()
}

/// What the comparison of one service's mounts needs.
pub struct Comparing<'a> {
    /// The app of dev.
    pub app: &'a App,
    /// The service in it.
    pub service: &'a Service,
    /// What its image is made from.
    pub image: &'a Source,
    /// The same, followed; none without a build.
    pub built: Option<Built<'a>>,
    /// Text files of the image, to look names up in.
    pub own: &'a [(&'a Path, &'a str)],
}

impl<'a> Comparing<'a> {
    /// Follows the build of `service`.
    pub fn of(
        app: &'a App,
        service: &'a Service,
        image: &'a Source,
        own: &'a [(&'a Path, &'a str)],
    ) -> Self {
        let built = image.built.as_ref().zip(service.build.as_ref());
        Self {
            app,
            service,
            image,
            built: built.and_then(|(input, build)| Built::of(input, &build.context)),
            own,
        }
    }

    /// Compares one mount with what the Dockerfile says; none when it brings nothing of the app.
    pub fn mount(&self, shown: &Shown, checkout: &mut Checkout) -> Option<MountSeen> {
        let mut seen = MountSeen::new(
            &self.service.name,
            &self.path(&shown.source),
            &shown.target,
            &shown.place,
        );
        seen.via = shown.via;
        seen.image.clone_from(&self.image.reference);
        if shown.via == Via::Secret {
            return shown.source.exists().then(|| self.secret(seen));
        }
        match self.skipped(shown) {
            Some(SkipReason::Credentials) => seen.credentials = true,
            Some(_) => return None,
            None => seen.credentials = shown.source.is_file() && holds_credentials(&seen.source),
        }
        if self.image.origin != ImageOrigin::Built {
            return self.without_build(shown, seen, checkout);
        }
        let found = self.from_disk(shown, true)?;
        if seen.credentials && !(found.absent.is_empty() && found.differing.is_empty()) {
            return self.without_build(shown, seen, checkout);
        }
        seen.credentials = false;
        seen.files = found.files;
        let names = self.names(shown);
        if self.is_run_time(shown, &names, checkout) {
            return Some(seen);
        }
        self.tell_missing(&mut seen, shown, found.absent, checkout);
        self.tell_differing(&mut seen, shown, found.differing);
        self.tell_hidden(&mut seen, shown);
        Some(seen)
    }

    /// A path as messages and machines get it.
    fn path(&self, path: &Path) -> String {
        let directory = &self.app.directory;
        if let Ok(inside) = path.strip_prefix(directory) {
            return match inside.as_os_str().is_empty() {
                true => ".".to_owned(),
                false => inside.to_string_lossy().into_owned(),
            };
        }
        // A neighbour of the project is best known by the way to it.
        let beside = directory.ancestors().skip(1).take(2).enumerate();
        let mut beside = beside.filter(|(_, above)| above.components().count() > 2);
        let found = beside.find_map(|(steps, above)| {
            let rest = path.strip_prefix(above).ok()?;
            Some(format!(
                "{}{}",
                "../".repeat(steps + 1),
                rest.to_string_lossy()
            ))
        });
        found.unwrap_or_else(|| path.to_string_lossy().into_owned())
    }

    /// Why no image could carry the mount.
    fn skipped(&self, shown: &Shown) -> Option<SkipReason> {
        let mount = BindMount {
            source: shown.source.to_string_lossy().into_owned(),
            target: shown.target.clone(),
            kind: context::look(&shown.source),
            read_only: shown.read_only,
            line: None,
        };
        if mount.kind == SourceKind::Missing {
            return Some(SkipReason::Missing);
        }
        generate::skip_reason(&mount, &self.app.directory.to_string_lossy())
    }

    /// Files that the mount brings, relative to it; of a mounted file its name.
    pub fn names(&self, shown: &Shown) -> Vec<String> {
        if shown.source.is_file() {
            let name = shown.source.file_name();
            return name
                .map(|name| name.to_string_lossy().into_owned())
                .into_iter()
                .collect();
        }
        let files = files_below(&shown.source);
        let below = files
            .iter()
            .filter_map(|file| file.strip_prefix(&shown.source).ok());
        below
            .map(|path| path.to_string_lossy().into_owned())
            .collect()
    }

    /// Whether the mount holds what a run writes; `names` are its files.
    pub fn is_run_time(&self, shown: &Shown, names: &[String], checkout: &mut Checkout) -> bool {
        if shown.source.is_file() {
            return false;
        }
        let mut ignored = |name: &String| checkout.ignored(&shown.source.join(name)).is_some();
        let all_ignored = !names.is_empty() && names.iter().take(ASKED).all(&mut ignored);
        let source = shown.source.to_string_lossy();
        is_run_time(&source, &shown.target, shown.read_only, names, all_ignored)
    }

    /// A secret: the file is never read, and never belongs into an image.
    fn secret(&self, mut seen: MountSeen) -> MountSeen {
        seen.credentials = true;
        seen.without_build = self.image.origin != ImageOrigin::Built;
        seen.files = 1;
        seen.missing = vec![MissingFile {
            path: seen.source.clone(),
            target: seen.target.clone(),
            reason: "Compose mounts it, and nothing of a task does".to_owned(),
            cause: Cause::NotCopied,
            credentials: true,
            ..MissingFile::default()
        }];
        seen.missing_count = 1;
        seen
    }

    /// A mount of which no image has anything: there is no build, or it holds keys.
    fn without_build(
        &self,
        shown: &Shown,
        mut seen: MountSeen,
        checkout: &mut Checkout,
    ) -> Option<MountSeen> {
        seen.without_build = self.image.origin != ImageOrigin::Built;
        if let (true, Some(stock)) = (seen.without_build, &self.service.image) {
            seen.image.clone_from(&stock.value);
        }
        let names = self.names(shown);
        if self.is_run_time(shown, &names, checkout) {
            return None;
        }
        let real: Vec<String> = names
            .into_iter()
            .filter(|name| !is_placeholder(name))
            .collect();
        seen.files = real.len();
        seen.brings = real.into_iter().take(MountSeen::KEPT).collect();
        let reason = match seen.without_build {
            true => "the service has no build, so nothing copies it",
            false => "it holds keys or passwords, which no image may hold",
        };
        seen.missing = vec![MissingFile {
            path: seen.source.clone(),
            target: seen.target.clone(),
            reason: reason.to_owned(),
            cause: match seen.without_build {
                true => Cause::NoBuild,
                false => Cause::OutsideContext,
            },
            credentials: seen.credentials,
            ignored_by_git: checkout.ignored(&shown.source).map(|by| by.to_string()),
            ..MissingFile::default()
        }];
        seen.missing_count = 1;
        Some(seen)
    }

    /// What the Dockerfile says of a mount; none without a build.
    pub fn from_disk(&self, shown: &Shown, trusts_made: bool) -> Option<absent::FromDisk> {
        let ground = absent::Ground {
            source: &shown.source,
            target: shown.target.trim_end_matches('/'),
            covered: &|path| self.covers(shown, path),
            trusts_made,
        };
        Some(absent::look(self.built.as_ref()?, &ground))
    }

    /// Whether another mount of the service lies over a path of this one.
    pub fn covers(&self, shown: &Shown, path: &str) -> bool {
        let base = shown.target.trim_end_matches('/');
        let target = PathBuf::from(format!("{base}/{path}"));
        let over = |mount: &&Mount| {
            let other = mount.target.trim_end_matches('/');
            other != base && Path::new(other).starts_with(base) && target.starts_with(other)
        };
        self.service.volumes.iter().any(|mount| over(&mount))
    }

    /// Writes down what the image lacks.
    pub fn tell_missing(
        &self,
        seen: &mut MountSeen,
        shown: &Shown,
        absent: Vec<Candidate>,
        checkout: &mut Checkout,
    ) {
        seen.missing_count = absent.len();
        let kept = absent.into_iter().take(MountSeen::KEPT);
        seen.missing = kept
            .map(|one| {
                let on_disk = image_files::on_host(&shown.source, &one.path);
                let path = self.path(&on_disk);
                let by_git = checkout.ignored(&on_disk);
                MissingFile {
                    target: in_container(&shown.target, &one.path),
                    reason: one.reason,
                    cause: one.cause,
                    nothing_else: one.nothing_else,
                    credentials: holds_credentials(&path),
                    ignored_by_git: by_git.map(|by| by.to_string()),
                    named_in: self.named_in(&on_disk),
                    logged: None,
                    path,
                }
            })
            .collect();
    }

    fn tell_differing(
        &self,
        seen: &mut MountSeen,
        shown: &Shown,
        differing: Vec<(String, String)>,
    ) {
        let worth = |(path, _): &(String, String)| !is_lock_file(path) && !is_package(path);
        let all: Vec<(String, String)> = differing.into_iter().filter(worth).collect();
        seen.differing_count = all.len();
        let kept = all.into_iter().take(MountSeen::KEPT);
        seen.differing = kept
            .map(|(path, by)| DifferingFile {
                path: self.path(&image_files::on_host(&shown.source, &path)),
                target: in_container(&shown.target, &path),
                reason: by,
                files: 1,
                ..DifferingFile::default()
            })
            .collect();
    }

    fn tell_hidden(&self, seen: &mut MountSeen, shown: &Shown) {
        let Some(built) = &self.built else { return };
        let ground = hidden::Ground {
            source: &shown.source,
            target: shown.target.trim_end_matches('/'),
            covered: &|path| self.covers(shown, path),
        };
        let mut all = hidden::look(built, &ground);
        seen.hidden_count = all.len();
        all.truncate(MountSeen::KEPT);
        for one in &mut all {
            one.path = self.path(&shown.source.join(&one.path));
        }
        seen.hidden = all;
    }

    /// The path on the host of something below the mount, as it is told.
    pub fn shown_path(&self, shown: &Shown, below: &str) -> String {
        self.path(&image_files::on_host(&shown.source, below))
    }

    /// A line of the image's own files, or the command, that names the path.
    fn named_in(&self, path: &Path) -> Option<(Place, String)> {
        let name = path.file_name()?.to_string_lossy();
        let command = self.service.command.iter().chain(&self.service.entrypoint);
        for words in command {
            let text = words.value.join(" ");
            if named(&text, &name).is_some() {
                return Some((words.place.clone(), mask(&text).into_owned()));
            }
        }
        // What reads `.env` mostly does not say its name; scripts that do are those of development.
        let loaded = is_env_file(&name).then_some("dotenv");
        let is_code = |file: &Path| {
            let ending = file.extension().and_then(|ending| ending.to_str());
            ending.is_some_and(|ending| {
                matches!(
                    ending,
                    "js" | "mjs" | "cjs" | "ts" | "py" | "rb" | "php" | "go"
                )
            })
        };
        self.own
            .iter()
            .filter(|(file, _)| *file != path && (loaded.is_none() || is_code(file)))
            .find_map(|(file, text)| {
                let at = named(text, &name).or_else(|| text.find(loaded?))?;
                let length = match text[at..].starts_with(&*name) {
                    true => name.chars().count(),
                    false => "dotenv".len(),
                };
                Some(self.place_of(file, text, at, length))
            })
    }

    fn place_of(&self, file: &Path, text: &str, at: usize, length: usize) -> (Place, String) {
        let before = &text[..at];
        let line = before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[start..].chars().count() as u32 + 1;
        let shown: &str = &self.app.relative(file);
        let place = Place {
            path: shown.into(),
            line: line as u32 + 1,
            column,
            end_column: column + length as u32,
        };
        let text = text.lines().nth(line).unwrap_or_default();
        (place, mask(text).into_owned())
    }
}

/// The path in the container of what is `below` a mount.
pub fn in_container(target: &str, below: &str) -> String {
    match below {
        "" => target.to_owned(),
        below => format!("{}/{below}", target.trim_end_matches('/')),
    }
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
