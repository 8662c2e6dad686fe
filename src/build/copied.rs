//! Which files of a build context end up in the image, where, and why the others do not.
//!
//! Pure: it is given the resolved Dockerfile and the list of context files. What a `RUN` makes, moves or deletes is not
//! known here, so a file that a `RUN` copies onwards counts as left behind, and one it deletes as still there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::copy::{self, Placed, Tree};
use super::dockerfile::{Copy, Kind};
use super::ignore::{Ignore, IgnoreError};
use super::paths;
use super::stages::{Base, Resolved, ResolvedStage, Step};

/// A file of the build context, after `.dockerignore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextFile {
    /// Relative to the context, with `/`.
    pub path: String,
    pub kind: FileKind,
}

/// What a path of the context is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    File,
    Dir,
    /// A symbolic link and where it points.
    Symlink(String),
}

/// A context file in a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// Path in the build context.
    pub source: String,
    /// Absolute path in the stage; for an unpacked archive, the directory.
    pub target: String,
    /// Index of the stage whose instruction put it there.
    pub stage: usize,
    /// It is in the image: put into the target stage or one below it and not replaced since by another file, or brought
    /// there from its stage by a `COPY --from`.
    pub in_final: bool,
    /// Line of the `COPY` or `ADD`.
    pub instruction_line: usize,
    /// The stage it was brought from by `COPY --from`.
    pub from_stage: Option<usize>,
    /// A local archive that `ADD` unpacked.
    pub unpacked: bool,
}

/// A `COPY` that names something the context does not have; the build fails on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingSource {
    /// As written, expanded.
    pub source: String,
    pub stage: usize,
    pub line: usize,
}

/// Where the files of a context went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// Every placement in the stages that are built, in the order of the instructions.
    pub files: Vec<Copied>,
    /// Sources of reachable stages that are not in the context.
    pub missing_sources: Vec<MissingSource>,
    /// Placements in stages that are not built.
    unbuilt: Vec<Copied>,
    /// What is at each absolute path of the image: an index into `files`.
    image: BTreeMap<String, usize>,
    /// Files and links of the context.
    context: BTreeSet<String>,
    labels: Vec<String>,
}

/// Why a path of the context is not in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Missing {
    /// A line of the ignore file keeps it out of the context.
    Ignored {
        file: String,
        line: usize,
        pattern: String,
    },
    /// The context has no such file.
    NotInContext,
    /// No `COPY` or `ADD` of a stage that is built takes it.
    NotCopied,
    /// It was copied into a stage of which the image does not take it.
    OtherStage {
        stage: String,
        line: usize,
        built: bool,
    },
    /// Another file was copied to the same place afterwards.
    Replaced { by: String, line: usize },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored {
                file,
                line,
                pattern,
            } => write!(f, "ignored by `{pattern}` in {file} line {line}"),
            Self::NotInContext => write!(f, "not in the build context"),
            Self::NotCopied => write!(f, "not copied by any `COPY` or `ADD`"),
            Self::OtherStage {
                stage,
                line,
                built: true,
            } => {
                write!(
                    f,
                    "copied into stage `{stage}` only (line {line}), and not from there into the image"
                )
            }
            Self::OtherStage {
                stage,
                line,
                built: false,
            } => {
                write!(
                    f,
                    "copied into stage `{stage}` only (line {line}), which is not part of this build"
                )
            }
            Self::Replaced { by, line } => write!(
                f,
                "replaced by `{by}`, which line {line} copies to the same place"
            ),
        }
    }
}

/// How a directory of the context compares with a directory of the image, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImagePaths {
    /// Context files that are in the image exactly where the directory would show them.
    pub present: Vec<String>,
    /// Context files that are in the image, but only at other places: (path, absolute places).
    pub elsewhere: Vec<(String, Vec<String>)>,
    /// Context files that are not in the image.
    pub absent: Vec<String>,
    /// Files in that directory of the image which are not the context file the directory would show there: (absolute
    /// place, context path).
    pub others: Vec<(String, String)>,
}

