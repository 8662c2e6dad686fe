//! `envsim down`: removes everything of the project, whatever made it and however it ended.

use super::args;
use super::exit::{Exit, Failure};
use super::project;
use crate::app::Mode;
use crate::dev::scale;
use crate::engine::Engine;
use crate::labels;
use crate::mask::mask;
use crate::run::cleanup::{self, Scope};

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Down) -> Result<Exit, Failure> {
    // With a project name alone the files need not be there: they may have been deleted. Docker
    // Compose reads them then only when `-f` names them.
    let app = match (&project.project_name, &*project.file) {
        (Some(_), []) => None,
        _ => Some(scale::expand(project::app(project, Mode::Dev, false)?)),
    };
    let name = match (&app, &project.project_name) {
        (Some(app), _) => app.name.clone(),
        (None, name) => name.clone().unwrap_or_default(),
    };
    let engine = Engine::connect().await?;
    let filter = [(labels::PROJECT, &*name)];
    for reason in cleanup::stop_dev(&engine, &filter, app.as_ref(), args.timeout).await? {
        eprintln!("warning: {}", mask(&reason));
    }
    let scope = Scope {
        temporary_volumes: true,
        named_volumes: args.volumes,
        images: true,
    };
    let removed = cleanup::remove(&engine, &filter, scope).await?;
    let kinds = [
        ("container", &removed.containers),
        ("network", &removed.networks),
        ("volume", &removed.volumes),
        ("image", &removed.images),
    ];
    for (kind, names) in kinds {
        for name in names {
            eprintln!("removed {kind} {name}");
        }
    }
    if kinds.iter().all(|(_, names)| names.is_empty()) {
        eprintln!("nothing of `{name}` was there");
    }
    Ok(Exit::Clean)
}
