//! H005 `loopback-only-listener`.

use crate::app::{Port, Protocol};
use crate::checks::rule;
use crate::evidence::{Evidence, Family, KnownBy, Listener};
use crate::finding::{Finding, Severity};

rule! {
    /// A published port on which the app listens at the loopback address alone, `127.0.0.1` or `::1`, or
    /// for IPv6 alone.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A load balancer, another task and a health check of the target group reach a task at the address of
    /// its network interface. What listens on `127.0.0.1` hears only the containers of its own task: to all
    /// others the port is closed, the target never becomes healthy, and ECS replaces the task again and
    /// again. Many servers choose this address by themselves when they are started for development: `flask
    /// run`, `vite`, `uvicorn`, `ng serve`, `rails server`. In dev it goes unnoticed where the server runs on
    /// the developer's machine, or where only its neighbours or a command in its container ask it.
    ///
    /// A server that listens for IPv6 alone (`::` with `IPV6_V6ONLY`) is a warning: a task has an IPv4
    /// address, and IPv6 only in a subnet that is set up for it.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     command: flask run --port 8000
    ///     ports: ["8000:8000"]
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     command: flask run --host 0.0.0.0 --port 8000
    ///     ports: ["8000:8000"]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When nothing outside of the task is to reach the port: better then to take it out of `ports`, at least
    /// for production, since a port mapping on ECS promises that it is open. An IPv6-only server is fine in a
    /// VPC whose clients all come over IPv6.
    "H005", "loopback-only-listener", Error, since "0.1.0",
    needs [Listeners],
    "a published port is open to its own task alone",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in evidence.prod.services.values() {
        let mut judged: Vec<u16> = Vec::new();
        for port in &service.ports {
            if port.protocol != Protocol::Tcp || judged.contains(&port.target) {
                continue;
            }
            judged.push(port.target);
            findings.extend(of_port(evidence, &service.name, port));
        }
    }
    findings
}

/// The sockets of `service` on `port`.
fn on<'a>(all: Option<&'a Vec<Listener>>, service: &str, port: u16) -> Vec<&'a Listener> {
    let own = |one: &&Listener| one.service == service && one.port == port;
    all.into_iter().flatten().filter(own).collect()
}

fn of_port(evidence: &Evidence, service: &str, port: &Port) -> Option<Finding> {
    let sockets = on(evidence.task_listeners.as_ref(), service, port.target);
    let open = |one: &&Listener| !one.is_loopback();
    let first = sockets.first()?;
    if sockets
        .iter()
        .any(|one| open(one) && one.family != Family::Ipv6)
    {
        return None;
    }
    let by_ipv6 = sockets.iter().any(open);
    let number = port.target;
    let addresses: Vec<String> = sockets.iter().map(|one| one.address.clone()).collect();
    let mut finding = match by_ipv6 {
        false => Finding::new(
            &INFO,
            format!(
                "`{service}` publishes port {number} and listens on it at `{}` alone: nothing outside of the task can reach it",
                first.address
            ),
            format!(
                "let `{service}` listen on `0.0.0.0`: a flag such as `--host 0.0.0.0`, a variable such as `HOST`, or the address in its configuration"
            ),
        ),
        true => Finding::new(
            &INFO,
            format!(
                "`{service}` publishes port {number} and listens on it for IPv6 alone: a task is reached over IPv4 unless its subnet and its clients have IPv6"
            ),
            format!("let `{service}` listen on `0.0.0.0` too, or on `::` without `IPV6_V6ONLY`"),
        ),
    };
    if by_ipv6 {
        finding.severity = Severity::Warning;
    }
    finding = finding
        .service(service)
        .at(&port.place, "")
        .data("port", number)
        .data("addresses", addresses);
    for one in &sockets {
        finding = finding.proof(seen(one));
    }
    Some(finding.proof(in_dev(evidence, service, number)))
}

/// What was seen of a socket of the task, and how its owner is known.
fn seen(one: &Listener) -> String {
    let Listener {
        service,
        address,
        port,
        ..
    } = one;
    let only = match (one.family, one.is_loopback()) {
        (Family::Ipv6, false) => " and refuses IPv4",
        _ => "",
    };
    match one.known_by {
        KnownBy::Port => format!(
            "in the task, a socket listens on `{address}` port {port}{only}; that it is `{service}`'s is inferred: nobody else in the task claims the port"
        ),
        KnownBy::Process | KnownBy::Namespace => format!(
            "in the task, a process of `{service}` listens on `{address}` port {port}{only}"
        ),
    }
}

