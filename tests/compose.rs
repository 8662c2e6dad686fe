//! Compares `envsim config` with Docker Compose on every project of `tests/compose`.
//!
//! A project is a directory `tests/compose/<group>/<case>`. Next to its compose files it may hold:
//!
//! | File | Content |
//! |---|---|
//! | `ARGS` | Arguments before `config`, one per line; those after a line `--` follow `config --format json`. |
//! | `ENV` | `KEY=VALUE` lines: the environment besides `PATH` and `HOME`. |
//! | `CWD` | The directory to start in, relative to the project. |
//! | `FAILS` | Both tools must fail. Every line is a text that our message must contain. |
//!
//! `ENVSIM_CASE=<text>` runs only the projects whose name contains the text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::Value;
use serde_yaml::Value as Yaml;

/// Environment variable with the path of the Docker Compose to compare with.
const YARDSTICK: &str = "ENVSIM_YARDSTICK_COMPOSE";

/// Environment variable that selects projects by a part of their name.
const SELECTION: &str = "ENVSIM_CASE";

/// Files that describe a case and are not part of its project.
const DESCRIPTIONS: [&str; 4] = ["ARGS", "ENV", "CWD", "FAILS"];

/// Home directory of both tools; it does not need to exist.
const HOME: &str = "/home/dev";

/// Number of projects that run at the same time.
const THREADS: usize = 4;

/// Number of differences shown per project.
const SHOWN: usize = 10;

/// Exit code of envsim for a project that it cannot load.
const EXIT_FAILURE: i32 = 2;

/// A difference that is accepted.
struct Permitted {
    /// JSON pointer of the value; `*` stands for any one key or index.
    pointer: &'static str,
    /// Why envsim prints something else here.
    reason: &'static str,
}

/// Accepted differences.
const PERMITTED: &[Permitted] = &[];

/// Every key of a service.
const SERVICE_KEYS: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "depends_on",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_start",
    "pre_stop",
    "privileged",
    "profiles",
    "provider",
    "pull_policy",
    "pull_refresh_after",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];

/// Every key of a service's `build`.
const BUILD_KEYS: &[&str] = &[
    "additional_contexts",
    "args",
    "cache_from",
    "cache_to",
    "context",
    "dockerfile",
    "dockerfile_inline",
    "entitlements",
    "extra_hosts",
    "isolation",
    "labels",
    "network",
    "no_cache",
    "no_cache_filter",
    "platforms",
    "privileged",
    "provenance",
    "pull",
    "sbom",
    "secrets",
    "shm_size",
    "ssh",
    "tags",
    "target",
    "ulimits",
];

/// Every key of a service's `deploy`, with the keys below it.
const DEPLOY_KEYS: &[&str] = &[
    "endpoint_mode",
    "labels",
    "mode",
    "placement/constraints",
    "placement/max_replicas_per_node",
    "placement/preferences",
    "replicas",
    "resources/limits/cpus",
    "resources/limits/memory",
    "resources/limits/pids",
    "resources/reservations/cpus",
    "resources/reservations/devices",
    "resources/reservations/generic_resources",
    "resources/reservations/memory",
    "restart_policy/condition",
    "restart_policy/delay",
    "restart_policy/max_attempts",
    "restart_policy/window",
    "rollback_config/delay",
    "rollback_config/failure_action",
    "rollback_config/max_failure_ratio",
    "rollback_config/monitor",
    "rollback_config/order",
    "rollback_config/parallelism",
    "update_config/delay",
    "update_config/failure_action",
    "update_config/max_failure_ratio",
    "update_config/monitor",
    "update_config/order",
    "update_config/parallelism",
];

/// One project to compare.
struct Case {
    /// `<group>/<case>`.
    name: String,
    /// Where the project is kept.
    source: PathBuf,
    /// Arguments before `config`.
    before: Vec<String>,
    /// Arguments after `config --format json`.
    after: Vec<String>,
    /// Environment besides `PATH` and `HOME`.
    environment: Vec<(String, String)>,
    /// Directory to start in, relative to the project.
    start: PathBuf,
    /// Texts of our message, when loading the project must fail.
    fails: Option<Vec<String>>,
}

