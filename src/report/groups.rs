//! Findings that say the same of many places, so that they can be read as one.

use crate::finding::{Finding, Severity};

/// A group of more is shown once, with a list of the others.
pub const SHOWN: usize = 3;

/// What findings of one group have in common.
#[derive(PartialEq, Eq)]
enum Same<'a> {
    /// The name that is used as host.
    Host(&'a str),
    /// The line that the finding begins at, such as the bind mount of many missing files.
    Line(&'a str, u32),
    /// Nothing.
    Alone(usize),
}

/// Rule, severity and what else is the same.
type Key<'a> = (&'a str, Severity, Same<'a>);

/// The findings in their order, those that belong together behind the first of them.
pub fn groups<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<(Key, Vec<&Finding>)> = Vec::new();
    for (index, finding) in findings.enumerate() {
        let key = (finding.rule.code, finding.severity, same(finding, index));
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(finding),
            None => groups.push((key, vec![finding])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn same(finding: &Finding, index: usize) -> Same<'_> {
    if let Some(host) = finding.data.get("host").and_then(|host| host.as_str()) {
        return Same::Host(host);
    }
    match finding.locations.first() {
        Some(first) => Same::Line(&first.place.path, first.place.line),
        None => Same::Alone(index),
    }
}
