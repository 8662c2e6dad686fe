//! T001 `port-clash`.

use std::collections::BTreeMap;

use crate::app::{At, Place, Protocol, Service};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{ContainerEnd, Evidence, PortClaim, PortSource};
use crate::finding::{Finding, Severity};

rule! {
    /// Two containers of one task listen on the same port.
    ///
    /// What a service listens on is told by the dev run, where each container has a network namespace of its
    /// own, and by its files: `ports` and `expose`, the command, the source and the configuration, the health
    /// check, labels for a proxy, the Dockerfile's `EXPOSE`, and the defaults of well-known images. The finding
    /// shows all of it, and which container lost the port when the task was run.
    ///
    /// A port that only `EXPOSE` or `expose` names is a hint: then it is a warning, and where the dev run shows
    /// what really listens, or the command is not the image's own, it does not count.
    ///
    /// ## Why it breaks on ECS
    ///
    /// All containers of a task with the network mode `awsvpc` share one network namespace, with one set of
    /// ports. The second program that asks for a port gets "address already in use" and mostly exits, and the
    /// task with it. Two port mappings of one container port are refused when the task definition is
    /// registered. In dev nothing shows: every container has its own namespace, and `ports` gives each
    /// another port of the host.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: ./web            # listens on 3000
    ///     ports: ["3000:3000"]
    ///   admin:
    ///     build: ./admin          # listens on 3000, too
    ///     ports: ["3001:3000"]
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: ./web
    ///     ports: ["3000:3000"]
    ///   admin:
    ///     build: ./admin
    ///     environment: {PORT: "3001"}   # app.listen(process.env.PORT || 3000)
    ///     ports: ["3001:3001"]
    /// ```
    ///
    /// Or give one of them a task of its own, with `x-envsim: {task: admin}`: then it has an address of its own
    /// as well, and the others reach it by that.
    ///
    /// ## When to ignore it
    ///
    /// When one of the two does not listen in production although its files look as if it did: a command that
    /// is chosen by a variable, say. Say so in `x-envsim.ignore`.
    "T001", "port-clash", Error, since "0.1.0",
    needs [],
    "two containers of the task listen on one port",
}

/// How sure it is that a service listens on a port; the surest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// EXPOSE or `expose`: a hint only.
    Hinted,
    /// `ports` of the Compose file.
    Mapped,
    /// Its files say so.
    Told,
    /// Seen listening in the dev run.
    Seen,
}

/// Why a service is held to listen on a port.
#[derive(Clone, Debug)]
struct Reason {
    strength: Strength,
    sentence: String,
    place: Option<Place>,
    text: String,
}

/// The reasons for one port of one service, the strongest first.
type Reasons = Vec<Reason>;

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut ports: BTreeMap<(&str, u16), BTreeMap<&str, Reasons>> = BTreeMap::new();
    for service in evidence.prod.services.values() {
        let task = evidence.prod.task_name(service);
        for (port, reasons) in reasons(evidence, service) {
            let services = ports.entry((task, port)).or_default();
            services.insert(&service.name, reasons);
        }
    }
    let clashes = ports
        .iter()
        .filter_map(|((_, port), services)| clash(evidence, *port, services));
    clashes.collect()
}

/// The finding about one port of a task, when two of its services have it.
fn clash(evidence: &Evidence, port: u16, services: &BTreeMap<&str, Reasons>) -> Option<Finding> {
    let lost = loser(evidence, port, services);
    let mapped = |reasons: &Reasons| {
        reasons
            .iter()
            .any(|reason| reason.strength == Strength::Mapped)
    };
    // Two port mappings are refused, whoever listens.
    let refused = services.values().filter(|reasons| mapped(reasons)).count() >= 2;
    let holds = |name: &str, reasons: &Reasons| {
        let strongest = reasons.first().map(|reason| reason.strength);
        let lost = lost.is_some_and(|(loser, _)| loser == name);
        lost || match strongest {
            Some(Strength::Seen | Strength::Told) => true,
            Some(Strength::Mapped) => refused || believable(evidence, name),
            // Where the dev run shows the sockets, they decide.
            Some(Strength::Hinted) => {
                evidence.dev_listeners.is_none() && hint_counts(evidence, name)
            }
            None => false,
        }
    };
    let held: BTreeMap<&str, &Reasons> = services
        .iter()
        .filter(|(name, reasons)| holds(name, reasons))
        .map(|(name, reasons)| (*name, reasons))
        .collect();
    if held.len() < 2 {
        return None;
    }
    Some(finding(evidence, port, &held, lost))
}

