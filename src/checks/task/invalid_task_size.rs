//! T004 `invalid-task-size`.

use crate::app::{App, At, LaunchType, Place, Service, TaskSize};
use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// The size of the task is none that Fargate has, or its containers do not fit into it.
    ///
    /// The app was run with the size as it is written, so the other findings hold for it.
    ///
    /// ## Why it breaks on ECS
    ///
    /// Fargate sells pairs of CPU and memory. ECS answers any other pair with `No Fargate configuration exists for given
    /// values`, a container with more memory than its task with `The 'memory' setting for container is greater than for
    /// the task`, and containers with more CPU units together than the task has with `The sum of all container 'cpu' values
    /// cannot be greater than the task-level 'cpu' value`. Nothing is started.
    ///
    /// | CPU units | memory in MiB |
    /// |---|---|
    /// | 256 | 512, 1024, 2048 |
    /// | 512 | 1024 to 4096 in steps of 1024 |
    /// | 1024 | 2048 to 8192 in steps of 1024 |
    /// | 2048 | 4096 to 16384 in steps of 1024 |
    /// | 4096 | 8192 to 30720 in steps of 1024 |
    /// | 8192 | 16384 to 61440 in steps of 4096 |
    /// | 16384 | 32768 to 122880 in steps of 8192 |
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// x-envsim: {cpu: 256, memory: 4096}    # 256 CPU units have 2048 MiB at most
    /// services:
    ///   web: {build: .}
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// x-envsim: {cpu: 512, memory: 4096}
    /// services:
    ///   web: {build: .}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never for Fargate. Tasks on your own instances have any size: write `x-envsim: {launch_type: EC2}`.
    "T004", "invalid-task-size", Error, since "0.1.0",
    needs [],
    "the task's size is none that Fargate has, or its containers do not fit into it",
}

/// CPU sizes of Fargate.
const CPU: &[u32] = &[256, 512, 1024, 2048, 4096, 8192, 16384];
const MIB: i64 = 1 << 20;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let app = &evidence.prod;
    let mut findings = Vec::new();
    let fargate = app.launch_type == LaunchType::Fargate;
    if fargate {
        findings.extend(pair(app));
    }
    // On other machines a task without sizes limits nothing.
    let limited = |written: &Option<At<u32>>| fargate || written.is_some();
    for (task, services) in app.tasks() {
        if limited(&app.task_written.memory) {
            findings.extend(services.iter().filter_map(|service| memory(app, service)));
        }
        if limited(&app.task_written.cpu) {
            findings.extend(cpu(app, task, &services));
        }
    }
    findings
}

/// The written pair, when Fargate does not have it.
fn pair(app: &App) -> Option<Finding> {
    let TaskSize { cpu, memory } = app.task;
    let choices = TaskSize::memory_choices(cpu);
    if choices
        .as_ref()
        .is_some_and(|choices| choices.contains(&memory))
    {
        return None;
    }
    let written = &app.task_written;
    let cpu_is_wrong = choices.is_none();
    let wrong = match cpu_is_wrong {
        true => written.cpu.as_ref().or(written.memory.as_ref()),
        false => written.memory.as_ref().or(written.cpu.as_ref()),
    }?;
    let nearest = nearest(cpu, memory);
    let shown: Vec<String> = nearest
        .iter()
        .map(|size| format!("{} CPU units with {} MiB", size.cpu, size.memory))
        .collect();
    let message = match cpu_is_wrong {
        true => format!("Fargate has no task with {cpu} CPU units, so ECS does not register it"),
        false => format!(
            "Fargate has no task with {cpu} CPU units and {memory} MiB, so ECS does not register it"
        ),
    };
    let help = format!("the nearest sizes are {}", shown.join(" and "));
    let mut finding = Finding::new(&INFO, message, help)
        .data("cpu", cpu)
        .data("memory", memory)
        .data(
            "nearest",
            serde_json::Value::from(
                nearest
                    .iter()
                    .map(|size| vec![size.cpu, size.memory])
                    .collect::<Vec<_>>(),
            ),
        )
        .at(&wrong.place, "");
    for other in written
        .cpu
        .iter()
        .chain(&written.memory)
        .filter(|other| other.place != wrong.place)
    {
        finding = finding.at(&other.place, "");
    }
    if let Some(choices) = choices {
        let list: Vec<String> = choices.iter().map(u32::to_string).collect();
        finding = finding.proof(format!(
            "with {cpu} CPU units memory is one of {}",
            list.join(", ")
        ));
    }
    if evidence_of_run(app) {
        finding = finding.proof(format!(
            "a run of this app takes {cpu} CPU units and {memory} MiB as written"
        ));
    }
    Some(finding)
}

