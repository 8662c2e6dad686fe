//! `develop.watch` of a service.

use super::short::{clean_target, host_path};
use super::{Context, Node, Resolve};
use crate::app::{WatchAction, WatchRule};

/// Reads `develop`.
pub fn develop(node: &Node, resolve: &Resolve, cx: &mut Context) -> Vec<WatchRule> {
    let mut rules = Vec::new();
    for (key, place, value) in cx.entries(node, "`develop`") {
        match key {
            "watch" => {
                for item in cx.items(value, "`watch`") {
                    rules.extend(watch_rule(item, resolve, cx));
                }
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(place, key, "`develop`", &["watch"]),
        }
    }
    rules
}

fn watch_rule(node: &Node, resolve: &Resolve, cx: &mut Context) -> Option<WatchRule> {
    let mut path = None;
    let mut action = None;
    let mut rule = WatchRule {
        path: resolve.directory.to_owned(),
        action: WatchAction::Restart,
        target: None,
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "a watch rule") {
        match key {
            "path" => {
                path = cx.string(value, "`path`");
                rule.place = value.place.clone();
            }
            "action" => {
                action = match value.text() {
                    Some("rebuild") => Some(WatchAction::Rebuild),
                    Some("restart") => Some(WatchAction::Restart),
                    Some("sync") => Some(WatchAction::Sync),
                    Some("sync+restart") => Some(WatchAction::SyncAndRestart),
                    Some("sync+exec") => {
                        cx.error(
                            &value.place,
                            "`sync+exec` is not supported by this version of envsim",
                        )
                        .help = Some("use `sync+restart`".to_owned());
                        return None;
                    }
                    _ => {
                        cx.wrong(
                            value,
                            "`action`",
                            "`rebuild`, `restart`, `sync` or `sync+restart`",
                        );
                        return None;
                    }
                };
            }
            "target" => {
                let target = cx.string(value, "`target`");
                rule.target = target.map(|target| clean_target(&target));
            }
            "ignore" => rule.ignore = cx.plain_strings(value, "`ignore`"),
            "include" => rule.include = cx.plain_strings(value, "`include`"),
            "initial_sync" => {
                rule.initial_sync = cx.boolean(value, "`initial_sync`").unwrap_or_default()
            }
            "exec" => {
                cx.warn(place, "envsim does not use `exec` of a watch rule yet");
            }
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "a watch rule",
                &[
                    "path",
                    "action",
                    "target",
                    "ignore",
                    "include",
                    "initial_sync",
                    "exec",
                ],
            ),
        }
    }
    let (Some(path), Some(action)) = (path, action) else {
        cx.error(&node.place, "a watch rule needs `path` and `action`");
        return None;
    };
    rule.path = host_path(&path, resolve.directory, resolve.home);
    rule.action = action;
    let syncs = matches!(rule.action, WatchAction::Sync | WatchAction::SyncAndRestart);
    if syncs && rule.target.is_none() {
        cx.error(
            &rule.place.clone(),
            "a sync rule needs its `target`, the path in the container",
        );
        return None;
    }
    Some(rule)
}
