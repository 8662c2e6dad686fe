//! H003 `service-lookup-failed`.

use super::named::{all_names, is_shown};
use crate::checks::rule;
use crate::checks::words::{TASK_LOOPBACK, elsewhere, failed_lookups, lookup_sentence};
use crate::evidence::{Evidence, Lookup};
use crate::finding::Finding;

rule! {
    /// The running task asked DNS for the name of a service, or for another that Docker alone knows,
    /// and got "no such name", as on ECS. No file and no variable shows where the name comes from.
    ///
    /// Where one does, the finding of H001, H002 or H004 has the lookup as its proof, and this rule is
    /// silent: one cause is told once. What remains are names that are put together in code, come
    /// from a database or another server, or are the defaults of a program that nobody wrote down.
    ///
    /// ## Why it breaks on ECS
    ///
    /// The resolver of a VPC knows no services of a Compose file. Whoever asks for one gets NXDOMAIN,
    /// mostly told as "host not found", and connects to nothing.
    ///
    /// ## Broken
    ///
    /// ```py
    /// shard = "shard-" + str(number)     # the services shard-1 and shard-2
    /// connect(shard, 5432)
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```py
    /// connect(os.environ[f"SHARD_{number}_HOST"], 5432)
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When a program asks for a name that it can do without, such as an optional cache or collector.
    "H003", "service-lookup-failed", Error, since "0.1.0",
    needs [Task, Lookups],
    "a service name was looked up at run time and does not exist in the task",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let names = all_names(evidence).into_iter();
    names
        .filter_map(|(host, target)| unexplained(evidence, &host, target.as_deref()))
        .collect()
}

/// A finding of the lookups of `host` that no file and no value explains.
fn unexplained(evidence: &Evidence, host: &str, target: Option<&str>) -> Option<Finding> {
    let lookups: Vec<&Lookup> = failed_lookups(evidence, host, &[])
        .into_iter()
        .filter(|lookup| !is_shown(evidence, host, lookup.asker.as_deref()))
        .collect();
    let sentence = lookup_sentence(host, &lookups)?;
    let mut askers: Vec<&str> = lookups.iter().filter_map(|l| l.asker.as_deref()).collect();
    askers.sort_unstable();
    askers.dedup();
    let message =
        format!("the running task looked up `{host}`, which exists on a Docker network only");
    let address = match target {
        Some(target) => elsewhere(evidence, &askers, target).unwrap_or_else(|| {
            format!("for `{target}` in the same task the host is {TASK_LOOPBACK}")
        }),
        None => "what runs on your machine has to run somewhere in production too".to_owned(),
    };
    let help = format!("let the container take the address from its environment; {address}");
    let count: u64 = lookups.iter().map(|lookup| lookup.count).sum();
    let mut finding = Finding::new(&INFO, message, help)
        .data("host", host)
        .data("askers", askers.clone())
        .data("count", count)
        .data("types", types(&lookups))
        .proof(sentence);
    if let Some(target) = target {
        finding = finding.data("target", target);
    }
    if let Some(asker) = askers.first() {
        finding = finding.service(asker);
        if let Some(service) = evidence.prod.services.get(*asker) {
            finding = finding.at(&service.place, "");
        }
    }
    Some(finding)
}

fn types(lookups: &[&Lookup]) -> Vec<String> {
    let mut types: Vec<String> = lookups.iter().map(|lookup| lookup.record.clone()).collect();
    types.sort();
    types.dedup();
    types
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;
    use crate::evidence::{HostInValue, LookupOutcome, TaskSeen, ValueOf};

    /// The findings when the services `askers` looked `name` up, and `web` has a variable that names `db`.
    fn found(name: &str, askers: &[Option<&str>]) -> Vec<Finding> {
        let text = "services: {web: {image: web}, job: {image: job}, db: {image: db}}";
        let mut evidence = evidence(text);
        evidence.hosts_in_values = vec![HostInValue {
            services: vec!["web".to_owned()],
            host: "db".to_owned(),
            target: Some("db".to_owned()),
            of: ValueOf::Variable("DB_HOST".to_owned()),
            value: "db".to_owned(),
            place: Place::start_of("compose.yaml"),
        }];
        let lookups = askers.iter().map(|asker| Lookup {
            name: name.to_owned(),
            record: "A".to_owned(),
            asker: asker.map(str::to_owned),
            outcome: LookupOutcome::Denied,
            count: 1,
            first_ms: None,
        });
        evidence.task = Some(TaskSeen {
            lookups: lookups.collect(),
            ..TaskSeen::default()
        });
        check(&evidence)
    }

    #[test]
    fn what_a_variable_explains_is_told_there() {
        assert!(found("db", &[Some("web")]).is_empty());
        assert!(found("db", &[None]).is_empty());
    }

    #[test]
    fn who_asks_without_a_variable_is_told_alone() {
        let found = found("db", &[Some("web"), Some("job")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].data["askers"], serde_json::json!(["job"]));
        assert_eq!(found[0].data["count"], 1);
        assert_eq!(found[0].locations.len(), 1);
    }

    #[test]
    fn a_host_of_docker_is_told_too_and_has_no_target() {
        let found = found("host.docker.internal", &[Some("web")]);
        assert_eq!(found.len(), 1);
        assert!(!found[0].data.contains_key("target"));
    }

    #[test]
    fn other_names_are_of_no_concern() {
        assert!(found("example.com", &[Some("web")]).is_empty());
    }
}
