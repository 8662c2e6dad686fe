//! Commands that run beside a service's own: lifecycle hooks and `sync+exec`.

use super::environment::environment;
use super::{Context, Node};
use crate::app::Hook;

/// Reads one hook.
pub fn hook(node: &Node, cx: &mut Context) -> Hook {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let is_set = |key: &str| node.get(key).and_then(Node::text) == Some("true");
    let (environment, _) = node.get("environment").map(environment).unwrap_or_default();
    Hook {
        command: node
            .get("command")
            .and_then(|command| cx.words(command, "`command`")),
        image: text("image"),
        user: text("user"),
        working_dir: text("working_dir"),
        privileged: is_set("privileged"),
        per_replica: is_set("per_replica"),
        environment,
    }
}

/// Reads a list of hooks.
pub fn hooks(node: &Node, cx: &mut Context) -> Vec<Hook> {
    let items = node.as_sequence().unwrap_or(&[]);
    items.iter().map(|item| hook(item, cx)).collect()
}
