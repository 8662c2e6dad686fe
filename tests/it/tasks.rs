//! Apps of several tasks, with managed services: what each task reaches, and what stands in.

use crate::support::{Project, Report};

/// `web` shows what `DATA` says; `worker` listens on the same port in a task of its own; `data` is a
/// managed service in production, at another port.
const SERVER: &str = "import http.server, os, urllib.request
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with urllib.request.urlopen(os.environ['DATA'], timeout=5) as data:
                status, body = 200, data.read()
        except Exception as error:
            status, body = 503, str(error).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('', 8000), Page).serve_forever()
";

fn project(production: &str, top: &str) -> Option<Project> {
    let project = Project::with_engine()?;
    project.file("web/server.py", SERVER);
    project.file(
        "web/Dockerfile",
        "FROM python:3.12-slim\nCOPY server.py /server.py\nCMD [\"python\", \"/server.py\"]\n",
    );
    project.compose(&format!(
        "x-envsim:
  probes:
    - {{name: the data is shown, service: web, http: GET /, port: 8000, body: Directory listing, timeout: 20s}}
{top}
services:
  web:
    build: ./web
    environment:
      DATA: http://data:7000/
    x-envsim:
      {production}
  worker:
    image: python:3.12-slim
    command: [python, -m, http.server, '8000']
    x-envsim:
      task: jobs
  data:
    image: python:3.12-slim
    command: [python, -m, http.server, '7000']
    expose: ['7000']
    x-envsim:
      external: {{host: data.example.com, port: 9000, reason: a managed store}}
      probes: [{{tcp: 7000}}]
"
    ));
    Some(project)
}

#[test]
fn a_task_reaches_a_managed_service_under_its_production_name() {
    let production = "prod: {environment: {DATA: 'http://data.example.com:9000/'}}";
    let ignore = "  ignore:\n    - {rule: port-clash, reason: they are in two tasks}";
    let Some(project) = project(production, ignore) else {
        return;
    };
    let report = Report::of(&project.run(&["prod-check", "--format", "json"]));
    report.passes();
    let stand_in = &report.json["stand_ins"][0];
    assert_eq!(stand_in["service"], "data", "{}", report.outcome);
    assert_eq!(stand_in["host"], "data.example.com", "{}", report.outcome);
    assert_eq!(stand_in["reason"], "a managed store", "{}", report.outcome);
    let unused = &report.json["unused_ignores"][0];
    assert_eq!(unused["rule"], "port-clash", "{}", report.outcome);
    assert_eq!(unused["place"]["line"], 5, "{}", report.outcome);
    let left = project.eye().everything(project.name());
    assert!(left.iter().all(|one| one.contains("image")), "{left:?}");
}

#[test]
fn a_managed_service_is_not_there_under_its_service_name() {
    let Some(project) = project("essential: true", "") else {
        return;
    };
    let report = Report::of(&project.run(&["prod-check", "--format", "json"]));
    report.outcome.exits(1);
    let found = report.finding("service-host-in-environment", "host", "data");
    let help = found["help"].as_str().unwrap_or_default();
    assert!(
        help.contains("production reaches it as `data.example.com:9000`"),
        "{help}"
    );
    report.finding("probe-differs", "probe", "the data is shown");
}

#[test]
fn a_task_reaches_another_one_neither_by_name_nor_on_the_loopback() {
    for address in ["http://worker:8001/", "http://127.0.0.1:8001/"] {
        let production = format!("prod: {{environment: {{DATA: '{address}'}}}}");
        let ignore = "  ignore:\n    - {rule: P001, reason: the proof of this test}";
        let Some(project) = project(&production, ignore) else {
            return;
        };
        let compose = std::fs::read_to_string(project.path("compose.yaml")).expect("the file");
        let moved = compose.replacen("http.server, '8000'", "http.server, '8001'", 1);
        project.compose(&moved);
        let report = Report::of(&project.run(&["prod-check", "--format", "json"]));
        let differs = report.finding("probe-differs", "probe", "the data is shown");
        assert_eq!(
            differs["ignored"]["reason"], "the proof of this test",
            "{}",
            report.outcome
        );
        if address.contains("worker") {
            report.outcome.exits(1);
            let found = report.finding("service-host-in-environment", "host", "worker");
            let help = found["help"].as_str().unwrap_or_default();
            assert!(
                help.contains("it belongs to another task (`jobs`)"),
                "{help}"
            );
        } else {
            // All that was found is ignored.
            report.outcome.exits(0);
            assert_eq!(report.json["verdict"], "pass", "{}", report.outcome);
        }
    }
}
