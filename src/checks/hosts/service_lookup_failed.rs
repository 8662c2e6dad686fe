//! H003 `service-lookup-failed`.

use super::service_host_in_environment::places;
use crate::checks::rule;
use crate::checks::words::{TASK_LOOPBACK, elsewhere, lookup_sentence};
use crate::evidence::{Evidence, Lookup, LookupOutcome};
use crate::finding::Finding;

rule! {
    /// The running task asked DNS for a service's name and got NXDOMAIN, as on ECS.
    ///
    /// This is the proof at run time, whatever the source says: also for a default of a stock image or a
    /// name that is put together in code.
    "H003", "service-lookup-failed", Error, since "0.1.0",
    needs [Task, Lookups],
    "a service name was looked up at run time and does not exist in the task",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let Some(task) = &evidence.task else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (host, target) in evidence.dev.host_names() {
        let lookups: Vec<&Lookup> = task
            .lookups
            .iter()
            .filter(|lookup| {
                lookup.outcome == LookupOutcome::Denied && lookup.name.eq_ignore_ascii_case(&host)
            })
            .collect();
        let Some(sentence) = lookup_sentence(&host, &lookups) else {
            continue;
        };
        let mut askers: Vec<&str> = lookups.iter().filter_map(|l| l.asker.as_deref()).collect();
        askers.sort_unstable();
        askers.dedup();
        let message =
            format!("the running task looked up `{host}`, which exists on a Docker network only");
        let address = elsewhere(evidence, &askers, &target).unwrap_or_else(|| {
            format!("for `{target}` in the same task the host is {TASK_LOOPBACK}")
        });
        let help = format!("let the container take the address from its environment; {address}");
        let mut finding = Finding::new(&INFO, message, help)
            .data("host", &*host)
            .data("target", &*target)
            .data("askers", askers.clone())
            .data(
                "count",
                lookups.iter().map(|lookup| lookup.count).sum::<u64>(),
            )
            .data("types", types(&lookups))
            .proof(sentence);
        if let Some(asker) = askers.first() {
            finding = finding.service(asker);
        }
        for seen in evidence
            .hosts_in_files
            .iter()
            .filter(|seen| seen.host == host)
        {
            let asked = askers.is_empty() || seen.services.iter().any(|s| askers.contains(&&**s));
            if asked {
                finding = finding.at(&seen.place, &seen.text);
            }
        }
        for place in places(evidence, &host, &askers) {
            finding = finding.at(&place, "");
        }
        findings.push(finding);
    }
    findings
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
    use crate::checks::words::tests::evidence;
    use crate::evidence::TaskSeen;

    #[test]
    fn the_variable_that_gave_the_name_is_the_place() {
        let text = "services:
  web: {image: web, environment: {DB_URL: 'postgres://db/x', OTHER: db}}
  job: {image: job, environment: {DB_HOST: db}}
  db: {image: db}
";
        let lookup = Lookup {
            name: "db".to_owned(),
            record: "A".to_owned(),
            asker: Some("web".to_owned()),
            outcome: LookupOutcome::Denied,
            count: 1,
        };
        let mut evidence = evidence(text);
        evidence.task = Some(TaskSeen {
            lookups: vec![lookup],
            ..TaskSeen::default()
        });
        let findings = check(&evidence);
        assert_eq!(findings.len(), 1);
        let places: Vec<_> = findings[0]
            .locations
            .iter()
            .map(|location| (location.place.line, location.place.column))
            .collect();
        assert_eq!(places, [(2, 55)]);
    }
}