/// The size is run as it is written, whatever Fargate has.
fn evidence_of_run(app: &App) -> bool {
    app.task_written.cpu.is_some() || app.task_written.memory.is_some()
}

/// The sizes nearest to a pair: the smallest that has room for it, and the one with the same CPU, or the
/// next smaller one, that comes closest.
fn nearest(cpu: u32, memory: u32) -> Vec<TaskSize> {
    let roomy = CPU.iter().filter(|size| **size >= cpu).find_map(|size| {
        let choices = TaskSize::memory_choices(*size)?;
        let memory = choices.into_iter().find(|choice| *choice >= memory)?;
        Some(TaskSize { cpu: *size, memory })
    });
    let below = CPU
        .iter()
        .rev()
        .find(|size| **size <= cpu)
        .or(CPU.first())
        .copied();
    let close = below.and_then(|cpu| {
        let choices = TaskSize::memory_choices(cpu)?;
        let memory = choices
            .into_iter()
            .min_by_key(|choice| choice.abs_diff(memory))?;
        Some(TaskSize { cpu, memory })
    });
    let mut all: Vec<TaskSize> = roomy.into_iter().chain(close).collect();
    all.dedup();
    all
}

/// A container with more memory than the whole task.
fn memory(app: &App, service: &Service) -> Option<Finding> {
    let task = app.task.memory;
    let own = service
        .task_memory
        .as_ref()
        .map(|memory| (i64::from(memory.value), memory.place.clone()));
    let of_compose = || {
        let bytes = service.memory?;
        Some((bytes / MIB, place_of(service, &["mem_limit", "deploy"])))
    };
    let (memory, place) = own.or_else(of_compose)?;
    if memory <= i64::from(task) {
        return None;
    }
    let message = format!(
        "the container of `{}` has {memory} MiB and its whole task {task} MiB, so ECS does not register it",
        service.name
    );
    let help = match larger(app.task, memory) {
        Some(size) => format!(
            "{task} MiB or less, or a task of {} CPU units with {} MiB",
            size.cpu, size.memory
        ),
        None => format!("{task} MiB or less, or a larger `memory` of the task"),
    };
    let key = match (&service.task_memory, service.keys.contains_key("mem_limit")) {
        (Some(_), _) => "x-envsim.memory",
        (None, true) => "mem_limit",
        (None, false) => "deploy.resources.limits.memory",
    };
    let finding = Finding::new(&INFO, message, help)
        .service(&service.name)
        .data("key", key);
    Some(
        finding
            .data("memory", memory)
            .data("task_memory", task)
            .at(&place, ""),
    )
}

/// The smallest size with as much CPU and enough memory.
fn larger(task: TaskSize, memory: i64) -> Option<TaskSize> {
    let enough = u32::try_from(memory).ok()?;
    nearest(task.cpu, enough)
        .into_iter()
        .find(|size| size.memory >= enough)
}

