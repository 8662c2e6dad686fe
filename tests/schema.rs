//! The JSON Schema of `x-envsim` and the reader say the same.
//!
//! What a schema cannot know (the services of the file, the rules, sums over a task) is left to the
//! reader and its own tests.

use std::path::{Path, PathBuf};

use boon::{Compiler, Schemas};
use envsim::app::load::load;
use envsim::app::{Mode, SCHEMA};
use envsim::compose::Options;
use envsim::compose::disk::Files;
use serde_json::Value;

/// The schema, ready to judge.
struct Judge {
    schemas: Schemas,
    index: boon::SchemaIndex,
}

impl Judge {
    fn new() -> Self {
        let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        let mut compiler = Compiler::new();
        compiler
            .add_resource("x-envsim.schema.json", schema)
            .expect("a resource");
        let mut schemas = Schemas::new();
        let index = compiler
            .compile("x-envsim.schema.json", &mut schemas)
            .unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    /// What the schema has against a Compose file.
    fn complaint(&self, compose: &str) -> Option<String> {
        let file: Value = serde_yaml::from_str(compose).expect("YAML");
        let verdict = self.schemas.validate(&file, self.index);
        verdict.err().map(|error| format!("{error:#}"))
    }
}

/// What the reader has against a Compose file.
fn reader_complaint(compose: &str) -> Option<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("compose.yaml"), compose).expect("a file");
    let options = Options {
        working_directory: directory.path().to_owned(),
        project_name: Some("shop".to_owned()),
        ..Options::default()
    };
    let problems = load(&options, &Files, Mode::Prod).err()?;
    Some(problems.0.iter().map(|p| p.render(false)).collect())
}

#[track_caller]
fn agree(judge: &Judge, compose: &str, valid: bool) {
    let (schema, reader) = (judge.complaint(compose), reader_complaint(compose));
    assert_eq!(schema.is_none(), valid, "schema: {schema:?}\n{compose}");
    assert_eq!(reader.is_none(), valid, "reader: {reader:?}\n{compose}");
}

fn project(settings: &str) -> String {
    format!(
        "x-envsim: {settings}\nservices:\n  web: {{image: web, ports: ['80:80']}}\n  db: {{image: db}}\n"
    )
}

fn service(settings: &str) -> String {
    format!(
        "services:\n  web: {{image: web, ports: ['80:80'], x-envsim: {settings}}}\n  db: {{image: db}}\n"
    )
}

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folders = std::fs::read_dir(root).expect("examples").flatten();
    folders
        .flat_map(|folder| ["compose.yaml", "compose.prod.yaml"].map(|n| folder.path().join(n)))
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn every_example_is_valid() {
    let judge = Judge::new();
    let examples = examples();
    assert!(examples.len() >= 4, "{examples:?}");
    for path in examples {
        let text = std::fs::read_to_string(&path).expect("a file");
        let complaint = judge.complaint(&text);
        assert_eq!(complaint, None, "{}", path.display());
    }
}

/// The blocks of the reference are what people copy.
#[test]
fn every_block_of_the_reference_is_valid() {
    let judge = Judge::new();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/x-envsim.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let blocks: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for block in blocks {
        assert_eq!(judge.complaint(block), None, "{block}");
    }
}

#[test]
fn schema_and_reader_accept_the_same() {
    let judge = Judge::new();
    for settings in [
        "{}",
        "",
        "{cpu: 256, memory: 512}",
        "{memory: 4096}",
        "{cpu: 16384}",
        "{cpu: 300, memory: 700, launch_type: EC2}",
        "{cpu: 256, memory: 4096}",
        "{memory: 512}",
        "{launch_type: EXTERNAL}",
        "{architecture: ARM64}",
        "{probes: []}",
        "{probes: [{service: web, http: /}]}",
        "{probes: [{service: web, http: POST /x, port: 80, headers: {a: b}, send: {a: [1]}, status: 201, body: ok, json: {a: 1}, timeout: 1m30s, name: n}]}",
        "{probes: [{service: db, tcp: 5432}, {service: db, command: 'true'}, {service: db, command: [a, b]}]}",
        "{ignore: [{rule: H001, reason: prose}]}",
        "{ignore: [{rule: port-clash, path: 'docs/**', service: web, reason: prose}]}",
    ] {
        agree(&judge, &project(settings), true);
    }
    for settings in [
        "{}",
        "{task: front_end-2}",
        "{essential: true}",
        "{cpu: 0}",
        "{cpu: 256, memory: 512}",
        "{external: db.example.com}",
        "{external: 'db.example.com:5432'}",
        "{external: {host: db.example.com, port: 5432, reason: RDS}}",
        "{external: database, probes: [{tcp: 80}]}",
        "{probes: [{http: /health}, {command: 'true', timeout: 500ms}]}",
        "{prod: {environment: {A: 1, B: x}, command: [a], image: x}}",
        "{prod: {environment: [A=1, B=], command: a b, target: t}}",
        "{dev: {agent: false, signal: SIGHUP, owner: '1000:1000'}}",
        "{dev: {signal: 1, owner: 1000}, external: db.example.com}",
    ] {
        agree(&judge, &service(settings), true);
    }
}

