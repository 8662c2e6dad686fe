//! Waits for the answers to what was sent; what the agent has no right to goes through the engine.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keeper::Root;
use super::work::{RootStep, Sending};
use crate::dev::archive::{self, Item};
use crate::dev::link::{Answer, Coming, Link};
use crate::dev::watch::mirror::What;
use crate::event::{Changed, Event};
use crate::run::Session;
use crate::wire::frame::{At, Request};

/// Linux's numbers of "not allowed", "no rights" and "read-only", where the engine may still succeed.
const REFUSED: [i32; 3] = [1, 13, 30];

/// Linux's numbers of "not empty" and "is a directory".
const IN_THE_WAY: [i32; 2] = [39, 21];

/// Where things go, for people and for the engine.
#[derive(Debug)]
pub struct Targets {
    /// The project's, which paths are shown relative to.
    pub directory: PathBuf,
    /// Of the container.
    pub roots: Vec<Root>,
    /// Where the container has mounts: what is in them is never cleared away.
    pub mounts: Vec<String>,
}

impl Targets {
    /// Absolute path in the container.
    pub fn in_container(&self, at: &At) -> String {
        let root = self.roots.iter().find(|root| root.number == at.root);
        let root = root.map_or("", |root| &root.path);
        let below = String::from_utf8_lossy(&at.path);
        match below.is_empty() {
            true => root.to_owned(),
            false => format!("{}/{below}", root.trim_end_matches('/')),
        }
    }

    /// The file of the host that belongs to a place in the container.
    pub fn on_host(&self, at: &At) -> Option<PathBuf> {
        let root = self.roots.iter().find(|root| root.number == at.root)?;
        Some(root.source.join(OsStr::from_bytes(&at.path)))
    }

    /// A path of the host, relative to the project.
    pub fn shown(&self, path: &Path) -> String {
        let shown = path.strip_prefix(&self.directory).unwrap_or(path);
        shown.to_string_lossy().into_owned()
    }

    /// The step as the user is told of it.
    pub fn changed(&self, step: &RootStep, bytes: Option<u64>) -> Changed {
        Changed {
            path: self.shown(&step.step.source),
            target: Some(self.in_container(&step.at())),
            bytes: bytes.filter(|_| matches!(step.step.what, What::File { .. })),
            gone: matches!(step.step.what, What::Gone { .. }),
        }
    }

    /// The step for the engine.
    pub fn item(&self, step: &RootStep) -> Item {
        Item {
            source: step.step.source.clone(),
            target: self.in_container(&step.at()),
        }
    }
}

/// Waits for answers without its keeper.
pub struct Arrival {
    pub session: Session,
    pub service: String,
    pub container: Option<String>,
    pub targets: Arc<Targets>,
    pub owner: (u32, u32),
    /// The stream, to clear what stands in the way.
    pub link: Option<Link>,
}

impl Arrival {
    /// Brings a file or link to a place where the container has a directory that holds something. The host has none
    /// there, so nothing below it can be what the host leaves alone. The bytes that were sent; none when it stays so.
    async fn displace(&self, step: &RootStep) -> Option<u64> {
        let link = self.link.as_ref()?;
        // What the host has there by now goes its own way, perhaps already.
        if !step.is_of_now() {
            return None;
        }
        let at = step.at();
        let place = self.targets.in_container(&at);
        let is_below = |mount: &String| Path::new(mount).starts_with(&place);
        if self.targets.mounts.iter().any(is_below) {
            return None;
        }
        let inner = link.ask(Request::Tree {
            at: at.clone(),
            skip: Vec::new(),
            hash: false,
        });
        let mut inner = inner.get().await.ok()?.entries;
        // Deepest first: a path comes before those below it.
        inner.sort_by(|one, other| other.path.cmp(&one.path));
        let inner = inner.into_iter().map(|entry| At {
            root: at.root,
            path: entry.path,
        });
        let removals: Vec<Coming> = inner
            .chain([at.clone()])
            .map(|at| link.ask(Request::Remove { at, seen: 0 }))
            .collect();
        let sent = match step.sending(0) {
            Sending::File(source, at) => link.file(source, at, 0),
            Sending::Ask(request) => link.ask(request),
        };
        for removal in removals {
            removal.get().await.ok()?;
        }
        let answer = sent.get().await.ok()?;
        // What came in between may have been cleared away as well: then it is sent again.
        (answer.failed.is_none() && step.is_of_now()).then_some(answer.bytes)
    }

    /// What arrived, and what did not.
    pub async fn of(
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
                    } else if IN_THE_WAY.contains(&failed.errno) {
                        match self.displace(&step).await {
                            Some(bytes) => {
                                arrived.push(self.targets.changed(&step, Some(bytes)));
                                continue;
                            }
                            None => missed.push(step),
                        }
                    } else {
                        missed.push(step);
                    }
                    why.get_or_insert(failed.what);
                }
                Ok(answer) => {
                    // A directory is told by its files, one that stays with content not at all.
                    let told = !answer.kept && !matches!(step.step.what, What::Directory { .. });
                    if told {
                        arrived.push(self.targets.changed(&step, Some(answer.bytes)));
                    }
                }
            }
        }
        missed.extend(unsent);
        if !refused.is_empty() {
            let items: Vec<Item> = refused.iter().map(|step| self.targets.item(step)).collect();
            let id = self.container.as_deref().unwrap_or_default();
            match archive::sync(&self.session, id, &items, self.owner).await {
                Ok(()) => {
                    why = None;
                    let through = refused.iter().map(|step| self.targets.changed(step, None));
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