impl Case {
    /// Reads the description of a case.
    fn read(group: &str, source: PathBuf) -> Self {
        let name = format!("{group}/{}", file_name(&source));
        let arguments = lines(&source.join("ARGS")).unwrap_or_default();
        let mut parts = arguments.splitn(2, |argument| argument == "--");
        let before = parts.next().unwrap_or_default().to_vec();
        let after = parts.next().unwrap_or_default().to_vec();
        let environment = lines(&source.join("ENV")).unwrap_or_default();
        let start = lines(&source.join("CWD")).unwrap_or_default();
        Self {
            fails: lines(&source.join("FAILS")),
            environment: environment.iter().map(|line| pair(line)).collect(),
            start: start.first().map(PathBuf::from).unwrap_or_default(),
            name,
            source,
            before,
            after,
        }
    }

    /// Runs a tool in a copy of the project.
    fn run(&self, program: &Path, copy: &Path) -> Output {
        Command::new(program)
            .args(&self.before)
            .args(["config", "--format", "json"])
            .args(&self.after)
            .current_dir(copy.join(&self.start))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", HOME)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()))
    }

    /// Runs both tools in one copy of the project: Docker Compose first.
    fn run_both(&self, yardstick: &Path) -> (Output, Output) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().canonicalize().expect("its real path");
        let copy = root.join(file_name(&self.source));
        copy_directory(&self.source, &copy);
        let envsim = Path::new(env!("CARGO_BIN_EXE_envsim"));
        (self.run(yardstick, &copy), self.run(envsim, &copy))
    }
}

/// The directory of all projects.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose")
}

/// All projects, sorted by name.
fn all_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for group in directories(&root()) {
        let name = file_name(&group);
        cases.extend(
            directories(&group)
                .into_iter()
                .map(|case| Case::read(&name, case)),
        );
    }
    assert!(!cases.is_empty(), "{} holds no project", root().display());
    cases
}

/// The projects that `ENVSIM_CASE` selects, all without it.
fn selected_cases() -> Vec<Case> {
    let mut cases = all_cases();
    if let Ok(text) = std::env::var(SELECTION) {
        cases.retain(|case| case.name.contains(&text));
        assert!(!cases.is_empty(), "no project has \"{text}\" in its name");
    }
    cases
}

/// The Docker Compose to compare with: the one of the environment variable, else the one that
/// `scripts/yardstick` put into cargo's target directory.
fn yardstick() -> PathBuf {
    if let Some(path) = std::env::var_os(YARDSTICK) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{YARDSTICK}: {} is no file", path.display());
        return path;
    }
    let target = Path::new(env!("CARGO_BIN_EXE_envsim")).ancestors().nth(2);
    let installed = target.map(|target| target.join("yardstick/bin/docker-compose"));
    installed.filter(|path| path.is_file()).unwrap_or_else(|| {
        panic!("there is no Docker Compose to compare with: run scripts/yardstick, which installs it, or name one in {YARDSTICK}")
    })
}

/// The directories in a directory, sorted.
fn directories(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(path);
    found.retain(|entry| entry.is_dir());
    found
}

