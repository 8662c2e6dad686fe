//! Runs the commands that changes ask for, and restarts or signals the service's process.

use super::work::Work;
use crate::app::{Service, signal};
use crate::dev::link::Link;
use crate::event::{Action, Event};
use crate::run::stop::DOCKER_STOP_TIMEOUT;
use crate::run::{Session, hooks};
use crate::wire::frame::Request;

/// SIGTERM: what stops a process when nothing else is said.
const TERM: i32 = 15;

/// Does what work asks beside the files.
pub struct Act {
    pub session: Session,
    pub service: Service,
    pub container: Option<String>,
    pub link: Option<Link>,
    /// The image's stop signal.
    pub stop_signal: Option<String>,
}

impl Act {
    /// Runs the commands, then restarts, and tells of it.
    pub async fn work(self, work: Work) {
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
        let grace = grace.unwrap_or(DOCKER_STOP_TIMEOUT);
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
