//! `envsim doctor`: which engine is there, and what it lacks.

use std::fmt::Write as _;

use super::args;
use super::exit::{Exit, Failure};
use crate::engine::{Engine, EngineError, EngineInfo, EngineKind, Found};
use crate::run::agent;

/// A watch needs a directory each; large projects have some ten thousand.
const FEW_WATCHES: u64 = 65_536;
/// An engine with less than this soon fails builds.
const LITTLE_DISK: u64 = 5 << 30;

/// One thing that was looked at.
struct Check {
    name: &'static str,
    value: String,
    /// What is wrong and the command that mends it.
    problem: Option<(String, String)>,
}

impl Check {
    fn good(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
            problem: None,
        }
    }

    fn bad(name: &'static str, value: impl Into<String>, problem: &str, remedy: &str) -> Self {
        Self {
            problem: Some((problem.to_owned(), remedy.to_owned())),
            ..Self::good(name, value)
        }
    }
}

/// Runs the command.
pub async fn run(args: args::Doctor) -> Result<Exit, Failure> {
    let others = Engine::survey().await;
    let engine = match Engine::connect().await {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("{}", no_engine(&error, &others));
            return Ok(Exit::Engine);
        }
    };
    let info = engine.info().await?;
    let mut checks = judge(engine.found(), &info);
    checks.extend(disk(engine.found(), &info));
    checks.extend(inotify());
    if args.json {
        let all: Vec<_> = checks
            .iter()
            .map(|check| {
                let problem = check.problem.as_ref();
                serde_json::json!({
                    "name": check.name,
                    "value": check.value,
                    "problem": problem.map(|(problem, _)| problem),
                    "remedy": problem.map(|(_, remedy)| remedy),
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(all));
        return Ok(Exit::Clean);
    }
    for check in &checks {
        let mark = if check.problem.is_some() { "!" } else { " " };
        println!("{mark} {:<16} {}", check.name, check.value);
        if let Some((problem, remedy)) = &check.problem {
            println!("  {:<16} {problem}", "");
            println!("  {:<16} mend it with: {remedy}", "");
        }
    }
    let used = &engine.found().address;
    for (candidate, result) in others
        .iter()
        .filter(|(candidate, _)| candidate.address != *used)
    {
        let state = match result {
            Ok(info) => format!("{} {}", kind(info.kind), info.version),
            Err(reason) => reason.clone(),
        };
        println!(
            "  {:<16} {} ({}): {state}",
            "also looked at",
            candidate.shown_address(),
            candidate.how
        );
    }
    Ok(Exit::Clean)
}

/// The text when no engine answers.
fn no_engine(
    error: &EngineError,
    others: &[(crate::engine::Candidate, Result<EngineInfo, String>)],
) -> String {
    let mut text = format!("error: {error}\n");
    for (candidate, result) in others {
        if let Err(reason) = result {
            let _ = writeln!(
                text,
                "  {} ({}): {reason}",
                candidate.shown_address(),
                candidate.how
            );
        }
    }
    text.push_str("\nto mend it, one of:\n");
    text.push_str("  install Docker on Debian or Ubuntu:  sudo apt-get install docker.io\n");
    text.push_str("  start an installed one:              sudo systemctl start docker\n");
    text.push_str(
        "  be allowed to use it:                sudo usermod -aG docker $USER, then log in again\n",
    );
    text.push_str(
        "  use another one:                     export DOCKER_HOST=unix:///path/to/docker.sock",
    );
    text
}

fn kind(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Docker => "Docker Engine",
        EngineKind::Podman => "Podman",
    }
}

/// What the engine says of itself, judged. Pure.
fn judge(found: &Found, info: &EngineInfo) -> Vec<Check> {
    let mut checks = vec![
        Check::good(
            "engine",
            format!(
                "{} {} (API {})",
                kind(info.kind),
                info.version,
                info.api_version
            ),
        ),
        Check::good("found by", format!("{}: {}", found.how, found.address)),
        Check::good(
            "host",
            format!(
                "{}, kernel {}, {}",
                info.operating_system, info.kernel, info.arch
            ),
        ),
    ];
    checks.push(match found.local {
        true => Check::good("place", "this machine"),
        false => Check::bad(
            "place",
            "another machine or a virtual one",
            "bind mounts show that machine's files, and ports are published there",
            "export DOCKER_HOST=unix:///var/run/docker.sock",
        ),
    });
    checks.push(match info.buildkit {
        true => Check::good("BuildKit", "yes"),
        false => Check::bad(
            "BuildKit",
            "no",
            "cache mounts and build secrets do not work",
            "install Docker Engine 18.09 or later",
        ),
    });
    checks.push(match info.arch == agent::ARCH {
        true => Check::good("architecture", &*info.arch),
        false => Check::bad(
            "architecture",
            &*info.arch,
            "this envsim holds its agent for another one, so no task can be run",
            "build envsim on a machine of the engine's kind: cargo install --path .",
        ),
    });
    let cgroup = format!(
        "version {}, driver {}",
        info.cgroup_version, info.cgroup_driver
    );
    checks.push(match info.rootless {
        false => Check::good("cgroups", cgroup),
        true => Check::bad(
            "cgroups",
            format!("{cgroup}, rootless"),
            "the size of a whole task cannot be enforced: each container is limited instead",
            "use a rootful engine for that: export DOCKER_HOST=unix:///var/run/docker.sock",
        ),
    });
    checks.push(Check::good(
        "size",
        format!("{} CPUs, {} MiB", info.cpus, info.memory_bytes >> 20),
    ));
    checks
}

/// Free space where a local engine keeps its images.
fn disk(found: &Found, info: &EngineInfo) -> Option<Check> {
    if !found.local {
        return None;
    }
    // The nearest directory above that this user may look at is on the same file system.
    let root = std::path::Path::new(&info.root_dir);
    let free = root
        .ancestors()
        .find_map(|path| free_bytes(path).map(|free| (path, free)));
    let (path, free) = free?;
    let value = format!("{} MiB free at {}", free >> 20, path.display());
    Some(match free < LITTLE_DISK {
        false => Check::good("disk", value),
        true => Check::bad("disk", value, "builds need room", "docker system prune"),
    })
}

fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

fn inotify() -> Option<Check> {
    let text = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok()?;
    let watches: u64 = text.trim().parse().ok()?;
    let value = format!("{watches} watches per user");
    Some(match watches < FEW_WATCHES {
        false => Check::good("inotify", value),
        true => Check::bad(
            "inotify",
            value,
            "`envsim dev` watches a directory each and may run out",
            "sudo sysctl fs.inotify.max_user_watches=524288",
        ),
    })
}
