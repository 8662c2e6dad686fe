//! The whole Compose model in a real dev run, and what `prod-check` and `config --mode` say of it.

use crate::support::{Project, Report, until};

const IDLE: &str = "command: [bash, -c, 'trap exit TERM; sleep infinity & wait']";

/// The stdout of a command in a service of the dev run.
#[track_caller]
fn said(project: &Project, service: &str, command: &str) -> String {
    let outcome = project.exec(service, &["bash", "-c", command]);
    outcome.exits(0);
    outcome.stdout.trim().to_owned()
}

#[test]
fn names_addresses_and_limits_are_those_of_the_file() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    hostname: web1
    domainname: example.test
    networks:
      back: {{ipv4_address: 10.213.91.9, aliases: [inner]}}
      front: {{priority: 5}}
    mac_address: 02:42:0a:d5:5b:09
    links: ['db:store']
    extra_hosts: {{far: 192.0.2.7}}
    dns_search: [corp.test]
    deploy: {{resources: {{limits: {{cpus: '0.5', memory: 64m, pids: 40}}}}}}
    ulimits: {{nofile: {{soft: 500, hard: 600}}}}
    shm_size: 32m
    sysctls: {{net.core.somaxconn: 321}}
    init: true
    stop_signal: SIGINT
    cap_drop: [CHOWN]
    group_add: ['4242']
    oom_score_adj: 300
    devices: ['/dev/null:/dev/nothing']
    tmpfs: ['/scratch:size=4m,mode=1770,uid=33']
    volumes:
      - {{type: tmpfs, target: /fast, tmpfs: {{size: 2m}}}}
      - named:/named:ro
      - /anonymous
    labels: {{tier: front}}
    logging: {{driver: json-file, options: {{max-size: 1m}}}}
  db:
    image: debian:bookworm-slim
    {IDLE}
    networks: [back]
    ipc: shareable
  helper:
    image: debian:bookworm-slim
    {IDLE}
    networks: [back]
    pid: service:db
    ipc: service:db
    volumes_from: ['web:ro']
networks:
  front: {{internal: true, labels: {{kind: outer}}}}
  back: {{ipam: {{config: [{{subnet: 10.213.91.0/24, gateway: 10.213.91.1}}]}}}}
volumes: {{named: {{labels: {{kept: 'yes'}}}}}}
"
    ));
    project.dev();
    let web = |command: &str| said(&project, "web", command);
    assert_eq!(web("hostname"), "web1");
    assert!(web("cat /etc/hosts").contains("web1.example.test"));
    assert!(web("cat /etc/hosts").contains("192.0.2.7\tfar"));
    assert!(web("cat /etc/resolv.conf").contains("corp.test"));
    assert!(said(&project, "db", "getent hosts inner").starts_with("10.213.91.9"));
    assert!(said(&project, "db", "getent hosts web").starts_with("10.213.91.9"));
    let by_link = web("getent hosts store");
    assert!(by_link.starts_with("10.213.91."), "{by_link}");
    assert!(web("cat /sys/class/net/*/address").contains("02:42:0a:d5:5b:09"));
    let open_files = web("grep 'open files' /proc/1/limits");
    let open_files: Vec<&str> = open_files.split_whitespace().collect();
    assert_eq!(open_files, ["Max", "open", "files", "500", "600", "files"]);
    assert_eq!(web("cat /proc/sys/net/core/somaxconn"), "321");
    assert_eq!(web("cat /proc/1/oom_score_adj"), "300");
    assert!(web("id -G").contains("4242"));
    assert_eq!(web("test -c /dev/nothing && echo there"), "there");
    assert_eq!(web("stat -c '%a %u' /scratch"), "1770 33");
    assert!(
        web("df -k /scratch /fast /dev/shm | awk '{print $2}' | tr '\\n' ' '")
            .contains("4096 2048 32768")
    );
    assert!(web("grep ' /named ' /proc/mounts").contains(" ro,"));
    assert_eq!(web("mountpoint -q /anonymous && echo there"), "there");
    assert!(!web("grep CapBnd /proc/1/status").ends_with("fb"));
    let limits = web(
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true",
    );
    assert_eq!(limits, (64 << 20).to_string());
    let processes =
        web("cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null || true");
    assert_eq!(processes, "40");
    // The processes of `db` are there, and the volumes of `web`.
    let seen = said(&project, "helper", "ls -d /proc/[0-9]* | wc -l");
    assert!(seen.parse::<u32>().expect("a number") >= 4, "{seen}");
    assert_eq!(
        said(&project, "helper", "mountpoint -q /named && echo there"),
        "there"
    );
}

