//! The report for people: what happened, where, how it was seen, why it matters on ECS, what to do;
//! then what is no finding, and the verdict in the last line.

use std::collections::BTreeSet;
use std::io::Write;

use annotate_snippets::{Group, Level, Origin};

use super::excerpt::{excerpt, renderer};
use super::groups::{self, groups};
use super::{Look, Report, changes, counts};
use crate::evidence::StandInSeen;
use crate::finding::{Finding, IgnoredBy, Judgement, Location, Severity};

/// Places that are shown with their lines; more are listed.
const SNIPPETS: usize = 4;

/// Findings of a group that are listed behind the first one.
const LISTED: usize = 12;

/// Writes every finding, what was not checked, and the verdict.
pub fn write(report: &Report, look: Look, out: &mut dyn Write) -> std::io::Result<()> {
    findings(report, look, out)?;
    own_mistakes(&report.judgement, look, out)?;
    changes::write(&report.changes, look.verbose, out)?;
    accepted(&report.judgement, look, out)?;
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    for one in &report.stand_ins {
        writeln!(out, "note: {}", stand_in(one))?;
    }
    not_checked(report, out)?;
    pointer(&report.judgement, out)?;
    writeln!(out, "{}", verdict(report, look.colour))
}

fn findings(report: &Report, look: Look, out: &mut dyn Write) -> std::io::Result<()> {
    let mut explained = BTreeSet::new();
    for group in groups(report.judgement.counted()) {
        let folded = group.len() > groups::SHOWN && !look.verbose;
        let (shown, listed) = group.split_at(if folded { 1 } else { group.len() });
        for finding in shown {
            let first = explained.insert(finding.rule.code);
            let text = finding_text(report, finding, (first, listed), look);
            writeln!(out, "{text}\n")?;
        }
    }
    Ok(())
}

/// One finding; `first` of its rule, and with the places of `listed` that are like it.
fn finding_text(
    report: &Report,
    finding: &Finding,
    (first, listed): (bool, &[&Finding]),
    look: Look,
) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let id = format!("{} {}", finding.rule.code, finding.rule.name);
    let mut group = Group::with_title(level.primary_title(&*finding.message).id(&*id));
    for (index, location) in finding.locations.iter().take(SNIPPETS).enumerate() {
        // The neighbours help to find the first place; the others are read beside it.
        let lines = (index == 0).then_some(&report.lines);
        group = match location.withheld {
            true => group.element(origin(location)),
            false => group.element(excerpt(&location.place, &location.text, lines)),
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
    let others = others(finding, listed);
    if let Some(others) = &others {
        group = group.element(Level::NOTE.message(&**others));
    }
    let why = finding.rule.why().filter(|_| first);
    if let Some(why) = &why {
        group = group.element(Level::NOTE.with_name("why").message(&**why));
    }
    group = group.element(Level::HELP.message(&*finding.help));
    let all = !listed.is_empty() && listed.iter().all(|other| other.fix.is_some());
    let so = if all { ", and so for the others" } else { "" };
    let fix = finding.fix.as_ref().map(|fix| &fix.description);
    let fix = fix.map(|fix| format!("{fix}{so} (`envsim prod-check --fix` does it)"));
    if let Some(fix) = &fix {
        group = group.element(Level::HELP.with_name("fix").message(&**fix));
    }
    renderer(look.colour).render(&[group]).to_string()
}

/// The findings that are like `first`, one line each.
fn others(first: &Finding, listed: &[&Finding]) -> Option<String> {
    if listed.is_empty() {
        return None;
    }
    let mut text = format!("{} more like this:", listed.len());
    for finding in listed.iter().take(LISTED) {
        let at = finding.locations.last().map(|location| &location.place);
        let said = match finding.message == first.message {
            true => "",
            false => &*finding.message,
        };
        let line = match (at, said) {
            (Some(place), "") => place.to_string(),
            (Some(place), said) => format!("{place}: {said}"),
            (None, said) => said.to_owned(),
        };
        text.push('\n');
        text.push_str(&line);
    }
    if listed.len() > LISTED {
        let rest = listed.len() - LISTED;
        text.push_str(&format!("\n… and {rest} more; `--verbose` shows all"));
    }
    Some(text)
}

/// Entries and comments of the user's own that have no effect.
fn own_mistakes(judgement: &Judgement, look: Look, out: &mut dyn Write) -> std::io::Result<()> {
    for unused in &judgement.unused_ignores {
        let message = format!(
            "this entry of `x-envsim.ignore` matches no finding of `{}`",
            unused.rule
        );
        let group = Level::WARNING
            .primary_title(&*message)
            .element(excerpt(&unused.place, &unused.text, None))
            .element(Level::HELP.message("take it out, or correct its `path` and `service`"));
        writeln!(out, "{}\n", renderer(look.colour).render(&[group]))?;
    }
    for remark in &judgement.remarks {
        let group = Level::WARNING
            .primary_title(&*remark.message)
            .element(excerpt(&remark.place, &remark.text, None))
            .element(Level::HELP.message(&*remark.help));
        writeln!(out, "{}\n", renderer(look.colour).render(&[group]))?;
    }
    Ok(())
}

/// What is ignored, each with its reason; of the baseline only what is stale.
fn accepted(judgement: &Judgement, look: Look, out: &mut dyn Write) -> std::io::Result<()> {
    let mut heading = "ignored:\n";
    for (finding, ignored) in judgement.accepted() {
        if ignored.by == IgnoredBy::Baseline && !look.verbose {
            continue;
        }
        let at = match finding.locations.first() {
            Some(location) => format!(" at {}", location.place),
            None => String::new(),
        };
        let (code, name) = (finding.rule.code, finding.rule.name);
        writeln!(out, "{heading}  {code} {name}{at}: {}", ignored.reason)?;
        heading = "";
    }
    let stale = &judgement.stale_baseline;
    if stale.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{} of the baseline found nothing any more; write it again with `--write-baseline`:",
        match stale.len() {
            1 => "1 entry".to_owned(),
            number => format!("{number} entries"),
        }
    )?;
    let shown = if look.verbose { stale.len() } else { LISTED };
    for entry in stale.iter().take(shown) {
        let path = entry.path.as_deref().unwrap_or("(no file)");
        writeln!(out, "  {} {path}: {}", entry.code, entry.text)?;
    }
    if stale.len() > shown {
        let rest = stale.len() - shown;
        writeln!(out, "  … and {rest} more; `--verbose` shows all")?;
    }
    Ok(())
}

