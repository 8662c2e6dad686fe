//! A Dockerfile with its variables filled in: which stage is built, on what, and which others it needs.
//!
//! Scoping follows BuildKit's `frontend/dockerfile/dockerfile2llb/convert.go`: `ARG`s before the first `FROM` count in
//! `FROM` lines only, until a stage repeats their name; a build argument wins over a default; a stage starts with the
//! variables of the stage it is built on.
//!
//! `ONBUILD` triggers of a stage in the same file are run; those a base image brings along are not known here.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde::Serialize;

use super::dockerfile::{
    Arg, Command, Copy, Dockerfile, DockerfileError, Healthcheck, Instruction, Kind, Stage,
};
use super::{expand, paths};

/// What a build is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// `--target`: a stage's name, or its number. `None`: the last stage.
    pub target: Option<String>,
    pub build_args: IndexMap<String, String>,
    /// `os/architecture[/variant]` that is built for; fills `TARGETPLATFORM` and its like.
    pub platform: String,
    /// What is known about base images, by reference as it stands in the `FROM` after expansion.
    pub images: BTreeMap<String, BaseImage>,
}

impl Default for Inputs {
    fn default() -> Self {
        let platform = "linux/amd64".to_owned();
        Self {
            target: None,
            build_args: IndexMap::new(),
            platform,
            images: BTreeMap::new(),
        }
    }
}

/// The settings of a base image that a Dockerfile's meaning depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BaseImage {
    pub env: IndexMap<String, String>,
    /// Absolute; empty stands for `/`.
    pub workdir: String,
}

/// A Dockerfile resolved for one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// Name of the Dockerfile, for messages.
    pub file: String,
    /// Index of the stage that becomes the image.
    pub target: usize,
    /// Every stage of the file, in order.
    pub stages: Vec<ResolvedStage>,
}

/// A stage with its words expanded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedStage {
    pub index: usize,
    pub name: Option<String>,
    /// Line of the `FROM`.
    pub line: usize,
    pub base: Base,
    /// The target needs it, through `FROM`, `COPY --from` or `RUN --mount`. An unreachable stage is not built; its
    /// steps end at the first one that cannot be expanded.
    pub reachable: bool,
    pub steps: Vec<Step>,
    /// Variables at the end of the stage, `ARG`s included, as far as they are known.
    pub env: IndexMap<String, String>,
    /// Working directory at the end of the stage.
    pub workdir: String,
    /// See [`Step::workdir_assumed`].
    pub workdir_assumed: bool,
}

impl ResolvedStage {
    /// The stage's name, else `stage N`: for messages.
    pub fn label(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| format!("stage {}", self.index))
    }
}

/// What a stage is built on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// An image reference.
    Image(String),
    Scratch,
    /// An earlier stage.
    Stage(usize),
}

/// One instruction, expanded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Line of the instruction; for a trigger, of the `ONBUILD` in the stage below.
    pub line: usize,
    /// Working directory before the instruction, absolute.
    pub workdir: String,
    /// The working directory is that of a base image nothing is known about, taken to be `/`.
    pub workdir_assumed: bool,
    /// The stage `--from` means; `None` for the build context or an image.
    pub from_stage: Option<usize>,
    #[serde(flatten)]
    pub kind: Kind,
}

/// The image's settings as the Dockerfile leaves them, each with the line that set it. What the base image sets and the
/// Dockerfile does not is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    pub expose: Vec<(String, usize)>,
    pub env: IndexMap<String, (String, usize)>,
    pub user: Option<(String, usize)>,
    pub workdir: Option<(String, usize)>,
    pub cmd: Option<(Command, usize)>,
    pub entrypoint: Option<(Command, usize)>,
    pub healthcheck: Option<(Healthcheck, usize)>,
    pub stopsignal: Option<(String, usize)>,
    pub volumes: Vec<(String, usize)>,
    pub labels: IndexMap<String, (String, usize)>,
}

