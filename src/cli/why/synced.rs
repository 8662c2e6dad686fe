//! Asks the running dev containers when a path was last synced.

use super::answer::{Answer, LastSync, Outcome};
use crate::dev::agent;
use crate::dev::link::Link;
use crate::engine::Engine;
use crate::labels::{self, RunKind};
use crate::wire::frame::{At, Request};

/// Fills in what containers of the project know. Where no engine answers, no container runs or one has no agent,
/// nothing is known, and that is no failure: the answer is about the files.
pub async fn fill(project: &str, answer: &mut Answer) {
    let Ok(engine) = Engine::connect().await else {
        return;
    };
    let filter = [
        (labels::PROJECT, project),
        (labels::MODE, RunKind::Dev.as_str()),
        (labels::ROLE, "service"),
    ];
    let Ok(running) = engine.containers(&filter, false).await else {
        return;
    };
    for service in &mut answer.services {
        let target = service.rules.iter().find_map(|rule| match &rule.outcome {
            Outcome::Watched { target } => target.clone(),
            Outcome::Ignored { .. } => None,
        });
        let own = running
            .iter()
            .find(|one| one.labels.get(labels::SERVICE) == Some(&service.service));
        if let (Some(target), Some(container)) = (target, own) {
            service.last_sync = last(&engine, &container.id, &target).await;
        }
    }
}

async fn last(engine: &Engine, container: &str, target: &str) -> Option<LastSync> {
    let command = agent::link_command();
    let link = Link::open(engine, container, &command, None).await.ok()?;
    let declared = link.ask(Request::Root {
        number: 0,
        path: b"/".to_vec(),
        owner: None,
    });
    let at = At {
        root: 0,
        path: target.trim_matches('/').into(),
    };
    let asked = link.ask(Request::LastSync { at });
    declared.get().await.ok()?;
    let (at, took) = asked.get().await.ok()?.synced?;
    Some(LastSync {
        at_ms: at / 1000,
        took_us: took,
    })
}
