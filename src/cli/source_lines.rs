//! Reads the lines that findings and problems point at.

use std::collections::HashMap;
use std::path::Path;

use crate::app::{Place, Problem, Problems};
use crate::evidence::{Lines, Secrets};
use crate::finding::Judgement;

/// A longer line was not written by hand; it is not shown and not kept.
const LONGEST: usize = 2000;

/// Keeps the lines of all places of `judgement` with the lines before and after them, so that neither
/// the report nor a later one needs the files.
pub fn record(lines: &mut Lines, judgement: &Judgement, directory: &Path, secrets: &Secrets) {
    let findings = judgement.findings.iter();
    let found = findings.flat_map(|finding| &finding.locations);
    let found = found.filter(|location| !location.withheld);
    let unused = judgement.unused_ignores.iter().map(|unused| &unused.place);
    let mut files = Files {
        directory,
        lines: HashMap::new(),
    };
    for place in found.map(|location| &location.place).chain(unused) {
        let first = place.line.saturating_sub(1).max(1);
        for number in first..=place.line.saturating_add(1) {
            let known = lines.get(&place.path, number).is_some();
            if let Some(text) = files.line(&place.path, number).filter(|_| !known)
                && text.len() <= LONGEST
            {
                lines.add(&place.path, number, secrets.mask(text));
            }
        }
    }
}

/// Fills in the lines of the problems of a file that is read already.
pub fn fill_problems(problems: &mut Problems, directory: &Path) {
    let mut files = Files {
        directory,
        lines: HashMap::new(),
    };
    for problem in &mut problems.0 {
        if let (Some(Place { path, line, .. }), None) = (&problem.place, &problem.line) {
            problem.line = files.line(path, *line).map(Into::into);
        }
    }
}

/// The same for one problem of a file.
pub fn fill_problem(problem: &mut Problem, directory: &Path) {
    let mut problems = Problems(vec![std::mem::take(problem)]);
    fill_problems(&mut problems, directory);
    *problem = problems.0.remove(0);
}

/// The files read so far.
struct Files<'a> {
    directory: &'a Path,
    lines: HashMap<String, Vec<String>>,
}

impl Files<'_> {
    /// A line, from 1; none when the file or the line is not there.
    fn line(&mut self, path: &str, number: u32) -> Option<&str> {
        if !self.lines.contains_key(path) {
            let text = std::fs::read(self.directory.join(path)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines = text.lines().map(str::to_owned).collect();
            self.lines.insert(path.to_owned(), lines);
        }
        let index = (number as usize).checked_sub(1)?;
        self.lines.get(path)?.get(index).map(String::as_str)
    }
}