impl Resolved {
    /// The stage that becomes the image.
    pub fn target_stage(&self) -> &ResolvedStage {
        &self.stages[self.target]
    }

    /// The stages that are built.
    pub fn reachable(&self) -> impl Iterator<Item = &ResolvedStage> {
        self.stages.iter().filter(|stage| stage.reachable)
    }

    /// The target and the stages it stands on, lowest first: together, what is in the image.
    pub fn lineage(&self) -> Vec<usize> {
        let mut lineage = vec![self.target];
        while let Base::Stage(below) = self.stages[lineage[lineage.len() - 1]].base {
            lineage.push(below);
        }
        lineage.reverse();
        lineage
    }

    /// The image's settings.
    pub fn settings(&self) -> Settings {
        let mut set = Settings::default();
        for step in self
            .lineage()
            .into_iter()
            .flat_map(|stage| &self.stages[stage].steps)
        {
            let line = step.line;
            match &step.kind {
                Kind::Cmd(command) => set.cmd = Some((command.clone(), line)),
                Kind::Entrypoint(command) => set.entrypoint = Some((command.clone(), line)),
                Kind::Env(pairs) => {
                    set.env.extend(
                        pairs
                            .iter()
                            .map(|(name, value)| (name.clone(), (value.clone(), line))),
                    );
                }
                Kind::Expose(ports) => set
                    .expose
                    .extend(ports.iter().map(|port| (port.clone(), line))),
                Kind::Healthcheck(check) => set.healthcheck = Some((check.clone(), line)),
                Kind::Label(pairs) => {
                    set.labels.extend(
                        pairs
                            .iter()
                            .map(|(name, value)| (name.clone(), (value.clone(), line))),
                    );
                }
                Kind::Stopsignal(signal) => set.stopsignal = Some((signal.clone(), line)),
                Kind::User(user) => set.user = Some((user.clone(), line)),
                Kind::Volume(volumes) => set
                    .volumes
                    .extend(volumes.iter().map(|path| (path.clone(), line))),
                Kind::Workdir(path) => {
                    set.workdir = Some((paths::absolute(&step.workdir, path), line))
                }
                Kind::Add(_)
                | Kind::Arg(_)
                | Kind::Copy(_)
                | Kind::Maintainer(_)
                | Kind::Onbuild(_) => {}
                Kind::Run(_) | Kind::Shell(_) => {}
            }
        }
        set
    }
}

