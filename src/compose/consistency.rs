//! Whether a complete project makes sense: references, exclusive keys, circles.
//!
//! Source: Compose Specification, and what `docker compose config` refuses beyond its schema.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::select::{Disabled, list};
use super::{Context, Node, Place};

/// The checks on the whole project, with the services that take part.
pub fn check_project(document: &Node, disabled: &[Disabled], cx: &mut Context) {
    let mut containers: HashMap<&str, &str> = HashMap::new();
    let names = Names::of(document);
    for (name, service) in entries(document, "services") {
        let mut checker = Checker {
            names: &names,
            disabled,
            name,
            cx,
        };
        checker.check(service);
        if let Some(container) = service.get("container_name")
            && let Some(text) = container.text()
            && let Some(other) = containers.insert(text, name)
        {
            let message = format!("the container name `{text}` is also that of `{other}`");
            cx.error(&container.place, message);
        }
    }
    circles(&names, cx);
}

/// What each section defines.
struct Names<'a>(HashMap<&'static str, IndexMap<&'a str, &'a Node>>);

impl<'a> Names<'a> {
    fn of(document: &'a Node) -> Self {
        let sections = [
            "services", "networks", "volumes", "configs", "secrets", "models",
        ];
        let named = |section| (section, entries(document, section).collect());
        Self(sections.into_iter().map(named).collect())
    }

    fn get(&self, section: &str, name: &str) -> Option<&'a Node> {
        self.0.get(section)?.get(name).copied()
    }

    fn all(&self, section: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let names = self.0.get(section).into_iter().flatten();
        names.map(|(name, node)| (*name, *node))
    }
}

/// The entries of the mapping under `key`.
fn entries<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let entries = node.get(key).and_then(Node::as_mapping).unwrap_or(&[]);
    entries
        .iter()
        .filter_map(|(name, value)| Some((name.text()?, value)))
}

/// Checks one service.
struct Checker<'a> {
    names: &'a Names<'a>,
    disabled: &'a [Disabled],
    name: &'a str,
    cx: &'a mut Context,
}

