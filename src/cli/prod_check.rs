//! `envsim prod-check`: both runs, evidence, rules, report.

use std::io::Write;

use futures::future::try_join_all;
use indexmap::IndexMap;

use super::args;
use super::exit::{Exit, Failure};
use super::{env_files, project, source_lines};
use crate::app::{App, Mode, Probe, Service};
use crate::checks;
use crate::dev::run::{self as dev_run, DevRun};
use crate::dev::{Ground, scale};
use crate::engine::Engine;
use crate::event::Event;
use crate::evidence::{
    Attempt, Evidence, ImageSeen, Kind, Listener, Missing, MountSeen, ProbeSeen, TaskSeen,
};
use crate::finding::{Change, Judgement};
use crate::labels::RunKind;
use crate::prod::files::{self, Files};
use crate::prod::mounts;
use crate::prod::tasks::{self, Apps, Tasks};
use crate::prod::{stand_in, task, translate};
use crate::report::{self, Report};
use crate::run::cancel::CancelSource;
use crate::run::cleanup::{self, Scope};
use crate::run::image::{self, Image, Want};
use crate::run::probe;
use crate::run::{RunError, Session};
use crate::ui;

/// Region of the task's names when the environment names none.
const REGION: &str = "us-east-1";

/// Runs the command.
pub async fn run(project: &args::Project, args: args::ProdCheck) -> Result<Exit, Failure> {
    let whole = project::app(project, Mode::Prod, true)?;
    let prod = whole.deployed();
    let dev = project::app(project, Mode::Dev, false)?;
    let engine = Engine::connect().await?;
    project::warn_when_remote(&engine);
    let ground = dev_run::ground(&engine).await?;
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
        &engine,
        &prod.name,
        RunKind::ProdCheck,
        Some(task_id),
        &sink,
        &cancel,
    );
    let dev_session = project::session(&engine, &dev.name, RunKind::Compare, None, &sink, &cancel);
    for session in [&task_session, &dev_session] {
        cleanup::leftovers(session, &whole, "envsim prod-check").await?;
    }

    let apps = Apps {
        dev: &dev,
        whole: &whole,
        prod: &prod,
    };
    let with_lines = |error| Failure::from(error).with_lines(&prod.directory);
    let images = images(&task_session, &prod, prod.services.values())
        .await
        .map_err(with_lines)?;
    let stand_ins = stand_in::all(&dev, &prod).map_err(RunError::from)?;
    let services = stand_ins.iter().map(|one| one.service);
    let stand_in_images = self::images(&task_session, &dev, services)
        .await
        .map_err(with_lines)?;
    for (service, image) in &images {
        if let Some(generated) = &image.generated {
            show_generated(&task_session, service, &generated.dockerfile);
        }
    }
    let compared = async {
        match args.no_compare {
            true => Ok(None),
            false => run_dev(&dev_session, &dev, (&prod, &images), ground, args.logs)
                .await
                .map(Some),
        }
    };
    let (seen, compared) = tokio::join!(
        run_tasks(&task_session, apps, (&images, &stand_in_images), args.logs),
        compared
    );
    // Both runs are cleaned up before any error is told.
    remove(&task_session).await;
    remove(&dev_session).await;
    let (seen, compared) = (seen?, compared?);
    if cancel.requested() {
        return Ok(Exit::Interrupted);
    }
    let stand_ins = stand_in::seen(&dev, &prod);
    let report = judge(dev, prod, &images, seen, compared);
    let report = Report {
        stand_ins,
        ..report
    };
    write(&report, &args)?;
    Ok(match report.judgement.passes() {
        true => Exit::Clean,
        false => Exit::Findings,
    })
}

/// What the run as tasks showed.
struct TaskRun {
    task: TaskSeen,
    notes: Vec<String>,
    files: Files,
    mounts: Vec<MountSeen>,
    probes: Vec<Attempt>,
}

/// What the dev run showed.
struct DevSeen {
    probes: Vec<Attempt>,
    listeners: Vec<Listener>,
}

/// Builds or finds the images of `services`, all at once.
async fn images(
    session: &Session,
    app: &App,
    services: impl Iterator<Item = &Service>,
) -> Result<IndexMap<String, Image>, RunError> {
    let all = services.map(|service| async move {
        let image = image::ensure(session, app, service, Want::SelfContained).await?;
        Ok::<_, RunError>((service.name.clone(), image))
    });
    Ok(try_join_all(all).await?.into_iter().collect())
}