#[test]
fn configs_and_secrets_are_files_with_owner_and_mode() {
    let Some(mut project) = Project::with_engine() else {
        return;
    };
    project.variable("IT_TOKEN", "it-hunter2-token");
    project.file("plain.conf", "from a file\n");
    project.file(".env", "FROM_ENV_FILE=second\n");
    project.compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    configs:
      - plain
      - {{source: plain, target: /etc/own.conf, uid: '33', gid: '34', mode: 0440}}
      - {{source: inline, target: /etc/deep/er/inline.conf}}
    secrets: [token, {{source: token, target: other, mode: 0400, uid: '1000'}}, second]
  sealed:
    image: debian:bookworm-slim
    {IDLE}
    read_only: true
    configs: [{{source: inline, target: /etc/inline.conf}}]
    secrets: [token]
configs:
  plain: {{file: ./plain.conf}}
  inline: {{content: 'name=${{COMPOSE_PROJECT_NAME}}'}}
secrets:
  token: {{environment: IT_TOKEN}}
  second: {{environment: FROM_ENV_FILE}}
"
    ));
    let outcome = project.dev();
    assert!(!outcome.stderr.contains("hunter2"), "{outcome}");
    let web = |command: &str| said(&project, "web", command);
    assert_eq!(web("cat /plain"), "from a file");
    assert_eq!(web("stat -c '%a %u %g' /etc/own.conf"), "440 33 34");
    assert_eq!(
        web("cat /etc/deep/er/inline.conf"),
        format!("name={}", project.name())
    );
    assert_eq!(web("cat /run/secrets/token"), "it-hunter2-token");
    assert_eq!(
        web("stat -c '%a %u' /run/secrets/token /run/secrets/other"),
        "444 0\n400 1000"
    );
    assert_eq!(web("cat /run/secrets/second"), "second");
    assert_eq!(
        said(&project, "sealed", "cat /run/secrets/token"),
        "it-hunter2-token"
    );
    assert_eq!(
        said(
            &project,
            "sealed",
            "cat /etc/inline.conf; echo; test -f /etc/passwd && echo whole"
        ),
        format!("name={}\nwhole", project.name())
    );
    for container in project.eye().containers(project.name()) {
        let shown = format!("{container:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_scaled_service_has_several_containers_and_hooks_run_in_order() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    scale: 2
    ports: ['39180-39189:80']
    volumes: ['marks:/marks']
    pre_start: [{{command: [bash, -c, 'echo pre >> /marks/order']}}]
    post_start: [{{command: [bash, -c, 'sleep 0.5; echo post-$$WHO >> /marks/order'], environment: [WHO=me]}}]
  after:
    image: debian:bookworm-slim
    command: [bash, -c, 'echo after >> /marks/order; trap exit TERM; sleep infinity & wait']
    depends_on: [web]
    volumes: ['marks:/marks']
volumes: {{marks: {{}}}}
"
    ));
    project.dev();
    let names: Vec<String> = project
        .eye()
        .containers(project.name())
        .into_iter()
        .map(|one| one.name)
        .collect();
    for end in ["web-1", "web-2", "after"] {
        assert!(names.iter().any(|name| name.ends_with(end)), "{names:?}");
    }
    let order = until("the last mark", || {
        let order = said(&project, "after", "cat /marks/order");
        order.contains("after").then_some(order)
    });
    assert_eq!(order, "pre\npost-me\npost-me\nafter");
    let found = said(
        &project,
        "after",
        "getent ahostsv4 web | awk '{print $1}' | sort -u | wc -l",
    );
    assert_eq!(found, "2");
}

#[test]
fn a_hook_that_fails_is_told() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    pre_start: [{{command: [bash, -c, 'echo no luck; exit 3']}}]
"
    ));
    let outcome = project.run(&["dev", "-d"]);
    outcome
        .exits(3)
        .says(&["`pre_start` exited with code 3", "no luck"]);
}

#[test]
fn what_the_engine_cannot_do_is_told_before_anything_starts() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: debian:bookworm-slim
    runtime: no-such-runtime
    scale: 2
    ports: ['8080:80']
    cpu_count: 2
",
    );
    let outcome = project.run(&["dev", "-d"]);
    outcome.exits(2).says(&[
        "`web` asks for the runtime `no-such-runtime`",
        "compose.yaml:4:5",
        "2 containers of `web` cannot share 1 published port(s)",
        "`cpu_count` of `web` has no effect",
    ]);
    assert!(project.eye().everything(project.name()).is_empty());
}

#[test]
fn prod_check_says_what_ecs_changes() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    hostname: web1
    restart: always
    sysctls: {{net.core.somaxconn: 321}}
    configs: [inline]
    post_start: [{{command: [touch, /started]}}]
    x-envsim: {{prod: {{environment: {{MARK: prod}}}}}}