/// Follows every `COPY` and `ADD`.
///
/// # Errors
/// A malformed `--exclude` pattern; its line is that of nothing (0), its file `--exclude`.
pub fn copied(resolved: &Resolved, context: &[ContextFile]) -> Result<Copies, IgnoreError> {
    let mut tree = Tree::default();
    for file in context {
        match &file.kind {
            FileKind::Dir => tree.add_dir(&file.path),
            FileKind::File => drop(tree.add_file(&file.path, file.path.as_str())),
            FileKind::Symlink(target) => {
                tree.add_file(&file.path, file.path.as_str());
                tree.links.insert(file.path.clone(), target.clone());
            }
        }
    }
    let mut run = Run {
        context: &tree,
        records: Vec::new(),
        stages: Vec::new(),
        missing_sources: Vec::new(),
    };
    for stage in &resolved.stages {
        run.stage(stage)?;
    }
    Ok(run.finish(resolved))
}

/// A placement while stages are gone through.
struct Record {
    copied: Copied,
    /// The placements this one goes back to: the one it was copied from, and the same file at the same place before.
    earlier: Vec<usize>,
}

struct Run<'a> {
    context: &'a Tree<&'a str>,
    records: Vec<Record>,
    /// What is known of each stage's file system: paths to indices of `records`.
    stages: Vec<Tree<usize>>,
    missing_sources: Vec<MissingSource>,
}

/// Directories every ordinary image has. A file copied onto one goes into it, so they matter even though the image is
/// not looked into.
const USUAL_DIRS: &[&str] = &[
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr/bin",
    "usr/include",
    "usr/lib",
    "usr/local/bin",
    "usr/local/etc",
    "usr/local/lib",
    "usr/local/sbin",
    "usr/local/share",
    "usr/sbin",
    "usr/share",
    "usr/src",
    "var/cache",
    "var/lib",
    "var/log",
    "var/run",
    "var/tmp",
];

impl Run<'_> {
    fn stage(&mut self, stage: &ResolvedStage) -> Result<(), IgnoreError> {
        let mut tree = match stage.base {
            Base::Stage(below) => self.stages[below].clone(),
            Base::Scratch | Base::Image(_) => Tree::default(),
        };
        if let Base::Image(_) = stage.base {
            USUAL_DIRS.iter().for_each(|dir| tree.add_dir(dir));
        }
        for step in &stage.steps {
            tree.add_dir(&paths::below_root(&step.workdir));
            match &step.kind {
                Kind::Workdir(path) => {
                    tree.add_dir(&paths::below_root(&paths::absolute(&step.workdir, path)))
                }
                Kind::Copy(copy) => self.instruction(stage, step, copy, false, &mut tree)?,
                Kind::Add(copy) => self.instruction(stage, step, copy, true, &mut tree)?,
                _ => {}
            }
        }
        self.stages.push(tree);
        Ok(())
    }

    fn instruction(
        &mut self,
        stage: &ResolvedStage,
        step: &Step,
        given: &Copy,
        is_add: bool,
        tree: &mut Tree<usize>,
    ) -> Result<(), IgnoreError> {
        let is_dir = |path: &str| tree.dirs.contains(path);
        match (&given.from, step.from_stage) {
            (None, _) => {
                let outcome = copy::copy(self.context, given, is_add, &step.workdir, &is_dir)?;
                if stage.reachable {
                    let missing = outcome.missing.into_iter();
                    self.missing_sources
                        .extend(missing.map(|source| MissingSource {
                            source,
                            stage: stage.index,
                            line: step.line,
                        }));
                }
                outcome.dirs.iter().for_each(|dir| tree.add_dir(dir));
                for placed in outcome.placed {
                    let source = placed.value.to_owned();
                    self.place(stage, step, placed, source, None, tree);
                }
            }
            (Some(_), Some(from)) => {
                let outcome =
                    copy::copy(&self.stages[from], given, is_add, &step.workdir, &is_dir)?;
                outcome.dirs.iter().for_each(|dir| tree.add_dir(dir));
                for placed in outcome.placed {
                    let source = self.records[placed.value].copied.source.clone();
                    let origin = placed.value;
                    self.place(stage, step, placed, source, Some((from, origin)), tree);
                }
            }
            // From an image: nothing of it is the context's.
            (Some(_), None) => {}
        }
        Ok(())
    }

    fn place<T>(
        &mut self,
        stage: &ResolvedStage,
        step: &Step,
        placed: Placed<T>,
        source: String,
        from: Option<(usize, usize)>,
        tree: &mut Tree<usize>,
    ) {
        let record = self.records.len();
        let mut earlier: Vec<usize> = from.iter().map(|&(_, origin)| origin).collect();
        if !placed.unpacked {
            let before = tree.add_file(&placed.target, record);
            earlier.extend(before.filter(|&before| self.records[before].copied.source == source));
        }
        let copied = Copied {
            source,
            target: format!("/{}", placed.target),
            stage: stage.index,
            in_final: false,
            instruction_line: step.line,
            from_stage: from.map(|(stage, _)| stage),
            unpacked: placed.unpacked,
        };
        self.records.push(Record { copied, earlier });
    }

    fn finish(mut self, resolved: &Resolved) -> Copies {
        let image_tree = std::mem::take(&mut self.stages[resolved.target].files);
        let lineage = resolved.lineage();
        let mut open: Vec<usize> = image_tree.values().copied().collect();
        let unpacked =
            |record: &Record| record.copied.unpacked && lineage.contains(&record.copied.stage);
        open.extend((0..self.records.len()).filter(|&at| unpacked(&self.records[at])));
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut self.records[at].copied.in_final, true) {
                open.extend(&self.records[at].earlier);
            }
        }
        let (mut files, mut unbuilt, mut positions) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (at, record) in self.records.into_iter().enumerate() {
            if resolved.stages[record.copied.stage].reachable {
                positions.insert(at, files.len());
                files.push(record.copied);
            } else {
                unbuilt.push(record.copied);
            }
        }
        let image = image_tree
            .into_iter()
            .filter_map(|(path, at)| Some((format!("/{path}"), *positions.get(&at)?)));
        Copies {
            image: image.collect(),
            files,
            missing_sources: self.missing_sources,
            unbuilt,
            context: self.context.files.keys().cloned().collect(),
            labels: resolved.stages.iter().map(ResolvedStage::label).collect(),
        }
    }
}