impl Checker<'_> {
    fn check(&mut self, service: &Node) {
        self.image_or_build(service);
        self.networks(service);
        self.health(service);
        self.dependencies(service);
        self.mounts(service);
        self.files(service);
        self.limits(service);
        self.watch(service);
    }

    fn image_or_build(&mut self, service: &Node) {
        let name = self.name;
        let image = service.get("image").and_then(Node::text);
        let has_image = image.is_some_and(|image| !image.is_empty());
        let Some(build) = service.get("build").filter(|build| !build.is_null()) else {
            if !has_image && service.get("provider").is_none() {
                let message = format!("the service `{name}` has neither `image` nor `build`");
                self.cx.error(&service.place, message).help = Some(
                    "name an image, or the directory of a Dockerfile with `build: .`".to_owned(),
                );
            }
            return;
        };
        let text = |key: &str| {
            build
                .get(key)
                .filter(|node| node.text().is_some_and(|t| !t.is_empty()))
        };
        if let (Some(_), Some(inline)) = (text("dockerfile"), text("dockerfile_inline")) {
            let message = "`dockerfile` and `dockerfile_inline` exclude each other";
            self.cx.error(&inline.place, message);
        }
        self.contexts(build);
        if let Some(platform) = service.get("platform")
            && let platforms @ [_, ..] = list(build, "platforms")
            && !platforms
                .iter()
                .any(|other| other.text() == platform.text())
        {
            let message = "`platform` is none of the build's `platforms`";
            self.cx.error(&platform.place, message);
        }
    }

    /// Services whose images a build takes files from.
    fn contexts(&mut self, build: &Node) {
        for (context, value) in entries(build, "additional_contexts") {
            let Some(target) = value.text().and_then(|text| text.strip_prefix("service:")) else {
                continue;
            };
            let disabled = self.disabled.iter().find(|other| other.name == target);
            let built = self
                .service(target)
                .map(|other| other.get("build").is_some());
            match built.or(disabled.map(|other| other.built)) {
                None => self.unknown("service", "services", target, &value.place),
                Some(false) => {
                    let message = format!(
                        "the build context `{context}` is the service `{target}`, which is not built"
                    );
                    self.cx.error(&value.place, message);
                }
                Some(true) => {}
            }
        }
    }

    fn service(&self, name: &str) -> Option<&Node> {
        self.names.get("services", name)
    }

    /// A reference to a resource that is not defined.
    fn unknown(&mut self, what: &str, section: &str, name: &str, place: &Place) {
        let known = self.names.all(section).map(|(known, _)| known);
        let near = self.cx.guess(name, known).map(str::to_owned);
        let message = format!("the {what} `{name}` is not defined");
        self.cx.error(place, message).help = Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `{name}:` to the top-level `{section}`"),
        });
    }

    fn defined(&mut self, what: &str, section: &str, reference: Option<&Node>) {
        let Some(node) = reference else { return };
        let Some(name) = node.text() else { return };
        if self.names.get(section, name).is_none() {
            self.unknown(what, section, name, &node.place);
        }
    }

    fn networks(&mut self, service: &Node) {
        let written = service.get("networks").and_then(Node::as_mapping);
        let written = written.unwrap_or(&[]);
        if let Some(mode) = service.get("network_mode")
            && !written.is_empty()
        {
            self.cx.error(
                &mode.place,
                "`network_mode` and `networks` exclude each other",
            );
        }
        for (network, _) in written {
            self.defined("network", "networks", Some(network));
        }
        for (model, _) in service
            .get("models")
            .and_then(Node::as_mapping)
            .unwrap_or(&[])
        {
            self.defined("model", "models", Some(model));
        }
        if let Some(mode) = service.get("network_mode")
            && let Some(target) = mode.text().and_then(|text| text.strip_prefix("service:"))
            && self.service(target).is_none()
            && !self.disabled.iter().any(|other| other.name == target)
        {
            self.unknown("service", "services", target, &mode.place);
        }
    }

    fn health(&mut self, service: &Node) {
        let test = service
            .get("healthcheck")
            .and_then(|check| check.get("test"));
        let Some([first, ..]) = test.and_then(Node::as_sequence) else {
            return;
        };
        if !matches!(first.text(), Some("CMD" | "CMD-SHELL" | "NONE")) {
            self.cx.error(
                &first.place,
                "a health check's list begins with `CMD`, `CMD-SHELL` or `NONE`",
            );
        }
    }

    fn dependencies(&mut self, service: &Node) {
        for (target, dependency) in service
            .get("depends_on")
            .and_then(Node::as_mapping)
            .unwrap_or(&[])
        {
            let Some(name) = target.text().filter(|name| self.service(name).is_none()) else {
                continue;
            };
            let required = dependency.get("required").and_then(Node::text) != Some("false");
            let disabled = self.disabled.iter().find(|other| other.name == name);
            match disabled {
                Some(_) if !required => {}
                Some(other) => {
                    let profiles = other.profiles.join("` or `--profile ");
                    let message = format!(
                        "`{}` depends on `{name}`, which no active profile has",
                        self.name
                    );
                    self.cx.error(&target.place, message).help =
                        Some(format!("activate it with `--profile {profiles}`"));
                }
                None => self.unknown("service", "services", name, &target.place),
            }
        }
    }

    fn mounts(&mut self, service: &Node) {
        for mount in list(service, "volumes") {
            if mount.get("type").and_then(Node::text) == Some("volume") {
                let source = mount.get("source");
                let source = source.filter(|source| source.text().is_some_and(|t| !t.is_empty()));
                self.defined("volume", "volumes", source);
            }
            if mount.get("type").and_then(Node::text) == Some("bind")
                && mount.get("source").is_none()
            {
                self.cx.error(&mount.place, "a bind mount needs a `source`");
            }
        }
        let mut targets: HashMap<&str, &Place> = HashMap::new();
        let tmpfs = service.get("tmpfs");
        let tmpfs = tmpfs.map_or(&[][..], |node| {
            node.as_sequence().unwrap_or(std::slice::from_ref(node))
        });
        let tmpfs = tmpfs.iter().filter_map(|node| {
            let path = node.text()?.split(':').next()?;
            Some((path, &node.place))
        });
        let volumes = list(service, "volumes").iter().filter_map(|mount| {
            let target = mount.get("target")?;
            Some((target.text()?, &target.place))
        });
        for (target, place) in tmpfs.chain(volumes) {
            match targets.get(target) {
                Some(first) => {
                    let message =
                        format!("`{target}` is mounted twice: also in line {}", first.line);
                    self.cx.error(place, message);
                }
                None => {
                    targets.insert(target, place);
                }
            }
        }
    }

    fn files(&mut self, service: &Node) {
        for config in list(service, "configs") {
            self.defined("config", "configs", config.get("source"));
        }
        let build = service.get("build");
        let of_build = build.map_or(&[][..], |build| list(build, "secrets"));
        for secret in list(service, "secrets").iter().chain(of_build) {
            self.defined("secret", "secrets", secret.get("source"));
        }
    }

    fn limits(&mut self, service: &Node) {
        let deploy = service.get("deploy");
        let replicas = deploy.and_then(|deploy| deploy.get("replicas"));
        let resources = deploy.and_then(|deploy| deploy.get("resources"));
        let limit = |kind: &str, key: &str| resources?.get(kind)?.get(key);
        let exists = |kind: &str| resources.and_then(|all| all.get(kind)).is_some();
        for (own, kind, key) in [
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ] {
            let Some(value) = service.get(own).filter(|value| amount(value) != 0.0) else {
                continue;
            };
            let other = limit(kind, key).map_or(0.0, amount);
            if exists(kind) && (amount(value) - other).abs() > f64::EPSILON {
                let message =
                    format!("`{own}` and `deploy.resources.{kind}.{key}` have different values");
                self.cx.error(&value.place, message);
            }
        }
        let scale = service.get("scale");
        if let (Some(scale), Some(replicas)) = (scale, replicas)
            && scale.text() != replicas.text()
        {
            self.cx.error(
                &scale.place,
                "`scale` and `deploy.replicas` have different values",
            );
        }
        let count = scale.or(replicas);
        let number = count.and_then(|node| node.text()?.parse::<i64>().ok());
        match (count, number, service.get("container_name")) {
            (Some(count), Some(number), _) if number < 0 => {
                self.cx
                    .error(&count.place, "the number of containers is negative");
            }
            (Some(_), Some(number), Some(container)) if number > 1 => {
                let message =
                    format!("`container_name` names one container, and the service has {number}");
                self.cx.error(&container.place, message);
            }
            _ => {}
        }
    }

    fn watch(&mut self, service: &Node) {
        let rules = service
            .get("develop")
            .map_or(&[][..], |develop| list(develop, "watch"));
        for rule in rules {
            let action = rule.get("action").and_then(Node::text).unwrap_or_default();
            let target = rule.get("target").and_then(Node::text).unwrap_or_default();
            if target.is_empty() && !matches!(action, "rebuild" | "restart") {
                let message = format!("the watch rule with `{action}` needs a `target`");
                self.cx.error(&rule.place, message).help =
                    Some("name the path in the container that the files are copied to".to_owned());
            }
        }
    }
}

