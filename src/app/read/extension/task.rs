//! Task names, launch types and sizes, of tasks and of containers.
//!
//! Sources: "Amazon ECS task definition parameters" and the API's `RegisterTaskDefinition` and
//! `ContainerDefinition` (botocore `data/ecs/2014-11-13/service-2.json`).

use crate::app::read::{Context, Node};
use crate::app::{App, Architecture, At, Condition, LaunchType, Service, TaskSize, WrittenSize};
use crate::compose::nearest;

/// `family`: "Up to 255 letters (both uppercase and lowercase letters), numbers, underscores, and
/// hyphens are allowed" (RegisterTaskDefinition).
const LONGEST_NAME: usize = 255;
/// "The Docker 20.10.0 or later daemon reserves a minimum of 6 MiB of memory for a container. So,
/// don't specify less than 6 MiB" (ContainerDefinition, `memory`).
const LEAST_MEMORY: u32 = 6;
/// "Supported values are between 128 CPU units (0.125 vCPUs) and 196608 CPU units (192 vCPUs)", on
/// EC2 and EXTERNAL (RegisterTaskDefinition, `cpu`); no pair of Fargate is outside of it.
const FREE_CPU: std::ops::RangeInclusive<u32> = 128..=196_608;

/// The name of a task.
pub fn name(node: &Node, cx: &mut Context) -> Option<At<String>> {
    let name = cx.string_at(node, "`task`")?;
    let valid = (1..=LONGEST_NAME).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !valid {
        cx.error(&name.place, format!("`{}` is not a task name", name.value))
            .help = Some("use up to 255 letters, digits, `-` and `_`".to_owned());
        return None;
    }
    Some(name)
}

/// `launch_type`, as the ECS API writes it.
pub fn launch_type(node: &Node, cx: &mut Context) -> LaunchType {
    let names = LaunchType::ALL.map(LaunchType::as_str);
    let text = match node.text() {
        Some(text) if !node.is_null() => text,
        _ => {
            cx.wrong(
                node,
                "`launch_type`",
                &format!("one of {}", names.join(", ")),
            );
            return LaunchType::default();
        }
    };
    let known = LaunchType::ALL.into_iter().find(|one| one.as_str() == text);
    known.unwrap_or_else(|| {
        let message = format!("`{text}` is not a launch type");
        let upper = text.to_ascii_uppercase();
        cx.error(&node.place, message).help = Some(match nearest(&upper, names.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", names.join(", ")),
        });
        LaunchType::default()
    })
}

/// `architecture`, as the ECS API writes `cpuArchitecture`.
pub fn architecture(node: &Node, cx: &mut Context) -> Option<At<Architecture>> {
    let names = Architecture::ALL.map(Architecture::as_str);
    let text = match node.text() {
        Some(text) if !node.is_null() => text,
        _ => {
            let wanted = format!("one of {}", names.join(", "));
            cx.wrong(node, "`architecture`", &wanted);
            return None;
        }
    };
    let known = Architecture::ALL
        .into_iter()
        .find(|one| one.as_str() == text);
    let Some(value) = known else {
        let message = format!("`{text}` is not an architecture of ECS");
        let meant = match &*text.to_lowercase() {
            "amd64" | "x86_64" | "x86-64" | "x64" => Some("X86_64"),
            "arm64" | "aarch64" | "graviton" => Some("ARM64"),
            _ => None,
        };
        cx.error(&node.place, message).help = Some(match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("one of {}", names.join(", ")),
        });
        return None;
    };
    let place = node.place.clone();
    Some(At { value, place })
}

/// `memory` of a container.
pub fn container_memory(node: &Node, cx: &mut Context) -> Option<At<u32>> {
    let memory = super::number(node, "`memory`", cx)?;
    if memory.value < LEAST_MEMORY {
        let message = format!("a container needs {LEAST_MEMORY} MiB or more");
        cx.error(&memory.place, message).help = Some(
            "`memory` is in MiB: 512 for half a GiB; take it out for no limit but the task's"
                .to_owned(),
        );
        return None;
    }
    Some(memory)
}

