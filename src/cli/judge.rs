//! From evidence to a written report and the exit code: what `prod-check` and `check` share.

use std::io::Write;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::{args, fix, source_lines, stdout};
use crate::checks;
use crate::engine::Engine;
use crate::evidence::{Change, Evidence};
use crate::finding::{Finding, Judgement};
use crate::mask::mask;
use crate::report::{self, Report};
use crate::ui;

/// What is done about the findings besides telling them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repairing {
    /// Nothing.
    Off,
    /// The changes are shown instead of the report.
    Show,
    /// The changes are shown on stderr and written.
    Write,
}

/// Lets the rules judge `evidence` and writes the report as `args` say. `engine` knows more about
/// images.
pub async fn report(
    evidence: Evidence,
    args: &args::ReportArgs,
    repairing: Repairing,
    engine: Option<&Engine>,
) -> Result<Exit, Failure> {
    let mut judgement = checks::run(&evidence);
    source_lines::fill(&mut judgement, &evidence.prod.directory);
    let repairs = fix::plan(&evidence, &mut judgement, engine).await;
    let exit = match judgement.passes() {
        true => Exit::Clean,
        false => Exit::Findings,
    };
    match repairing {
        Repairing::Off => {}
        Repairing::Show => {
            eprint!("{}", repairs.summary(&judgement, false));
            stdout::write(&repairs.diff())?;
            return Ok(exit);
        }
        Repairing::Write => {
            // On its way to people and logs it shows no passwords.
            eprint!("{}", mask(&repairs.diff()));
            repairs.write()?;
            eprint!("{}", repairs.summary(&judgement, true));
        }
    }
    let mut changes = evidence.changes;
    changes.retain(|change| !is_told(change, &judgement));
    let report = Report {
        app: evidence.prod.name,
        judgement,
        changes,
        notes: evidence.notes,
        stand_ins: evidence.stand_ins,
    };
    write(&report, args)?;
    Ok(exit)
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

fn write(report: &Report, args: &args::ReportArgs) -> Result<(), Failure> {
    match &args.output {
        None => {
            let mut out = std::io::stdout().lock();
            let written = report::write(report, args.format, ui::colour_stdout(), &mut out)
                .and_then(|()| out.flush());
            match written {
                // A reader that has seen enough is no failure.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    Err(failed("stdout", &error))
                }
                _ => Ok(()),
            }
        }
        Some(path) => to_file(report, args, path)
            .map_err(|error| failed(&format!("`{}`", path.display()), &error)),
    }
}

fn to_file(report: &Report, args: &args::ReportArgs, path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    report::write(report, args.format, false, &mut file)
}

fn failed(path: &str, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("cannot write the report to {path}: {error}"),
        "name another file with `-o`",
    )
}