configs: {{inline: {{content: a}}}}
x-envsim:
  probes:
    - {{service: web, name: no hook and no config, command: ['test', '!', '-e', /inline]}}
    - {{service: web, name: no hook, command: ['test', '!', '-e', /started]}}
    - {{service: web, name: the network's setting, command: [bash, -c, '(( $$(< /proc/sys/net/core/somaxconn) == 321 ))']}}
"
    ));
    let outcome = project.run(&["prod-check", "--no-compare", "--format", "json"]);
    outcome.exits(0);
    let json = outcome.json();
    let changes = json["changes"].as_array().expect("a list");
    let keys: Vec<String> = changes
        .iter()
        .map(|change| {
            format!(
                "{} {} {}",
                change["kind"].as_str().unwrap_or_default(),
                change["key"].as_str().unwrap_or_default(),
                change["line"]
            )
        })
        .collect();
    // What is refused is a finding.
    let refused = Report::of(&outcome);
    refused.finding("refused-on-fargate", "key", "hostname");
    assert_eq!(
        keys,
        [
            "changed restart 6",
            "changed sysctls 7",
            "dropped configs 8",
            "dropped post_start 9"
        ],
        "{outcome}"
    );
}

#[test]
fn config_shows_what_each_run_uses() {
    let project = Project::new();
    project.compose(
        "services:
  web:
    image: web
    hostname: web1
    ports: ['8080:80']
    volumes: ['./src:/app']
    x-envsim: {prod: {command: [serve]}}
",
    );
    project.file(
        "compose.override.yaml",
        "services: {web: {environment: {FROM: dev}}}\n",
    );
    project.file(
        "compose.prod.yaml",
        "services: {web: {environment: {FROM: prod}}}\n",
    );
    let dev = project.run(&["config", "--mode", "dev", "--format", "json"]);
    dev.exits(0);
    let web = dev.json()["services"]["web"].clone();
    assert_eq!(web["environment"]["FROM"], "dev", "{dev}");
    assert_eq!(web["ports"][0]["host_ip"], "127.0.0.1", "{dev}");
    assert_eq!(web["hostname"], "web1", "{dev}");
    let prod = project.run(&["config", "--mode", "prod", "--format", "json"]);
    prod.exits(0);
    let json = prod.json();
    let web = &json["services"]["web"];
    assert_eq!(web["environment"]["FROM"], "prod", "{prod}");
    assert_eq!(web["ports"][0]["published"], "80", "{prod}");
    assert_eq!(web["command"], serde_json::json!(["serve"]), "{prod}");
    for gone in ["hostname", "volumes", "networks"] {
        assert!(web.get(gone).is_none(), "{gone}\n{prod}");
    }
    assert!(json.get("networks").is_none(), "{prod}");
}

#[test]
fn a_build_has_its_named_contexts() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .file("app/Dockerfile", "FROM debian:bookworm-slim\nCOPY --from=assets logo.txt /logo.txt\nCOPY --from=parent /etc/mark /mark\nCMD [\"sleep\", \"infinity\"]\n")
        .file("app/.dockerignore", "*\n")
        .file("assets/logo.txt", "a logo\n")
        .file("assets/left-out.txt", "no\n")
        .file("assets/.dockerignore", "left-out.txt\n")
        .compose(
            "services:
  base:
    build:
      dockerfile_inline: |
        FROM debian:bookworm-slim
        RUN echo made > /etc/mark
    command: [sleep, infinity]
  web:
    init: true
    stop_grace_period: 1s
    build:
      context: app
      additional_contexts: {assets: ./assets, parent: 'service:base'}
",
        );
    project.dev();
    assert_eq!(said(&project, "web", "cat /logo.txt /mark"), "a logo\nmade");
}

#[test]
fn an_image_that_must_not_be_pulled_is_missed_with_its_place() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:\n  web:\n    image: envsim-it/no-such-image:1\n    pull_policy: never\n",
    );
    let outcome = project.run(&["dev", "-d"]);
    outcome
        .exits(2)
        .says(&["its pull policy is `never`", "compose.yaml:3:12"]);
}

#[test]
fn a_prod_check_beside_a_dev_run_does_not_want_its_addresses() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    networks: {{back: {{ipv4_address: 10.213.92.9}}}}
networks: {{back: {{ipam: {{config: [{{subnet: 10.213.92.0/24}}]}}}}}}
x-envsim:
  probes: [{{service: web, command: ['true']}}]
"
    ));
    project.dev();
    let outcome = project.run(&["prod-check", "--verbose"]);
    outcome
        .exits(0)
        .says(&["the address range of the network `back` is in use"])
        .prints("What ECS changes")
        .prints("compose.yaml:5:5 `web` networks: one namespace for all containers");
}

#[test]
fn sync_and_exec_runs_its_command_after_the_files_are_there() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.file("src/a.txt", "one").compose(&format!(
        "services:
  web:
    image: debian:bookworm-slim
    {IDLE}
    develop:
      watch:
        - path: ./src
          action: sync+exec
          target: /src
          exec: {{command: [bash, -c, 'cp /src/a.txt /copied']}}
"
    ));
    let mut run = project.spawn(&["dev"]);
    run.wait_for("watching the files of web");
    project.file("src/a.txt", "two");
    run.wait_for("synced and ran a command for");
    assert_eq!(said(&project, "web", "cat /copied"), "two");
    run.interrupt();
    run.finish().exits(0);
}
