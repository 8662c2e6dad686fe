//! `envsim prod-check`: both runs, evidence, rules, report.

use std::collections::BTreeMap;

use super::args;
use super::exit::{Exit, Failure, print};
use super::{evidence_file, fix, judge, project, source_lines, stdout};
use crate::app::{App, Level, Mode, Problems};
use crate::checks;
use crate::collect::repeat::Further;
use crate::collect::{self, dev_run, images, missed, repository, task_run, without_engine};
use crate::engine::Engine;
use crate::event::Event;
use crate::evidence::{Evidence, Fix, Secrets};
use crate::finding::Judgement;
use crate::labels::RunKind;
use crate::prod::tasks::Apps;
use crate::prod::{stand_in, task};
use crate::run::cancel::CancelSource;
use crate::run::cleanup::{self, Scope};
use crate::run::{RunError, Session};
use crate::ui;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::ProdCheck) -> Result<Exit, Failure> {
    let wanted = judge::Wanted::new(&args.report)?;
    let read = match args.r#static {
        true => project::app_of_files,
        false => project::app,
    };
    let whole = read(project, Mode::Prod, true)?;
    let dev = read(project, Mode::Dev, false)?;
    let mut engine = None;
    let seen = match args.r#static {
        true => on_disk(dev, &whole)?,
        false => {
            let connected = engine.insert(Engine::connect().await?);
            match both_runs(connected, whole, dev, &args).await? {
                Some(evidence) => evidence,
                None => return Ok(Exit::Interrupted),
            }
        }
    };
    let (mut evidence, secrets) = without_secrets(&seen)?;
    let directory = evidence.prod.directory.clone();
    evidence.repository_folder = repository::folder(&directory);
    let mut judgement = checks::run(&evidence);
    source_lines::record(&mut evidence.lines, &judgement, &directory, &secrets);
    judge::complete(&mut judgement, &evidence);
    // Repairs write into the files what stands there, secrets as well: they are planned from what was
    // seen.
    let repairs = fix::plan(&seen, &mut judgement, engine.as_ref()).await;
    evidence.fixes = fixes(&judgement, &secrets);
    judge::complete(&mut judgement, &evidence);
    if let Some(path) = &args.evidence {
        evidence_file::write(path, &evidence)?;
    }
    let planned = (judgement.findings.len(), judgement.counted().count());
    let judgement = wanted.judge(&evidence, judgement)?;
    if args.fix || args.diff {
        // What the user leaves out is not repaired.
        let repairs = match (judgement.findings.len(), judgement.counted().count()) == planned {
            true => repairs,
            false => fix::plan(&seen, &mut judgement.clone(), engine.as_ref()).await,
        };
        if args.diff {
            eprint!("{}", repairs.summary(&judgement, false));
            stdout::write(&repairs.diff())?;
            return Ok(judge::exit(&judgement));
        }
        // On its way to people and logs it shows no passwords.
        eprint!("{}", secrets.mask(&repairs.diff()));
        repairs.write()?;
        eprint!("{}", repairs.summary(&judgement, true));
    }
    wanted.report(evidence, judgement)
}

/// The repairs of the findings, as they are kept.
fn fixes(judgement: &Judgement, secrets: &Secrets) -> BTreeMap<String, Fix> {
    let findings = judgement.findings.iter();
    let fixes = findings.filter_map(|finding| {
        let fix = finding.fix.as_ref()?;
        let kept = Fix {
            description: secrets.mask(&fix.description),
            files: fix.files.clone(),
        };
        Some((finding.fingerprint.clone(), kept))
    });
    fixes.collect()
}

/// What the files tell; a service whose image cannot be known is told, and does not count as checked.
fn on_disk(dev: App, whole: &App) -> Result<Evidence, Failure> {
    let with_lines = |mut problems: Problems| {
        source_lines::fill_problems(&mut problems, &whole.directory);
        problems
    };
    let seen = without_engine::look(dev, whole.deployed());
    let mut seen = seen.map_err(|problems| Failure::Config(with_lines(problems)))?;
    for problem in &mut seen.problems.0 {
        problem.level = Level::Warning;
    }
    print(&with_lines(seen.problems));
    Ok(seen.evidence)
}

/// The evidence as it is judged and saved.
fn without_secrets(evidence: &Evidence) -> Result<(Evidence, Secrets), Failure> {
    Secrets::take(evidence).map_err(|error| {
        Failure::usage(
            format!("what was seen cannot be kept: {error}"),
            "rename files whose names are not UTF-8",
        )
    })
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
        app: whole.name.clone(),
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