impl Dockerfile {
    /// Index of the stage that `target` means: a name in any case, a number, or without one the last stage. A name wins
    /// over a number.
    ///
    /// # Errors
    /// [`DockerfileError::UnknownTarget`], with the names that look like it.
    pub fn target(&self, target: Option<&str>) -> Result<usize, DockerfileError> {
        let Some(wanted) = target.filter(|target| !target.is_empty()) else {
            return Ok(self.stages.len() - 1);
        };
        if let Some(found) = self.stage_named(wanted, self.stages.len()) {
            return Ok(found);
        }
        if let Some(index) = wanted
            .parse()
            .ok()
            .filter(|&index: &usize| index < self.stages.len())
        {
            return Ok(index);
        }
        let known: Vec<String> = self
            .stages
            .iter()
            .filter_map(|stage| stage.name.clone())
            .collect();
        let lower = wanted.to_lowercase();
        let mut near: Vec<(usize, String)> = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(name, &lower), name.clone()))
            .filter(|(distance, name)| {
                *distance <= 2 || name.starts_with(&lower) || lower.starts_with(name.as_str())
            })
            .collect();
        near.sort();
        near.dedup();
        let candidates = near.into_iter().take(3).map(|(_, name)| name).collect();
        Err(DockerfileError::UnknownTarget {
            file: self.file.clone(),
            target: wanted.to_owned(),
            candidates,
            known,
        })
    }

    /// Fills in variables, picks the target, and finds out what it needs.
    ///
    /// # Errors
    /// An unknown target, a `FROM` that comes to nothing, a `--from` that names no stage or a later one, or a word that
    /// cannot be expanded in a stage the target needs.
    pub fn resolve(&self, inputs: &Inputs) -> Result<Resolved, DockerfileError> {
        let globals = self.globals(inputs)?;
        let bases = self
            .stages
            .iter()
            .map(|stage| self.base(stage, &globals))
            .collect::<Result<Vec<_>, _>>()?;
        let target = self.target(inputs.target.as_deref())?;
        let reachable = self.needed(target, &bases)?;
        let mut stages: Vec<ResolvedStage> = Vec::new();
        for (stage, base) in self.stages.iter().zip(bases) {
            let is_reachable = reachable.contains(&stage.index);
            let mut run = Evaluation::start(self, inputs, &globals, &stages, &base);
            let done = self.evaluate(stage, &base, &mut run);
            // A stage that is not built may be as wrong as it likes.
            if is_reachable {
                done?;
            }
            stages.push(ResolvedStage {
                index: stage.index,
                name: stage.name.clone(),
                line: stage.line,
                base,
                reachable: is_reachable,
                steps: run.steps,
                env: run.env,
                workdir: run.workdir,
                workdir_assumed: run.workdir_assumed,
            });
        }
        Ok(Resolved {
            file: self.file.clone(),
            target,
            stages,
        })
    }

    /// Index of the last stage of that name among the first `before` ones.
    fn stage_named(&self, name: &str, before: usize) -> Option<usize> {
        let name = name.to_lowercase();
        self.stages[..before]
            .iter()
            .rposition(|stage| stage.name.as_deref() == Some(name.as_str()))
    }

    fn globals(&self, inputs: &Inputs) -> Result<IndexMap<String, String>, DockerfileError> {
        let mut globals = platform_args(&inputs.platform);
        for arg in &self.global_args {
            if let Some(value) = self.arg_value(arg, inputs, &globals)? {
                globals.insert(arg.name.clone(), value);
            }
        }
        Ok(globals)
    }

    /// A build argument, else the expanded default.
    fn arg_value(
        &self,
        arg: &Arg,
        inputs: &Inputs,
        env: &IndexMap<String, String>,
    ) -> Result<Option<String>, DockerfileError> {
        match (inputs.build_args.get(&arg.name), &arg.default) {
            (Some(given), _) => Ok(Some(given.clone())),
            (None, Some(default)) => self.expand(default, arg.line, env).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn expand(
        &self,
        word: &str,
        line: usize,
        env: &IndexMap<String, String>,
    ) -> Result<String, DockerfileError> {
        expand::expand(word, self.escape, &|name| env.get(name).cloned()).map_err(|problem| {
            DockerfileError::Expand {
                file: self.file.clone(),
                line,
                word: word.to_owned(),
                problem,
            }
        })
    }

    fn base(
        &self,
        stage: &Stage,
        globals: &IndexMap<String, String>,
    ) -> Result<Base, DockerfileError> {
        let name = self.expand(&stage.base, stage.line, globals)?;
        // Unlike `--from`, a `FROM` must spell the stage's name in lower case; anything else is an image.
        let earlier = self.stages[..stage.index]
            .iter()
            .rposition(|other| other.name.as_deref() == Some(&name));
        match (name.as_str(), earlier) {
            ("", _) => Err(DockerfileError::BlankBase {
                file: self.file.clone(),
                line: stage.line,
                written: stage.base.clone(),
            }),
            (_, Some(index)) => Ok(Base::Stage(index)),
            ("scratch", None) => Ok(Base::Scratch),
            (_, None) => Ok(Base::Image(name)),
        }
    }

    /// The stage a `--from` of `COPY` means: a number is always a stage, a name is one if some stage has it.
    fn copied_from(
        &self,
        from: &str,
        line: usize,
        own: usize,
    ) -> Result<Option<usize>, DockerfileError> {
        let file = || self.file.clone();
        let found = match from.parse::<usize>() {
            Ok(index) if index < self.stages.len() => index,
            Ok(_) => {
                let last = self.stages.len() - 1;
                return Err(DockerfileError::UnknownIndex {
                    file: file(),
                    line,
                    from: from.to_owned(),
                    last,
                });
            }
            Err(_) => match self.stage_named(from, self.stages.len()) {
                Some(index) => index,
                None => return Ok(None),
            },
        };
        if found >= own {
            return Err(DockerfileError::FromLaterStage {
                file: file(),
                line,
                from: from.to_owned(),
            });
        }
        Ok(Some(found))
    }

    /// The target and every stage it needs.
    fn needed(&self, target: usize, bases: &[Base]) -> Result<BTreeSet<usize>, DockerfileError> {
        let mut needed = BTreeSet::new();
        let mut open = vec![target];
        while let Some(index) = open.pop() {
            if !needed.insert(index) {
                continue;
            }
            if let Base::Stage(below) = bases[index] {
                open.push(below);
                // Its triggers run in this stage.
                for trigger in onbuild(&self.stages[below]) {
                    open.extend(self.sources(trigger, index)?);
                }
            }
            for instruction in &self.stages[index].instructions {
                open.extend(self.sources(instruction, index)?);
            }
        }
        Ok(needed)
    }

    /// The stages an instruction of stage `own` takes files from.
    fn sources(
        &self,
        instruction: &Instruction,
        own: usize,
    ) -> Result<Vec<usize>, DockerfileError> {
        let line = instruction.line;
        Ok(match &instruction.kind {
            Kind::Copy(Copy {
                from: Some(from), ..
            }) => self.copied_from(from, line, own)?.into_iter().collect(),
            Kind::Run(run) => {
                let named = run.mounts.iter().filter_map(|mount| mount.from.as_deref());
                named
                    .filter_map(|name| self.stage_named(name, own))
                    .collect()
            }
            _ => Vec::new(),
        })
    }

    fn evaluate(
        &self,
        stage: &Stage,
        base: &Base,
        run: &mut Evaluation<'_>,
    ) -> Result<(), DockerfileError> {
        let triggers: Vec<&Instruction> = match base {
            Base::Stage(below) => onbuild(&self.stages[*below]).collect(),
            Base::Image(_) | Base::Scratch => Vec::new(),
        };
        for instruction in triggers.into_iter().chain(&stage.instructions) {
            run.step(instruction, stage.index)?;
        }
        Ok(())
    }
}

fn onbuild(stage: &Stage) -> impl Iterator<Item = &Instruction> {
    stage
        .instructions
        .iter()
        .filter_map(|instruction| match &instruction.kind {
            Kind::Onbuild(trigger) => Some(&**trigger),
            _ => None,
        })
}

/// `TARGETPLATFORM` and its like. The build is taken to run on the platform it builds for.
fn platform_args(platform: &str) -> IndexMap<String, String> {
    let mut parts = platform.splitn(3, '/').map(str::to_owned);
    let (os, arch, variant) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mut args = IndexMap::new();
    for side in ["BUILD", "TARGET"] {
        args.insert(format!("{side}PLATFORM"), platform.to_owned());
        args.insert(format!("{side}OS"), os.clone());
        args.insert(format!("{side}ARCH"), arch.clone());
        args.insert(format!("{side}VARIANT"), variant.clone());
    }
    args
}

/// The state of a stage while its instructions are gone through.
struct Evaluation<'a> {
    file: &'a Dockerfile,
    inputs: &'a Inputs,
    globals: &'a IndexMap<String, String>,
    env: IndexMap<String, String>,
    workdir: String,
    workdir_assumed: bool,
    steps: Vec<Step>,
}

