//! In which order containers start, and when one never will.
//!
//! The conditions are those of Compose's `depends_on`; as ECS they are START, HEALTHY and SUCCESS
//! of `dependsOn`. A dependency that has stopped already satisfies START (ECS agent,
//! `dependencygraph/graph.go`).

use indexmap::IndexMap;

use crate::app::{App, Condition, Problem, Service};

/// What a container is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started.
    Pending,
    /// Its start was asked for.
    Starting,
    /// It runs; the health is known when it has a health check.
    Running {
        /// Healthy, unhealthy, or not known yet.
        healthy: Option<bool>,
    },
    /// It ended.
    Exited {
        /// Exit code.
        code: i64,
    },
    /// It will never run.
    Never {
        /// Why.
        reason: String,
    },
}

/// What to do with a pending container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start it.
    Start,
    /// A dependency is not there yet.
    Wait,
    /// It can never start.
    Never(String),
}

/// Decides about `service`, which is pending.
pub fn decide(service: &Service, states: &IndexMap<String, State>) -> Decision {
    let mut wait = false;
    for dependency in &service.depends_on {
        let name = &dependency.service.value;
        let Some(state) = states.get(name) else {
            continue; // not part of this run
        };
        match (dependency.condition, state) {
            (_, State::Never { reason }) if dependency.required => {
                return Decision::Never(format!("`{name}` did not start: {reason}"));
            }
            (_, State::Never { .. }) => {}
            (Condition::Started, State::Running { .. } | State::Exited { .. }) => {}
            (
                Condition::Healthy,
                State::Running {
                    healthy: Some(true),
                },
            ) => {}
            // Compose gives up here. ECS goes on waiting, and the task sits in PENDING for hours.
            (
                Condition::Healthy,
                State::Running {
                    healthy: Some(false),
                },
            ) if dependency.required => {
                return Decision::Never(format!("`{name}` is unhealthy"));
            }
            (Condition::Healthy, State::Exited { code }) if dependency.required => {
                let reason = format!("`{name}` exited with code {code} before it was healthy");
                return Decision::Never(reason);
            }
            (Condition::Completed, State::Exited { code: 0 }) => {}
            (Condition::Completed, State::Exited { code }) if dependency.required => {
                let reason = format!("`{name}` exited with code {code} and had to succeed");
                return Decision::Never(reason);
            }
            (_, State::Exited { .. }) => {}
            _ => wait = true,
        }
    }
    if wait {
        Decision::Wait
    } else {
        Decision::Start
    }
}

/// Checks that everything that is waited for to be healthy has a health check; `image_has` tells
/// whether the image of a service brings one.
///
/// # Errors
/// A wait that would never end, with the place of the dependency.
pub fn health_checks(app: &App, image_has: impl Fn(&str) -> bool) -> Result<(), Problem> {
    for service in app.services.values() {
        for dependency in &service.depends_on {
            let name = &dependency.service;
            if dependency.condition != Condition::Healthy {
                continue;
            }
            let Some(awaited) = app.services.get(&name.value) else {
                continue;
            };
            let checked = match &awaited.healthcheck {
                Some(check) if check.disable => false,
                Some(check) if !check.test.is_empty() => true,
                _ => image_has(&name.value),
            };
            if !checked {
                let mut problem = Problem::error(format!(
                    "`{}` waits for `{}` to be healthy, and that has no health check",
                    service.name, name.value
                ));
                problem.place = Some(name.place.clone());
                return Err(problem.help(format!(
                    "give `{}` a `healthcheck`, or wait for `service_started`",
                    name.value
                )));
            }
        }
    }
    Ok(())
}

