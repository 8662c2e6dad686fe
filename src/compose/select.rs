//! Which services take part: profiles, chosen services, and the resources they need.
//!
//! Source: Compose Specification, "Profiles"; `docker compose config SERVICE` for the choice.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::unique::section;
use super::{Node, Value};

/// A service that no active profile has.
#[derive(Clone, Debug)]
pub struct Disabled {
    /// Its name.
    pub name: String,
    /// The profiles that would start it.
    pub profiles: Vec<String>,
    /// True when it is built.
    pub built: bool,
}

/// The profiles that a service names.
pub fn profiles_of(service: &Node) -> Vec<String> {
    let items = service.get("profiles").and_then(Node::as_sequence);
    let texts = items.unwrap_or(&[]).iter().filter_map(Node::text);
    texts.map(str::to_owned).collect()
}

/// The profiles that the services name, sorted.
pub fn profiles(document: &Node) -> Vec<String> {
    let services = document.get("services").and_then(Node::as_mapping);
    let services = services.unwrap_or(&[]).iter();
    let named = services.flat_map(|(_, service)| profiles_of(service));
    let sorted: BTreeSet<String> = named.collect();
    sorted.into_iter().collect()
}

/// Takes out the services that have profiles and none of `active`.
pub fn by_profile(document: &mut Node, active: &[String]) -> Vec<Disabled> {
    let mut disabled = Vec::new();
    keep_services(document, |name, service| {
        let profiles = profiles_of(service);
        let chosen = profiles.is_empty()
            || active
                .iter()
                .any(|profile| profile == "*" || profiles.contains(profile));
        if !chosen {
            let name = name.to_owned();
            let built = service.get("build").is_some();
            disabled.push(Disabled {
                name,
                profiles,
                built,
            });
        }
        chosen
    });
    disabled
}

fn keep_services(document: &mut Node, mut keep: impl FnMut(&str, &Node) -> bool) {
    if let Some(Value::Mapping(services)) = document.get_mut("services").map(|node| &mut node.value)
    {
        services.retain(|(name, service)| keep(name.text().unwrap_or_default(), service));
    }
}

/// Keeps `chosen` and what they depend on.
///
/// # Errors
/// The first name that is no service.
pub fn by_name(document: &mut Node, chosen: &[String]) -> Result<(), String> {
    if chosen.is_empty() {
        return Ok(());
    }
    let services = document.get("services");
    let mut kept: HashSet<String> = HashSet::new();
    let mut open: VecDeque<String> = chosen.iter().cloned().collect();
    while let Some(name) = open.pop_front() {
        let Some(service) = services.and_then(|services| services.get(&name)) else {
            // A dependency that is not required may be missing; a chosen name may not.
            if chosen.contains(&name) {
                return Err(name);
            }
            continue;
        };
        if kept.insert(name) {
            let needs = service.get("depends_on").and_then(Node::as_mapping);
            let names = needs.unwrap_or(&[]).iter();
            open.extend(names.filter_map(|(name, _)| name.text().map(str::to_owned)));
        }
    }
    keep_services(document, |name, _| kept.contains(name));
    for (_, service) in section(document, "services") {
        if let Some(Value::Mapping(needs)) = service.get_mut("depends_on").map(|n| &mut n.value) {
            needs.retain(|(name, _)| kept.contains(name.text().unwrap_or_default()));
        }
    }
    Ok(())
}

/// Takes out the networks, volumes, secrets, configs and models that no service uses.
pub fn used_resources(document: &mut Node) {
    let mut used: HashSet<(&'static str, String)> = HashSet::new();
    for (_, service) in section(document, "services") {
        let mut note = |kind, name: Option<&str>| {
            used.extend(name.map(|name| (kind, name.to_owned())));
        };
        for (key, kind) in [("networks", "networks"), ("models", "models")] {
            let names = service.get(key).and_then(Node::as_mapping).unwrap_or(&[]);
            for (name, _) in names {
                note(kind, name.text());
            }
        }
        for mount in list(service, "volumes") {
            if mount.get("type").and_then(Node::text) == Some("volume") {
                note("volumes", mount.get("source").and_then(Node::text));
            }
        }
        for (key, kind) in [("secrets", "secrets"), ("configs", "configs")] {
            for item in list(service, key) {
                note(kind, item.get("source").and_then(Node::text));
            }
        }
        if let Some(build) = service.get("build") {
            for item in list(build, "secrets") {
                note("secrets", item.get("source").and_then(Node::text));
            }
        }
    }
    for kind in ["networks", "volumes", "secrets", "configs", "models"] {
        if let Some(Value::Mapping(entries)) = document.get_mut(kind).map(|node| &mut node.value) {
            entries.retain(|(name, _)| {
                used.contains(&(kind, name.text().unwrap_or_default().to_owned()))
            });
        }
    }
}

/// The items of the list under `key`.
pub(super) fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).and_then(Node::as_sequence).unwrap_or(&[])
}
