//! H002 `service-host-in-environment`.

use super::named;
use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// A value of the Compose file or of an env file names a service as host, and production gets it
    /// unchanged.
    ///
    /// Looked at are the variables (`environment` and `env_file`), `command`, `entrypoint`, the health
    /// check, hooks, build arguments, the texts of configs, and labels. In a label it is a warning:
    /// what reads labels of Docker's containers is rarely part of production.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A task definition made of the Compose file says the same as the file, and on ECS no service
    /// name resolves: the containers of a task share one network namespace, where `127.0.0.1` reaches
    /// all of them. A build argument is worse: its value is in the image, and no variable replaces it.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   api:
    ///     environment:
    ///       DATABASE_URL: postgres://app@db:5432/app
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   api:
    ///     environment:
    ///       DATABASE_URL: postgres://app@db:5432/app
    ///     x-envsim:
    ///       prod:
    ///         environment:
    ///           DATABASE_URL: postgres://app@127.0.0.1:5432/app
    /// ```
    ///
    /// A `compose.prod.yaml` beside the Compose file can hold the production values as well, and those
    /// of a health check, an entrypoint or a build argument only there.
    ///
    /// ## When to ignore it
    ///
    /// When the value is not used in production: the service does not run there, or another variable
    /// goes before it. Say so in the `reason`.
    "H002", "service-host-in-environment", Error, since "0.1.0",
    needs [EnvFiles],
    "a variable or command names a service as host and has no production value",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    evidence
        .hosts_in_values
        .iter()
        .filter(|seen| named::is_service(evidence, &seen.host))
        .map(|seen| named::in_value(&INFO, evidence, seen))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{HostInValue, ValueOf};
    use crate::finding::Severity;

    fn found(host: &str, of: ValueOf) -> Vec<Finding> {
        let mut evidence = evidence("services: {web: {image: web}, db: {image: db}}");
        evidence.hosts_in_values = vec![HostInValue {
            services: vec!["web".to_owned()],
            host: host.to_owned(),
            target: Some("db".to_owned()),
            of,
            value: "db".to_owned(),
            place: Place::start_of("compose.yaml"),
        }];
        check(&evidence)
    }

    #[test]
    fn a_variable_is_named_and_its_help_says_where_the_production_value_goes() {
        let found = found("db", ValueOf::Variable("DB_HOST".to_owned()));
        assert_eq!(found[0].data["variable"], "DB_HOST");
        assert_eq!(found[0].severity, Severity::Error);
        assert!(found[0].help.contains("x-envsim.prod.environment"));
    }

    #[test]
    fn a_label_is_a_warning() {
        let found = found("db", ValueOf::Label("proxy.to".to_owned()));
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn a_host_of_docker_is_for_another_rule() {
        assert!(found("host.docker.internal", ValueOf::Command).is_empty());
    }
}
