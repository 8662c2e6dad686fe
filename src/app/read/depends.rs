//! `depends_on` of a service.

use super::{Context, Node, Value};
use crate::app::{At, Condition, Dependency};

/// Reads `depends_on`, a list or a mapping.
pub fn depends_on(node: &Node, cx: &mut Context) -> Vec<Dependency> {
    let started = |service: At<String>| Dependency {
        service,
        condition: Condition::Started,
        required: true,
        restart: false,
    };
    let Value::Mapping(entries) = &node.value else {
        return cx
            .strings(node, "`depends_on`")
            .into_iter()
            .map(started)
            .collect();
    };
    let mut all = Vec::new();
    for (key, value) in entries {
        let Some(service) = cx.string_at(key, "a service") else {
            continue;
        };
        let mut dependency = started(service);
        for (key, place, value) in cx.entries(value, "a dependency") {
            match key {
                "condition" => match value.text() {
                    Some("service_started") => {}
                    Some("service_healthy") => dependency.condition = Condition::Healthy,
                    Some("service_completed_successfully") => {
                        dependency.condition = Condition::Completed;
                    }
                    _ => cx.wrong(
                        value,
                        "`condition`",
                        "`service_started`, `service_healthy` or `service_completed_successfully`",
                    ),
                },
                "required" => dependency.required = cx.boolean(value, "`required`").unwrap_or(true),
                "restart" => {
                    dependency.restart = cx.boolean(value, "`restart`").unwrap_or_default()
                }
                _ => cx.unknown_key(
                    place,
                    key,
                    "a dependency",
                    &["condition", "required", "restart"],
                ),
            }
        }
        all.push(dependency);
    }
    all
}