/// All reasons for the ports of a service, by port.
fn reasons(evidence: &Evidence, service: &Service) -> BTreeMap<u16, Reasons> {
    let mut all: BTreeMap<u16, Reasons> = BTreeMap::new();
    let name = &service.name;
    let mut add =
        |port: u16, strength: Strength, sentence: String, place: Option<&Place>, text: &str| {
            let reason = Reason {
                strength,
                sentence,
                place: place.cloned(),
                text: text.to_owned(),
            };
            let reasons = all.entry(port).or_default();
            if !reasons
                .iter()
                .any(|other: &Reason| other.sentence == reason.sentence)
            {
                reasons.push(reason);
            }
        };
    let seen = seen_listening(evidence, service);
    for port in &seen {
        let sentence = format!("in dev, `{name}` listens on {port} in a namespace of its own");
        add(*port, Strength::Seen, sentence, None, "");
    }
    // Where the dev run shows all of its sockets, files that say otherwise are wrong.
    for claim in told(evidence, name).filter(|claim| seen.is_empty() || seen.contains(&claim.port))
    {
        let sentence = format!("`{name}`: {}", claim.what);
        add(
            claim.port,
            Strength::Told,
            sentence,
            claim.place.as_ref(),
            &claim.text,
        );
    }
    for port in service
        .ports
        .iter()
        .filter(|port| port.protocol == Protocol::Tcp)
    {
        let sentence = format!("the Compose file maps port {} of `{name}`", port.target);
        add(
            port.target,
            Strength::Mapped,
            sentence,
            Some(&port.place),
            "",
        );
    }
    for port in &service.expose {
        let sentence = format!("the Compose file exposes {} of `{name}`", port.value);
        add(
            port.value,
            Strength::Hinted,
            sentence,
            Some(&port.place),
            "",
        );
    }
    let dockerfiles = evidence
        .dockerfiles
        .iter()
        .filter(|seen| seen.service == *name);
    for exposed in dockerfiles
        .flat_map(|seen| &seen.exposes)
        .filter(|exposed| exposed.protocol == "tcp")
    {
        let sentence = format!("the Dockerfile of `{name}` exposes {}", exposed.port);
        add(
            exposed.port,
            Strength::Hinted,
            sentence,
            Some(&exposed.place),
            &exposed.text,
        );
    }
    for port in evidence
        .image(name)
        .into_iter()
        .flat_map(|image| &image.exposed)
    {
        let sentence = format!("the image of `{name}` exposes {port}");
        add(*port, Strength::Hinted, sentence, None, "");
    }
    for reasons in all.values_mut() {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.strength));
    }
    all
}

/// Ports that `service` listens on in dev and, started the same way, in production.
fn seen_listening(evidence: &Evidence, service: &Service) -> Vec<u16> {
    let listeners = evidence.dev_listeners.iter().flatten();
    let own = listeners.filter(|listener| listener.service == service.name);
    own.map(|listener| listener.port)
        .filter(|port| listens_in_production(evidence, &service.name, *port))
        .collect()
}

/// What the files of a service tell.
fn told<'a>(evidence: &'a Evidence, service: &str) -> impl Iterator<Item = &'a PortClaim> {
    let seen = evidence
        .ports
        .iter()
        .filter(move |seen| seen.service == service);
    seen.flat_map(|seen| &seen.claims)
}

/// Whether a program listens behind a mapped port that nothing else speaks of: not where its command is
/// one that listens on nothing, nor where the command or a well-known server says another port.
fn believable(evidence: &Evidence, service: &str) -> bool {
    let idle = evidence
        .ports
        .iter()
        .any(|seen| seen.service == service && seen.idle.is_some());
    let elsewhere = told(evidence, service).any(|claim| {
        matches!(
            claim.how,
            PortSource::Command | PortSource::Stock | PortSource::Configuration
        )
    });
    !idle && !elsewhere
}

/// Whether EXPOSE or `expose` says something: not where the files tell the ports, nor where another command
/// is run than the one the image was made for.
fn hint_counts(evidence: &Evidence, service: &str) -> bool {
    let own_command = evidence.prod.services.get(service).is_some_and(|written| {
        !written.expose.is_empty() || (written.command.is_none() && written.entrypoint.is_none())
    });
    own_command && believable(evidence, service) && told(evidence, service).next().is_none()
}

