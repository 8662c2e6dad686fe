//! What the Dockerfile, the ignore file and the disk tell of a mount's files: which the image lacks and why, and in whose
//! place it has others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::files_below;
use super::missing::{is_manifest, is_package, never_needed, topmost};
use super::run_time::is_placeholder;
use crate::build::context::EntryKind;
use crate::build::copied::{Copied, Copies, Missing};
use crate::build::made::{self, Made};
use crate::evidence::Cause;
use crate::run::image::BuildInput;

/// A build whose instructions were followed.
pub struct Built<'a> {
    /// What it is made from.
    pub input: &'a BuildInput,
    /// Directory of its context.
    pub context: &'a Path,
    /// Where the files of the context go.
    pub copies: &'a Copies,
    /// What it makes by itself.
    pub made: Vec<Made>,
}

impl<'a> Built<'a> {
    /// Follows the instructions; none when they cannot be followed, which is told elsewhere.
    pub fn of(input: &'a BuildInput, context: &'a Path) -> Option<Self> {
        let copies = input.copies().ok()?;
        let mut made = made::made(&input.resolved, copies);
        if installs_elsewhere(input, context) {
            made.retain(|made| !made.path.ends_with("/node_modules"));
        }
        Some(Self {
            input,
            context,
            copies,
            made,
        })
    }

    /// Whether the build makes what is at an absolute path of the image.
    fn makes(&self, path: &str) -> bool {
        self.made
            .iter()
            .any(|made| Path::new(path).starts_with(&made.path))
    }
}

/// Whether yarn is told to put packages elsewhere than into `node_modules` (`--modules-folder` in a `.yarnrc`), or to
/// make no such directory at all, as is the default of those versions that have a `.yarnrc.yml` (Plug'n'Play).
fn installs_elsewhere(input: &BuildInput, context: &Path) -> bool {
    let mut settings = input.listing.entries.iter().filter(|entry| {
        let name = entry.path.rsplit('/').next().unwrap_or(&entry.path);
        matches!(name, ".yarnrc" | ".yarnrc.yml") && !is_package(&entry.path)
    });
    settings.any(|entry| {
        let text = std::fs::read_to_string(context.join(&entry.path)).unwrap_or_default();
        match entry.path.ends_with(".yml") {
            true => {
                !text.contains("nodeLinker: node-modules") && !text.contains("nodeLinker: pnpm")
            }
            false => text.contains("--modules-folder"),
        }
    })
}

/// A path that the image lacks, relative to the mount (empty for all of it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub path: String,
    pub cause: Cause,
    pub reason: String,
    /// The image has nothing else of the mount either.
    pub nothing_else: bool,
}

/// What the files say of one mount.
#[derive(Debug, Default)]
pub struct FromDisk {
    /// What the image lacks, the topmost path of each part.
    pub absent: Vec<Candidate>,
    /// Files that a COPY put into the image with another content, each with the COPY.
    pub differing: Vec<(String, String)>,
    /// How many files the mount brings.
    pub files: usize,
}

/// The mount to look at.
pub struct Ground<'a> {
    /// Path on the host.
    pub source: &'a Path,
    /// Path in the container.
    pub target: &'a str,
    /// A path relative to the mount that another mount covers.
    pub covered: &'a dyn Fn(&str) -> bool,
    /// Whether what the build makes by itself counts as there: true without an engine to ask.
    pub trusts_made: bool,
}

/// Compares a mount with what the Dockerfile says.
pub fn look(built: &Built<'_>, ground: &Ground<'_>) -> FromDisk {
    let inside = ground.source.strip_prefix(built.context).ok();
    let inside = inside.map(|inside| inside.to_string_lossy().into_owned());
    let look = Look {
        built,
        ground,
        inside,
    };
    match ground.source.is_file() {
        true => look.file(),
        false => look.directory(),
    }
}

struct Look<'a> {
    built: &'a Built<'a>,
    ground: &'a Ground<'a>,
    /// The source relative to the context; none when it lies outside.
    inside: Option<String>,
}

/// What is at the place of one file.
enum Place {
    /// The file itself, or one with its content.
    Same,
    /// Another content, and where it came from.
    Other(String),
    Nothing,
}

