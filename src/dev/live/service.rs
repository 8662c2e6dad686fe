//! Keeps the container of one service up to date: sends files, restarts its process, opens the stream to the
//! agent again when it ended, and goes through the engine where there is no agent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::work::{RootStep, Sending, Work};
use crate::app::{Service, signal};
use crate::dev::archive::{self, Item};
use crate::dev::link::{Answer, Coming, Link, LinkError};
use crate::dev::watch::mirror::What;
use crate::dev::agent;
use crate::event::{Action, Changed, Event};
use crate::run::{Session, hooks};
use crate::wire::frame::{At, EntryKind, Request};
use crate::wire::hash::ContentHash;

/// Between two tries to reach the agent; it grows.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);
/// Tries before files go through the engine.
const TRIES: u32 = 3;
/// Linux's numbers of "not allowed", "no rights" and "read-only", where the engine may still succeed.
const REFUSED: [i32; 3] = [1, 13, 30];
/// SIGTERM: what stops a process when nothing else is said.
const TERM: i32 = 15;

/// A directory of the container that rules bring files to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Absolute path in the container.
    pub path: String,
    /// Its number in frames.
    pub number: u16,
}

/// What a service is told.
#[derive(Debug)]
pub enum Order {
    /// Files changed.
    Work(Work),
    /// Its container started: the same again, or a new one.
    Started(String),
    /// Bring what differs of all this, the whole of what the container should have.
    Reconcile(Vec<RootStep>),
}

/// What a service tells.
#[derive(Debug)]
pub enum Word {
    /// The stream to a container is open: now it can be compared.
    Open { service: String },
    /// These did not arrive, and will not be tried again by themselves.
    Missed {
        service: String,
        steps: Vec<RootStep>,
    },
}

/// What keeps one service up to date.
pub struct Keeper {
    session: Session,
    service: Service,
    roots: Vec<Root>,
    /// The image's stop signal.
    stop_signal: Option<String>,
    words: mpsc::UnboundedSender<Word>,
    container: Option<String>,
    link: Option<Link>,
    /// False where the container has no agent, or it cannot be reached.
    agent: bool,
    /// Removals that were on their way when a stream ended.
    removals: BTreeMap<At, RootStep>,
}

