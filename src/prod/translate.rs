//! What ECS does with each key of a Compose service. Pure.
//!
//! [`changes`] tells people, [`document`] rewrites the resolved tree and [`task`] the typed app that
//! the production run is made from. All three come from [`table`] and from the same judgement of
//! values, so they cannot disagree.

mod judge;
pub mod table;

use std::collections::HashSet;

use crate::app::{App, MountKind, NetworkMode, Service};
use crate::compose::{Kind, Node, PASSED_THROUGH, Value};
use crate::evidence::Change;

use judge::{Edit, Step, health, limits};

/// Everything of `app`, read for production, that is otherwise on ECS: by kind, then by place.
pub fn changes(app: &App) -> Vec<Change> {
    let mut all: Vec<Change> = app
        .services
        .values()
        .flat_map(|service| judge::service(app, service))
        .filter_map(|judged| judged.change)
        .collect();
    all.sort_by(|a, b| (a.kind, &a.place, &a.key).cmp(&(b.kind, &b.place, &b.key)));
    all.dedup();
    all
}

/// Rewrites the resolved tree as the production run of `app` uses it.
pub fn document(document: &mut Node, app: &App) {
    let services = document.get_mut("services").map(|node| &mut node.value);
    let services = match services {
        Some(Value::Mapping(entries)) => &mut entries[..],
        _ => &mut [],
    };
    for (key, node) in services {
        let Some(service) = key.text().and_then(|name| app.services.get(name)) else {
            continue;
        };
        let judged = judge::service(app, service);
        production(node, service);
        let mut edits: Vec<Edit> = judged.into_iter().flat_map(|one| one.edits).collect();
        // From the end of each list, so that what is left keeps its number until it is looked at.
        edits.sort_by(|a, b| b.path.cmp(&a.path));
        for edit in edits {
            apply(node, &edit.path, edit.value.as_ref());
        }
        tidy(node);
    }
    for section in ["networks", "configs", "secrets"] {
        document.remove(section);
    }
    let used: HashSet<&str> = app
        .services
        .values()
        .flat_map(|service| &service.volumes)
        .filter_map(|mount| match &mount.kind {
            MountKind::Volume { source } => Some(source.as_str()),
            _ => None,
        })
        .collect();
    if let Some(Value::Mapping(volumes)) = document
        .get_mut("volumes")
        .map(|volumes| &mut volumes.value)
    {
        volumes.retain(|(key, _)| key.text().is_some_and(|key| used.contains(key)));
        for (_, volume) in volumes {
            // Each task has its own, whatever driver or name dev gives it.
            for key in ["driver", "driver_opts", "external"] {
                volume.remove(key);
            }
        }
    }
}

/// The app as the containers of the task are made from: what is dropped is not there any more.
pub fn task(app: &App) -> App {
    let mut task = app.clone();
    for service in task.services.values_mut() {
        let sources = app.services.get(&service.name);
        service.pre_start.clear();
        service.post_start.clear();
        service.pre_stop.clear();
        service.files.clear();
        service.security_opt.clear();
        service.group_add.clear();
        service.restart = None;
        service.stop_signal = None;
        service.hostname = None;
        service.privileged = false;
        service.shm_size = None;
        service.extra_hosts.clear();
        service.dns.clear();
        service.cap_add.retain(|name| judge::capability(name));
        service.sysctls.retain(|name, _| judge::sysctl(name));
        let written = service.healthcheck.take();
        service.healthcheck = written.filter(|check| !health::is_of_image(check));
        service.healthcheck.iter_mut().for_each(health::for_ecs);
        service.ulimits.iter_mut().for_each(limits::fit);
        for dependency in &mut service.depends_on {
            dependency.required = true;
        }
        let from: Vec<(&str, bool)> = sources
            .into_iter()
            .flat_map(|service| &service.settings.volumes_from)
            .filter(|from| !from.starts_with("container:"))
            .map(|from| match from.split_once(':') {
                Some((name, mode)) => (name, mode == "ro"),
                None => (from.as_str(), false),
            })
            .collect();
        for (name, read_only) in from {
            let other = app.services.get(name);
            for mount in other.into_iter().flat_map(|other| &other.volumes) {
                let there = service.volumes.iter().any(|own| own.target == mount.target);
                if matches!(mount.kind, MountKind::Volume { .. }) && !there {
                    let mut mount = mount.clone();
                    mount.read_only |= read_only;
                    service.volumes.push(mount);
                }
            }
        }
    }
    task
}