/// Containers that have more CPU units together than their task.
fn cpu(app: &App, task: &str, services: &[&Service]) -> Option<Finding> {
    let limit = i64::from(app.task.cpu);
    let units = |service: &Service| match &service.task_cpu {
        Some(written) => i64::from(written.value),
        None => service.settings.cpu_shares,
    };
    let all: i64 = services.iter().map(|service| units(service)).sum();
    if all <= limit {
        return None;
    }
    let message = format!(
        "the containers of the task `{task}` have {all} CPU units together and the task {limit}, so ECS does not register it"
    );
    let roomy = CPU.iter().find(|cpu| i64::from(**cpu) >= all);
    let help = match roomy {
        Some(cpu) => {
            format!("keep the sum of all `cpu` within {limit}, or give the task {cpu} CPU units")
        }
        None => format!("keep the sum of all `cpu` within {limit}"),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .data("cpu", all)
        .data("task_cpu", limit);
    for service in services.iter().rev().filter(|service| units(service) > 0) {
        let place = match &service.task_cpu {
            Some(written) => written.place.clone(),
            None => place_of(service, &["cpu_shares"]),
        };
        finding = finding.at(&place, "").proof(format!(
            "`{}` has {} CPU units",
            service.name,
            units(service)
        ));
    }
    Some(finding)
}

/// Where the value of the first of `keys` that is written stands.
fn place_of(service: &Service, keys: &[&str]) -> Place {
    let value = keys
        .iter()
        .find_map(|key| service.values.get(*key)?.first());
    value.unwrap_or(&service.place).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    fn found(text: &str) -> Vec<(String, String, u32)> {
        let app = app_for(text, Mode::Prod);
        let findings = check(&Evidence::new(app.clone(), app)).into_iter();
        findings
            .map(|finding| {
                (
                    finding.message,
                    finding.help,
                    finding.locations[0].place.line,
                )
            })
            .collect()
    }

    fn top(settings: &str) -> Vec<(String, String, u32)> {
        found(&format!(
            "x-envsim: {{{settings}}}\nservices: {{web: {{image: web}}}}\n"
        ))
    }

    #[test]
    fn a_pair_that_fargate_lacks_is_told_with_the_nearest_ones() {
        let [(message, help, line)] = &top("cpu: 256, memory: 4096")[..] else {
            panic!("one finding")
        };
        assert_eq!(
            message,
            "Fargate has no task with 256 CPU units and 4096 MiB, so ECS does not register it"
        );
        assert_eq!(
            help,
            "the nearest sizes are 512 CPU units with 4096 MiB and 256 CPU units with 2048 MiB"
        );
        assert_eq!(*line, 1);
        let [(message, help, _)] = &top("cpu: 300, memory: 700")[..] else {
            panic!("one finding")
        };
        assert_eq!(
            message,
            "Fargate has no task with 300 CPU units, so ECS does not register it"
        );
        assert_eq!(
            help,
            "the nearest sizes are 512 CPU units with 1024 MiB and 256 CPU units with 512 MiB"
        );
    }

    #[test]
    fn pairs_of_the_table_and_sizes_of_other_machines_are_fine() {
        for settings in [
            "",
            "cpu: 256",
            "cpu: 512, memory: 3072",
            "memory: 4096",
            "cpu: 16384, memory: 40960",
            "cpu: 300, memory: 700, launch_type: EC2",
        ] {
            assert_eq!(top(settings), [], "{settings}");
        }
    }

    #[test]
    fn memory_without_cpu_is_judged_with_the_default_cpu() {
        assert_eq!(top("memory: 512").len(), 1);
    }

    #[test]
    fn a_container_has_no_more_memory_than_its_task() {
        let all = found(
            "x-envsim: {cpu: 256, memory: 512}\nservices:\n  web: {image: web, x-envsim: {memory: 1024}}\n  db:\n    image: db\n    mem_limit: 513m\n  ok: {image: ok, mem_limit: 512m}\n",
        );
        let lines: Vec<u32> = all.iter().map(|(_, _, line)| *line).collect();
        assert_eq!(lines, [3, 6]);
        assert_eq!(
            all[0],
            (
                "the container of `web` has 1024 MiB and its whole task 512 MiB, so ECS does not register it".to_owned(),
                "512 MiB or less, or a task of 256 CPU units with 1024 MiB".to_owned(),
                3
            )
        );
    }

    #[test]
    fn the_containers_of_each_task_share_its_cpu() {
        let all = found(
            "x-envsim: {cpu: 256}\nservices:\n  a: {image: a, x-envsim: {cpu: 200}}\n  b: {image: a, x-envsim: {cpu: 100}}\n  c: {image: a, x-envsim: {cpu: 100, task: other}}\n",
        );
        assert_eq!(all.len(), 1);
        assert_eq!(
            all[0].0,
            "the containers of the task `project` have 300 CPU units together and the task 256, so ECS does not register it"
        );
    }
}
