//! Findings to text: a value and a writer, nothing else. One file per format.

mod changes;
mod counts;
mod excerpt;
pub mod github;
mod groups;
pub mod human;
pub mod json;
pub mod junit;
pub mod markdown;
#[cfg(test)]
mod sample;
pub mod sarif;

use std::io::Write;

use crate::app::Place;
use crate::evidence::{Change, Lines, StandInSeen};
use crate::finding::{Finding, Judgement, RuleInfo};

/// The JSON Schema of the JSON report.
pub const SCHEMA: &str = include_str!("report.schema.json");

/// What is reported.
#[derive(Clone, Debug)]
pub struct Report {
    /// Project name.
    pub app: String,
    /// The first Compose file, relative to the project: the place of what has none.
    pub compose_file: String,
    /// The project directory below the top of its repository: `apps/shop/`, or nothing.
    pub folder: String,
    /// Every rule there is.
    pub rules: Vec<&'static RuleInfo>,
    /// What the rules said.
    pub judgement: Judgement,
    /// What ECS makes of the Compose file; these are not findings.
    pub changes: Vec<Change>,
    /// What was run, in sentences for people.
    pub notes: Vec<String>,
    /// Managed services of production, and what stood in for them.
    pub stand_ins: Vec<StandInSeen>,
    /// The lines around the places of the findings.
    pub lines: Lines,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs; `envsim schema report` prints its schema.
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// JUnit XML, for the test reports of CI servers.
    Junit,
    /// Workflow commands of GitHub Actions: annotations on the lines.
    Github,
}

/// What counts for people only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// ANSI styles.
    pub colour: bool,
    /// Everything, instead of what is needed to go on.
    pub verbose: bool,
}

/// Writes `report`.
pub fn write(
    report: &Report,
    format: Format,
    look: Look,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    match format {
        Format::Human => human::write(report, look, out),
        Format::Json => json::write(report, out),
        Format::Sarif => sarif::write(report, out),
        Format::Junit => junit::write(report, out),
        Format::Github => github::write(report, out),
    }
}

impl Report {
    /// The most telling place of a finding; the Compose file stands for what has none.
    fn place_of(&self, finding: &Finding) -> Place {
        match finding.locations.first() {
            Some(location) => location.place.clone(),
            None => Place::start_of(&self.compose_file),
        }
    }

    /// A path of the project as it is below the top of the repository, without `..`.
    fn in_repository(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in self.folder.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}
