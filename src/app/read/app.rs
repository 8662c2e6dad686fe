//! A whole project: the top level.

use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use super::{Context, Node, extension, file, service};
use crate::app::{App, LaunchType, Mode, Problems, TaskSize, WrittenSize};
use crate::compose::{Project, normal};

/// Reads a resolved project into an [`App`], as the runs of `mode` use it.
///
/// Problems go to `cx`; the app is of use only when none of them is an error.
pub fn app(project: &Project, mode: Mode, cx: &mut Context) -> App {
    let root = &project.document;
    let mut app = without_services(project, cx);
    let secrets = extension::build_secrets(root);
    let files = file::Known::of(root, &project.environment);
    let services = root.get("services").and_then(Node::as_mapping);
    for (key, node) in services.unwrap_or(&[]) {
        let name = key.text().unwrap_or_default();
        let reading = service::Reading {
            name,
            place: &key.place,
            secrets: &secrets,
            files: &files,
            env_files: &project.env_files,
            mode,
        };
        let service = reading.read(node, cx);
        app.services.insert(name.to_owned(), service);
    }
    jobs(root, cx);
    if app.services.is_empty() && !cx.problems.any_error() {
        nothing_to_run(project, cx);
    }
    extension::of_project(project, &mut app, mode, cx);
    app
}

/// Says of each job that it is not run; jobs are described as services are, and they are none.
fn jobs(root: &Node, cx: &mut Context) {
    let jobs = root.get("jobs").and_then(Node::as_mapping);
    for (key, _) in jobs.unwrap_or(&[]) {
        let name = key.text().unwrap_or_default();
        let message = format!(
            "the job `{name}` is not run: a job runs on a schedule or by `docker compose run`, and neither `envsim dev` nor the task has either"
        );
        cx.warn(&key.place, message).help = Some(format!(
            "run it beside `envsim dev` with `docker compose run {name}`; in production it is an ECS task of its own, started by EventBridge Scheduler"
        ));
    }
}

fn without_services(project: &Project, cx: &mut Context) -> App {
    let mut app = App {
        name: project.name.clone(),
        directory: project.directory.clone(),
        files: project.files.clone(),
        services: IndexMap::new(),
        networks: resources(&project.document, "networks", cx),
        volumes: resources(&project.document, "volumes", cx),
        task: TaskSize::default(),
        task_written: WrittenSize::default(),
        launch_type: LaunchType::default(),
        architecture: None,
        probes: Vec::new(),
        ignore: Vec::new(),
        elsewhere: IndexMap::new(),
    };
    fixed_names(&mut app);
    app
}

fn nothing_to_run(project: &Project, cx: &mut Context) {
    let inactive: Vec<&str> = project.disabled.iter().map(|one| &*one.name).collect();
    let place = &project.document.place;
    let problem = cx.error(place, "the project has no services to run");
    problem.help = Some(match &*inactive {
        [] => "add a `services:` mapping with at least one service".to_owned(),
        names => format!(
            "{} only run with a profile: activate it with `--profile`",
            names.join(", ")
        ),
    });
}

/// The resources of one section in their typed form.
fn resources<T: DeserializeOwned>(
    root: &Node,
    section: &str,
    cx: &mut Context,
) -> IndexMap<String, T> {
    let mut all = IndexMap::new();
    let entries = root.get(section).and_then(Node::as_mapping);
    for (key, node) in entries.unwrap_or(&[]) {
        let name = key.text().unwrap_or_default();
        match serde_json::from_value(normal::entry(section, node)) {
            Ok(resource) => {
                all.insert(name.to_owned(), resource);
            }
            Err(error) => {
                cx.error_without_place(format!("`{section}.{name}` cannot be used: {error}"));
            }
        }
    }
    all.sort_keys();
    all
}

/// Only names that the file fixes are kept: what a project names itself, envsim names for itself.
fn fixed_names(app: &mut App) {
    let project = app.name.clone();
    let own = |key: &str, name: &mut Option<String>, external: bool| {
        if !external && name.as_deref() == Some(&format!("{project}_{key}")) {
            *name = None;
        }
    };
    for (key, network) in &mut app.networks {
        own(key, &mut network.name, network.external);
    }
    for (key, volume) in &mut app.volumes {
        own(key, &mut volume.name, volume.external);
    }
}

/// The problems of a reading that found an error.
pub fn checked(app: App, cx: Context) -> Result<(App, Problems), Problems> {
    match cx.problems.any_error() {
        true => Err(cx.problems),
        false => Ok((app, cx.problems)),
    }
}
