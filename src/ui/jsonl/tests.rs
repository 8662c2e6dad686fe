use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::*;

/// One of every kind. The match has no catch-all: whoever adds a kind is told to come here.
fn kind(event: &Event) -> usize {
    match event {
        Event::Note(_) => 0,
        Event::Warning(_) => 1,
        Event::Phase(_) => 2,
        Event::BuildStarted { .. } => 3,
        Event::BuildStep { .. } => 4,
        Event::BuildLog { .. } => 5,
        Event::BuildDone { .. } => 6,
        Event::Pull { .. } => 7,
        Event::Container { .. } => 8,
        Event::Log { .. } => 9,
        Event::Published { .. } => 10,
        Event::Usage { .. } => 11,
        Event::Probe { .. } => 12,
        Event::Synced { .. } => 13,
    }
}
const KINDS: usize = 14;

fn samples() -> Vec<Event> {
    let service = || "web".to_owned();
    let mut all = vec![
        Event::Note("n".into()),
        Event::Warning("w".into()),
        Event::Phase("p".into()),
        Event::BuildStarted { service: service() },
        Event::BuildStep {
            service: service(),
            step: "[1/2] RUN".into(),
        },
        Event::BuildLog {
            service: service(),
            line: "l".into(),
        },
        Event::BuildDone {
            service: service(),
            cached: (1, 2),
        },
        Event::Pull {
            service: service(),
            image: "redis:7".into(),
            status: "Downloading".into(),
        },
        Event::Log {
            run: RunKind::Dev,
            service: service(),
            stderr: true,
            line: "said \"\u{1b}[1m\"".into(),
        },
        Event::Published {
            service: service(),
            port: 80,
            address: "127.0.0.1:8080".into(),
            http: true,
        },
        Event::Published {
            service: service(),
            port: 5432,
            address: "127.0.0.1:5432".into(),
            http: false,
        },
        Event::Usage {
            service: service(),
            cpu: None,
            memory: 1,
        },
        Event::Usage {
            service: service(),
            cpu: Some(12.5),
            memory: 1,
        },
        Event::Probe {
            run: RunKind::Compare,
            name: "p".into(),
            passed: true,
            answer: "status 200".into(),
        },
    ];
    let changes = [
        Change::Started,
        Change::Healthy,
        Change::Unhealthy,
        Change::Exited(137),
        Change::Restarted,
        Change::Stopping(Duration::from_secs(10)),
        Change::Stopped,
    ];
    all.extend(changes.map(|change| Event::Container {
        run: RunKind::Dev,
        service: service(),
        change,
    }));
    let actions = [
        Action::Synced,
        Action::SyncedAndRan,
        Action::Reconciled,
        Action::Rebuilt,
        Action::Restarted {
            synced: true,
            signal: Some("SIGHUP".into()),
            killed: false,
        },
        Action::Restarted {
            synced: false,
            signal: None,
            killed: true,
        },
    ];
    all.extend(actions.map(|action| Event::Synced {
        service: service(),
        action,
        paths: vec![
            Changed {
                path: "src/a.js".into(),
                target: Some("/app/src/a.js".into()),
                bytes: Some(12),
                gone: false,
            },
            Changed {
                path: "src/b.js".into(),
                target: None,
                bytes: None,
                gone: true,
            },
        ],
        took: Duration::from_micros(12_345),
    }));
    all
}

fn parsed(event: &Event) -> Value {
    let text = line(event, UNIX_EPOCH);
    assert_eq!(text.find('\n'), Some(text.len() - 1));
    serde_json::from_str(&text).expect("a line is JSON")
}

#[test]
fn every_event_is_as_the_schema_says_and_has_no_key_that_it_does_not_name() {
    let schema: Value = serde_json::from_str(super::super::EVENTS_SCHEMA).expect("JSON");
    let mut compiler = Compiler::new();
    compiler
        .add_resource("events.schema.json", schema.clone())
        .expect("a schema");
    let mut schemas = Schemas::new();
    let index = compiler
        .compile("events.schema.json", &mut schemas)
        .expect("a schema");
    let mut kinds = BTreeSet::new();
    let mut names = BTreeSet::new();
    for event in samples() {
        let value = parsed(&event);
        if let Err(error) = schemas.validate(&value, index) {
            panic!("{error:#}\n{value:#}");
        }
        kinds.insert(kind(&event));
        let name = value["event"].as_str().expect("a name").to_owned();
        let own = &schema["$defs"][&name]["properties"];
        for key in value.as_object().expect("an object").keys() {
            let known = schema["properties"].get(key).or(own.get(key));
            assert!(known.is_some(), "`{key}` of `{name}` is not in the schema");
        }
        names.insert(name);
    }
    assert_eq!(kinds, (0..KINDS).collect());
    let told: BTreeSet<String> = schema["properties"]["event"]["enum"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    assert_eq!(names, told);
    // What it must refuse.
    let mut wrong = parsed(&samples()[0]);
    wrong["event"] = "nothing".into();
    assert!(schemas.validate(&wrong, index).is_err());
    let mut wrong = parsed(&samples()[4]);
    wrong["step"] = 1.into();
    assert!(schemas.validate(&wrong, index).is_err());
}

#[test]
fn a_sync_tells_its_paths_and_its_latency_with_a_fraction() {
    let synced = samples()
        .into_iter()
        .find(|event| kind(event) == 13)
        .expect("one");
    let text = line(
        &synced,
        UNIX_EPOCH + Duration::from_micros(1_795_612_578_000_042),
    );
    assert_eq!(
        text,
        "{\"schema_version\":1,\"time\":\"2026-11-25T13:16:18.000042Z\",\"event\":\"sync\",\
         \"service\":\"web\",\"action\":\"sync\",\"paths\":[{\"path\":\"src/a.js\",\
         \"target\":\"/app/src/a.js\",\"bytes\":12,\"gone\":false},{\"path\":\"src/b.js\",\
         \"target\":null,\"bytes\":null,\"gone\":true}],\"latency_ms\":12.345}\n"
    );
}

#[test]
fn no_password_is_written() {
    let secret = "postgres://shop:hunter2@db/shop";
    for event in [
        Event::Warning(secret.into()),
        Event::BuildLog {
            service: "web".into(),
            line: secret.into(),
        },
        Event::Log {
            run: RunKind::Dev,
            service: "web".into(),
            stderr: false,
            line: secret.into(),
        },
    ] {
        let text = line(&event, UNIX_EPOCH);
        assert!(
            !text.contains("hunter2") && text.contains("shop:"),
            "{text}"
        );
    }
}

#[test]
fn days_are_counted_over_leap_years() {
    let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(at(951_825_601), "2000-02-29T12:00:01.000000Z");
    assert_eq!(at(1_709_251_199), "2024-02-29T23:59:59.000000Z");
    assert_eq!(at(1_735_689_600), "2025-01-01T00:00:00.000000Z");
}