/// The entries of a directory, sorted.
fn entries(path: &Path) -> Vec<PathBuf> {
    let listing = path
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// The last part of a path.
fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The lines of a file that are not empty, if there is such a file.
fn lines(path: &Path) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(
        text.lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

/// The key and the value of a `KEY=VALUE` line.
fn pair(line: &str) -> (String, String) {
    let (key, value) = line.split_once('=').unwrap_or((line, ""));
    (key.to_owned(), value.to_owned())
}

/// Copies a project without the files that describe the case.
fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory of the copy");
    for entry in entries(from) {
        let name = file_name(&entry);
        if entry.is_dir() {
            copy_directory(&entry, &to.join(name));
        } else if !DESCRIPTIONS.contains(&name.as_str()) {
            std::fs::copy(&entry, to.join(name)).expect("a file of the copy");
        }
    }
}

/// Judges every case on several threads and returns what was found, sorted by case.
fn judge_all(cases: &[Case], judge: impl Fn(&Case) -> Option<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(text) = judge(case) {
                let report = format!("{}\n{text}", case.name);
                found.lock().expect("no thread panicked").push(report);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().expect("no thread panicked");
    found.sort();
    found
}

/// Fails with everything that was found, if anything was.
fn assert_none(found: &[String], projects: usize, what: &str) {
    let count = found.len();
    assert!(
        found.is_empty(),
        "{count} of {projects} projects {what}:\n\n{}\n",
        found.join("\n")
    );
}

/// What differs between the documents of both tools.
fn judge_document(case: &Case, yardstick: &Path) -> Option<String> {
    let (theirs, ours) = case.run_both(yardstick);
    let documents = document("docker compose", &theirs)
        .and_then(|theirs| Ok((theirs, document("envsim", &ours)?)));
    let (theirs, ours) = match documents {
        Ok(documents) => documents,
        Err(report) => return Some(report),
    };
    let mut differences = Vec::new();
    compare(
        &mut Vec::new(),
        Some(&theirs),
        Some(&ours),
        &mut differences,
    );
    (!differences.is_empty()).then(|| describe(&differences))
}

/// The document that a tool printed, or what went wrong.
fn document(tool: &str, output: &Output) -> Result<Value, String> {
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "  {tool} failed, {}: {}",
            output.status,
            message.trim()
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("  {tool} printed no JSON: {error}"))
}

/// A value that is not the same in both documents.
struct Difference {
    pointer: String,
    theirs: Option<Value>,
    ours: Option<Value>,
}

/// Lists the first differences.
fn describe(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(SHOWN) {
        let show =
            |value: &Option<Value>| value.as_ref().map_or("absent".to_owned(), Value::to_string);
        let (theirs, ours) = (show(&difference.theirs), show(&difference.ours));
        let pointer = &difference.pointer;
        writeln!(
            text,
            "  {pointer}\n    theirs: {theirs}\n    ours:   {ours}"
        )
        .expect("writing to a string");
    }
    if differences.len() > SHOWN {
        writeln!(text, "  and {} more", differences.len() - SHOWN).expect("writing to a string");
    }
    text
}

/// Collects the differences of two values, the smallest differing parts only.
fn compare(
    path: &mut Vec<String>,
    theirs: Option<&Value>,
    ours: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    match (theirs, ours) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                compare_at(path, key.clone(), (left.get(key), right.get(key)), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                compare_at(
                    path,
                    index.to_string(),
                    (left.get(index), right.get(index)),
                    found,
                );
            }
        }
        (Some(left), Some(right)) if equal(left, right) => {}
        _ if is_permitted(path) => {}
        _ => found.push(Difference {
            pointer: pointer(path),
            theirs: theirs.cloned(),
            ours: ours.cloned(),
        }),
    }
}

/// Compares the values at one key or index.
fn compare_at(
    path: &mut Vec<String>,
    step: String,
    (theirs, ours): (Option<&Value>, Option<&Value>),
    found: &mut Vec<Difference>,
) {
    path.push(step);
    compare(path, theirs, ours, found);
    path.pop();
}

/// Whether two scalars are the same; numbers are compared by value, so 1.0 is 1.
fn equal(left: &Value, right: &Value) -> bool {
    left == right
        || match (left.as_f64(), right.as_f64()) {
            (Some(_), Some(_)) if is_integer(left) && is_integer(right) => false,
            (Some(left), Some(right)) => left.to_bits() == right.to_bits(),
            _ => false,
        }
}

/// Whether a number is written without a fraction.
fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

/// The JSON pointer of a path.
fn pointer(path: &[String]) -> String {
    let escape = |step: &String| step.replace('~', "~0").replace('/', "~1");
    path.iter()
        .map(|step| format!("/{}", escape(step)))
        .collect()
}

/// Whether a difference at this path is accepted.
fn is_permitted(path: &[String]) -> bool {
    let pointer = pointer(path);
    PERMITTED
        .iter()
        .any(|permitted| covers(permitted.pointer, &pointer))
}

/// Whether a pointer with `*` covers another pointer.
fn covers(pattern: &str, pointer: &str) -> bool {
    let (pattern, pointer) = (pattern.split('/'), pointer.split('/'));
    pattern.clone().count() == pointer.clone().count()
        && pattern
            .zip(pointer)
            .all(|(left, right)| left == "*" || left == right)
}

