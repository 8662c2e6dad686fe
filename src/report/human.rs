//! The report for people: what happened, where, how it was seen, what to do; then the verdict.

use std::io::Write;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::Report;
use crate::finding::{Change, ChangeKind, Finding, Location, Severity};

/// Places that are shown with their lines; more are listed.
const SNIPPETS: usize = 4;

/// Writes every finding, what was not checked, and the verdict.
pub fn write(report: &Report, colour: bool, out: &mut dyn Write) -> std::io::Result<()> {
    changes(&report.changes, out)?;
    for finding in &report.judgement.findings {
        writeln!(out, "{}\n", finding_text(finding, colour))?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
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
        group = group.element(snippet(location));
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
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let counted = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
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
