//! Keeps the container of one service up to date: sends files, restarts its process, opens the stream to the
//! agent again when it ended, and goes through the engine where there is no agent.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::arrival::{Arrival, Targets};
use super::back::{MOST, Wanted};
use super::compare::{compare, hash_of};
use super::restart::Act;
use super::work::{RootStep, Sending, Work};
use crate::app::Service;
use crate::dev::agent;
use crate::dev::archive::{self, Item};
use crate::dev::link::{Coming, Failure, Link, LinkError};
use crate::dev::owner;
use crate::dev::watch::mirror::What;
use crate::event::{Action, Changed, Event};
use crate::run::Session;
use crate::wire::frame::{At, EntryKind, Request};

/// Between two tries to reach the agent; it grows.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// Removed paths that are remembered.
const MOST_REMOVED: usize = 10_000;
/// How long changes are gathered for a restart that follows another one.
const GATHER: Duration = Duration::from_millis(50);
/// Tries before files go through the engine.
const TRIES: u32 = 5;

/// A directory of the container that rules bring files to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Absolute path in the container.
    pub path: String,
    /// Its number in frames.
    pub number: u16,
    /// The directory of the host whose content it has.
    pub source: PathBuf,
}

/// What the image says, for what the file leaves open.
#[derive(Clone, Debug, Default)]
pub struct OfImage {
    /// `STOPSIGNAL`.
    pub stop_signal: Option<String>,
    /// `USER`.
    pub user: Option<String>,
}

/// What a keeper works with.
pub struct Given {
    /// Of the image.
    pub image: OfImage,
    /// Whether the container was made with the agent.
    pub agent: bool,
    /// What is to come back from the container.
    pub wanted: Arc<Wanted>,
}

/// What a service is told.
#[derive(Debug)]
pub enum Order {
    /// Files changed.
    Work(Work),
    /// Its container started: the same again, or a new one.
    Started(String),
    /// Bring what differs of all this, the whole of what the container should have; where something differs below
    /// one of the roots, restart the service.
    Reconcile(Vec<RootStep>, HashSet<u16>),
}

/// What a service tells.
#[derive(Debug)]
pub enum Word {
    /// The stream to a container is open: now it can be compared.
    Open { service: String },
    /// The container has another content of a file that is wanted back.
    Back {
        service: String,
        /// Where it is.
        at: At,
        /// The file of the host that it is.
        path: PathBuf,
        content: Vec<u8>,
        /// Permission bits.
        mode: u32,
    },
    /// These did not arrive, and will not be tried again by themselves.
    Missed {
        service: String,
        steps: Vec<RootStep>,
        /// Nothing else will bring them: the stream is open, and they failed.
        again: bool,
    },
}

/// What keeps one service up to date.
pub struct Keeper {
    session: Session,
    service: Service,
    targets: Arc<Targets>,
    image: OfImage,
    /// Whom files belong to that go through the engine.
    engine_owner: (u32, u32),
    words: mpsc::UnboundedSender<Word>,
    container: Option<String>,
    link: Option<Link>,
    /// False where the container has no agent.
    has_agent: bool,
    /// False where it cannot be reached either, until the container starts again.
    agent: bool,
    /// Removals that were on their way when a stream ended.
    removals: BTreeMap<At, RootStep>,
    /// What was removed, for as long as that is few: a frame of a stream that was cut may still have brought it back.
    removed: BTreeMap<At, RootStep>,
    /// What is to come back from the container.
    wanted: Arc<Wanted>,
    changed: mpsc::UnboundedSender<At>,
}

impl Keeper {
    /// A keeper of `service` that hears orders until there are no more, and tells `words`.
    pub fn spawn(
        session: &Session,
        service: &Service,
        targets: Targets,
        given: Given,
        words: mpsc::UnboundedSender<Word>,
    ) -> mpsc::UnboundedSender<Order> {
        let (give, orders) = mpsc::unbounded_channel();
        let (changed, changes) = mpsc::unbounded_channel();
        let keeper = Self {
            session: session.clone(),
            service: service.clone(),
            targets: Arc::new(targets),
            image: given.image,
            engine_owner: (0, 0),
            words,
            container: None,
            link: None,
            has_agent: given.agent,
            agent: given.agent,
            removals: BTreeMap::new(),
            removed: BTreeMap::new(),
            wanted: given.wanted,
            changed,
        };
        tokio::spawn(keeper.run(orders, changes));
        give
    }

