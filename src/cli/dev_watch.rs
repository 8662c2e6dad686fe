//! The rules of `envsim dev`: those of `develop.watch`, and sensible ones for services that have none.

use indexmap::IndexMap;

use super::exit::Failure;
use crate::app::{App, Service, WatchAction, WatchRule};
use crate::build::context;
use crate::collect::watch_defaults;
use crate::dev::live::Ruled;
use crate::dev::remote::Copied;
use crate::dev::watch::rule::Matcher;
use crate::run::image::Image;

/// The services with their rules, and a sentence for each rule that nobody wrote.
///
/// `images` are those of the run, where it is known; `copied` is what has a rule in place of a bind mount.
///
/// # Errors
/// An ignore file or a pattern that is not valid.
pub fn ruled<'a>(
    app: &'a App,
    images: &IndexMap<String, Image>,
    copied: &[Copied],
) -> Result<(Vec<Ruled<'a>>, Vec<String>), Failure> {
    let mut all = Vec::new();
    let mut notes = Vec::new();
    for service in app.services.values() {
        let context = match &service.build {
            None => None,
            Some(build) => {
                let ignore = context::find_ignore(&build.context, Some(&build.dockerfile));
                let ignore = ignore.map_err(|error| {
                    Failure::usage(error.to_string(), "correct the ignore file")
                })?;
                Some((build.context.clone(), ignore))
            }
        };
        let mut rules: Vec<(WatchRule, bool)> = Vec::new();
        let of_mount = |rule: &WatchRule| {
            copied.iter().any(|copied| {
                copied.service == service.name
                    && copied.source == rule.path
                    && rule.target.as_deref() == Some(&copied.target)
            })
        };
        for rule in &service.watch {
            rules.push((rule.clone(), of_mount(rule)));
        }
        if rules.iter().all(|(_, of_mount)| *of_mount) {
            for (rule, note) in by_itself(app, service, images) {
                rules.push((rule, false));
                notes.push(note);
            }
        }
        let mut matchers = Vec::new();
        for (rule, of_mount) in rules {
            // A bind mount shows what the image does not get, too.
            let context = context.clone().filter(|_| !of_mount);
            let matcher = Matcher::new(&rule, context).map_err(|error| {
                Failure::usage(
                    format!("{}: {error}", rule.place),
                    "correct the pattern of the watch rule",
                )
            })?;
            matchers.push(matcher);
        }
        all.push(Ruled { service, matchers });
    }
    Ok((all, notes))
}

/// The rules that a service gets by itself. What cannot be read of its files is told by the build.
fn by_itself(
    app: &App,
    service: &Service,
    images: &IndexMap<String, Image>,
) -> Vec<(WatchRule, String)> {
    let of = service.replica.as_ref().map(|replica| &replica.of);
    let image = images.get(of.unwrap_or(&service.name));
    let config = image.map(|image| &image.info.config);
    let rules = watch_defaults::of(app, service, config).unwrap_or_default();
    let told = rules.into_iter().map(|default| {
        let note = format!(
            "{}: a change of `{}` {}: {}",
            service.name,
            app.relative(&default.rule.path),
            verb(&default.rule.action),
            default.reason
        );
        (default.rule, note)
    });
    told.collect()
}

fn verb(action: &WatchAction) -> &'static str {
    match action {
        WatchAction::Rebuild => "rebuilds it",
        WatchAction::Restart => "restarts it",
        WatchAction::Sync => "is synced",
        WatchAction::SyncAndRestart => "is synced and restarts it",
        WatchAction::SyncAndExec(_) => "is synced and runs a command",
    }
}
