//! `develop.watch` of a service.

use super::{Context, Node};
use crate::app::{WatchAction, WatchRule};

/// Reads `develop`.
pub fn develop(node: &Node, cx: &mut Context) -> Vec<WatchRule> {
    let rules = node.get("watch").and_then(Node::as_sequence).unwrap_or(&[]);
    rules
        .iter()
        .filter_map(|rule| watch_rule(rule, cx))
        .collect()
}

fn watch_rule(node: &Node, cx: &mut Context) -> Option<WatchRule> {
    let path = node.get("path")?;
    let action = node.get("action")?;
    let mut list = |key: &str| {
        let written = node.get(key);
        written
            .map(|list| cx.plain_strings(list, "a pattern"))
            .unwrap_or_default()
    };
    let (ignore, include) = (list("ignore"), list("include"));
    let action = match action.text()? {
        "rebuild" => WatchAction::Rebuild,
        "restart" => WatchAction::Restart,
        "sync" => WatchAction::Sync,
        "sync+restart" => WatchAction::SyncAndRestart,
        "sync+exec" => {
            let exec = node.get("exec").map(|exec| super::hook::hook(exec, cx));
            match exec {
                Some(exec) if exec.command.is_some() => WatchAction::SyncAndExec(Box::new(exec)),
                _ => {
                    cx.error(&action.place, "`sync+exec` needs `exec` with a `command`");
                    return None;
                }
            }
        }
        _ => return None,
    };
    let target = node.get("target").and_then(Node::text);
    Some(WatchRule {
        path: path.text()?.into(),
        action,
        target: target.map(|target| match target.trim_end_matches('/') {
            "" => "/".to_owned(),
            target => target.to_owned(),
        }),
        ignore,
        include,
        initial_sync: node.get("initial_sync").and_then(Node::text) == Some("true"),
        place: path.place.clone(),
    })
}
