//! In which order containers stop: each after all that depend on it, the others at once (ECS agent,
//! `dependencygraph/graph.go`; Compose stops in reverse order too).

use crate::app::App;

/// Of `running`, those that may be stopped now: nobody who still runs depends on them.
pub fn stoppable(app: &App, running: &[String]) -> Vec<String> {
    let needed = |name: &str| {
        running.iter().any(|other| {
            app.services.get(other).is_some_and(|service| {
                service
                    .depends_on
                    .iter()
                    .any(|dependency| dependency.service.value == name)
            })
        })
    };
    running
        .iter()
        .filter(|name| !needed(name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    #[test]
    fn a_container_stops_after_all_that_depend_on_it() {
        let app = app(
            "services:\n  web: {image: x, depends_on: [db]}\n  job: {image: x, depends_on: [db]}\n  db: {image: x}\n",
        );
        let all = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            stoppable(&app, &all(&["web", "job", "db"])),
            all(&["web", "job"])
        );
        assert_eq!(stoppable(&app, &all(&["job", "db"])), all(&["job"]));
        assert_eq!(stoppable(&app, &all(&["db"])), all(&["db"]));
    }
}
