//! The dev loop: what changes on the host is brought into the running containers, until Ctrl-C.
//!
//! [`crate::dev::watch`] says what changed, [`work`] what that asks of a service, and one [`keeper::Keeper`] for each
//! service does it. Nothing here waits for one service while another one could go on.

pub mod arrival;
pub mod back;
pub mod compare;
pub mod keeper;
mod rebuild;
mod restart;
pub mod work;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::run::DevRun;
use super::watch::batch::{Batch, Changes};
use super::watch::mirror::Mirror;
use super::watch::rule::Matcher;
use super::watch::source::{Change, Source};
use crate::app::{App, Service, WatchAction};
use crate::event::{Changed, Command, Event};
use crate::plan::start::State;
use crate::run::image::Image;
use crate::run::{RunError, Session};
use crate::wire::frame::At;
use arrival::Targets;
use back::{Decision, Wanted};
use keeper::{Given, Keeper, OfImage, Order, Root, Word};
use rebuild::{Reason, Rebuild, rebuild};
use work::{Place, RootStep, Work};

/// A service and its rules.
pub struct Ruled<'a> {
    /// The service.
    pub service: &'a Service,
    /// Its rules, ready to be asked.
    pub matchers: Vec<Matcher>,
}

/// What the user asks of the loop.
pub struct Asked<'a> {
    /// The services with their rules.
    pub ruled: Vec<Ruled<'a>>,
    /// What is to come back from the containers.
    pub wanted: Wanted,
    /// What keys ask for while it runs.
    pub commands: mpsc::UnboundedReceiver<Command>,
}

/// One rule in the loop.
struct Rule {
    matcher: Matcher,
    /// The index and the place of a rule that brings files into the container.
    sync: Option<(Mirror, Place)>,
}

/// One service in the loop.
struct Kept<'a> {
    service: &'a Service,
    rules: Vec<Rule>,
    orders: mpsc::UnboundedSender<Order>,
    rebuild: Rebuild,
    /// When what failed is tried again, and how often it was since the last change.
    again: Option<Instant>,
    tries: u32,
}

/// Before what failed is tried again; each time twice as long.
const RETRY: Duration = Duration::from_millis(200);
const MOST_TRIES: u32 = 5;

