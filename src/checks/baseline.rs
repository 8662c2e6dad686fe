//! The baseline: findings that were there when envsim was adopted, and are accepted until they go.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::naming;
use crate::finding::{BaselineEntry, Finding, Ignored, IgnoredBy, Judgement};

/// The accepted findings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Baseline(pub Vec<BaselineEntry>);

impl Baseline {
    /// All findings that count now, and those that an earlier baseline accepts, sorted by path.
    pub fn of(judgement: &Judgement) -> Self {
        let accepted = |finding: &&Finding| {
            let ignored = finding.ignored.as_ref();
            ignored.is_none_or(|ignored| ignored.by == IgnoredBy::Baseline)
        };
        let findings = judgement.findings.iter().filter(accepted);
        let mut entries: Vec<BaselineEntry> = findings.map(entry).collect();
        entries.sort();
        Self(entries)
    }

    /// Marks the findings that are listed, and notes the entries that match nothing any more. A rule
    /// that was not asked for, or could not look at everything, does not make an entry stale.
    pub fn apply(&self, judgement: &mut Judgement) {
        let mut listed: BTreeSet<&str> = self
            .0
            .iter()
            .map(|entry| entry.fingerprint.as_str())
            .collect();
        for finding in &mut judgement.findings {
            if listed.remove(finding.fingerprint.as_str()) {
                finding.ignored.get_or_insert_with(|| Ignored {
                    by: IgnoredBy::Baseline,
                    reason: "it is in the baseline".to_owned(),
                    place: None,
                });
            }
        }
        let judged = |entry: &&BaselineEntry| {
            let name = naming::find(&entry.code).map(|info| info.name);
            let missing = judgement.not_checked.iter();
            let left_out = judgement.left_out.iter();
            missing.clone().all(|missing| Some(missing.rule) != name)
                && left_out.clone().all(|one| one.code != entry.code)
        };
        let stale = self.0.iter().filter(judged);
        let stale = stale.filter(|entry| listed.contains(entry.fingerprint.as_str()));
        judgement.stale_baseline = stale.cloned().collect();
    }
}

fn entry(finding: &Finding) -> BaselineEntry {
    let first = finding.locations.first();
    BaselineEntry {
        path: first.map(|location| location.place.path.to_string()),
        code: finding.rule.code.to_owned(),
        text: first.map_or_else(String::new, |location| location.text.trim().to_owned()),
        service: finding.service.clone(),
        fingerprint: finding.fingerprint.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::fingerprint;
    use crate::finding::NotChecked;

    fn judgement(lines: &[(u32, &str)]) -> Judgement {
        let info = naming::find("H001").expect("a rule");
        let finding = |(line, text): &(u32, &str)| {
            let place = Place {
                line: *line,
                ..Place::start_of("src/a.js")
            };
            Finding::new(info, "m", "h").at(&place, text)
        };
        let mut judgement = Judgement {
            findings: lines.iter().map(finding).collect(),
            ..Judgement::default()
        };
        fingerprint::set(&mut judgement);
        judgement
    }

    #[test]
    fn what_is_listed_no_longer_counts_though_its_line_moved() {
        let baseline = Baseline::of(&judgement(&[(3, "connect('db')")]));
        let mut later = judgement(&[(7, "connect('db')"), (8, "ping('db')")]);
        baseline.apply(&mut later);
        let counted: Vec<&str> = later.counted().map(|one| &*one.locations[0].text).collect();
        assert_eq!(counted, ["ping('db')"]);
        assert!(later.stale_baseline.is_empty());
    }

    #[test]
    fn one_more_of_the_same_line_counts() {
        let baseline = Baseline::of(&judgement(&[(3, "x")]));
        let mut later = judgement(&[(3, "x"), (4, "x")]);
        baseline.apply(&mut later);
        assert_eq!(later.counted().count(), 1);
    }

    #[test]
    fn an_entry_that_matches_nothing_is_told_unless_the_rule_could_not_look() {
        let baseline = Baseline::of(&judgement(&[(3, "x")]));
        let mut later = judgement(&[]);
        baseline.apply(&mut later);
        assert_eq!(later.stale_baseline, baseline.0);
        later.not_checked.push(NotChecked {
            rule: "service-host-in-source",
            reason: "r".to_owned(),
        });
        baseline.apply(&mut later);
        assert!(later.stale_baseline.is_empty());
    }
}
