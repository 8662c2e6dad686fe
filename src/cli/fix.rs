//! `prod-check --fix` and `--diff`: shows what repairs change, and writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::exit::Failure;
use crate::collect::without_engine;
use crate::engine::{Engine, Reference};
use crate::evidence::Evidence;
use crate::finding::{Fix, Judgement};
use crate::fix::{self, BuildFiles, Ground, Outcome, Plan, Texts};
use crate::run::image::Source;

/// Larger files are not repaired.
const LARGEST: u64 = 4 << 20;

/// Repairs of a judgement, ready to be shown and written.
pub struct Repairs {
    directory: PathBuf,
    before: Texts,
    plan: Plan,
    outcome: Outcome,
}

/// Plans the repairs of `judgement` and notes with each finding what its repair does. `engine`, when
/// there is one, knows the digests of images.
pub async fn plan(
    evidence: &Evidence,
    judgement: &mut Judgement,
    engine: Option<&Engine>,
) -> Repairs {
    let directory = evidence.prod.directory.clone();
    let mut ground = Ground {
        builds: builds(evidence, judgement),
        digests: BTreeMap::new(),
        directories: directories(judgement, &directory),
    };
    if let Some(engine) = engine {
        ground.digests = digests(judgement, engine).await;
    }
    let files = fix::files(evidence, judgement, &ground);
    let before: Texts = files
        .into_iter()
        .filter_map(|file| Some((file.clone(), read(&directory, &file)?)))
        .collect();
    let plan = fix::plan(evidence, judgement, &ground, &before);
    let outcome = fix::apply(&plan.repairs, &before);
    for (number, description) in &outcome.done {
        let repair = plan.repairs.iter().find(|repair| repair.finding == *number);
        judgement.findings[*number].fix = repair.map(|repair| Fix {
            description: description.clone(),
            files: repair.files(),
        });
    }
    Repairs {
        directory,
        before,
        plan,
        outcome,
    }
}

/// The paths of findings that are directories.
fn directories(judgement: &Judgement, directory: &Path) -> BTreeSet<String> {
    let paths = judgement.counted().filter_map(|finding| {
        let path = finding.data.get("path")?.as_str()?;
        directory.join(path).is_dir().then(|| path.to_owned())
    });
    paths.collect()
}

/// A text file of the project; none when it is elsewhere, is too large or is no text.
fn read(directory: &Path, file: &str) -> Option<String> {
    let path = inside(directory, file)?;
    let metadata = std::fs::metadata(&path).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    std::fs::read_to_string(path).ok()
}

/// Where `file` is, when that is inside of the project, links followed.
fn inside(directory: &Path, file: &str) -> Option<PathBuf> {
    let path = directory.join(file).canonicalize().ok()?;
    path.starts_with(directory.canonicalize().ok()?)
        .then_some(path)
}

/// How the services are built whose images lack something; walking a context again takes its time.
fn builds(evidence: &Evidence, judgement: &Judgement) -> BTreeMap<String, BuildFiles> {
    let app = &evidence.prod;
    let lacking: BTreeSet<&str> = judgement
        .counted()
        .filter(|finding| finding.rule.code == "E001")
        .filter_map(|finding| finding.service.as_deref())
        .collect();
    let services = app.services.values();
    let services =
        services.filter(|service| service.build.is_some() && lacking.contains(&*service.name));
    let sources = services.filter_map(|service| {
        let source = without_engine::source(app, service).ok()?;
        Some((
            service.name.clone(),
            build_files(evidence, &service.name, &source)?,
        ))
    });
    sources.collect()
}

