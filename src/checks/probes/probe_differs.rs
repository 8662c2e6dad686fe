//! P001 `probe-differs`.

use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// A probe passes in the dev run and fails in the task.
    ///
    /// The same app, the same question, two answers: whatever the cause is, it lies between the two runs.
    "P001", "probe-differs", Error, since "0.1.0",
    needs [Task, DevRun],
    "a probe passes in the dev run and fails in the task",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for probe in &evidence.probes {
        let (Some(dev), Some(prod)) = (&probe.dev, &probe.prod) else {
            continue;
        };
        if !dev.passed || prod.passed {
            continue;
        }
        let message = format!(
            "\u{201c}{}\u{201d} works in dev and fails in production ({})",
            probe.name, probe.action
        );
        let help = "the other findings of this run name the likely causes; `envsim prod-check --logs` shows the containers' logs".to_owned();
        findings.push(
            Finding::new(&INFO, message, help)
                .service(&probe.service)
                .at(&probe.place, "")
                .data("probe", &*probe.name)
                .data("dev", &*dev.answer)
                .data("prod", &*prod.answer)
                .proof(format!("dev: {}", dev.answer))
                .proof(format!("prod: {}", prod.answer)),
        );
    }
    findings
}
