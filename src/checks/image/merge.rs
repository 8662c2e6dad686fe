//! One warning for services that share an image and a mount.

use crate::checks::words::list;
use crate::finding::{Finding, Severity};

/// Joins warnings of several services that say the same of the same path: web, worker and scheduler are often one image with
/// one mount. Errors stay: each names what breaks.
pub fn merge(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        let same = merged
            .iter_mut()
            .find(|(first, _)| is_same(first, &finding));
        match same {
            Some((first, others)) => {
                others.extend(finding.service.clone());
                for location in finding.locations {
                    if !first.locations.contains(&location) {
                        first.locations.push(location);
                    }
                }
            }
            None => merged.push((finding, Vec::new())),
        }
    }
    let told = merged
        .into_iter()
        .map(|(finding, others)| match others.is_empty() {
            true => finding,
            false => finding.proof(format!("the same goes for {}", list(&others))),
        });
    told.collect()
}

fn is_same(a: &Finding, b: &Finding) -> bool {
    a.severity == Severity::Warning
        && b.severity == Severity::Warning
        && a.rule.code == b.rule.code
        && a.data == b.data
        && a.evidence == b.evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::image::missing_from_image::RULE;

    fn finding(service: &str, path: &str, line: u32, severity: Severity) -> Finding {
        let place = Place {
            line,
            ..Place::start_of("compose.yaml")
        };
        let mut finding = Finding::new(RULE.info, "m", "h")
            .service(service)
            .at(&place, "")
            .data("path", path)
            .proof("p");
        finding.severity = severity;
        finding
    }

    #[test]
    fn the_same_warning_of_three_services_is_told_once_with_all_places() {
        let merged = merge(vec![
            finding("web", "a", 1, Severity::Warning),
            finding("worker", "a", 2, Severity::Warning),
            finding("web", "b", 1, Severity::Warning),
            finding("beat", "a", 2, Severity::Warning),
        ]);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[0].locations.len(), 2);
        assert_eq!(
            merged[0].evidence.last().map(String::as_str),
            Some("the same goes for `worker` and `beat`")
        );
    }

    #[test]
    fn errors_stay_apart() {
        let errors = ["web", "worker"].map(|service| finding(service, "a", 1, Severity::Error));
        assert_eq!(merge(errors.to_vec()).len(), 2);
    }
}
