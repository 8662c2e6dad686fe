//! What the rules of hosts have in common: a host in a file or in a value becomes a finding.

use crate::checks::words::{TASK_LOOPBACK, elsewhere, failed_lookups, list, lookup_sentence};
use crate::evidence::{Evidence, HostInFile, HostInValue, ValueOf};
use crate::finding::{Finding, RuleInfo, Severity};
use crate::scan::is_docker_host;

/// Whether `host` is the name of a service; else it is another name of one, or Docker's own.
pub fn is_service(evidence: &Evidence, host: &str) -> bool {
    evidence.dev.services.contains_key(host)
}

/// What `host` is, as a relative clause: ``which is the `container_name` of `db` ``. Empty for a service.
fn what(evidence: &Evidence, host: &str, target: Option<&str>) -> String {
    if is_service(evidence, host) {
        return String::new();
    }
    let Some(target) = target else {
        return match host {
            "127.0.0.11" => ", the DNS server of Docker's own networks,".to_owned(),
            "gateway.docker.internal" => ", Docker's gateway to your machine,".to_owned(),
            _ => ", Docker's name for the machine that it runs on,".to_owned(),
        };
    };
    let service = evidence.dev.services.get(target);
    let is = |name: Option<&str>| name == Some(host);
    let key = match service {
        Some(it) if is(it.container_name.as_ref().map(|name| &*name.value)) => "`container_name`",
        Some(it) if is(it.hostname.as_ref().map(|name| &*name.value)) => "`hostname`",
        _ => "another name",
    };
    format!(", {key} of `{target}`,")
}

/// Why the name is no use.
fn why(host: &str) -> &'static str {
    match host {
        "127.0.0.11" => "an ECS task has no server at that address",
        _ => "no container of an ECS task can resolve it",
    }
}

/// What to do about an address in one of `askers`: a sentence's end.
fn address(evidence: &Evidence, askers: &[String], host: &str, target: Option<&str>) -> String {
    match (host, target) {
        (_, Some(target)) => elsewhere(evidence, askers, target)
            .unwrap_or_else(|| format!("for `{target}` in the same task it is {TASK_LOOPBACK}")),
        ("127.0.0.11", None) => {
            "the task's resolver stands in its /etc/resolv.conf, and in a VPC is 169.254.169.253 as well"
                .to_owned()
        }
        _ => "what runs on your machine has to run somewhere in production too".to_owned(),
    }
}

/// A host in a file.
pub fn in_file(info: &'static RuleInfo, evidence: &Evidence, seen: &HostInFile) -> Finding {
    let (host, target) = (&*seen.host, seen.target.as_deref());
    let value = seen
        .variable
        .as_ref()
        .and_then(|name| production_value(evidence, seen, name));
    let what = what(evidence, host, target);
    let message = match &seen.variable {
        None => format!("`{host}`{what} is written as a host, and {}", why(host)),
        Some(variable) => format!(
            "`{host}`{what} is the host used when `{variable}` is not set, and {}",
            why(host)
        ),
    };
    let address = address(evidence, &seen.services, host, target);
    let help = match (&seen.variable, value.is_some()) {
        (None, _) => format!("read the address from an environment variable; {address}"),
        (Some(variable), true) => format!(
            "production sets `{variable}`; without a default a forgotten variable fails at once instead"
        ),
        (Some(variable), false) => {
            format!("set `{variable}` for production under `x-envsim.prod.environment`; {address}")
        }
    };
    let services = list(&seen.services);
    let mut finding = Finding::new(info, message, help)
        .at(&seen.place, &seen.text)
        .data("host", host)
        .data("services", seen.services.clone())
        .proof(match seen.mounted {
            true => format!("{services} has the file through {} only", seen.via),
            false => format!("the file is in the image of {services}: {}", seen.via),
        });
    if let Some(target) = target {
        finding = finding.data("target", target);
    }
    if let Some(service) = seen.services.first() {
        finding = finding.service(service);
    }
    if let Some(variable) = &seen.variable {
        finding = finding.data("variable", &**variable);
        finding.severity = Severity::Warning;
    }
    let lookups = failed_lookups(evidence, host, &seen.services);
    if let Some(sentence) = lookup_sentence(host, &lookups) {
        // A default that was used after all is no longer a doubt.
        if value.is_none() {
            finding.severity = Severity::Error;
        }
        finding = finding.proof(sentence);
    }
    finding
}

