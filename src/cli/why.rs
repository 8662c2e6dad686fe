//! `envsim why PATH`: what becomes of one file.

mod answer;
mod synced;

use std::path::{Component, Path, PathBuf};

use super::exit::{Exit, Failure};
use super::{args, project, stdout};
use crate::app::{App, Mode, MountKind, Service, WatchAction, WatchRule};
use crate::build::context;
use crate::build::copied::copied;
use crate::build::ignore::Ignore;
use crate::collect::{watch_defaults, without_engine};
use crate::dev::watch::rule::{Matcher, Verdict};
use answer::{Answer, ImageAnswer, MountAnswer, Outcome, RuleAnswer, ServiceAnswer, There, short};

/// Runs the command. It needs no engine; where the app runs, its containers tell of the last sync.
pub async fn run(project: &args::Project, args: &args::Why) -> Result<Exit, Failure> {
    let dev = project::app_of_files(project, Mode::Dev, false)?;
    let prod = project::app_of_files(project, Mode::Prod, false)?;
    let options = project::options(project)?;
    let path = normal(&options.working_directory.join(&args.path));
    let mut services = Vec::new();
    for service in dev
        .services
        .values()
        .filter(|service| service.replica.is_none())
    {
        services.push(of_service(&dev, &prod, service, &path)?);
    }
    services.retain(ServiceAnswer::concerns);
    let mut answer = Answer {
        path: dev.relative(&path),
        there: there(&path),
        services,
    };
    synced::fill(&dev.name, &mut answer).await;
    if args.json {
        let text = serde_json::to_string_pretty(&answer);
        let text = text.map_err(|error| Failure::usage(error.to_string(), ""))?;
        return stdout::write(&(text + "\n"));
    }
    stdout::write(&answer.text())
}

/// Without `.` and `..`. Links stay: the project names its paths with them.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

fn there(path: &Path) -> There {
    match path.symlink_metadata() {
        Err(_) => There::Nothing,
        Ok(metadata) if metadata.is_file() => There::File,
        Ok(metadata) if metadata.is_dir() => There::Directory,
        Ok(metadata) if metadata.is_symlink() => There::Link,
        Ok(_) => There::Other,
    }
}

fn of_service(
    dev: &App,
    prod: &App,
    service: &Service,
    path: &Path,
) -> Result<ServiceAnswer, Failure> {
    Ok(ServiceAnswer {
        service: service.name.clone(),
        mounts: mounts(service, path),
        rules: rules(dev, service, path)?,
        image: match prod.services.get(&service.name) {
            Some(service) => image(prod, service, path),
            None => ImageAnswer::Absent {
                reason: "production does not have the service".to_owned(),
            },
        },
        last_sync: None,
    })
}

fn mounts(service: &Service, path: &Path) -> Vec<MountAnswer> {
    let shown = service.volumes.iter().filter_map(|mount| {
        let MountKind::Bind { source, .. } = &mount.kind else {
            return None;
        };
        Some(MountAnswer {
            target: inside(&mount.target, path.strip_prefix(source).ok()?),
            read_only: mount.read_only,
            place: short(&mount.place),
        })
    });
    shown.collect()
}

fn inside(target: &str, below: &Path) -> String {
    match below.as_os_str().is_empty() {
        true => target.to_owned(),
        false => format!("{}/{}", target.trim_end_matches('/'), below.display()),
    }
}