/// How it is in the dev run.
fn in_dev(evidence: &Evidence, service: &str, port: u16) -> String {
    if evidence.dev_listeners.is_none() {
        return "how it is in dev is not known: there was no dev run".to_owned();
    }
    let sockets = on(evidence.dev_listeners.as_ref(), service, port);
    let open = sockets.iter().find(|one| !one.is_loopback());
    match (sockets.first(), open) {
        (None, _) => format!("in dev, `{service}` does not listen on port {port}"),
        (_, Some(open)) => format!("in dev, it listens on `{}`", open.address),
        (Some(first), None) => format!(
            "in dev it is the same (`{}`): the port that `ports` publishes does not answer there either",
            first.address
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::words::tests::evidence;

    const APP: &str = "services: {web: {image: x, ports: ['80:8000', '53:53/udp']}, api: {image: y, expose: [9000]}}\n";

    fn socket(service: &str, address: &str, port: u16, family: Family) -> Listener {
        Listener {
            service: service.to_owned(),
            address: address.to_owned(),
            port,
            family,
            known_by: KnownBy::Process,
        }
    }

    fn found(sockets: Vec<Listener>) -> Vec<(Severity, String)> {
        let mut seen = evidence(APP);
        seen.task_listeners = Some(sockets);
        let findings = check(&seen).into_iter();
        findings
            .map(|finding| (finding.severity, finding.message))
            .collect()
    }

    #[test]
    fn a_published_port_at_loopback_alone_is_an_error() {
        for address in ["127.0.0.1", "127.0.1.1", "::1"] {
            let found = found(vec![socket("web", address, 8000, Family::Ipv4)]);
            assert_eq!(found.len(), 1, "{address}");
            assert_eq!(found[0].0, Severity::Error);
            assert!(found[0].1.contains(address), "{}", found[0].1);
        }
    }

    #[test]
    fn ipv6_alone_is_a_warning() {
        let found = found(vec![
            socket("web", "::", 8000, Family::Ipv6),
            socket("web", "127.0.0.1", 8000, Family::Ipv4),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Severity::Warning);
        assert!(found[0].1.contains("for IPv6 alone"));
    }

    #[test]
    fn a_socket_that_others_can_reach_is_fine() {
        for sockets in [
            vec![socket("web", "0.0.0.0", 8000, Family::Ipv4)],
            vec![socket("web", "::", 8000, Family::Both)],
            vec![socket("web", "10.1.2.3", 8000, Family::Ipv4)],
            vec![
                socket("web", "127.0.0.1", 8000, Family::Ipv4),
                socket("web", "0.0.0.0", 8000, Family::Ipv4),
            ],
        ] {
            assert_eq!(found(sockets.clone()), [], "{sockets:?}");
        }
    }

    #[test]
    fn what_is_not_published_may_keep_to_itself() {
        for sockets in [
            vec![],
            vec![socket("api", "127.0.0.1", 9000, Family::Ipv4)],
            vec![socket("web", "127.0.0.1", 5000, Family::Ipv4)],
            vec![socket("api", "127.0.0.1", 8000, Family::Ipv4)],
            vec![socket("web", "127.0.0.1", 53, Family::Ipv4)],
        ] {
            assert_eq!(found(sockets.clone()), [], "{sockets:?}");
        }
    }

    #[test]
    fn the_proof_says_how_the_owner_is_known_and_how_it_is_in_dev() {
        let mut seen = evidence(APP);
        let mut own = socket("web", "127.0.0.1", 8000, Family::Ipv4);
        own.known_by = KnownBy::Port;
        seen.task_listeners = Some(vec![own]);
        seen.dev_listeners = Some(vec![socket("web", "127.0.0.1", 8000, Family::Ipv4)]);
        let proof = check(&seen)[0].evidence.join("\n");
        assert!(proof.contains("is inferred"), "{proof}");
        assert!(proof.contains("does not answer there either"), "{proof}");
        seen.dev_listeners = Some(vec![socket("web", "0.0.0.0", 8000, Family::Ipv4)]);
        let proof = check(&seen)[0].evidence.join("\n");
        assert!(proof.contains("in dev, it listens on `0.0.0.0`"), "{proof}");
    }
}
