//! Health checks as ECS has them, and who waits for one. Pure.

use std::time::Duration;

use super::{Judging, Said, remove, set, shown};
use crate::app::{Condition, HealthCheck, Service};
use crate::compose::Kind;
use crate::evidence::ChangeKind;

/// Ranges of a health check: SM[HealthCheck].
const INTERVAL: (u64, u64) = (5, 300);
const TIMEOUT: (u64, u64) = (2, 60);
const RETRIES: (u32, u32) = (1, 10);
const START_PERIOD: (u64, u64) = (0, 300);
/// Where Docker has 30 s. The other defaults are the same: 30 s between two checks, 3 retries, no
/// start period.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Puts a health check into the ranges of ECS, with its defaults: SM[HealthCheck].
pub fn for_ecs(check: &mut HealthCheck) {
    let within = |value: &mut Option<Duration>, (low, high): (u64, u64)| {
        if let Some(value) = value {
            *value = (*value).clamp(Duration::from_secs(low), Duration::from_secs(high));
        }
    };
    within(&mut check.interval, INTERVAL);
    within(&mut check.timeout, TIMEOUT);
    within(&mut check.start_period, START_PERIOD);
    check.retries = check.retries.map(|n| n.clamp(RETRIES.0, RETRIES.1));
    check.timeout.get_or_insert(DEFAULT_TIMEOUT);
    check.start_interval = None;
}

/// Whether only the image knows the command of a written health check; ECS does not ask the image.
pub fn is_of_image(check: &HealthCheck) -> bool {
    !check.disable && check.test.is_empty()
}

impl Judging<'_> {
    pub(super) fn depends_on(&mut self) {
        let service = self.service;
        for dependency in &service.depends_on {
            let name = &dependency.service.value;
            let place = &dependency.service.place;
            // `dependsOn` is for containers of one task.
            let own = |other: &&Service| self.app.task_name(other) == self.app.task_name(service);
            let awaited = self.app.services.get(name).filter(own);
            let of_image = awaited.is_some_and(|other| {
                let check = other.healthcheck.as_ref();
                check.is_none_or(is_of_image)
            });
            if dependency.condition == Condition::Healthy && of_image {
                let said = Said {
                    key: "depends_on.condition",
                    kind: ChangeKind::Refused,
                    place,
                    what: format!(
                        "`{name}` must have a `healthcheck` of its own; this run waits for the one of its image, which ECS ignores"
                    ),
                    why: "CF: `A dependency container with HEALTHY condition must have health check configured`",
                    help: "write the `healthcheck` with its `test` into the Compose file",
                };
                self.say(said, Vec::new());
            }
            if dependency.restart {
                let said = Said {
                    key: "depends_on.restart",
                    kind: ChangeKind::Dropped,
                    place,
                    what: format!("not started again with `{name}`"),
                    why: "SM[ContainerDependency] has a condition and nothing else",
                    help: "connect again in the app",
                };
                self.say(
                    said,
                    vec![set(&["depends_on", name, "restart"], "false", Kind::Bool)],
                );
            }
            if !dependency.required && self.app.services.contains_key(name) {
                let said = Said {
                    key: "depends_on.required",
                    kind: ChangeKind::Changed,
                    place,
                    what: format!("`{name}` must be there"),
                    why: "SM[ContainerDependency] has a condition and nothing else",
                    help: "leave the dependency out and wait in the app",
                };
                self.say(
                    said,
                    vec![set(&["depends_on", name, "required"], "true", Kind::Bool)],
                );
            }
        }
    }

    pub(super) fn healthcheck(&mut self) {
        let Some(check) = self
            .service
            .healthcheck
            .as_ref()
            .filter(|check| !check.disable)
        else {
            return;
        };
        if is_of_image(check) {
            let said = Said {
                key: "healthcheck.test",
                kind: ChangeKind::Refused,
                place: &check.place,
                what:
                    "no health check: there is no `test`, and the one of the image does not count"
                        .to_owned(),
                why: "SM[HealthCheck.command] is required",
                help: "write the image's own command as `test`",
            };
            self.say(said, vec![remove(&["healthcheck"])]);
            return;
        }
        let mut fitting = check.clone();
        for_ecs(&mut fitting);
        if check.timeout.is_none() {
            let text = format!("{}s", DEFAULT_TIMEOUT.as_secs());
            self.silently(vec![set(&["healthcheck", "timeout"], text, Kind::Text)]);
        }
        let times = [
            ("interval", check.interval, fitting.interval, INTERVAL),
            ("timeout", check.timeout, fitting.timeout, TIMEOUT),
            (
                "start_period",
                check.start_period,
                fitting.start_period,
                START_PERIOD,
            ),
        ];
        for (key, written, fits, (low, high)) in times {
            if let (Some(written), Some(fits)) = (written, fits)
                && written != fits
            {
                let what = format!(
                    "{} is not within {low} to {high} s; this run takes {}",
                    shown(written),
                    shown(fits)
                );
                let said = Said {
                    key: &format!("healthcheck.{key}"),
                    kind: ChangeKind::Refused,
                    place: &check.place,
                    what,
                    why: "SM[HealthCheck]",
                    help: "write a time within the range",
                };
                let text = format!("{}s", fits.as_secs());
                self.say(said, vec![set(&["healthcheck", key], text, Kind::Text)]);
            }
        }
        if let (Some(written), Some(fits)) = (check.retries, fitting.retries)
            && written != fits
        {
            let said = Said {
                key: "healthcheck.retries",
                kind: ChangeKind::Refused,
                place: &check.place,
                what: format!("{written} is not within 1 to 10; this run takes {fits}"),
                why: "SM[HealthCheck]",
                help: "write a number within the range",
            };
            let edit = set(&["healthcheck", "retries"], fits.to_string(), Kind::Int);
            self.say(said, vec![edit]);
        }
        if check.start_interval.is_some() {
            let said = Said {
                key: "healthcheck.start_interval",
                kind: ChangeKind::Dropped,
                place: &check.place,
                what: "`interval` from the start".to_owned(),
                why: "SM[HealthCheck] has no field for it",
                help: "",
            };
            self.say(said, vec![remove(&["healthcheck", "start_interval"])]);
        }
    }
}
