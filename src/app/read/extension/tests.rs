use crate::app::testing::{app, app_for, said};
use crate::app::{LaunchType, Mode, ProbeAction};

/// The one problem of a file whose `x-envsim` is `top` and whose service `web` has the keys `web`.
#[track_caller]
fn one(top: &str, web: &str) -> String {
    let text = format!(
        "x-envsim: {top}\nservices:\n  web: {{image: web, {web}}}\n  db: {{image: db, ports: ['5432:5432']}}\n"
    );
    let said = said(&text, Mode::Prod);
    assert_eq!(said.len(), 1, "{said:#?}");
    said.into_iter().next().unwrap_or_default()
}

#[track_caller]
fn service(settings: &str) -> String {
    one("{}", &format!("x-envsim: {{{settings}}}"))
}

#[track_caller]
fn top(settings: &str) -> String {
    one(&format!("{{{settings}}}"), "ports: ['80:80']")
}

#[test]
fn all_keys_become_typed_values() {
    let app = app_for(
        "x-envsim:
  cpu: 512
  memory: 2048
  launch_type: FARGATE
  probes: [{service: web, http: /}]
  ignore: [{rule: H001, path: 'docs/**', service: web, reason: examples for people}]
services:
  web:
    image: web
    ports: ['80:80']
    x-envsim: {task: front, cpu: 256, memory: 512, probes: [{http: GET /health}, {tcp: 80}]}
  db:
    image: db
    x-envsim: {external: {host: DB.example.com., port: 5433, reason: RDS}}
  cache:
    image: cache
    x-envsim: {external: 'cache.example.com:6380'}
",
        Mode::Prod,
    );
    assert_eq!((app.task.cpu, app.task.memory), (512, 2048));
    assert_eq!(app.launch_type, LaunchType::Fargate);
    let web = &app.services["web"];
    assert_eq!(app.task_name(web), "front");
    assert_eq!(web.task_cpu.as_ref().map(|at| at.value), Some(256));
    assert_eq!(web.task_memory.as_ref().map(|at| at.value), Some(512));
    let external = |name: &str| app.services[name].external.clone().expect("external");
    assert_eq!(external("db").to_string(), "db.example.com:5433");
    assert_eq!(external("db").reason.as_deref(), Some("RDS"));
    assert_eq!(external("cache").to_string(), "cache.example.com:6380");
    assert_eq!(external("cache").host.place.column, 27);
    let names: Vec<&str> = app.probes.iter().map(|probe| &*probe.name).collect();
    assert_eq!(
        names,
        [
            "web answers GET /",
            "web answers GET /health",
            "web accepts connections on 80"
        ]
    );
    assert!(matches!(
        app.probes[2].action,
        ProbeAction::Tcp { port: 80 }
    ));
    assert_eq!(app.ignore[0].reason, "examples for people");
    assert_eq!(app.ignore[0].place.line, 6);
    let tasks: Vec<&str> = app.tasks().into_keys().collect();
    assert_eq!(tasks, ["front"]);
}

#[test]
fn without_a_task_all_services_are_in_one_named_after_the_project() {
    let app = app("services:\n  a: {image: a}\n  b: {image: b}\n");
    let tasks = app.tasks();
    assert_eq!(tasks.keys().copied().collect::<Vec<_>>(), ["project"]);
    assert_eq!(tasks["project"].len(), 2);
}

#[test]
fn a_slip_in_a_key_is_told_with_the_key_that_was_meant() {
    assert_eq!(
        service("extrenal: db.example.com"),
        "3:32 error: unknown key `extrenal` in `x-envsim` of a service (did you mean `external`?)"
    );
    assert_eq!(
        top("ignores: []"),
        "1:12 error: unknown key `ignores` in `x-envsim` (did you mean `ignore`?)"
    );
    assert_eq!(
        service("external: {hots: db.example.com, host: x.example.com}"),
        "3:43 error: unknown key `hots` in `external` (did you mean `host`?)"
    );
    assert_eq!(
        top("ignore: [{rule: H001, reasn: x, reason: y}]"),
        "1:34 error: unknown key `reasn` in an entry of `ignore` (did you mean `reason`?)"
    );
}

#[test]
fn an_architecture_is_written_as_aws_writes_it() {
    let app = app_for(
        "x-envsim: {architecture: ARM64}\nservices: {web: {image: web}}\n",
        Mode::Prod,
    );
    let written = app.architecture.expect("an architecture");
    assert_eq!((written.value.as_str(), written.place.line), ("ARM64", 1));
    assert_eq!(
        top("architecture: amd64"),
        "1:26 error: `amd64` is not an architecture of ECS (did you mean `X86_64`?)"
    );
    assert_eq!(
        top("architecture: riscv64"),
        "1:26 error: `riscv64` is not an architecture of ECS (one of X86_64, ARM64)"
    );
}

