//! `envsim check`: judges evidence that an earlier `prod-check` saved.

use super::args;
use super::exit::{Exit, Failure};
use super::judge::Repairing;
use super::{evidence_file, judge};

/// Runs the command. It needs neither the project nor an engine.
pub async fn run(args: &args::Check) -> Result<Exit, Failure> {
    let evidence = evidence_file::read(&args.from)?;
    judge::report(evidence, &args.report, Repairing::Off, None).await
}
