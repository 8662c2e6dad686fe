//! The rules: evidence in, findings out. No rule touches the engine, the disk or the clock.
//!
//! One file per rule, in the folder of its family; [`registry`] lists them all.

mod dev_servers;
mod hosts;
pub mod ignore;
mod image;
mod probes;
mod registry;
mod rule;
mod signal_path;
mod task;
mod words;

use crate::evidence::Evidence;
use crate::finding::{Finding, Judgement, NotChecked, RuleInfo};

pub use registry::RULES;
pub use rule::Rule;
use rule::rule;

/// The rule with this code or name; the code in any case.
pub fn find(text: &str) -> Option<&'static RuleInfo> {
    let mut infos = RULES.iter().map(|rule| rule.info);
    infos.find(|info| info.code.eq_ignore_ascii_case(text) || info.name == text)
}

/// Lets every rule judge `evidence`. A rule whose evidence is missing is not silent: it is listed
/// as not checked, with the reason.
pub fn run(evidence: &Evidence) -> Judgement {
    let mut judgement = Judgement::default();
    for rule in RULES {
        let missing = rule
            .info
            .needs
            .iter()
            .find_map(|kind| evidence.why_missing(*kind));
        if let Some(reason) = missing {
            judgement.not_checked.push(NotChecked {
                rule: rule.info.name,
                reason: reason.to_owned(),
            });
        }
        // What was seen before the evidence broke off still counts.
        judgement.findings.extend((rule.check)(evidence));
    }
    judgement.findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let place = finding
                .locations
                .first()
                .map(|location| location.place.clone());
            (
                finding.severity,
                finding.rule.code,
                place,
                finding.service.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    ignore::apply(&evidence.prod.ignore, &mut judgement);
    judgement
}