/// Acts on changes until Ctrl-C or until `over` returns.
///
/// # Errors
/// A rebuilt container that cannot be put in the place of the old one.
pub async fn run(
    session: &Session,
    app: &App,
    run: &DevRun<'_>,
    images: &IndexMap<String, Image>,
    asked: Asked<'_>,
    over: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let Asked {
        ruled,
        wanted,
        mut commands,
    } = asked;
    let matchers = ruled.iter().flat_map(|one| one.matchers.iter().cloned());
    let mut source = Source::new(matchers.collect());
    let (tell, mut words) = mpsc::unbounded_channel();
    let mut live = Live {
        session,
        app,
        kept: Vec::new(),
        asked: Vec::new(),
        wanted: Arc::new(wanted),
    };
    for one in ruled {
        live.keep(run, images, one, &tell);
    }
    let ruled = live.kept.iter().filter(|kept| !kept.rules.is_empty());
    let names: Vec<&str> = ruled.map(|kept| &*kept.service.name).collect();
    if !names.is_empty() {
        session.emit(Event::Note(format!(
            "watching the files of {}",
            names.join(", ")
        )));
    }
    let mut states = run.watch();
    live.started(run, &states.borrow_and_update().clone());
    let mut batch = Batch::default();
    let mut rebuilds = FuturesUnordered::new();
    tokio::pin!(over);
    loop {
        for (service, reason) in live.asked.drain(..) {
            rebuilds.push(rebuild(session, app, run, service, reason));
        }
        let due = batch.due();
        let quiet = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        let retry = live.kept.iter().filter_map(|kept| kept.again).min();
        let retried = async {
            match retry {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = session.cancel.wait() => return Ok(()),
            change = source.next() => match change {
                Some(Change::Closed(path)) => {
                    batch.closed(path, Instant::now());
                    live.take(&mut batch);
                }
                Some(Change::Touched(path)) => batch.touched(path, Instant::now()),
                Some(Change::Lost) => batch.lost(Instant::now()),
                Some(Change::Note(note)) => session.emit(Event::Note(note)),
                None => return Ok(()),
            },
            () = quiet => live.take(&mut batch),
            Some(command) = commands.recv() => live.obey(&command),
            () = retried => live.try_again(),
            Some(word) = words.recv() => live.hear(word),
            Ok(()) = states.changed() => {
                let now = states.borrow_and_update().clone();
                live.started(run, &now);
            }
            Some(done) = rebuilds.next(), if !rebuilds.is_empty() => live.rebuilt(&done?),
            () = &mut over => return Ok(()),
        }
    }
}

struct Live<'a> {
    session: &'a Session,
    app: &'a App,
    kept: Vec<Kept<'a>>,
    /// What is to come back from the containers.
    wanted: Arc<Wanted>,
    /// Rebuilds to begin.
    asked: Vec<(&'a Service, Reason)>,
}

impl<'a> Live<'a> {
    fn keep(
        &mut self,
        run: &DevRun<'_>,
        images: &IndexMap<String, Image>,
        one: Ruled<'a>,
        tell: &mpsc::UnboundedSender<Word>,
    ) {
        let mut roots = Vec::new();
        let rules = one.matchers.into_iter().map(|matcher| {
            let sync = place(&matcher, roots.len()).map(|(root, place)| {
                roots.push(root);
                let mut mirror = Mirror::new(matcher.clone());
                // What the container has of it is compared when it runs.
                mirror.scan();
                (mirror, place)
            });
            Rule { matcher, sync }
        });
        let rules: Vec<Rule> = rules.collect();
        let image = one.service.replica.as_ref().map(|replica| &replica.of);
        let image = images.get(image.unwrap_or(&one.service.name));
        let orders = Keeper::spawn(
            self.session,
            one.service,
            Targets {
                directory: self.app.directory.clone(),
                roots,
                mounts: mounts(one.service),
            },
            Given {
                image: image.map_or_else(OfImage::default, |image| OfImage {
                    stop_signal: image.info.config.stop_signal.clone(),
                    user: image.info.config.user.clone(),
                }),
                agent: run.has_agent(&one.service.name),
                wanted: self.wanted.clone(),
            },
            tell.clone(),
        );
        self.kept.push(Kept {
            service: one.service,
            rules,
            orders,
            rebuild: Rebuild::No,
            again: None,
            tries: 0,
        });
    }

    /// Tells the keepers of containers that run.
    fn started(&self, run: &DevRun<'_>, states: &IndexMap<String, State>) {
        for kept in &self.kept {
            let name = &kept.service.name;
            if matches!(states.get(name), Some(State::Running { .. }))
                && let Some(id) = run.container_of(name)
            {
                kept.order(Order::Started(id));
            }
        }
    }

    /// What the user asks for with a key.
    fn obey(&mut self, command: &Command) {
        let (Command::Restart { service } | Command::Rebuild { service }) = command;
        let now = Instant::now();
        for kept in &mut self.kept {
            let own = kept.service;
            let of = own.replica.as_ref().map(|replica| &replica.of);
            let asked = service
                .as_ref()
                .is_none_or(|name| *name == own.name || Some(name) == of);
            match command {
                _ if !asked => {}
                Command::Restart { .. } => {
                    let mut work = Work::new(now, 0);
                    work.restart = true;
                    work.by_hand = true;
                    kept.order(Order::Work(work));
                }
                Command::Rebuild { .. } if own.build.is_none() && service.is_none() => {}
                Command::Rebuild { .. } if own.build.is_none() => {
                    self.session.emit(Event::Note(format!(
                        "{}: there is nothing to build, its image is a stock one",
                        own.name
                    )));
                }
                Command::Rebuild { .. } => {
                    let begun = kept.rebuild.ask(Reason {
                        paths: Vec::new(),
                        since: now,
                    });
                    self.asked.extend(begun.map(|reason| (own, reason)));
                }
            }
        }
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Open { service } => {
                let Some(kept) = self.kept.iter_mut().find(|one| one.service.name == service)
                else {
                    return;
                };
                let mut all = Vec::new();
                let mut late = Work::new(Instant::now(), 0);
                let mut restart = HashSet::new();
                for rule in &mut kept.rules {
                    let Some((mirror, place)) = &mut rule.sync else {
                        continue;
                    };
                    // What could not be sent before.
                    late.steps.extend(place.steps(mirror.scan()));
                    all.extend(place.steps(mirror.all()));
                    if rule.matcher.rule.action == WatchAction::SyncAndRestart {
                        restart.insert(place.root);
                    }
                }
                if !late.is_empty() {
                    kept.order(Order::Work(late));
                }
                kept.order(Order::Reconcile(all, restart));
            }
            Word::Back {
                service,
                at,
                path,
                content,
                mode,
            } => self.back(&service, &at, &path, &content, mode),
            Word::Missed {
                service,
                steps,
                again,
            } => {
                let Some(kept) = self.kept.iter_mut().find(|one| one.service.name == service)
                else {
                    return;
                };
                for RootStep { root, step, .. } in steps {
                    let mut rules = kept.rules.iter_mut();
                    let mirror =
                        rules.find_map(|rule| rule.sync.as_mut().filter(|(_, at)| at.root == root));
                    if let Some((mirror, _)) = mirror {
                        mirror.forget(&step.below);
                    }
                }
                if again && kept.again.is_none() && kept.tries < MOST_TRIES {
                    kept.again = Some(Instant::now() + RETRY * 2_u32.pow(kept.tries));
                    kept.tries += 1;
                }
            }
        }
    }

    /// Sends again what failed.
    fn try_again(&mut self) {
        let now = Instant::now();
        for kept in &mut self.kept {
            if kept.again.take_if(|due| *due <= now).is_none() {
                continue;
            }
            let mut work = Work::new(now, 0);
            for rule in &mut kept.rules {
                if let Some((mirror, place)) = &mut rule.sync {
                    work.steps.extend(place.steps(mirror.scan()));
                }
            }
            if !work.is_empty() {
                kept.order(Order::Work(work));
            }
        }
    }

    /// Writes a file that the container generated, unless the host has changed it too.
    fn back(&self, service: &str, at: &At, path: &Path, content: &[u8], mode: u32) {
        let mut rules = self.kept.iter().filter(|kept| kept.service.name == service);
        let mut rules = rules.by_ref().flat_map(|kept| &kept.rules);
        let sync = rules.find_map(|rule| rule.sync.as_ref().filter(|(_, to)| to.root == at.root));
        let Some((mirror, place)) = sync else { return };
        let below = match at.path == place.prefix {
            true => &[][..],
            false => &at.path,
        };
        let decision = back::decide(mirror.since_sent(below));
        let shown = self.app.relative(path);
        let text = match back::write(&self.app.directory, path, content, mode, decision) {
            Err(error) => {
                Event::Warning(format!("{service}: `{shown}` did not come back: {error}"))
            }
            Ok(written) if decision == Decision::Conflict => Event::Warning(format!(
                "{service}: `{shown}` was changed here and in the container; yours stays, the container's is `{}`",
                self.app.relative(&written)
            )),
            Ok(_) => Event::Note(format!("{service}: `{shown}` came back from the container")),
        };
        self.session.emit(text);
    }

    /// Acts on what is due.
    fn take(&mut self, batch: &mut Batch) {
        while let Some(changes) = batch.take(Instant::now()) {
            self.act(&changes);
        }
    }

    fn act(&mut self, changes: &Changes) {
        let seen = wall_clock(changes.since);
        for kept in &mut self.kept {
            let mut work = Work::new(changes.since, seen);
            let mut rebuild: Vec<Changed> = Vec::new();
            for rule in &mut kept.rules {
                if let Some((mirror, place)) = &mut rule.sync {
                    let steps = match changes.rescan {
                        true => mirror.scan(),
                        false => mirror.changed(changes.paths.keys(), true),
                    };
                    for note in mirror.take_notes() {
                        self.session.emit(Event::Warning(note));
                    }
                    if steps.is_empty() {
                        continue;
                    }
                    work.steps.extend(place.steps(steps));
                    match &rule.matcher.rule.action {
                        WatchAction::SyncAndRestart => work.restart = true,
                        WatchAction::SyncAndExec(hook) if !work.run.contains(hook) => {
                            work.run.push((**hook).clone());
                        }
                        _ => {}
                    }
                    continue;
                }
                let paths = relevant(self.app, &rule.matcher, changes);
                if paths.is_empty() {
                    continue;
                }
                match rule.matcher.rule.action {
                    WatchAction::Rebuild => rebuild.extend(paths),
                    _ => {
                        work.restart = true;
                        work.paths.extend(paths);
                    }
                }
            }
            if !rebuild.is_empty() {
                // The new container comes with the files, and starts by itself.
                work.restart = false;
                work.run.clear();
            }
            if !work.is_empty() {
                kept.tries = 0;
                kept.order(Order::Work(work));
            }
            if !rebuild.is_empty() {
                let begun = kept.rebuild.ask(Reason {
                    paths: rebuild,
                    since: changes.since,
                });
                self.asked
                    .extend(begun.map(|reason| (kept.service, reason)));
            }
        }
    }

    /// The rebuild of `service` has ended.
    fn rebuilt(&mut self, service: &str) {
        for kept in &mut self.kept {
            if kept.service.name == service {
                let next = kept.rebuild.ended();
                self.asked.extend(next.map(|reason| (kept.service, reason)));
            }
        }
    }
}