/// Whether what listens in dev does so in production too: not when production gives the service
/// another command or another port in its environment.
fn listens_in_production(evidence: &Evidence, service: &str, port: u16) -> bool {
    let dev = evidence.dev.services.get(service);
    let (Some(dev), Some(prod)) = (dev, evidence.prod.services.get(service)) else {
        return false;
    };
    let words = |words: &Option<At<Vec<String>>>| words.as_ref().map(|words| words.value.clone());
    let value = |service: &Service, name: &str| {
        let mut all = service.environment.iter();
        all.find(|variable| variable.name == name)
            .map(|variable| variable.value.clone())
    };
    let digits = port.to_string();
    let moved = prod.environment.iter().any(|variable| {
        variable.name.to_uppercase().contains("PORT")
            && value(dev, &variable.name).as_ref() != Some(&variable.value)
    });
    let kept = dev
        .environment
        .iter()
        .filter(|variable| variable.value.contains(&digits))
        .all(|variable| value(prod, &variable.name).is_some_and(|value| value.contains(&digits)));
    words(&dev.command) == words(&prod.command)
        && words(&dev.entrypoint) == words(&prod.entrypoint)
        && !moved
        && kept
}

/// The service whose log in the task says that it could not have the port.
fn loser<'a>(
    evidence: &'a Evidence,
    port: u16,
    services: &BTreeMap<&str, Reasons>,
) -> Option<(&'a str, &'a str)> {
    let task = evidence.task.as_ref()?;
    task.containers
        .iter()
        .filter(|seen| services.contains_key(&*seen.service))
        .find_map(|seen| {
            let line = seen
                .last_lines
                .iter()
                .find(|line| in_use(line, port, services.len()))?;
            Some((&*seen.service, &**line))
        })
}

/// Whether a log line says that `port` is taken.
fn in_use(line: &str, port: u16, rivals: usize) -> bool {
    let lower = line.to_lowercase();
    let taken = [
        "address already in use",
        "eaddrinuse",
        "address in use",
        "port is already in use",
    ]
    .iter()
    .any(|text| lower.contains(text));
    let digits = port.to_string();
    let named = line
        .split(|c: char| !c.is_ascii_digit())
        .any(|number| number == digits);
    let any_number = line
        .split(|c: char| !c.is_ascii_digit())
        .any(|number| number.parse::<u16>().is_ok_and(|n| n > 1023));
    taken && (named || (!any_number && rivals > 1))
}

