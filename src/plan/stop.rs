//! In which order containers stop: each after all that depend on it, the others at once (ECS agent,
//! `dependencygraph/graph.go`; Compose, `InReverseDependencyOrder`).

use std::collections::HashMap;

use crate::app::App;

/// Service to the services that it depends on.
pub type Needs = HashMap<String, Vec<String>>;

/// What each service of `app` depends on.
pub fn needs(app: &App) -> Needs {
    let of = |service: &crate::app::Service| {
        let all = service.depends_on.iter();
        all.map(|dependency| dependency.service.value.clone())
            .collect()
    };
    let services = app.services.iter();
    services
        .map(|(name, service)| (name.clone(), of(service)))
        .collect()
}

/// Of `running`, those that may be stopped now: nobody who still runs depends on them.
///
/// A circle, which can only come from containers of different versions of a file, has no order: all
/// of it may stop.
pub fn stoppable(needs: &Needs, running: &[String]) -> Vec<String> {
    let needed = |name: &String| {
        let mut others = running.iter().filter(|other| *other != name);
        others.any(|other| needs.get(other).is_some_and(|all| all.contains(name)))
    };
    let free: Vec<String> = running
        .iter()
        .filter(|name| !needed(name))
        .cloned()
        .collect();
    match free.is_empty() {
        true => running.to_vec(),
        false => free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    fn all(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_container_stops_after_all_that_depend_on_it() {
        let app = app(
            "services:\n  web: {image: x, depends_on: [db]}\n  job: {image: x, depends_on: [db]}\n  db: {image: x}\n",
        );
        let needs = needs(&app);
        assert_eq!(
            stoppable(&needs, &all(&["web", "job", "db"])),
            all(&["web", "job"])
        );
        assert_eq!(stoppable(&needs, &all(&["job", "db"])), all(&["job"]));
        assert_eq!(stoppable(&needs, &all(&["db"])), all(&["db"]));
    }

    #[test]
    fn a_circle_stops_at_once() {
        let needs = Needs::from([("a".to_owned(), all(&["b"])), ("b".to_owned(), all(&["a"]))]);
        assert_eq!(stoppable(&needs, &all(&["a", "b"])), all(&["a", "b"]));
    }
}
