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
    Some(format!(
        "in the task, {who} asked DNS for `{host}` {times} ({}): NXDOMAIN",
        records.join(", ")
    ))
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
