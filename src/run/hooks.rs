//! Commands that run beside a service's own: `post_start`, `pre_stop`, `sync+exec` in its container,
//! `pre_start` in one of their own.

use std::time::Duration;

use super::Session;
use crate::app::{Hook, Service};
use crate::engine::{ContainerSpec, Engine, ExecSpec, LogOptions};
use crate::labels::RunKind;
use futures::StreamExt;

/// A hook has no deadline of its own; this one only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(3600);
/// Last lines of a failed `pre_start` that are told.
const LINES: usize = 5;

/// Whether this run has hooks: ECS has nothing like them.
fn are_run(session: &Session) -> bool {
    session.labels.run != RunKind::ProdCheck
}

/// Runs the `post_start` hooks of `service` in its container.
///
/// # Errors
/// A sentence about the first that failed.
pub async fn post_start(session: &Session, service: &Service, id: &str) -> Result<(), String> {
    all(session, &service.post_start, id, "post_start").await
}

/// Runs the `pre_stop` hooks of `service` in its container.
///
/// # Errors
/// A sentence about the first that failed.
pub async fn pre_stop(session: &Session, service: &Service, id: &str) -> Result<(), String> {
    all(session, &service.pre_stop, id, "pre_stop").await
}

async fn all(session: &Session, hooks: &[Hook], id: &str, key: &str) -> Result<(), String> {
    match are_run(session) {
        true => in_turn(&session.engine, hooks, id, key).await,
        false => Ok(()),
    }
}

/// Runs `hooks` in the container `id`, one after the other; `key` is what they stand under.
///
/// # Errors
/// A sentence about the first that failed.
pub async fn in_turn(engine: &Engine, hooks: &[Hook], id: &str, key: &str) -> Result<(), String> {
    for hook in hooks {
        one(engine, hook, id, key).await?;
    }
    Ok(())
}

/// Runs one hook in the container `id`; `key` is what it stands under.
///
/// # Errors
/// A sentence: what failed and what it wrote.
pub async fn one(engine: &Engine, hook: &Hook, id: &str, key: &str) -> Result<(), String> {
    let Some(command) = &hook.command else {
        return Ok(());
    };
    let spec = ExecSpec {
        command: command.value.clone(),
        env: variables(hook),
        user: hook.user.clone(),
        working_dir: hook.working_dir.clone(),
        privileged: hook.privileged,
        deadline: Some(DEADLINE),
        ..ExecSpec::default()
    };
    let shown = command.value.join(" ");
    match engine.exec(id, spec).await {
        Ok(result) if result.exit_code == 0 => Ok(()),
        Ok(result) => {
            let said = result.stderr_text() + &result.stdout_text();
            let last = said.trim().lines().last().unwrap_or("it wrote nothing");
            let code = result.exit_code;
            Err(format!(
                "`{key}` command `{shown}` exited with code {code}: {last}"
            ))
        }
        Err(error) => Err(format!("`{key}` command `{shown}`: {error}")),
    }
}

fn variables(hook: &Hook) -> Vec<String> {
    hook.environment
        .iter()
        .map(|variable| format!("{}={}", variable.name, variable.value))
        .collect()
}

/// The container of a `pre_start` hook: the service's own, with what the hook says.
pub fn pre_start_spec(hook: &Hook, number: usize, own: &ContainerSpec) -> ContainerSpec {
    let mut made = own.clone();
    made.name = format!("{}-pre-start-{number}", own.name);
    made.labels
        .insert(crate::labels::ROLE.to_owned(), "pre-start".to_owned());
    made.labels.remove(crate::labels::SERVICE);
    made.publish.clear();
    made.restart = None;
    made.healthcheck = None;
    made.command = hook.command.as_ref().map(|command| command.value.clone());
    made.user = hook.user.clone().or(made.user);
    made.working_dir = hook.working_dir.clone().or(made.working_dir);
    made.privileged |= hook.privileged;
    made.env.extend(variables(hook));
    made
}

/// Runs a container to its end.
///
/// # Errors
/// A sentence: why it could not run, or its code and its last lines.
pub async fn to_the_end(session: &Session, spec: &ContainerSpec) -> Result<(), String> {
    let engine = &session.engine;
    let id = engine
        .create_container(spec)
        .await
        .map_err(|error| format!("`pre_start`: {error}"))?;
    let ended = async {
        engine.start(&id).await?;
        engine.wait(&id).await
    }
    .await;
    let result = match ended {
        Ok(0) => Ok(()),
        Ok(code) => {
            let mut lines = Vec::new();
            let mut log = engine.logs(&id, LogOptions::default());
            while let Some(Ok(chunk)) = log.next().await {
                lines.push(chunk.line);
            }
            let from = lines.len().saturating_sub(LINES);
            let said = lines[from..].join("; ");
            Err(format!("`pre_start` exited with code {code}: {said}"))
        }
        Err(error) => Err(format!("`pre_start`: {error}")),
    };
    // The run's own clean-up finds what is left.
    let _ = engine.remove_container(&id, true, true).await;
    result
}