fn show_generated(session: &Session, service: &str, dockerfile: &str) {
    let mut text = format!(
        "{service} has no build; this Dockerfile makes its image self-contained (`envsim dockerfile {service}` writes it):"
    );
    for line in dockerfile.lines() {
        text.push_str("\n    ");
        text.push_str(line);
    }
    session.emit(Event::Note(text));
}

async fn run_tasks(
    session: &Session,
    apps: Apps<'_>,
    (images, stand_ins): (&IndexMap<String, Image>, &IndexMap<String, Image>),
    show_logs: bool,
) -> Result<TaskRun, RunError> {
    let (dev, prod) = (apps.dev, apps.prod);
    // The disk is read while the engine starts containers.
    let (dev_copy, prod_copy, images_copy) = (dev.clone(), prod.clone(), images.clone());
    let looking =
        tokio::task::spawn_blocking(move || files::look(&dev_copy, &prod_copy, &images_copy));
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let region = region.unwrap_or_else(|| REGION.to_owned());
    let in_task = translate::task(prod);
    let parts = tasks::parts(&in_task);
    let tasks = Tasks::create(
        session,
        apps,
        &parts,
        (images, stand_ins),
        &region,
        show_logs,
    )
    .await?;
    let files = looking.await.unwrap_or_else(|error| Files {
        unreadable: vec![format!("the scan of the files broke off: {error}")],
        ..Files::default()
    });
    let mut compared = files.mounts.clone();
    let containers = tasks.containers();
    let confirming = mounts::confirm(
        &session.engine,
        &prod.directory,
        &containers,
        images,
        &mut compared,
    );
    let ((), running) = tokio::join!(confirming, tasks.run());
    running?;
    let targets = tasks.targets().await?;
    let gone = |service: &str| tasks.over(service);
    let probes = probe::run_all(session, &prod.probes, &targets, &gone).await;
    let passed = prod
        .probes
        .iter()
        .zip(&probes)
        .filter(|(_, attempt)| attempt.passed);
    let vouched: Vec<String> = passed.map(|(probe, _)| probe.service.clone()).collect();
    tokio::select! {
        () = tasks.settle(&vouched) => {}
        () = session.cancel.wait() => {}
    }
    let seen = tasks.finish().await?;
    let notes = seen.iter().map(|(name, task)| note(name, task, seen.len()));
    let notes = notes.collect();
    let task = together(seen);
    mounts::join_logs(&mut compared, &task);
    Ok(TaskRun {
        task,
        notes,
        files,
        mounts: compared,
        probes,
    })
}

/// How one of `count` tasks was run, in a sentence.
fn note(name: &str, task: &TaskSeen, count: usize) -> String {
    let id = &task.id[..8.min(task.id.len())];
    let named = match count {
        1 => String::new(),
        _ => format!(" `{name}`"),
    };
    format!("task {id}{named} at {}: {}", task.address, task.limits)
}

/// What was seen of all tasks.
fn together(seen: Vec<(String, TaskSeen)>) -> TaskSeen {
    let mut seen = seen.into_iter().map(|(_, task)| task);
    let mut all = seen.next().unwrap_or_default();
    for other in seen {
        all.containers.extend(other.containers);
        all.lookups.extend(other.lookups);
        all.stopped_reason = all.stopped_reason.or(other.stopped_reason);
    }
    all
}

/// The images of the dev run. One that both runs build from the same things is built once.
async fn dev_images(
    session: &Session,
    dev: &App,
    built: (&App, &IndexMap<String, Image>),
) -> Result<IndexMap<String, Image>, RunError> {
    let (prod, images) = built;
    let all = dev.services.values().map(|service| async move {
        let same = prod
            .services
            .get(&service.name)
            .is_some_and(|other| other.build == service.build);
        let image = match images
            .get(&service.name)
            .filter(|_| same && service.build.is_some())
        {
            Some(image) => image.clone(),
            None => image::ensure(session, dev, service, Want::Dev).await?,
        };
        Ok::<_, RunError>((service.name.clone(), image))
    });
    Ok(try_join_all(all).await?.into_iter().collect())
}

