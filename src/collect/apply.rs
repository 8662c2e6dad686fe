//! What the files of an image say of a mount, set against what its Dockerfile seemed to say.

use std::collections::BTreeMap;
use std::path::Path;

use super::absent::Candidate;
use super::checkout::Checkout;
use super::files::files_below;
use super::image_files::{ImageFiles, Own, on_host};
use super::missing::{is_lock_file, is_package, never_needed, topmost};
use super::mounts::{Comparing, Shown, in_container};
use super::run_time::is_placeholder;
use crate::build::dockerfile::Kind;
use crate::evidence::{Cause, DifferingFile, HiddenPath, MountSeen};

/// One mount and what was found in the image at its place.
pub struct Looked<'a> {
    pub comparing: &'a Comparing<'a>,
    pub shown: &'a Shown,
    /// The image's files.
    pub image: ImageFiles,
    /// Those of the image that the build starts from, when the engine has it.
    pub base: Option<ImageFiles>,
}

/// Corrects `mount`.
pub fn apply(looked: &Looked<'_>, mount: &mut MountSeen, checkout: &mut Checkout) {
    mount.looked_into = true;
    if mount.without_build {
        without_build(looked, mount);
        return;
    }
    let Some(disk) = looked.comparing.from_disk(looked.shown, false) else {
        return;
    };
    // What a run writes is nobody's loss; that was decided when the disk was read.
    let names = looked.comparing.names(looked.shown);
    if looked.comparing.is_run_time(looked.shown, &names, checkout) {
        return;
    }
    let named = std::mem::take(&mut mount.missing);
    let mut absent: Vec<Candidate> = disk
        .absent
        .into_iter()
        .flat_map(|one| looked.absent(one))
        .collect();
    absent.extend(looked.removed());
    looked
        .comparing
        .tell_missing(mount, looked.shown, absent, checkout);
    for file in &mut mount.missing {
        // The lines that name a file were found when the disk was read.
        let before = named.iter().find(|before| before.path == file.path);
        file.named_in = before
            .and_then(|before| before.named_in.clone())
            .or(file.named_in.take());
    }
    let replaced: Vec<String> = mount
        .missing
        .iter()
        .map(|file| file.target.clone())
        .collect();
    looked.tell_differing(mount, &replaced);
    looked.tell_hidden(mount);
}

/// A stock image: a mount of what it has anyway is no loss.
fn without_build(looked: &Looked<'_>, mount: &mut MountSeen) {
    let source = &looked.shown.source;
    let files = match source.is_file() {
        true => vec![String::new()],
        false => looked.comparing.names(looked.shown),
    };
    let differing: usize = looked.image.own.values().map(|own| own.differing).sum();
    let all_there = files.iter().all(|path| looked.image.present.contains(path));
    if all_there && differing == 0 && !files.is_empty() {
        mount.missing.clear();
        mount.missing_count = 0;
    } else if let (true, true, Some(file)) =
        (all_there, source.is_file(), mount.missing.first_mut())
    {
        file.reason
            .push_str("; the image has a file of its own there");
    }
}