#[test]
fn schema_and_reader_refuse_the_same() {
    let judge = Judge::new();
    for settings in [
        "[]",
        "text",
        "{cpus: 256}",
        "{cpu: many}",
        "{cpu: 1}",
        "{cpu: 64, launch_type: EC2}",
        "{cpu: 64, memory: 2, launch_type: EC2}",
        "{launch_type: fargate}",
        "{launch_type: 1}",
        "{architecture: amd64}",
        "{architecture: [X86_64]}",
        "{probes: {service: web}}",
        "{probes: [{http: /}]}",
        "{probes: [{service: web}]}",
        "{probes: [{service: web, http: /, tcp: 80}]}",
        "{probes: [{service: web, http: health}]}",
        "{probes: [{service: web, http: get /health}]}",
        "{probes: [{service: web, tcp: 0}]}",
        "{probes: [{service: web, tcp: 70000}]}",
        "{probes: [{service: web, tcp: 80, status: 200}]}",
        "{probes: [{service: web, command: a, port: 80}]}",
        "{probes: [{service: web, command: []}]}",
        "{probes: [{service: web, http: /, status: 99}]}",
        "{probes: [{service: web, http: /, timeout: 30}]}",
        "{probes: [{service: web, http: /, timeout: soon}]}",
        "{probes: [{service: web, htpp: /}]}",
        "{ignore: [{rule: H001}]}",
        "{ignore: [{reason: x}]}",
        "{ignore: [{rule: H001, reason: ''}]}",
        "{ignore: [{rule: H001, reason: x, line: 3}]}",
        "{ignore: [H001]}",
        "{ignore: {rule: H001, reason: x}}",
    ] {
        agree(&judge, &project(settings), false);
    }
    for settings in [
        "true",
        "{tasks: front}",
        "{task: front end}",
        "{task: ''}",
        "{essential: maybe}",
        "{cpu: -1}",
        "{cpu: 1.5}",
        "{memory: 4}",
        "{memory: 512m}",
        "{external: true}",
        "{external: 5432}",
        "{external: localhost}",
        "{external: 10.0.0.7}",
        "{external: '10.0.0.7:5432'}",
        "{external: 'db.example.com:port'}",
        "{external: 'postgres://db.example.com/shop'}",
        "{external: db..example.com}",
        "{external: -db.example.com}",
        "{external: {port: 5432}}",
        "{external: {host: localhost}}",
        "{external: {host: db.example.com, port: 0}}",
        "{external: {host: db.example.com, name: x}}",
        "{external: db.example.com, essential: false}",
        "{external: db.example.com, task: front}",
        "{external: db.example.com, cpu: 1}",
        "{external: db.example.com, memory: 512}",
        "{external: db.example.com, prod: {image: x}}",
        "{probes: [{service: web, tcp: 80}]}",
        "{probes: [{}]}",
        "{prod: {environment: {A: null}}}",
        "{prod: {environment: [A]}}",
        "{prod: {env: {A: 1}}}",
        "{prod: {image: [a]}}",
        "{dev: {agent: perhaps}}",
        "{dev: {agents: true}}",
        "{dev: {signal: SIG HUP}}",
        "{dev: {signal: 0}}",
        "{dev: {owner: node}}",
        "{dev: {owner: '1000:node'}}",
        "{dev: [agent]}",
    ] {
        agree(&judge, &service(settings), false);
    }
}

/// An editor sees the file before Compose fills it in.
#[test]
fn a_value_that_compose_fills_in_is_left_to_the_reader() {
    let judge = Judge::new();
    for compose in [
        project("{cpu: '${CPU}', memory: '${MEMORY:-512}'}"),
        service("{task: '${TASK}', cpu: '${CPU}', essential: '${ESSENTIAL}'}"),
        service("{external: '${DB_HOST}:5432'}"),
        service("{external: {host: '${DB_HOST}', port: '${DB_PORT}'}}"),
    ] {
        assert_eq!(judge.complaint(&compose), None, "{compose}");
    }
}
