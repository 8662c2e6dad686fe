//! Paths of the host become absolute.
//!
//! Source: Compose Specification, each path "relative to the project directory" (of an included
//! or extended file: to that file's directory).

use std::path::{Component, Path, PathBuf};

use super::canonical::change;
use super::defaults::items;
use super::disk::Disk;
use super::unique::{containers, section};
use super::{Node, Value};

/// What relative paths are relative to.
#[derive(Clone, Debug)]
pub struct Base {
    /// An absolute directory.
    pub directory: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
}

impl Base {
    /// `path` made absolute, `.` and `..` folded.
    pub fn absolute(&self, path: &str) -> PathBuf {
        match (&self.home, path.strip_prefix('~')) {
            (Some(home), Some(rest)) => fold(&home.join(rest.trim_start_matches('/'))),
            // What is absolute already is left as it is written.
            _ if path.starts_with('/') => PathBuf::from(path),
            _ => fold(&self.directory.join(path)),
        }
    }

    fn text(&self, path: &str) -> String {
        self.absolute(path).to_string_lossy().into_owned()
    }

    fn node(&self, node: Node) -> Node {
        match node.as_string() {
            Some(path) if !path.is_empty() => self.replaced(&node, path),
            _ => node,
        }
    }

    /// The same for paths that may be written for Windows.
    fn mixed(&self, node: Node) -> Node {
        match node.as_string() {
            Some(path) if !is_windows_absolute(path) => self.replaced(&node, path),
            _ => node,
        }
    }

    fn replaced(&self, node: &Node, path: &str) -> Node {
        Node::string(self.text(path), &node.place)
    }

    fn context(&self, node: Node) -> Node {
        match node.as_string() {
            Some(text) if is_remote(text) || text.starts_with("service:") => node,
            _ => self.node(node),
        }
    }
}

/// True for a build context that is not a directory of this host.
pub fn is_remote(context: &str) -> bool {
    let prefixes = ["github.com/", "git@"];
    context.contains("://") || prefixes.iter().any(|prefix| context.starts_with(prefix))
}

fn is_windows_absolute(path: &str) -> bool {
    let mut chars = path.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
    drive && matches!(chars.next(), Some('/' | '\\')) || path.starts_with(r"\\")
}

/// Folds `.` and `..` without looking at the disk.
pub fn fold(path: &Path) -> PathBuf {
    let mut folded = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                folded.pop();
            }
            part => folded.push(part),
        }
    }
    folded
}

/// Makes every path of `document` absolute.
pub fn absolute(document: &mut Node, base: &Base, disk: &dyn Disk) {
    for (_, service) in containers(document) {
        of_service(service, base, disk);
    }
    for key in ["configs", "secrets"] {
        for (_, resource) in section(document, key) {
            change(resource, "file", |node| base.mixed(node));
        }
    }
    for (_, volume) in section(document, "volumes") {
        let bind = volume
            .get("driver_opts")
            .and_then(|options| options.get("o"));
        let is_bind = bind.and_then(Node::text) == Some("bind");
        if is_bind
            && volume.get("driver").and_then(Node::text) == Some("local")
            && let Some(options) = volume.get_mut("driver_opts")
        {
            change(options, "device", |node| base.mixed(node));
        }
    }
}

/// Makes every path of one service absolute.
pub fn of_service(service: &mut Node, base: &Base, disk: &dyn Disk) {
    if let Some(build) = service.get_mut("build") {
        change(build, "context", |node| base.context(node));
        for (key, with) in [
            (
                "additional_contexts",
                Base::context as fn(&Base, Node) -> Node,
            ),
            ("ssh", Base::mixed),
        ] {
            if let Some(Value::Mapping(entries)) = build.get_mut(key).map(|node| &mut node.value) {
                for (_, value) in entries {
                    let place = value.place.clone();
                    *value = with(base, std::mem::replace(value, Node::null(&place)));
                }
            }
        }
    }
    for file in items(service, &["env_file"]) {
        change(file, "path", |node| base.node(node));
    }
    for file in items(service, &["label_file"]) {
        *file = base.node(file.clone());
    }
    if let Some(extends) = service.get_mut("extends") {
        change(extends, "file", |node| base.node(node));
    }
    for rule in items(service, &["develop", "watch"]) {
        change(rule, "path", |node| {
            let node = base.node(node);
            let real = node
                .as_string()
                .map(|path| disk.without_links(Path::new(path)));
            match real {
                Some(real) => Node::string(real.to_string_lossy(), &node.place),
                None => node,
            }
        });
    }
    for mount in items(service, &["volumes"]) {
        if mount.get("type").and_then(Node::text) == Some("bind") {
            change(mount, "source", |node| base.mixed(node));
        }
    }
}