impl Kept<'_> {
    fn order(&self, order: Order) {
        // The keeper lives as long as its orders do.
        let _ = self.orders.send(order);
    }
}

/// Everything that the container of a service should have of its rules, and the roots it is below.
pub fn expected(matchers: &[Matcher]) -> (Vec<Root>, Vec<RootStep>) {
    let mut roots = Vec::new();
    let mut all = Vec::new();
    for matcher in matchers {
        let Some((root, place)) = place(matcher, roots.len()) else {
            continue;
        };
        roots.push(root);
        let mut mirror = Mirror::new(matcher.clone());
        mirror.scan();
        all.extend(place.steps(mirror.all()));
    }
    (roots, all)
}

/// Where the containers of a service have mounts.
pub fn mounts(service: &Service) -> Vec<String> {
    let volumes = service.volumes.iter().map(|mount| mount.target.clone());
    let files = service.files.iter().map(|file| file.target.clone());
    volumes.chain(files).collect()
}

/// Where a rule brings files; none for one that brings nothing.
pub fn place(matcher: &Matcher, number: usize) -> Option<(Root, Place)> {
    let rule = &matcher.rule;
    let brings = matches!(
        rule.action,
        WatchAction::Sync | WatchAction::SyncAndRestart | WatchAction::SyncAndExec(_)
    );
    let target = rule.target.as_ref().filter(|_| brings)?;
    let number = u16::try_from(number).ok()?;
    let target = target.trim_end_matches('/');
    // A rule for one file brings it into the directory that it is to be in.
    let (path, prefix) = match rule.path.is_file() {
        true => target.rsplit_once('/').unwrap_or(("", target)),
        false => (target, ""),
    };
    let root = Root {
        path: match path {
            "" => "/".to_owned(),
            path => path.to_owned(),
        },
        number,
        source: match prefix {
            "" => rule.path.clone(),
            _ => rule.path.parent().unwrap_or(&rule.path).to_owned(),
        },
    };
    let place = Place {
        root: number,
        prefix: prefix.as_bytes().to_vec(),
    };
    Some((root, place))
}

/// The changed paths that a rule is about which brings nothing.
fn relevant(app: &App, matcher: &Matcher, changes: &Changes) -> Vec<Changed> {
    let mut all: BTreeMap<PathBuf, ()> = BTreeMap::new();
    for path in changes.paths.keys() {
        // A directory that appears is told with its files.
        if matcher.relevant(path).is_some() && !path.is_dir() {
            all.insert(path.clone(), ());
        }
    }
    if changes.rescan && all.is_empty() {
        // What changed is not known: better once too often than with old code.
        all.insert(matcher.rule.path.clone(), ());
    }
    let changed = all.into_keys().map(|path| Changed {
        gone: path.symlink_metadata().is_err(),
        path: app.relative(&path),
        target: None,
        bytes: None,
    });
    changed.collect()
}

/// Microseconds since 1970 of a moment that was not long ago.
fn wall_clock(moment: Instant) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let then = now.unwrap_or_default().saturating_sub(moment.elapsed());
    u64::try_from(then.as_micros()).unwrap_or(u64::MAX)
}
