//! One report with something of everything, which the tests of all formats write.

use super::Report;
use crate::app::Place;
use crate::evidence::{Change, ChangeKind, Lines, StandInSeen};
use crate::finding::{
    BaselineEntry, Finding, Fix, Ignored, IgnoredBy, Judgement, LeftOut, NotChecked, Remark,
    RuleInfo, Severity, UnusedIgnore,
};

static HOST: RuleInfo = RuleInfo {
    code: "H001",
    name: "service-host-in-source",
    severity: Severity::Error,
    summary: "a service name is written as a host in a file of an image",
    needs: &[],
    since: "0.1.0",
    manual: " A name in a file.\n\n ## Why it breaks on ECS\n\n The containers of a task share one network, and no name\n resolves there. More is told here.\n\n ## Broken\n",
};

static CLASH: RuleInfo = RuleInfo {
    code: "T001",
    name: "port-clash",
    severity: Severity::Error,
    summary: "two containers of the task listen on one port",
    needs: &[],
    since: "0.1.0",
    manual: " Two servers.\n",
};

static PROBE: RuleInfo = RuleInfo {
    code: "P001",
    name: "probe-differs",
    severity: Severity::Error,
    summary: "a probe works in dev and fails in production",
    needs: &[],
    since: "0.1.0",
    manual: " A probe.\n",
};

fn place(path: &str, line: u32, columns: (u32, u32)) -> Place {
    Place {
        line,
        column: columns.0,
        end_column: columns.1,
        ..Place::start_of(path)
    }
}

fn host() -> Finding {
    let text = "  connect('mongodb://mongodb:27017/goals'); // 100 % <sure> & \"quoted\"";
    let mut finding = Finding::new(
        &HOST,
        "`mongodb` is written as a host, and no container of an ECS task can resolve it",
        "read the address from an environment variable; for `mongodb` in the same task it is 127.0.0.1",
    )
    .service("web")
    .at(&place("src/data base.js", 15, (22, 29)), text)
    .data("host", "mongodb")
    .data("services", vec!["web", "admin"])
    .proof("in the task, `web` asked DNS for `mongodb` 22 times (A): NXDOMAIN");
    finding.fix = Some(Fix {
        description: "read the address from `MONGODB_URL`".to_owned(),
        files: vec!["src/data base.js".to_owned(), "compose.yaml".to_owned()],
    });
    finding.fingerprint = "00112233445566778899aabbccddeeff:1".to_owned();
    finding
}

fn clash() -> Finding {
    let mut finding = Finding::new(
        &CLASH,
        "`admin` and `web` listen on port 3000",
        "let one of them listen on another port",
    )
    .service("admin")
    .at(&place("compose.yaml", 61, (9, 20)), "      - \"3001:3000\"")
    .at(
        &place("../base/compose.yaml", 40, (9, 20)),
        "      - \"3000:3000\"",
    )
    .data("port", 3000);
    finding.severity = Severity::Warning;
    finding.fingerprint = "ffeeddccbbaa99887766554433221100:1".to_owned();
    finding
}

fn accepted(by: IgnoredBy, reason: &str, place: Option<Place>) -> Finding {
    let mut finding = host();
    finding.locations[0].place.line = 20;
    finding.ignored = Some(Ignored {
        by,
        reason: reason.to_owned(),
        place,
    });
    finding
}

/// The report.
pub fn report() -> Report {
    let comment = place("src/data base.js", 19, (4, 24));
    let probe = Finding::new(
        &PROBE,
        "“a goal can be stored” works in dev and fails in production",
        "the other findings name the likely causes",
    )
    .proof("prod: status 503");
    let mut lines = Lines::default();
    lines.add("src/data base.js", 14, "  // the goals");
    lines.add("src/data base.js", 15, "(its text is in the finding)");
    lines.add("src/data base.js", 16, "}");
    Report {
        app: "shop".to_owned(),
        compose_file: "compose.yaml".to_owned(),
        folder: "apps/shop/".to_owned(),
        rules: vec![&HOST, &PROBE, &CLASH],
        judgement: Judgement {
            findings: vec![
                host(),
                accepted(IgnoredBy::Comment, "only local", Some(comment.clone())),
                accepted(IgnoredBy::Baseline, "it is in the baseline", None),
                probe,
                clash(),
            ],
            not_checked: vec![NotChecked {
                rule: "probe-differs",
                reason: "there was no dev run to compare with (--no-compare)".to_owned(),
            }],
            unused_ignores: vec![UnusedIgnore {
                rule: "port-clash",
                place: place("compose.yaml", 3, (7, 17)),
                text: "    - rule: T001".to_owned(),
            }],
            remarks: vec![Remark {
                message: "this comment has no reason, so it ignores nothing".to_owned(),
                help: "say why: `envsim: ignore[H001] only for local tests`".to_owned(),
                place: comment,
                text: "// envsim: ignore[H001]".to_owned(),
            }],
            left_out: vec![LeftOut {
                code: "E006",
                rule: "environment-missing",
                count: 2,
            }],
            stale_baseline: vec![BaselineEntry {
                path: Some("src/old.js".to_owned()),
                code: "H001".to_owned(),
                text: "ping('mongodb')".to_owned(),
                service: Some("web".to_owned()),
                fingerprint: "0123456789abcdef0123456789abcdef:1".to_owned(),
            }],
            fails_on: Severity::Error,
        },
        changes: vec![
            change(ChangeKind::Refused, "privileged", 50),
            change(ChangeKind::Changed, "restart", 51),
            change(ChangeKind::Dropped, "container_name", 52),
        ],
        notes: vec!["task 2aea3acc at 10.182.0.198: 1024 CPU units".to_owned()],
        stand_ins: vec![StandInSeen {
            service: "db".to_owned(),
            host: "orders.example.com".to_owned(),
            port: Some(5432),
            reason: None,
            ran: true,
        }],
        lines,
    }
}

fn change(kind: ChangeKind, key: &str, line: u32) -> Change {
    Change {
        kind,
        service: "web".to_owned(),
        key: key.to_owned(),
        place: place("compose.yaml", line, (5, 12)),
        what: "it is otherwise there".to_owned(),
        why: "the source says so".to_owned(),
        help: "do without it".to_owned(),
    }
}
