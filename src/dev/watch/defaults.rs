//! Watch rules for a service that has none, each with its reason. Pure.
//!
//! What a bind mount shows is there at once, so it only needs a restart, and only where the program does not look by
//! itself. What the Dockerfile copies is copied again. What says what to install, and what is compiled, means another
//! build.

mod program;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::app::{Place, Service, WatchAction, WatchRule};
use crate::build::compiles::compiles;
use crate::build::copied::{Copied, Copies};
use crate::build::dockerfile::Kind;
use crate::build::gitignore::GitIgnore;
use crate::build::paths;
use crate::build::stages::{Resolved, Step};
use crate::dev_servers::Environment;
use crate::dev_servers::reload::{Reload, reload};
use crate::evidence::{Process, VariableSeen};
use program::{Language, WRITTEN, ends_in, is_compiled, is_manifest, language};

/// A rule that nobody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultRule {
    /// The rule; its place is that of the service.
    pub rule: WatchRule,
    /// Why, as a sentence.
    pub reason: String,
}

/// What is known of a service.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The service of the dev run.
    pub service: &'a Service,
    /// What it runs, followed through its scripts; none when that is not known.
    pub process: Option<&'a Process>,
    /// Variables that its Dockerfile sets.
    pub variables: &'a [VariableSeen],
    /// Working directory of its container.
    pub workdir: &'a str,
    /// Its bind mounts.
    pub mounts: Vec<Mounted>,
    /// How its image is built; none when it is not.
    pub build: Option<Building<'a>>,
}

/// A bind mount and what is in it.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// Absolute path on the host.
    pub source: PathBuf,
    /// Absolute path in the container.
    pub target: String,
    /// Paths of its files below `source`; of a mounted file one empty path.
    pub files: Vec<String>,
    /// Patterns, relative to `source`, of what git does not keep.
    pub not_kept: Vec<String>,
}

/// The build of an image.
#[derive(Clone, Debug)]
pub struct Building<'a> {
    /// Absolute path of the context.
    pub context: &'a Path,
    /// Absolute paths of the Dockerfile and its ignore file, where they are files.
    pub instructions: Vec<PathBuf>,
    /// The Dockerfile as shown.
    pub shown: &'a str,
    /// Its stages.
    pub resolved: &'a Resolved,
    /// What they take from the context.
    pub copies: &'a Copies,
    /// Patterns, relative to the context, of what git does not keep.
    pub not_kept: Vec<String>,
}

/// The rules for a service without any of its own.
pub fn rules(facts: &Facts) -> Vec<DefaultRule> {
    let environment = Environment {
        service: &facts.service.environment,
        image: facts.variables,
    };
    let picks_up = facts
        .process
        .and_then(|process| reload(process, &environment));
    let language = facts.process.and_then(language);
    let mut rules = match (&picks_up, facts.process) {
        (None, Some(process)) => of_mounts(facts, process, language),
        _ => Vec::new(),
    };
    if let Some(build) = &facts.build {
        rules.extend(of_build(facts, build, picks_up.as_ref(), language));
    }
    without_covered(rules)
}

fn rule(facts: &Facts, path: PathBuf, action: WatchAction) -> WatchRule {
    let place: &Place = &facts.service.place;
    WatchRule {
        path,
        action,
        target: None,
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
        place: place.clone(),
    }
}

