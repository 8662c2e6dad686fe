//! `volumes` of a service, in the short and the long form.

use super::short::{self, clean_target, host_path};
use super::{Context, Node, Resolve, Value};
use crate::app::{Mount, MountKind};

/// Reads one entry of `volumes`.
pub fn mount(node: &Node, resolve: &Resolve, cx: &mut Context) -> Option<Mount> {
    if !matches!(node.value, Value::Mapping(_)) {
        let text = cx.string(node, "a volume")?;
        return match short::volume(&text, resolve.directory, resolve.home, &node.place) {
            Ok(mount) => Some(mount),
            Err(message) => {
                cx.error(&node.place, message);
                None
            }
        };
    }
    let mut kind = None;
    let mut source = None;
    let mut target = None;
    let mut create = false;
    let mut size = None;
    let mut mount = Mount {
        kind: MountKind::Anonymous,
        target: String::new(),
        read_only: false,
        no_copy: false,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "a volume") {
        match key {
            "type" => kind = cx.string(value, "`type`"),
            "source" => {
                source = cx.string(value, "`source`");
                mount.place = value.place.clone();
            }
            "target" => target = cx.string(value, "`target`"),
            "read_only" => mount.read_only = cx.boolean(value, "`read_only`").unwrap_or_default(),
            "bind" => {
                if let Some(value) = value.get("create_host_path") {
                    create = cx.boolean(value, "`create_host_path`").unwrap_or_default();
                }
            }
            "volume" => {
                if let Some(value) = value.get("nocopy") {
                    mount.no_copy = cx.boolean(value, "`nocopy`").unwrap_or_default();
                }
            }
            "tmpfs" => {
                if let Some(value) = value.get("size") {
                    size = cx.bytes(value, "`size`");
                }
            }
            "consistency" => {}
            "image" => {
                cx.warn(place, "envsim does not use `image` of a volume yet");
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a volume",
                &[
                    "type",
                    "source",
                    "target",
                    "read_only",
                    "bind",
                    "volume",
                    "tmpfs",
                    "consistency",
                ],
            ),
        }
    }
    let Some(target) = target else {
        cx.error(
            &node.place,
            "a volume needs its `target`, the path in the container",
        );
        return None;
    };
    mount.target = clean_target(&target);
    mount.kind = match (kind.as_deref(), source) {
        (Some("bind"), Some(source)) => MountKind::Bind {
            source: host_path(&source, resolve.directory, resolve.home),
            create,
        },
        (Some("volume"), Some(source)) => MountKind::Volume { source },
        (Some("volume"), None) => MountKind::Anonymous,
        (Some("tmpfs"), _) => MountKind::Tmpfs { size },
        (Some("bind"), None) => {
            cx.error(
                &node.place,
                "a bind mount needs its `source`, the path on the host",
            );
            return None;
        }
        (Some(other), _) => {
            cx.error(
                &node.place,
                format!("`{other}` is not a type of volume that envsim knows"),
            )
            .help = Some("`bind`, `volume` or `tmpfs`".to_owned());
            return None;
        }
        (None, _) => {
            cx.error(&node.place, "a volume in the long form needs its `type`");
            return None;
        }
    };
    Some(mount)
}
