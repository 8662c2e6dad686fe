//! Plain-value tests of the table and what follows from it.

use super::*;
use crate::app::Mode;
use crate::app::testing::{app_for, project_for};
use crate::compose::{normal, service_keys};
use crate::evidence::ChangeKind;

fn told(text: &str) -> Vec<(ChangeKind, u32, String)> {
    changes(&app_for(text, Mode::Prod))
        .into_iter()
        .map(|change| (change.kind, change.place.line, change.key))
        .collect()
}

#[test]
fn the_table_has_every_key_of_a_service_once() {
    let mut known = service_keys();
    let mut rows: Vec<&str> = table::KEYS.iter().map(|row| row.key).collect();
    known.sort_unstable();
    rows.sort_unstable();
    assert_eq!(rows, known);
}

#[test]
fn what_a_plain_web_app_writes_is_kept_without_a_word() {
    let told = told(
        "services:
  web:
    build: .
    command: [serve]
    environment: {A: b}
    ports: ['3000:3000']
    depends_on: {db: {condition: service_healthy}}
    restart: 'no'
    privileged: false
    stop_grace_period: 20s
    deploy: {replicas: 1, resources: {limits: {memory: 64m}}}
  db:
    image: db
    healthcheck: {test: [CMD, ok], interval: 5s, timeout: 3s, retries: 5}
    ulimits: {nofile: 1000}
    init: true
",
    );
    assert_eq!(told, []);
}

#[test]
fn what_is_otherwise_is_told_by_kind_with_its_place() {
    use ChangeKind::{Changed, Dropped, Refused};
    let told = told(
        "services:
  web:
    image: web
    hostname: web1
    privileged: true
    networks: [front]
    restart: always
    ports: ['127.0.0.1:8080:80']
    cap_add: [NET_ADMIN, SYS_PTRACE]
    stop_grace_period: 5m
    sysctls: {kernel.domainname: x, net.core.somaxconn: 1024}
    healthcheck: {test: [CMD, ok], interval: 1s, start_interval: 1s}
    scale: 3
    post_start: [{command: echo}]
    secrets: [token]
    volumes: ['./src:/app', 'data:/data']
networks: {front: {}}
volumes: {data: {}}
secrets: {token: {environment: TOKEN}}
",
    );
    let keys: Vec<(ChangeKind, u32, &str)> = told
        .iter()
        .map(|(kind, line, key)| (*kind, *line, &**key))
        .collect();
    assert_eq!(
        keys,
        [
            (Refused, 4, "hostname"),
            (Refused, 5, "privileged"),
            (Refused, 9, "cap_add"),
            (Refused, 11, "sysctls"),
            (Refused, 12, "healthcheck.interval"),
            (Refused, 16, "volumes"),
            (Changed, 7, "restart"),
            (Changed, 8, "ports"),
            (Changed, 10, "stop_grace_period"),
            (Changed, 11, "sysctls"),
            (Changed, 13, "scale"),
            (Changed, 15, "secrets"),
            (Changed, 16, "volumes"),
            (Dropped, 6, "networks"),
            (Dropped, 12, "healthcheck.start_interval"),
            (Dropped, 14, "post_start"),
        ]
    );
}

#[test]
fn a_variable_of_the_shell_is_not_there() {
    let told = told("services:\n  web:\n    image: web\n    environment: [HOST_ONLY]\n");
    assert_eq!(told[0].2, "environment");
}

const WHOLE: &str = "services:
  web:
    image: web
    hostname: web1
    networks: [front]
    restart: always
    ports: ['127.0.0.1:8080:80']
    cap_add: [NET_ADMIN, SYS_PTRACE]
    healthcheck: {test: [CMD, ok], interval: 1s}
    configs: [app]
    volumes: ['./src:/app', 'data:/data', './more:/more']
    environment: {KEPT: 'yes', URL: 'http://db'}
    x-envsim:
      prod: {environment: {URL: 'http://127.0.0.1'}, command: [serve, prod]}
networks: {front: {}}
volumes: {data: {}}
configs: {app: {content: a}}
";

#[test]
fn the_tree_of_production_has_what_the_run_has() {
    let (mut project, app) = project_for(WHOLE, Mode::Prod);
    document(&mut project.document, &app);
    let tree = normal::normal(&project.document);
    let web = &tree["services"]["web"];
    for gone in ["hostname", "networks", "restart", "configs"] {
        assert!(web.get(gone).is_none(), "{gone}: {web}");
    }
    assert_eq!(web["cap_add"], serde_json::json!(["SYS_PTRACE"]));
    assert_eq!(web["command"], serde_json::json!(["serve", "prod"]));
    assert_eq!(web["environment"]["URL"], "http://127.0.0.1");
    assert_eq!(web["environment"]["KEPT"], "yes");
    assert_eq!(web["healthcheck"]["interval"], "5s");
    assert_eq!(web["ports"][0]["published"], "80");
    assert!(web["ports"][0].get("host_ip").is_none());
    let volumes = web["volumes"].as_array().expect("volumes");
    assert_eq!(volumes.len(), 1, "{web}");
    assert_eq!(volumes[0]["source"], "data");
    assert!(tree.get("networks").is_none() && tree.get("configs").is_none());
}

#[test]
fn every_dropped_key_of_the_table_is_gone_from_the_tree() {
    let (mut project, app) = project_for(WHOLE, Mode::Prod);
    document(&mut project.document, &app);
    let services = project.document.get("services");
    let web = services.and_then(|all| all.get("web")).expect("web");
    for change in changes(&app) {
        let whole = matches!(change.kind, ChangeKind::Dropped) && !change.key.contains('.');
        if whole {
            assert!(web.get(&change.key).is_none(), "{}", change.key);
        }
    }
}

#[test]
fn the_task_has_nothing_of_what_is_dropped() {
    let app = app_for(
        "services:
  web:
    image: web
    restart: always
    privileged: true
    security_opt: [seccomp=unconfined]
    cap_add: [NET_ADMIN]
    sysctls: {kernel.domainname: x, kernel.msgmax: 100}
    healthcheck: {test: [CMD, ok], interval: 1s}
    post_start: [{command: echo}]
    volumes_from: ['db:ro']
    pid: service:db
  db: {image: db, volumes: ['data:/data']}
volumes: {data: {}}
",
        Mode::Prod,
    );
    let made = task(&app);
    let web = &made.services["web"];
    assert!(web.restart.is_none() && !web.privileged && web.security_opt.is_empty());
    assert!(web.cap_add.is_empty() && web.post_start.is_empty());
    assert_eq!(web.sysctls.keys().collect::<Vec<_>>(), ["kernel.msgmax"]);
    let check = web.healthcheck.as_ref().expect("a check");
    assert_eq!(check.interval, Some(std::time::Duration::from_secs(5)));
    assert_eq!(web.volumes[0].target, "/data");
    assert!(web.volumes[0].read_only);
    assert!(shares_processes(&app));
}
