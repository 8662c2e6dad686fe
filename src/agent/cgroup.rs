//! The limit of a whole task: a cgroup on the engine's host, above the cgroups of its containers.
//!
//! The engine's API limits single containers only. The agent makes the parent, writes the limits and
//! reads them back; the engine puts the containers below it. It never moves a process. The last part of
//! the path is the task's own and is removed at the end, even if an earlier run left it; parents are
//! removed only if they were not there before. What each kernel interface needs is decided by pure
//! functions; a limit that cannot be set is reported, not fatal.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::files;
use crate::flags::Limits;
use crate::output;
use crate::wire::Event;

const CPU_PERIOD_MICROS: u64 = 100_000;
/// The engine removes the cgroups of containers a moment after they have ended.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(1);
const REMOVAL_STEP: Duration = Duration::from_millis(25);
/// Another task that ends may remove a shared parent in between.
const CREATE_ATTEMPTS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// One value for one file of the task's cgroup.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    controller: &'static str,
    file: &'static str,
    value: String,
    /// Must read back as written. The others make the limit tighter where the kernel has them.
    needed: bool,
}

pub struct TaskCgroup {
    /// Every folder that may hold the task's path, with how many parts of the path were there before.
    hierarchies: Vec<(PathBuf, usize)>,
    path: PathBuf,
    /// The task's folder of the memory controller, where its memory was limited.
    memory: Option<(Version, PathBuf)>,
}

impl TaskCgroup {
    /// Tries to set the limits and reports how it went.
    pub fn set_up(limits: &Limits) -> Self {
        let version = version(&limits.root);
        let mut this = Self::look(&limits.root, &limits.path, version);
        let event = match version.map(|version| apply(version, limits)) {
            Some(Ok(detail)) => {
                this.memory = memory_folder(version, limits);
                Event::Limits {
                    applied: true,
                    detail,
                }
            }
            Some(Err(detail)) => Event::Limits {
                applied: false,
                detail,
            },
            None => Event::Limits {
                applied: false,
                detail: format!(
                    "there is no cgroup file system at `{}`",
                    limits.root.display()
                ),
            },
        };
        output::say(&event);
        this
    }

    /// Remembers what was there before anything is made.
    fn look(root: &Path, path: &Path, version: Option<Version>) -> Self {
        let before = |folder: PathBuf| {
            let depth = existing_depth(&folder, path);
            (folder, depth)
        };
        Self {
            hierarchies: hierarchies(root, version).into_iter().map(before).collect(),
            path: path.to_owned(),
            memory: None,
        }
    }

    /// What the kernel counted of the task's memory; to be asked before [`Self::remove`].
    pub fn memory(&self) -> Option<Event> {
        let (version, folder) = self.memory.as_ref()?;
        counted(*version, folder)
    }

    /// Removes what was made for the task in every hierarchy: by the agent, and by the engine, which
    /// repeats the path under all controllers. Cgroups still in use stay.
    pub fn remove(&self) {
        let end = Instant::now() + REMOVAL_PATIENCE;
        loop {
            let mut left = false;
            for (folder, before) in &self.hierarchies {
                left |= !remove_path(folder, &self.path, *before);
            }
            if !left || Instant::now() >= end {
                return;
            }
            thread::sleep(REMOVAL_STEP);
        }
    }
}

fn version(root: &Path) -> Option<Version> {
    if root.join("cgroup.controllers").is_file() {
        Some(Version::V2)
    } else if root.join("memory").is_dir() {
        Some(Version::V1)
    } else {
        None
    }
}

fn hierarchies(root: &Path, version: Option<Version>) -> Vec<PathBuf> {
    match version {
        None => Vec::new(),
        Some(Version::V2) => vec![root.to_owned()],
        Some(Version::V1) => folders(root),
    }
}

/// Real folders only: `cpu` is often a link to `cpu,cpuacct`, which is listed itself.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn existing_depth(folder: &Path, path: &Path) -> usize {
    prefixes(path)
        .iter()
        .take_while(|prefix| folder.join(prefix).is_dir())
        .count()
}

/// `a`, `a/b`, `a/b/c` for `a/b/c`.
fn prefixes(path: &Path) -> Vec<PathBuf> {
    let mut so_far = PathBuf::new();
    path.components()
        .map(|part| {
            so_far.push(part);
            so_far.clone()
        })
        .collect()
}

