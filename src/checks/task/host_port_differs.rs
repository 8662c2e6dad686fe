//! T002 `host-port-differs`.

use crate::app::{Place, Port, Service};
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// A port is published under another number than the container's, which a task cannot do, or one
    /// container port is published under two protocols.
    ///
    /// It is a warning: the app itself works. Lost is the other number. What matters is who uses it: the
    /// finding shows values of the environment that name it. A port that is published on the loopback address alone
    /// is for the developer and not meant, nor is one whose number the engine picks.
    ///
    /// ## Why it breaks on ECS
    ///
    /// With the network mode `awsvpc` a task has an address of its own, and a container's port is the task's
    /// port: there is no host in between that could give it another number. ECS refuses a task definition in which
    /// they differ: `When networkMode=awsvpc, the host ports and container ports in port mappings must match`. Behind a load
    /// balancer nothing is lost, since its listener has any port you like and its target group asks the container's.
    /// Whoever calls the task directly, or is told a URL with the published port, must use the container's port.
    /// One container port cannot be mapped under two protocols either.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   api:
    ///     build: ./api
    ///     ports: ["8080:80"]
    ///   web:
    ///     build: ./web
    ///     environment: {API_URL: "http://api.example.internal:8080"}
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   api:
    ///     build: ./api
    ///     ports: ["80:80"]
    ///   web:
    ///     build: ./web
    ///     environment: {API_URL: "http://api.example.internal"}
    /// ```
    ///
    /// Or let the program listen on the published port: `ports: ["8080:8080"]`.
    ///
    /// ## When to ignore it
    ///
    /// When production has a load balancer or a proxy in front and nobody else calls the task: the published port
    /// is then a matter of your own machine. Write `127.0.0.1:8080:80` for that, or put the mapping into
    /// `compose.override.yaml`, which only the dev run reads.
    "T002", "host-port-differs", Warning, since "0.1.0",
    needs [],
    "a port is published under another number than the container's",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in evidence.prod.services.values() {
        findings.extend(other_numbers(evidence, service));
        findings.extend(two_protocols(service));
    }
    findings
}

/// Whether only the developer's own machine reaches a port.
fn is_local(port: &Port) -> bool {
    let address = port.host_ip.as_deref().unwrap_or_default();
    address.starts_with("127.") || matches!(address, "localhost" | "::1" | "[::1]")
}

fn differs(port: &Port) -> bool {
    port.published
        .is_some_and(|published| published != port.target)
        && !is_local(port)
}

/// One finding for all ports of a service.
fn other_numbers(evidence: &Evidence, service: &Service) -> Option<Finding> {
    let ports: Vec<&Port> = service.ports.iter().filter(|port| differs(port)).collect();
    if ports.is_empty() {
        return None;
    }
    let name = &service.name;
    let pairs: Vec<String> = ports.iter().take(4).map(|port| shown(port)).collect();
    let more = match ports.len().saturating_sub(4) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let numbers: Vec<String> = ports.iter().map(|port| port.target.to_string()).collect();
    let message = format!(
        "`{name}` publishes {}{more}, and a task has no other number for a container's port: clients must use {}",
        list(&pairs),
        list(&numbers[..numbers.len().min(4)])
    );
    let help = format!(
        "publish the container's own port, or let `{name}` listen on the published one; behind a load balancer, whose target group asks the container's port, nothing else is to do"
    );
    let mut finding = Finding::new(&INFO, message, help)
        .service(name)
        .data("key", "ports")
        .data(
            "container_ports",
            ports.iter().map(|port| port.target).collect::<Vec<_>>(),
        )
        .data(
            "host_ports",
            ports
                .iter()
                .filter_map(|port| port.published)
                .collect::<Vec<_>>(),
        );
    for port in &ports {
        finding = finding.at(&port.place, "");
    }
    for port in &ports {
        for (variable, place) in users(evidence, port) {
            finding = finding.at(place, "").proof(format!(
                "`{variable}` names the published port {}",
                port.published.unwrap_or_default()
            ));
        }
    }
    Some(finding)
}

