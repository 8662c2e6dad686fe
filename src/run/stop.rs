//! Stops containers in reverse order: the signal, a time to end, then SIGKILL.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};

use super::{Session, hooks};
use crate::app::App;
use crate::engine::EngineError;
use crate::event::{Change, Event};
use crate::plan::stop::{needs, stoppable};

/// ECS gives a container 30 s after SIGTERM ("Task definition parameters", stopTimeout).
pub const ECS_STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Docker and Compose give it 10 s.
pub const DOCKER_STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a stop may take before the user is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How one container is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Time between the signal and SIGKILL.
    pub timeout: Duration,
    /// The signal; the image's STOPSIGNAL, else SIGTERM, when absent.
    pub signal: Option<String>,
}

/// Stops `containers` (service and id), each after all that depend on it and in its own `manner`; a
/// second Ctrl-C kills what is left at once.
pub async fn stop_all(
    session: &Session,
    app: &App,
    containers: &[(String, String)],
    manner: impl Fn(&str) -> Manner,
) {
    let mut left: Vec<String> = containers
        .iter()
        .map(|(service, _)| service.clone())
        .collect();
    let needs = needs(app);
    let mut asked: Vec<String> = Vec::new();
    let mut stopping = FuturesUnordered::new();
    loop {
        for name in stoppable(&needs, &left) {
            if asked.contains(&name) {
                continue;
            }
            let id = containers.iter().find(|(service, _)| *service == name);
            let id = id.map(|(_, id)| id.clone()).unwrap_or_default();
            let Manner { timeout, signal } = manner(&name);
            let seconds = timeout.as_secs() as u32;
            asked.push(name.clone());
            stopping.push(async move {
                if let Some(service) = app.services.get(&name)
                    && let Err(reason) = hooks::pre_stop(session, service, &id).await
                {
                    session.emit(Event::Warning(format!("{name}: {reason}")));
                }
                let mut stop = std::pin::pin!(stop_one(session, &id, seconds, signal.as_deref()));
                let result = match tokio::time::timeout(PATIENCE, &mut stop).await {
                    Ok(result) => result,
                    Err(_) => {
                        session.emit(Event::Container {
                            run: session.labels.run,
                            service: name.clone(),
                            change: Change::Stopping(timeout),
                        });
                        stop.await
                    }
                };
                (name, result)
            });
        }
        let Some((name, result)) = stopping.next().await else {
            return;
        };
        match result {
            Ok(()) => session.emit(Event::Container {
                run: session.labels.run,
                service: name.clone(),
                change: Change::Stopped,
            }),
            Err(error) => session.emit(Event::Warning(format!(
                "`{name}` could not be stopped: {error}"
            ))),
        }
        left.retain(|other| *other != name);
    }
}

async fn stop_one(
    session: &Session,
    id: &str,
    seconds: u32,
    signal: Option<&str>,
) -> Result<(), EngineError> {
    let engine = &session.engine;
    let kill = async {
        session.cancel.wait_at_once().await;
        engine.kill(id, "SIGKILL").await
    };
    let result = tokio::select! {
        result = engine.stop(id, seconds, signal) => result,
        result = kill => result,
    };
    match result {
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        result => result,
    }
}