impl Look<'_> {
    fn file(&self) -> FromDisk {
        let mut found = FromDisk {
            files: 1,
            ..FromDisk::default()
        };
        match self.place("") {
            Place::Same => {}
            Place::Other(by) => found.differing.push((String::new(), by)),
            Place::Nothing => found.absent.extend(self.candidate("")),
        }
        found
    }

    fn directory(&self) -> FromDisk {
        let mut found = FromDisk::default();
        if let Some(all) = self.ignored_as_a_whole() {
            found.files = files_below(self.ground.source).len();
            found.absent.extend((found.files > 0).then_some(all));
            return found;
        }
        let (mut there, mut absent) = (Vec::new(), Vec::new());
        for path in self.files() {
            found.files += 1;
            match self.place(&path) {
                Place::Same => there.push(path),
                Place::Other(by) => {
                    if !never_needed(&path) && !(self.ground.covered)(&path) {
                        found.differing.push((path.clone(), by));
                    }
                    there.push(path);
                }
                Place::Nothing if self.is_elsewhere(&path) => there.push(path),
                Place::Nothing => absent.push(path),
            }
        }
        absent.retain(|path| !self.is_no_loss(path));
        let ignored = self.ignored().filter(|path| !self.is_no_loss(path));
        let tops: Vec<String> = topmost(&absent, &there)
            .into_iter()
            .chain(ignored)
            .collect();
        found.absent = tops
            .iter()
            .filter_map(|path| self.candidate(path))
            .collect();
        let nothing = !there
            .iter()
            .any(|path| !is_manifest(path) && !never_needed(path));
        // Where a part of it went into a program, the image has it all the same.
        if nothing && found.absent.len() == tops.len() {
            match found.absent.as_mut_slice() {
                [] => {}
                [one] => one.nothing_else = true,
                all => found.absent = vec![together(all)],
            }
        }
        found
    }

    /// Files of the mounted directory that its ignore file keeps, relative to it.
    fn files(&self) -> Vec<String> {
        let Some(inside) = &self.inside else {
            let files = files_below(self.ground.source);
            let below = files
                .iter()
                .filter_map(|file| file.strip_prefix(self.ground.source).ok());
            return below
                .map(|path| path.to_string_lossy().into_owned())
                .collect();
        };
        let entries = self.built.input.listing.entries.iter();
        let files = entries.filter(|entry| entry.kind != EntryKind::Dir);
        files
            .filter_map(|entry| below(&entry.path, inside))
            .collect()
    }

    /// What the ignore file keeps out of the mounted directory, the topmost paths.
    fn ignored(&self) -> impl Iterator<Item = String> {
        let all = self.built.input.listing.ignored.iter();
        let ignored = all.filter_map(|one| below(&one.path, self.inside.as_deref()?));
        // An empty directory is no loss.
        ignored.filter(|path| {
            let on_disk = self.ground.source.join(path);
            let holds = |file: &PathBuf| !is_placeholder(&file.to_string_lossy());
            !on_disk.is_dir() || files_below(&on_disk).iter().any(holds)
        })
    }

    /// The ignore file leaves out all of the mounted directory, so the listing knows nothing of what is below.
    fn ignored_as_a_whole(&self) -> Option<Candidate> {
        let inside = self.inside.as_deref().filter(|inside| !inside.is_empty())?;
        let verdict = self.built.input.ignore.decide(inside).ok()?;
        let below = format!("{inside}/");
        let mut entries = self.built.input.listing.entries.iter();
        let kept = entries.any(|entry| entry.path.starts_with(&below));
        (verdict.excluded && !kept).then(|| self.candidate(""))?
    }

    /// What the image has in the place of a file.
    fn place(&self, path: &str) -> Place {
        let shown = self.in_container(path);
        let Some(copied) = self.built.copies.at(&shown) else {
            return match self.ground.trusts_made && self.built.makes(&shown) {
                true => Place::Same,
                false => Place::Nothing,
            };
        };
        let from = self.built.context.join(&copied.source);
        let own = super::image_files::on_host(self.ground.source, path);
        if from == own || same_content(&from, &own) {
            return Place::Same;
        }
        Place::Other(self.by(copied))
    }

    fn by(&self, copied: &Copied) -> String {
        format!(
            "line {} of {} copies `{}` there",
            copied.instruction_line, self.built.input.shown, copied.source
        )
    }

    fn in_container(&self, path: &str) -> String {
        match path {
            "" => self.ground.target.to_owned(),
            path => format!("{}/{path}", self.ground.target.trim_end_matches('/')),
        }
    }

    /// The path in the context.
    fn in_context(&self, path: &str) -> Option<String> {
        let inside = self.inside.as_deref()?;
        Some(match (inside, path) {
            ("", path) => path.to_owned(),
            (inside, "") => inside.to_owned(),
            (inside, path) => format!("{inside}/{path}"),
        })
    }

    fn is_elsewhere(&self, path: &str) -> bool {
        let path = self.in_context(path);
        path.is_some_and(|path| !self.built.copies.places(&path).is_empty())
    }

    fn is_no_loss(&self, path: &str) -> bool {
        let own = never_needed(path) || is_package(path) || is_placeholder(path);
        own || (self.ground.covered)(path) || {
            self.ground.trusts_made && self.built.makes(&self.in_container(path))
        }
    }

    /// The path with the reason; none when the image has it after all, or was compiled from it.
    fn candidate(&self, path: &str) -> Option<Candidate> {
        let Some(in_context) = self.in_context(path) else {
            let reason = "it lies outside of the build context, where no COPY reaches";
            return Some(Candidate {
                path: path.to_owned(),
                cause: Cause::OutsideContext,
                reason: reason.to_owned(),
                nothing_else: false,
            });
        };
        let built = self.built;
        let missing = built
            .copies
            .reason_missing(&in_context, &built.input.ignore);
        let missing = missing.ok()??;
        let cause = match &missing {
            Missing::OtherStage { built: true, .. } if !read_at_run_time(path, self.ground) => {
                return None;
            }
            Missing::OtherStage { built: true, .. } => Cause::StageOfBuild,
            Missing::OtherStage { .. } => Cause::OtherStage,
            Missing::Ignored { pattern, .. } if stands_for_all(pattern) => Cause::IgnoredWithAll,
            Missing::Ignored { .. } => Cause::Ignored,
            Missing::Replaced { .. } => Cause::Replaced,
            Missing::NotCopied | Missing::NotInContext => Cause::NotCopied,
        };
        let reason = format!("{missing} ({})", built.input.shown);
        Some(Candidate {
            path: path.to_owned(),
            cause,
            reason,
            nothing_else: false,
        })
    }
}

