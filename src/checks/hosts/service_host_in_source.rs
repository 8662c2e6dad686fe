//! H001 `service-host-in-source`.

use super::named;
use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// The name of a service is written as a host in a file that goes into an image, or that only a
    /// bind mount brings and that belongs into one.
    ///
    /// A name that is only the default of an environment variable is a warning: production sets the
    /// variable. It is an error all the same where production does not set it and the running task
    /// looked the name up. What was looked up at run time stands with the finding as its proof.
    ///
    /// ## Why it breaks on ECS
    ///
    /// Docker gives every network of a Compose project a DNS server that knows the services by name:
    /// `mongodb:27017` reaches the container of `mongodb`. The containers of an ECS task share one
    /// network namespace instead. Nothing resolves their names, and the connection fails with "host not
    /// found" (`ENOTFOUND`, `EAI_AGAIN`, "Name or service not known"). What runs in the same task is
    /// reached at `127.0.0.1`; what runs elsewhere has a name of its own, from Service Connect, a load
    /// balancer or a managed service.
    ///
    /// ## Broken
    ///
    /// ```js
    /// await mongoose.connect('mongodb://mongodb:27017/goals');
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```js
    /// await mongoose.connect(process.env.MONGODB_URL);
    /// ```
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     environment:
    ///       MONGODB_URL: mongodb://mongodb:27017/goals
    ///     x-envsim:
    ///       prod:
    ///         environment:
    ///           MONGODB_URL: mongodb://127.0.0.1:27017/goals
    /// ```
    ///
    /// A server that reads no variables, such as nginx, gets its file from a template: the official
    /// image fills in `/etc/nginx/templates/*.template` when it starts.
    ///
    /// ## When to ignore it
    ///
    /// When the file is in the image and nothing reads it there, such as a sample or the settings of
    /// another stage. Better still, keep it out with a line in `.dockerignore`.
    "H001", "service-host-in-source", Error, since "0.1.0",
    needs [Files],
    "a service name is written as a host in a file of an image",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    evidence
        .hosts_in_files
        .iter()
        .filter(|seen| named::is_service(evidence, &seen.host))
        .map(|seen| named::in_file(&INFO, evidence, seen))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{HostInFile, Lookup, LookupOutcome, TaskSeen};
    use crate::finding::Severity;

    fn seen(host: &str, variable: Option<&str>) -> HostInFile {
        HostInFile {
            services: vec!["web".to_owned()],
            host: host.to_owned(),
            target: Some("db".to_owned()),
            place: Place::start_of("app.py"),
            text: String::new(),
            variable: variable.map(str::to_owned),
            via: "copied by line 2 of Dockerfile".to_owned(),
            mounted: false,
        }
    }

    fn with(seen: HostInFile, looked_up: bool, environment: &str) -> Vec<Finding> {
        let mut evidence = evidence(&format!(
            "services:
  web: {{image: web, environment: {{{environment}}}}}
  db: {{image: db, container_name: shop-db}}
"
        ));
        evidence.hosts_in_files = vec![seen];
        evidence.task = looked_up.then(|| TaskSeen {
            lookups: vec![Lookup {
                name: "db".to_owned(),
                record: "A".to_owned(),
                asker: Some("web".to_owned()),
                outcome: LookupOutcome::Denied,
                count: 14,
                first_ms: Some(840),
            }],
            ..TaskSeen::default()
        });
        check(&evidence)
    }

    #[test]
    fn what_was_looked_up_at_run_time_is_the_proof() {
        let found = with(seen("db", None), true, "");
        assert_eq!(
            found[0].evidence[1],
            "in the task, `web` asked DNS for `db` 14 times (A), first 0.8 s after its start: NXDOMAIN"
        );
    }

    #[test]
    fn a_default_is_a_warning_until_it_is_used() {
        let severity = |looked_up, environment| {
            with(seen("db", Some("DB")), looked_up, environment)[0].severity
        };
        assert_eq!(severity(false, ""), Severity::Warning);
        assert_eq!(severity(true, ""), Severity::Error);
        assert_eq!(severity(true, "DB: 127.0.0.1"), Severity::Warning);
    }

    #[test]
    fn another_name_of_a_service_is_for_another_rule() {
        assert!(with(seen("shop-db", None), false, "").is_empty());
    }
}