impl Copies {
    /// The context file at an absolute path of the image.
    pub fn at(&self, image_path: &str) -> Option<&Copied> {
        self.image
            .get(&paths::clean(image_path))
            .map(|&at| &self.files[at])
    }

    /// Whether a copy put anything at or below an absolute path of a stage.
    pub(crate) fn stage_has(&self, stage: usize, path: &str) -> bool {
        let path = paths::clean(path);
        let mut all = self.files.iter().chain(&self.unbuilt);
        all.any(|copied| copied.stage == stage && paths::within(&copied.target, &path).is_some())
    }

    /// The absolute paths of the image that hold a context file, with that file.
    pub fn image(&self) -> impl Iterator<Item = (&str, &Copied)> {
        let image = self.image.iter();
        image.map(|(path, &at)| (path.as_str(), &self.files[at]))
    }

    /// Every absolute path of the image that holds this context file.
    pub fn places(&self, source: &str) -> Vec<&str> {
        let places = self
            .image
            .iter()
            .filter(|(_, at)| self.files[**at].source == source);
        places.map(|(path, _)| path.as_str()).collect()
    }

    /// Why a path of the context is not in the image; `None` when it is. For a directory: `None` when anything below it
    /// is in the image. `ignore` is the ignore file the context was read with.
    ///
    /// # Errors
    /// As [`Ignore::decide`].
    pub fn reason_missing(
        &self,
        path: &str,
        ignore: &Ignore,
    ) -> Result<Option<Missing>, IgnoreError> {
        let path = paths::below_root(path);
        let concerned = |copied: &&Copied| paths::within(&copied.source, &path).is_some();
        if self
            .files
            .iter()
            .filter(concerned)
            .any(|copied| copied.in_final)
        {
            return Ok(None);
        }
        let verdict = ignore.decide(&path)?;
        if let (true, Some(rule)) = (verdict.excluded, verdict.by) {
            let file = ignore.file().to_owned();
            return Ok(Some(Missing::Ignored {
                file,
                line: rule.line,
                pattern: rule.pattern,
            }));
        }
        if !self
            .context
            .iter()
            .any(|file| paths::within(file, &path).is_some())
        {
            return Ok(Some(Missing::NotInContext));
        }
        let other_stage = |copied: &Copied, built| {
            let stage = self.labels[copied.stage].clone();
            Missing::OtherStage {
                stage,
                line: copied.instruction_line,
                built,
            }
        };
        let Some(last) = self.files.iter().rfind(|copied| concerned(copied)) else {
            let unbuilt = self.unbuilt.iter().rfind(|copied| concerned(copied));
            return Ok(Some(
                unbuilt.map_or(Missing::NotCopied, |copied| other_stage(copied, false)),
            ));
        };
        let by = self
            .at(&last.target)
            .filter(|by| by.source != last.source && self.placed_after(by, last));
        Ok(Some(match by {
            Some(by) => Missing::Replaced {
                by: by.source.clone(),
                line: by.instruction_line,
            },
            None => other_stage(last, true),
        }))
    }

