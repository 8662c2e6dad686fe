//! `probes`, and those that are inferred where none are written.

use std::time::Duration;

use indexmap::IndexMap;

use super::{port, unknown_service};
use crate::app::read::{Context, Node, Value};
use crate::app::{App, At, Expect, Probe, ProbeAction, Protocol, Request, Service};
use crate::compose::{Kind, Project};

/// How long a probe may take until it passes, unless it says so itself.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

const KEYS: &[&str] = &[
    "name", "service", "http", "port", "headers", "send", "status", "body", "json", "timeout",
    "command", "tcp",
];
/// Keys that only a question over HTTP has.
const OF_HTTP: &[&str] = &["port", "headers", "send", "status", "body", "json"];

/// What an entry says, before it is known to be whole.
#[derive(Default)]
struct Written {
    name: Option<At<String>>,
    service: Option<At<String>>,
    http: Option<At<String>>,
    command: Option<Vec<String>>,
    tcp: Option<u16>,
    port: Option<u16>,
    timeout: Option<Duration>,
    headers: IndexMap<String, String>,
    body: Option<String>,
    body_is_json: bool,
    expect: Expect,
}

/// One entry of `probes`: of the service `owner`, or of the top level.
pub fn read(
    node: &Node,
    owner: Option<&str>,
    project: &Project,
    app: &App,
    cx: &mut Context,
) -> Option<Probe> {
    let problems = cx.problems.0.len();
    let written = written(node, owner, cx);
    check_action(node, cx)?;
    let service = service(node, owner, &written, cx)?;
    let Some(asked) = app.services.get(&service.value) else {
        unknown_service(&service, "the probe", project, app, cx);
        return None;
    };
    let name = written.name.clone();
    let timeout = written.timeout.unwrap_or(PROBE_TIMEOUT);
    let action = written.action(asked, cx)?;
    if cx.problems.0.len() > problems {
        return None;
    }
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

/// One of the three ways to ask, and no key of another one; none, with an error, when there is not one.
fn check_action(node: &Node, cx: &mut Context) -> Option<()> {
    let actions = ["http", "tcp", "command"];
    let mut written = actions.iter().filter(|key| node.get(key).is_some());
    let (Some(action), None) = (written.next(), written.next()) else {
        cx.error(
            &node.place,
            "a probe has one of `http`, `tcp` and `command`",
        );
        return None;
    };
    if *action != "http" {
        for (key, place, _) in cx.entries(node, "a probe") {
            if OF_HTTP.contains(&key) {
                cx.error(place, format!("`{key}` has no meaning beside `{action}`"))
                    .help = Some(format!("`{key}` belongs to a probe with `http`"));
            }
        }
    }
    Some(())
}

/// The service that is asked: the one the probe stands below, or the one it names.
fn service(
    node: &Node,
    owner: Option<&str>,
    written: &Written,
    cx: &mut Context,
) -> Option<At<String>> {
    if let Some(owner) = owner {
        return Some(At {
            value: owner.to_owned(),
            place: node.place.clone(),
        });
    }
    // One that is no text is told already.
    if node.get("service").is_none() {
        cx.error(&node.place, "a probe needs the `service` it asks");
    }
    written.service.clone()
}

fn written(node: &Node, owner: Option<&str>, cx: &mut Context) -> Written {
    let mut out = Written::default();
    for (key, place, value) in cx.entries(node, "a probe") {
        match key {
            "name" => out.name = cx.string_at(value, "`name`"),
            "service" if owner.is_some() => {
                let owner = owner.unwrap_or_default();
                cx.error(place, format!("the probe stands below `{owner}` already"))
                    .help = Some(
                    "take out `service`, or move the probe to the top level's `x-envsim`"
                        .to_owned(),
                );
            }
            "service" => out.service = cx.string_at(value, "`service`"),
            "http" => out.http = cx.string_at(value, "`http`"),
            "tcp" => out.tcp = port(value, "`tcp`", cx),
            "command" => out.command = shell_or_words(value, cx),
            "port" => out.port = port(value, "`port`", cx),
            "timeout" => out.timeout = cx.duration(value, "`timeout`"),
            "headers" => out.headers = cx.text_pairs(value, "`headers`"),
            "send" => match &value.value {
                Value::Scalar(text, _) => out.body = Some(text.clone()),
                _ => {
                    out.body = Some(json_of(value).to_string());
                    out.body_is_json = true;
                }
            },
            "status" => out.expect.status = status(value, cx),
            "body" => out.expect.body = cx.string(value, "`body`"),
            "json" => out.expect.json = Some(json_of(value)),
            _ => cx.unknown_key(place, key, "a probe", KEYS),
        }
    }
    let typed = out
        .headers
        .keys()
        .any(|name| name.eq_ignore_ascii_case("content-type"));
    if out.body_is_json && !typed {
        out.headers
            .insert("content-type".to_owned(), "application/json".to_owned());
    }
    out
}

impl Written {
    /// What is done; none when the value could not be read, which is told already.
    fn action(self, asked: &Service, cx: &mut Context) -> Option<ProbeAction> {
        if let Some(port) = self.tcp {
            return Some(ProbeAction::Tcp { port });
        }
        if let Some(command) = self.command {
            return Some(ProbeAction::Command(command));
        }
        let http = self.http?;
        let (method, path) = match http.value.split_once(' ') {
            Some((method, path)) => (method.to_owned(), path.trim().to_owned()),
            None => ("GET".to_owned(), http.value.clone()),
        };
        let is_method = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase());
        if !path.starts_with('/') || !is_method {
            cx.error(
                &http.place,
                format!("`{}` is not `[METHOD ]/PATH`", http.value),
            )
            .help = Some("for example `/health` or `POST /items`".to_owned());
            return None;
        }
        let Some(port) = self.port.or_else(|| Some(asked.ports.first()?.target)) else {
            cx.error(
                &http.place,
                format!("`{}` publishes no port to ask", asked.name),
            )
            .help = Some("add `port:` with the container port".to_owned());
            return None;
        };
        let request = Request {
            method,
            path,
            port,
            headers: self.headers,
            body: self.body,
        };
        Some(ProbeAction::Http(Box::new(request), Box::new(self.expect)))
    }
}

/// An HTTP status, 100 to 599.
fn status(node: &Node, cx: &mut Context) -> Option<u16> {
    match node.text().and_then(|text| text.parse().ok()) {
        Some(status @ 100..=599) => Some(status),
        _ => {
            cx.wrong(node, "`status`", "an HTTP status (100 to 599)");
            None
        }
    }
}

/// Text is for a shell, a list is run as it is.
fn shell_or_words(node: &Node, cx: &mut Context) -> Option<Vec<String>> {
    match &node.value {
        Value::Scalar(text, _) if !text.is_empty() => {
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()])
        }
        Value::Sequence(items) if !items.is_empty() => Some(cx.plain_strings(node, "`command`")),
        _ => {
            cx.wrong(node, "`command`", "text or a list of words");
            None
        }
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
pub fn inferred(app: &App) -> Vec<Probe> {
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
