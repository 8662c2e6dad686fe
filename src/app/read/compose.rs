//! A whole Compose file: the top level.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::{Context, Node, extension, service};
use crate::app::{App, Mode, MountKind, Network, Volume};
use crate::compose::nearest;

/// What the reading needs to know besides the file's text.
pub struct Resolve<'a> {
    /// The project directory.
    pub directory: &'a Path,
    /// Which run the app is resolved for.
    pub mode: Mode,
    /// The user's home directory.
    pub home: Option<&'a Path>,
    /// Active profiles; `*` activates all.
    pub profiles: &'a [String],
    /// The shell's variables, for names without a value.
    pub host: &'a dyn Fn(&str) -> Option<String>,
    /// Variables for interpolation: the shell's, then those of `.env`.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file of `env_file`.
    pub read_file: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

/// What must be known of a file before it is read whole.
#[derive(Debug, Default)]
pub struct FileHeader {
    /// `name`.
    pub name: Option<String>,
}

const TOP_LEVEL: &[&str] = &[
    "name", "version", "services", "networks", "volumes", "configs", "secrets", "include", "models",
];

/// Reads the keys that the loader itself needs.
pub fn header(root: &Node) -> FileHeader {
    FileHeader {
        name: root.get("name").and_then(Node::text).map(str::to_owned),
    }
}

/// Reads the merged and interpolated files into an [`App`] named `name`.
///
/// Problems go to `cx`; the app is of use only when none of them is an error.
pub fn app(
    root: &Node,
    name: String,
    files: Vec<PathBuf>,
    resolve: &Resolve,
    cx: &mut Context,
) -> App {
    let mut app = App {
        name,
        directory: resolve.directory.to_owned(),
        files,
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
        task: crate::app::TaskSize::default(),
        launch_type: crate::app::LaunchType::default(),
        probes: Vec::new(),
        ignore: Vec::new(),
        elsewhere: IndexMap::new(),
    };
    let secrets = extension::build_secrets(root, resolve, cx);
    for (key, place, node) in cx.entries(root, "a Compose file") {
        match key {
            "services" => {
                for (name, place, node) in cx.entries(node, "`services`") {
                    if !service_name_is_valid(name) {
                        cx.error(place, format!("`{name}` is not a service name"))
                            .help = Some("use letters, digits, `.`, `-` and `_`".to_owned());
                    }
                    let service = service::read(name, place, node, &secrets, resolve, cx);
                    app.services.insert(name.to_owned(), service);
                }
            }
            "networks" => {
                for (name, _, node) in cx.entries(node, "`networks`") {
                    app.networks.insert(name.to_owned(), network(node, cx));
                }
            }
            "volumes" => {
                for (name, _, node) in cx.entries(node, "`volumes`") {
                    app.volumes.insert(name.to_owned(), volume(node, cx));
                }
            }
            "name" | "version" | "secrets" => {}
            "include" => {
                cx.error(
                    place,
                    "`include` is not supported by this version of envsim",
                )
                .help =
                    Some("pass the files with `-f` instead, or copy the services here".to_owned());
            }
            "configs" | "models" => {
                cx.warn(place, format!("envsim does not use `{key}` yet"));
            }
            "x-envsim" => {} // read below, when the services are known
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(place, key, "a Compose file", TOP_LEVEL),
        }
    }
    if app.services.is_empty() && !cx.problems.any_error() {
        cx.error(&root.place, "the file has no services").help =
            Some("add a `services:` mapping with at least one service".to_owned());
    }
    drop_inactive(&mut app, resolve.profiles);
    check_references(&app, root, cx);
    extension::of_project(root, &mut app, resolve.mode, cx);
    app
}

fn service_name_is_valid(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// A service with profiles is there only when one of them is active; one that an active service
/// depends on is an error in Compose, reported by [`check_references`].
fn drop_inactive(app: &mut App, active: &[String]) {
    let all = active.iter().any(|profile| profile == "*");
    app.services.retain(|_, service| {
        all || service.profiles.is_empty() || service.profiles.iter().any(|p| active.contains(p))
    });
}

/// Dependencies, networks and volumes that nobody defines.
fn check_references(app: &App, root: &Node, cx: &mut Context) {
    let written = |name: &str| root.get("services").and_then(|all| all.get(name)).is_some();
    for service in app.services.values() {
        for dependency in &service.depends_on {
            let name = &dependency.service.value;
            if app.services.contains_key(name) || (!dependency.required && written(name)) {
                continue;
            }
            let place = &dependency.service.place;
            let problem = if written(name) {
                let message = format!(
                    "`{}` depends on `{name}`, which is in a profile that is not active",
                    service.name
                );
                let problem = cx.error(place, message);
                problem.help = Some("activate it with `--profile`".to_owned());
                continue;
            } else {
                let message = format!("`{}` depends on the unknown service `{name}`", service.name);
                cx.error(place, message)
            };
            let names = app.services.keys().map(String::as_str);
            problem.help = Some(match nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the services are: {}", names.collect::<Vec<_>>().join(", ")),
            });
        }
        for network in &service.networks {
            let name = &network.name.value;
            if name != "default" && !app.networks.contains_key(name) {
                let message = format!("the network `{name}` is not defined");
                cx.error(&network.name.place, message).help =
                    Some(format!("add `{name}:` to the top-level `networks`"));
            }
        }
        for mount in &service.volumes {
            if let MountKind::Volume { source } = &mount.kind
                && !app.volumes.contains_key(source)
            {
                cx.error(
                    &mount.place,
                    format!("the volume `{source}` is not defined"),
                )
                .help = Some(format!(
                    "add `{source}:` to the top-level `volumes`, or write `./{source}` for a directory"
                ));
            }
        }
    }
}

fn network(node: &Node, cx: &mut Context) -> Network {
    let mut network = Network::default();
    for (key, place, value) in cx.entries(node, "a network") {
        match key {
            "name" => network.name = cx.string(value, "`name`"),
            "external" => network.external = cx.boolean(value, "`external`").unwrap_or_default(),
            "internal" => network.internal = cx.boolean(value, "`internal`").unwrap_or_default(),
            "driver" => network.driver = cx.string(value, "`driver`"),
            "driver_opts" | "ipam" | "attachable" | "enable_ipv6" | "enable_ipv4" | "labels" => {
                cx.warn(
                    place,
                    format!("envsim does not use `{key}` of a network yet"),
                );
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a network",
                &[
                    "name",
                    "external",
                    "internal",
                    "driver",
                    "driver_opts",
                    "ipam",
                    "attachable",
                    "enable_ipv6",
                    "labels",
                ],
            ),
        }
    }
    network
}

fn volume(node: &Node, cx: &mut Context) -> Volume {
    let mut volume = Volume::default();
    for (key, place, value) in cx.entries(node, "a volume") {
        match key {
            "name" => volume.name = cx.string(value, "`name`"),
            "external" => volume.external = cx.boolean(value, "`external`").unwrap_or_default(),
            "driver" => volume.driver = cx.string(value, "`driver`"),
            "driver_opts" => volume.driver_opts = cx.text_pairs(value, "`driver_opts`"),
            "labels" => {
                cx.warn(place, "envsim does not use `labels` of a volume yet");
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a volume",
                &["name", "external", "driver", "driver_opts", "labels"],
            ),
        }
    }
    volume
}
