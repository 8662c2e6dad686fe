//! Which services seem to need another one at their start and do not wait for it. Pure.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::app::{App, EnvVar, Place, Service};
use crate::evidence::{Dependent, HostInFile, Lookup};
use crate::prod::tasks::TaskSocket;
use crate::scan;

/// Ports of each task and the service that listens there.
pub type Ports = BTreeMap<(String, u16), String>;

/// The ports that the services of `app` declare, and those on which they were seen to listen.
pub fn ports(app: &App, exposed: &[(String, Vec<u16>)], sockets: &[TaskSocket]) -> Ports {
    let mut ports = Ports::new();
    for (name, numbers) in exposed {
        if let Some(service) = app.services.get(name) {
            for number in numbers {
                let key = (app.task_name(service).to_owned(), *number);
                ports.entry(key).or_insert_with(|| name.clone());
            }
        }
    }
    for service in app.services.values() {
        let published = service.ports.iter().map(|port| port.target);
        let named = service.expose.iter().map(|port| port.value);
        for number in published.chain(named) {
            let key = (app.task_name(service).to_owned(), number);
            ports.insert(key, service.name.clone());
        }
    }
    for one in sockets {
        if let Some(service) = &one.service {
            ports.insert((one.task.clone(), one.socket.port), service.clone());
        }
    }
    ports
}

/// By dependency, the services of its task that seem to need it and wait for it on no path.
pub fn suspects(
    (dev, prod): (&App, &App),
    hosts: &[HostInFile],
    lookups: &[Lookup],
    ports: &Ports,
) -> IndexMap<String, Vec<Dependent>> {
    let names = dev.host_names();
    let target = |host: &str| {
        let mut all = names.iter();
        let known = all.find(|(name, _)| name.eq_ignore_ascii_case(host));
        known.map(|(_, service)| service.clone())
    };
    let mut found: IndexMap<String, Vec<Dependent>> = IndexMap::new();
    let mut add = |dependency: &str, dependent: Dependent| {
        if !can_race(prod, &dependent.service, dependency) {
            return;
        }
        let all = found.entry(dependency.to_owned()).or_default();
        if all.iter().all(|known| known.service != dependent.service) {
            all.push(dependent);
        }
    };
    for service in prod.services.values() {
        for (dependency, because, place) in in_values(dev, prod, service, ports) {
            let dependent = Dependent {
                service: service.name.clone(),
                because,
                place: Some(place),
            };
            add(&dependency, dependent);
        }
    }
    for host in hosts {
        let Some(dependency) = &host.target else {
            continue; // a host of Docker's own
        };
        for service in &host.services {
            let dependent = Dependent {
                service: service.clone(),
                because: format!("{} names `{}` as a host", host.place, host.host),
                place: Some(host.place.clone()),
            };
            add(dependency, dependent);
        }
    }
    for lookup in lookups {
        if let (Some(asker), Some(dependency)) = (&lookup.asker, target(&lookup.name)) {
            let dependent = Dependent {
                service: asker.clone(),
                because: format!("in the task, `{asker}` asked DNS for `{}`", lookup.name),
                place: None,
            };
            add(&dependency, dependent);
        }
    }
    found
}

/// What the variables and the command of `service` name: service, why, where.
fn in_values(
    dev: &App,
    prod: &App,
    service: &Service,
    ports: &Ports,
) -> Vec<(String, String, Place)> {
    let names = dev.host_names();
    let hosts: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let task = prod.task_name(service);
    let mut found = Vec::new();
    for variable in &service.environment {
        let in_dev = dev.services.get(&service.name);
        let of_dev = in_dev.and_then(|own| named(&own.environment, &variable.name));
        for value in std::iter::once(variable).chain(of_dev) {
            for host in scan::hosts_in_value(&value.name, &value.value, &hosts) {
                let mut all = names.iter();
                if let Some((_, target)) = all.find(|(name, _)| *name == host.host) {
                    let because = format!("its variable `{}` names `{}`", value.name, host.host);
                    found.push((target.clone(), because, value.place.clone()));
                }
            }
        }
        for port in loopback_ports(&service.environment, variable) {
            if let Some(target) = ports.get(&(task.to_owned(), port)) {
                let because = format!(
                    "its variable `{}` leads to port {port} of `{target}`",
                    variable.name
                );
                found.push((target.clone(), because, variable.place.clone()));
            }
        }
    }
    if let Some(command) = &service.command {
        for port in ports_of_loopback(&command.value.join(" ")) {
            if let Some(target) = ports.get(&(task.to_owned(), port)) {
                let because = format!("its command leads to port {port} of `{target}`");
                found.push((target.clone(), because, command.place.clone()));
            }
        }
    }
    found
}

fn named<'a>(all: &'a [EnvVar], name: &str) -> Option<&'a EnvVar> {
    all.iter().find(|variable| variable.name == name)
}