impl Keeper {
    /// A keeper of `service` that hears `orders` until there are no more.
    pub fn spawn(
        session: &Session,
        service: &Service,
        roots: Vec<Root>,
        stop_signal: Option<String>,
        agent: bool,
        words: mpsc::UnboundedSender<Word>,
    ) -> mpsc::UnboundedSender<Order> {
        let (give, orders) = mpsc::unbounded_channel();
        let keeper = Self {
            session: session.clone(),
            service: service.clone(),
            roots,
            stop_signal,
            words,
            container: None,
            link: None,
            agent,
            removals: BTreeMap::new(),
        };
        tokio::spawn(keeper.run(orders));
        give
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        // Work that waits for a restart under way, which must not hold back what only syncs.
        let (restarted, mut restarts) = mpsc::unbounded_channel::<()>();
        let mut restarting = false;
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
                    Some(Order::Reconcile(steps)) => self.reconcile(steps).await,
                    Some(Order::Work(mut work)) => {
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
                    if let Some(work) = again.take() {
                        restarting = true;
                        self.act(work, restarted.clone());
                    }
                }
                reason = over => self.lost(&reason).await,
            }
        }
    }

    fn warn(&self, text: &str) {
        self.session
            .emit(Event::Warning(format!("{}: {text}", self.service.name)));
    }

    /// The container `id` runs now.
    async fn started(&mut self, id: String) {
        self.container = Some(id);
        self.link = None;
        self.connect().await;
    }

    /// The stream has ended: again, if the container still runs; else its next start is told.
    async fn lost(&mut self, _reason: &str) {
        self.link = None;
        self.connect().await;
    }

    async fn connect(&mut self) {
        let Some(id) = self.container.clone() else {
            return;
        };
        if !self.agent || self.roots.is_empty() && self.service.watch.is_empty() {
            self.tell(Word::Open {
                service: self.service.name.clone(),
            });
            return;
        }
        let mut wait = RETRY;
        let mut tries = 0;
        let error = loop {
            match Link::open(&self.session.engine, &id, &agent::link_command()).await {
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
        self.warn(&format!(
            "the agent cannot be reached, so files and restarts go through the engine, which takes longer: {error}"
        ));
        self.tell(Word::Open {
            service: self.service.name.clone(),
        });
    }

    async fn opened(&mut self, link: Link) {
        let mut coming = Vec::new();
        for root in &self.roots {
            let owner = self.service.dev.owner.as_ref().map(|owner| owner.value);
            coming.push(link.ask(Request::Root {
                number: root.number,
                path: root.path.clone().into_bytes(),
                owner,
            }));
        }
        for answer in coming {
            match answer.get().await {
                Ok(Answer {
                    failed: Some(failed),
                    ..
                }) => self.warn(&failed.what),
                Ok(_) => {}
                // The end of the stream is seen by itself.
                Err(_) => break,
            }
        }
        // Removals that may not have arrived; what is there again is no removal any more.
        let open: Vec<RootStep> = std::mem::take(&mut self.removals).into_values().collect();
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

    fn tell(&self, word: Word) {
        // Nobody listens any more when the run is over.
        let _ = self.words.send(word);
    }

    /// Sends `steps`; without a stream through the engine, at once.
    async fn send(&self, steps: &[RootStep], seen: u64) -> (Vec<RootStep>, Vec<Coming>) {
        let Some(link) = &self.link else {
            if !self.agent {
                self.through_the_engine(steps).await;
                return (Vec::new(), Vec::new());
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
        Arrival {
            session: self.session.clone(),
            service: self.service.name.clone(),
            container: self.container.clone(),
            roots: self.roots.clone(),
            owner: self.owner(),
        }
        .of(steps, coming)
        .await
    }

    fn owner(&self) -> (u32, u32) {
        let written = self.service.dev.owner.as_ref().map(|owner| owner.value);
        let peer = self.link.as_ref().map(|link| {
            let peer = link.peer();
            (peer.user, peer.group)
        });
        written.or(peer).unwrap_or_default()
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
        });
    }

    /// Tells of the sync when all answers are there, and goes on at once.
    fn tell_when_done(&mut self, steps: Vec<RootStep>, coming: Vec<Coming>, since: Instant) {
        if coming.is_empty() {
            self.missed(steps);
            return;
        }
        let arrival = Arrival {
            session: self.session.clone(),
            service: self.service.name.clone(),
            container: self.container.clone(),
            roots: self.roots.clone(),
            owner: self.owner(),
        };
        let (session, service, words) = (
            self.session.clone(),
            self.service.name.clone(),
            self.words.clone(),
        );
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
            stop_signal: self.stop_signal.clone(),
        };
        tokio::spawn(async move {
            act.work(work).await;
            let _ = done.send(());
        });
    }

    async fn through_the_engine(&self, steps: &[RootStep]) {
        let Some(id) = &self.container else { return };
        let started = Instant::now();
        let items: Vec<Item> = steps
            .iter()
            .filter_map(|step| item(&self.roots, step))
            .collect();
        match archive::sync(&self.session, id, &items, self.owner()).await {
            Ok(()) => {}
            Err(error) => {
                self.warn(&format!("files were not synced: {error}"));
                return;
            }
        }
        let paths: Vec<Changed> = steps
            .iter()
            .map(|step| changed(&self.roots, step, None))
            .collect();
        if !paths.is_empty() {
            self.session.emit(Event::Synced {
                service: self.service.name.clone(),
                action: Action::Synced,
                paths,
                took: started.elapsed(),
            });
        }
    }

    /// Compares the container with `all` by hash and brings what differs.
    async fn reconcile(&mut self, all: Vec<RootStep>) {
        let Some(link) = self.link.clone() else {
            return;
        };
        let started = Instant::now();
        let Ok(differing) = differing(&link, all).await else {
            return;
        };
        if differing.is_empty() {
            return;
        }
        let (syncing, coming) = self.send(&differing, 0).await;
        let (paths, missed) = self.arrived(syncing, coming).await;
        self.missed(missed);
        if !paths.is_empty() {
            self.session.emit(Event::Synced {
                service: self.service.name.clone(),
                action: Action::Reconciled,
                paths,
                took: started.elapsed(),
            });
        }
    }
}

/// The steps of `all` that the container does not have as they are on the host.
pub async fn differing(link: &Link, all: Vec<RootStep>) -> Result<Vec<RootStep>, LinkError> {
    let asked: Vec<(RootStep, Coming)> = all
        .into_iter()
        .filter(|step| !matches!(step.step.what, What::Gone { .. }))
        .map(|step| {
            let coming = link.ask(Request::Tree {
                at: step.at(),
                skip: vec![Vec::new()],
                hash: true,
            });
            (step, coming)
        })
        .collect();
    let mut differing = Vec::new();
    for (step, coming) in asked {
        let answer = coming.get().await?;
        let found = answer.entries.first();
        let same = match (&step.step.what, found.map(|entry| &entry.kind)) {
            (What::File { size, .. }, Some(EntryKind::File { size: there, hash })) => {
                size == there && *hash == hash_of(&step.step.source)
            }
            (What::Directory { .. }, Some(EntryKind::Directory)) => true,
            (What::Link { to }, Some(EntryKind::Link { to: there })) => to == there,
            _ => false,
        };
        let mode = match &step.step.what {
            What::File { mode, .. } | What::Directory { mode } => Some(*mode),
            _ => None,
        };
        let same_mode = mode.is_none_or(|mode| found.is_some_and(|entry| entry.mode == mode));
        if !(same && same_mode) {
            differing.push(step);
        }
    }
    Ok(differing)
}

/// The hash of a file; none when it cannot be read.
pub fn hash_of(path: &PathBuf) -> Option<[u8; 16]> {
    let mut file = std::fs::File::open(path).ok()?;
    let mut hash = ContentHash::default();
    let mut bytes = vec![0; 128 * 1024];
    loop {
        match std::io::Read::read(&mut file, &mut bytes).ok()? {
            0 => return Some(hash.finish()),
            count => hash.update(&bytes[..count]),
        }
    }
}

/// Waits for answers without its keeper.
struct Arrival {
    session: Session,
    service: String,
    container: Option<String>,
    roots: Vec<Root>,
    owner: (u32, u32),
}

impl Arrival {
    async fn of(
        &self,
        steps: Vec<RootStep>,
        coming: Vec<Coming>,
    ) -> (Vec<Changed>, Vec<RootStep>) {
        let mut arrived = Vec::new();
        let mut missed = Vec::new();
        let mut refused = Vec::new();
        let mut why = None;
        let unsent = steps[coming.len()..].to_vec();
        for (step, coming) in steps.into_iter().zip(coming) {
            match coming.get().await {
                Err(_) => missed.push(step),
                Ok(answer) if answer.vanished => {}
                Ok(Answer {
                    failed: Some(failed),
                    ..
                }) => {
                    if REFUSED.contains(&failed.errno) {
                        refused.push(step);
                    } else {
                        missed.push(step);
                    }
                    why.get_or_insert(failed.what);
                }
                Ok(answer) => {
                    // A directory is told by its files, one that stays with content not at all.
                    let told = !answer.kept && !matches!(step.step.what, What::Directory { .. });
                    if told {
                        arrived.push(changed(&self.roots, &step, Some(answer.bytes)));
                    }
                }
            }
        }
        missed.extend(unsent);
        if !refused.is_empty() {
            let items: Vec<Item> = refused
                .iter()
                .filter_map(|step| item(&self.roots, step))
                .collect();
            let id = self.container.as_deref().unwrap_or_default();
            match archive::sync(&self.session, id, &items, self.owner).await {
                Ok(()) => {
                    why = None;
                    let through = refused.iter().map(|step| changed(&self.roots, step, None));
                    arrived.extend(through);
                }
                Err(error) => {
                    why = Some(format!(
                        "{}; through the engine: {error}",
                        why.unwrap_or_default()
                    ));
                    missed.extend(refused);
                }
            }
        }
        if let Some(why) = why {
            self.session.emit(Event::Warning(format!(
                "{}: not everything was synced: {why}",
                self.service
            )));
        }
        (arrived, missed)
    }
}

fn target(roots: &[Root], step: &RootStep) -> Option<String> {
    let root = roots.iter().find(|root| root.number == step.root)?;
    let below = String::from_utf8_lossy(&step.step.below);
    Some(match below.is_empty() {
        true => root.path.clone(),
        false => format!("{}/{below}", root.path.trim_end_matches('/')),
    })
}

fn changed(roots: &[Root], step: &RootStep, bytes: Option<u64>) -> Changed {
    Changed {
        path: step.step.source.to_string_lossy().into_owned(),
        target: target(roots, step),
        bytes: bytes.filter(|_| matches!(step.step.what, What::File { .. })),
        gone: matches!(step.step.what, What::Gone { .. }),
    }
}

fn item(roots: &[Root], step: &RootStep) -> Option<Item> {
    Some(Item {
        source: step.step.source.clone(),
        target: target(roots, step)?,
    })
}

/// Restarts without its keeper.
struct Act {
    session: Session,
    service: Service,
    container: Option<String>,
    link: Option<Link>,
    stop_signal: Option<String>,
}

impl Act {
    async fn work(self, work: Work) {
        let Some(id) = self.container.clone() else {
            return;
        };
        let mut ran = false;
        for command in &work.run {
            match hooks::one(&self.session.engine, command, &id, "sync+exec").await {
                Ok(()) => ran = true,
                Err(reason) => {
                    self.warn(&reason);
                    break;
                }
            }
        }
        let action = match work.restart {
            true => {
                let synced = work.paths.iter().any(|path| path.target.is_some());
                match self.restart(&id, synced).await {
                    Some(action) => action,
                    None => return,
                }
            }
            false if ran => Action::SyncedAndRan,
            false => Action::Synced,
        };
        self.session.emit(Event::Synced {
            service: self.service.name.clone(),
            action,
            paths: work.paths,
            took: work.since.elapsed(),
        });
    }

    fn warn(&self, text: &str) {
        self.session
            .emit(Event::Warning(format!("{}: {text}", self.service.name)));
    }

    async fn restart(&self, id: &str, synced: bool) -> Option<Action> {
        if let Some(wanted) = &self.service.dev.signal {
            return self.signal(id, &wanted.value, synced).await;
        }
        if let Err(reason) = hooks::pre_stop(&self.session, &self.service, id).await {
            self.warn(&reason);
        }
        let killed = match self.through_the_agent().await {
            Some(killed) => killed,
            None => {
                let grace = self.service.stop_grace_period;
                let seconds = grace.map_or(10, |period| period.as_secs() as u32);
                if let Err(error) = self.session.engine.restart(id, seconds).await {
                    self.warn(&format!("not restarted: {error}"));
                    return None;
                }
                false
            }
        };
        if let Err(reason) = hooks::post_start(&self.session, &self.service, id).await {
            self.warn(&reason);
        }
        Some(Action::Restarted {
            synced,
            signal: None,
            killed,
        })
    }

    /// Whether the process had to be killed; none when the agent cannot restart it.
    async fn through_the_agent(&self) -> Option<bool> {
        let link = self.link.as_ref().filter(|link| link.peer().service != 0)?;
        let written = self.service.stop_signal.as_deref();
        let name = written.or(self.stop_signal.as_deref());
        let grace = self.service.stop_grace_period;
        let grace = grace.unwrap_or(crate::run::stop::DOCKER_STOP_TIMEOUT);
        let asked = link.ask(Request::Restart {
            signal: name.and_then(signal::number).unwrap_or(TERM),
            grace: u32::try_from(grace.as_millis()).unwrap_or(u32::MAX),
        });
        let restarted = asked.get().await.ok()?.restarted?;
        Some(restarted.killed)
    }

    async fn signal(&self, id: &str, name: &str, synced: bool) -> Option<Action> {
        let number = signal::number(name)?;
        let through = match self.link.as_ref().filter(|link| link.peer().service != 0) {
            Some(link) => {
                let asked = link.ask(Request::Signal { signal: number }).get().await;
                asked.is_ok_and(|answer| answer.failed.is_none())
            }
            None => false,
        };
        if !through && let Err(error) = self.session.engine.kill(id, &number.to_string()).await {
            self.warn(&format!("{name} was not sent: {error}"));
            return None;
        }
        Some(Action::Restarted {
            synced,
            signal: Some(name.to_owned()),
            killed: false,
        })
    }
}
