//! P002 `probe-failed`.

use crate::checks::rule;
use crate::evidence::Evidence;
use crate::finding::Finding;

rule! {
    /// A probe fails in the task, and dev says nothing better: it fails there too, or was not run.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A probe says what the app must do. When it does not do it in the task, it does not on ECS either, and
    /// a health check of a load balancer that asks the same ends in one task after the other being replaced.
    /// That dev fails as well says where to look: not at the difference between the two runs, but at the app or
    /// at the probe itself.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// x-envsim:
    ///   probes:
    ///     - service: web
    ///       http: /health
    ///       status: 204
    /// services:
    ///   web:
    ///     build: .
    ///     ports: ["3000:3000"]
    /// ```
    ///
    /// The app answers `/health` with status 200.
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// x-envsim:
    ///   probes:
    ///     - service: web
    ///       http: /health
    ///       status: 200
    /// services:
    ///   web:
    ///     build: .
    ///     ports: ["3000:3000"]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never for long: a probe that may fail asks for nothing. Correct it, or take it out.
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
