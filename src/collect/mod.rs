//! Looks at the project's disk, the images and both runs, and writes down what was seen as
//! [`Evidence`]. It judges nothing: that is for `checks`.

mod absent;
mod apply;
mod checkout;
mod command;
pub mod confirm;
mod copied_layers;
pub mod dev_run;
mod dockerfiles;
mod env_files;
pub mod environment;
pub mod files;
mod hidden;
mod host_mounts;
mod hosts;
pub mod image_files;
pub mod images;
mod inside;
mod layers;
mod listeners;
pub mod missed;
mod missed_path;
pub mod missing;
pub mod mounts;
mod own_name;
mod ports;
mod read;
pub mod repeat;
pub mod repository;
mod run_time;
mod secrets;
mod start_order;
pub mod task_run;
mod threads;
mod values;
pub mod watch_defaults;
pub mod without_engine;
mod written;

use indexmap::IndexMap;

use crate::app::{App, Probe};
use crate::evidence::{Attempt, Evidence, Kind, MissedFile, ProbeSeen, Side};
use crate::prod::{stand_in, translate};
use crate::run::image::Image;
use crate::run::{agent, probe};

use dev_run::DevSeen;
use environment::Recorder;
use files::Files;
use hosts::Search;
use repeat::Further;
use task_run::TaskRun;

/// What the Compose files and the disk tell, however the app is run.
fn from_files(dev: App, prod: App, files: Files) -> Evidence {
    let mut evidence = Evidence::new(dev, prod);
    evidence.env_file_lines = env_files::lines(&evidence.prod);
    evidence.changes = translate::changes(&evidence.prod);
    if let Some(reason) = env_files::missing(&evidence.prod) {
        evidence.lacks(Kind::EnvFiles, reason);
    }
    evidence.host_mounts = host_mounts::look(&evidence.prod);
    if !files.unreadable.is_empty() {
        evidence.lacks(Kind::Files, not_every_file(&files.unreadable));
    }
    evidence.hosts_in_values = values::look(&evidence.prod, &Search::new(&evidence.dev));
    evidence.hosts_in_files = files.hosts;
    evidence.own_names = files.own_names;
    evidence.mounts = files.mounts;
    evidence.environment = Recorder::salted().of_apps(&evidence.dev, &evidence.prod);
    evidence.environment = environment::with_readers(evidence.environment, &files.variables);
    evidence.ports = files.ports;
    evidence
}

/// Why the files are not all known, with the first of those that could not be read.
fn not_every_file(unreadable: &[String]) -> String {
    const TOLD: usize = 3;
    let told = unreadable[..unreadable.len().min(TOLD)].join("; ");
    let more = match unreadable.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("not every file could be read: {told}{more}")
}

/// The evidence of a whole run: `seen` in the task, `compared` in the dev run beside it, when there
/// was one.
pub fn evidence(
    dev: App,
    prod: App,
    images: &IndexMap<String, Image>,
    seen: TaskRun,
    compared: Option<DevSeen>,
    missed: Vec<MissedFile>,
    further: Further,
) -> Evidence {
    let probes = probes(&dev, &prod, &seen.probes, compared.as_ref());
    let stand_ins = stand_in::seen(&dev, &prod);
    let readers = seen.files.variables.clone();
    let mut evidence = from_files(dev, prod, seen.files);
    if let Some(compared) = &compared {
        let recorder = Recorder::salted();
        let of_dev = recorder.of_containers(&evidence.dev, Side::Dev, &compared.environment);
        let of_task: Vec<(String, Vec<String>)> = seen
            .inside
            .iter()
            .map(|one| (one.service.clone(), one.environment.clone()))
            .collect();
        let of_task = recorder.of_containers(&evidence.prod, Side::Prod, &of_task);
        let all = of_dev.into_iter().chain(of_task).collect();
        evidence.environment = environment::with_readers(all, &readers);
    }
    evidence.probes = probes;
    evidence.stand_ins = stand_ins;
    evidence.notes = seen.notes;
    evidence.mounts = seen.mounts;
    evidence.images = images
        .iter()
        .map(|(service, image)| images::seen(service, image))
        .collect();
    let sources = images.iter().map(|(name, image)| (name, &image.source));
    evidence.dockerfiles = dockerfiles::seen(&evidence.prod, sources);
    let images = images
        .iter()
        .map(|(name, image)| (name, &image.source, Some(&image.info.config)));
    evidence.commands = command::seen(&evidence.dev, &evidence.prod, images);
    evidence.engine_architecture = agent::ARCH.to_owned();
    evidence.secrets = seen.secrets.secrets;
    if !seen.secrets.unread.is_empty() {
        let reason = format!(
            "not every image could be looked into: {}",
            seen.secrets.unread.join("; ")
        );
        evidence.lacks(Kind::Layers, reason);
    }
    evidence.task = Some(seen.task);
    match compared {
        Some(compared) => {
            evidence.dev_listeners = Some(compared.listeners);
            evidence.dev_memory = compared.memory;
        }
        None => evidence.lacks(
            Kind::DevRun,
            "there was no dev run to compare with (--no-compare)",
        ),
    }
    evidence.missed_files = missed;
    let written = seen.inside.iter();
    evidence.written = written
        .flat_map(|one| written::told(&one.service, &one.changes, &one.mounts))
        .collect();
    evidence.replacement = seen.replacement;
    evidence.delayed_starts = seen.delayed_starts;
    if !further.start_order {
        evidence.lacks(
            Kind::StartOrder,
            "it takes further runs of the task (--start-order)",
        );
    }
    match seen.sockets {
        Ok(sockets) => {
            evidence.task_listeners = Some(listeners::attributed(sockets, &evidence));
        }
        Err(reason) => evidence.lacks(
            Kind::Listeners,
            format!("the task's sockets could not be seen: {reason}"),
        ),
    }
    evidence
}

/// The probes with their answers in both runs, which can have other probes where a file of one mode
/// adds some.
fn probes(
    dev: &App,
    prod: &App,
    in_task: &[Attempt],
    compared: Option<&DevSeen>,
) -> Vec<ProbeSeen> {
    let in_dev = |written: &Probe| {
        let compared = compared?;
        let at = dev
            .probes
            .iter()
            .position(|probe| probe.name == written.name && probe.service == written.service)?;
        let again = compared.again.get(at).cloned().flatten();
        Some((compared.probes.get(at)?.clone(), again))
    };
    let all = prod.probes.iter().enumerate();
    all.map(|(index, written)| {
        let (dev, dev_again) = in_dev(written).unzip();
        ProbeSeen {
            name: written.name.clone(),
            service: written.service.clone(),
            action: probe::describe(&written.action),
            place: written.place.clone(),
            inferred: written.inferred,
            dev,
            dev_again: dev_again.flatten(),
            prod: in_task.get(index).cloned(),
        }
    })
    .collect()
}
