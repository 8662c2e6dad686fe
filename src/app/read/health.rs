//! `healthcheck` of a service.

use super::{Context, Node, Value};
use crate::app::HealthCheck;

/// Reads `healthcheck`.
pub fn healthcheck(node: &Node, cx: &mut Context) -> HealthCheck {
    let mut check = HealthCheck {
        test: Vec::new(),
        disable: false,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
        place: node.place.clone(),
    };
    for (key, place, value) in cx.entries(node, "`healthcheck`") {
        match key {
            "test" => {
                check.place = value.place.clone();
                check.test = match &value.value {
                    Value::Scalar(text, _) => vec!["CMD-SHELL".to_owned(), text.clone()],
                    _ => cx.plain_strings(value, "`test`"),
                };
                match check.test.first().map(String::as_str) {
                    Some("NONE") => check.disable = true,
                    Some("CMD" | "CMD-SHELL") => {}
                    _ => {
                        cx.error(
                            &value.place,
                            "a health check's list begins with `CMD`, `CMD-SHELL` or `NONE`",
                        );
                    }
                }
            }
            "disable" => check.disable = cx.boolean(value, "`disable`").unwrap_or_default(),
            "interval" => check.interval = cx.duration(value, "`interval`"),
            "timeout" => check.timeout = cx.duration(value, "`timeout`"),
            "retries" => check.retries = cx.integer(value, "`retries`"),
            "start_period" => check.start_period = cx.duration(value, "`start_period`"),
            "start_interval" => check.start_interval = cx.duration(value, "`start_interval`"),
            _ if key.starts_with("x-") => {}
            _ => cx.unknown_key(
                place,
                key,
                "`healthcheck`",
                &[
                    "test",
                    "disable",
                    "interval",
                    "timeout",
                    "retries",
                    "start_period",
                    "start_interval",
                ],
            ),
        }
    }
    check
}
