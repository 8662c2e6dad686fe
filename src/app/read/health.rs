//! `healthcheck` of a service.

use super::{Context, Node, Value};
use crate::app::HealthCheck;

/// Reads `healthcheck`.
pub fn healthcheck(node: &Node, cx: &mut Context) -> HealthCheck {
    let test = node.get("test").filter(|test| !test.is_null());
    let words = match test.map(|test| &test.value) {
        Some(Value::Scalar(text, _)) => vec!["CMD-SHELL".to_owned(), text.clone()],
        Some(_) => test
            .map(|test| cx.plain_strings(test, "`test`"))
            .unwrap_or_default(),
        None => Vec::new(),
    };
    let disabled = node.get("disable").and_then(Node::text) == Some("true");
    let mut duration = |key: &str| {
        let value = node.get(key).filter(|value| !value.is_null())?;
        cx.duration(value, &format!("`{key}`"))
    };
    HealthCheck {
        disable: disabled || words.first().is_some_and(|first| first == "NONE"),
        interval: duration("interval"),
        timeout: duration("timeout"),
        start_period: duration("start_period"),
        start_interval: duration("start_interval"),
        retries: node
            .get("retries")
            .and_then(|retries| cx.integer(retries, "`retries`")),
        place: test.map_or(&node.place, |test| &test.place).clone(),
        test: words,
    }
}
