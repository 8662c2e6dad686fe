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
    assert_eq!(web["healthcheck"]["timeout"], "5s", "ECS's default");
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

/// Kind, line, key and sentence of every change.
fn said(text: &str) -> Vec<(ChangeKind, u32, String, String)> {
    changes(&app_for(text, Mode::Prod))
        .into_iter()
        .map(|one| (one.kind, one.place.line, one.key, one.what))
        .collect()
}

#[test]
fn a_health_check_that_only_the_image_has_is_none_on_ecs() {
    use ChangeKind::Refused;
    const TEXT: &str = "services:
  web:
    image: web
    depends_on: {db: {condition: service_healthy}, cache: {condition: service_healthy}}
  db: {image: db, healthcheck: {interval: 10s}}
  cache: {image: cache, healthcheck: {test: [CMD, ok]}}
  report:
    image: report
    x-envsim: {task: reports}
    depends_on: {web: {condition: service_healthy}}
";
    let told = said(TEXT);
    let keys = told
        .iter()
        .map(|(kind, line, key, _)| (*kind, *line, &**key));
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [
            (Refused, 4, "depends_on.condition"),
            (Refused, 5, "healthcheck.test")
        ]
    );
    assert!(told[0].3.starts_with("`db` must have"), "{told:?}");
    let made = task(&app_for(TEXT, Mode::Prod));
    assert_eq!(made.services["db"].healthcheck, None);
    let (mut project, app) = project_for(TEXT, Mode::Prod);
    document(&mut project.document, &app);
    let tree = normal::normal(&project.document);
    assert!(tree["services"]["db"].get("healthcheck").is_none());
}

#[test]
fn what_a_health_check_leaves_out_has_the_defaults_of_ecs() {
    let app = app_for(
        "services:
  web: {image: web, healthcheck: {test: [CMD, ok]}}
  slow: {image: web, healthcheck: {test: [CMD, ok], timeout: 90s, interval: 10m, retries: 20, start_period: 6m}}
  off: {image: web, healthcheck: {disable: true}}
",
        Mode::Prod,
    );
    let made = task(&app);
    let seconds = |name: &str| {
        let check = made.services[name].healthcheck.as_ref().expect("a check");
        let of = |time: Option<std::time::Duration>| time.map(|time| time.as_secs());
        (
            of(check.interval),
            of(check.timeout),
            check.retries,
            of(check.start_period),
        )
    };
    assert_eq!(seconds("web"), (None, Some(5), None, None));
    assert_eq!(seconds("slow"), (Some(300), Some(60), Some(10), Some(300)));
    assert!(
        made.services["off"]
            .healthcheck
            .as_ref()
            .expect("it")
            .disable
    );
    let told = changes(&app).into_iter().map(|one| (one.service, one.key));
    let slow = |key: &str| ("slow".to_owned(), format!("healthcheck.{key}"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            slow("interval"),
            slow("retries"),
            slow("start_period"),
            slow("timeout")
        ]
    );
}

#[test]
fn more_open_files_than_fargate_has_are_refused_and_cut() {
    const TEXT: &str = "services:
  web: {image: web, ulimits: {nofile: {soft: 1024, hard: 2000000}}}
  all: {image: web, ulimits: {nofile: -1}}
  fine: {image: web, ulimits: {nofile: 1048576, nproc: -1}}
";
    let told = said(TEXT);
    let lines = told.iter().map(|(_, line, key, _)| (*line, &**key));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [(2, "ulimits.nofile"), (3, "ulimits.nofile")]
    );
    let (mut project, app) = project_for(TEXT, Mode::Prod);
    let made = task(&app);
    let limit = |name: &str| {
        let limit = &made.services[name].ulimits[0];
        (limit.soft, limit.hard)
    };
    assert_eq!(limit("web"), (1024, 1_048_576));
    assert_eq!(limit("all"), (1_048_576, 1_048_576));
    document(&mut project.document, &app);
    let tree = normal::normal(&project.document);
    assert_eq!(tree["services"]["all"]["ulimits"]["nofile"], 1_048_576);
    assert_eq!(
        tree["services"]["web"]["ulimits"]["nofile"],
        serde_json::json!({"soft": 1024, "hard": 1_048_576})
    );
}

#[test]
fn what_is_too_much_for_the_task_is_refused() {
    let told = said(
        "x-envsim: {cpu: 256, memory: 512}
services:
  big: {image: web, mem_limit: 1g}
  deployed: {image: web, deploy: {resources: {limits: {memory: 600m}}}}
  fits: {image: web, mem_limit: 512m, cpu_shares: 100}
  weighs: {image: web, cpu_shares: 200}
",
    );
    let lines = told.iter().map(|(_, line, key, _)| (*line, &**key));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            (3, "mem_limit"),
            (4, "deploy.resources.limits.memory"),
            (5, "cpu_shares"),
            (6, "cpu_shares")
        ]
    );
    assert!(told[3].3.contains("300 CPU units"), "{told:?}");
}

#[test]
fn an_eleventh_container_and_a_port_of_two_protocols_are_refused() {
    let mut text = "services:\n".to_owned();
    for number in 1..=12 {
        text += &format!("  s{number}: {{image: x}}\n");
    }
    let told_once = told(&text);
    assert_eq!(
        told_once,
        [(ChangeKind::Refused, 12, "services".to_owned())]
    );
    let dns =
        told("services:\n  dns:\n    image: x\n    ports: ['53:53', '53:53/udp', '54:54/udp']\n");
    assert_eq!(dns, [(ChangeKind::Refused, 4, "ports".to_owned())]);
}

#[test]
fn a_gpu_is_refused_however_it_is_asked_for() {
    let told = told(
        "services:
  one: {image: x, gpus: all}
  two:
    image: x
    deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}
",
    );
    let key = |key: &str| key.to_owned();
    assert_eq!(
        told,
        [
            (ChangeKind::Refused, 2, key("gpus")),
            (
                ChangeKind::Refused,
                5,
                key("deploy.resources.reservations.devices")
            )
        ]
    );
}
