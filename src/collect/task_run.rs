//! The run as ECS tasks: containers, probes, what became of them.

use indexmap::IndexMap;

use super::files::{self, Files};
use super::inside::{self, Inside};
use super::mounts;
use crate::evidence::{Attempt, MountSeen, TaskSeen};
use crate::prod::tasks::{self, Apps, TaskSocket, Tasks};
use crate::prod::translate;
use crate::run::image::{Image, Source};
use crate::run::{RunError, Session, probe};

/// Region of the task's names when the environment names none.
const REGION: &str = "us-east-1";

/// What the run as tasks showed.
pub struct TaskRun {
    /// Containers, lookups and how it ended.
    pub task: TaskSeen,
    /// How each task was run, in sentences.
    pub notes: Vec<String>,
    /// What the disk says about the images.
    pub files: Files,
    /// The bind mounts of dev, confirmed by the images.
    pub mounts: Vec<MountSeen>,
    /// The answers to the probes of the production app, in their order.
    pub probes: Vec<Attempt>,
    /// The listening sockets when the app was up, or why they could not be seen.
    pub sockets: Result<Vec<TaskSocket>, String>,
    /// What the containers were made with and had written by then.
    pub inside: Inside,
}

/// Runs the tasks of `apps.prod` with `images`, and `stand_ins` for what is external.
pub async fn run(
    session: &Session,
    apps: Apps<'_>,
    (images, stand_ins): (&IndexMap<String, Image>, &IndexMap<String, Image>),
    show_logs: bool,
) -> Result<TaskRun, RunError> {
    let (dev, prod) = (apps.dev, apps.prod);
    // The disk is read while the engine starts containers.
    let (dev_copy, prod_copy) = (dev.clone(), prod.clone());
    let sources: IndexMap<String, Source> = images
        .iter()
        .map(|(service, image)| (service.clone(), image.source.clone()))
        .collect();
    let looking = tokio::task::spawn_blocking(move || files::look(&dev_copy, &prod_copy, &sources));
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
    let (sockets, inside) = tokio::join!(tasks.listeners(), inside::look(session, &containers));
    let sockets = sockets.map_err(|error| error.to_string());
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
        sockets,
        inside,
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
