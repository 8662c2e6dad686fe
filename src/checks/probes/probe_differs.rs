//! P001 `probe-differs`.

use crate::checks::rule;
use crate::evidence::{Attempt, Evidence, ProbeSeen};
use crate::finding::Finding;

rule! {
    /// A probe passes in the dev run and fails in the task.
    ///
    /// The same app, the same question, two answers: whatever the cause is, it lies between the two runs.
    /// A probe that envsim made from a published port expects no status, so for it the two statuses are
    /// compared: an error in the task where dev has none, or a 5xx where dev has a 4xx. An app with a login
    /// wall, or with nothing at `/`, answers 4xx in both, which says nothing against it.
    "P001", "probe-differs", Error, since "0.1.0",
    needs [Task, DevRun],
    "a probe passes in the dev run and fails in the task",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    evidence.probes.iter().filter_map(of_probe).collect()
}

fn of_probe(probe: &ProbeSeen) -> Option<Finding> {
    let (Some(dev), Some(prod)) = (&probe.dev, &probe.prod) else {
        return None;
    };
    let causes = "the other findings of this run name the likely causes; `envsim prod-check --logs` shows the containers' logs";
    let (name, action) = (&probe.name, &probe.action);
    let (message, help) = match (dev.passed, prod.passed) {
        (true, false) => (
            format!("\u{201c}{name}\u{201d} works in dev and fails in production ({action})"),
            causes.to_owned(),
        ),
        (true, true) if probe.inferred => {
            let (dev, prod) = worse(dev, prod)?;
            (
                format!(
                    "\u{201c}{name}\u{201d} with status {dev} in dev and with status {prod} in production ({action})"
                ),
                format!(
                    "{causes}; if {prod} is right in production, write a probe below `x-envsim.probes` that asks what must work there"
                ),
            )
        }
        _ => return None,
    };
    Some(
        Finding::new(&INFO, message, help)
            .service(&probe.service)
            .at(&probe.place, "")
            .data("probe", &*probe.name)
            .data("dev", &*dev.answer)
            .data("prod", &*prod.answer)
            .proof(format!("dev: {}", dev.answer))
            .proof(format!("prod: {}", prod.answer)),
    )
}

/// Both statuses where that of the task is an error of a class that dev's is not, and a worse one.
fn worse(dev: &Attempt, prod: &Attempt) -> Option<(u16, u16)> {
    (prod.error_class() > dev.error_class())
        .then_some(dev.status.zip(prod.status))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;

    fn seen(status: u16) -> Option<Attempt> {
        Some(Attempt {
            passed: true,
            answer: format!("status {status}"),
            status: Some(status),
        })
    }

    fn message(inferred: bool, dev: Option<Attempt>, prod: Option<Attempt>) -> Option<String> {
        let probe = ProbeSeen {
            name: "web answers on port 80".to_owned(),
            service: "web".to_owned(),
            action: "GET / on port 80".to_owned(),
            place: Place::start_of("compose.yaml"),
            inferred,
            dev,
            prod,
        };
        of_probe(&probe).map(|finding| finding.message)
    }

    #[test]
    fn an_error_status_in_the_task_alone_is_found_with_both_statuses() {
        for (dev, prod) in [(200, 500), (302, 403), (404, 500)] {
            let told = message(true, seen(dev), seen(prod)).expect("a finding");
            assert_eq!(
                told,
                format!(
                    "\u{201c}web answers on port 80\u{201d} with status {dev} in dev and with status {prod} in production (GET / on port 80)"
                )
            );
        }
    }

    #[test]
    fn statuses_of_one_class_and_a_better_one_are_fine() {
        for (dev, prod) in [(200, 302), (401, 404), (500, 501), (404, 200), (500, 404)] {
            assert_eq!(message(true, seen(dev), seen(prod)), None, "{dev} {prod}");
        }
    }

    #[test]
    fn a_written_probe_says_itself_which_status_is_right() {
        assert_eq!(message(false, seen(200), seen(404)), None);
        let failed = Some(Attempt::default());
        let told = message(false, seen(200), failed).expect("a finding");
        assert!(told.contains("works in dev and fails"), "{told}");
    }

    #[test]
    fn what_is_not_http_has_no_status_to_compare() {
        let accepted = Some(Attempt {
            passed: true,
            ..Attempt::default()
        });
        assert_eq!(message(true, accepted.clone(), seen(500)), None);
        assert_eq!(message(true, seen(200), accepted), None);
    }
}