impl<'a> Evaluation<'a> {
    fn start(
        file: &'a Dockerfile,
        inputs: &'a Inputs,
        globals: &'a IndexMap<String, String>,
        done: &[ResolvedStage],
        base: &Base,
    ) -> Self {
        let (env, workdir, workdir_assumed) = match base {
            Base::Scratch => (IndexMap::new(), "/".to_owned(), false),
            Base::Stage(below) => {
                let below = &done[*below];
                (
                    below.env.clone(),
                    below.workdir.clone(),
                    below.workdir_assumed,
                )
            }
            Base::Image(image) => match inputs.images.get(image) {
                Some(image) => (
                    image.env.clone(),
                    paths::absolute("/", &image.workdir),
                    false,
                ),
                None => (IndexMap::new(), "/".to_owned(), true),
            },
        };
        Self {
            file,
            inputs,
            globals,
            env,
            workdir,
            workdir_assumed,
            steps: Vec::new(),
        }
    }

    fn step(&mut self, instruction: &Instruction, own: usize) -> Result<(), DockerfileError> {
        let line = instruction.line;
        // All words of an instruction see the variables as they were before it, so `ENV A=1 B=$A` does not see A=1.
        let before = self.env.clone();
        let word = |word: &String| self.file.expand(word, line, &before);
        let list = |words: &[String]| words.iter().map(word).collect::<Result<Vec<_>, _>>();
        let pairs = |pairs: &[(String, String)]| {
            pairs
                .iter()
                .map(|(name, value)| Ok((word(name)?, word(value)?)))
                .collect::<Result<Vec<_>, _>>()
        };
        let copy = |copy: &Copy| {
            let mut copy = Copy {
                sources: list(&copy.sources)?,
                dest: word(&copy.dest)?,
                ..copy.clone()
            };
            for flag in ["chown", "chmod", "checksum"] {
                if let Some(value) = copy.flags.get_mut(flag) {
                    *value = word(value)?;
                }
            }
            Ok::<_, DockerfileError>(copy)
        };
        let mut from_stage = None;
        let kind = match &instruction.kind {
            Kind::Add(given) => Kind::Add(copy(given)?),
            Kind::Copy(given) => {
                if let Some(from) = &given.from {
                    from_stage = self.file.copied_from(from, line, own)?;
                }
                Kind::Copy(copy(given)?)
            }
            Kind::Env(given) => Kind::Env(pairs(given)?),
            Kind::Expose(given) => Kind::Expose(list(given)?),
            Kind::Label(given) => Kind::Label(pairs(given)?),
            Kind::Stopsignal(given) => Kind::Stopsignal(word(given)?),
            Kind::User(given) => Kind::User(word(given)?),
            Kind::Volume(given) => Kind::Volume(list(given)?),
            Kind::Workdir(given) => Kind::Workdir(word(given)?),
            // A shell expands these itself, when they run.
            Kind::Cmd(_)
            | Kind::Entrypoint(_)
            | Kind::Healthcheck(_)
            | Kind::Run(_)
            | Kind::Shell(_) => instruction.kind.clone(),
            Kind::Arg(_) | Kind::Maintainer(_) | Kind::Onbuild(_) => instruction.kind.clone(),
        };
        let (workdir, workdir_assumed) = (self.workdir.clone(), self.workdir_assumed);
        self.apply(&kind)?;
        self.steps.push(Step {
            line,
            workdir,
            workdir_assumed,
            from_stage,
            kind,
        });
        Ok(())
    }

