//! The report for people: what happened, where, how it was seen, what to do; then what is ignored,
//! and the verdict.

use std::io::Write;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::Report;
use crate::evidence::StandInSeen;
use crate::evidence::{Change, ChangeKind};
use crate::finding::{Finding, Location, Severity, UnusedIgnore};

/// Places that are shown with their lines; more are listed.
const SNIPPETS: usize = 4;

/// Writes every finding, what was not checked, and the verdict.
pub fn write(report: &Report, colour: bool, out: &mut dyn Write) -> std::io::Result<()> {
    changes(&report.changes, out)?;
    for finding in report.judgement.counted() {
        writeln!(out, "{}\n", finding_text(finding, colour))?;
    }
    for unused in &report.judgement.unused_ignores {
        writeln!(out, "{}\n", unused_text(unused, colour))?;
    }
    let mut heading = "ignored:\n";
    for (finding, ignored) in report.judgement.accepted() {
        let at = match finding.locations.first() {
            Some(location) => format!(" at {}", location.place),
            None => String::new(),
        };
        let (code, name) = (finding.rule.code, finding.rule.name);
        writeln!(out, "{heading}  {code} {name}{at}: {}", ignored.reason)?;
        heading = "";
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    for one in &report.stand_ins {
        writeln!(out, "note: {}", stand_in(one))?;
    }
    for missing in &report.judgement.not_checked {
        writeln!(out, "not checked: {}: {}", missing.rule, missing.reason)?;
    }
    writeln!(out, "{}", verdict(report, colour))
}

/// One line each, grouped by what becomes of it.
fn changes(changes: &[Change], out: &mut dyn Write) -> std::io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "What ECS changes (no findings by themselves):")?;
    for kind in [
        ChangeKind::Refused,
        ChangeKind::Changed,
        ChangeKind::Dropped,
    ] {
        let mut of_kind = changes
            .iter()
            .filter(|change| change.kind == kind)
            .peekable();
        if of_kind.peek().is_some() {
            writeln!(out, "  {}:", kind.as_str())?;
        }
        for change in of_kind {
            let Change {
                place,
                service,
                key,
                what,
                help,
                ..
            } = change;
            let help = match &**help {
                "" => String::new(),
                help => format!("; {help}"),
            };
            writeln!(out, "    {place} `{service}` {key}: {what}{help}")?;
        }
    }
    writeln!(out)
}

fn finding_text(finding: &Finding, colour: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let id = format!("{} {}", finding.rule.code, finding.rule.name);
    let title = level.primary_title(&*finding.message).id(&*id);
    let mut group = annotate_snippets::Group::with_title(title);
    for location in finding.locations.iter().take(SNIPPETS) {
        group = match location.withheld {
            true => group.element(origin(location)),
            false => group.element(snippet(location)),
        };
    }
    for proof in &finding.evidence {
        group = group.element(Level::NOTE.message(&**proof));
    }
    let more: Vec<String> = finding
        .locations
        .iter()
        .skip(SNIPPETS)
        .map(|location| format!("also at {}", location.place))
        .collect();
    for line in &more {
        group = group.element(Level::NOTE.message(&**line));
    }
    group = group.element(Level::HELP.message(&*finding.help));
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group]).to_string()
}

fn stand_in(seen: &StandInSeen) -> String {
    let what = match &seen.reason {
        Some(reason) => format!("`{}` is external ({reason})", seen.service),
        None => format!("`{}` is external", seen.service),
    };
    let host = match seen.port {
        Some(port) => format!("{}:{port}", seen.host),
        None => seen.host.clone(),
    };
    match seen.ran {
        true => format!(
            "{what}: its dev image stood in for {host}; what only the managed service has, such as TLS or users and rights, was not seen"
        ),
        false => format!("{what}: dev has no such service, so nothing stood in for {host}"),
    }
}