/// Rules that could not look at everything, together where the reason is one.
fn not_checked(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for missing in &report.judgement.not_checked {
        let rule = report.rules.iter().find(|info| info.name == missing.rule);
        let named = match rule {
            Some(info) => format!("{} {}", info.code, info.name),
            None => missing.rule.to_owned(),
        };
        match reasons
            .iter_mut()
            .find(|(reason, _)| *reason == missing.reason)
        {
            Some((_, rules)) => rules.push(named),
            None => reasons.push((&missing.reason, vec![named])),
        }
    }
    for (reason, rules) in reasons {
        writeln!(out, "not checked: {}: {reason}", rules.join(", "))?;
    }
    Ok(())
}

/// Where more is told about the rules of this report.
fn pointer(judgement: &Judgement, out: &mut dyn Write) -> std::io::Result<()> {
    let codes: BTreeSet<&str> = judgement.counted().map(|one| one.rule.code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    match codes.is_empty() {
        true => Ok(()),
        false => writeln!(
            out,
            "`envsim explain CODE` tells more: {}",
            codes.join(", ")
        ),
    }
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

/// Where a line stands that is not to be shown.
fn origin(location: &Location) -> Origin<'_> {
    let place = &location.place;
    Origin::path(&*place.path)
        .line(place.line as usize)
        .char_column(place.column as usize)
}

fn verdict(report: &Report, colour: bool) -> String {
    let summary = counts::summary(report);
    let style = match report.judgement.passes() {
        true => "\x1b[1;32m",
        false => "\x1b[1;31m",
    };
    let word = counts::word(report);
    match summary.strip_prefix(word).filter(|_| colour) {
        Some(rest) => format!("{style}{word}\x1b[0m{rest}"),
        None => summary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn text(report: &Report, look: Look) -> String {
        let mut out = Vec::new();
        write(report, look, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_that_can_hold_a_secret_is_pointed_at_and_not_shown() {
        let mut report = sample::report();
        let place = report.judgement.findings[0].locations[0].place.clone();
        let rule = report.judgement.findings[0].rule;
        report.judgement.findings = vec![Finding::new(rule, "m", "h").at_withheld(&place)];
        let text = text(&report, Look::default());
        assert!(text.contains(&format!("--> {place}\n")), "{text}");
        assert!(!text.contains(&format!("{} |", place.line)), "{text}");
    }

    #[test]
    fn the_sample_reads_like_this() {
        insta::assert_snapshot!(text(&sample::report(), Look::default()));
    }

    #[test]
    fn the_sample_at_length_reads_like_this() {
        let look = Look {
            verbose: true,
            ..Look::default()
        };
        insta::assert_snapshot!(text(&sample::report(), look));
    }

    #[test]
    fn without_findings_the_verdict_is_all() {
        let mut report = sample::report();
        report.judgement = Judgement::default();
        report.changes.clear();
        report.notes.clear();
        report.stand_ins.clear();
        assert_eq!(
            text(&report, Look::default()),
            "PASS shop: no difference was found that breaks the app in production\n"
        );
    }

    #[test]
    fn many_findings_of_one_host_are_one_with_a_list() {
        let mut report = sample::report();
        let first = report.judgement.findings[0].clone();
        report.judgement.findings = (1..=40)
            .map(|line| {
                let mut finding = first.clone();
                finding.locations[0].place.line = line;
                finding
            })
            .collect();
        let short = text(&report, Look::default());
        assert_eq!(short.matches("error[").count(), 1, "{short}");
        assert!(short.contains("39 more like this:"), "{short}");
        assert!(
            short.contains("… and 27 more; `--verbose` shows all"),
            "{short}"
        );
        assert!(short.contains("FAIL shop: 40 errors"), "{short}");
    }

    #[test]
    fn escape_codes_come_only_when_asked_for() {
        let look = Look {
            colour: true,
            ..Look::default()
        };
        assert!(text(&sample::report(), look).contains("\x1b[1;31mFAIL"));
        assert!(!text(&sample::report(), Look::default()).contains('\x1b'));
    }
}