/// Mounts that bring what the program reads when it starts.
fn of_mounts(
    facts: &Facts,
    process: &Process,
    language: Option<&'static Language>,
) -> Vec<DefaultRule> {
    let mut rules = Vec::new();
    for mount in &facts.mounts {
        let is_file = mount.files.iter().all(String::is_empty);
        if let Some(program) = started(process, mount, facts.workdir) {
            rules.push(DefaultRule {
                rule: rule(facts, program.clone(), WatchAction::Restart),
                reason: format!(
                    "`{}` is the program that the container runs, and it is mounted",
                    mount.target
                ),
            });
            if is_file {
                continue;
            }
        }
        let Some(language) = language else {
            continue;
        };
        if !is_near(process, mount, facts.workdir) {
            continue;
        }
        let name = |file: &String| match file.is_empty() {
            true => mount.target.clone(),
            false => file.clone(),
        };
        // A directory of data has no sources, and data that is beside sources does not end as they do.
        let sources = mount.files.iter().map(name);
        if !sources
            .into_iter()
            .any(|file| ends_in(&file, language.sources))
        {
            continue;
        }
        let mut rule = rule(facts, mount.source.clone(), WatchAction::Restart);
        if !is_file {
            let included = language.sources.iter();
            rule.include = included.map(|ending| format!("**/*.{ending}")).collect();
            rule.ignore = left_out(&mount.not_kept);
        }
        let program = process_name(process);
        rules.push(DefaultRule {
            rule,
            reason: format!(
                "`{}` is mounted, and {program} reads its {} sources only when it starts",
                mount.target, language.name
            ),
        });
    }
    rules
}

fn process_name(process: &Process) -> String {
    let all = process.all();
    // What a shell starts last is what goes on.
    let last = all.last().map_or("", |process| process.program());
    format!("`{last}`")
}

fn left_out(not_kept: &[String]) -> Vec<String> {
    let written = WRITTEN.iter().map(|pattern| (*pattern).to_owned());
    written.chain(not_kept.iter().cloned()).collect()
}

/// The file of a mount that is started by its own name: a program that was compiled on the host.
fn started(process: &Process, mount: &Mounted, workdir: &str) -> Option<PathBuf> {
    let all = process.all();
    all.iter().find_map(|process| {
        let word = process.words.first().filter(|word| word.contains('/'))?;
        let path = paths::absolute(workdir, word);
        let below = paths::within(&path, &mount.target)?;
        // A script is one of the sources.
        let is_there = mount.files.iter().any(|file| file == below);
        let is_program = is_there && !paths::base(&path).contains('.');
        is_program.then(|| match below.is_empty() {
            true => mount.source.clone(),
            false => mount.source.join(below),
        })
    })
}

/// Whether the program or what it names is below the mount, or the mount is below where it works.
fn is_near(process: &Process, mount: &Mounted, workdir: &str) -> bool {
    let is_within = |path: &str| paths::within(path, &mount.target).is_some();
    let works =
        workdir != "/" && (is_within(workdir) || paths::within(&mount.target, workdir).is_some());
    let named = || {
        let all = process.all();
        let mut words = all.iter().flat_map(|process| &process.words);
        words.any(|word| !word.starts_with('-') && is_within(&paths::absolute(workdir, word)))
    };
    works || named()
}

/// One path of the context that an instruction takes.
struct Taken {
    /// Relative to the context.
    source: String,
    /// Absolute path in the stage.
    target: String,
    is_directory: bool,
    line: usize,
    /// Why it means another build, if it does.
    rebuild: Option<String>,
    files: Vec<String>,
}