/// What is wrong about the failure of a project that both tools must refuse.
fn judge_failure(case: &Case, texts: &[String], yardstick: &Path) -> Option<String> {
    let (theirs, ours) = case.run_both(yardstick);
    let message = String::from_utf8_lossy(&ours.stderr);
    let mut report = String::new();
    if theirs.status.success() {
        report.push_str("  docker compose accepted it\n");
    }
    if ours.status.code() != Some(EXIT_FAILURE) {
        report.push_str(&format!("  envsim ended with {}\n", ours.status));
    }
    for text in texts.iter().filter(|text| !message.contains(text.as_str())) {
        report.push_str(&format!(
            "  \"{text}\" is not in the message: {}\n",
            message.trim()
        ));
    }
    (!report.is_empty()).then_some(report)
}

/// The YAML documents of all projects that load.
fn yaml_documents() -> Vec<Yaml> {
    let mut documents = Vec::new();
    for case in all_cases().iter().filter(|case| case.fails.is_none()) {
        for file in files(&case.source) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let parts = serde_yaml::Deserializer::from_str(&text);
            documents.extend(parts.map_while(|part| Yaml::deserialize(part).ok()));
        }
    }
    documents
}

/// All YAML files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in entries(directory) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if entry
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            found.push(entry);
        }
    }
    found
}

/// The services of all documents.
fn services(documents: &[Yaml]) -> Vec<&Yaml> {
    let sections = documents
        .iter()
        .filter_map(|document| document.get("services")?.as_mapping());
    sections.flat_map(|section| section.values()).collect()
}

/// The keys that no mapping has; a key may be a path with slashes.
fn missing<'a>(keys: &[&'a str], mappings: &[&Yaml]) -> Vec<&'a str> {
    let has = |mapping: &Yaml, key: &str| {
        key.split('/')
            .try_fold(mapping, |value, step| value.get(step))
            .is_some()
    };
    let unused = keys
        .iter()
        .filter(|key| !mappings.iter().any(|mapping| has(mapping, key)));
    unused.copied().collect()
}

#[test]
fn config_prints_what_docker_compose_prints_for_every_project() {
    let yardstick = yardstick();
    let mut cases = selected_cases();
    cases.retain(|case| case.fails.is_none());
    let found = judge_all(&cases, |case| judge_document(case, &yardstick));
    assert_none(&found, cases.len(), "differ");
}

#[test]
fn config_refuses_what_docker_compose_refuses_and_says_why() {
    let yardstick = yardstick();
    let mut cases = selected_cases();
    cases.retain(|case| case.fails.is_some());
    let found = judge_all(&cases, |case| {
        judge_failure(case, case.fails.as_deref().unwrap_or_default(), &yardstick)
    });
    assert_none(&found, cases.len(), "are not refused as they should be");
}

#[test]
fn at_least_a_hundred_and_fifty_projects_are_compared() {
    let loading = all_cases()
        .iter()
        .filter(|case| case.fails.is_none())
        .count();
    assert!(loading >= 150, "only {loading} projects are compared");
}

#[test]
fn every_key_of_a_service_its_build_and_its_deploy_is_in_a_project() {
    let documents = yaml_documents();
    let services = services(&documents);
    let below = |key: &str| -> Vec<&Yaml> {
        services
            .iter()
            .filter_map(|service| service.get(key))
            .collect()
    };
    assert_eq!(missing(SERVICE_KEYS, &services), Vec::<&str>::new());
    assert_eq!(missing(BUILD_KEYS, &below("build")), Vec::<&str>::new());
    assert_eq!(missing(DEPLOY_KEYS, &below("deploy")), Vec::<&str>::new());
}

#[test]
fn every_permitted_difference_has_a_reason() {
    for permitted in PERMITTED {
        assert!(
            permitted.pointer.starts_with('/'),
            "{} is no JSON pointer",
            permitted.pointer
        );
        assert!(
            !permitted.reason.is_empty(),
            "{} has no reason",
            permitted.pointer
        );
    }
}