/// An entry that no longer has anything to ignore.
fn unused_text(unused: &UnusedIgnore, colour: bool) -> String {
    let message = format!(
        "this entry of `x-envsim.ignore` matches no finding of `{}`",
        unused.rule
    );
    let location = Location {
        place: unused.place.clone(),
        text: unused.text.clone(),
        withheld: false,
    };
    let group = Level::WARNING
        .primary_title(&*message)
        .element(snippet(&location))
        .element(Level::HELP.message("take it out, or correct its `path` and `service`"));
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group]).to_string()
}

/// Where a line stands that is not to be shown.
fn origin(location: &Location) -> Origin<'_> {
    let place = &location.place;
    Origin::path(&*place.path)
        .line(place.line as usize)
        .char_column(place.column as usize)
}

fn snippet(location: &Location) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let place = &location.place;
    let text = &location.text;
    let byte = |column: u32| {
        text.char_indices()
            .nth(column.saturating_sub(1) as usize)
            .map_or(text.len(), |(byte, _)| byte)
    };
    let from = byte(place.column);
    let span = from..byte(place.end_column).max(from);
    Snippet::source(&**text)
        .line_start(place.line as usize)
        .path(&*place.path)
        .annotation(AnnotationKind::Primary.span(span))
}

fn verdict(report: &Report, colour: bool) -> String {
    let count = |severity| {
        report
            .judgement
            .counted()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let counted = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    };
    let unused = report.judgement.unused_ignores.len();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning) + unused);
    let (word, style) = match report.judgement.passes() {
        true => ("PASS", "\x1b[1;32m"),
        false => ("FAIL", "\x1b[1;31m"),
    };
    let word = match colour {
        true => format!("{style}{word}\x1b[0m"),
        false => word.to_owned(),
    };
    let tail = match (errors, warnings) {
        (0, 0) => "no difference was found that breaks the app in production".to_owned(),
        (0, warnings) => counted(warnings, "warning"),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!(
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    format!("{word} {}: {tail}", report.app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_can_hold_a_secret_is_pointed_at_and_not_shown() {
        let place = serde_json::json!({"path": "web.env", "line": 4, "column": 3, "end_column": 3});
        let place = serde_json::from_value(place).expect("a place");
        let finding = Finding::new(&RULE, "read otherwise", "h").at_withheld(&place);
        let text = finding_text(&finding, false);
        assert!(text.contains("--> web.env:4:3\n"), "{text}");
        assert!(!text.contains("4 |"), "{text}");
    }
    use crate::finding::{Ignored, Judgement, RuleInfo, UnusedIgnore};

    static RULE: RuleInfo = RuleInfo {
        code: "H001",
        name: "service-host-in-source",
        severity: Severity::Error,
        summary: "",
        needs: &[],
        since: "0.1.0",
        manual: "",
    };

    #[test]
    fn what_is_ignored_is_listed_with_its_reason_and_does_not_count() {
        fn place<T: serde::de::DeserializeOwned>(path: &str) -> T {
            let place = serde_json::json!({"path": path, "line": 2, "column": 1, "end_column": 1});
            serde_json::from_value(place).expect("a place")
        }
        let mut finding = Finding::new(&RULE, "`db` is a host", "h");
        finding.locations.push(Location {
            place: place("src/a.js"),
            text: "db".to_owned(),
            withheld: false,
        });
        finding.ignored = Some(Ignored {
            reason: "an example for people".to_owned(),
            place: place("compose.yaml"),
        });
        let report = Report {
            app: "shop".to_owned(),
            changes: Vec::new(),
            judgement: Judgement {
                findings: vec![finding],
                unused_ignores: vec![UnusedIgnore {
                    rule: "port-clash",
                    place: place("compose.yaml"),
                    text: "- rule: T001".to_owned(),
                }],
                ..Judgement::default()
            },
            notes: Vec::new(),
            stand_ins: Vec::new(),
        };
        let mut out = Vec::new();
        write(&report, false, &mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        for part in [
            "warning: this entry of `x-envsim.ignore` matches no finding of `port-clash`",
            "--> compose.yaml:2:1",
            "ignored:\n  H001 service-host-in-source at src/a.js:2:1: an example for people\n",
            "PASS shop: 1 warning",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("`db` is a host"), "{text}");
    }
}