fn of_build(
    facts: &Facts,
    build: &Building,
    picks_up: Option<&Reload>,
    language: Option<&'static Language>,
) -> Vec<DefaultRule> {
    let instructions = build.instructions.iter().map(|path| DefaultRule {
        rule: rule(facts, path.clone(), WatchAction::Rebuild),
        reason: "it says how the image is built".to_owned(),
    });
    let mut rules: Vec<DefaultRule> = instructions.collect();
    let all = taken(build);
    let files = all.iter().flat_map(|taken| &taken.files);
    let mut manifests: Vec<&String> = files.filter(|file| is_manifest(file)).collect();
    manifests.sort();
    manifests.dedup();
    rules.extend(manifests.iter().map(|file| DefaultRule {
        rule: rule(facts, build.context.join(file), WatchAction::Rebuild),
        reason: "it says what is installed in the image".to_owned(),
    }));
    let compiled_by_nature =
        language.is_none_or(|language| is_compiled(&format!("x.{}", language.sources[0])));
    for taken in &all {
        if taken.files.iter().all(|file| is_manifest(file)) {
            continue;
        }
        let compiled = taken.files.iter().any(|file| is_compiled(file)) && compiled_by_nature;
        let mut ignore = match taken.is_directory {
            true => left_out(&build.not_kept),
            false => Vec::new(),
        };
        let path = match &*taken.source {
            "" => build.context.to_owned(),
            source => build.context.join(source),
        };
        if let Some(reason) = taken
            .rebuild
            .clone()
            .or_else(|| compiled.then(|| "it holds sources that have to be compiled".to_owned()))
        {
            let mut rule = rule(facts, path, WatchAction::Rebuild);
            rule.ignore = ignore;
            rules.push(DefaultRule { rule, reason });
            continue;
        }
        // What a mount shows is there at once; what it shows of a directory is left to it.
        let shown = |mount: &&Mounted| paths::within(&taken.target, &mount.target).is_some();
        if facts.mounts.iter().any(|mount| shown(&mount)) {
            continue;
        }
        let inner = facts
            .mounts
            .iter()
            .filter_map(|mount| paths::within(&mount.target, &taken.target));
        ignore.extend(inner.map(str::to_owned));
        // The manifests have rules of their own.
        let own = manifests
            .iter()
            .filter_map(|file| paths::within(file, &taken.source));
        ignore.extend(own.filter(|own| !own.is_empty()).map(str::to_owned));
        let copied = format!(
            "{} line {} copies it to `{}`",
            build.shown, taken.line, taken.target
        );
        let (action, reason) = match (picks_up, facts.process) {
            (Some(Reload::Watches(what)), _) => (
                WatchAction::Sync,
                format!("{copied}, and {what} picks it up there"),
            ),
            // What a server is configured with is below `/etc`; pages are not.
            (Some(Reload::PerRequest(what)), _) if taken.target.starts_with("/etc/") => (
                WatchAction::SyncAndRestart,
                format!("{copied}, and {what} reads its configuration when it starts"),
            ),
            (Some(Reload::PerRequest(what)), _) => (
                WatchAction::Sync,
                format!("{copied}, and {what} reads it with each request"),
            ),
            (None, Some(process)) => (
                WatchAction::SyncAndRestart,
                format!(
                    "{copied}, and {} reads it when it starts",
                    process_name(process)
                ),
            ),
            (None, None) => (
                WatchAction::SyncAndRestart,
                format!("{copied}, and it is not known what reads it there"),
            ),
        };
        let mut rule = rule(facts, path, action);
        rule.target = Some(taken.target.clone());
        rule.ignore = ignore;
        rules.push(DefaultRule { rule, reason });
    }
    rules
}

/// What the stages that are built take from the context.
fn taken(build: &Building) -> Vec<Taken> {
    let lineage = build.resolved.lineage();
    let mut all: Vec<Taken> = Vec::new();
    for stage in build.resolved.reachable() {
        let is_final = lineage.contains(&stage.index);
        let begin = all.len();
        for step in &stage.steps {
            match &step.kind {
                Kind::Copy(copy) | Kind::Add(copy) if copy.from.is_none() => {
                    let own: Vec<&Copied> = build
                        .copies
                        .files
                        .iter()
                        .filter(|copied| {
                            let here =
                                (copied.stage, copied.instruction_line) == (stage.index, step.line);
                            here && copied.from_stage.is_none() && !copied.unpacked
                        })
                        .collect();
                    for source in &copy.sources {
                        all.extend(of_source(source, &own, step));
                    }
                    if !is_final {
                        let label = stage.label();
                        for taken in &mut all[begin..] {
                            taken.rebuild = Some(format!(
                                "the stage `{label}` makes something of it ({} line {})",
                                build.shown, taken.line
                            ));
                        }
                    }
                }
                Kind::Run(run) if compiles(&run.command) => {
                    for taken in all.iter_mut().filter(|taken| taken.rebuild.is_none()) {
                        taken.rebuild = Some(format!(
                            "the `RUN` of {} line {} makes something of it",
                            build.shown, step.line
                        ));
                    }
                }
                _ => {}
            }
        }
    }
    all
}

