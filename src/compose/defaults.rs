//! Values that a file leaves out and Compose fills in.

use super::unique::containers;
use super::{Node, Place, Value};

/// Fills in what the Compose Specification gives a default of its own.
pub fn defaults(document: &mut Node) {
    for (_, service) in containers(document) {
        if let Some(build) = service.get_mut("build") {
            default(build, "context", |place| Node::string(".", place));
        }
        for secret in items(service, &["secrets"]) {
            let source = secret
                .get("source")
                .and_then(Node::text)
                .unwrap_or_default();
            let target = format!("/run/secrets/{source}");
            default(secret, "target", |place| Node::string(target, place));
        }
        for port in items(service, &["ports"]) {
            default(port, "protocol", |place| Node::string("tcp", place));
            default(port, "mode", |place| Node::string("ingress", place));
        }
        let devices = ["deploy", "resources", "reservations", "devices"];
        for path in [&devices[..], &["gpus"]] {
            for request in items(service, path) {
                if request.get("device_ids").is_none() {
                    default(request, "count", |place| Node::string("all", place));
                }
            }
        }
        for mount in items(service, &["volumes"]) {
            if let Some(bind) = mount.get_mut("bind") {
                default(bind, "create_host_path", |place| Node::bool(true, place));
            }
        }
    }
}

fn default(node: &mut Node, key: &str, value: impl FnOnce(&Place) -> Node) {
    if node.as_mapping().is_some() && node.get(key).is_none() {
        let value = value(&node.place);
        node.set(key, value);
    }
}

/// The items of the list at `path`, to change them.
pub(super) fn items<'a>(node: &'a mut Node, path: &[&str]) -> &'a mut [Node] {
    let mut at = node;
    for key in path {
        match at.get_mut(key) {
            Some(next) => at = next,
            None => return &mut [],
        }
    }
    match &mut at.value {
        Value::Sequence(items) => items,
        _ => &mut [],
    }
}
