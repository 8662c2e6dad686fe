//! `envsim check`: judges evidence that an earlier `prod-check` saved.

use super::args;
use super::exit::{Exit, Failure};
use super::{evidence_file, judge};

/// Runs the command. It needs neither the project nor an engine.
pub fn run(args: &args::Check) -> Result<Exit, Failure> {
    let wanted = judge::Wanted::new(&args.report)?;
    let evidence = evidence_file::read(&args.from)?;
    let judgement = wanted.judge(&evidence, judge::first(&evidence))?;
    wanted.report(evidence, judgement)
}
