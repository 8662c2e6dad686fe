//! `envsim config`: the project as it is resolved.

use std::io::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::args::{self, ConfigFormat, RunMode};
use super::exit::{Exit, Failure, print};
use super::project;
use crate::app::Mode;
use crate::app::load::load_with_project;
use crate::compose::disk::Files;
use crate::compose::{self, Node, Options, Project, normal};
use crate::dev;
use crate::prod::translate;

/// Runs the command.
pub fn run(project: &args::Project, args: &args::Config) -> Result<Exit, Failure> {
    let options = Options {
        services: args.selected.clone(),
        interpolates: !args.no_interpolate,
        normalizes: !args.no_normalize,
        absolute_paths: !args.no_path_resolution,
        checks: !args.no_consistency,
        reads_env_files: !args.no_env_resolution,
        ..project::options(project)?
    };
    if args.variables {
        return variables(&options, args);
    }
    let project = match args.mode {
        Some(mode) => of_mode(&options, mode)?,
        None => {
            let (project, cx) = compose::load(&options, &Files)?;
            print(&cx.problems);
            project
        }
    };
    let text = match listed(&project, args)? {
        Some(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        None => whole(&project, args)?,
    };
    if !args.quiet {
        write(&text, args)?;
    }
    Ok(Exit::Clean)
}

/// The project as one of the two runs uses it.
fn of_mode(options: &Options, mode: RunMode) -> Result<Project, Failure> {
    let run = match mode {
        RunMode::Dev => Mode::Dev,
        RunMode::Prod => Mode::Prod,
    };
    let (mut project, loaded) = load_with_project(options, &Files, run)?;
    print(&loaded.problems);
    match mode {
        RunMode::Dev => dev::document::rewrite(&mut project.document),
        RunMode::Prod => translate::document(&mut project.document, &loaded.app),
    }
    Ok(project)
}

fn write(text: &str, args: &args::Config) -> Result<(), Failure> {
    let written = match &args.output {
        Some(path) => std::fs::write(path, text),
        None => std::io::stdout().write_all(text.as_bytes()),
    };
    written.map_err(|error| {
        let place = args.output.as_ref().map_or_else(
            || "stdout".to_owned(),
            |path| format!("`{}`", path.display()),
        );
        Failure::usage(
            format!("cannot write to {place}: {error}"),
            "choose another place with `--output`",
        )
    })
}

/// The lines of the list that is asked for, if one is.
fn listed(project: &Project, args: &args::Config) -> Result<Option<Vec<String>>, Failure> {
    Ok(Some(match args {
        _ if args.services => names(project, "services"),
        _ if args.volumes => names(project, "volumes"),
        _ if args.networks => names(project, "networks"),
        _ if args.profiles => project.profiles.clone(),
        _ if args.models => models(project),
        _ if args.images => images(project),
        _ if args.environment => {
            let pairs = project.environment.iter();
            let mut lines: Vec<String> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            lines.sort();
            lines
        }
        _ => match &args.hash {
            Some(wanted) => hashes(project, wanted)?,
            None => return Ok(None),
        },
    }))
}

fn entries<'a>(project: &'a Project, section: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let entries = project.document.get(section).and_then(Node::as_mapping);
    let named = |(key, value): &'a (Node, Node)| Some((key.text()?, value));
    entries.unwrap_or(&[]).iter().filter_map(named)
}

