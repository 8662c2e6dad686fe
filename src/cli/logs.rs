//! `envsim logs`: what the dev run's containers wrote.

use futures::StreamExt;
use futures::future::join_all;

use super::args;
use super::exit::{Exit, Failure};
use super::project;
use crate::app::Mode;
use crate::engine::{Engine, LogOptions};
use crate::labels::{self, RunKind};
use crate::run::cancel::CancelSource;
use crate::ui::Prefixes;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Logs) -> Result<Exit, Failure> {
    let app = project::app(project, Mode::Dev, false)?;
    project::known_services(&app, &args.services)?;
    let engine = Engine::connect().await?;
    let filter = [
        (labels::PROJECT, &*app.name),
        (labels::MODE, RunKind::Dev.as_str()),
    ];
    let mut containers = engine.containers(&filter, true).await?;
    containers.retain(|one| {
        let service = one.labels.get(labels::SERVICE);
        let wanted = |name: &String| args.services.is_empty() || args.services.contains(name);
        one.labels
            .get(labels::ROLE)
            .is_some_and(|role| role == "service")
            && service.is_some_and(wanted)
    });
    if containers.is_empty() {
        return Err(Failure::usage(
            "no container of the dev run is there",
            "start it with `envsim dev` or `envsim dev -d`",
        ));
    }
    let names: Vec<String> = containers
        .iter()
        .map(|one| one.labels[labels::SERVICE].clone())
        .collect();
    let prefixes = Prefixes::new(&names);
    let reading = containers.iter().zip(&names).map(|(container, name)| {
        let options = LogOptions {
            follow: args.follow,
            tail: args.tail,
            ..LogOptions::default()
        };
        let prefix = prefixes.of(name);
        let mut lines = engine.logs(&container.id, options);
        async move {
            while let Some(chunk) = lines.next().await {
                anstream::println!("{prefix}{}", chunk?.line);
            }
            Ok::<_, crate::engine::EngineError>(())
        }
    });
    let cancel =
        CancelSource::from_signals().map_err(|error| Failure::usage(error.to_string(), ""))?;
    tokio::select! {
        results = join_all(reading) => {
            for result in results {
                result?;
            }
        }
        () = cancel.wait() => {}
    }
    Ok(Exit::Clean)
}
