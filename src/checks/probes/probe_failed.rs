//! P002 `probe-failed`.

use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// A probe fails in the task, and dev says nothing better: it fails there too, or was not run.
    "P002", "probe-failed", Error, since "0.1.0",
    needs [Task],
    "a probe fails in the task, and not only there",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for probe in &evidence.probes {
        let Some(prod) = probe.prod.as_ref().filter(|prod| !prod.passed) else {
            continue;
        };
        let (message, dev) = match &probe.dev {
            Some(dev) if dev.passed => continue,
            Some(dev) => (
                format!(
                    "\u{201c}{}\u{201d} fails in dev and in production ({})",
                    probe.name, probe.action
                ),
                Some(dev),
            ),
            None => (
                format!(
                    "\u{201c}{}\u{201d} fails in production ({})",
                    probe.name, probe.action
                ),
                None,
            ),
        };
        let help = match dev {
            Some(_) => "make it pass with `envsim dev` first, or correct what the probe expects",
            None => "see the answer below and the containers' logs (`envsim prod-check --logs`)",
        };
        let mut finding = Finding::new(&INFO, message, help)
            .service(&probe.service)
            .at(&probe.place, "")
            .data("probe", &*probe.name)
            .data("prod", &*prod.answer)
            .proof(format!("prod: {}", prod.answer));
        if let Some(dev) = dev {
            finding = finding
                .data("dev", &*dev.answer)
                .proof(format!("dev: {}", dev.answer));
        }
        findings.push(finding);
    }
    findings
}
