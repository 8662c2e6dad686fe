//! `envsim sync`: compares the running dev containers with the files they should have, and repairs what differs.

use std::sync::Arc;

use indexmap::IndexMap;

use super::args;
use super::exit::{Exit, Failure};
use super::{dev_watch, project};
use crate::app::Mode;
use crate::dev::link::Link;
use crate::dev::live::arrival::{Arrival, Targets};
use crate::dev::live::compare::{Difference, compare};
use crate::dev::live::keeper::declare;
use crate::dev::live::work::{RootStep, Sending};
use crate::dev::live::{Ruled, expected, mounts};
use crate::dev::{agent, scale};
use crate::engine::Engine;
use crate::labels::{self, RunKind};
use crate::run::cancel::CancelSource;
use crate::run::{RunError, Session};
use crate::ui;
use crate::wire::frame::EntryKind;

/// Paths that only the container has, of one service, before the rest is counted.
const SHOWN: usize = 20;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Sync) -> Result<Exit, Failure> {
    let app = project::app(project, Mode::Dev, true)?;
    project::known_services(&app, &args.services)?;
    let app = scale::expand(app);
    let engine = Engine::connect().await?;
    let cancel =
        CancelSource::from_signals().map_err(|error| Failure::usage(error.to_string(), ""))?;
    let sink = ui::sink(ui::Show::default());
    let session = project::session(&engine, &app.name, RunKind::Dev, None, &sink, &cancel);
    let filter = session.labels.filter();
    let running = engine.containers(&filter, false).await?;
    let mut differed = false;
    let mut left = false;
    let mut compared = 0;
    let (ruled, _) = dev_watch::ruled(&app, &IndexMap::new(), &[])?;
    for one in ruled {
        let name = &one.service.name;
        let of = one
            .service
            .replica
            .as_ref()
            .map_or(name, |replica| &replica.of);
        if !args.services.is_empty() && !args.services.contains(of) {
            continue;
        }
        let (roots, all) = expected(&one.matchers);
        if roots.is_empty() {
            continue;
        }
        let container = running.iter().find(|one| {
            let is = |key: &str, value: &str| one.labels.get(key).is_some_and(|own| own == value);
            is(labels::SERVICE, name) && is(labels::ROLE, "service")
        });
        let Some(container) = container else {
            println!("{name}: does not run");
            continue;
        };
        compared += 1;
        let targets = Targets {
            directory: app.directory.clone(),
            roots,
            mounts: mounts(one.service),
        };
        let work = Compared {
            session: &session,
            one: &one,
            container: &container.id,
            targets: Arc::new(targets),
        };
        let (differs, remains) = work.run(all, &args).await?;
        differed |= differs;
        left |= remains;
    }
    if compared == 0 {
        return Err(Failure::usage(
            "no running service has a rule that brings files into its container",
            "start the app with `envsim dev`; rules are those of `develop.watch` with `sync`, and bind mounts need none",
        ));
    }
    Ok(match () {
        () if left => Exit::Engine,
        () if differed && args.dry_run => Exit::Findings,
        () => Exit::Clean,
    })
}

struct Compared<'a> {
    session: &'a Session,
    one: &'a Ruled<'a>,
    container: &'a str,
    targets: Arc<Targets>,
}

impl Compared<'_> {
    /// Whether something differed, and whether something still does.
    async fn run(&self, all: Vec<RootStep>, args: &args::Sync) -> Result<(bool, bool), Failure> {
        let service = &self.one.service.name;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::from(RunError::Service {
                message: format!("the files of `{service}` cannot be compared: {error}"),
                help: "files are compared through envsim's agent in the container; without one, restart the app"
                    .to_owned(),
            })
        };
        let command = agent::link_command();
        let link = Link::open(&self.session.engine, self.container, &command, None).await;
        let link = link.map_err(|error| failed(&error))?;
        let owner = self.one.service.dev.owner.as_ref().map(|owner| owner.value);
        let declared = declare(&link, &self.targets.roots, owner).await;
        if let Some(refused) = declared.map_err(|error| failed(&error))?.first() {
            return Err(failed(&refused.what));
        }
        let found = compare(&link, all.clone()).await;
        let found = found.map_err(|error| failed(&error))?;
        self.tell(&found, args.verify);
        if found.steps.is_empty() || args.dry_run {
            return Ok((!found.steps.is_empty(), false));
        }
        let steps: Vec<RootStep> = found.steps.into_iter().map(|(step, _)| step).collect();
        let coming = steps.iter().map(|step| match step.sending(0) {
            Sending::File(source, at) => link.file(source, at, 0),
            Sending::Ask(request) => link.ask(request),
        });
        let coming = coming.collect();
        let peer = link.peer();
        let arrival = Arrival {
            session: self.session.clone(),
            service: service.clone(),
            container: Some(self.container.to_owned()),
            targets: self.targets.clone(),
            owner: owner.unwrap_or((peer.user, peer.group)),
            link: Some(link.clone()),
        };
        arrival.of(steps, coming).await;
        let after = compare(&link, all).await.map_err(|error| failed(&error))?;
        match after.steps.len() {
            0 => println!("{service}: repaired, and compared again: equal"),
            left => println!("{service}: {left} still differ"),
        }
        Ok((true, !after.steps.is_empty()))
    }

    fn tell(&self, found: &Difference, all: bool) {
        let service = &self.one.service.name;
        for (step, wrong) in &found.steps {
            let shown = self.targets.changed(step, None);
            let target = shown.target.unwrap_or_default();
            println!(
                "{service}: {}: {target} (from {})",
                wrong.as_str(),
                shown.path
            );
        }
        if all {
            let more = found.more.iter().filter(|(at, kind)| {
                let below = String::from_utf8_lossy(&at.path);
                !matches!(kind, EntryKind::Directory) && !self.ignored(at.root, &below)
            });
            let more: Vec<String> = more.map(|(at, _)| self.targets.in_container(at)).collect();
            for path in more.iter().take(SHOWN) {
                println!("{service}: only in the container: {path}");
            }
            if more.len() > SHOWN {
                let rest = more.len() - SHOWN;
                println!("{service}: only in the container: {rest} more");
            }
        }
        if found.steps.is_empty() {
            println!("{service}: {} files compared by hash: equal", found.files);
        }
    }

    /// Whether the rule of the root leaves a path alone.
    fn ignored(&self, root: u16, below: &str) -> bool {
        let mut number = 0;
        for matcher in &self.one.matchers {
            if crate::dev::live::place(matcher, number).is_none() {
                continue;
            }
            if number == usize::from(root) {
                return matcher.relevant(&matcher.rule.path.join(below)).is_none();
            }
            number += 1;
        }
        false
    }
}