    fn placed_after(&self, by: &Copied, last: &Copied) -> bool {
        (by.stage, by.instruction_line) >= (last.stage, last.instruction_line)
    }

    /// Compares what a mount of the context directory `context_dir` on `target_dir` shows with what the image has there.
    /// `context_dir` is relative to the context (empty for all of it), `target_dir` an absolute path of the container.
    pub fn image_paths(&self, target_dir: &str, context_dir: &str) -> ImagePaths {
        let (target_dir, context_dir) = (paths::clean(target_dir), paths::below_root(context_dir));
        let mut found = ImagePaths::default();
        let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (place, &at) in &self.image {
            places
                .entry(&self.files[at].source)
                .or_default()
                .push(place.clone());
        }
        for file in &self.context {
            let Some(below) = paths::within(file, &context_dir).filter(|below| !below.is_empty())
            else {
                continue;
            };
            let shown = paths::join(&target_dir, below);
            match self.at(&shown) {
                Some(copied) if copied.source == *file => found.present.push(file.clone()),
                _ => match places.get(file.as_str()) {
                    None => found.absent.push(file.clone()),
                    Some(places) => found.elsewhere.push((file.clone(), places.clone())),
                },
            }
        }
        for (place, &at) in &self.image {
            let Some(below) = paths::within(place, &target_dir) else {
                continue;
            };
            let source = &self.files[at].source;
            if *source != paths::join(&context_dir, below) {
                found.others.push((place.clone(), source.clone()));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::dockerfile::read;
    use super::super::stages::Inputs;
    use super::*;

    fn follow(dockerfile: &str, target: Option<&str>, files: &[&str]) -> Copies {
        let inputs = Inputs {
            target: target.map(str::to_owned),
            ..Inputs::default()
        };
        let resolved = read(dockerfile, "Dockerfile")
            .unwrap()
            .resolve(&inputs)
            .unwrap();
        let context: Vec<_> = files
            .iter()
            .map(|path| ContextFile {
                path: (*path).to_owned(),
                kind: FileKind::File,
            })
            .collect();
        copied(&resolved, &context).unwrap()
    }

    fn image(copies: &Copies) -> Vec<String> {
        copies
            .image
            .iter()
            .map(|(path, &at)| format!("{} -> {path}", copies.files[at].source))
            .collect()
    }

    const MULTI: &str = "FROM node AS build\nWORKDIR /app\nCOPY package.json ./\nCOPY . .\nRUN npm run build\n\
                         FROM nginx\nCOPY --from=build /app/dist /usr/share/nginx/html\nCOPY nginx.conf /etc/nginx/conf.d/\n\
                         COPY --from=build /app/public /srv\n";
    const FILES: &[&str] = &["package.json", "src/a.js", "public/logo.png", "nginx.conf"];

    #[test]
    fn only_what_is_brought_over_is_in_the_image() {
        let copies = follow(MULTI, None, FILES);
        assert_eq!(
            image(&copies),
            [
                "nginx.conf -> /etc/nginx/conf.d/nginx.conf",
                "public/logo.png -> /srv/logo.png"
            ]
        );
        let build: Vec<_> = copies
            .files
            .iter()
            .filter(|copied| copied.stage == 0)
            .collect();
        assert_eq!(build.len(), 5);
        assert!(
            build
                .iter()
                .all(|copied| copied.in_final == (copied.source == "public/logo.png"))
        );
        let brought = copies.at("/srv/logo.png").unwrap();
        assert_eq!((brought.instruction_line, brought.from_stage), (9, Some(0)));
    }

    #[test]
    fn a_target_sees_what_the_stages_below_it_copied() {
        let text = "FROM a AS base\nWORKDIR /app\nCOPY a .\nFROM base AS dev\nCOPY b .\nFROM base\nCOPY c .\n";
        let files = &["a", "b", "c"];
        assert_eq!(
            image(&follow(text, None, files)),
            ["a -> /app/a", "c -> /app/c"]
        );
        assert_eq!(
            image(&follow(text, Some("dev"), files)),
            ["a -> /app/a", "b -> /app/b"]
        );
        assert!(
            follow(text, Some("dev"), files)
                .files
                .iter()
                .all(|copied| copied.stage != 2)
        );
    }

    #[test]
    fn reasons_name_line_stage_and_pattern() {
        let ignore = Ignore::parse("*.md\n", ".dockerignore").unwrap();
        let copies = follow(MULTI, None, FILES);
        let reason = |path| copies.reason_missing(path, &ignore).unwrap();
        assert_eq!(reason("nginx.conf"), None);
        assert_eq!(reason("public"), None);
        assert_eq!(
            reason("README.md").unwrap().to_string(),
            "ignored by `*.md` in .dockerignore line 1"
        );
        assert_eq!(reason("nope"), Some(Missing::NotInContext));
        let other = reason("src/a.js").unwrap();
        assert_eq!(
            other,
            Missing::OtherStage {
                stage: "build".into(),
                line: 4,
                built: true
            }
        );
        assert_eq!(reason("src"), Some(other));
    }

    #[test]
    fn a_file_copied_nowhere_or_only_into_a_stage_not_built_is_told_apart() {
        let text = "FROM a AS dev\nCOPY b /b\nFROM a\nCOPY a /a\n";
        let copies = follow(text, None, &["a", "b", "c"]);
        let reason = |path| copies.reason_missing(path, &Ignore::default()).unwrap();
        assert_eq!(
            reason("b"),
            Some(Missing::OtherStage {
                stage: "dev".into(),
                line: 2,
                built: false
            })
        );
        assert_eq!(reason("c"), Some(Missing::NotCopied));
    }

    #[test]
    fn a_file_replaced_by_another_is_not_in_the_image() {
        let copies = follow(
            "FROM a\nCOPY . /app\nCOPY prod.env /app/.env\n",
            None,
            &[".env", "prod.env"],
        );
        let reason = copies.reason_missing(".env", &Ignore::default()).unwrap();
        assert_eq!(
            reason,
            Some(Missing::Replaced {
                by: "prod.env".into(),
                line: 3
            })
        );
        assert_eq!(
            image(&copies),
            ["prod.env -> /app/.env", "prod.env -> /app/prod.env"]
        );
    }

    #[test]
    fn a_file_copied_twice_to_one_place_counts_both_times() {
        let copies = follow(
            "FROM a\nWORKDIR /app\nCOPY p.json ./\nCOPY . .\n",
            None,
            &["p.json"],
        );
        assert_eq!(
            copies.files.iter().filter(|copied| copied.in_final).count(),
            2
        );
    }

    #[test]
    fn run_mounts_and_other_images_bring_nothing() {
        let text = "FROM a\nRUN --mount=type=bind,target=/src cp -r /src /app\nCOPY --from=nginx:1 /etc/nginx /x\n";
        assert!(follow(text, None, &["a"]).files.is_empty());
    }

    #[test]
    fn a_source_the_context_lacks_is_reported_for_stages_that_are_built() {
        let text = "FROM a AS other\nCOPY gone /x\nFROM a\nCOPY missing /x\n";
        let missing = follow(text, None, &["a"]).missing_sources;
        assert_eq!(
            missing,
            [MissingSource {
                source: "missing".into(),
                stage: 1,
                line: 4
            }]
        );
    }

    #[test]
    fn a_mounted_directory_is_compared_place_by_place() {
        let text = "FROM a\nWORKDIR /app\nCOPY api/src ./src\nCOPY api/tool /usr/local/bin\nCOPY conf /app/conf\n";
        let copies = follow(
            text,
            None,
            &["api/src/a.js", "api/test/t.js", "api/tool", "conf"],
        );
        let found = copies.image_paths("/app/", "api");
        assert_eq!(found.present, ["api/src/a.js"]);
        assert_eq!(
            found.elsewhere,
            [(
                "api/tool".to_owned(),
                vec!["/usr/local/bin/tool".to_owned()]
            )]
        );
        assert_eq!(found.absent, ["api/test/t.js"]);
        assert_eq!(found.others, [("/app/conf".to_owned(), "conf".to_owned())]);
    }

    #[test]
    fn a_copy_from_a_stage_may_use_wildcards_and_rename() {
        let text = "FROM a AS one\nCOPY . /in/\nFROM scratch\nCOPY --from=one /in/*.txt /in/sub/x /out/\nCOPY --from=0 /in/b.txt /c\n";
        let copies = follow(text, None, &["a.txt", "b.txt", "sub/x"]);
        assert_eq!(
            image(&copies),
            [
                "b.txt -> /c",
                "a.txt -> /out/a.txt",
                "b.txt -> /out/b.txt",
                "sub/x -> /out/x"
            ]
        );
    }
}