#[test]
fn a_launch_type_is_written_as_aws_writes_it() {
    assert_eq!(
        top("launch_type: fargate"),
        "1:25 error: `fargate` is not a launch type (did you mean `FARGATE`?)"
    );
    assert_eq!(
        top("launch_type: EC-2"),
        "1:25 error: `EC-2` is not a launch type (did you mean `EC2`?)"
    );
    assert_eq!(
        top("launch_type: LAMBDA"),
        "1:25 error: `LAMBDA` is not a launch type (one of FARGATE, EC2, EXTERNAL)"
    );
}

#[test]
fn a_size_is_taken_as_it_is_written() {
    let size = |top: &str| {
        let text = format!("x-envsim: {{{top}}}\nservices: {{web: {{image: web}}}}\n");
        let app = app_for(&text, Mode::Prod);
        (app.task.cpu, app.task.memory)
    };
    assert_eq!(size("cpu: 300, memory: 700, launch_type: EC2"), (300, 700));
    assert_eq!(size("launch_type: EXTERNAL"), (1024, 2048));
    assert_eq!(size("cpu: 300, memory: 700"), (300, 700));
    assert_eq!(size("cpu: 512"), (512, 1024));
    assert_eq!(
        top("cpu: 64, launch_type: EC2"),
        "1:17 error: a task has 128 to 196608 CPU units, not 64 (1024 CPU units are one vCPU)"
    );
}

#[test]
fn a_container_has_the_memory_that_an_engine_needs_for_one() {
    assert_eq!(
        service("memory: 4"),
        "3:40 error: a container needs 6 MiB or more (`memory` is in MiB: 512 for half a GiB; take it out for no limit but the task's)"
    );
}

#[test]
fn every_task_needs_an_essential_container() {
    let text = "services:
  web: {image: web}
  job: {image: job, x-envsim: {task: jobs, essential: false}}
";
    assert_eq!(
        said(text, Mode::Prod),
        [
            "3:55 error: no container of the task `jobs` is essential, and ECS refuses such a task definition (make the container essential that the task is there for)"
        ]
    );
}

#[test]
fn what_must_complete_is_not_essential_in_its_own_task() {
    let text = |job: &str| {
        format!(
            "services:
  web: {{image: web, depends_on: {{job: {{condition: service_completed_successfully}}}}}}
  job: {{image: job, x-envsim: {{{job}}}}}
"
        )
    };
    assert_eq!(
        said(&text("essential: true"), Mode::Prod),
        [
            "3:43 error: `web` waits for `job` to complete, and ECS refuses that of an essential container (write `essential: false`, or leave it out)"
        ]
    );
    assert_eq!(
        said(&text("task: jobs"), Mode::Prod),
        [
            "2:34 warning: `web` does not wait for `job` in production: it belongs to another task (`jobs`) (ECS starts tasks independently: let the program try again until it answers)"
        ]
    );
    let app = app_for(&text("task: jobs"), Mode::Prod);
    assert!(app.essential(&app.services["job"]));
}

#[test]
fn a_task_name_is_one_that_ecs_takes() {
    assert_eq!(
        service("task: 'front end'"),
        "3:38 error: `front end` is not a task name (use up to 255 letters, digits, `-` and `_`)"
    );
    assert!(service(&format!("task: {}", "x".repeat(256))).contains("is not a task name"));
}

#[test]
fn an_external_host_is_a_name_that_dns_can_answer_for() {
    assert_eq!(
        service("external: 'postgres://app:pw@db.example.com:5432/shop'"),
        "3:42 error: `external` is `HOST[:PORT]`, without `postgres://` (write `external: db.example.com:5432`)"
    );
    assert_eq!(
        service("external: '10.0.0.7:5432'"),
        "3:43 error: `10.0.0.7` is an address, and envsim can stand in only for a name (give the managed service a name, for example in a private hosted zone)"
    );
    assert_eq!(
        service("external: localhost"),
        "3:42 error: `localhost` is the task itself (name the host of the managed service, or take out `external`)"
    );
    assert_eq!(
        service("external: 'db.example.com:70000'"),
        "3:58 error: `70000` is not a port (1 to 65535) ()"
    );
    assert_eq!(
        service("external: 'db..example.com'"),
        "3:43 error: `db..example.com` is not a host name (for example `orders.abc123.eu-west-1.rds.amazonaws.com`)"
    );
    assert_eq!(
        service("external: true"),
        "3:42 error: `external` must be `HOST[:PORT]` or a mapping with `host`, not a boolean, `true` ()"
    );
    assert_eq!(
        service("external: {port: 5432}"),
        "3:42 error: `external` needs the `host` of production (for example `host: orders.abc123.eu-west-1.rds.amazonaws.com`)"
    );
    assert_eq!(
        service("external: 'db:5432'"),
        "3:43 error: `db` is a name of the service `db`, which nothing resolves in production (name the host as production knows it)"
    );
}

