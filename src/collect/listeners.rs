//! Whose the listening sockets of a task are. Pure.

use std::collections::BTreeSet;

use crate::app::Protocol;
use crate::evidence::{Evidence, KnownBy, Listener};
use crate::prod::tasks::TaskSocket;

/// The sockets with their services. Where no process was seen, the one service of the task that lays
/// claim to the port is held to be the owner; a socket that none or several claim is left out.
pub fn attributed(sockets: Vec<TaskSocket>, evidence: &Evidence) -> Vec<Listener> {
    let of = |one: TaskSocket| {
        let (service, known_by) = match one.service {
            Some(service) => (service, KnownBy::Process),
            None => (
                claimant(evidence, &one.task, one.socket.port)?,
                KnownBy::Port,
            ),
        };
        Some(Listener {
            service,
            address: one.socket.address,
            port: one.socket.port,
            family: one.socket.family,
            known_by,
        })
    };
    sockets.into_iter().filter_map(of).collect()
}

/// The only service of `task` that declares `port` or listens on it in dev; else the only one whose
/// image exposes it.
fn claimant(evidence: &Evidence, task: &str, port: u16) -> Option<String> {
    let app = &evidence.prod;
    let mut declared = BTreeSet::new();
    let mut exposed = BTreeSet::new();
    for service in app.services.values() {
        if app.task_name(service) != task {
            continue;
        }
        let ports = service.ports.iter();
        let published = ports
            .filter(|written| written.protocol == Protocol::Tcp)
            .any(|written| written.target == port);
        let named = service.expose.iter().any(|written| written.value == port);
        let mut in_dev = evidence.dev_listeners.iter().flatten();
        let listens = in_dev.any(|one| one.service == service.name && one.port == port);
        if published || named || listens {
            declared.insert(&service.name);
        }
        let image = evidence.image(&service.name);
        if image.is_some_and(|image| image.exposed.contains(&port)) {
            exposed.insert(&service.name);
        }
    }
    let claimants = match declared.is_empty() {
        true => exposed,
        false => declared,
    };
    let mut claimants = claimants.into_iter();
    let first = claimants.next()?;
    claimants.next().is_none().then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::evidence::Family;
    use crate::run::listeners::Socket;

    const APP: &str = "services:
  web: {image: web, ports: ['80:3000']}
  api: {image: api, ports: ['81:4000'], expose: [9000]}
  log: {image: log, expose: [9000]}
  job: {image: job, ports: ['82:3000'], x-envsim: {task: jobs}}
";

    fn owner(port: u16, service: Option<&str>) -> Option<(String, KnownBy)> {
        let app = app_for(APP, Mode::Prod);
        let socket = TaskSocket {
            task: "project".to_owned(),
            service: service.map(str::to_owned),
            socket: Socket {
                address: "0.0.0.0".to_owned(),
                port,
                family: Family::Ipv4,
                owner: None,
            },
        };
        let found = attributed(vec![socket], &Evidence::new(app.clone(), app));
        let mut found = found.into_iter();
        found.next().map(|one| (one.service, one.known_by))
    }

    #[test]
    fn a_socket_of_a_seen_process_is_its_service_s() {
        let found = owner(3000, Some("log"));
        assert_eq!(found, Some(("log".to_owned(), KnownBy::Process)));
    }

    #[test]
    fn else_the_one_service_of_the_task_that_claims_the_port_is_held_to_own_it() {
        assert_eq!(
            owner(3000, None),
            Some(("web".to_owned(), KnownBy::Port)),
            "the other claimant is in another task"
        );
        assert_eq!(owner(9000, None), None, "two claim it");
        assert_eq!(owner(5432, None), None, "nobody claims it");
    }
}
