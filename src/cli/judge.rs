//! From evidence to written reports and the exit code: what `prod-check` and `check` share.

use std::io::Write;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::{args, baseline_file};
use crate::checks::baseline::Baseline;
use crate::checks::select::Selection;
use crate::checks::{self, RULES, fingerprint, inline};
use crate::evidence::{Change, Evidence, Lines};
use crate::finding::{Finding, Judgement, Severity};
use crate::report::{self, Format, Look, Report};
use crate::ui;

/// What the user wants to know: checked before anything is run.
pub struct Wanted<'a> {
    args: &'a args::ReportArgs,
    selection: Selection,
    baseline: Option<Baseline>,
}

impl<'a> Wanted<'a> {
    /// Reads the flags and the baseline.
    ///
    /// # Errors
    /// A rule that there is not, a baseline that cannot be read.
    pub fn new(args: &'a args::ReportArgs) -> Result<Self, Failure> {
        let severity = args.severity.map(|severity| match severity {
            args::LeastSeverity::Error => Severity::Error,
            args::LeastSeverity::Warning => Severity::Warning,
        });
        let selection =
            Selection::new(&args.select, &args.ignore, severity).map_err(|unknown| {
                Failure::usage(format!("there is no rule `{}`", unknown.text), unknown.help)
            })?;
        let baseline = args.baseline.as_deref().map(baseline_file::read);
        Ok(Self {
            args,
            selection,
            baseline: baseline.transpose()?,
        })
    }

    /// The findings that the user wants, those that are accepted marked.
    ///
    /// # Errors
    /// A baseline that cannot be written.
    pub fn judge(
        &self,
        evidence: &Evidence,
        mut judgement: Judgement,
    ) -> Result<Judgement, Failure> {
        inline::apply(&evidence.lines, &mut judgement);
        self.selection.apply(&mut judgement);
        if let Some(baseline) = &self.baseline {
            baseline.apply(&mut judgement);
        }
        if let Some(path) = &self.args.write_baseline {
            let baseline = Baseline::of(&judgement);
            baseline_file::write(path, &baseline)?;
            baseline.apply(&mut judgement);
        }
        Ok(judgement)
    }

    /// Reports what [`Self::judge`] left of the findings.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn report(&self, evidence: Evidence, judgement: Judgement) -> Result<Exit, Failure> {
        let exit = exit(&judgement);
        self.write(&made(evidence, judgement))?;
        Ok(exit)
    }

    fn write(&self, report: &Report) -> Result<(), Failure> {
        let files = self.args.report.iter();
        for (format, path) in files {
            self.to_file(report, *format, path, "--report")?;
        }
        match &self.args.output {
            Some(path) => self.to_file(report, self.args.format, path, "-o"),
            None => self.to_stdout(report),
        }
    }

    fn to_stdout(&self, report: &Report) -> Result<(), Failure> {
        let look = Look {
            colour: ui::colour_stdout(),
            verbose: self.args.verbose,
        };
        let mut out = std::io::stdout().lock();
        let written =
            report::write(report, self.args.format, look, &mut out).and_then(|()| out.flush());
        match written {
            // A reader that has seen enough is no failure.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(failed("stdout", &error, "-o"))
            }
            _ => Ok(()),
        }
    }

    fn to_file(
        &self,
        report: &Report,
        format: Format,
        path: &Path,
        flag: &str,
    ) -> Result<(), Failure> {
        let look = Look {
            colour: false,
            verbose: self.args.verbose,
        };
        let written = std::fs::File::create(path).and_then(|file| {
            let mut file = std::io::BufWriter::new(file);
            report::write(report, format, look, &mut file)?;
            file.flush()
        });
        written.map_err(|error| failed(&format!("`{}`", path.display()), &error, flag))
    }
}

fn failed(path: &str, error: &std::io::Error, flag: &str) -> Failure {
    Failure::usage(
        format!("cannot write the report to {path}: {error}"),
        format!("name another file with `{flag}`"),
    )
}

/// What the rules say of `evidence`, with lines, fingerprints and repairs as far as it has them.
pub fn first(evidence: &Evidence) -> Judgement {
    let mut judgement = checks::run(evidence);
    complete(&mut judgement, evidence);
    judgement
}

/// Gives the findings their lines, fingerprints and repairs.
pub fn complete(judgement: &mut Judgement, evidence: &Evidence) {
    fill(judgement, &evidence.lines);
    fingerprint::set(judgement);
    for finding in &mut judgement.findings {
        finding.fix = evidence.fixes.get(&finding.fingerprint).cloned();
    }
}

/// The exit code of a report.
pub fn exit(judgement: &Judgement) -> Exit {
    match judgement.passes() {
        true => Exit::Clean,
        false => Exit::Findings,
    }
}

/// Gives the findings the lines they point at.
fn fill(judgement: &mut Judgement, lines: &Lines) {
    let findings = judgement.findings.iter_mut();
    let found = findings.flat_map(|finding| &mut finding.locations);
    // What is withheld can hold a secret that nothing gives away as one.
    let found = found.filter(|location| !location.withheld);
    let found = found.map(|location| (&location.place, &mut location.text));
    let unused = judgement.unused_ignores.iter_mut();
    let unused = unused.map(|unused| (&unused.place, &mut unused.text));
    for (place, text) in found.chain(unused) {
        if text.is_empty() {
            *text = lines.at(place).unwrap_or_default().to_owned();
        }
    }
}

fn made(evidence: Evidence, judgement: Judgement) -> Report {
    let mut changes = evidence.changes;
    changes.retain(|change| !is_told(change, &judgement));
    let first = evidence.prod.files.first();
    Report {
        compose_file: first.map_or_else(String::new, |file| evidence.prod.relative(file)),
        folder: evidence.repository_folder,
        app: evidence.prod.name,
        rules: RULES.iter().map(|rule| rule.info).collect(),
        judgement,
        changes,
        notes: evidence.notes,
        stand_ins: evidence.stand_ins,
        lines: evidence.lines,
    }
}

/// Whether a finding says it already, with proof: a bind mount, a file of one, a variable without a
/// value; a key that is refused.
fn is_told(change: &Change, judgement: &Judgement) -> bool {
    let about_files = matches!(&*change.key, "volumes" | "configs" | "secrets");
    let by_file = about_files || change.key == "environment";
    let at_place = |finding: &Finding| {
        let mut locations = finding.locations.iter();
        locations.any(|location| location.place == change.place)
    };
    // A key with several values can be told for some of them.
    let by_place = about_files || change.key == "ports";
    let of_key = judgement.findings.iter().any(|finding| {
        finding.rule.code.starts_with('T')
            && finding.service.as_deref() == Some(&change.service)
            && finding
                .data
                .get("key")
                .is_some_and(|key| *key == *change.key)
            && (!by_place || at_place(finding))
    });
    of_key
        || by_file
            && judgement.findings.iter().any(|finding| {
                finding.rule.code.starts_with('E')
                    && finding.service.as_deref() == Some(&change.service)
                    && at_place(finding)
            })
}