/// The services ordered so that each comes after what it depends on; file order otherwise.
///
/// # Errors
/// A dependency cycle, with the place of one of its edges.
pub fn order(app: &App) -> Result<Vec<String>, Problem> {
    fn visit(
        app: &App,
        name: &str,
        path: &mut Vec<String>,
        done: &mut Vec<String>,
    ) -> Result<(), Problem> {
        if done.iter().any(|known| known == name) {
            return Ok(());
        }
        let Some(service) = app.services.get(name) else {
            return Ok(());
        };
        path.push(name.to_owned());
        for dependency in &service.depends_on {
            let next = &dependency.service;
            if let Some(at) = path.iter().position(|known| *known == next.value) {
                let mut cycle = path[at..].to_vec();
                cycle.push(next.value.clone());
                let mut problem = Problem::error(format!(
                    "the services depend on each other: {}",
                    cycle.join(" -> ")
                ));
                problem.place = Some(next.place.clone());
                return Err(problem.help("take out one of these `depends_on`"));
            }
            visit(app, &next.value, path, done)?;
        }
        path.pop();
        done.push(name.to_owned());
        Ok(())
    }
    let mut done = Vec::new();
    for name in app.services.keys() {
        visit(app, name, &mut Vec::new(), &mut done)?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    fn states(list: &[(&str, State)]) -> IndexMap<String, State> {
        list.iter()
            .map(|(name, state)| ((*name).to_owned(), state.clone()))
            .collect()
    }

    #[test]
    fn services_come_after_what_they_depend_on() {
        let app = app(
            "services:\n  web: {image: x, depends_on: [db, cache]}\n  db: {image: x, depends_on: [cache]}\n  cache: {image: x}\n",
        );
        assert_eq!(order(&app).unwrap(), ["cache", "db", "web"]);
    }

    #[test]
    fn a_wait_for_a_health_check_that_nobody_has_is_an_error() {
        let app = app(
            "services:\n  web: {image: x, depends_on: {db: {condition: service_healthy}}}\n  db: {image: x}\n",
        );
        assert!(health_checks(&app, |_| true).is_ok());
        let problem = health_checks(&app, |_| false).unwrap_err();
        assert_eq!(
            problem.message,
            "`web` waits for `db` to be healthy, and that has no health check"
        );
        assert_eq!(problem.place.unwrap().line, 2);
    }

    #[test]
    fn a_cycle_is_told_whole() {
        // A file with a cycle is refused when it is read; an app made otherwise can have one.
        let mut app = app("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x}\n");
        let mut back = app.services["a"].depends_on[0].clone();
        back.service.value = "a".to_owned();
        back.service.place.line = 3;
        app.services["b"].depends_on.push(back);
        let problem = order(&app).unwrap_err();
        assert_eq!(
            problem.message,
            "the services depend on each other: a -> b -> a"
        );
        assert_eq!(problem.place.unwrap().line, 3);
    }

    #[test]
    fn each_condition_waits_for_its_own_state() {
        let app = app(
            "services:\n  web: {image: x, depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}}\n  db: {image: x}\n  job: {image: x}\n",
        );
        let web = &app.services["web"];
        let healthy = State::Running {
            healthy: Some(true),
        };
        let running = State::Running { healthy: None };
        let done = State::Exited { code: 0 };
        let failed = State::Exited { code: 2 };
        let decide = |db: &State, job: &State| {
            decide(web, &states(&[("db", db.clone()), ("job", job.clone())]))
        };
        assert_eq!(decide(&running, &done), Decision::Wait);
        assert_eq!(decide(&healthy, &running), Decision::Wait);
        assert_eq!(decide(&healthy, &done), Decision::Start);
        let unhealthy = State::Running {
            healthy: Some(false),
        };
        assert_eq!(
            decide(&unhealthy, &done),
            Decision::Never("`db` is unhealthy".to_owned())
        );
        assert_eq!(
            decide(&healthy, &failed),
            Decision::Never("`job` exited with code 2 and had to succeed".to_owned())
        );
        assert_eq!(
            decide(&done, &done),
            Decision::Never("`db` exited with code 0 before it was healthy".to_owned())
        );
    }
}
