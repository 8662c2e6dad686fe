//! H002 `service-host-in-environment`.

use std::borrow::Cow;

use crate::app::{Place, Service};
use crate::checks::rule;
use crate::checks::words::{TASK_LOOPBACK, elsewhere, failed_lookups, lookup_sentence};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::mask::mask;
use crate::scan::hosts_in_value;

rule! {
    /// A service's name is a host in a variable or command that production gets unchanged.
    ///
    /// The Compose file says `DATABASE_URL: postgres://db:5432/app`. The task definition made of it says
    /// the same, and `db` resolves nowhere on ECS.
    ///
    /// Fix: give the production value, under `x-envsim.prod.environment` or in `compose.prod.yaml`.
    "H002", "service-host-in-environment", Error, since "0.1.0",
    needs [],
    "a variable or command names a service as host and has no production value",
}

/// One value of the production app that could name a host.
struct Candidate<'a> {
    /// Variable name; empty for a command.
    key: &'a str,
    value: Cow<'a, str>,
    place: &'a Place,
    what: String,
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let names = evidence.dev.host_names();
    let hosts: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let mut findings = Vec::new();
    for service in evidence.prod.services.values() {
        for candidate in candidates(service) {
            let mut seen: Vec<String> = Vec::new();
            for found in hosts_in_value(candidate.key, &candidate.value, &hosts) {
                if seen.contains(&found.host) {
                    continue;
                }
                seen.push(found.host.clone());
                let target = names.iter().find(|(name, _)| *name == found.host);
                let target = target.map_or(&*found.host, |(_, service)| &**service);
                let place = within(&candidate, found.start, found.end);
                findings.push(finding(
                    evidence,
                    service,
                    &candidate,
                    &found.host,
                    target,
                    &place,
                ));
            }
        }
    }
    findings
}

/// Where the production values of `services` name `host`.
pub(super) fn places(evidence: &Evidence, host: &str, services: &[&str]) -> Vec<Place> {
    let wanted = [host.to_owned()];
    let mut places = Vec::new();
    for name in services {
        let service = evidence.prod.services.get(*name);
        for candidate in service.map(candidates).unwrap_or_default() {
            let found = hosts_in_value(candidate.key, &candidate.value, &wanted);
            if let Some(first) = found.first() {
                places.push(within(&candidate, first.start, first.end));
            }
        }
    }
    places
}

fn candidates(service: &Service) -> Vec<Candidate<'_>> {
    let variables = service.environment.iter().map(|variable| Candidate {
        key: &variable.name,
        value: variable.value.as_str().into(),
        place: &variable.place,
        what: format!("the variable `{}`", variable.name),
    });
    // `-h` and `db` mean something only together, so the words of a command are read as one line.
    let commands = [
        ("command", &service.command),
        ("entrypoint", &service.entrypoint),
    ]
    .into_iter()
    .filter_map(|(key, words)| words.as_ref().map(|words| (key, words)))
    .map(|(key, words)| Candidate {
        key: "",
        value: words.value.join(" ").into(),
        place: &words.place,
        what: format!("`{key}`"),
    });
    let checks = service.healthcheck.iter().map(|check| Candidate {
        key: "",
        value: check
            .test
            .iter()
            .skip(1)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
            .into(),
        place: &check.place,
        what: "the health check".to_owned(),
    });
    variables.chain(commands).chain(checks).collect()
}

/// The place of the bytes `start..end` of the value, when the value stands at its place as it is.
fn within(candidate: &Candidate, start: usize, end: usize) -> Place {
    let place = candidate.place;
    let length = candidate.value.chars().count() as u32;
    let width = place.end_column.saturating_sub(place.column);
    let quotes = match width.checked_sub(length) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return place.clone(),
    };
    let before = candidate.value[..start].chars().count() as u32;
    let inside = candidate.value[start..end].chars().count() as u32;
    let column = place.column + quotes + before;
    Place {
        column,
        end_column: column + inside,
        ..place.clone()
    }
}

fn finding(
    evidence: &Evidence,
    service: &Service,
    candidate: &Candidate,
    host: &str,
    target: &str,
    place: &Place,
) -> Finding {
    let message = format!(
        "{} of `{}` names `{host}` as a host in production too, and no container of an ECS task can resolve it",
        candidate.what, service.name
    );
    let address = elsewhere(evidence, &[&service.name], target)
        .unwrap_or_else(|| format!("for `{target}` in the same task the host is {TASK_LOOPBACK}"));
    let help = format!(
        "give the production value under `x-envsim.prod.environment` of `{}` or in `compose.prod.yaml`; {address}",
        service.name
    );
    // A name such as `DB_PASSWORD` gives the value away as a secret, so both are masked together.
    let pair = format!("{}={}", candidate.key, candidate.value);
    let pair = mask(&pair);
    let shown = &pair[candidate.key.len() + 1..];
    let finding = Finding::new(&INFO, message, help)
        .service(&service.name)
        .at(place, "")
        .data("host", host)
        .data("target", target)
        .proof(format!("its production value is `{shown}`"));
    let finding = match candidate.key {
        "" => finding,
        variable => finding.data("variable", variable),
    };
    let askers = [service.name.clone()];
    match lookup_sentence(host, &failed_lookups(evidence, host, &askers)) {
        Some(sentence) => finding.proof(sentence),
        None => finding,
    }
}
