//! What `envsim prod-check` makes of the answers of an app for which no probe is written.

use crate::support::{Project, Report};

/// `shop` needs `db` by name for each answer and warms up for a second; `admin` has a login wall.
const COMPOSE: &str = "services:
  shop:
    image: python:3.12-slim
    command: [python, -u, /app/shop.py]
    stop_grace_period: 1s
    ports: ['8000']
    volumes: ['./app:/app:ro']
  admin:
    image: python:3.12-slim
    command: [python, -u, /app/admin.py]
    stop_grace_period: 1s
    ports: ['8001']
    volumes: ['./app:/app:ro']
  db:
    image: debian:bookworm-slim
    command: [sleep, infinity]
    stop_grace_period: 1s
";

const SERVE: &str = "
import http.server
def serve(port, status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            code, text = status()
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())
    http.server.ThreadingHTTPServer(('', port), Handler).serve_forever()
";

const SHOP: &str = "
import socket, time
from serve import serve
started = time.monotonic()
def status():
    if time.monotonic() < started + 1:
        return 404, 'no routes yet'
    try:
        socket.gethostbyname('d' + 'b')
        return 200, 'open'
    except OSError:
        return 500, 'the database cannot be found'
serve(8000, status)
";

const ADMIN: &str = "
from serve import serve
serve(8001, lambda: (401, 'who are you?'))
";

#[test]
fn an_app_that_answers_with_an_error_in_the_task_alone_is_found_without_a_probe() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose(COMPOSE)
        .file("app/serve.py", SERVE)
        .file("app/shop.py", SHOP)
        .file("app/admin.py", ADMIN);
    let outcome = project.run(&["prod-check", "--format", "json"]);
    outcome.exits(1);
    let report = Report::of(&outcome);
    // The login wall is the same in both runs.
    let found = report.of_rule("probe-differs");
    assert_eq!(found.len(), 1, "{outcome}");
    let finding = found[0];
    assert_eq!(finding["severity"], "error", "{outcome}");
    assert_eq!(Report::place(finding), "compose.yaml:6", "{outcome}");
    assert_eq!(finding["data"]["dev"], "status 200", "{outcome}");
    assert_eq!(
        finding["data"]["prod"], "status 500; the body was: the database cannot be found",
        "{outcome}"
    );
}

/// The image gives `/data` to its user, and a new volume of Docker takes that over; on ECS the volume is
/// root's.
const COUNTER: &str = "services:
  counter:
    build: .
    stop_grace_period: 2s
    ports: ['8002:8002']
    volumes: ['data:/data']
volumes: {data: {}}
";

const COUNTER_IMAGE: &str = "FROM python:3.12-slim
RUN mkdir /data && chown 1000 /data
COPY app /app
USER 1000
CMD [\"python\", \"-u\", \"/app/counter.py\"]
";

const COUNT: &str = "
from serve import serve
def status():
    try:
        open('/data/visits', 'a').write('x')
        return 200, 'counted'
    except OSError as error:
        return 500, error.strerror
serve(8002, status)
";

#[test]
fn a_volume_that_the_user_of_the_image_cannot_write_to_in_the_task_is_found_without_a_probe() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .compose(COUNTER)
        .file("Dockerfile", COUNTER_IMAGE)
        .file("app/serve.py", SERVE)
        .file("app/counter.py", COUNT);
    let outcome = project.run(&["prod-check", "--format", "json"]);
    outcome.exits(1);
    let report = Report::of(&outcome);
    assert_eq!(report.errors(), ["probe-differs"], "{outcome}");
    let finding = report.of_rule("probe-differs")[0];
    assert_eq!(
        finding["data"]["prod"], "status 500; the body was: Permission denied",
        "{outcome}"
    );
}
