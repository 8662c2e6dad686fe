//! Fills in the lines that findings point at and rules could not see.

use std::collections::HashMap;
use std::path::Path;

use crate::app::Problem;
use crate::finding::Judgement;
use crate::mask::mask;

/// Reads each file once; a line that is not there stays empty.
pub fn fill(judgement: &mut Judgement, directory: &Path) {
    let mut files: HashMap<String, Vec<String>> = HashMap::new();
    let locations = judgement
        .findings
        .iter_mut()
        .flat_map(|finding| &mut finding.locations);
    for location in locations.filter(|location| location.text.is_empty()) {
        let path = location.place.path.to_string();
        let lines = files.entry(path).or_insert_with_key(|path| {
            let text = std::fs::read_to_string(directory.join(path)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        if let Some(line) = lines.get(location.place.line as usize - 1) {
            location.text = mask(line).into_owned();
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
    problem.line = line.map(str::to_owned);
}
