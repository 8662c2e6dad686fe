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
