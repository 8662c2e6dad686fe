//! The `x-envsim` keys.
//!
//! `x-envsim.schema.json` says the same as far as a schema can; `tests/schema.rs` holds the two
//! together.

mod develop;
mod external;
mod ignore;
mod probe;
mod task;

use indexmap::IndexMap;

use super::environment::environment;
use super::{Context, Node};
use crate::app::{App, At, BuildSecret, EnvFrom, Mode, ProdOverrides, Service, WrittenSize};
use crate::compose::{Project, nearest};

/// Top-level `secrets`, as far as a build can use them.
pub fn build_secrets(root: &Node) -> IndexMap<String, BuildSecret> {
    let entries = root.get("secrets").and_then(Node::as_mapping);
    let secret = |(key, node): &(Node, Node)| {
        let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let name = key.text()?.to_owned();
        let secret = BuildSecret {
            id: name.clone(),
            file: text("file").map(Into::into),
            environment: text("environment"),
            place: key.place.clone(),
        };
        Some((name, secret))
    };
    entries.unwrap_or(&[]).iter().filter_map(secret).collect()
}

const SERVICE_KEYS: &[&str] = &[
    "task",
    "essential",
    "cpu",
    "memory",
    "external",
    "probes",
    "prod",
    "dev",
];
const PROD_KEYS: &[&str] = &["environment", "command", "image", "target"];
const PROJECT_KEYS: &[&str] = &[
    "cpu",
    "memory",
    "launch_type",
    "architecture",
    "probes",
    "ignore",
];
/// Keys of a service that say something about its container in production.
const OF_THE_CONTAINER: &[&str] = &["task", "essential", "cpu", "memory", "prod"];

/// A whole number with its place.
fn number(node: &Node, what: &str, cx: &mut Context) -> Option<At<u32>> {
    let value = cx.integer(node, what)?;
    let place = node.place.clone();
    Some(At { value, place })
}

/// A port, from 1.
fn port(node: &Node, what: &str, cx: &mut Context) -> Option<u16> {
    match node.text().and_then(|text| text.parse().ok()) {
        Some(port @ 1..) => Some(port),
        _ => {
            cx.wrong(node, what, "a port (1 to 65535)");
            None
        }
    }
}

/// Notes a service that is not there, with the one that was meant. One of a profile that is not
/// active is there in the file.
fn unknown_service(name: &At<String>, owner: &str, project: &Project, app: &App, cx: &mut Context) {
    if project
        .disabled
        .iter()
        .any(|other| other.name == name.value)
    {
        let message = format!(
            "{owner} names `{}`, which is in a profile that is not active",
            name.value
        );
        cx.error(&name.place, message).help = Some("activate it with `--profile`".to_owned());
        return;
    }
    let message = format!("{owner} names the unknown service `{}`", name.value);
    let names = app.services.keys().map(String::as_str);
    let help = match nearest(&name.value, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the services are: {}", names.collect::<Vec<_>>().join(", ")),
    };
    cx.error(&name.place, message).help = Some(help);
}

/// `x-envsim` of a service, without its probes: those are read when all services are known.
pub fn of_service(node: &Node, service: &mut Service, cx: &mut Context) {
    for (key, place, value) in cx.entries(node, "`x-envsim`") {
        match key {
            "task" => service.task = task::name(value, cx),
            "essential" => {
                let place = value.place.clone();
                let value = cx.boolean(value, "`essential`");
                service.essential = value.map(|value| At { value, place });
            }
            "cpu" => service.task_cpu = number(value, "`cpu`", cx),
            "memory" => service.task_memory = task::container_memory(value, cx),
            "external" => service.external = external::read(value, cx),
            "probes" => {}
            "prod" => service.prod = prod(value, cx),
            "dev" => service.dev = develop::read(value, cx),
            _ => cx.unknown_key(place, key, "`x-envsim` of a service", SERVICE_KEYS),
        }
    }
    if node.get("external").is_some() {
        for (key, place, _) in cx.entries(node, "`x-envsim`") {
            if OF_THE_CONTAINER.contains(&key) {
                let message = format!(
                    "`{}` is external, so production has no container of it that `{key}` could be about",
                    service.name
                );
                cx.error(place, message).help = Some(format!("take out `{key}` or `external`"));
            }
        }
    }
}

fn prod(node: &Node, cx: &mut Context) -> ProdOverrides {
    let mut prod = ProdOverrides::default();
    for (key, place, value) in cx.entries(node, "`x-envsim.prod`") {
        match key {
            "environment" => {
                let (mut variables, unset) = environment(value);
                for variable in &mut variables {
                    variable.from = EnvFrom::Production;
                }
                for name in unset {
                    cx.error(
                        &name.place,
                        format!("`{}` has no production value", name.value),
                    )
                    .help = Some("nothing is passed through from a shell in production".to_owned());
                }
                prod.environment = variables;
            }
            "command" => prod.command = cx.words(value, "`command`").map(|words| words.value),
            "image" => prod.image = cx.string_at(value, "`image`"),
            "target" => prod.target = cx.string_at(value, "`target`"),
            _ => cx.unknown_key(place, key, "`x-envsim.prod`", PROD_KEYS),
        }
    }
    prod
}

/// `x-envsim` of the project and the probes of its services, and what they all must be together.
pub fn of_project(project: &Project, app: &mut App, mode: Mode, cx: &mut Context) {
    let root = &project.document;
    let mut cpu = None;
    let mut memory = None;
    let top = root.get("x-envsim");
    let entries = top.map(|node| cx.entries(node, "`x-envsim`"));
    for (key, place, value) in entries.unwrap_or_default() {
        match key {
            "cpu" => cpu = number(value, "`cpu`", cx),
            "memory" => memory = number(value, "`memory`", cx),
            "launch_type" => app.launch_type = task::launch_type(value, cx),
            "architecture" => app.architecture = task::architecture(value, cx),
            "probes" => {
                for item in cx.items(value, "`probes`") {
                    app.probes.extend(probe::read(item, None, project, app, cx));
                }
            }
            "ignore" => {
                for item in cx.items(value, "`ignore`") {
                    app.ignore.extend(ignore::read(item, project, app, cx));
                }
            }
            _ => cx.unknown_key(place, key, "`x-envsim`", PROJECT_KEYS),
        }
    }
    let services = root.get("services").and_then(Node::as_mapping);
    for (key, service) in services.unwrap_or(&[]) {
        let settings = service.get("x-envsim");
        let Some(probes) = settings.and_then(|settings| settings.get("probes")) else {
            continue;
        };
        for item in cx.items(probes, "`probes`") {
            app.probes
                .extend(probe::read(item, key.text(), project, app, cx));
        }
    }
    if app.probes.is_empty() {
        app.probes = probe::inferred(app);
    }
    app.task_written = WrittenSize { cpu, memory };
    app.task = task::size(app, cx);
    external::check(app, cx);
    if mode == Mode::Prod {
        task::check(app, cx);
    }
}

#[cfg(test)]
mod tests;
