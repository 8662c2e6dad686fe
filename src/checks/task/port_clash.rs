//! T001 `port-clash`.

use std::collections::BTreeMap;

use crate::app::{App, At, Place, Protocol, Service};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{ContainerEnd, Evidence};
use crate::finding::{Finding, Severity};

rule! {
    /// Two containers of one task listen on the same port.
    ///
    /// In dev every container has a network namespace of its own, and all of them may listen on 3000. The
    /// containers of an ECS task share one: the second to start gets "address already in use". ECS
    /// refuses a task definition that declares one container port twice.
    ///
    /// Fix: give one of them another port, best through an environment variable such as `PORT`.
    "T001", "port-clash", Error, since "0.1.0",
    needs [],
    "two containers of the task listen on one port",
}

/// Why a service is held to listen on a port; the strongest reason counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// EXPOSE of its image: a hint only.
    Exposed,
    /// `ports` or `expose` of the Compose file.
    Declared,
    /// Seen listening in the dev run.
    Listening,
}

impl Claim {
    fn sentence(self, service: &str, port: u16) -> String {
        match self {
            Self::Exposed => format!("the image of `{service}` exposes {port}"),
            Self::Declared => format!("the Compose file declares {port} for `{service}`"),
            Self::Listening => {
                format!("in dev, `{service}` listens on {port} in a namespace of its own")
            }
        }
    }
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((_, port), services) in claims(evidence) {
        let lost = loser(evidence, port, &services);
        // Two EXPOSE lines prove nothing: many images expose a port that the command does not use.
        let certain = services
            .values()
            .filter(|claim| **claim > Claim::Exposed)
            .count();
        let proven = certain >= 2 || lost.is_some();
        if services.len() < 2 || !(proven || evidence.dev_listeners.is_none()) {
            continue;
        }
        findings.push(finding(evidence, port, &services, proven, lost));
    }
    findings
}

/// Which services of which task claim which TCP port, and how strongly.
///
/// Where the dev run shows the listening sockets, they decide: a port that is only declared and that
/// nobody opens clashes with nothing, except that ECS refuses two port mappings of one port.
fn claims(evidence: &Evidence) -> BTreeMap<(&str, u16), BTreeMap<String, Claim>> {
    let mut claims: BTreeMap<(&str, u16), BTreeMap<String, Claim>> = BTreeMap::new();
    let mut claim = |port: u16, service: &str, claim: Claim| {
        // What is external has a namespace of its own.
        let Some(deployed) = evidence.prod.services.get(service) else {
            return;
        };
        let known = claims
            .entry((evidence.prod.task_name(deployed), port))
            .or_default()
            .entry(service.to_owned())
            .or_insert(claim);
        *known = claim.max(*known);
    };
    for service in evidence.prod.services.values() {
        for port in service
            .ports
            .iter()
            .filter(|port| port.protocol == Protocol::Tcp)
        {
            claim(port.target, &service.name, Claim::Declared);
        }
        for port in &service.expose {
            claim(port.value, &service.name, Claim::Declared);
        }
    }
    for image in &evidence.images {
        for port in &image.exposed {
            claim(*port, &image.service, Claim::Exposed);
        }
    }
    for listener in evidence.dev_listeners.iter().flatten() {
        if !listens_in_production(evidence, &listener.service, listener.port) {
            continue;
        }
        claim(listener.port, &listener.service, Claim::Listening);
    }
    claims
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
    services: &BTreeMap<String, Claim>,
) -> Option<(&'a str, &'a str)> {
    let task = evidence.task.as_ref()?;
    task.containers
        .iter()
        .filter(|seen| services.contains_key(&seen.service))
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
    services: &BTreeMap<String, Claim>,
    proven: bool,
    lost: Option<(&str, &str)>,
) -> Finding {
    let names: Vec<&String> = services.keys().collect();
    let message = format!(
        "{} listen on port {port}, and the containers of an ECS task share one network namespace: only one can have it",
        list(&names)
    );
    let help = format!(
        "let one of {} listen on another port, and change `ports`, probes and callers to it",
        list(&names)
    );
    let mut finding = Finding::new(&INFO, message, help).data("port", port).data(
        "services",
        names.iter().map(|name| (*name).clone()).collect::<Vec<_>>(),
    );
    if !proven {
        finding.severity = Severity::Warning;
    }
    for (service, claim) in services {
        finding = finding.proof(claim.sentence(service, port));
        if let Some(place) = place(&evidence.prod, service, port) {
            finding = finding.at(&place, "");
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

/// Where the port is declared, else the service.
fn place(app: &App, service: &str, port: u16) -> Option<Place> {
    let service = app.services.get(service)?;
    let ports = service.ports.iter().find(|written| written.target == port);
    let exposed = service.expose.iter().find(|written| written.value == port);
    let written = ports
        .map(|port| &port.place)
        .or(exposed.map(|port| &port.place));
    Some(written.unwrap_or(&service.place).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

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