/// `8080:80`, `8000-8005:80`.
fn shown(port: &Port) -> String {
    let first = port.published.unwrap_or_default();
    match port.published_last.filter(|last| *last != first) {
        Some(last) => format!("{first}-{last}:{}", port.target),
        None => format!("{first}:{}", port.target),
    }
}

/// Variables of the app whose values are addresses with the published port, and where they are set.
fn users<'a>(evidence: &'a Evidence, port: &'a Port) -> impl Iterator<Item = (&'a str, &'a Place)> {
    let wanted = format!(":{}", port.published.unwrap_or_default());
    let variables = evidence
        .prod
        .services
        .values()
        .flat_map(|service| &service.environment);
    variables.filter_map(move |variable| {
        let value = &variable.value;
        let named = value.match_indices(&wanted).any(|(at, _)| {
            let after = value[at + wanted.len()..].chars().next();
            at > 0 && after.is_none_or(|c| !c.is_ascii_digit())
        });
        named.then_some((&*variable.name, &variable.place))
    })
}

/// A container port under two protocols.
fn two_protocols(service: &Service) -> impl Iterator<Item = Finding> {
    let ports = service.ports.iter().enumerate();
    ports.filter_map(move |(at, port)| {
        let first = service.ports[..at].iter().find(|other| other.target == port.target)?;
        if first.protocol == port.protocol {
            return None;
        }
        let message = format!(
            "`{}` publishes port {} under both {} and {}, and ECS maps a container's port under one protocol",
            service.name,
            port.target,
            first.protocol.as_str(),
            port.protocol.as_str()
        );
        let help = "use another port for one of them, or map one protocol in the task and take the other to a task of its own".to_owned();
        let finding = Finding::new(&INFO, message, help)
            .service(&service.name)
            .data("key", "ports")
            .data("container_ports", vec![port.target])
            .data("protocols", vec![first.protocol.as_str(), port.protocol.as_str()]);
        Some(finding.at(&port.place, "").at(&first.place, ""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    fn found(text: &str) -> Vec<Finding> {
        let app = app_for(text, Mode::Prod);
        check(&Evidence::new(app.clone(), app))
    }

    fn messages(ports: &str) -> Vec<String> {
        let text = format!("services:\n  web: {{image: web, ports: {ports}}}\n");
        found(&text)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn another_number_is_told_once_per_service() {
        let all = messages("['8080:80', '8443:443', '22:22']");
        assert_eq!(
            all,
            [
                "`web` publishes `8080:80` and `8443:443`, and a task has no other number for a container's port: clients must use `80` and `443`"
            ]
        );
    }

    #[test]
    fn equal_random_and_local_ports_are_fine() {
        assert_eq!(
            messages("['80:80', '3000', '127.0.0.1:8080:80', '6060/udp']"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_range_of_the_host_for_one_port_is_shown_as_such() {
        assert!(messages("['8000-8005:80']")[0].contains("`8000-8005:80`"));
    }

    #[test]
    fn one_port_under_two_protocols_is_told() {
        let all = messages("['53:53/udp', '53:53/tcp']");
        assert_eq!(
            all,
            [
                "`web` publishes port 53 under both udp and tcp, and ECS maps a container's port under one protocol"
            ]
        );
    }

    #[test]
    fn a_variable_with_the_published_port_is_a_place() {
        let all = found(
            "services:\n  api: {image: api, ports: ['8080:80']}\n  web:\n    image: web\n    environment:\n      API: http://localhost:8080/v1\n      OTHER: http://localhost:80801\n",
        );
        let lines: Vec<u32> = all[0]
            .locations
            .iter()
            .map(|location| location.place.line)
            .collect();
        assert_eq!(lines, [2, 6]);
    }
}
