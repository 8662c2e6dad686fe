//! `volumes` and `tmpfs` of a service.

use super::{Context, Node};
use crate::app::{At, Mount, MountKind};

/// Reads one entry of `volumes`.
pub fn mount(node: &Node, cx: &mut Context) -> Option<Mount> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let option = |group: &str, key: &str| node.get(group).and_then(|group| group.get(key));
    let is_set = |group: &str, key: &str| option(group, key).and_then(Node::text) == Some("true");
    let bind = |key: &str| option("bind", key).and_then(Node::text).map(str::to_owned);
    let source = text("source").filter(|source| !source.is_empty());
    let target = node.get("target")?;
    let kind = match (node.get("type").and_then(Node::text)?, source) {
        ("bind", Some(source)) => MountKind::Bind {
            source: source.into(),
            create: is_set("bind", "create_host_path"),
        },
        ("volume", Some(source)) => MountKind::Volume { source },
        ("volume", None) => MountKind::Anonymous,
        ("tmpfs", _) => MountKind::Tmpfs {
            size: option("tmpfs", "size").and_then(|size| cx.bytes(size, "`size`")),
            mode: option("tmpfs", "mode").and_then(|mode| cx.integer(mode, "`mode`")),
            options: None,
        },
        (other, _) => {
            let why = match other {
                "image" => "an image as a volume needs Docker 28, and ECS has nothing like it",
                "cluster" => "a cluster volume belongs to Swarm",
                _ => "named pipes belong to Windows",
            };
            let message = format!("envsim cannot mount a volume of type `{other}`");
            cx.error(&node.place, message).help = Some(why.to_owned());
            return None;
        }
    };
    let source_place = node.get("source").map(|source| &source.place);
    Some(Mount {
        kind,
        target: target.text()?.to_owned(),
        read_only: node.get("read_only").and_then(Node::text) == Some("true"),
        no_copy: is_set("volume", "nocopy"),
        subpath: option("volume", "subpath")
            .and_then(Node::text)
            .map(str::to_owned),
        propagation: bind("propagation"),
        selinux: bind("selinux"),
        recursive: bind("recursive"),
        place: source_place.unwrap_or(&target.place).clone(),
    })
}

/// Reads one entry of `tmpfs`: `PATH[:OPTIONS]`.
pub fn tmpfs(item: &At<String>) -> Mount {
    let (target, options) = item.value.split_once(':').unwrap_or((&item.value, ""));
    let option = |name: &str| {
        let mut pairs = options
            .split(',')
            .filter_map(|option| option.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    Mount {
        kind: MountKind::Tmpfs {
            size: option("size").and_then(crate::compose::quantity::bytes),
            mode: option("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()),
            options: Some(options.to_owned()),
        },
        target: target.to_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
        no_copy: false,
        subpath: None,
        propagation: None,
        selinux: None,
        recursive: None,
        place: item.place.clone(),
    }
}