/// What the rules of the service say, or those it gets by itself.
fn rules(app: &App, service: &Service, path: &Path) -> Result<Vec<RuleAnswer>, Failure> {
    let mut all: Vec<(WatchRule, Option<String>)> = Vec::new();
    if service.watch.is_empty() {
        // What the image is made of may not be readable; then there are none.
        let defaults = watch_defaults::of(app, service, None).unwrap_or_default();
        let defaults = defaults.into_iter();
        all.extend(defaults.map(|default| (default.rule, Some(default.reason))));
    }
    all.extend(service.watch.iter().map(|rule| (rule.clone(), None)));
    let context = match &service.build {
        None => None,
        Some(build) => {
            let ignore = context::find_ignore(&build.context, Some(&build.dockerfile));
            let ignore = ignore
                .map_err(|error| Failure::usage(error.to_string(), "correct the ignore file"))?;
            Some((build.context.clone(), ignore))
        }
    };
    let shown =
        |(directory, ignore): &(PathBuf, Ignore)| app.relative(&directory.join(ignore.file()));
    let context_file = context.as_ref().map(shown).unwrap_or_default();
    let mut answers = Vec::new();
    for (rule, by_default) in all {
        let matcher = Matcher::new(&rule, context.clone()).map_err(|error| {
            let message = format!("{}: {error}", rule.place);
            Failure::usage(message, "correct the pattern of the watch rule")
        })?;
        let outcome = match matcher.verdict(path) {
            Verdict::Outside => continue,
            Verdict::Watched { target, .. } => Outcome::Watched { target },
            Verdict::Ignored(reason) => Outcome::ignored(reason, &context_file),
        };
        answers.push(RuleAnswer {
            action: action(&rule.action),
            place: short(&rule.place),
            by_default,
            outcome,
        });
    }
    Ok(answers)
}

fn action(action: &WatchAction) -> &'static str {
    match action {
        WatchAction::Rebuild => "rebuild",
        WatchAction::Restart => "restart",
        WatchAction::Sync => "sync",
        WatchAction::SyncAndRestart => "sync+restart",
        WatchAction::SyncAndExec(_) => "sync+exec",
    }
}

/// Whether the image of production has the path.
fn image(prod: &App, service: &Service, path: &Path) -> ImageAnswer {
    let absent = |reason: &str| ImageAnswer::Absent {
        reason: reason.to_owned(),
    };
    let unknown = |reason: String| ImageAnswer::Unknown { reason };
    let source = match without_engine::source(prod, service) {
        Ok(source) => source,
        Err(problem) => return unknown(problem.message),
    };
    if let Some(generated) = &source.generated {
        let roots = generated.context.iter();
        let found = roots.filter_map(|root| Some((root, path.strip_prefix(&root.source).ok()?)));
        if let Some((root, below)) = found.into_iter().next() {
            return match root.hidden.iter().any(|hidden| below.starts_with(hidden)) {
                true => absent("another volume hides it in dev, so it is not copied"),
                false => ImageAnswer::Generated {
                    at: inside(&root.target, below),
                },
            };
        }
    }
    let (Some(input), Some(build)) = (&source.built, &service.build) else {
        return absent("the image is not built from the project");
    };
    let Ok(below) = path.strip_prefix(&build.context) else {
        return absent("it is not in the build context");
    };
    let below = below.to_string_lossy();
    let copies = match copied(&input.resolved, &input.listing.files()) {
        Ok(copies) => copies,
        Err(error) => return unknown(error.to_string()),
    };
    let places = copies.places(&below);
    if let Some(first) = places.first().and_then(|place| copies.at(place)) {
        return ImageAnswer::Copied {
            place: format!("{}:{}", input.shown, first.instruction_line),
            at: places.into_iter().map(str::to_owned).collect(),
        };
    }
    match copies.reason_missing(&below, &input.ignore) {
        Err(error) => unknown(error.to_string()),
        Ok(Some(missing)) => absent(&missing.to_string()),
        Ok(None) => of_directory(&copies, &below, &input.shown),
    }
}

/// A directory of which the image has something.
fn of_directory(copies: &crate::build::copied::Copies, below: &str, shown: &str) -> ImageAnswer {
    let prefix = match below {
        "" => String::new(),
        below => format!("{below}/"),
    };
    let found = copies.image().find_map(|(at, copied)| {
        let rest = copied.source.strip_prefix(&prefix)?;
        let directory = at.strip_suffix(rest)?.trim_end_matches('/');
        let directory = if directory.is_empty() { "/" } else { directory };
        Some((directory.to_owned(), copied.instruction_line))
    });
    match found {
        Some((at, line)) => ImageAnswer::Copied {
            at: vec![at],
            place: format!("{shown}:{line}"),
        },
        None => ImageAnswer::Unknown {
            reason: "an archive brings it, which is unpacked".to_owned(),
        },
    }
}
