//! Fills in the lines that findings and late problems point at.

use std::collections::HashMap;
use std::path::Path;

use crate::app::{Place, Problem, Problems};
use crate::finding::Judgement;
use crate::mask::mask;

/// Reads each file once; a line that is not there stays empty.
pub fn fill(judgement: &mut Judgement, directory: &Path) {
    let mut files = Files {
        directory,
        lines: HashMap::new(),
    };
    let findings = judgement.findings.iter_mut();
    let all = findings.flat_map(|finding| &mut finding.locations);
    for location in all.filter(|location| !location.withheld) {
        files.fill(&location.place, &mut location.text);
    }
    for unused in &mut judgement.unused_ignores {
        files.fill(&unused.place, &mut unused.text);
    }
}

/// The same for the problems of a file that is read already.
pub fn fill_problems(problems: &mut Problems, directory: &Path) {
    let mut files = Files {
        directory,
        lines: HashMap::new(),
    };
    for problem in &mut problems.0 {
        if let (Some(place), None) = (&problem.place, &problem.line) {
            let mut text = String::new();
            files.fill(place, &mut text);
            problem.line = Some(text.into());
        }
    }
}

/// The files read so far.
struct Files<'a> {
    directory: &'a Path,
    lines: HashMap<String, Vec<String>>,
}

impl Files<'_> {
    fn fill(&mut self, place: &Place, text: &mut String) {
        if !text.is_empty() {
            return;
        }
        let directory = self.directory;
        let path = place.path.to_string();
        let lines = self.lines.entry(path).or_insert_with_key(|path| {
            let text = std::fs::read_to_string(directory.join(path)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        if let Some(line) = lines.get(place.line as usize - 1) {
            *text = mask(line).into_owned();
        }
    }
}

/// The same for one problem of a file.
pub fn fill_problem(problem: &mut Problem, directory: &Path) {
    let Some(place) = problem.place.as_ref().filter(|_| problem.line.is_none()) else {
        return;
    };
    let text = std::fs::read_to_string(directory.join(&*place.path)).unwrap_or_default();
    let line = text.lines().nth((place.line as usize).saturating_sub(1));
    problem.line = line.map(Into::into);
}
