//! The run as ECS tasks: containers, probes, what became of them.

use indexmap::IndexMap;
use tokio::task::JoinSet;

use super::files::{self, Files};
use super::inside::{self, Inside};
use super::repeat::{Further, Repeat};
use super::secrets::{self, InLayers};
use super::{confirm, images, mounts, start_order};
use crate::app::App;
use crate::evidence::{
    Attempt, DelayedStart, Dependent, MountSeen, Replacement, TaskName, TaskSeen,
};
use crate::prod::tasks::{self, Apps, Making, TaskSocket, Tasks};
use crate::prod::translate;
use crate::run::image::{Image, Source};
use crate::run::{RunError, Session, probe};

/// Region of the task's names when the environment names none.
const REGION: &str = "us-east-1";
/// Containers that are held back in turn, each in a run of its own.
const MOST_DELAYED: usize = 4;

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
    pub inside: Vec<Inside>,
    /// Service and id of the containers, which are stopped and still there.
    pub containers: Vec<(String, String)>,
    /// The directory that each service's program works in.
    pub directories: IndexMap<String, String>,
    /// The tasks once more, when that was asked for and the first ones did not end by themselves.
    pub replacement: Option<Replacement>,
    /// The tasks with single containers held back.
    pub delayed_starts: Vec<DelayedStart>,
    /// Secrets in the images.
    pub secrets: InLayers,
}

/// Runs the tasks of `apps.prod` with `images`, and `stand_ins` for what is external; then whatever
/// `further` asks for.
pub async fn run(
    session: &Session,
    apps: Apps<'_>,
    (images, stand_ins): (&IndexMap<String, Image>, &IndexMap<String, Image>),
    further: Further,
    show_logs: bool,
) -> Result<TaskRun, RunError> {
    let (dev, prod) = (apps.dev, apps.prod);
    // The disk is read while the engine starts containers.
    let (dev_copy, prod_copy) = (dev.clone(), prod.clone());
    let sources: IndexMap<String, Source> = images
        .iter()
        .map(|(service, image)| (service.clone(), image.source.clone()))
        .collect();
    let looking = tokio::task::spawn_blocking(move || {
        files::look(&dev_copy, &prod_copy, &sources, files::Secrets::InLayers)
    });
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let region = region.unwrap_or_else(|| REGION.to_owned());
    let in_task = translate::task(prod);
    let parts = tasks::parts(&in_task);
    let making = Making {
        apps,
        parts: &parts,
        images,
        region: &region,
        show_logs,
    };
    let tasks = Tasks::create(session, making, stand_ins).await?;
    let mut files = looking.await.unwrap_or_else(|error| Files {
        unreadable: vec![format!("the scan of the files broke off: {error}")],
        ..Files::default()
    });
    let confirming = confirm::confirm(session, (dev, prod), images, files.mounts.clone());
    let ((mut compared, failures), running) = tokio::join!(confirming, tasks.run());
    files.unreadable.extend(failures);
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
    // The engine writes a whole image for this, which is not to take time from the app's start and its
    // answers. What is left of it ends with the set.
    let mut reading = JoinSet::new();
    reading.spawn(secrets::of_images(
        session.engine.clone(),
        prod.clone(),
        images.clone(),
        std::mem::take(&mut files.secrets),
    ));
    let containers = tasks.containers();
    let (sockets, inside) = tokio::join!(tasks.listeners(), inside::look(session, &containers));
    let sockets = sockets.map_err(|error| error.to_string());
    let (seen, stand_ins) = tasks.finish().await?;
    let notes = seen.iter().map(|(name, task)| note(name, task, seen.len()));
    let mut notes: Vec<String> = notes.collect();
    let mut repeat = Repeat {
        session,
        making,
        stand_ins,
    };
    let over = seen.iter().any(|(_, task)| task.stopped_reason.is_some());
    let mut replacement = None;
    if further.replace && over {
        notes.push(
            "the task ended by itself, so it was not replaced by a fresh one (--replace)"
                .to_owned(),
        );
    } else if further.replace && !session.cancel.requested() {
        replacement = Some(repeat.replaced(prod, &probes, &seen).await?);
        notes.extend(replacement.iter().map(replaced_note));
    }
    let task = together(seen);
    let mut delayed_starts = Vec::new();
    if further.start_order && !session.cancel.requested() {
        let exposed: Vec<(String, Vec<u16>)> = images
            .iter()
            .map(|(service, image)| (service.clone(), images::seen(service, image).exposed))
            .collect();
        let sockets = sockets.as_deref().unwrap_or_default();
        let ports = start_order::ports(&in_task, &exposed, sockets);
        let suspects = start_order::suspects((dev, &in_task), &files.hosts, &task.lookups, &ports);
        notes.push(start_order_note(&suspects));
        for (dependency, dependents) in suspects.into_iter().take(MOST_DELAYED) {
            delayed_starts.push(repeat.delayed(&dependency, dependents).await?);
        }
    }
    mounts::join_logs(&mut compared, &task);
    let secrets = tokio::select! {
        read = reading.join_next() => match read {
            Some(Ok(secrets)) => secrets,
            Some(Err(error)) => unread(&error.to_string()),
            None => InLayers::default(),
        },
        () = session.cancel.wait() => unread("the check was interrupted"),
    };
    Ok(TaskRun {
        secrets,
        task,
        notes,
        files,
        mounts: compared,
        probes,
        sockets,
        inside,
        containers,
        directories: directories(prod, images),
        replacement,
        delayed_starts,
    })
}

