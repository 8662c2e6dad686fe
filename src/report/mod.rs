//! Findings to text: a value and a writer, nothing else.

pub mod human;
pub mod json;

use std::io::Write;

use crate::evidence::Change;
use crate::evidence::StandInSeen;
use crate::finding::Judgement;

/// What is reported.
#[derive(Clone, Debug)]
pub struct Report {
    /// Project name.
    pub app: String,
    /// What the rules said.
    pub judgement: Judgement,
    /// What ECS makes of the Compose file; these are not findings.
    pub changes: Vec<Change>,
    /// What was run, in sentences for people.
    pub notes: Vec<String>,
    /// Managed services of production, and what stood in for them.
    pub stand_ins: Vec<StandInSeen>,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs; the schema is versioned.
    Json,
}

/// Writes `report`; `colour` counts for people only.
pub fn write(
    report: &Report,
    format: Format,
    colour: bool,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    match format {
        Format::Human => human::write(report, colour, out),
        Format::Json => json::write(report, out),
    }
}
