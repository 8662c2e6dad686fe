//! The images that `envsim prod-check` builds, and the Dockerfile that `envsim dockerfile` shows.

use crate::support::{Outcome, Project, Report};

const STOCK: &str = "services:
  web:
    image: python:3.12-slim
    command: [python, /app/server.py]
    volumes: ['./app:/app']
";

#[test]
fn a_dockerfile_is_printed_for_a_service_without_build() {
    let project = Project::new();
    project.compose(STOCK).file("app/server.py", "");
    let outcome = project.run(&["dockerfile", "web"]);
    outcome
        .exits(0)
        .prints("FROM python:3.12-slim\n")
        .prints("COPY app/ /app/\n");
}

#[test]
fn a_dockerfile_is_written_to_a_new_file() {
    let project = Project::new();
    project.compose(STOCK).file("app/server.py", "");
    let printed = project.run(&["dockerfile", "web"]);
    let outcome = project.run(&["dockerfile", "web", "-o", "Dockerfile"]);
    outcome.exits(0);
    let written =
        std::fs::read_to_string(project.path("Dockerfile")).expect("the file was written");
    assert_eq!(written, printed.stdout, "{outcome}");
}

#[test]
fn an_existing_dockerfile_is_not_replaced() {
    let project = Project::new();
    project
        .compose(STOCK)
        .file("app/server.py", "")
        .file("Dockerfile", "# mine\n");
    let outcome = project.run(&["dockerfile", "web", "-o", "Dockerfile"]);
    outcome.exits(2).tells_one_error().says(&["Dockerfile"]);
    let kept = std::fs::read_to_string(project.path("Dockerfile")).expect("the file is there");
    assert_eq!(kept, "# mine\n", "{outcome}");
}

#[test]
fn a_service_that_is_built_needs_no_generated_dockerfile() {
    let project = Project::new();
    project
        .compose("services: {web: {build: ./web}}\n")
        .file("web/Dockerfile", "FROM debian:bookworm-slim\n");
    project
        .run(&["dockerfile", "web"])
        .exits(2)
        .tells_one_error()
        .says(&["web/Dockerfile"]);
}

#[test]
fn the_report_is_written_to_a_file() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "x-envsim: {probes: [{service: web, command: ['true']}]}
services: {web: {image: 'debian:bookworm-slim', command: [sleep, infinity], stop_grace_period: 2s}}
",
    );
    let outcome = project.run(&[
        "prod-check",
        "--no-compare",
        "--format",
        "json",
        "-o",
        "report.json",
    ]);
    outcome.exits(0);
    assert_eq!(outcome.stdout, "", "{outcome}");
    let written =
        std::fs::read_to_string(project.path("report.json")).expect("the file was written");
    Report::of(&Outcome {
        stdout: written,
        ..outcome
    })
    .passes();
}

#[test]
fn the_report_for_people_ends_with_the_verdict() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services: {web: {image: 'debian:bookworm-slim', command: [bash, -c, 'exit 9']}}\n",
    );
    let outcome = project.run(&["prod-check", "--no-compare"]);
    outcome
        .exits(1)
        .prints("essential-container-exited")
        .prints("exit code 9")
        .prints("compose.yaml:1:");
    let verdict = format!("FAIL {}: 1 error", project.name());
    assert_eq!(outcome.stdout.lines().last(), Some(&*verdict), "{outcome}");
}

#[test]
fn a_build_secret_reaches_the_build_and_stays_out_of_the_image_and_the_output() {
    let Some(mut project) = Project::with_engine() else {
        return;
    };
    project.variable("IT_TOKEN", "s3cret-of-the-build");
    project
        .file(
            "Dockerfile",
            "FROM debian:bookworm-slim
RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length
CMD [\"sleep\", \"infinity\"]
",
        )
        .compose(
            "x-envsim:
  probes:
    - {name: it was there, service: web, command: [grep, -q, -x, '19', /length]}
    - {name: it is gone, service: web, command: '! test -s /run/secrets/token'}
services:
  web:
    build: {context: ., secrets: [token]}
    stop_grace_period: 2s
secrets: {token: {environment: IT_TOKEN}}
",
        );
    let outcome = project.run(&["prod-check", "--no-compare", "--format", "json"]);
    Report::of(&outcome).passes();
    assert!(
        !format!("{outcome}").contains("s3cret-of-the-build"),
        "{outcome}"
    );
}

#[test]
fn a_cache_mount_is_there_in_the_build_and_not_in_the_image() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .file(
            "Dockerfile",
            "FROM debian:bookworm-slim
RUN --mount=type=cache,target=/kept echo cached > /kept/file && cp /kept/file /copied
CMD [\"sleep\", \"infinity\"]
",
        )
        .compose(
            "x-envsim:
  probes:
    - {name: what was copied is there, service: web, command: [grep, -q, cached, /copied]}
    - {name: the cache is not, service: web, command: '! test -e /kept/file'}
services: {web: {build: ., stop_grace_period: 2s}}
",
        );
    Report::of(&project.run(&["prod-check", "--no-compare", "--format", "json"])).passes();
}

#[test]
fn code_that_only_a_mount_brings_to_a_stock_image_is_found_and_the_generated_image_works() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project
        .file("app/server.py", "import time\ntime.sleep(600)\n")
        .compose(
            "x-envsim: {probes: [{service: web, command: [test, -f, /app/server.py]}]}
services:
  web:
    image: python:3.12-slim
    command: [python, /app/server.py]
    stop_grace_period: 2s
    volumes: ['./app:/app']
",
        );
    let report = Report::of(&project.run(&["prod-check", "--format", "json"]));
    report.outcome.exits(1).says(&["probe ok in prod"]);
    assert_eq!(
        report.errors(),
        ["missing-from-image", "code-only-by-mount"],
        "{}",
        report.outcome
    );
    let finding = report.finding("missing-from-image", "target", "/app");
    assert!(
        finding["help"]
            .as_str()
            .unwrap_or_default()
            .contains("envsim dockerfile web"),
        "{}",
        report.outcome
    );
}