/// The size of each task, as written and completed. Whether Fargate has it is for a rule to say.
pub fn size(app: &App, cx: &mut Context) -> TaskSize {
    let written = &app.task_written;
    if let Some(cpu) = written
        .cpu
        .as_ref()
        .filter(|cpu| !FREE_CPU.contains(&cpu.value))
    {
        let message = format!(
            "a task has {} to {} CPU units, not {}",
            FREE_CPU.start(),
            FREE_CPU.end(),
            cpu.value
        );
        cx.error(&cpu.place, message).help = Some("1024 CPU units are one vCPU".to_owned());
    }
    if let Some(memory) = written.memory.as_ref().filter(|at| at.value < LEAST_MEMORY) {
        let message = format!("a task needs {LEAST_MEMORY} MiB or more");
        cx.error(&memory.place, message).help = Some("`memory` is in MiB".to_owned());
    }
    let default = match app.launch_type {
        LaunchType::Fargate => fargate_default(written),
        LaunchType::Ec2 | LaunchType::External => free_default(app),
    };
    TaskSize {
        cpu: written.cpu.as_ref().map_or(default.cpu, |cpu| cpu.value),
        memory: written
            .memory
            .as_ref()
            .map_or(default.memory, |memory| memory.value),
    }
}

/// Without a size ECS limits the containers alone; what envsim takes then has room for them.
fn free_default(app: &App) -> TaskSize {
    let default = TaskSize::default();
    let largest = |of: fn(&Service) -> Option<&At<u32>>| {
        let tasks = app.tasks();
        let sums = tasks.values().map(|services| sum(services, of));
        u32::try_from(sums.max().unwrap_or_default()).unwrap_or(u32::MAX)
    };
    TaskSize {
        cpu: default
            .cpu
            .max(largest(|service| service.task_cpu.as_ref())),
        memory: default
            .memory
            .max(largest(|service| service.task_memory.as_ref())),
    }
}

fn sum(services: &[&Service], of: fn(&Service) -> Option<&At<u32>>) -> u64 {
    let values = services.iter().filter_map(|service| of(service));
    values.map(|at| u64::from(at.value)).sum()
}

/// The smallest memory that Fargate has for the written CPU.
fn fargate_default(written: &WrittenSize) -> TaskSize {
    let default = TaskSize::default();
    let choices = written
        .cpu
        .as_ref()
        .and_then(|cpu| TaskSize::memory_choices(cpu.value));
    TaskSize {
        memory: choices.map_or(default.memory, |choices| choices[0]),
        ..default
    }
}

/// What ECS refuses when the task definitions are registered, and what it does without saying.
pub fn check(app: &App, cx: &mut Context) {
    for (task, services) in app.tasks() {
        check_essential(task, &services, app, cx);
    }
    for service in app.services.values() {
        check_dependencies(service, app, cx);
    }
}

/// "Task definition doesn't have any essential container"; "A dependency container with SUCCESS or
/// COMPLETE condition cannot be an essential container" (errors of RegisterTaskDefinition).
fn check_essential(task: &str, services: &[&Service], app: &App, cx: &mut Context) {
    if !services.iter().any(|service| app.essential(service)) {
        let written = services.iter().rev().find_map(|service| {
            let written = service.essential.as_ref()?;
            Some(&written.place)
        });
        if let Some(place) = written.or_else(|| Some(&services.first()?.place)) {
            let message = format!(
                "no container of the task `{task}` is essential, and ECS refuses such a task definition"
            );
            cx.error(place, message).help =
                Some("make the container essential that the task is there for".to_owned());
        }
    }
    for service in services {
        let Some(written) = service.essential.as_ref().filter(|written| written.value) else {
            continue;
        };
        let same_task = |other: &&Service| app.task_name(other) == task;
        let waiting = app
            .waiting_for(&service.name, Condition::Completed)
            .find(same_task);
        if let Some(other) = waiting {
            let message = format!(
                "`{}` waits for `{}` to complete, and ECS refuses that of an essential container",
                other.name, service.name
            );
            cx.error(&written.place, message).help =
                Some("write `essential: false`, or leave it out".to_owned());
        }
    }
}

/// `dependsOn` reaches the containers of the same task only; tasks start independently.
fn check_dependencies(service: &Service, app: &App, cx: &mut Context) {
    if service.external.is_some() {
        return;
    }
    let own = app.task_name(service);
    for dependency in &service.depends_on {
        let Some(other) = app.services.get(&dependency.service.value) else {
            continue;
        };
        let task = app.task_name(other);
        if other.external.is_none() && task != own {
            let message = format!(
                "`{}` does not wait for `{}` in production: it belongs to another task (`{task}`)",
                service.name, other.name
            );
            cx.warn(&dependency.service.place, message).help = Some(
                "ECS starts tasks independently: let the program try again until it answers"
                    .to_owned(),
            );
        }
    }
}
