//! T005 `out-of-memory`.

use crate::app::{Place, Service, TaskSize};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{ContainerEnd, ContainerSeen, Evidence};
use crate::finding::Finding;

rule! {
    /// A container was killed because its memory, or that of the whole task, was full.
    ///
    /// The finding says whose limit it was, how much the app used in the dev run, where nothing limits it, and which
    /// size would have been enough for that.
    ///
    /// ## Why it breaks on ECS
    ///
    /// The memory of a task is a hard limit on all of its containers together, and there is no swap. When it is full the
    /// kernel kills the process that uses most, with SIGKILL: exit code 137, no handler, no log line. ECS says
    /// `OutOfMemoryError: Container killed due to memory usage`, and when the container is essential the task stops. In dev
    /// a container has all the memory of your machine. Runtimes that size their heap after the machine's memory make it
    /// worse: inside of a task the limit of the container reads as unlimited.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// x-envsim: {cpu: 256, memory: 512}
    /// services:
    ///   web: {build: ./web}           # 300 MiB
    ///   db: {image: postgres:16}      # 250 MiB
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// x-envsim: {cpu: 256, memory: 1024}
    /// services:
    ///   web:
    ///     build: ./web
    ///     environment: {NODE_OPTIONS: "--max-old-space-size=384"}   # the heap knows its limit
    ///   db: {image: postgres:16}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When production has another size than `x-envsim` says. Better write the size it has.
    "T005", "out-of-memory", Error, since "0.1.0",
    needs [Task],
    "a container was killed because the memory of its container or its task was full",
}

const MIB: u64 = 1 << 20;
/// CPU sizes of Fargate.
const CPU: &[u32] = &[256, 512, 1024, 2048, 4096, 8192, 16384];

fn check(evidence: &Evidence) -> Vec<Finding> {
    let containers = evidence.task.iter().flat_map(|task| &task.containers);
    let killed = containers.filter(|seen| {
        matches!(
            seen.end,
            ContainerEnd::Exited {
                out_of_memory: true,
                ..
            }
        )
    });
    killed.filter_map(|seen| finding(evidence, seen)).collect()
}

fn finding(evidence: &Evidence, seen: &ContainerSeen) -> Option<Finding> {
    let service = evidence.prod.services.get(&seen.service)?;
    let name = &seen.service;
    let task = evidence.prod.task;
    let task_limit = u64::from(task.memory);
    let own = own_limit(service).filter(|(limit, _)| *limit < task_limit);
    let limit = own.as_ref().map_or(task_limit, |(limit, _)| *limit);
    let whose = match &own {
        Some(_) => format!("the {limit} MiB of its container were full"),
        None => format!("the {limit} MiB of its task were full"),
    };
    let outcome = match seen.essential {
        true => ", and ECS stops the whole task with it",
        false => "",
    };
    let message = format!("`{name}` was killed because {whose}{outcome}");
    let needed = match own {
        Some(_) => dev_memory(evidence, name),
        None => dev_sum(evidence, service),
    };
    let help = help(name, task, own.as_ref().map(|(limit, _)| *limit), needed);
    let mut finding = Finding::new(&INFO, message, help)
        .service(name)
        .data("limit", limit)
        .data("of", if own.is_some() { "container" } else { "task" });
    if let Some(needed) = needed {
        finding = finding.data("in_dev", needed);
    }
    let written = &evidence.prod.task_written;
    let of_task = written
        .memory
        .as_ref()
        .or(written.cpu.as_ref())
        .map(|at| at.place.clone());
    let place = own.map(|(_, place)| place).or(of_task);
    finding = finding.at(place.as_ref().unwrap_or(&service.place), "");
    if let ContainerEnd::Exited { code, .. } = seen.end {
        finding = finding.proof(format!("`{name}` exited with code {code}: OutOfMemoryError: Container killed due to memory usage"));
    }
    Some(proofs(evidence, service, finding))
}

