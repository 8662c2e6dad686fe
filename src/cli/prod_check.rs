//! `envsim prod-check`: both runs, evidence, rules, report.

use super::args;
use super::exit::{Exit, Failure};
use super::judge::Repairing;
use super::{evidence_file, judge, project};
use crate::app::{App, Mode};
use crate::collect::repeat::Further;
use crate::collect::{self, dev_run, images, missed, task_run, without_engine};
use crate::engine::Engine;
use crate::event::Event;
use crate::evidence::Evidence;
use crate::labels::RunKind;
use crate::prod::tasks::Apps;
use crate::prod::{stand_in, task};
use crate::run::cancel::CancelSource;
use crate::run::cleanup::{self, Scope};
use crate::run::{RunError, Session};
use crate::ui;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::ProdCheck) -> Result<Exit, Failure> {
    let read = match args.r#static {
        true => project::app_of_files,
        false => project::app,
    };
    let whole = read(project, Mode::Prod, true)?;
    let dev = read(project, Mode::Dev, false)?;
    let mut engine = None;
    let evidence = match args.r#static {
        true => {
            let directory = whole.directory.clone();
            let seen = without_engine::evidence(dev, whole.deployed());
            seen.map_err(|problem| Failure::Config(problem.into()).with_lines(&directory))?
        }
        false => {
            let connected = engine.insert(Engine::connect().await?);
            match both_runs(connected, whole, dev, &args).await? {
                Some(evidence) => evidence,
                None => return Ok(Exit::Interrupted),
            }
        }
    };
    if let Some(path) = &args.evidence {
        evidence_file::write(path, &evidence)?;
    }
    let repairing = match (args.diff, args.fix) {
        (true, _) => Repairing::Show,
        (_, true) => Repairing::Write,
        _ => Repairing::Off,
    };
    judge::report(evidence, &args.report, repairing, engine.as_ref()).await
}

/// Runs the app as tasks and, unless `--no-compare`, as in dev beside them; none when interrupted.
async fn both_runs(
    engine: &Engine,
    whole: App,
    dev: App,
    args: &args::ProdCheck,
) -> Result<Option<Evidence>, Failure> {
    let prod = whole.deployed();
    project::warn_when_remote(engine);
    let ground = crate::dev::run::ground(engine).await?;
    if !args.no_compare {
        project::check_dev(&dev, &ground, true)?;
    }
    project::check_prod(&prod, &ground, (!args.no_compare).then_some(&dev))?;
    let cancel =
        CancelSource::from_signals().map_err(|error| Failure::usage(error.to_string(), ""))?;
    let sink = ui::sink(ui::Show {
        logs_to_stdout: false,
        logs: args.logs,
        services: whole.services.keys().cloned().collect(),
    });
    let task_id = task::new_id();
    let task_session = project::session(
        engine,
        &prod.name,
        RunKind::ProdCheck,
        Some(task_id),
        &sink,
        &cancel,
    );
    let dev_session = project::session(engine, &dev.name, RunKind::Compare, None, &sink, &cancel);
    for session in [&task_session, &dev_session] {
        cleanup::leftovers(session, &whole, "envsim prod-check").await?;
    }

    let apps = Apps {
        dev: &dev,
        whole: &whole,
        prod: &prod,
    };
    let with_lines = |error| Failure::from(error).with_lines(&prod.directory);
    let images = images::of_task(&task_session, &prod, prod.services.values())
        .await
        .map_err(with_lines)?;
    let stand_ins = stand_in::all(&dev, &prod).map_err(RunError::from)?;
    let services = stand_ins.iter().map(|one| one.service);
    let stand_in_images = images::of_task(&task_session, &dev, services)
        .await
        .map_err(with_lines)?;
    images::show_generated(&task_session, &images);
    let compared = async {
        match args.no_compare {
            true => Ok(None),
            false => dev_run::run(&dev_session, &dev, (&prod, &images), ground, args.logs)
                .await
                .map(Some),
        }
    };
    let further = Further {
        replace: args.replace,
        start_order: args.start_order,
    };
    let (seen, compared) = tokio::join!(
        task_run::run(
            &task_session,
            apps,
            (&images, &stand_in_images),
            further,
            args.logs
        ),
        compared
    );
    let missed = match (&seen, &compared) {
        (Ok(seen), Ok(compared)) if !cancel.requested() => {
            missed::look(engine, &dev, seen, compared.as_ref()).await
        }
        _ => Vec::new(),
    };
    // Both runs are cleaned up before any error is told.
    remove(&task_session).await;
    remove(&dev_session).await;
    let (seen, compared) = (seen?, compared?);
    if cancel.requested() {
        return Ok(None);
    }
    let evidence = collect::evidence(dev, prod, &images, seen, compared, missed, further);
    Ok(Some(evidence))
}

/// Removes all of a run; what cannot be removed is told, and `envsim down` tries again.
async fn remove(session: &Session) {
    let scope = Scope {
        temporary_volumes: true,
        ..Scope::default()
    };
    if let Err(error) = cleanup::remove(&session.engine, &session.labels.filter(), scope).await {
        session.emit(Event::Warning(format!(
            "not everything could be removed: {error}; run `envsim down`"
        )));
    }
}