#[test]
fn an_external_service_has_no_container_to_speak_of() {
    for (key, column) in [
        ("essential: false", 66),
        ("prod: {image: x}", 66),
        ("task: front", 66),
        ("cpu: 256", 66),
        ("memory: 512", 66),
    ] {
        let name = key.split(':').next().unwrap_or_default();
        assert_eq!(
            service(&format!("external: production.example.com, {key}")),
            format!(
                "3:{column} error: `web` is external, so production has no container of it that `{name}` could be about (take out `{name}` or `external`)"
            )
        );
    }
    let text = "services:
  web: {image: web, depends_on: {job: {condition: service_completed_successfully}}}
  job: {image: job, x-envsim: {external: job.example.com}}
";
    assert_eq!(
        said(text, Mode::Dev),
        [
            "2:34 error: `web` waits for `job` to complete, and that is external: a managed service does not end (wait for `service_started` or `service_healthy`)"
        ]
    );
    assert_eq!(
        said(
            "services: {web: {image: web, x-envsim: {external: web.example.com}}}",
            Mode::Dev
        ),
        [
            "1:12 error: every service is external, so nothing is left to run in production (take out `external` of the services that you deploy)"
        ]
    );
}

#[test]
fn one_host_stands_for_one_service() {
    let text = "services:
  web: {image: web}
  a: {image: a, x-envsim: {external: 'x.example.com:1'}}
  b: {image: b, x-envsim: {external: 'X.example.com:2'}}
";
    assert_eq!(
        said(text, Mode::Dev),
        [
            "4:39 error: `a` and `b` have the same host in production, and envsim has one stand-in for a name (give each a name of its own, for example a CNAME)"
        ]
    );
}

#[test]
fn an_ignore_entry_has_a_rule_and_a_reason_and_names_services_that_are_there() {
    assert_eq!(
        top("ignore: [{rule: H001}]"),
        "1:21 error: an entry of `ignore` needs a `reason` (say why production is right all the same; the report shows it)"
    );
    assert_eq!(
        top("ignore: [{rule: H001, reason: ' '}]"),
        "1:42 error: the `reason` is empty (say why production is right all the same; the report shows it)"
    );
    assert_eq!(
        top("ignore: [{reason: x}]"),
        "1:21 error: an entry of `ignore` needs the `rule` that it silences (write `rule: H001`, with `path` or `service` to narrow it)"
    );
    assert_eq!(
        top("ignore: [{rule: H001, reason: x, service: wbe}]"),
        "1:54 error: the entry of `ignore` names the unknown service `wbe` (did you mean `web`?)"
    );
    assert_eq!(
        top("ignore: {rule: H001, reason: x}"),
        "1:20 error: `ignore` must be a list, not a mapping ()"
    );
}

#[test]
fn a_probe_is_whole_and_asks_a_service_that_is_there() {
    assert_eq!(
        top("probes: [{service: wbe, http: /}]"),
        "1:31 error: the probe names the unknown service `wbe` (did you mean `web`?)"
    );
    assert_eq!(
        top("probes: [{http: /}]"),
        "1:21 error: a probe needs the `service` it asks ()"
    );
    assert_eq!(
        top("probes: [{service: web}]"),
        "1:21 error: a probe has one of `http`, `tcp` and `command` ()"
    );
    assert_eq!(
        top("probes: [{service: web, http: /, tcp: 80}]"),
        "1:21 error: a probe has one of `http`, `tcp` and `command` ()"
    );
    assert_eq!(
        top("probes: [{service: web, tcp: 80, status: 200}]"),
        "1:45 error: `status` has no meaning beside `tcp` (`status` belongs to a probe with `http`)"
    );
    assert_eq!(
        top("probes: [{service: web, tcp: http}]"),
        "1:41 error: `tcp` must be a port (1 to 65535), not a string, `http` ()"
    );
    assert_eq!(
        top("probes: [{service: web, http: /, status: 20}]"),
        "1:53 error: `status` must be an HTTP status (100 to 599), not a number, `20` ()"
    );
    assert_eq!(
        service("probes: [{service: web, tcp: 80}]"),
        "3:42 error: the probe stands below `web` already (take out `service`, or move the probe to the top level's `x-envsim`)"
    );
    assert_eq!(
        service("probes: [{http: /}]"),
        "3:48 error: `web` publishes no port to ask (add `port:` with the container port)"
    );
    let text = "x-envsim: {probes: [{service: tools, tcp: 80}]}\nservices: {web: {image: w}, tools: {image: t, profiles: [debug]}}\n";
    assert_eq!(
        said(text, Mode::Prod),
        [
            "1:31 error: the probe names `tools`, which is in a profile that is not active (activate it with `--profile`)"
        ]
    );
}

#[test]
fn all_mistakes_are_told_in_one_run() {
    let text = "x-envsim:
  launch_type: ec2
  ignore: [{rule: H001}]
  probes: [{service: wbe, tcp: 80}]
services:
  web: {image: web, x-envsim: {task: 'a b', cpu: lots, external: localhost}}
";
    let lines: Vec<String> = said(text, Mode::Prod)
        .iter()
        .map(|text| text.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            "6:38", "6:50", "6:66", "6:32", "6:45", "2:16", "3:12", "4:22"
        ]
    );
}