async fn run_dev(
    session: &Session,
    dev: &App,
    built: (&App, &IndexMap<String, Image>),
    ground: Ground,
    show_logs: bool,
) -> Result<DevSeen, RunError> {
    let images = dev_images(session, dev, built).await?;
    let dev = &scale::expand(dev.clone());
    let run = DevRun::create(session, dev, &images, ground, show_logs).await?;
    run.start().await?;
    let targets = run.targets().await?;
    let probes = probe::run_all(session, &dev.probes, &targets, &|service| run.gone(service)).await;
    let listeners = run.listeners().await?;
    run.stop().await;
    Ok(DevSeen { probes, listeners })
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

fn judge(
    dev: App,
    prod: App,
    images: &IndexMap<String, Image>,
    seen: TaskRun,
    compared: Option<DevSeen>,
) -> Report {
    let mut missing = Vec::new();
    if compared.is_none() {
        missing.push(Missing {
            kind: Kind::DevRun,
            reason: "there was no dev run to compare with (--no-compare)".to_owned(),
        });
    }
    if !seen.files.unreadable.is_empty() {
        missing.push(Missing {
            kind: Kind::Files,
            reason: format!(
                "not every file could be read: {}",
                seen.files.unreadable.join("; ")
            ),
        });
    }
    // The two runs can have other probes, where a file of one mode adds some.
    let dev_probes: Vec<_> = match &compared {
        Some(compared) => dev.probes.iter().zip(&compared.probes).collect(),
        None => Vec::new(),
    };
    let in_dev = |written: &Probe| {
        let same = |(probe, _): &&(&Probe, &Attempt)| {
            probe.name == written.name && probe.service == written.service
        };
        dev_probes
            .iter()
            .find(same)
            .map(|(_, attempt)| (*attempt).clone())
    };
    let probes = prod
        .probes
        .iter()
        .enumerate()
        .map(|(index, written)| ProbeSeen {
            name: written.name.clone(),
            service: written.service.clone(),
            action: probe::describe(&written.action),
            place: written.place.clone(),
            inferred: written.inferred,
            dev: in_dev(written),
            prod: seen.probes.get(index).cloned(),
        });
    let probes = probes.collect();
    let evidence = Evidence {
        probes,
        env_file_lines: env_files::lines(&prod),
        images: images
            .iter()
            .map(|(service, image)| image_seen(service, image))
            .collect(),
        hosts_in_files: seen.files.hosts,
        mounts: seen.mounts,
        task: Some(seen.task),
        dev_listeners: compared.map(|compared| compared.listeners),
        missing,
        dev,
        prod,
    };
    let mut judgement = checks::run(&evidence);
    source_lines::fill(&mut judgement, &evidence.prod.directory);
    let changes = translate::changes(&evidence.prod);
    let changes = changes
        .into_iter()
        .filter(|change| !is_told(change, &judgement))
        .collect();
    Report {
        app: evidence.prod.name.clone(),
        changes,
        judgement,
        notes: seen.notes,
        stand_ins: Vec::new(),
    }
}

/// Whether a finding says it already, with proof: a bind mount, or a file of one.
fn is_told(change: &Change, judgement: &Judgement) -> bool {
    let about_files = matches!(&*change.key, "volumes" | "configs" | "secrets");
    about_files
        && judgement.findings.iter().any(|finding| {
            finding.rule.code.starts_with('E')
                && finding.service.as_deref() == Some(&change.service)
                && finding
                    .locations
                    .iter()
                    .any(|location| location.place == change.place)
        })
}

fn image_seen(service: &str, image: &Image) -> ImageSeen {
    let config = &image.info.config;
    ImageSeen {
        service: service.to_owned(),
        reference: image.reference.clone(),
        id: image.info.id.clone(),
        origin: image.origin,
        exposed: config
            .exposed_ports
            .iter()
            .filter(|(_, protocol)| protocol == "tcp")
            .map(|(port, _)| *port)
            .collect(),
        volumes: config.volumes.clone(),
        has_healthcheck: config.healthcheck.is_some(),
    }
}

fn write(report: &Report, args: &args::ProdCheck) -> Result<(), Failure> {
    let failed = |path: &str, error: std::io::Error| {
        Failure::usage(
            format!("cannot write the report to {path}: {error}"),
            "name another file with `-o`",
        )
    };
    match &args.output {
        None => {
            let mut out = std::io::stdout().lock();
            let written = report::write(report, args.format, ui::colour_stdout(), &mut out)
                .and_then(|()| out.flush());
            match written {
                // A reader that has seen enough is no failure.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    Err(failed("stdout", error))
                }
                _ => Ok(()),
            }
        }
        Some(path) => {
            let shown = format!("`{}`", path.display());
            let mut file = std::fs::File::create(path).map_err(|error| failed(&shown, error))?;
            report::write(report, args.format, false, &mut file)
                .map_err(|error| failed(&shown, error))
        }
    }
}