fn names(project: &Project, section: &str) -> Vec<String> {
    let names = entries(project, section).map(|(name, _)| name.to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn models(project: &Project) -> Vec<String> {
    let models = entries(project, "models");
    let mut models: Vec<String> = models
        .filter_map(|(_, model)| model.get("model")?.text().map(str::to_owned))
        .collect();
    models.sort();
    models
}

/// The image of each service: a service that is built without naming one has the project's name
/// and its own. Further images are those of `pre_start` containers and of image mounts.
fn images(project: &Project) -> Vec<String> {
    let mut images = Vec::new();
    let mut services: Vec<(&str, &Node)> = entries(project, "services").collect();
    services.sort_by_key(|(name, _)| *name);
    for (name, service) in services {
        let image = service.get("image").and_then(Node::text);
        let own = match image.filter(|image| !image.is_empty()) {
            Some(image) => image.to_owned(),
            None => format!("{}-{name}", project.name),
        };
        let list = |key: &str| service.get(key).and_then(Node::as_sequence).unwrap_or(&[]);
        let hooks = list("pre_start")
            .iter()
            .filter_map(|hook| hook.get("image"));
        let mounts = list("volumes").iter().filter_map(|mount| {
            let is_image = mount.get("type").and_then(Node::text) == Some("image");
            mount.get("source").filter(|_| is_image)
        });
        let further: Vec<String> = hooks
            .chain(mounts)
            .filter_map(|image| image.text().map(str::to_owned))
            .filter(|image| *image != own)
            .collect();
        images.push(own);
        images.extend(further);
    }
    images
}

/// Docker Compose's hash of a service: it changes when the service's container must be replaced.
fn hashes(project: &Project, wanted: &str) -> Result<Vec<String>, Failure> {
    let normal = normal::normal(&project.document);
    let known = names(project, "services");
    let chosen: Vec<&str> = match wanted {
        "*" => known.iter().map(String::as_str).collect(),
        list => list.split(',').collect(),
    };
    let mut lines = Vec::new();
    for name in chosen {
        let Some(service) = normal["services"].get(name) else {
            return Err(Failure::usage(
                format!("there is no service `{name}`"),
                format!("the services are: {}", known.join(", ")),
            ));
        };
        lines.push(format!("{name} {}", hash(service)));
    }
    lines.sort();
    Ok(lines)
}

/// The keys that make a container another one, in the order that Compose hashes them in. How a
/// service is built, chosen and multiplied is not among them.
const HASHED: &[&str] = &[
    "annotations",
    "attach",
    "develop",
    "blkio_config",
    "cap_add",
    "cap_drop",
    "cgroup_parent",
    "cgroup",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpus",
    "cpuset",
    "cpu_shares",
    "command",
    "configs",
    "container_name",
    "credential_spec",
    "deploy",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "dockerfile",
    "domainname",
    "entrypoint",
    "provider",
    "environment",
    "env_file",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "group_add",
    "gpus",
    "hostname",
    "healthcheck",
    "image",
    "init",
    "ipc",
    "isolation",
    "labels",
    "label_file",
    "links",
    "logging",
    "log_driver",
    "log_opt",
    "mem_limit",
    "mem_reservation",
    "memswap_limit",
    "mem_swappiness",
    "mac_address",
    "models",
    "net",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "privileged",
    "read_only",
    "restart",
    "runtime",
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
    "volume_driver",
    "volumes",
    "volumes_from",
    "working_dir",
    "pre_start",
    "post_start",
    "pre_stop",
];

fn hash(service: &Value) -> String {
    let mut hashed = serde_json::Map::new();
    for key in HASHED {
        if let Some(value) = service.get(key) {
            hashed.insert((*key).to_owned(), value.clone());
        }
    }
    if let Some(deploy) = hashed.get_mut("deploy").and_then(Value::as_object_mut) {
        deploy.shift_remove("replicas");
    }
    let text = Value::Object(hashed).to_string();
    // Go's encoder escapes what HTML gives a meaning.
    let text = text
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The whole project. A dollar sign is doubled: the text is a Compose file, and reading it again
/// must give the same.
fn whole(project: &Project, args: &args::Config) -> Result<String, Failure> {
    let root = &project.document;
    let json = args.format == ConfigFormat::Json;
    let value = match (args.no_interpolate, json) {
        (true, true) => normal::plain(root),
        (true, false) => normal::plain_yaml(root),
        (false, true) => normal::normal(root),
        (false, false) => normal::normal_yaml(root),
    };
    let text = match args.format {
        ConfigFormat::Json => serde_json::to_string_pretty(&value)
            .map(|text| text + "\n")
            .ok(),
        ConfigFormat::Yaml => serde_yaml::to_string(&value).ok(),
    };
    let text = text.ok_or_else(|| {
        Failure::usage(
            "the project cannot be written as text",
            "try the other format with `--format`",
        )
    })?;
    Ok(match args.no_interpolate {
        true => text,
        false => text.replace('$', "$$"),
    })
}

fn variables(options: &Options, args: &args::Config) -> Result<Exit, Failure> {
    let mut variables = compose::project_variables(options, &Files)?;
    variables.sort_by(|a, b| a.name.cmp(&b.name));
    let text = match args.format {
        ConfigFormat::Json => {
            let entries = variables.into_iter().map(|variable| {
                let value = serde_json::json!({
                    "Name": variable.name,
                    "DefaultValue": variable.default,
                    "PresenceValue": variable.alternate,
                    "Required": variable.required,
                });
                (variable.name, value)
            });
            let entries = Value::Object(entries.collect());
            serde_json::to_string_pretty(&entries).unwrap_or_default() + "\n"
        }
        ConfigFormat::Yaml => {
            let mut text = format!(
                "{:<20}{:<20}{:<20}ALTERNATE VALUE\n",
                "NAME", "REQUIRED", "DEFAULT VALUE"
            );
            for variable in variables {
                text.push_str(&format!(
                    "{:<20}{:<20}{:<20}{}\n",
                    variable.name, variable.required, variable.default, variable.alternate
                ));
            }
            text
        }
    };
    write(&text, args)?;
    Ok(Exit::Clean)
}
