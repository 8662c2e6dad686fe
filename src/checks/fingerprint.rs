//! What stays of a finding when lines move: the same defect of two commits has one fingerprint.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::finding::{Finding, Judgement};

/// Keys of `data` that say which thing a finding is about. Counts, answers and exit codes differ from
/// run to run.
const IDENTITY: &[&str] = &[
    "host", "target", "path", "port", "service", "services", "variable", "probe", "name", "key",
    "file", "image", "user", "mount", "test",
];

/// Gives every finding its fingerprint. Findings that nothing but their line tells apart get numbers,
/// in the order of the lines.
pub fn set(judgement: &mut Judgement) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut order: Vec<usize> = (0..judgement.findings.len()).collect();
    order.sort_by_key(|index| {
        let first = judgement.findings[*index].locations.first();
        first.map(|location| location.place.clone())
    });
    for index in order {
        let finding = &mut judgement.findings[index];
        let same = identity(finding);
        let count = counts.entry(same.clone()).or_default();
        *count += 1;
        finding.fingerprint = format!("{same}:{count}");
    }
}

/// 32 hexadecimal digits of rule, file, text of the line and the telling data.
fn identity(finding: &Finding) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(finding.rule.code);
    add(finding.service.as_deref().unwrap_or_default());
    if let Some(location) = finding.locations.first() {
        add(&location.place.path);
        let words: Vec<&str> = location.text.split_whitespace().collect();
        add(&words.join(" "));
    }
    for key in IDENTITY {
        let Some(value) = finding.data.get(*key) else {
            continue;
        };
        add(key);
        match value {
            // The order in which services were seen says nothing.
            serde_json::Value::Array(items) => {
                let mut items: Vec<String> = items.iter().map(ToString::to_string).collect();
                items.sort();
                items.iter().for_each(|item| add(item));
            }
            other => add(&other.to_string()),
        }
    }
    let digest = hash.finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::find;

    fn found(line: u32, text: &str) -> Finding {
        let info = find("H001").expect("a rule");
        let place = Place {
            line,
            ..Place::start_of("src/a.js")
        };
        Finding::new(info, "m", "h")
            .at(&place, text)
            .data("host", "db")
    }

    fn prints(findings: Vec<Finding>) -> Vec<String> {
        let mut judgement = Judgement {
            findings,
            ..Judgement::default()
        };
        set(&mut judgement);
        let findings = judgement.findings.into_iter();
        findings.map(|finding| finding.fingerprint).collect()
    }

    #[test]
    fn a_line_that_moved_or_was_indented_is_the_same_finding() {
        let before = prints(vec![found(3, "connect('db')")]);
        assert_eq!(before, prints(vec![found(90, "    connect('db')")]));
        assert_ne!(before, prints(vec![found(3, "connect('db', 1)")]));
        assert_ne!(
            before,
            prints(vec![found(3, "connect('db')").data("host", "x")])
        );
        assert_eq!(
            before,
            prints(vec![found(3, "connect('db')").data("count", 7)])
        );
    }

    #[test]
    fn equal_lines_are_numbered_from_the_top() {
        let two = prints(vec![found(9, "x"), found(3, "x")]);
        assert!(two[0].ends_with(":2") && two[1].ends_with(":1"), "{two:?}");
    }
}