fn finding(
    evidence: &Evidence,
    port: u16,
    services: &BTreeMap<&str, &Reasons>,
    lost: Option<(&str, &str)>,
) -> Finding {
    let names: Vec<&&str> = services.keys().collect();
    let outcome = match lost {
        Some((loser, _)) => {
            format!("only one can have it, and in the task `{loser}` did not get it")
        }
        None => "only one can have it".to_owned(),
    };
    let message = format!(
        "{} listen on port {port}, and the containers of an ECS task share one network namespace: {outcome}",
        list(&names)
    );
    let help = format!(
        "let one of {} listen on another port, and change `ports`, probes and callers to it; or give it a task of its own with `x-envsim.task`",
        list(&names)
    );
    let mut finding = Finding::new(&INFO, message, help).data("port", port).data(
        "services",
        names
            .iter()
            .map(|name| (**name).to_owned())
            .collect::<Vec<_>>(),
    );
    let hinted = |reasons: &Reasons| {
        reasons
            .first()
            .is_none_or(|reason| reason.strength == Strength::Hinted)
    };
    if lost.is_none() && services.values().any(|reasons| hinted(reasons)) {
        finding.severity = Severity::Warning;
    }
    for (service, reasons) in services {
        // Where it is sure, hints add nothing.
        let is_hint = |reason: &&Reason| reason.strength == Strength::Hinted;
        let sure: Vec<&Reason> = reasons.iter().filter(|reason| !is_hint(reason)).collect();
        let told = match sure.is_empty() {
            true => reasons.iter().collect(),
            false => sure,
        };
        for reason in &told {
            finding = finding.proof(&*reason.sentence);
        }
        let placed = told
            .iter()
            .find_map(|reason| Some((reason.place.as_ref()?, &*reason.text)));
        let written = evidence
            .prod
            .services
            .get(*service)
            .map(|service| (&service.place, ""));
        if let Some((place, text)) = placed.or(written) {
            finding = finding.at(place, text);
        }
    }
    if let Some((service, line)) = lost {
        finding = finding
            .service(service)
            .proof(format!("in the task, `{service}` lost it: {line}"));
        let seen = evidence
            .task
            .as_ref()
            .and_then(|task| task.container(service));
        if let Some(ContainerEnd::Exited { code, .. }) = seen.map(|seen| &seen.end) {
            finding = finding.proof(format!("`{service}` then exited with code {code}"));
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::evidence::{Listener, PortsSeen};

    fn evidence(text: &str, ports: &[(&str, &[(u16, PortSource)])]) -> Evidence {
        let app = app_for(text, Mode::Prod);
        let mut evidence = Evidence::new(app.clone(), app);
        for (service, claims) in ports {
            let claims = claims.iter().map(|(port, how)| PortClaim {
                port: *port,
                how: *how,
                what: format!("it listens on {port}"),
                place: None,
                text: String::new(),
            });
            evidence.ports.push(PortsSeen {
                service: (*service).to_owned(),
                claims: claims.collect(),
                idle: None,
            });
        }
        evidence
    }

    fn found(evidence: &Evidence) -> Vec<(u16, Severity)> {
        let port = |finding: &Finding| finding.data["port"].as_u64().unwrap_or_default() as u16;
        check(evidence)
            .iter()
            .map(|finding| (port(finding), finding.severity))
            .collect()
    }

    #[test]
    fn two_port_mappings_of_one_port_are_refused_whoever_listens() {
        let text =
            "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: b, ports: ['81:80']}\n";
        let evidence = evidence(text, &[("b", &[(3000, PortSource::Command)])]);
        assert_eq!(found(&evidence), [(80, Severity::Error)]);
    }

    #[test]
    fn files_tell_what_is_not_declared() {
        let text = "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: b}\n";
        let both = evidence(text, &[("b", &[(80, PortSource::Source)])]);
        assert_eq!(found(&both), [(80, Severity::Error)]);
        let alone = evidence(text, &[("b", &[(8080, PortSource::Source)])]);
        assert_eq!(found(&alone), []);
    }

    #[test]
    fn a_port_exposed_by_a_service_that_listens_elsewhere_is_none() {
        let text = "services:\n  db: {image: db}\n  web: {image: web, expose: [3306], ports: ['3000:3000']}\n";
        let ports: &[(&str, &[(u16, PortSource)])] = &[
            ("db", &[(3306, PortSource::Stock)]),
            ("web", &[(3000, PortSource::Command)]),
        ];
        assert_eq!(found(&evidence(text, ports)), []);
        assert_eq!(
            found(&evidence(text, &ports[..1])),
            [(3306, Severity::Warning)]
        );
    }

    #[test]
    fn a_service_that_runs_a_worker_listens_on_nothing() {
        let text = "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: a, expose: [80], command: celery worker}\n";
        let mut evidence = evidence(text, &[("b", &[])]);
        evidence.ports[0].idle = Some("celery worker".to_owned());
        assert_eq!(found(&evidence), []);
    }

    #[test]
    fn what_the_dev_run_shows_decides() {
        let text = "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: b, expose: [80]}\n";
        let mut evidence = evidence(text, &[("b", &[(80, PortSource::Source)])]);
        let listener = |port: u16| Listener {
            family: crate::evidence::Family::Ipv4,
            known_by: crate::evidence::KnownBy::Namespace,
            service: "b".to_owned(),
            address: "0.0.0.0".to_owned(),
            port,
        };
        evidence.dev_listeners = Some(vec![listener(3000)]);
        assert_eq!(found(&evidence), []);
        evidence.dev_listeners = Some(vec![listener(80)]);
        assert_eq!(found(&evidence), [(80, Severity::Error)]);
    }

    #[test]
    fn services_of_several_tasks_do_not_clash() {
        let text = "services:\n  a: {image: a, ports: ['80:80']}\n  b: {image: b, ports: ['81:80'], x-envsim: {task: other}}\n";
        assert_eq!(found(&evidence(text, &[])), []);
    }

    #[test]
    fn a_log_line_about_the_port_is_recognised() {
        assert!(in_use(
            "Error: listen EADDRINUSE: address already in use :::3000",
            3000,
            2
        ));
        assert!(in_use(
            "OSError: [Errno 98] Address already in use",
            8000,
            2
        ));
        assert!(!in_use(
            "listen EADDRINUSE: address already in use :::3001",
            3000,
            2
        ));
        assert!(!in_use("listening on 3000", 3000, 2));
    }
}
