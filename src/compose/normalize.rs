//! What a project means beyond what its files say: implied networks, names and dependencies.
//!
//! Source: Compose Specification, "Networks" (the default network), "Services" (implicit
//! dependencies), "Volumes", "Configs", "Secrets" and "Networks" (`name`).

use std::collections::{HashMap, HashSet};

use super::canonical::change;
use super::defaults::items;
use super::unique::{containers, section};
use super::volume::clean;
use super::{Context, Kind, Node, Place, Value, merge};

/// The tag of a value that came out of the shell or `.env` for a variable passed through by name.
pub const PASSED_THROUGH: &str = "passed-through";

/// Completes the canonical document of the project `name`.
pub fn normalize(
    document: &mut Node,
    name: &str,
    environment: &HashMap<String, String>,
    cx: &mut Context,
) {
    networks(document);
    fill_empty(document);
    for (_, service) in containers(document) {
        of_service(service, environment, cx);
    }
    for key in ["networks", "volumes", "configs", "secrets"] {
        for (key, resource) in section(document, key) {
            if resource.get("name").is_none_or(Node::is_null) {
                let external = resource.get("external").and_then(Node::text) == Some("true");
                let full = match external {
                    true => key,
                    false => format!("{name}_{key}"),
                };
                resource.set("name", Node::string(full, &resource.place.clone()));
            }
        }
    }
}

/// Resources that are only named become empty mappings.
pub fn fill_empty(document: &mut Node) {
    for key in ["networks", "volumes", "configs", "secrets"] {
        for (_, resource) in section(document, key) {
            if resource.is_null() {
                *resource = Node::mapping(resource.place.clone());
            }
        }
    }
}

/// A service without networks is on the network `default`, which exists when it is used.
fn networks(document: &mut Node) {
    let mut used_at: Option<Place> = None;
    for (_, service) in containers(document) {
        if service.get("provider").is_some() || service.get("network_mode").is_some() {
            continue;
        }
        let written = service.get("networks").and_then(Node::as_mapping);
        let place = service.place.clone();
        match written {
            None | Some([]) => {
                let mut default = Node::mapping(place.clone());
                default.set("default", Node::null(&place));
                service.set("networks", default);
                used_at.get_or_insert(place);
            }
            Some(names) if names.iter().any(|(name, _)| name.text() == Some("default")) => {
                used_at.get_or_insert(place);
            }
            Some(_) => {}
        }
    }
    let Some(place) = used_at else {
        return;
    };
    if document
        .get("networks")
        .and_then(Node::as_mapping)
        .is_none()
    {
        document.set("networks", Node::mapping(place.clone()));
    }
    if let Some(networks) = document.get_mut("networks")
        && networks.get("default").is_none()
    {
        networks.set("default", Node::null(&place));
    }
}

/// `scale` is also the number of replicas, where `deploy` is written.
pub fn replicas(document: &mut Node) {
    for (_, service) in section(document, "services") {
        if let Some(scale) = service.get("scale").cloned()
            && let Some(deploy) = service.get_mut("deploy")
            && deploy.as_mapping().is_some()
        {
            deploy.set("replicas", scale);
        }
    }
}

fn of_service(service: &mut Node, environment: &HashMap<String, String>, cx: &mut Context) {
    change(service, "pull_policy", |policy| match policy.text() {
        Some("if_not_present") => Node::string("missing", &policy.place),
        _ => policy,
    });
    if let Some(build) = service.get_mut("build") {
        if build.get("context").is_none_or(Node::is_null) {
            build.set("context", Node::string(".", &build.place.clone()));
        }
        let inline = build
            .get("dockerfile_inline")
            .is_some_and(|node| !node.is_null());
        if build.get("dockerfile").is_none_or(Node::is_null) && !inline {
            build.set(
                "dockerfile",
                Node::string("Dockerfile", &build.place.clone()),
            );
        }
        change(build, "args", |args| resolve(args, environment, false));
    }
    change(service, "environment", |variables| {
        resolve(variables, environment, true)
    });
    implied_dependencies(service);
    for mount in items(service, &["volumes"]) {
        change(mount, "target", |target| match target.text() {
            Some(text) => Node::string(clean(text), &target.place),
            None => target,
        });
    }
    complete_hooks(service, cx);
}

/// Keys of a service that its `pre_start` containers do not begin with.
const NOT_OF_HOOKS: &[&str] = &[
    "attach",
    "build",
    "command",
    "container_name",
    "depends_on",
    "deploy",
    "develop",
    "expose",
    "extends",
    "external_links",
    "healthcheck",
    "links",
    "ports",
    "post_start",
    "pre_start",
    "pre_stop",
    "profiles",
    "restart",
    "scale",
    "stdin_open",
    "tty",
    "volumes",
];