/// Whether a single mounted file is settings that no compiler takes in: copied into the stage that compiles, it is still
/// missing from the one that runs.
fn read_at_run_time(path: &str, ground: &Ground<'_>) -> bool {
    const ENDINGS: &[&str] = &[
        ".yml",
        ".yaml",
        ".toml",
        ".ini",
        ".conf",
        ".cfg",
        ".properties",
    ];
    let name = ground.source.to_string_lossy();
    path.is_empty()
        && ground.source.is_file()
        && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// A pattern that leaves out everything, so that each exception is a choice and each omission may be an oversight.
fn stands_for_all(pattern: &str) -> bool {
    matches!(pattern.trim_start_matches('/'), "*" | "**" | "**/*" | "*/*")
}

/// What follows `directory` in `path`; none for the directory itself and for what is not below it.
fn below(path: &str, directory: &str) -> Option<String> {
    let rest = match directory {
        "" => path,
        directory => path.strip_prefix(directory)?.strip_prefix('/')?,
    };
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// One candidate for a mount of which the image has nothing that matters.
fn together(all: &[Candidate]) -> Candidate {
    /// Names told of one reason.
    const NAMED: usize = 6;
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in all {
        reasons.entry(&one.reason).or_default().push(&one.path);
    }
    let told = reasons.into_iter().map(|(reason, paths)| {
        let mut names: Vec<String> = paths
            .iter()
            .take(NAMED)
            .map(|path| format!("`{path}`"))
            .collect();
        if paths.len() > NAMED {
            names.push(format!("{} more", paths.len() - NAMED));
        }
        format!("{}: {reason}", names.join(", "))
    });
    Candidate {
        path: String::new(),
        cause: all[0].cause,
        reason: told.collect::<Vec<_>>().join("; "),
        nothing_else: true,
    }
}

/// Whether two files of the disk hold the same bytes. A file that cannot be read is like no other.
fn same_content(a: &Path, b: &Path) -> bool {
    let size = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    size(a).is_some() && size(a) == size(b) && {
        let read = |path: &Path| std::fs::read(path).ok();
        read(a).is_some_and(|bytes| Some(bytes) == read(b))
    }
}
