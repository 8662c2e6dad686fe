//! H006 `host-from-hostname`.

use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{Evidence, Listener, OwnName, OwnNameFor};
use crate::finding::{Finding, Severity};

rule! {
    /// A server listens on the name of its own container (`$HOSTNAME`, `os.hostname()`), or a program
    /// takes that name for its identity.
    ///
    /// Looked at are the files of the images, the commands of the Compose file, and images that run
    /// the `server.js` of Next.js (`output: "standalone"`), which listens on `HOSTNAME` unless
    /// something sets that variable. It is a warning, and an error where the dev run shows a server
    /// that listens on its container's own address alone. An identity is told where it can matter:
    /// when several services of one task have it, or when the Compose file sets `hostname` to keep
    /// it stable.
    ///
    /// ## Why it breaks on ECS
    ///
    /// In a task all containers have one host name, the private DNS name of the task's network
    /// interface, such as `ip-10-0-1-23.eu-west-1.compute.internal`. A server that listens on it is
    /// bound to the address of the interface: neighbours and health checks that ask `127.0.0.1` are
    /// refused. As an identity the name is the same for every container of the task, and another one
    /// for every new task.
    ///
    /// ## Broken
    ///
    /// ```js
    /// server.listen(3000, process.env.HOSTNAME);
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```js
    /// server.listen(3000, '0.0.0.0');
    /// ```
    ///
    /// ```dockerfile
    /// # the standalone server of Next.js
    /// ENV HOSTNAME=0.0.0.0
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When only a load balancer asks the server, which uses the address of the interface, and no
    /// container and no health check does.
    "H006", "host-from-hostname", Warning, since "0.1.0",
    needs [Files],
    "a server listens on its container's host name, or the name is taken for an identity",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let seen = evidence.own_names.iter();
    seen.filter(|seen| matters(evidence, seen))
        .map(|seen| finding(evidence, seen))
        .collect()
}

fn matters(evidence: &Evidence, seen: &OwnName) -> bool {
    if seen.used_for != OwnNameFor::Identity {
        return true;
    }
    let services = &evidence.prod.services;
    let known: Vec<_> = seen
        .services
        .iter()
        .filter_map(|name| services.get(name))
        .collect();
    let task = |at: usize| {
        known
            .get(at)
            .map(|service| evidence.prod.task_name(service))
    };
    let shared = (1..known.len()).any(|at| task(at) == task(0));
    shared || known.iter().any(|service| service.hostname.is_some())
}

fn finding(evidence: &Evidence, seen: &OwnName) -> Finding {
    let (message, help) = match seen.used_for {
        OwnNameFor::Listening => (
            "a server listens on its container's host name, which on ECS is the address of the task's network interface: whoever asks 127.0.0.1 is refused",
            "listen on 0.0.0.0, or on an address from a variable other than `HOSTNAME`",
        ),
        OwnNameFor::NextServer => (
            "the standalone server of Next.js listens on `HOSTNAME`, which on ECS is the name of the task's network interface: whoever asks 127.0.0.1 is refused",
            "write `ENV HOSTNAME=0.0.0.0` into the Dockerfile",
        ),
        OwnNameFor::Identity => (
            "the container's host name is taken for an identity, and on ECS all containers of a task have one name and every new task another",
            "give each service an id of its own in a variable; the task's id is in the metadata at `ECS_CONTAINER_METADATA_URI_V4`",
        ),
    };
    let mut finding = Finding::new(&INFO, message, help)
        .at(&seen.place, &seen.text)
        .data("services", seen.services.clone())
        .proof(seen.via.clone());
    if let Some(service) = seen.services.first() {
        finding = finding.service(service);
    }
    if seen.used_for == OwnNameFor::Identity {
        return finding;
    }
    let bound: Vec<&Listener> = on_own_address(evidence, seen);
    if !bound.is_empty() {
        finding.severity = Severity::Error;
    }
    for listener in bound {
        finding = finding.proof(format!(
            "in dev, {} listens on port {} of {} alone, its container's own address",
            list(&[&listener.service]),
            listener.port,
            listener.address
        ));
    }
    finding
}

/// Sockets of the dev run that are bound to one address which is not the loopback one.
fn on_own_address<'e>(evidence: &'e Evidence, seen: &OwnName) -> Vec<&'e Listener> {
    let own = |listener: &&Listener| {
        seen.services.contains(&listener.service)
            && !listener.is_for_every_address()
            && !listener.is_loopback()
    };
    let listeners = evidence.dev_listeners.iter().flatten();
    listeners.filter(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;

    fn found(used_for: OwnNameFor, services: &[&str], listens: &str) -> Vec<Finding> {
        let mut evidence = evidence(
            "services:
  a: {image: a}
  b: {image: b}
  named: {image: c, hostname: named}
",
        );
        evidence.own_names = vec![OwnName {
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            used_for,
            place: Place::start_of("server.js"),
            text: String::new(),
            via: "the file is in the image of `a`".to_owned(),
        }];
        evidence.dev_listeners = Some(vec![Listener {
            service: "a".to_owned(),
            address: listens.to_owned(),
            port: 3000,
            family: crate::evidence::Family::Ipv4,
            known_by: crate::evidence::KnownBy::Namespace,
        }]);
        check(&evidence)
    }

    #[test]
    fn a_server_on_its_own_name_is_a_warning_until_it_is_seen() {
        let severity = |listens| found(OwnNameFor::Listening, &["a"], listens)[0].severity;
        assert_eq!(severity("0.0.0.0"), Severity::Warning);
        assert_eq!(severity("::"), Severity::Warning);
        assert_eq!(severity("127.0.0.1"), Severity::Warning);
        assert_eq!(severity("172.18.0.3"), Severity::Error);
    }

    #[test]
    fn an_identity_of_one_service_is_fine_unless_the_file_fixes_it() {
        let count = |services: &[&str]| found(OwnNameFor::Identity, services, "::").len();
        assert_eq!(count(&["a"]), 0);
        assert_eq!(count(&["a", "b"]), 1);
        assert_eq!(count(&["named"]), 1);
    }
}
