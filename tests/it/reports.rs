//! The formats of the report, as programs read them: against their schemas and in several files.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::support::{Project, Report};

const EXAMPLES: &[&str] = &[
    "course-goals",
    "course-goals-broken",
    "guestbook",
    "guestbook-broken",
];

/// A schema, ready to judge.
pub struct Judge {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Judge {
    fn new(text: &str) -> Self {
        let schema: Value = serde_json::from_str(text).expect("the schema is JSON");
        let mut compiler = Compiler::new();
        compiler
            .add_resource("judge.schema.json", schema)
            .expect("a resource");
        let mut schemas = Schemas::new();
        let index = compiler
            .compile("judge.schema.json", &mut schemas)
            .unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    /// What `envsim schema report` prints.
    fn of_report() -> Self {
        let outcome = Project::new().run(&["schema", "report"]);
        outcome.exits(0);
        Self::new(&outcome.stdout)
    }

    /// What `envsim schema events` prints.
    pub fn of_events() -> Self {
        let outcome = Project::new().run(&["schema", "events"]);
        outcome.exits(0);
        Self::new(&outcome.stdout)
    }

    /// The official one.
    fn of_sarif() -> Self {
        Self::new(include_str!("../data/sarif-schema-2.1.0.json"))
    }

    #[track_caller]
    pub fn accepts(&self, value: &Value) {
        if let Err(error) = self.schemas.validate(value, self.index) {
            panic!("{error:#}\n{value:#}");
        }
    }

    #[track_caller]
    fn refuses(&self, value: &Value) {
        let verdict = self.schemas.validate(value, self.index);
        assert!(verdict.is_err(), "accepted: {value:#}");
    }
}

fn read(project: &Project, path: &str) -> String {
    std::fs::read_to_string(project.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_json_report_of_every_example_is_as_its_schema_says() {
    let judge = Judge::of_report();
    for example in EXAMPLES {
        let project = Project::new();
        project.example(example);
        let report = Report::of(&project.run(&["prod-check", "--static", "--format", "json"]));
        judge.accepts(&report.json);
        // The schema can say no, too.
        for field in ["verdict", "findings"] {
            let mut broken = report.json.clone();
            broken[field] = "x".into();
            judge.refuses(&broken);
        }
    }
}

#[test]
fn the_reports_of_a_run_are_as_their_schemas_say_and_come_again_from_the_evidence() {
    let Some(project) = Project::with_engine() else {
        return;
    };
    project.compose(
        "services:
  web:
    image: python:3.12-slim
    command: [python, -m, http.server, '8000']
    stop_grace_period: 2s
    environment: {API_URL: 'http://other:8000/'}
  other:
    image: python:3.12-slim
    command: [python, -m, http.server, '8000']
    stop_grace_period: 2s
    ports: ['8000:8000']
",
    );
    let outcome = project.run(&[
        "prod-check",
        "--format=json",
        "--evidence=evidence.json",
        "--report=sarif=a.sarif",
    ]);
    outcome.exits(1);
    Judge::of_report().accepts(&outcome.json());
    let sarif: Value = serde_json::from_str(&read(&project, "a.sarif")).expect("JSON");
    Judge::of_sarif().accepts(&sarif);
    assert!(
        !outcome.json()["findings"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
    let evidence = project.path("evidence.json");
    let elsewhere = Project::new();
    let from = evidence.to_str().expect("UTF-8");
    let again = elsewhere.run(&[
        "check",
        "--from",
        from,
        "--format=json",
        "--report=sarif=b.sarif",
    ]);
    again.exits(1);
    assert_eq!(again.stdout, outcome.stdout);
    assert_eq!(read(&elsewhere, "b.sarif"), read(&project, "a.sarif"));
}

#[test]
fn the_sarif_report_of_every_example_is_as_the_official_schema_says() {
    let judge = Judge::of_sarif();
    for example in EXAMPLES {
        let project = Project::new();
        project.example(example);
        let outcome = project.run(&["prod-check", "--static", "--format", "sarif"]);
        let sarif = outcome.json();
        judge.accepts(&sarif);
        let mut broken = sarif.clone();
        broken["runs"][0]["tool"] = "x".into();
        judge.refuses(&broken);
        let run = &sarif["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        for result in run["results"].as_array().expect("results") {
            let index = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(rules[index]["id"], result["ruleId"], "{result:#}");
            assert!(result["partialFingerprints"].is_object(), "{result:#}");
            let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            let uri = place["uri"].as_str().expect("a file");
            assert!(project.path(uri).is_file(), "{uri}");
        }
    }
}

#[test]
fn one_run_writes_every_format_and_paths_begin_at_the_top_of_the_repository() {
    let project = Project::new();
    project
        .file(".git/HEAD", "")
        .file("apps/shop/compose.yaml", HOST);
    let outcome = project.run(&[
        "--project-directory=apps/shop",
        "-f=apps/shop/compose.yaml",
        "prod-check",
        "--static",
        "--format=github",
        "--report=sarif=a.sarif",
        "--report=junit=a.xml",
        "--report=human=a.txt",
    ]);
    outcome
        .exits(1)
        .prints("::error file=apps/shop/compose.yaml,line=4,col=")
        .prints("title=H002 service-host-in-environment::");
    let sarif: Value = serde_json::from_str(&read(&project, "a.sarif")).expect("JSON");
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "apps/shop/compose.yaml");
    let junit = read(&project, "a.xml");
    assert!(
        junit.contains("<failure") && junit.contains("<skipped"),
        "{junit}"
    );
    let text = read(&project, "a.txt");
    assert!(text.contains("--> compose.yaml:4:"), "{text}");
}

const HOST: &str = "services:
  web:
    image: web
    environment: {CACHE: 'redis://cache:6379'}
  cache: {image: cache}
";

#[test]
fn a_report_that_cannot_be_written_is_told_with_its_flag() {
    let project = Project::new();
    project.compose(HOST);
    let outcome = project.run(&["prod-check", "--static", "--report=json=none/a.json"]);
    outcome.exits(2).says(&["none/a.json", "`--report`"]);
    let outcome = project.run(&["prod-check", "--static", "--report=xml=a"]);
    outcome.exits(2).says(&["`xml`", "sarif"]);
}

#[test]
fn a_manual_page_is_markdown_in_a_pipe_and_rendered_where_styles_are() {
    let mut project = Project::new();
    let plain = project.run(&["explain", "t001"]);
    plain.exits(0).prints("# T001 port-clash\n");
    let page = project.run(&["explain", "port-clash", "--json"]).json();
    assert_eq!(
        (&page["code"], &page["family"]),
        (&"T001".into(), &"task".into())
    );
    assert_eq!(page["page"], plain.stdout);
    project
        .variable("CLICOLOR_FORCE", "1")
        .variable("NO_COLOR", "");
    let styled = project.run(&["explain", "T001"]);
    styled.exits(0).prints("\x1b[1mT001 port-clash\x1b[0m");
    assert!(!styled.stdout.contains("##"), "{styled}");
}