    fn apply(&mut self, kind: &Kind) -> Result<(), DockerfileError> {
        match kind {
            Kind::Env(pairs) => self.env.extend(pairs.iter().cloned()),
            Kind::Workdir(path) => {
                self.workdir_assumed &= !path.starts_with('/');
                self.workdir = paths::absolute(&self.workdir, path);
            }
            Kind::Arg(args) => {
                for arg in args {
                    let value = match self.file.arg_value(arg, self.inputs, &self.env)? {
                        None => self.globals.get(&arg.name).cloned(),
                        value => value,
                    };
                    if let Some(value) = value {
                        self.env.insert(arg.name.clone(), value);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::dockerfile::read;
    use super::*;

    fn resolve(
        text: &str,
        target: Option<&str>,
        args: &[(&str, &str)],
    ) -> Result<Resolved, DockerfileError> {
        let build_args = args
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let inputs = Inputs {
            target: target.map(str::to_owned),
            build_args,
            ..Inputs::default()
        };
        read(text, "Dockerfile").unwrap().resolve(&inputs)
    }

    fn dests(resolved: &Resolved) -> Vec<String> {
        let steps = resolved.stages.iter().flat_map(|stage| &stage.steps);
        steps
            .filter_map(|step| {
                if let Kind::Copy(copy) = &step.kind {
                    Some(copy.dest.clone())
                } else {
                    None
                }
            })
            .collect()
    }

    #[test]
    fn a_base_is_an_image_a_stage_or_nothing() {
        let text =
            "ARG V=20\nARG BASE=deps\nFROM node:${V}-slim AS deps\nFROM $BASE\nFROM scratch\n";
        let bases = |args| {
            resolve(text, None, args)
                .unwrap()
                .stages
                .into_iter()
                .map(|s| s.base)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            bases(&[]),
            [
                Base::Image("node:20-slim".into()),
                Base::Stage(0),
                Base::Scratch
            ]
        );
        let wanted = [
            Base::Image("node:22-slim".into()),
            Base::Image("alpine".into()),
            Base::Scratch,
        ];
        assert_eq!(bases(&[("V", "22"), ("BASE", "alpine")]), wanted);
    }

    #[test]
    fn a_global_argument_counts_in_a_stage_only_when_repeated() {
        let text = "ARG D=/g\nFROM a\nCOPY x $D/1\nARG D\nCOPY x $D/2\nARG D=/s\nCOPY x $D/3\nENV D=/e\nCOPY x $D/4\n";
        assert_eq!(
            dests(&resolve(text, None, &[]).unwrap()),
            ["/1", "/g/2", "/s/3", "/e/4"]
        );
        assert_eq!(
            dests(&resolve(text, None, &[("D", "/b")]).unwrap()),
            ["/1", "/b/2", "/b/3", "/e/4"]
        );
    }

    #[test]
    fn an_undeclared_build_argument_does_nothing() {
        assert_eq!(
            dests(&resolve("FROM a\nCOPY x /$D\n", None, &[("D", "b")]).unwrap()),
            ["/"]
        );
    }

    #[test]
    fn variables_of_one_instruction_do_not_see_each_other() {
        let text = "FROM a\nENV A=1\nENV A=2 B=$A\nCOPY x /$A$B\n";
        assert_eq!(dests(&resolve(text, None, &[]).unwrap()), ["/21"]);
    }

    #[test]
    fn a_stage_inherits_variables_and_working_directory_of_its_base() {
        let text = "FROM a AS one\nARG X=1\nWORKDIR /srv\nFROM one\nWORKDIR app\nCOPY x $X\n";
        let resolved = resolve(text, None, &[]).unwrap();
        let copy = &resolved.stages[1].steps[1];
        assert_eq!(
            (copy.workdir.as_str(), copy.workdir_assumed),
            ("/srv/app", false)
        );
        assert_eq!(dests(&resolved), ["1"]);
    }

    #[test]
    fn an_unknown_base_leaves_the_working_directory_assumed() {
        let text = "FROM a AS one\nFROM one\nWORKDIR app\nCOPY x .\n";
        assert!(resolve(text, None, &[]).unwrap().stages[1].steps[1].workdir_assumed);
        let known = BaseImage {
            workdir: "/usr/src".into(),
            ..BaseImage::default()
        };
        let inputs = Inputs {
            images: BTreeMap::from([("a".into(), known)]),
            ..Inputs::default()
        };
        let resolved = read(text, "Dockerfile").unwrap().resolve(&inputs).unwrap();
        let step = &resolved.stages[1].steps[1];
        assert_eq!(
            (step.workdir.as_str(), step.workdir_assumed),
            ("/usr/src/app", false)
        );
    }

    #[test]
    fn only_what_the_target_needs_is_reachable() {
        let text = "FROM a AS base\nFROM a AS assets\nFROM a AS tools\nFROM base AS dev\n\
                    FROM base AS prod\nCOPY --from=Assets /x /x\nRUN --mount=from=tools,target=/t x\n";
        let reachable = |target| {
            let resolved = resolve(text, target, &[]).unwrap();
            resolved
                .reachable()
                .map(|stage| stage.index)
                .collect::<Vec<_>>()
        };
        assert_eq!(reachable(None), [0, 1, 2, 4]);
        assert_eq!(reachable(Some("DEV")), [0, 3]);
        assert_eq!(reachable(Some("1")), [1]);
        assert_eq!(resolve(text, Some("dev"), &[]).unwrap().lineage(), [0, 3]);
    }

    #[test]
    fn an_unknown_target_names_its_neighbours() {
        let text = "FROM a AS production\nFROM a AS test\n";
        let message = |target| resolve(text, Some(target), &[]).unwrap_err().to_string();
        assert_eq!(
            message("prod"),
            "Dockerfile has no stage `prod`: did you mean `production`?"
        );
        assert_eq!(
            message("tset"),
            "Dockerfile has no stage `tset`: did you mean `test`?"
        );
        assert_eq!(
            message("zzzzz"),
            "Dockerfile has no stage `zzzzz`: it has `production`, `test`"
        );
        let unnamed = resolve("FROM a\n", Some("x"), &[]).unwrap_err().to_string();
        assert!(unnamed.contains("its stages have no names"));
    }

    #[test]
    fn a_stage_that_is_not_built_may_be_wrong() {
        let text = "FROM a AS broken\nCOPY ${X:?must be set} /x\nCOPY --from=9 a /b\nFROM a\n";
        assert!(resolve(text, None, &[]).is_ok());
        assert!(resolve(text, Some("broken"), &[]).is_err());
    }

    #[test]
    fn copying_from_a_missing_or_later_stage_is_refused() {
        assert!(matches!(
            resolve("FROM a\nCOPY --from=3 a /b\n", None, &[]),
            Err(DockerfileError::UnknownIndex {
                line: 2,
                last: 0,
                ..
            })
        ));
        assert!(matches!(
            resolve(
                "FROM a\nCOPY --from=later a /b\nFROM a AS later\n",
                Some("0"),
                &[]
            ),
            Err(DockerfileError::FromLaterStage { line: 2, .. })
        ));
    }

    #[test]
    fn a_from_without_value_is_refused() {
        let error = resolve("ARG BASE\nFROM $BASE\n", None, &[])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "Dockerfile line 2: `FROM $BASE` comes to nothing: give `$BASE` a value with a build argument"
        );
    }

    #[test]
    fn triggers_run_in_the_stage_built_on_theirs() {
        let text = "FROM a AS base\nONBUILD COPY x /app/\nFROM base\nCOPY y /y\n";
        let resolved = resolve(text, None, &[]).unwrap();
        assert_eq!(resolved.stages[1].steps.len(), 2);
        assert_eq!(dests(&resolved), ["/app/", "/y"]);
    }

    #[test]
    fn the_images_settings_come_from_its_whole_lineage() {
        let text = "FROM a AS base\nEXPOSE 80\nUSER root\nFROM base\nENV PORT=81\nEXPOSE $PORT/tcp\nUSER app\nWORKDIR /w\n";
        let set = resolve(text, None, &[]).unwrap().settings();
        assert_eq!(set.expose, [("80".to_owned(), 2), ("81/tcp".to_owned(), 6)]);
        assert_eq!(set.user, Some(("app".to_owned(), 7)));
        assert_eq!(set.workdir, Some(("/w".to_owned(), 8)));
    }
}