/// Where the program of each service works.
fn directories(prod: &App, images: &IndexMap<String, Image>) -> IndexMap<String, String> {
    let all = prod.services.values().filter_map(|service| {
        let of_image = || images.get(&service.name)?.info.config.working_dir.clone();
        let directory = service.working_dir.clone().or_else(of_image)?;
        Some((service.name.clone(), directory))
    });
    all.filter(|(_, directory)| !directory.is_empty()).collect()
}

/// What came in place of what, in a sentence.
fn replaced_note(replacement: &Replacement) -> String {
    let names = |tasks: &[TaskName]| {
        let named = tasks
            .iter()
            .map(|task| format!("{} at {}", &task.id[..8.min(task.id.len())], task.address));
        named.collect::<Vec<_>>().join(" and ")
    };
    let (before, after) = (names(&replacement.before), names(&replacement.after));
    let count = replacement.probes.len();
    let probes = match count {
        1 => "1 probe that only reads was repeated".to_owned(),
        count => format!("{count} probes that only read were repeated"),
    };
    format!("task {before} was replaced by {after}: {probes}")
}

/// Which containers were held back and which not, in a sentence.
fn start_order_note(suspects: &IndexMap<String, Vec<Dependent>>) -> String {
    let names: Vec<&str> = suspects.keys().map(String::as_str).collect();
    let held: Vec<String> = names
        .iter()
        .take(MOST_DELAYED)
        .map(|name| format!("`{name}`"))
        .collect();
    match (held.is_empty(), names.len() > MOST_DELAYED) {
        (true, _) => {
            "start order: every service waits for those that it is seen to need".to_owned()
        }
        (false, false) => format!("start order: held back in turn: {}", held.join(", ")),
        (false, true) => format!(
            "start order: held back in turn: {}; not tried: {}",
            held.join(", "),
            names[MOST_DELAYED..].join(", ")
        ),
    }
}

fn unread(reason: &str) -> InLayers {
    InLayers {
        unread: vec![reason.to_owned()],
        ..InLayers::default()
    }
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
    let mut seen = seen.into_iter().map(|(name, mut task)| {
        for memory in &mut task.memory {
            memory.task.clone_from(&name);
        }
        task
    });
    let mut all = seen.next().unwrap_or_default();
    for other in seen {
        all.containers.extend(other.containers);
        all.lookups.extend(other.lookups);
        all.memory.extend(other.memory);
        all.stopped_reason = all.stopped_reason.or(other.stopped_reason);
    }
    all
}
