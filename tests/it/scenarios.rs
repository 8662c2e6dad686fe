//! For each rule a broken and a repaired app under `tests/scenarios`: the rule finds the one and is
//! silent about the other.
//!
//! A scenario is a folder `CODE-name` with the folders `broken` and `repaired`. A file `ARGS` in one of
//! them has further arguments of `envsim prod-check`, separated by white space; with `--static` no
//! engine is needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Project, Report};

/// Where the scenarios are.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// Checks a copy of one app; none where it needs an engine and there is none.
fn check(scenario: &str, app: &str) -> Option<Report> {
    let folder = root().join(scenario).join(app);
    let written = std::fs::read_to_string(folder.join("ARGS")).unwrap_or_default();
    let mut arguments = vec!["prod-check", "--format", "json"];
    arguments.extend(written.split_whitespace());
    let project = match arguments.contains(&"--static") {
        true => Project::new(),
        false => Project::with_engine()?,
    };
    project.folder(&folder);
    Some(Report::of(&project.run(&arguments)))
}

/// The rule of the scenario finds the broken app and is silent about the repaired one.
#[track_caller]
fn proves(scenario: &str) {
    let (code, _) = scenario.split_once('-').expect("CODE-name");
    let codes = |report: &Report| -> Vec<String> {
        let findings = report.findings().iter();
        findings
            .filter_map(|finding| finding["code"].as_str().map(str::to_owned))
            .collect()
    };
    let Some(broken) = check(scenario, "broken") else {
        return;
    };
    let found = codes(&broken);
    assert!(
        found.iter().any(|found| found == code),
        "{code} is silent about the broken app\n{}",
        broken.outcome
    );
    let Some(repaired) = check(scenario, "repaired") else {
        return;
    };
    let found = codes(&repaired);
    assert!(
        !found.iter().any(|found| found == code),
        "{code} finds the repaired app\n{}",
        repaired.outcome
    );
    let silent = repaired.json["not_checked"].as_array();
    let name = &scenario[code.len() + 1..];
    let checked = silent.is_some_and(|all| all.iter().all(|one| one["rule"] != name));
    assert!(
        checked,
        "{code} could not judge the repaired app\n{}",
        repaired.outcome
    );
}

/// One test per scenario, and the list of all.
macro_rules! scenarios {
    ($($test:ident: $scenario:literal,)*) => {
        $(
            #[test]
            fn $test() {
                proves($scenario);
            }
        )*

        const SCENARIOS: &[&str] = &[$($scenario),*];
    };
}

scenarios! {
    probe_differs: "P001-probe-differs",
    probe_failed: "P002-probe-failed",
    file_not_found_at_run_time: "E005-file-not-found-at-run-time",
    state_lost_on_replacement: "E007-state-lost-on-replacement",
    start_order_race: "T008-start-order-race",
    environment_missing: "E006-environment-missing",
    loopback_only_listener: "H005-loopback-only-listener",
    missing_from_image: "E001-missing-from-image",
    differs_from_image: "E002-differs-from-image",
    hidden_by_mount: "E003-hidden-by-mount",
    code_only_by_mount: "E004-code-only-by-mount",
    secret_in_image: "E008-secret-in-image",
    dev_server_in_prod: "E009-dev-server-in-prod",
    mutable_tag: "E010-mutable-tag",
    wrong_architecture: "E011-wrong-architecture",
    service_host_in_source: "H001-service-host-in-source",
    service_host_in_environment: "H002-service-host-in-environment",
    service_lookup_failed: "H003-service-lookup-failed",
    docker_only_host: "H004-docker-only-host",
    host_from_hostname: "H006-host-from-hostname",
    port_clash: "T001-port-clash",
    host_port_differs: "T002-host-port-differs",
    refused_on_fargate: "T003-refused-on-fargate",
    invalid_task_size: "T004-invalid-task-size",
    out_of_memory: "T005-out-of-memory",
    ignores_stop_signal: "T006-ignores-stop-signal",
    essential_container_exited: "T007-essential-container-exited",
    image_healthcheck_ignored: "T009-image-healthcheck-ignored",
    health_command_fails: "T010-health-command-fails",
    essential_container_unhealthy: "T011-essential-container-unhealthy",
}

#[test]
fn every_scenario_has_a_test() {
    let folders: BTreeSet<String> = std::fs::read_dir(root())
        .expect("the scenarios")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let tested: BTreeSet<String> = SCENARIOS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(folders, tested);
}
