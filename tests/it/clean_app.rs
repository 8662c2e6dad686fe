//! A messy-sized app that does everything right: five services of which nothing is an error, and whose
//! words (`cache`, `api`, `web`) stand in many places where they are no hosts.

use crate::support::{Project, Report};

/// What the Python services share: a client of Redis and a server that ends on SIGTERM.
const SHARED: &str = r#"import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


class Cache:
    """The cache. In dev it is the service `cache`."""

    def __init__(self):
        self.address = (os.environ["CACHE_HOST"], int(os.environ.get("CACHE_PORT", "6379")))

    def ask(self, *words):
        request = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
        with socket.create_connection(self.address, timeout=2) as connection:
            connection.sendall(request.encode())
            return connection.recv(4096).decode()


def serve(port, answer):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                status, body = 200, answer(self.path)
            except OSError as error:
                status, body = 503, str(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("", port), Handler).serve_forever()
"#;

const API: &str = r#"from shared import Cache, serve

cache = Cache()


def answer(path):
    if path == "/health":
        return "ok"
    return cache.ask("GET", "jobs:done").splitlines()[-1]


serve(8001, answer)
"#;

const WEB: &str = r#"import os
from urllib.request import urlopen

from shared import serve

# The api's address; never written here.
api = os.environ["API_URL"]


def answer(path):
    return "jobs done: " + urlopen(api, timeout=2).read().decode()


serve(8000, answer)
"#;

const WORKER: &str = r#"import time

from shared import Cache

cache = Cache()
while True:
    try:
        cache.ask("SET", "jobs:done", "many")
    except OSError as error:
        print(f"cache: {error}, again in a moment", flush=True)
    time.sleep(0.2)
"#;

const DOCKERFILE: &str = "FROM python:3.12-slim
WORKDIR /app
ARG SERVICE
COPY shared.py ./
COPY ${SERVICE}.py main.py
USER nobody
CMD [\"python\", \"main.py\"]
";

const PROXY: &str = "server {
    listen 8080;
    location / { proxy_pass ${WEB_URL}; }
}
";

const COMPOSE: &str = r#"
x-envsim:
  probes:
    - {name: the page counts the jobs, service: proxy, http: GET /, body: "jobs done: many"}

services:
  proxy:
    build: proxy
    ports: ["8080:8080"]
    environment: {WEB_URL: "http://web:8000"}
    depends_on: [web]
    x-envsim: {prod: {environment: {WEB_URL: "http://127.0.0.1:8000"}}}
  web:
    build: {context: python, args: {SERVICE: web}}
    environment: {API_URL: "http://api:8001/"}
    depends_on: [api]
    x-envsim: {prod: {environment: {API_URL: "http://127.0.0.1:8001/"}}}
  api:
    build: {context: python, args: {SERVICE: api}}
    environment: {CACHE_HOST: cache}
    depends_on: [cache]
    develop:
      watch:
        - {action: sync+restart, path: python/api.py, target: /app/main.py}
    x-envsim: {prod: {environment: {CACHE_HOST: 127.0.0.1}}}
  worker:
    build: {context: python, args: {SERVICE: worker}}
    environment: {CACHE_HOST: cache, WORKER_NAME: api}
    depends_on: [cache]
    x-envsim: {prod: {environment: {CACHE_HOST: 127.0.0.1}}}
  cache:
    image: redis:7
    healthcheck: {test: [CMD, redis-cli, ping], interval: 5s}
    labels: {com.example.role: cache}
"#;

fn project(project: Project) -> Project {
    project
        .file("python/shared.py", SHARED)
        .file("python/api.py", API)
        .file("python/web.py", WEB)
        .file("python/worker.py", WORKER)
        .file("python/Dockerfile", DOCKERFILE)
        .file("python/.dockerignore", "*\n!*.py\n")
        .file("proxy/default.conf.template", PROXY)
        .file(
            "proxy/Dockerfile",
            "FROM nginx:1.27\nCOPY default.conf.template /etc/nginx/templates/\n",
        )
        .compose(COMPOSE);
    project
}

#[test]
fn nothing_of_a_clean_app_of_five_services_is_an_error() {
    let Some(empty) = Project::with_engine() else {
        return;
    };
    let project = project(empty);
    Report::of(&project.run(&["prod-check", "--format", "json"])).passes();
}

#[test]
fn nothing_is_found_in_the_files_of_a_clean_app() {
    let project = project(Project::new());
    let report = Report::of(&project.run(&["prod-check", "--static", "--format", "json"]));
    report.passes();
    assert!(report.findings().is_empty(), "{}", report.outcome);
}