/// What was measured, as sentences.
fn proofs(evidence: &Evidence, service: &Service, mut finding: Finding) -> Finding {
    let name = evidence.prod.task_name(service);
    let memory = evidence
        .task
        .iter()
        .flat_map(|task| &task.memory)
        .find(|memory| memory.task == name);
    if let Some(peak) = memory.and_then(|memory| memory.peak) {
        finding = finding.proof(format!("the task had {} MiB at most", peak / MIB));
    }
    let mut used: Vec<(u64, &str)> = evidence
        .dev_memory
        .iter()
        .filter(|dev| in_task(evidence, &dev.service, name))
        .map(|dev| (dev.memory.used / MIB, &*dev.service))
        .collect();
    used.sort_unstable_by(|a, b| b.cmp(a));
    for (used, name) in used {
        finding = finding.proof(format!(
            "in dev, without a limit, `{name}` used {used} MiB when the probes were through"
        ));
    }
    let others = evidence.task.iter().flat_map(|task| &task.containers);
    let others = others
        .filter(|other| other.service != service.name && in_task(evidence, &other.service, name));
    for (other, memory) in others.filter_map(|other| Some((other, other.memory?))) {
        finding = finding.proof(format!(
            "in the task, `{}` used {} MiB beside it",
            other.service,
            memory.used / MIB
        ));
    }
    finding
}

fn in_task(evidence: &Evidence, service: &str, task: &str) -> bool {
    let service = evidence.prod.services.get(service);
    service.is_some_and(|service| evidence.prod.task_name(service) == task)
}

/// The hard limit of the container in MiB, and where it is written.
fn own_limit(service: &Service) -> Option<(u64, Place)> {
    if let Some(written) = &service.task_memory {
        return Some((u64::from(written.value), written.place.clone()));
    }
    let bytes = u64::try_from(service.memory?).ok()?;
    let place = ["mem_limit", "deploy"]
        .iter()
        .find_map(|key| service.values.get(*key)?.first());
    Some((bytes / MIB, place.unwrap_or(&service.place).clone()))
}

/// What a service used in dev, in MiB.
fn dev_memory(evidence: &Evidence, service: &str) -> Option<u64> {
    let seen = evidence
        .dev_memory
        .iter()
        .find(|seen| seen.service == service);
    seen.map(|seen| seen.memory.used.div_ceil(MIB))
}

/// What all services of the task used in dev, in MiB; none when the one that was killed is not among them.
fn dev_sum(evidence: &Evidence, service: &Service) -> Option<u64> {
    dev_memory(evidence, &service.name)?;
    let name = evidence.prod.task_name(service);
    let all = evidence
        .dev_memory
        .iter()
        .filter(|dev| in_task(evidence, &dev.service, name));
    Some(all.map(|dev| dev.memory.used).sum::<u64>().div_ceil(MIB))
}

/// What to do: the size that would have been enough.
fn help(name: &str, task: TaskSize, own: Option<u64>, needed: Option<u64>) -> String {
    let limit = own.unwrap_or(u64::from(task.memory));
    // What dev used is no bound when it fits: then more is needed than now.
    let enough = needed.unwrap_or_default().max(limit + 1);
    let used = match needed {
        Some(needed) if needed > limit => format!("in dev it needed {needed} MiB; "),
        Some(needed) => format!(
            "in dev {needed} MiB were enough when the probes were through, so look for what grows in the task; "
        ),
        None => String::new(),
    };
    let size = size(task, enough);
    let change = match (own, size) {
        (Some(_), _) if enough <= u64::from(task.memory) => {
            format!(
                "give the container of `{name}` {} MiB or more",
                round_up(enough)
            )
        }
        (Some(_), Some(size)) => format!(
            "give the container of `{name}` {} MiB or more, and the task {}",
            round_up(enough),
            shown(task, size)
        ),
        (None, Some(size)) => format!("the next size with room is {}", shown(task, size)),
        (_, None) => format!(
            "{} are no size of Fargate any more",
            list(&[format!("{enough} MiB")])
        ),
    };
    format!("{used}{change}; or let `{name}` use less: a heap limit, fewer workers")
}