fn build_files(evidence: &Evidence, service: &str, source: &Source) -> Option<BuildFiles> {
    let app = &evidence.prod;
    let build = app.services.get(service)?.build.as_ref()?;
    let input = source.built.as_ref()?;
    let relative = |path: &Path| {
        let path = path.strip_prefix(&app.directory).ok()?;
        Some(path.to_string_lossy().into_owned())
    };
    let dockerfile = match build.dockerfile_inline {
        Some(_) => None,
        None => relative(&build.dockerfile),
    };
    let ignore = input.ignore.file();
    let beside = build.dockerfile.parent().map(|folder| folder.join(ignore));
    let ignore_file = [Some(build.context.join(ignore)), beside]
        .into_iter()
        .flatten()
        .find(|path| !ignore.is_empty() && path.is_file());
    Some(BuildFiles {
        dockerfile,
        context: relative(&build.context)?,
        ignore_file: ignore_file.and_then(|path| relative(&path)),
        files: input.listing.files(),
        inputs: input.inputs.clone(),
    })
}

/// The digests of the images that findings want pinned.
async fn digests(judgement: &Judgement, engine: &Engine) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for finding in judgement
        .counted()
        .filter(|finding| finding.rule.code == "E010")
    {
        let Some(reference) = finding.data.get("image").and_then(|image| image.as_str()) else {
            continue;
        };
        let Ok(Some(info)) = engine.image(reference).await else {
            continue;
        };
        if let Some(digest) = Reference::parse(reference).digest_among(&info.repo_digests) {
            digests.insert(reference.to_owned(), digest);
        }
    }
    digests
}

impl Repairs {
    /// The changes as a patch that `git apply` and `patch -p1` take.
    pub fn diff(&self) -> String {
        let mut patch = String::new();
        for (file, after) in &self.outcome.texts {
            let diff = TextDiff::from_lines(&self.before[file], after);
            let mut unified = diff.unified_diff();
            let unified = unified.header(&format!("a/{file}"), &format!("b/{file}"));
            patch.push_str(&unified.to_string());
        }
        patch
    }

    /// What was repaired, and what a person has to do, in lines for people.
    pub fn summary(&self, judgement: &Judgement, written: bool) -> String {
        let mut text = String::new();
        let place = |number: usize| {
            let finding = &judgement.findings[number];
            let at = finding.locations.first();
            let at = at.map_or(String::new(), |location| format!(" at {}", location.place));
            format!("{} {}{at}", finding.rule.code, finding.rule.name)
        };
        let verb = if written { "fixed" } else { "can be fixed" };
        for (number, title) in &self.outcome.done {
            text.push_str(&format!("{verb}: {}: {title}\n", place(*number)));
        }
        for (number, reason) in self.plan.by_hand.iter().chain(&self.outcome.refused) {
            text.push_str(&format!("by hand: {}: {reason}\n", place(*number)));
        }
        let (done, files) = (self.outcome.done.len(), self.outcome.texts.len());
        text.push_str(&match (done, written) {
            (0, _) => "nothing that is found can be fixed by machine\n".to_owned(),
            (_, true) => format!("{done} fixed in {files} files; `envsim prod-check` proves it\n"),
            (_, false) => {
                format!("{done} can be fixed in {files} files; `envsim prod-check --fix` does it\n")
            }
        });
        text
    }

    /// Writes the changed files, each beside the old one first, so that none is ever half written.
    ///
    /// # Errors
    /// A file that cannot be written, or that has changed meanwhile; those before it are written.
    pub fn write(&self) -> Result<(), Failure> {
        for (file, after) in &self.outcome.texts {
            let failed = |problem: String| {
                Failure::usage(
                    format!("cannot change `{file}`: {problem}"),
                    "mend that, and run the command again",
                )
            };
            if read(&self.directory, file).as_ref() != self.before.get(file) {
                return Err(failed("it was changed meanwhile".to_owned()));
            }
            let path = inside(&self.directory, file)
                .ok_or_else(|| failed("it is not in the project any more".to_owned()))?;
            replace(&path, after).map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions();
    let mut name = std::ffi::OsString::from(".envsim-");
    name.push(path.file_name().unwrap_or_default());
    let beside = path.with_file_name(name);
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(mode)?;
        file.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(&beside, path));
    if moved.is_err() {
        // The half-written file is nobody's.
        let _ = std::fs::remove_file(&beside);
    }
    moved
}
