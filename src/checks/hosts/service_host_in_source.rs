//! H001 `service-host-in-source`.

use crate::checks::rule;
use crate::checks::words::{TASK_LOOPBACK, elsewhere, failed_lookups, list, lookup_sentence};
use crate::evidence::{Evidence, HostInFile};
use crate::finding::{Finding, Severity};

rule! {
    /// A service's name is written as a host in a file that goes into an image.
    ///
    /// On a Docker network `mongodb:27017` reaches the service `mongodb`. The containers of an ECS task
    /// share one network namespace and no such names: the connection fails with "host not found".
    /// A name that is only the default of an environment variable is a warning: production sets the
    /// variable.
    ///
    /// Fix: read the address from the environment, and set it to `127.0.0.1` for a container of the same
    /// task.
    "H001", "service-host-in-source", Error, since "0.1.0",
    needs [Files],
    "a service name is written as a host in a file of an image",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    evidence
        .hosts_in_files
        .iter()
        .map(|seen| finding(evidence, seen))
        .collect()
}

fn finding(evidence: &Evidence, seen: &HostInFile) -> Finding {
    let host = &seen.host;
    let value = seen
        .variable
        .as_ref()
        .and_then(|name| production_value(evidence, seen, name));
    let message = match &seen.variable {
        None => {
            format!("`{host}` is written as a host, and no container of an ECS task can resolve it")
        }
        Some(variable) => format!(
            "`{host}` is the host used when `{variable}` is not set, and no container of an ECS task can resolve it"
        ),
    };
    let address = |loopback: &str| {
        elsewhere(evidence, &seen.services, &seen.target)
            .unwrap_or_else(|| format!("for `{}` in the same task {loopback}", seen.target))
    };
    let help = match (&seen.variable, value.is_some()) {
        (None, _) => format!(
            "read the address from an environment variable; {}",
            address(&format!("it is {TASK_LOOPBACK}"))
        ),
        (Some(variable), true) => {
            format!(
                "production sets `{variable}`; without a default a forgotten variable fails at once instead"
            )
        }
        (Some(variable), false) => format!(
            "set `{variable}` for production under `x-envsim.prod.environment`; {}",
            address(&format!("the host is {TASK_LOOPBACK}"))
        ),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .at(&seen.place, &seen.text)
        .data("host", &**host)
        .data("target", &*seen.target)
        .data("services", seen.services.clone())
        .proof(if seen.mounted {
            format!(
                "{} has the file through {} only",
                list(&seen.services),
                seen.via
            )
        } else {
            format!(
                "the file is in the image of {}: {}",
                list(&seen.services),
                seen.via
            )
        });
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
