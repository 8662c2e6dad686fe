//! Asks the running app what the probes ask, until it answers as expected or the time is up.

mod http;
mod judge;
mod patience;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::Session;
use crate::app::{Probe, ProbeAction};
use crate::engine::ExecSpec;
use crate::event::Event;
use crate::evidence::Attempt;
use crate::mask::mask;

pub use judge::describe;
use patience::{Asked, asks_until};

/// First pause between two attempts; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How the probes reach the app.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Container port of a service to address and port on the host.
    pub ports: HashMap<(String, u16), (String, u16)>,
    /// Service to container id.
    pub containers: HashMap<String, String>,
}

/// Runs the probes one after the other, as they are written: a later one may build on an earlier.
/// Inferred ones only look, and are asked at the same time.
///
/// The timeouts all count from now, when the app is up. `gone` returns a reason when a service is
/// there no more: waiting for it is of no use then.
pub async fn run_all(
    session: &Session,
    probes: &[Probe],
    targets: &Targets,
    gone: &dyn Fn(&str) -> Option<String>,
) -> Vec<Attempt> {
    let up = Instant::now();
    let ask = |probe| async move {
        let attempt = run_one(session, probe, targets, up + probe.timeout, gone).await;
        session.emit(Event::Probe {
            run: session.labels.run,
            name: probe.name.clone(),
            passed: attempt.passed,
            answer: attempt.answer.clone(),
        });
        attempt
    };
    if probes.iter().all(|probe| probe.inferred) {
        return join_all(probes.iter().map(ask)).await;
    }
    let mut attempts = Vec::new();
    for probe in probes {
        attempts.push(ask(probe).await);
    }
    attempts
}

/// Asks each of `probes` once more that only reads over HTTP and has `passed`; none for the others.
pub async fn again(
    session: &Session,
    probes: &[Probe],
    targets: &Targets,
    passed: &[Attempt],
) -> Vec<Option<Attempt>> {
    let mut answers = Vec::new();
    for (probe, first) in probes.iter().zip(passed) {
        let reads = match &probe.action {
            ProbeAction::Http(request, _) => request.only_reads(),
            _ => false,
        };
        answers.push(match reads && first.passed && first.status.is_some() {
            true => Some(once(session, probe, targets).await),
            false => None,
        });
    }
    answers
}

async fn run_one(
    session: &Session,
    probe: &Probe,
    targets: &Targets,
    deadline: Instant,
    gone: &dyn Fn(&str) -> Option<String>,
) -> Attempt {
    let mut pause = FIRST_PAUSE;
    let mut asked = Asked {
        inferred: probe.inferred,
        first_refusal: None,
        deadline,
    };
    loop {
        let mut attempt = tokio::select! {
            attempt = once(session, probe, targets) => attempt,
            () = session.cancel.wait() => judge::failed("interrupted".to_owned()),
        };
        attempt.answer = mask(&attempt.answer).into_owned();
        if attempt.error_class() == Some(4) {
            asked.first_refusal.get_or_insert_with(Instant::now);
        }
        let Some(until) = asks_until(&attempt, &asked) else {
            return attempt;
        };
        if session.cancel.requested() {
            return attempt;
        }
        if let Some(reason) = gone(&probe.service) {
            attempt.answer = format!("{} ({reason})", attempt.answer);
            return attempt;
        }
        if Instant::now() + pause > until {
            return attempt;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn once(session: &Session, probe: &Probe, targets: &Targets) -> Attempt {
    let address = |port: u16| targets.ports.get(&(probe.service.clone(), port));
    let unreachable = |port: u16| {
        judge::failed(format!(
            "port {port} of `{}` is not published",
            probe.service
        ))
    };
    match &probe.action {
        ProbeAction::Http(request, expect) => match address(request.port) {
            None => unreachable(request.port),
            Some(address) => {
                let answer = tokio::time::timeout(ATTEMPT, http::ask(request, address)).await;
                match answer.unwrap_or(Err(http::Failure::Silent(ATTEMPT))) {
                    Ok(answer) => judge::answer(&answer, expect, probe.inferred),
                    // What does not speak HTTP may close without a word, as PostgreSQL does; that it
                    // accepts connections is all an inferred probe can ask of it.
                    Err(http::Failure::Connection(_)) if probe.inferred => {
                        let accepted = http::connects(address).await;
                        // A server that came up just now speaks HTTP after all.
                        let asked = tokio::time::timeout(ATTEMPT, http::ask(request, address));
                        match (accepted.is_ok(), asked.await) {
                            (true, Ok(Ok(answer))) => judge::answer(&answer, expect, true),
                            _ => judge::connection(accepted),
                        }
                    }
                    Err(failure) => judge::failure(&failure, probe.inferred),
                }
            }
        },
        ProbeAction::Tcp { port } => match address(*port) {
            None => unreachable(*port),
            Some(address) => judge::connection(http::connects(address).await),
        },
        ProbeAction::Command(words) => command(session, probe, words, targets).await,
    }
}

async fn command(session: &Session, probe: &Probe, words: &[String], targets: &Targets) -> Attempt {
    let Some(id) = targets.containers.get(&probe.service) else {
        return judge::failed(format!("`{}` has no container", probe.service));
    };
    let spec = ExecSpec {
        command: words.to_vec(),
        deadline: Some(ATTEMPT),
        ..ExecSpec::default()
    };
    match session.engine.exec(id, spec).await {
        Ok(result) => judge::command(
            result.exit_code,
            &result.stdout_text(),
            &result.stderr_text(),
        ),
        Err(error) => judge::failed(error.to_string()),
    }
}
