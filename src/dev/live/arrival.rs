//! Waits for the answers to what was sent; what the agent has no right to goes through the engine.

use std::path::PathBuf;
use std::sync::Arc;

use super::keeper::Root;
use super::work::RootStep;
use crate::dev::archive::{self, Item};
use crate::dev::link::{Answer, Coming};
use crate::dev::watch::mirror::What;
use crate::event::{Changed, Event};
use crate::run::Session;
use crate::wire::frame::At;

/// Linux's numbers of "not allowed", "no rights" and "read-only", where the engine may still succeed.
const REFUSED: [i32; 3] = [1, 13, 30];

/// Where things go, for people and for the engine.
#[derive(Debug)]
pub struct Targets {
    /// The project's, which paths are shown relative to.
    pub directory: PathBuf,
    /// Of the container.
    pub roots: Vec<Root>,
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

    /// The step as the user is told of it.
    pub fn changed(&self, step: &RootStep, bytes: Option<u64>) -> Changed {
        let source = &step.step.source;
        let shown = source.strip_prefix(&self.directory).unwrap_or(source);
        Changed {
            path: shown.to_string_lossy().into_owned(),
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
}

impl Arrival {
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