/// A `pre_start` container begins as the service's own and is changed by what the hook says.
fn complete_hooks(service: &mut Node, cx: &mut Context) {
    if items(service, &["pre_start"]).is_empty() {
        return;
    }
    let mut base = service.clone();
    if let Value::Mapping(entries) = &mut base.value {
        entries.retain(|(key, _)| {
            let key = key.text().unwrap_or_default();
            !NOT_OF_HOOKS.contains(&key) && !key.starts_with("x-")
        });
    }
    let values = base.size();
    for hook in items(service, &["pre_start"]) {
        if !cx.spend(values, &hook.place) {
            return;
        }
        let own = std::mem::replace(hook, Node::null(&base.place));
        *hook = merge::merge_service(base.clone(), own, cx);
    }
}

/// Gives variables without a value that of `environment`; without one there, they stay as they
/// are when `keep` and are dropped otherwise.
fn resolve(variables: Node, environment: &HashMap<String, String>, keep: bool) -> Node {
    let passed = |text: String, place: &Place| Node {
        tag: Some(PASSED_THROUGH.to_owned()),
        ..Node::string(text, place)
    };
    let Node { value, place, tag } = variables;
    let value = match value {
        Value::Mapping(mut entries) => {
            entries.retain_mut(|(key, value)| {
                if !value.is_null() {
                    return true;
                }
                match environment.get(key.text().unwrap_or_default()) {
                    Some(found) => *value = passed(found.clone(), &key.place),
                    None => return keep,
                }
                true
            });
            Value::Mapping(entries)
        }
        Value::Sequence(mut items) => {
            items.retain_mut(|item| {
                let Some(name) = item.text().filter(|text| !text.contains('=')) else {
                    return true;
                };
                match environment.get(name) {
                    Some(found) => *item = passed(format!("{name}={found}"), &item.place),
                    None => return keep,
                }
                true
            });
            match items.is_empty() {
                true => Value::Scalar(String::new(), Kind::Null),
                false => Value::Sequence(items),
            }
        }
        scalar => scalar,
    };
    Node { value, place, tag }
}

/// A dependency that is not written under `depends_on`.
struct Implied {
    service: String,
    restart: bool,
    place: Place,
}

/// `links`, shared namespaces and `volumes_from` are dependencies too.
fn implied(service: &Node) -> Vec<Implied> {
    let mut implied = Vec::new();
    let mut add = |service: &str, restart, place: &Place| {
        implied.push(Implied {
            service: service.to_owned(),
            restart,
            place: place.clone(),
        });
    };
    let texts = |key: &str| {
        let items = service.get(key).and_then(Node::as_sequence).unwrap_or(&[]);
        items
            .iter()
            .filter_map(|item| Some((item.text()?, &item.place)))
    };
    for (link, place) in texts("links") {
        let parts: Vec<&str> = link.split(':').collect();
        let target = if parts.len() == 2 { parts[0] } else { link };
        add(target, true, place);
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(mode) = service.get(key)
            && let Some(target) = mode.text().and_then(|text| text.strip_prefix("service:"))
        {
            add(target, true, &mode.place);
        }
    }
    for (from, place) in texts("volumes_from") {
        if !from.starts_with("container:") {
            let target = from.split(':').next().unwrap_or(from);
            add(target, false, place);
        }
    }
    implied
}

fn implied_dependencies(service: &mut Node) {
    let implied = implied(service);
    let written = service.get("depends_on").and_then(Node::as_mapping);
    let written = written.unwrap_or(&[]).iter();
    let mut known: HashSet<String> = written
        .filter_map(|(name, _)| name.text().map(str::to_owned))
        .collect();
    for Implied {
        service: target,
        restart,
        place,
    } in implied
    {
        if service
            .get("depends_on")
            .and_then(Node::as_mapping)
            .is_none()
        {
            service.set("depends_on", Node::mapping(place.clone()));
        }
        let Some(Value::Mapping(depends_on)) =
            service.get_mut("depends_on").map(|node| &mut node.value)
        else {
            continue;
        };
        if known.insert(target.clone()) {
            let mut dependency = Node::mapping(place.clone());
            dependency.set("condition", Node::string("service_started", &place));
            dependency.set("restart", Node::bool(restart, &place));
            dependency.set("required", Node::bool(true, &place));
            depends_on.push((Node::string(target, &place), dependency));
        }
    }
}