fn apply(version: Version, limits: &Limits) -> Result<String, String> {
    let writes = writes(version, limits);
    let mut notes = Vec::new();
    for write in &writes {
        let folder = task_folder(version, limits, write.controller)?;
        match set(&folder.join(write.file), &write.value, write.needed) {
            Ok(()) => {}
            Err(why) if write.needed => return Err(why),
            Err(_) => notes.push(format!("; no `{}`", write.file)),
        }
    }
    let number = match version {
        Version::V1 => 1,
        Version::V2 => 2,
    };
    Ok(format!(
        "cgroup v{number} `{}`: {}{}",
        limits.path.display(),
        amounts(limits),
        notes.concat()
    ))
}

fn amounts(limits: &Limits) -> String {
    let memory = limits.memory.map(|bytes| format!("memory {bytes} bytes"));
    let cpu = limits
        .cpu_millis
        .map(|millis| format!("cpu {millis} millis"));
    memory.into_iter().chain(cpu).collect::<Vec<_>>().join(", ")
}

/// In the order that the kernels ask for: the limit of memory with swap cannot be below that of memory,
/// and a quota belongs to a period.
fn writes(version: Version, limits: &Limits) -> Vec<Setting> {
    let needed = |controller, file, value| Setting {
        controller,
        file,
        value,
        needed: true,
    };
    let extra = |controller, file, value| Setting {
        controller,
        file,
        value,
        needed: false,
    };
    let mut all = Vec::new();
    if let Some(bytes) = limits.memory {
        match version {
            Version::V1 => all.extend([
                needed("memory", "memory.limit_in_bytes", bytes.to_string()),
                // Fargate has no swap: without this a task would swap instead of failing.
                extra("memory", "memory.memsw.limit_in_bytes", bytes.to_string()),
            ]),
            Version::V2 => all.extend([
                needed("memory", "memory.max", bytes.to_string()),
                extra("memory", "memory.swap.max", "0".into()),
            ]),
        }
    }
    if let Some(millis) = limits.cpu_millis {
        let quota = millis.saturating_mul(CPU_PERIOD_MICROS) / 1000;
        match version {
            Version::V1 => all.extend([
                needed("cpu", "cpu.cfs_period_us", CPU_PERIOD_MICROS.to_string()),
                needed("cpu", "cpu.cfs_quota_us", quota.to_string()),
            ]),
            Version::V2 => all.push(needed(
                "cpu",
                "cpu.max",
                format!("{quota} {CPU_PERIOD_MICROS}"),
            )),
        }
    }
    all
}

/// The task's folder for a controller, made if need be.
fn task_folder(version: Version, limits: &Limits, controller: &str) -> Result<PathBuf, String> {
    let folder = match version {
        Version::V1 => controller_folder(&limits.root, controller)
            .ok_or_else(|| format!("the host has no cgroup controller `{controller}`"))?,
        Version::V2 => limits.root.clone(),
    };
    let task = folder.join(&limits.path);
    let mut made = fs::create_dir_all(&task);
    for _ in 1..CREATE_ATTEMPTS {
        if made.is_err() {
            made = fs::create_dir_all(&task);
        }
    }
    made.map_err(|e| format!("cannot make the cgroup `{}`: {e}", task.display()))?;
    if version == Version::V2 {
        open_controllers(&folder, &limits.path);
    }
    Ok(task)
}

/// `cpu` itself, or the folder of controllers that are mounted together: `cpu,cpuacct`.
fn controller_folder(root: &Path, controller: &str) -> Option<PathBuf> {
    let plain = root.join(controller);
    if plain.is_dir() {
        return Some(plain);
    }
    folders(root).into_iter().find(|folder| {
        folder.file_name().is_some_and(|name| {
            name.to_string_lossy()
                .split(',')
                .any(|part| part == controller)
        })
    })
}

/// The task's folder of the memory controller, when its memory is limited.
fn memory_folder(version: Option<Version>, limits: &Limits) -> Option<(Version, PathBuf)> {
    limits.memory?;
    let version = version?;
    let folder = match version {
        Version::V1 => controller_folder(&limits.root, "memory")?,
        Version::V2 => limits.root.clone(),
    };
    Some((version, folder.join(&limits.path)))
}