    async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut changes: mpsc::UnboundedReceiver<At>,
    ) {
        // Work that waits for a restart under way, which must not hold back what only syncs.
        let (restarted, mut restarts) = mpsc::unbounded_channel::<()>();
        let mut restarting = false;
        let mut gathering = false;
        let mut again: Option<Work> = None;
        loop {
            let link = self.link.clone();
            let over = async move {
                match link {
                    Some(link) => link.over().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Started(id)) => self.started(id).await,
                    Some(Order::Reconcile(steps, restart)) => {
                        if let Some(work) = self.reconcile(steps, &restart).await
                            && !restarting
                        {
                            restarting = true;
                            self.act(work, restarted.clone());
                        }
                    }
                    Some(Order::Work(mut work)) => {
                        self.remember(&work.steps);
                        let (syncing, coming) = self.send(&work.steps, work.seen).await;
                        if !work.restart && work.run.is_empty() {
                            self.tell_when_done(syncing, coming, work.since);
                            continue;
                        }
                        let (arrived, missed) = self.arrived(syncing, coming).await;
                        work.steps.clear();
                        self.missed(missed);
                        work.paths.extend(arrived);
                        if restarting {
                            match &mut again {
                                Some(waiting) => waiting.join(work),
                                None => again = Some(work),
                            }
                            continue;
                        }
                        restarting = true;
                        self.act(work, restarted.clone());
                    }
                },
                Some(()) = restarts.recv() => {
                    restarting = false;
                    // Where one restart follows another, files are changing: those of the next moment come with it.
                    if again.is_some() && !gathering {
                        (restarting, gathering) = (true, true);
                        let gathered = restarted.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(GATHER).await;
                            // The keeper is gone only when the run is over.
                            let _ = gathered.send(());
                        });
                    } else {
                        gathering = false;
                        if let Some(work) = again.take() {
                            restarting = true;
                            self.act(work, restarted.clone());
                        }
                    }
                }
                Some(at) = changes.recv() => self.back(at),
                _ = over => self.lost().await,
            }
        }
    }

    fn warn(&self, text: &str) {
        self.session
            .emit(Event::Warning(format!("{}: {text}", self.service.name)));
    }

    /// The container `id` runs now.
    async fn started(&mut self, id: String) {
        let same = self.container.as_ref() == Some(&id);
        if same && self.link.as_ref().is_some_and(|link| !link.is_over()) {
            return;
        }
        self.container = Some(id);
        self.link = None;
        self.agent = self.has_agent;
        self.connect().await;
    }

    /// The stream has ended: again, if the container still runs; else its next start is told.
    async fn lost(&mut self) {
        self.link = None;
        self.connect().await;
    }

    async fn connect(&mut self) {
        let Some(id) = self.container.clone() else {
            return;
        };
        if !self.agent {
            self.learn_owner(&id).await;
            self.tell(Word::Open {
                service: self.service.name.clone(),
            });
            return;
        }
        let mut wait = RETRY;
        let mut tries = 0;
        let mut start = None;
        let error = loop {
            let changed = (!self.wanted.is_empty()).then(|| self.changed.clone());
            match Link::open(
                &self.session.engine,
                &id,
                &agent::only_link_command(),
                changed,
            )
            .await
            {
                Ok(link) => {
                    self.opened(link).await;
                    return;
                }
                Err(error) => {
                    let running = self.session.engine.inspect(&id).await;
                    match running {
                        // Its next start is told.
                        Ok(None) => return,
                        Ok(Some(state)) if !state.running => return,
                        // It was restarted meanwhile: what failed says nothing of this start.
                        Ok(Some(state)) if start != state.started_at => {
                            start = state.started_at;
                            tries = 1;
                        }
                        Ok(Some(_)) => tries += 1,
                        // The engine is away: it may come back.
                        Err(_) => {}
                    }
                    if tries >= TRIES || self.session.cancel.requested() {
                        break error;
                    }
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_RETRY);
        };
        self.agent = false;
        self.learn_owner(&id).await;
        self.warn(&format!(
            "the agent cannot be reached, so files and restarts go through the engine, which takes longer: {error}"
        ));
        self.tell(Word::Open {
            service: self.service.name.clone(),
        });
    }

    async fn learn_owner(&mut self, id: &str) {
        let user = self.service.user.as_ref().or(self.image.user.as_ref());
        let user = user.cloned().unwrap_or_default();
        self.engine_owner = owner::ids(&self.session.engine, id, &user).await;
    }

    async fn opened(&mut self, link: Link) {
        let owner = self.service.dev.owner.as_ref().map(|owner| owner.value);
        // The end of the stream is seen by itself.
        for failed in declare(&link, &self.targets.roots, owner)
            .await
            .unwrap_or_default()
        {
            self.warn(&failed.what);
        }
        if !self.wanted.is_empty() {
            for root in &self.targets.roots {
                let number = root.number;
                let asked = link.ask(Request::Watch { root: number }).get().await;
                if let Ok(answer) = asked
                    && let Some(failed) = answer.failed
                {
                    self.warn(&format!("not every file can come back: {}", failed.what));
                }
            }
        }
        // Removals that may not have arrived, deepest first; what is there again is no removal any more.
        let open: Vec<RootStep> = std::mem::take(&mut self.removals)
            .into_values()
            .rev()
            .collect();
        self.link = Some(link);
        let open: Vec<RootStep> = open
            .into_iter()
            .filter(|step| step.step.source.symlink_metadata().is_err())
            .collect();
        let (syncing, coming) = self.send(&open, 0).await;
        let (_, missed) = self.arrived(syncing, coming).await;
        self.missed(missed);
        self.tell(Word::Open {
            service: self.service.name.clone(),
        });
    }

    /// Fetches a path that changed in the container, when it is wanted and differs.
    fn back(&self, at: At) {
        let Some(path) = self.targets.on_host(&at) else {
            return;
        };
        if !self.wanted.has(&self.targets.shown(&path)) {
            return;
        }
        let Some(link) = self.link.clone() else {
            return;
        };
        let (session, words) = (self.session.clone(), self.words.clone());
        let service = self.service.name.clone();
        tokio::spawn(async move {
            match fetched(&link, &at, &path).await {
                Ok(None) => {}
                Ok(Some((content, mode))) => {
                    // Nobody listens any more when the run is over.
                    let _ = words.send(Word::Back {
                        service,
                        at,
                        path,
                        content,
                        mode,
                    });
                }
                Err(why) => {
                    let path = path.display();
                    session.emit(Event::Warning(format!(
                        "{service}: `{path}` did not come back: {why}"
                    )));
                }
            }
        });
    }

    fn tell(&self, word: Word) {
        // Nobody listens any more when the run is over.
        let _ = self.words.send(word);
    }

    /// Remembers what is removed, and forgets it when it is there again.
    fn remember(&mut self, steps: &[RootStep]) {
        for step in steps {
            match step.step.what {
                What::Gone { .. } => drop(self.removed.insert(step.at(), step.clone())),
                _ => drop(self.removed.remove(&step.at())),
            }
        }
        while self.removed.len() > MOST_REMOVED {
            self.removed.pop_first();
        }
    }

    /// Sends `steps`; without a stream through the engine, at once.
    async fn send(&self, steps: &[RootStep], seen: u64) -> (Vec<RootStep>, Vec<Coming>) {
        let Some(link) = &self.link else {
            if !self.agent {
                let failed = self.through_the_engine(steps).await;
                return (failed, Vec::new());
            }
            // The container is not there now: what it lacks is found when it is compared.
            return (steps.to_vec(), Vec::new());
        };
        let coming = steps.iter().map(|step| match step.sending(seen) {
            Sending::File(source, at) => link.file(source, at, seen),
            Sending::Ask(request) => link.ask(request),
        });
        (steps.to_vec(), coming.collect())
    }

    /// Waits for the answers: what arrived, and what did not.
    async fn arrived(
        &self,
        steps: Vec<RootStep>,
        coming: Vec<Coming>,
    ) -> (Vec<Changed>, Vec<RootStep>) {
        self.arrival().of(steps, coming).await
    }

    fn arrival(&self) -> Arrival {
        Arrival {
            session: self.session.clone(),
            service: self.service.name.clone(),
            container: self.container.clone(),
            targets: self.targets.clone(),
            owner: self.owner(),
            link: self.link.clone(),
        }
    }

    fn owner(&self) -> (u32, u32) {
        let written = self.service.dev.owner.as_ref().map(|owner| owner.value);
        let peer = self.link.as_ref().map(|link| {
            let peer = link.peer();
            (peer.user, peer.group)
        });
        written.or(peer).unwrap_or(self.engine_owner)
    }

    /// Steps that were on their way when the stream ended.
    fn missed(&mut self, steps: Vec<RootStep>) {
        if steps.is_empty() {
            return;
        }
        for step in &steps {
            if matches!(step.step.what, What::Gone { .. }) {
                self.removals.insert(step.at(), step.clone());
            }
        }
        self.tell(Word::Missed {
            service: self.service.name.clone(),
            steps,
            again: match &self.link {
                Some(link) => !link.is_over(),
                None => !self.agent,
            },
        });
    }

    /// Tells of the sync when all answers are there, and goes on at once.
    fn tell_when_done(&mut self, steps: Vec<RootStep>, coming: Vec<Coming>, since: Instant) {
        if coming.is_empty() {
            self.missed(steps);
            return;
        }
        let arrival = self.arrival();
        let (session, service, words) = (
            self.session.clone(),
            self.service.name.clone(),
            self.words.clone(),
        );
        let link = self.link.clone();
        tokio::spawn(async move {
            let (paths, missed) = arrival.of(steps, coming).await;
            if !paths.is_empty() {
                session.emit(Event::Synced {
                    service: service.clone(),
                    action: Action::Synced,
                    paths,
                    took: since.elapsed(),
                });
            }
            if !missed.is_empty() {
                let _ = words.send(Word::Missed {
                    service,
                    steps: missed,
                    again: link.is_some_and(|link| !link.is_over()),
                });
            }
        });
    }

    /// Runs commands and restarts, beside what else comes.
    fn act(&self, work: Work, done: mpsc::UnboundedSender<()>) {
        let act = Act {
            session: self.session.clone(),
            service: self.service.clone(),
            container: self.container.clone(),
            link: self.link.clone(),
            stop_signal: self.image.stop_signal.clone(),
        };
        tokio::spawn(async move {
            act.work(work).await;
            let _ = done.send(());
        });
    }

    /// What failed.
    async fn through_the_engine(&self, steps: &[RootStep]) -> Vec<RootStep> {
        let Some(id) = &self.container else {
            return steps.to_vec();
        };
        let started = Instant::now();
        let items: Vec<Item> = steps.iter().map(|step| self.targets.item(step)).collect();
        match archive::sync(&self.session, id, &items, self.owner()).await {
            Ok(()) => {}
            Err(error) => {
                self.warn(&format!("files were not synced: {error}"));
                return steps.to_vec();
            }
        }
        let paths: Vec<Changed> = steps
            .iter()
            .map(|step| self.targets.changed(step, None))
            .collect();
        if !paths.is_empty() {
            self.session.emit(Event::Synced {
                service: self.service.name.clone(),
                action: Action::Synced,
                paths,
                took: started.elapsed(),
            });
        }
        Vec::new()
    }

    /// Compares the container with `all` by hash and brings what differs.
    ///
    /// Returns the restart that this asks for.
    async fn reconcile(&mut self, all: Vec<RootStep>, restart: &HashSet<u16>) -> Option<Work> {
        let link = self.link.clone()?;
        let started = Instant::now();
        // When the stream ends it is opened again, and all is compared again.
        let found = compare(&link, all).await.ok()?;
        // What was removed and is there again came by a stream that was cut; deepest first.
        let back = found
            .more
            .iter()
            .rev()
            .filter_map(|(at, _)| self.removed.get(at));
        // What the host had when it was listed, it may have no more: then another order follows.
        let missing = found.steps.iter().map(|(step, _)| step);
        let differing = back.chain(missing).filter(|step| step.is_of_now());
        let differing: Vec<RootStep> = differing.cloned().collect();
        if differing.is_empty() {
            return None;
        }
        let restarts = differing.iter().any(|step| restart.contains(&step.root));
        let (syncing, coming) = self.send(&differing, 0).await;
        let (paths, missed) = self.arrived(syncing, coming).await;
        self.missed(missed);
        if restarts {
            let mut work = Work::new(started, 0);
            work.paths = paths;
            work.restart = true;
            return Some(work);
        }
        if !paths.is_empty() {
            self.session.emit(Event::Synced {
                service: self.service.name.clone(),
                action: Action::Reconciled,
                paths,
                took: started.elapsed(),
            });
        }
        None
    }
}

