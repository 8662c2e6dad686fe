//! Sentences that several rules share.

use crate::evidence::{Evidence, Lookup, LookupOutcome};

/// Lookups of `host` that failed in the task; those of `asker` or of nobody known when one is given.
pub fn failed_lookups<'a>(
    evidence: &'a Evidence,
    host: &str,
    askers: &[String],
) -> Vec<&'a Lookup> {
    let Some(task) = &evidence.task else {
        return Vec::new();
    };
    task.lookups
        .iter()
        .filter(|lookup| {
            lookup.outcome == LookupOutcome::Denied
                && lookup.name.eq_ignore_ascii_case(host)
                && match &lookup.asker {
                    Some(asker) => askers.is_empty() || askers.contains(asker),
                    None => true,
                }
        })
        .collect()
}

/// One sentence for the lookups of one name: how often, by whom, with what answer.
pub fn lookup_sentence(host: &str, lookups: &[&Lookup]) -> Option<String> {
    if lookups.is_empty() {
        return None;
    }
    let count: u64 = lookups.iter().map(|lookup| lookup.count).sum();
    let mut records: Vec<&str> = lookups.iter().map(|lookup| &*lookup.record).collect();
    records.sort_unstable();
    records.dedup();
    let mut askers: Vec<&str> = lookups
        .iter()
        .filter_map(|lookup| lookup.asker.as_deref())
        .collect();
    askers.sort_unstable();
    askers.dedup();
    let who = match askers.as_slice() {
        [] => "a container of the task".to_owned(),
        askers => list(askers),
    };
    let times = match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let first = lookups.iter().filter_map(|lookup| lookup.first_ms).min();
    let first = first.map_or_else(String::new, |first| {
        let whose = if askers.len() == 1 { "its" } else { "the" };
        format!(", first {} s after {whose} start", tenths(first))
    });
    Some(format!(
        "in the task, {who} asked DNS for `{host}` {times} ({}){first}: NXDOMAIN",
        records.join(", ")
    ))
}

/// Milliseconds as seconds with one digit after the point.
fn tenths(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Where production has `target`, unless it is a neighbour in the task of one of `askers`.
///
/// Tasks share neither names nor an address; without Service Connect, service discovery or a load
/// balancer nothing leads from one to the other ("Interconnect Amazon ECS services").
pub fn elsewhere<S: AsRef<str>>(evidence: &Evidence, askers: &[S], target: &str) -> Option<String> {
    if let Some(external) = evidence.prod.elsewhere.get(target) {
        return Some(format!(
            "`{target}` is external: production reaches it as `{external}`"
        ));
    }
    let services = &evidence.prod.services;
    let task = evidence.prod.task_name(services.get(target)?);
    let mut asking = askers
        .iter()
        .filter_map(|asker| services.get(asker.as_ref()))
        .peekable();
    asking.peek()?;
    let near = asking.any(|asker| evidence.prod.task_name(asker) == task);
    (!near).then(|| {
        format!(
            "`{target}` is reached through Service Connect, service discovery or a load balancer: it belongs to another task (`{task}`)"
        )
    })
}

/// `` `a` ``, `` `a` and `b` ``, `` `a`, `b` and `c` ``.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The address at which a service is reached inside a task: `127.0.0.1`, since `localhost` can
/// mean `::1` first and a server that listens on IPv4 only looks dead then.
pub const TASK_LOOPBACK: &str = "127.0.0.1";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::evidence::{ContainerEnd, ContainerSeen};

    /// An essential container `web` that ended so, of which nothing else was seen.
    pub(crate) fn container(end: ContainerEnd) -> ContainerSeen {
        ContainerSeen {
            service: "web".to_owned(),
            essential: true,
            end,
            unhealthy: false,
            last_lines: Vec::new(),
            complaints: Vec::new(),
            stop: None,
            health_log: Vec::new(),
            memory: None,
        }
    }

    pub(crate) fn evidence(text: &str) -> Evidence {
        Evidence::new(
            app_for(text, Mode::Dev),
            app_for(text, Mode::Prod).deployed(),
        )
    }

    #[test]
    fn a_neighbour_another_task_and_a_managed_service_are_told_apart() {
        let evidence = evidence(
            "services:
  web: {image: web}
  cache: {image: cache}
  worker: {image: worker, x-envsim: {task: jobs}}
  db: {image: db, x-envsim: {external: 'orders.example.com:5432'}}
",
        );
        let told = |askers: &[&str], target| elsewhere(&evidence, askers, target);
        assert_eq!(told(&["web"], "cache"), None);
        assert_eq!(told(&[], "worker"), None);
        assert_eq!(told(&["web", "worker"], "cache"), None);
        assert_eq!(
            told(&["web"], "db").as_deref(),
            Some("`db` is external: production reaches it as `orders.example.com:5432`")
        );
        let other = told(&["web"], "worker").expect("another task");
        assert!(
            other.contains("it belongs to another task (`jobs`)"),
            "{other}"
        );
    }

    #[test]
    fn one_port_in_two_tasks_is_no_clash() {
        let found = |task: &str| {
            let evidence = evidence(&format!(
                "services:
  a: {{image: 'a:1', ports: ['81:80']}}
  b: {{image: 'b:1', ports: ['82:80'], x-envsim: {{task: {task}}}}}
"
            ));
            let judgement = crate::checks::run(&evidence);
            let clashes = judgement
                .findings
                .iter()
                .filter(|finding| finding.rule.code == "T001");
            clashes.count()
        };
        assert_eq!((found("project"), found("other")), (1, 0));
    }
}