/// What one source of a `COPY` brought: the directory as a whole, or each file by itself.
fn of_source(source: &str, copied: &[&Copied], step: &Step) -> Vec<Taken> {
    let source = paths::below_root(source);
    let rebuild = step.workdir_assumed.then(|| {
        "it is not known where it goes: the working directory is that of an image that nothing is known about".to_owned()
    });
    // A relative destination alone hangs on the working directory.
    let relative = match &step.kind {
        Kind::Copy(copy) | Kind::Add(copy) => !copy.dest.starts_with('/'),
        _ => false,
    };
    let rebuild = rebuild.filter(|_| relative);
    let below = |copied: &&&Copied| paths::within(&copied.source, &source).is_some();
    let own: Vec<&&Copied> = copied.iter().filter(below).collect();
    let whole = own.iter().find_map(|copied| {
        let rest = paths::within(&copied.source, &source)?;
        let target = copied.target.strip_suffix(rest)?.strip_suffix('/')?;
        (!rest.is_empty()).then(|| if target.is_empty() { "/" } else { target }.to_owned())
    });
    if let Some(target) = whole {
        return vec![Taken {
            target,
            is_directory: true,
            line: step.line,
            rebuild,
            files: own.iter().map(|copied| copied.source.clone()).collect(),
            source,
        }];
    }
    let matching: Vec<&&Copied> = match own.is_empty() {
        false => own,
        // A pattern: what it brought is told by the instruction.
        true => copied
            .iter()
            .filter(|copied| {
                crate::build::glob::matches(&source, &copied.source).unwrap_or_default()
            })
            .collect(),
    };
    let of_file = |copied: &&&Copied| Taken {
        source: copied.source.clone(),
        target: copied.target.clone(),
        is_directory: false,
        line: step.line,
        rebuild: rebuild.clone(),
        files: vec![copied.source.clone()],
    };
    matching.iter().map(of_file).collect()
}

/// Without rules for what is below a path that means another build anyway, and without those that are there twice.
fn without_covered(rules: Vec<DefaultRule>) -> Vec<DefaultRule> {
    let is_rebuild = |rule: &DefaultRule| rule.rule.action == WatchAction::Rebuild;
    let mut kept: Vec<DefaultRule> = Vec::new();
    for (at, one) in rules.iter().enumerate() {
        let covered = rules.iter().enumerate().any(|(other, by)| {
            let is_below = one.rule.path.starts_with(&by.rule.path);
            let is_same = one.rule.path == by.rule.path;
            at != other
                && is_rebuild(by)
                && is_below
                && (!is_same || !is_rebuild(one) || other < at)
        });
        let is_known = kept.iter().any(|other| other.rule == one.rule);
        if !covered && !is_known {
            kept.push(one.clone());
        }
    }
    kept
}

/// Patterns as a watch rule has them, of a `.gitignore` that is `below` parts above the watched directory: `web` when
/// the file is in `/p` and `/p/web` is watched, empty for its own directory.
pub fn not_kept(ignore: &GitIgnore, below: &str) -> Vec<String> {
    let translated = ignore.patterns().iter().filter_map(|pattern| {
        let written = pattern.written.trim();
        let (bang, text) = match pattern.negated {
            true => ("!", written.strip_prefix('!')?),
            false => ("", written),
        };
        let text = text.strip_suffix('/').unwrap_or(text);
        // A slash before the end ties a pattern to the file's own directory.
        if !text.contains('/') {
            return Some(format!("{bang}**/{text}"));
        }
        let text = text.trim_start_matches('/');
        if below.is_empty() || text.starts_with("**/") {
            return Some(format!("{bang}{text}"));
        }
        let inside = paths::within(text, below).filter(|inside| !inside.is_empty())?;
        Some(format!("{bang}{inside}"))
    });
    translated.collect()
}
