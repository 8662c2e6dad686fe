//! Stops containers in reverse order: the signal, a time to end, then SIGKILL.

use std::time::{Duration, Instant};

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

/// How a container took its stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The service.
    pub service: String,
    /// Time it was given.
    pub timeout: Duration,
    /// Time until the engine said that it had ended.
    pub took: Duration,
    /// PID 1, when it did not end soon.
    pub main_process: Option<String>,
}

/// Stops `containers` (service and id), each after all that depend on it and in its own `manner`; a
/// second Ctrl-C kills what is left at once. Tells of those that could be stopped, in the order in
/// which they ended.
pub async fn stop_all(
    session: &Session,
    app: &App,
    containers: &[(String, String)],
    manner: impl Fn(&str) -> Manner,
) -> Vec<Stopped> {
    let mut stopped = Vec::new();
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
            asked.push(name.clone());
            stopping.push(async move {
                if let Some(service) = app.services.get(&name)
                    && let Err(reason) = hooks::pre_stop(session, service, &id).await
                {
                    session.emit(Event::Warning(format!("{name}: {reason}")));
                }
                let began = Instant::now();
                let (result, main_process) =
                    watched(session, &name, &id, (timeout, signal.as_deref())).await;
                let took = began.elapsed();
                let one = Stopped {
                    service: name,
                    timeout,
                    took,
                    main_process,
                };
                (one, result)
            });
        }
        let Some((one, result)) = stopping.next().await else {
            return stopped;
        };
        let name = one.service.clone();
        match result {
            Ok(()) => {
                session.emit(Event::Container {
                    run: session.labels.run,
                    service: name.clone(),
                    change: Change::Stopped,
                });
                stopped.push(one);
            }
            Err(error) => session.emit(Event::Warning(format!(
                "`{name}` could not be stopped: {error}"
            ))),
        }
        left.retain(|other| *other != name);
    }
}

/// Stops one container, looks at its PID 1 when it does not end soon, and tells the user what is
/// waited for.
async fn watched(
    session: &Session,
    name: &str,
    id: &str,
    (timeout, signal): (Duration, Option<&str>),
) -> (Result<(), EngineError>, Option<String>) {
    let seconds = timeout.as_secs() as u32;
    let mut stop = std::pin::pin!(stop_one(session, id, seconds, signal));
    let soon = PATIENCE.min(timeout / 2);
    if let Ok(result) = tokio::time::timeout(soon, &mut stop).await {
        return (result, None);
    }
    let looking = session.engine.main_process(id);
    let (rest, main_process) = tokio::join!(
        tokio::time::timeout(PATIENCE.saturating_sub(soon), &mut stop),
        looking
    );
    let main_process = main_process.ok().flatten();
    if let Ok(result) = rest {
        return (result, main_process);
    }
    session.emit(Event::Container {
        run: session.labels.run,
        service: name.to_owned(),
        change: Change::Stopping(timeout),
    });
    (stop.await, main_process)
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