/// The production value of `variable` in one of the services that hold the file.
fn production_value<'a>(
    evidence: &'a Evidence,
    seen: &HostInFile,
    variable: &str,
) -> Option<&'a str> {
    seen.services
        .iter()
        .filter_map(|service| evidence.prod.services.get(service))
        .flat_map(|service| &service.environment)
        .find(|other| other.name == variable)
        .map(|found| &*found.value)
}

/// A host in a value of the Compose file or of an env file.
pub fn in_value(info: &'static RuleInfo, evidence: &Evidence, seen: &HostInValue) -> Finding {
    let (host, target) = (&*seen.host, seen.target.as_deref());
    let services = list(&seen.services);
    let message = format!(
        "{} of {services} names `{host}`{} as a host in production too, and {}",
        seen.of.describe(),
        what(evidence, host, target),
        why(host)
    );
    let where_to = match &seen.of {
        ValueOf::Variable(_) => {
            format!("under `x-envsim.prod.environment` of {services} or in `compose.prod.yaml`")
        }
        ValueOf::Command => {
            format!("under `x-envsim.prod.command` of {services} or in `compose.prod.yaml`")
        }
        _ => "in `compose.prod.yaml`".to_owned(),
    };
    let address = address(evidence, &seen.services, host, target);
    let help = format!("give the production value {where_to}; {address}");
    let mut finding = Finding::new(info, message, help)
        .at(&seen.place, "")
        .data("host", host)
        .data("services", seen.services.clone())
        .proof(match seen.of {
            ValueOf::Config(_) => format!("the config is a file for {services}"),
            _ => format!("its production value is `{}`", seen.value),
        });
    if let Some(target) = target {
        finding = finding.data("target", target);
    }
    if let Some(service) = seen.services.first() {
        finding = finding.service(service);
    }
    if let ValueOf::Variable(variable) = &seen.of {
        finding = finding.data("variable", &**variable);
    }
    // A label is read by a program that sees Docker's containers, which may not be there at all.
    if let ValueOf::Label(_) = seen.of {
        finding.severity = Severity::Warning;
    }
    match lookup_sentence(host, &failed_lookups(evidence, host, &seen.services)) {
        Some(sentence) => finding.proof(sentence),
        None => finding,
    }
}

/// Whether a file or a value shows where `asker` has `host` from.
pub fn is_shown(evidence: &Evidence, host: &str, asker: Option<&str>) -> bool {
    let same = |other: &str| other.eq_ignore_ascii_case(host);
    let asks = |service: &String| asker.is_none_or(|asker| asker == service);
    let in_files = evidence.hosts_in_files.iter();
    let in_values = evidence.hosts_in_values.iter();
    in_files
        .filter(|seen| same(&seen.host))
        .any(|seen| seen.services.iter().any(asks))
        || in_values
            .filter(|seen| same(&seen.host))
            .any(|seen| seen.services.iter().any(asks))
}

/// The names that a lookup at run time is judged by, each with the service that answers to it in dev.
pub fn all_names(evidence: &Evidence) -> Vec<(String, Option<String>)> {
    let names = evidence.dev.host_names().into_iter();
    let own = names.map(|(name, service)| (name, Some(service)));
    let docker = crate::scan::DOCKER_HOSTS.iter();
    let docker = docker.map(|name| ((*name).to_owned(), None));
    own.chain(docker.filter(|(name, _)| is_docker_host(name)))
        .collect()
}