/// The counts in a folder. Version 1 counts kills for the single containers alone, and version 2 has the peak
/// since Linux 5.19.
fn counted(version: Version, folder: &Path) -> Option<Event> {
    let number = |file: &str| {
        files::read(&folder.join(file))
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let (limit, peak) = match version {
        Version::V1 => ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
        Version::V2 => ("memory.max", "memory.peak"),
    };
    let kills = match version {
        Version::V1 => None,
        Version::V2 => {
            let events = files::read(&folder.join("memory.events")).ok();
            events.and_then(|events| {
                let mut lines = events.lines();
                lines.find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
            })
        }
    };
    Some(Event::Memory {
        limit: number(limit)?,
        peak: number(peak),
        kills,
    })
}

/// In version 2 a cgroup has only the controllers that each parent hands down. One write each, since a
/// single controller that is missing would spoil the others; the limit itself shows whether it worked.
fn open_controllers(root: &Path, path: &Path) {
    let mut parents = vec![root.to_owned()];
    parents.extend(prefixes(path).iter().map(|prefix| root.join(prefix)));
    parents.pop();
    for parent in parents {
        for controller in ["+memory", "+cpu", "+pids"] {
            let _ = write_value(&parent.join("cgroup.subtree_control"), controller);
        }
    }
}

fn set(file: &Path, value: &str, check: bool) -> Result<(), String> {
    write_value(file, value)
        .map_err(|e| format!("cannot write {value} to `{}`: {e}", file.display()))?;
    if !check {
        return Ok(());
    }
    let found = files::read(file)?;
    if agrees(found.trim(), value) {
        Ok(())
    } else {
        Err(format!(
            "`{}` is {} and not {value}",
            file.display(),
            found.trim()
        ))
    }
}

/// The kernel rounds memory down to whole pages, which have at most 64 KiB on the supported machines.
fn agrees(found: &str, wanted: &str) -> bool {
    match (found.parse::<u64>(), wanted.parse::<u64>()) {
        (Ok(found), Ok(wanted)) => found <= wanted && wanted - found < 65_536,
        _ => found == wanted,
    }
}

/// Never creates the file: one that is not there means that the kernel has no such limit.
fn write_value(file: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(file)?
        .write_all(value.as_bytes())
}

/// Whether nothing of the task is left. Parents among the first `before` parts of the path stay.
fn remove_path(folder: &Path, path: &Path, before: usize) -> bool {
    let task = folder.join(path);
    remove_tree(&task);
    // Parents that another task uses refuse, which is right.
    for parent in prefixes(path).iter().skip(before).rev().skip(1) {
        let _ = fs::remove_dir(folder.join(parent));
    }
    !task.exists()
}

/// Deepest first. A cgroup can be removed only when it is empty; its files are no obstacle.
fn remove_tree(folder: &Path) {
    for child in folders(folder) {
        remove_tree(&child);
    }
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An ordinary folder in place of the kernel's.
    struct Scratch(PathBuf);

    impl Scratch {
        fn with(folders: &[&str]) -> Self {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let root = std::env::temp_dir().join(format!(
                "envsim-agent-cgroup-{}-{number}",
                std::process::id()
            ));
            for folder in folders {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            Self(root)
        }

        fn limits(&self, path: &str) -> Limits {
            Limits {
                root: self.0.clone(),
                path: path.into(),
                memory: Some(67_108_864),
                cpu_millis: Some(250),
            }
        }

        fn task(&self, path: &str) -> TaskCgroup {
            TaskCgroup::look(&self.0, Path::new(path), version(&self.0))
        }

        fn has(&self, path: &str) -> bool {
            self.0.join(path).exists()
        }

        fn make(&self, path: &str) {
            fs::create_dir_all(self.0.join(path)).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn lines(version: Version, limits: &Limits) -> Vec<String> {
        writes(version, limits)
            .iter()
            .map(|w| format!("{}/{}={}", w.controller, w.file, w.value))
            .collect()
    }

    #[test]
    fn version_1_limits_memory_before_memory_with_swap_and_the_period_before_the_quota() {
        let scratch = Scratch::with(&[]);
        assert_eq!(
            lines(Version::V1, &scratch.limits("t")),
            [
                "memory/memory.limit_in_bytes=67108864",
                "memory/memory.memsw.limit_in_bytes=67108864",
                "cpu/cpu.cfs_period_us=100000",
                "cpu/cpu.cfs_quota_us=25000",
            ]
        );
    }

    #[test]
    fn version_2_has_one_file_for_quota_and_period() {
        let scratch = Scratch::with(&[]);
        assert_eq!(
            lines(Version::V2, &scratch.limits("t")),
            [
                "memory/memory.max=67108864",
                "memory/memory.swap.max=0",
                "cpu/cpu.max=25000 100000"
            ]
        );
    }

    #[test]
    fn what_the_kernel_counted_of_the_memory_is_told() {
        let scratch = Scratch::with(&["v1", "v2"]);
        for (file, text) in [
            ("v1/memory.limit_in_bytes", "67108864\n"),
            ("v1/memory.max_usage_in_bytes", "67108000\n"),
            ("v2/memory.max", "67108864\n"),
            (
                "v2/memory.events",
                "low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\n",
            ),
        ] {
            fs::write(scratch.0.join(file), text).unwrap();
        }
        let seen = |peak, kills| {
            Some(Event::Memory {
                limit: 67_108_864,
                peak,
                kills,
            })
        };
        assert_eq!(
            counted(Version::V1, &scratch.0.join("v1")),
            seen(Some(67_108_000), None)
        );
        assert_eq!(
            counted(Version::V2, &scratch.0.join("v2")),
            seen(None, Some(2))
        );
        assert_eq!(counted(Version::V2, &scratch.0.join("gone")), None);
    }

    #[test]
    fn only_what_was_asked_for_is_limited() {
        let scratch = Scratch::with(&[]);
        let limits = Limits {
            cpu_millis: None,
            ..scratch.limits("t")
        };
        assert!(
            writes(Version::V1, &limits)
                .iter()
                .all(|write| write.controller == "memory")
        );
    }

    #[test]
    fn the_version_is_told_by_what_is_mounted() {
        let v1 = Scratch::with(&["memory", "unified"]);
        assert_eq!(version(&v1.0), Some(Version::V1));
        let v2 = Scratch::with(&["system.slice"]);
        assert_eq!(version(&v2.0), None);
        fs::write(v2.0.join("cgroup.controllers"), "cpu memory").unwrap();
        assert_eq!(version(&v2.0), Some(Version::V2));
    }

    #[test]
    fn controllers_that_are_mounted_together_are_found() {
        let scratch = Scratch::with(&["cpu,cpuacct", "memory", "cpuset"]);
        assert_eq!(
            controller_folder(&scratch.0, "cpu"),
            Some(scratch.0.join("cpu,cpuacct"))
        );
        assert_eq!(
            controller_folder(&scratch.0, "memory"),
            Some(scratch.0.join("memory"))
        );
        assert_eq!(controller_folder(&scratch.0, "pids"), None);
    }

    #[test]
    fn a_limit_that_the_kernel_does_not_have_is_an_error_and_no_new_file() {
        let scratch = Scratch::with(&["memory", "cpu"]);
        let why = apply(Version::V1, &scratch.limits("t")).unwrap_err();
        assert!(why.contains("memory.limit_in_bytes"), "{why}");
        assert!(!scratch.has("memory/t/memory.limit_in_bytes"));
    }

    #[test]
    fn a_limit_rounded_to_pages_agrees_and_another_does_not() {
        assert!(agrees("67108864", "67108865"));
        assert!(agrees("25000 100000", "25000 100000"));
        assert!(!agrees("9223372036854771712", "67108864"));
        assert!(!agrees("max", "67108864"));
        assert!(!agrees("1048576", "67108864"));
    }

    #[test]
    fn removal_takes_the_tasks_path_out_of_every_hierarchy() {
        let scratch = Scratch::with(&["memory", "cpu", "pids"]);
        let task = scratch.task("envsim/t1");
        for path in [
            "memory/envsim/t1/container",
            "cpu/envsim/t1",
            "pids/envsim/t1/a/b",
        ] {
            scratch.make(path);
        }
        task.remove();
        assert!(
            !scratch.has("memory/envsim")
                && !scratch.has("cpu/envsim")
                && !scratch.has("pids/envsim")
        );
        assert!(scratch.has("memory") && scratch.has("pids"));
    }

    #[test]
    fn removal_keeps_parents_that_others_use_or_made() {
        let scratch = Scratch::with(&["memory", "cpu/envsim"]);
        let task = scratch.task("envsim/t1");
        for path in ["memory/envsim/t1", "memory/envsim/t2", "cpu/envsim/t1"] {
            scratch.make(path);
        }
        task.remove();
        assert!(scratch.has("memory/envsim/t2") && !scratch.has("memory/envsim/t1"));
        assert!(scratch.has("cpu/envsim") && !scratch.has("cpu/envsim/t1"));
    }

    #[test]
    fn what_an_earlier_run_left_of_the_same_task_is_removed_but_not_its_parents() {
        let scratch = Scratch::with(&["memory/envsim/t1/container"]);
        scratch.task("envsim/t1").remove();
        assert!(scratch.has("memory/envsim") && !scratch.has("memory/envsim/t1"));
    }

    #[test]
    fn a_busy_cgroup_is_given_up_after_a_short_while() {
        let scratch = Scratch::with(&["memory"]);
        let task = scratch.task("t");
        scratch.make("memory/t");
        fs::write(scratch.0.join("memory/t/tasks"), "1").unwrap();
        let start = Instant::now();
        task.remove();
        assert!(start.elapsed() < REMOVAL_PATIENCE * 2);
        assert!(scratch.has("memory/t/tasks"));
    }
}
