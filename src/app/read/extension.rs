//! The `x-envsim` keys, and the probes that are inferred where none are written.

use std::time::Duration;

use indexmap::IndexMap;

use super::environment::environment;
use super::{Context, Node, Value};
use crate::app::{
    App, At, BuildSecret, EnvFrom, Expect, Place, Probe, ProbeAction, ProdOverrides, Protocol,
    Request, Service, TaskSize,
};
use crate::compose::Kind;

/// How long a probe may take until it passes, unless it says so itself.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

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

/// `x-envsim` of a service.
pub fn of_service(node: &Node, service: &mut Service, cx: &mut Context) {
    for (key, place, value) in cx.entries(node, "`x-envsim`") {
        match key {
            "essential" => {
                let place = value.place.clone();
                let value = cx.boolean(value, "`essential`");
                service.essential = value.map(|value| At { value, place });
            }
            "prod" => service.prod = prod(value, cx),
            _ => cx.unknown_key(
                place,
                key,
                "`x-envsim` of a service",
                &["essential", "prod"],
            ),
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
            _ => cx.unknown_key(
                place,
                key,
                "`x-envsim.prod`",
                &["environment", "command", "image", "target"],
            ),
        }
    }
    prod
}

/// `x-envsim` at the top level: the task's size and the probes.
pub fn top_level(node: &Node, app: &mut App, cx: &mut Context) {
    let mut cpu = None;
    let mut memory = None;
    for (key, place, value) in cx.entries(node, "`x-envsim`") {
        match key {
            "cpu" => {
                cpu = cx
                    .integer::<u32>(value, "`cpu`")
                    .map(|n| (n, value.place.clone()))
            }
            "memory" => {
                memory = cx
                    .integer::<u32>(value, "`memory`")
                    .map(|n| (n, value.place.clone()));
            }
            "probes" => {
                for item in cx.items(value, "`probes`") {
                    app.probes.extend(probe(item, app, cx));
                }
            }
            _ => cx.unknown_key(place, key, "`x-envsim`", &["cpu", "memory", "probes"]),
        }
    }
    app.task = task_size(cpu, memory, cx);
}

/// The size as written, completed to a pair that Fargate has.
fn task_size(
    cpu: Option<(u32, Place)>,
    memory: Option<(u32, Place)>,
    cx: &mut Context,
) -> TaskSize {
    let default = TaskSize::default();
    let (cpu, cpu_place) = match cpu {
        Some((cpu, place)) => (cpu, Some(place)),
        None => (default.cpu, None),
    };
    let Some(choices) = TaskSize::memory_choices(cpu) else {
        if let Some(place) = cpu_place {
            cx.error(
                &place,
                format!("Fargate has no task size with {cpu} CPU units"),
            )
            .help = Some("one of 256, 512, 1024, 2048, 4096, 8192, 16384".to_owned());
        }
        return default;
    };
    let memory = match memory {
        None => choices[0],
        Some((memory, place)) => {
            if !choices.contains(&memory) {
                let list: Vec<String> = choices.iter().map(u32::to_string).collect();
                let message =
                    format!("Fargate has no task size with {cpu} CPU units and {memory} MiB");
                cx.error(&place, message).help = Some(format!(
                    "with {cpu} CPU units memory is one of {}",
                    list.join(", ")
                ));
            }
            memory
        }
    };
    TaskSize { cpu, memory }
}

const PROBE_KEYS: &[&str] = &[
    "name", "service", "http", "port", "headers", "send", "status", "body", "json", "timeout",
    "command", "tcp",
];