/// A number of cores or processes, or of bytes; 0 for what is none.
fn amount(node: &Node) -> f64 {
    let text = node.text().unwrap_or_default();
    match text.parse::<f64>() {
        Ok(number) => number,
        Err(_) => super::quantity::bytes(text).map_or(0.0, |bytes| bytes as f64),
    }
}

/// Tells the first circle of dependencies.
fn circles(names: &Names, cx: &mut Context) {
    let mut done: HashSet<&str> = HashSet::new();
    for (name, _) in names.all("services") {
        if let Some((circle, place)) = circle_from(names, name, &mut done) {
            let message = format!("the services depend on each other: {circle}");
            cx.error(&place, message);
            return;
        }
    }
}

/// Services of a circle that are named; the others are told by their number.
const MAX_SHOWN: usize = 20;

/// `done` holds the services that lead to no circle. No recursion: a chain may have any length.
fn circle_from<'a>(
    names: &Names<'a>,
    start: &'a str,
    done: &mut HashSet<&'a str>,
) -> Option<(String, Place)> {
    let targets = |name: &str| {
        let service = names.get("services", name);
        let targets = service.and_then(|service| service.get("depends_on"));
        targets.and_then(Node::as_mapping).unwrap_or(&[]).iter()
    };
    if done.contains(start) {
        return None;
    }
    let mut path = IndexMap::from([(start, targets(start))]);
    while let Some((&name, open)) = path.last_mut() {
        let Some((target, _)) = open.next() else {
            path.pop();
            done.insert(name);
            continue;
        };
        let Some(next) = target.text() else { continue };
        if let Some(at) = path.get_index_of(next) {
            let circle: Vec<&str> = path.keys().skip(at).copied().collect();
            return Some((shown(&circle), target.place.clone()));
        }
        if !done.contains(next) && names.get("services", next).is_some() {
            path.insert(next, targets(next));
        }
    }
    None
}

/// The services of a circle, the first one again at the end.
fn shown(circle: &[&str]) -> String {
    let mut names: Vec<&str> = circle.iter().take(MAX_SHOWN).copied().collect();
    let more = format!("({} more)", circle.len().saturating_sub(MAX_SHOWN));
    if circle.len() > MAX_SHOWN {
        names.push(&more);
    }
    names.extend(circle.first());
    names.join(" → ")
}
