//! H004 `docker-only-host`.

use super::named;
use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// A host that Docker alone knows, and that is no service's name, is used in a file of an image or
    /// in a value that production gets from the Compose file.
    ///
    /// These are `host.docker.internal` and `gateway.docker.internal`, the resolver `127.0.0.11`, and
    /// the other names of a service: its `container_name`, its `hostname`, the `aliases` of its
    /// networks and the names in `links`. As with service names, the default of a variable is a
    /// warning, and a lookup at run time is told as proof.
    ///
    /// ## Why it breaks on ECS
    ///
    /// `host.docker.internal` is the machine that runs Docker, mostly the developer's; on ECS there is
    /// no such machine to reach. Every other of these names is served by the DNS server that Docker
    /// runs at `127.0.0.11` in each container. A task on ECS asks the resolver of its VPC instead,
    /// which knows none of them, and nothing listens at `127.0.0.11`: nginx with
    /// `resolver 127.0.0.11` answers every request with status 502.
    ///
    /// ## Broken
    ///
    /// ```nginx
    /// resolver 127.0.0.11 valid=10s;
    /// set $upstream http://shop-api:8000;
    /// proxy_pass $upstream;
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```nginx
    /// # default.conf.template: the official image fills in the variables when it starts
    /// resolver ${NGINX_LOCAL_RESOLVERS} valid=10s;
    /// set $upstream ${API_URL};
    /// proxy_pass $upstream;
    /// ```
    ///
    /// ```yaml
    /// services:
    ///   proxy:
    ///     environment:
    ///       NGINX_ENTRYPOINT_LOCAL_RESOLVERS: "1"
    ///       API_URL: http://api:8000
    ///     x-envsim:
    ///       prod:
    ///         environment:
    ///           API_URL: http://127.0.0.1:8000
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When it only serves development, as a debugger that calls back to the developer's machine, and
    /// production does not load it.
    "H004", "docker-only-host", Error, since "0.1.0",
    needs [Files],
    "a host that Docker alone knows is used, such as host.docker.internal or a container's name",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let other = |host: &str| !named::is_service(evidence, host);
    let in_files = evidence
        .hosts_in_files
        .iter()
        .filter(|seen| other(&seen.host))
        .map(|seen| named::in_file(&INFO, evidence, seen));
    let in_values = evidence
        .hosts_in_values
        .iter()
        .filter(|seen| other(&seen.host))
        .map(|seen| named::in_value(&INFO, evidence, seen));
    in_files.chain(in_values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{HostInFile, HostInValue, ValueOf};

    fn found(host: &str, target: Option<&str>) -> Vec<Finding> {
        let mut evidence = evidence(
            "services:
  web: {image: web}
  db: {image: db, container_name: shop-db}
",
        );
        evidence.hosts_in_files = vec![HostInFile {
            services: vec!["web".to_owned()],
            host: host.to_owned(),
            target: target.map(str::to_owned),
            place: Place::start_of("nginx.conf"),
            text: String::new(),
            variable: None,
            via: "copied by line 2 of Dockerfile".to_owned(),
            mounted: false,
        }];
        evidence.hosts_in_values = vec![HostInValue {
            services: vec!["web".to_owned()],
            host: host.to_owned(),
            target: target.map(str::to_owned),
            of: ValueOf::Command,
            value: host.to_owned(),
            place: Place::start_of("compose.yaml"),
        }];
        check(&evidence)
    }

    #[test]
    fn a_container_name_is_found_in_files_and_values_with_its_service() {
        let found = found("shop-db", Some("db"));
        assert_eq!(found.len(), 2);
        for finding in found {
            assert_eq!(finding.data["target"], "db");
            assert!(finding.message.contains("`container_name` of `db`"));
            assert!(finding.help.contains("127.0.0.1"), "{}", finding.help);
        }
    }

    #[test]
    fn a_host_of_docker_has_no_service_and_no_loopback_address() {
        for host in [
            "host.docker.internal",
            "gateway.docker.internal",
            "127.0.0.11",
        ] {
            let found = found(host, None);
            assert_eq!(found.len(), 2);
            assert!(!found[0].data.contains_key("target"));
            assert!(!found[0].help.contains("127.0.0.1"), "{}", found[0].help);
        }
    }

    #[test]
    fn the_name_of_a_service_is_for_other_rules() {
        assert!(found("db", Some("db")).is_empty());
    }
}
