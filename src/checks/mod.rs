//! The rules: evidence in, findings out. No rule touches the engine, the disk or the clock.
//!
//! One file per rule, in the folder of its family; [`registry`] lists them all.

pub mod baseline;
pub mod fingerprint;
mod hosts;
pub mod ignore;
mod image;
pub mod inline;
pub mod naming;
mod places;
mod probes;
mod registry;
mod rule;
pub mod select;
mod signal_path;
mod task;
mod words;

use crate::evidence::Evidence;
use crate::finding::{Finding, Judgement, NotChecked};

pub use naming::find;
pub use registry::RULES;
pub use rule::Rule;
use rule::rule;

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
    places::make_relative(&mut judgement, &evidence.prod.directory);
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