/// Containers' limits are written in steps that people remember.
fn round_up(mib: u64) -> u64 {
    mib.div_ceil(64) * 64
}

fn shown(task: TaskSize, size: TaskSize) -> String {
    match size.cpu == task.cpu {
        true => format!("{} MiB", size.memory),
        false => format!("{} MiB with {} CPU units", size.memory, size.cpu),
    }
}

/// The smallest size of Fargate with `enough` MiB and no less CPU.
fn size(task: TaskSize, enough: u64) -> Option<TaskSize> {
    let larger = CPU.iter().filter(|cpu| **cpu >= task.cpu);
    larger.into_iter().find_map(|cpu| {
        let choices = TaskSize::memory_choices(*cpu)?;
        let memory = choices
            .into_iter()
            .find(|choice| u64::from(*choice) >= enough)?;
        Some(TaskSize { cpu: *cpu, memory })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::checks::words::tests::container;
    use crate::evidence::{DevMemory, MemorySeen, TaskSeen};

    fn evidence(text: &str, end: ContainerEnd, dev: &[(&str, u64)]) -> Evidence {
        let app = app_for(text, Mode::Prod);
        let mut evidence = Evidence::new(app.clone(), app);
        evidence.task = Some(TaskSeen {
            containers: vec![container(end)],
            ..TaskSeen::default()
        });
        evidence.dev_memory = dev
            .iter()
            .map(|(service, mib)| DevMemory {
                service: (*service).to_owned(),
                memory: MemorySeen {
                    used: mib * MIB,
                    peak: None,
                },
            })
            .collect();
        evidence
    }

    const KILLED: ContainerEnd = ContainerEnd::Exited {
        code: 137,
        out_of_memory: true,
    };
    const TWO: &str =
        "x-envsim: {cpu: 256, memory: 512}\nservices: {web: {image: web}, db: {image: db}}\n";

    #[test]
    fn a_full_task_is_told_with_the_size_that_had_been_enough() {
        let found = check(&evidence(TWO, KILLED, &[("web", 600), ("db", 180)]));
        assert_eq!(
            found[0].message,
            "`web` was killed because the 512 MiB of its task were full, and ECS stops the whole task with it"
        );
        assert!(
            found[0]
                .help
                .starts_with("in dev it needed 780 MiB; the next size with room is 1024 MiB;"),
            "{}",
            found[0].help
        );
    }

    #[test]
    fn more_than_the_table_has_for_the_cpu_needs_more_cpu() {
        let found = check(&evidence(TWO, KILLED, &[("web", 3000)]));
        assert!(
            found[0].help.contains("3072 MiB with 512 CPU units"),
            "{}",
            found[0].help
        );
    }

    #[test]
    fn a_limit_of_the_container_itself_is_told_as_such() {
        let text = "services: {web: {image: web, x-envsim: {memory: 64}}}\n";
        let found = check(&evidence(text, KILLED, &[("web", 120)]));
        assert_eq!(
            found[0].message,
            "`web` was killed because the 64 MiB of its container were full, and ECS stops the whole task with it"
        );
        assert!(
            found[0]
                .help
                .contains("give the container of `web` 128 MiB or more;"),
            "{}",
            found[0].help
        );
    }

    #[test]
    fn without_a_dev_run_the_next_size_is_named() {
        let found = check(&evidence(TWO, KILLED, &[]));
        assert!(
            found[0]
                .help
                .starts_with("the next size with room is 1024 MiB;"),
            "{}",
            found[0].help
        );
    }

    #[test]
    fn any_other_exit_is_not_meant() {
        let exited = ContainerEnd::Exited {
            code: 137,
            out_of_memory: false,
        };
        assert!(check(&evidence(TWO, exited, &[])).is_empty());
    }
}