/// Whether the containers of the task share one PID namespace, as `pidMode: task` has it.
pub fn shares_processes(app: &App) -> bool {
    let joined = |service: &Service| {
        let pid = service.settings.pid.as_deref();
        pid.is_some_and(|pid| pid.starts_with("service:"))
    };
    app.services.values().any(joined)
}

/// Open files of a process, soft and hard, where the file says nothing and the engine can be asked for
/// it: the default of Fargate.
pub const FILES: i64 = limits::FILES;

/// CPU units of a container: `x-envsim.cpu`, else `cpu_shares`; 0 where neither is written.
pub fn cpu_units(service: &Service) -> i64 {
    limits::units(service)
}

/// `sysctls` of the network, which the task has once: the last service wins.
pub fn network_sysctls(app: &App) -> std::collections::BTreeMap<String, String> {
    app.services
        .values()
        .flat_map(|service| &service.sysctls)
        .filter(|(name, _)| name.starts_with("net."))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// `x-envsim.prod` in the tree.
fn production(node: &mut Node, service: &Service) {
    let place = node.place.clone();
    let text = |text: &str| Node::string(text, &place);
    if let Some(Value::Mapping(variables)) = node
        .get_mut("environment")
        .map(|variables| &mut variables.value)
    {
        variables
            .retain(|(_, value)| !value.is_null() && value.tag.as_deref() != Some(PASSED_THROUGH));
    }
    let written = &service.prod;
    if !written.environment.is_empty() {
        if node.get("environment").is_none() {
            node.set("environment", Node::mapping(place.clone()));
        }
        if let Some(variables) = node.get_mut("environment") {
            for variable in &written.environment {
                variables.set(&variable.name, text(&variable.value));
            }
        }
    }
    if let Some(command) = &written.command {
        let words = command.iter().map(|word| text(word)).collect();
        let value = Value::Sequence(words);
        node.set(
            "command",
            Node {
                value,
                ..Node::null(&place)
            },
        );
    }
    if let Some(image) = &written.image {
        node.set("image", text(&image.value));
        node.remove("build");
    }
    if let (Some(target), Some(build)) = (&written.target, node.get_mut("build")) {
        build.set("target", text(&target.value));
    }
    if let Some(own) = node.get_mut("x-envsim") {
        own.remove("prod");
    }
}

/// Changes or takes away what `path` leads to.
fn apply(node: &mut Node, path: &[Step], value: Option<&(String, Kind)>) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        let place = node.place.clone();
        match (first, value, &mut node.value) {
            (Step::Key(key), Some((text, kind)), _) => {
                node.set(key, Node::scalar(text.clone(), *kind, place));
            }
            (Step::Key(key), None, _) => {
                node.remove(key);
            }
            (Step::Item(at), Some((text, kind)), Value::Sequence(items)) if *at < items.len() => {
                items[*at] = Node::scalar(text.clone(), *kind, place);
            }
            (Step::Item(at), None, Value::Sequence(items)) if *at < items.len() => {
                items.remove(*at);
            }
            _ => {}
        }
        return;
    }
    let next = match (first, &mut node.value) {
        (Step::Item(at), Value::Sequence(items)) => items.get_mut(*at),
        (Step::Key(_), Value::Mapping(_)) => match first {
            Step::Key(key) => node.get_mut(key),
            Step::Item(_) => None,
        },
        _ => None,
    };
    if let Some(next) = next {
        apply(next, rest, value);
    }
}

/// Takes away what is empty now.
fn tidy(node: &mut Node) {
    let Value::Mapping(entries) = &mut node.value else {
        return;
    };
    entries.retain(|(key, value)| match (key.text(), &value.value) {
        (
            Some("volumes" | "cap_add" | "sysctls" | "deploy" | "environment" | "x-envsim"),
            value,
        ) => match value {
            Value::Sequence(items) => !items.is_empty(),
            Value::Mapping(entries) => !entries.is_empty(),
            Value::Scalar(..) => true,
        },
        _ => true,
    });
}

/// Whether a service is in another's network namespace, which is what a task does anyway.
fn joins_service(service: &Service) -> bool {
    let mode = service.network_mode.as_ref().map(|mode| &mode.value);
    matches!(mode, Some(NetworkMode::Service(_)))
}

#[cfg(test)]
mod tests;
