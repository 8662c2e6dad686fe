//! P001 `probe-differs`.

use super::difference::difference;
use crate::checks::rule;
use crate::checks::words::list;
use crate::evidence::{Attempt, Evidence, ProbeSeen};
use crate::finding::{Finding, Severity};

rule! {
    /// The same question gets different answers in the dev run and in the task: right in dev and wrong, or
    /// none, in the task; or two answers that both pass and do not say the same.
    ///
    /// ## Why it breaks on ECS
    ///
    /// The same app, the same question, two answers: whatever the cause is, it lies between the two runs. A
    /// probe that works in dev alone is an error. The other findings name the likely causes: a host that does
    /// not resolve, a file that is not in the image, a port that is taken.
    ///
    /// A probe that envsim made from a published port expects no status, so for it the two statuses are
    /// compared: an error in the task where dev has none, or a 5xx where dev has a 4xx. An app with a login
    /// wall, or with nothing at `/`, answers 4xx in both, which says nothing against it.
    ///
    /// Answers that pass in both runs are compared too: status of a written probe, `content-type`,
    /// `location`, and, where both runs start the same program, the body. A difference is a warning with a
    /// small diff: often a page that is served without its data, or from another directory. What always varies
    /// is masked first (dates, ids, addresses and ports, hashes, tokens, and values of variables that
    /// production has otherwise). Dev is asked twice, and what differs between its own two answers counts for
    /// nothing. Cookies, `etag` and other header fields are not looked at.
    ///
    /// ## Broken
    ///
    /// ```javascript
    /// app.get("/goals", async (request, response) => {
    ///   const client = await connect("mongodb://mongodb:27017");
    ///   response.json(await client.db().collection("goals").find().toArray());
    /// });
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```javascript
    /// app.get("/goals", async (request, response) => {
    ///   const client = await connect(process.env.MONGODB_URL);
    ///   response.json(await client.db().collection("goals").find().toArray());
    /// });
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// When the difference is meant: a banner that says where one is, a page that production does not have.
    "P001", "probe-differs", Error, since "0.1.0",
    needs [Task, DevRun],
    "a probe is answered otherwise in the task than in the dev run",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let all = evidence.probes.iter();
    all.filter_map(|probe| of_probe(probe).or_else(|| of_answers(evidence, probe)))
        .collect()
}

/// Both passed, and the answers say different things.
fn of_answers(evidence: &Evidence, probe: &ProbeSeen) -> Option<Finding> {
    let (dev, prod) = (probe.dev.as_ref()?, probe.prod.as_ref()?);
    if !dev.passed || !prod.passed {
        return None;
    }
    let found = difference(&evidence.dev, &evidence.prod, probe)?;
    let message = format!(
        "\u{201c}{}\u{201d} passes in both runs, and the answers differ in {} ({})",
        probe.name,
        list(&found.parts),
        probe.action
    );
    let help = "find out which of the two is right: a page without its data, its files or its settings can look well to a probe; one that asks for what must be there (`body`, `json`) makes it sure";
    let mut finding = Finding::new(&INFO, message, help)
        .service(&probe.service)
        .at(&probe.place, "")
        .data("probe", &*probe.name)
        .data("dev", &*dev.answer)
        .data("prod", &*prod.answer)
        .data("differs", found.parts);
    finding.severity = Severity::Warning;
    for sentence in found.seen {
        finding = finding.proof(sentence);
    }
    Some(match found.masked.is_empty() {
        true => finding,
        false => finding.proof(format!("masked on both sides: {}", found.masked.join(", "))),
    })
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
            ..Attempt::default()
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
            dev_again: None,
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
