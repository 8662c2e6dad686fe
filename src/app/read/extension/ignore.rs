//! `ignore`: findings that the user has judged and accepts.
//!
//! Which rules there are is known to `checks` alone, and checked there.

use super::unknown_service;
use crate::app::read::{Context, Node};
use crate::app::{App, Ignore};
use crate::compose::Project;

const KEYS: &[&str] = &["rule", "path", "service", "reason"];

/// One entry of `ignore`.
pub fn read(node: &Node, project: &Project, app: &App, cx: &mut Context) -> Option<Ignore> {
    let (mut rule, mut path, mut service, mut reason) = (None, None, None, None);
    for (key, place, value) in cx.entries(node, "an entry of `ignore`") {
        match key {
            "rule" => rule = cx.string_at(value, "`rule`"),
            "path" => path = cx.string_at(value, "`path`"),
            "service" => service = cx.string_at(value, "`service`"),
            "reason" => reason = cx.string_at(value, "`reason`"),
            _ => cx.unknown_key(place, key, "an entry of `ignore`", KEYS),
        }
    }
    let missing = |key: &str| node.as_mapping().is_some() && node.get(key).is_none();
    if missing("rule") {
        cx.error(
            &node.place,
            "an entry of `ignore` needs the `rule` that it silences",
        )
        .help = Some("write `rule: H001`, with `path` or `service` to narrow it".to_owned());
    }
    if missing("reason") {
        cx.error(&node.place, "an entry of `ignore` needs a `reason`")
            .help =
            Some("say why production is right all the same; the report shows it".to_owned());
    }
    if let Some(empty) = reason.as_ref().filter(|reason| reason.trim().is_empty()) {
        cx.error(&empty.place, "the `reason` is empty").help =
            Some("say why production is right all the same; the report shows it".to_owned());
    }
    if let Some(empty) = path.as_ref().filter(|path| path.trim().is_empty()) {
        cx.error(&empty.place, "the `path` is empty").help =
            Some("take it out to match every path".to_owned());
    }
    if let Some(name) = &service
        && !app.services.contains_key(&name.value)
    {
        unknown_service(name, "the entry of `ignore`", project, app, cx);
    }
    Some(Ignore {
        rule: rule?,
        path,
        service,
        reason: reason?.value,
        place: node.place.clone(),
    })
}
