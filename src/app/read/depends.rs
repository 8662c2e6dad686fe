//! `depends_on` of a service.

use super::{Context, Node};
use crate::app::{Condition, Dependency};

/// Reads `depends_on`.
pub fn depends_on(node: &Node, cx: &mut Context) -> Vec<Dependency> {
    let mut all = Vec::new();
    for (key, value) in node.as_mapping().unwrap_or(&[]) {
        let Some(service) = cx.string_at(key, "a service") else {
            continue;
        };
        let text = |key: &str| value.get(key).and_then(Node::text);
        all.push(Dependency {
            service,
            condition: match text("condition") {
                Some("service_healthy") => Condition::Healthy,
                Some("service_completed_successfully") => Condition::Completed,
                _ => Condition::Started,
            },
            required: text("required") != Some("false"),
            restart: text("restart") == Some("true"),
        });
    }
    all
}
