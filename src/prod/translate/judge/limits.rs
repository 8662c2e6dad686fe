//! Numbers that ECS has a bound for: files, memory, CPU units, containers. Pure.

use super::{Judging, Said, set};
use crate::app::{LaunchType, Place, Service, Ulimit};
use crate::compose::Kind;
use crate::evidence::ChangeKind;

/// Open files of a process on Fargate where none are written, soft and hard: "Amazon ECS task
/// definition differences for Fargate".
pub const FILES: i64 = 65_535;
/// The most that can be written.
const MOST_FILES: i64 = 1_048_576;
/// Containers of a task definition: "Amazon ECS service quotas".
const CONTAINERS: usize = 10;

/// Puts a limit on open files within what can be written; -1, no limit, cannot.
pub fn fit(limit: &mut Ulimit) {
    let fits = |value: i64| match value {
        0..=MOST_FILES => value,
        _ => MOST_FILES,
    };
    if limit.name == "nofile" {
        limit.soft = fits(limit.soft);
        limit.hard = fits(limit.hard);
    }
}

impl Judging<'_> {
    pub(super) fn ulimits(&mut self, place: &Place) {
        let service = self.service;
        let Some(written) = service.ulimits.iter().find(|limit| limit.name == "nofile") else {
            return;
        };
        let mut fits = written.clone();
        fit(&mut fits);
        if fits == *written {
            return;
        }
        let shown = |limit: &Ulimit| match limit.soft == limit.hard {
            true => limit.hard.to_string(),
            false => format!("{}:{}", limit.soft, limit.hard),
        };
        let said = Said {
            key: "ulimits.nofile",
            kind: ChangeKind::Refused,
            place,
            what: format!(
                "{} is not within 0 to {MOST_FILES}; this run takes {}",
                shown(written),
                shown(&fits)
            ),
            why: "FG: `nofile` is 65535 by default and 1048576 at most",
            help: "write a number within the range",
        };
        let edits = match fits.soft == fits.hard {
            true => vec![set(
                &["ulimits", "nofile"],
                fits.hard.to_string(),
                Kind::Int,
            )],
            false => [("soft", fits.soft), ("hard", fits.hard)]
                .map(|(key, value)| {
                    let path = ["ulimits", "nofile", key];
                    set(&path, value.to_string(), Kind::Int)
                })
                .into(),
        };
        self.say(said, edits);
    }

    /// The hard limit of the container, written under `key`.
    pub(super) fn memory(&mut self, key: &str, place: &Place) {
        let (service, task) = (self.service, self.app.task.memory);
        let written = service.memory.filter(|_| service.task_memory.is_none());
        let Some(bytes) = written.filter(|bytes| *bytes > i64::from(task) << 20) else {
            return;
        };
        if self.app.launch_type != LaunchType::Fargate {
            return;
        }
        let said = Said {
            key,
            kind: ChangeKind::Refused,
            place,
            what: format!(
                "{} MiB are more than the {task} MiB of the whole task",
                bytes >> 20
            ),
            why: "CF: `The 'memory' setting for container is greater than for the task`",
            help: "set `x-envsim.memory` at the top level to the size of the task, or limit the container less",
        };
        self.say(said, Vec::new());
    }

    /// The weight of the container; those of a task must fit into it together.
    pub(super) fn cpu_shares(&mut self, place: &Place) {
        let (service, task) = (self.service, self.app.task.cpu);
        if self.app.launch_type != LaunchType::Fargate || service.task_cpu.is_some() {
            return;
        }
        let name = self.app.task_name(service);
        let tasks = self.app.tasks();
        let all = tasks.get(name).map_or(&[][..], |all| all);
        let sum: i64 = all.iter().map(|service| units(service)).sum();
        if sum <= i64::from(task) {
            return;
        }
        let said = Said {
            key: "cpu_shares",
            kind: ChangeKind::Refused,
            place,
            what: format!(
                "the containers of the task have {sum} CPU units together, and the task has {task}"
            ),
            why: "CF: `The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value`",
            help: "make them smaller in proportion, or set `x-envsim.cpu` at the top level to the size of the task",
        };
        self.say(said, Vec::new());
    }

    /// Whether the task has room for one container more.
    pub(super) fn place_in_task(&mut self) {
        let service = self.service;
        let tasks = self.app.tasks();
        let name = self.app.task_name(service);
        let all = tasks.get(name).map_or(&[][..], |all| all);
        let at = all.iter().position(|other| other.name == service.name);
        // Told once, at the container that is too much.
        if at != Some(CONTAINERS) {
            return;
        }
        let said = Said {
            key: "services",
            kind: ChangeKind::Refused,
            place: &service.place,
            what: format!(
                "the task `{name}` has {} containers, and a task definition at most {CONTAINERS}",
                all.len()
            ),
            why: "CF: `Too many containers`",
            help: "put some of them into a task of their own with `x-envsim.task`",
        };
        self.say(said, Vec::new());
    }
}

/// CPU units of a container: `x-envsim.cpu`, else `cpu_shares`.
pub fn units(service: &Service) -> i64 {
    let own = service.task_cpu.as_ref().map(|cpu| i64::from(cpu.value));
    own.unwrap_or(service.settings.cpu_shares)
}