/// The ports of the loopback address that `variable` leads to: in its own value, or, where that is
/// the address alone, in the `…_PORT` beside a `…_HOST`.
fn loopback_ports(all: &[EnvVar], variable: &EnvVar) -> Vec<u16> {
    if !matches!(&*variable.value, "127.0.0.1" | "localhost") {
        return ports_of_loopback(&variable.value);
    }
    let beside = ["HOST", "HOSTNAME", "ADDR", "ADDRESS", "SERVER"]
        .iter()
        .find_map(|end| variable.name.strip_suffix(end))
        .and_then(|stem| named(all, &format!("{stem}PORT")));
    let port = beside.and_then(|port| port.value.parse().ok());
    port.into_iter().collect()
}

/// The ports behind `127.0.0.1:` and `localhost:` in `text`.
fn ports_of_loopback(text: &str) -> Vec<u16> {
    let mut found = Vec::new();
    for host in ["127.0.0.1:", "localhost:"] {
        for (at, _) in text.match_indices(host) {
            let rest = &text[at + host.len()..];
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            found.extend(rest[..digits].parse::<u16>());
        }
    }
    found
}

/// Whether both are of one task, and no path of dependencies leads from one to the other.
fn can_race(app: &App, dependent: &str, dependency: &str) -> bool {
    let services = (app.services.get(dependent), app.services.get(dependency));
    let (Some(one), Some(other)) = services else {
        return false;
    };
    app.task_name(one) == app.task_name(other)
        && dependent != dependency
        && !waits(app, dependent, dependency)
        // One that is waited for cannot need the other at its start.
        && !waits(app, dependency, dependent)
}

/// Whether a path of `depends_on` leads from `from` to `to`.
fn waits(app: &App, from: &str, to: &str) -> bool {
    let mut seen: Vec<&str> = vec![from];
    let mut next = 0;
    while let Some(name) = seen.get(next).copied() {
        next += 1;
        let service = app.services.get(name);
        for dependency in service.into_iter().flat_map(|one| &one.depends_on) {
            let name = &*dependency.service.value;
            if name == to {
                return true;
            }
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::evidence::LookupOutcome;

    fn found(text: &str, lookups: &[Lookup]) -> Vec<String> {
        let (dev, prod) = (
            app_for(text, Mode::Dev),
            app_for(text, Mode::Prod).deployed(),
        );
        let ports = ports(&prod, &[("db".to_owned(), vec![5432])], &[]);
        let found = suspects((&dev, &prod), &[], lookups, &ports).into_iter();
        found
            .flat_map(|(dependency, dependents)| {
                let told = dependents.into_iter();
                told.map(move |one| format!("{} needs {dependency}: {}", one.service, one.because))
            })
            .collect()
    }

    #[test]
    fn a_variable_that_leads_to_a_neighbour_makes_a_suspect() {
        let text = "services:
  db: {image: db}
  web:
    image: web
    environment: {DATABASE_URL: 'postgres://db:5432/app'}
    x-envsim: {prod: {environment: {DATABASE_URL: 'postgres://127.0.0.1:5432/app'}}}
";
        let found = found(text, &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("web needs db"), "{found:?}");
    }

    #[test]
    fn host_and_port_can_stand_in_two_variables() {
        let text = "services:
  db: {image: x, expose: [7000]}
  web: {image: web, environment: {CACHE_HOST: 127.0.0.1, CACHE_PORT: '7000'}}
";
        assert_eq!(
            found(text, &[]),
            ["web needs db: its variable `CACHE_HOST` leads to port 7000 of `db`"]
        );
    }

    #[test]
    fn a_lookup_in_the_task_makes_a_suspect() {
        let lookup = Lookup {
            name: "db".to_owned(),
            record: "A".to_owned(),
            asker: Some("web".to_owned()),
            outcome: LookupOutcome::Denied,
            count: 1,
            first_ms: None,
        };
        let text = "services: {db: {image: db}, web: {image: web}}\n";
        assert_eq!(found(text, &[lookup]).len(), 1);
    }

    #[test]
    fn whoever_waits_on_any_path_or_is_in_another_task_does_not_race() {
        for text in [
            "services:
  db: {image: db}
  mid: {image: mid, depends_on: [db]}
  web: {image: web, depends_on: [mid], environment: {U: 'postgres://127.0.0.1:5432'}}
",
            "services:
  db: {image: db, x-envsim: {task: data}}
  web: {image: web, environment: {U: 'postgres://db:5432'}}
",
            "services:
  db: {image: db, depends_on: [web]}
  web: {image: web, environment: {U: 'postgres://127.0.0.1:5432'}}
",
            "services:
  db: {image: db, environment: {SELF: '127.0.0.1:5432'}}
",
        ] {
            assert_eq!(found(text, &[]), Vec::<String>::new(), "{text}");
        }
    }
}