impl Looked<'_> {
    /// What is left of a path that the Dockerfile does not bring, once the image was asked.
    fn absent(&self, one: Candidate) -> Vec<Candidate> {
        let source = on_host(&self.shown.source, &one.path);
        if source.is_file() {
            return match self.image.present.contains(&one.path) {
                false => vec![one],
                true => self.replaced(one).into_iter().collect(),
            };
        }
        // The build filled the directory itself: the host's packages are not missing there.
        if !one.path.is_empty() && self.is_made(&one.path) {
            return Vec::new();
        }
        let (mut there, mut lost) = (Vec::new(), Vec::new());
        for file in files_below(&source) {
            let Ok(below) = file.strip_prefix(&self.shown.source) else {
                continue;
            };
            let below = below.to_string_lossy().into_owned();
            if self.image.present.contains(&below) {
                there.push(below);
            } else if !self.is_no_loss(&below) {
                lost.push(below);
            }
        }
        match (lost.is_empty(), there.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => vec![one],
            (false, false) => topmost(&lost, &there)
                .into_iter()
                .map(|path| Candidate {
                    path,
                    nothing_else: false,
                    ..one.clone()
                })
                .collect(),
        }
    }

    fn is_no_loss(&self, path: &str) -> bool {
        never_needed(path)
            || is_package(path)
            || is_placeholder(path)
            || self.comparing.covers(self.shown, path)
    }

    /// Whether the image made what is at a directory: it has files there, and none was copied.
    fn is_made(&self, path: &str) -> bool {
        self.image
            .own
            .keys()
            .any(|own| Path::new(path).starts_with(own))
            && self.image.directories.contains(path)
    }

    /// A file that no COPY brings and the image has: with another content it is not the one that dev mounts.
    fn replaced(&self, mut one: Candidate) -> Option<Candidate> {
        let own = self.image.own.get(&one.path)?;
        // What a RUN made is another version of the file, which is told as one that differs.
        let of_run = self.base.as_ref();
        let of_run = of_run.is_some_and(|base| !base.present.contains(&one.path));
        if own.differing == 0 || of_run {
            return None;
        }
        one.reason
            .push_str("; the image has another file of that name");
        Some(one)
    }

    /// Files that a COPY brought and that are not there.
    fn removed(&self) -> Vec<Candidate> {
        let Some(built) = &self.comparing.built else {
            return Vec::new();
        };
        let target = self.shown.target.trim_end_matches('/');
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for (place, copied) in built.copies.image() {
            let below = match place.strip_prefix(target) {
                Some("") => "",
                Some(rest) if rest.starts_with('/') => &rest[1..],
                _ => continue,
            };
            let own = on_host(&self.shown.source, below);
            let gone =
                !self.image.present.contains(below) && built.context.join(&copied.source) == own;
            if gone && !self.is_no_loss(below) {
                lines.insert(below.to_owned(), copied.instruction_line);
            }
        }
        let gone: Vec<String> = lines.keys().cloned().collect();
        let there: Vec<String> = self.image.present.iter().cloned().collect();
        let tops = topmost(&gone, &there).into_iter();
        tops.map(|path| {
            let inside = |(below, _): &(&String, &usize)| Path::new(below).starts_with(&path);
            let line = lines.iter().find(inside).map_or(0, |(_, line)| *line);
            Candidate {
                cause: Cause::Removed,
                nothing_else: false,
                reason: format!(
                    "line {line} of {} copies it, and a later step removes or moves it",
                    built.input.shown
                ),
                path,
            }
        })
        .collect()
    }

    /// How the image came to what is at a path below the mount, in a fragment; none when it is the base image's.
    fn origin(&self, path: &str) -> Option<String> {
        let built = self.comparing.built.as_ref()?;
        let absolute = in_container(&self.shown.target, path);
        let file = &built.input.shown;
        let made = built.made.iter().find(|made| {
            let (made, absolute) = (Path::new(&made.path), Path::new(&absolute));
            absolute.starts_with(made) || made.starts_with(absolute)
        });
        if let Some(made) = made {
            return Some(format!("line {} of {file} ({})", made.line, made.by));
        }
        let base = self.base.as_ref()?;
        let in_base = |other: &String| Path::new(other).starts_with(path);
        if base.present.iter().any(in_base) {
            return None;
        }
        let runs = built.input.resolved.reachable().flat_map(|stage| {
            let runs = stage
                .steps
                .iter()
                .filter(|step| matches!(step.kind, Kind::Run(_)));
            runs.map(|step| step.line.to_string())
        });
        let lines: Vec<String> = runs.collect();
        Some(match lines.as_slice() {
            [] => format!("a step of {file}"),
            [line] => format!("the RUN in line {line} of {file}"),
            lines => format!("a RUN of {file} (line {})", lines.join(" or ")),
        })
    }

    fn tell_differing(&self, mount: &mut MountSeen, replaced: &[String]) {
        let Some(built) = &self.comparing.built else {
            return;
        };
        let target = &self.shown.target;
        let told = |path: &str| {
            is_lock_file(path)
                || is_package(path)
                || self.comparing.covers(self.shown, path)
                || replaced.contains(&in_container(target, path))
        };
        let copied = self.image.differing.iter().map(|one| {
            let absolute = in_container(target, &one.path);
            let own = on_host(&self.shown.source, &one.path);
            let reason = match built.copies.at(&absolute) {
                Some(copied) if built.context.join(&copied.source) == own => format!(
                    "line {} of {} copies it, and a later step changes it",
                    copied.instruction_line, built.input.shown
                ),
                Some(copied) => format!(
                    "line {} of {} copies `{}` there",
                    copied.instruction_line, built.input.shown, copied.source
                ),
                None => "a step of the build changes it".to_owned(),
            };
            (
                one.path.clone(),
                reason,
                1,
                Some((&one.in_image, &one.in_dev)),
            )
        });
        let made = self
            .image
            .own
            .iter()
            .filter(|(_, own)| own.lacking == 0 && own.differing > 0);
        let made = made.filter_map(|(path, own)| {
            let reason = format!("it comes from {}", self.origin(path)?);
            let facts = own.facts.as_ref().filter(|_| own.files == 1);
            Some((
                path.clone(),
                reason,
                own.differing,
                facts.map(|(a, b)| (a, b)),
            ))
        });
        let mut all: Vec<DifferingFile> = Vec::new();
        let mut beyond = self.image.differing_count - self.image.differing.len();
        for (path, reason, files, facts) in copied.chain(made) {
            if told(&path) {
                continue;
            }
            if all.len() == MountSeen::KEPT {
                beyond += 1;
                continue;
            }
            all.push(DifferingFile {
                path: self.comparing.shown_path(self.shown, &path),
                target: in_container(target, &path),
                reason,
                files,
                in_image: facts.map(|(image, _)| image.clone()),
                in_dev: facts.map(|(_, dev)| dev.clone()),
            });
        }
        mount.differing_count = all.len() + beyond;
        mount.differing = all;
    }

    fn tell_hidden(&self, mount: &mut MountSeen) {
        let matters = |(path, own): &(&String, &Own)| {
            let differs = own.lacking > 0 || (is_package(path) && own.differing > 0);
            let covered = self.comparing.covers(self.shown, path);
            differs && !path.is_empty() && !covered && !is_lock_file(path) && !is_placeholder(path)
        };
        let all = self.image.own.iter().filter(matters);
        let all = all.filter_map(|(path, own)| {
            Some(HiddenPath {
                path: self.comparing.shown_path(self.shown, path),
                target: in_container(&self.shown.target, path),
                by: self.origin(path)?,
                on_host: self.shown.source.join(path).exists(),
                files: own.files,
                lacking: own.lacking,
                differing: own.differing,
                examples: own
                    .examples
                    .iter()
                    .map(|path| in_container(&self.shown.target, path))
                    .collect(),
            })
        });
        let mut all: Vec<HiddenPath> = all.collect();
        // Copied from elsewhere in the context: the image has them, and they are no file of the mount.
        let elsewhere = std::mem::take(&mut mount.hidden).into_iter();
        all.extend(elsewhere.filter(|hidden| hidden.lacking > 0 && hidden.files == hidden.lacking));
        mount.hidden_count = all.len();
        all.truncate(MountSeen::KEPT);
        mount.hidden = all;
    }
}