/// Declares the roots, and returns what failed.
///
/// # Errors
/// The stream ended.
pub async fn declare(
    link: &Link,
    roots: &[Root],
    owner: Option<(u32, u32)>,
) -> Result<Vec<Failure>, LinkError> {
    let asked: Vec<Coming> = roots
        .iter()
        .map(|root| {
            link.ask(Request::Root {
                number: root.number,
                path: root.path.clone().into_bytes(),
                owner,
            })
        })
        .collect();
    let mut failed = Vec::new();
    for coming in asked {
        failed.extend(coming.get().await?.failed);
    }
    Ok(failed)
}

/// Content and permission bits of a file of the container; none when it is no file, or the host has the same.
async fn fetched(link: &Link, at: &At, path: &Path) -> Result<Option<(Vec<u8>, u32)>, String> {
    let look = Request::Tree {
        at: at.clone(),
        skip: Vec::new(),
        hash: true,
    };
    let looked = link.ask(look).get().await;
    let looked = looked.map_err(|error| error.to_string())?;
    let Some(entry) = looked.entries.first().filter(|entry| entry.path == at.path) else {
        return Ok(None);
    };
    let EntryKind::File { size, hash } = entry.kind else {
        return Ok(None);
    };
    if hash == hash_of(path) {
        return Ok(None);
    }
    if size > MOST {
        return Err(format!("it has {size} bytes"));
    }
    let read = Request::Read {
        at: at.clone(),
        most: MOST,
    };
    let read = link.ask(read).get().await;
    let read = read.map_err(|error| error.to_string())?;
    match read.failed {
        Some(failed) => Err(failed.what),
        None => Ok(Some((read.content, entry.mode))),
    }
}
