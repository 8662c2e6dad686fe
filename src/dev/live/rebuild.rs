//! Rebuilds of one service: one at a time, and what changes meanwhile is one more.

use std::time::Instant;

use crate::app::{App, Service};
use crate::dev::run::DevRun;
use crate::event::{Action, Changed, Event};
use crate::run::image::{self, Want};
use crate::run::{RunError, Session};

/// What a rebuild is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What changed.
    pub paths: Vec<Changed>,
    /// When the first change was seen.
    pub since: Instant,
}

/// Whether a service is being rebuilt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rebuild {
    /// It is not.
    #[default]
    No,
    /// It is.
    Now,
    /// It is, and something changed while it was built.
    Again(Reason),
}

impl Rebuild {
    /// The rebuild to begin; none while one is under way, after which the next begins.
    pub fn ask(&mut self, reason: Reason) -> Option<Reason> {
        match self {
            Self::No => {
                *self = Self::Now;
                Some(reason)
            }
            Self::Now => {
                *self = Self::Again(reason);
                None
            }
            Self::Again(waiting) => {
                waiting.paths.extend(reason.paths);
                None
            }
        }
    }

    /// The rebuild to begin after one has ended.
    pub fn ended(&mut self) -> Option<Reason> {
        match std::mem::take(self) {
            Self::Again(reason) => self.ask(reason),
            Self::No | Self::Now => None,
        }
    }
}

/// Builds again and replaces the container; a build that fails leaves the old one running. Returns the service's name.
///
/// # Errors
/// A new container that cannot take the place of the old one, or Ctrl-C.
pub async fn rebuild(
    session: &Session,
    app: &App,
    run: &DevRun<'_>,
    service: &Service,
    reason: Reason,
) -> Result<String, RunError> {
    let name = service.name.clone();
    // Further containers of one service share its image.
    let first = service
        .replica
        .as_ref()
        .and_then(|replica| app.services.get(&replica.of));
    let built = match image::ensure(session, app, first.unwrap_or(service), Want::Dev).await {
        Ok(built) => built,
        Err(RunError::Interrupted) => return Err(RunError::Interrupted),
        Err(error) => {
            session.emit(Event::Warning(format!(
                "{name}: the build failed, the old container goes on: {error}"
            )));
            return Ok(name);
        }
    };
    run.replace(service, &built).await?;
    session.emit(Event::Synced {
        service: name.clone(),
        action: Action::Rebuilt,
        paths: reason.paths,
        took: reason.since.elapsed(),
    });
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_during_a_rebuild_is_one_more_for_all_of_it() {
        let reason = |path: &str| Reason {
            paths: vec![Changed {
                path: path.to_owned(),
                target: None,
                bytes: None,
                gone: false,
            }],
            since: Instant::now(),
        };
        let mut state = Rebuild::default();
        assert!(state.ask(reason("Dockerfile")).is_some());
        assert!(state.ask(reason("package.json")).is_none());
        assert!(state.ask(reason("package-lock.json")).is_none());
        let next = state.ended().expect("one more");
        let paths: Vec<&str> = next.paths.iter().map(|path| &*path.path).collect();
        assert_eq!(paths, ["package.json", "package-lock.json"]);
        assert_eq!(state, Rebuild::Now);
        assert!(state.ended().is_none());
        assert_eq!(state, Rebuild::No);
    }
}