fn probe(node: &Node, app: &App, cx: &mut Context) -> Option<Probe> {
    let mut name = None;
    let mut service = None;
    let mut http = None;
    let mut command = None;
    let mut tcp = None;
    let mut port: Option<u16> = None;
    let mut timeout = PROBE_TIMEOUT;
    let mut headers = IndexMap::new();
    let mut body = None;
    let mut is_json = false;
    let mut expect = Expect::default();
    for (key, place, value) in cx.entries(node, "a probe") {
        match key {
            "name" => name = cx.string_at(value, "`name`"),
            "service" => service = cx.string_at(value, "`service`"),
            "http" => http = cx.string_at(value, "`http`"),
            "tcp" => tcp = cx.integer(value, "`tcp`"),
            "command" => command = shell_or_words(value, cx),
            "port" => port = cx.integer(value, "`port`"),
            "timeout" => timeout = cx.duration(value, "`timeout`").unwrap_or(PROBE_TIMEOUT),
            "headers" => headers = cx.text_pairs(value, "`headers`"),
            "send" => match &value.value {
                Value::Scalar(text, _) => body = Some(text.clone()),
                _ => {
                    body = Some(json_of(value).to_string());
                    is_json = true;
                }
            },
            "status" => expect.status = cx.integer(value, "`status`"),
            "body" => expect.body = cx.string(value, "`body`"),
            "json" => expect.json = Some(json_of(value)),
            _ => cx.unknown_key(place, key, "a probe", PROBE_KEYS),
        }
    }
    let typed = headers
        .keys()
        .any(|name: &String| name.eq_ignore_ascii_case("content-type"));
    if is_json && !typed {
        headers.insert("content-type".to_owned(), "application/json".to_owned());
    }
    let Some(service) = service else {
        cx.error(&node.place, "a probe needs the `service` it asks");
        return None;
    };
    let Some(asked) = app.services.get(&service.value) else {
        let message = format!("the probe asks the unknown service `{}`", service.value);
        cx.error(&service.place, message).help = Some(format!(
            "the services are: {}",
            app.services
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        ));
        return None;
    };
    let chosen_port = port.or_else(|| asked.ports.first().map(|port| port.target));
    let action = match (http, tcp, command) {
        (Some(http), None, None) => {
            let (method, path) = match http.value.split_once(' ') {
                Some((method, path)) => (method.to_owned(), path.trim().to_owned()),
                None => ("GET".to_owned(), http.value.clone()),
            };
            if !path.starts_with('/') || !method.chars().all(|c| c.is_ascii_uppercase()) {
                cx.error(
                    &http.place,
                    format!("`{}` is not `[METHOD ]/PATH`", http.value),
                )
                .help = Some("for example `/health` or `POST /items`".to_owned());
                return None;
            }
            let Some(port) = chosen_port else {
                cx.error(
                    &http.place,
                    format!("`{}` publishes no port to ask", service.value),
                )
                .help = Some("add `port:` with the container port".to_owned());
                return None;
            };
            let request = Request {
                method,
                path,
                port,
                headers,
                body,
            };
            ProbeAction::Http(Box::new(request), Box::new(expect))
        }
        (None, Some(port), None) => ProbeAction::Tcp { port },
        (None, None, Some(command)) => ProbeAction::Command(command),
        _ => {
            cx.error(
                &node.place,
                "a probe has one of `http`, `tcp` and `command`",
            );
            return None;
        }
    };
    let name = name.unwrap_or_else(|| At {
        value: describe(&service.value, &action),
        place: service.place,
    });
    Some(Probe {
        name: name.value,
        service: service.value,
        action,
        timeout,
        place: name.place,
        inferred: false,
    })
}

fn shell_or_words(node: &Node, cx: &mut Context) -> Option<Vec<String>> {
    match &node.value {
        Value::Scalar(text, _) if !node.is_null() => {
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()])
        }
        _ => Some(cx.plain_strings(node, "`command`")).filter(|words| !words.is_empty()),
    }
}

fn describe(service: &str, action: &ProbeAction) -> String {
    match action {
        ProbeAction::Http(request, _) => {
            format!("{service} answers {} {}", request.method, request.path)
        }
        ProbeAction::Tcp { port } => format!("{service} accepts connections on {port}"),
        ProbeAction::Command(words) => format!("{service} runs {}", words.join(" ")),
    }
}

/// A probe per published TCP port: whether anybody answers there.
///
/// What the port speaks is not known, so it asks for HTTP and takes any answer; a server that
/// speaks something else passes by accepting the connection.
pub fn inferred_probes(app: &App) -> Vec<Probe> {
    let mut probes = Vec::new();
    for service in app.services.values() {
        for port in service
            .ports
            .iter()
            .filter(|port| port.protocol == Protocol::Tcp)
        {
            let request = Request {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                port: port.target,
                headers: IndexMap::new(),
                body: None,
            };
            probes.push(Probe {
                name: format!("{} answers on port {}", service.name, port.target),
                service: service.name.clone(),
                action: ProbeAction::Http(Box::new(request), Box::default()),
                timeout: PROBE_TIMEOUT,
                place: port.place.clone(),
                inferred: true,
            });
        }
    }
    probes
}

/// The value as JSON; plain scalars are typed as YAML types them.
fn json_of(node: &Node) -> serde_json::Value {
    match &node.value {
        _ if node.is_null() => serde_json::Value::Null,
        Value::Scalar(text, Kind::Text) => text.clone().into(),
        Value::Scalar(text, _) => match serde_json::from_str(text) {
            Ok(typed @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => typed,
            _ => text.clone().into(),
        },
        Value::Sequence(items) => items.iter().map(json_of).collect(),
        Value::Mapping(entries) => {
            let pairs = entries
                .iter()
                .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), json_of(value)));
            serde_json::Value::Object(pairs.collect())
        }
    }
}
