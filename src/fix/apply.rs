//! Carries repairs out on the texts of the files.

use std::collections::BTreeMap;

use super::{Reason, Repair, Step, Texts, compose_file, dockerfile, ignore_file, source};

/// What became of the repairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The new texts of the files that change.
    pub texts: Texts,
    /// Findings that are repaired: their number, and what was done.
    pub done: Vec<(usize, String)>,
    /// Findings that are not: their number, and why.
    pub refused: Vec<(usize, Reason)>,
}

/// Lines that were put into a file above what follows them: where, and how many.
type Shifts = BTreeMap<String, Vec<(u32, u32)>>;

/// Carries out `repairs`, each on what the ones before it left.
///
/// Those that only change a line come first. Then come the others that point at a line, the last line
/// of a file first. So the places of all that follow stay true.
pub fn apply(repairs: &[Repair], texts: &Texts) -> Outcome {
    let mut order: Vec<&Repair> = repairs.iter().collect();
    order.sort_by_key(|repair| (!keeps_lines(repair), std::cmp::Reverse(position(repair))));
    let mut changed = Texts::new();
    let mut shifts = Shifts::new();
    let mut outcome = Outcome::default();
    for repair in order {
        match carry_out(repair, (&changed, texts), &shifts) {
            Ok((after, moved)) => {
                changed.extend(after);
                for (file, line) in moved {
                    shifts.entry(file).or_default().push((line, 1));
                }
                outcome.done.push((repair.finding, repair.title.clone()));
            }
            Err(reason) => outcome.refused.push((repair.finding, reason)),
        }
    }
    changed.retain(|file, text| texts.get(file) != Some(text));
    outcome.texts = changed;
    outcome.done.sort();
    outcome.refused.sort();
    outcome
}

/// Whether all lines of all files have the same numbers after a repair.
fn keeps_lines(repair: &Repair) -> bool {
    let keeps = |step: &Step| matches!(step, Step::Exec { .. } | Step::Pin { .. });
    repair.steps.iter().all(keeps)
}

/// The place that a repair points at: one that points at none comes last.
fn position(repair: &Repair) -> Option<(&str, u32, u32)> {
    repair.steps.iter().find_map(|step| match step {
        Step::Host {
            file, line, column, ..
        } => Some((&**file, *line, *column)),
        Step::Exec { file, line } | Step::Pin { file, line, .. } => Some((&**file, *line, 0)),
        _ => None,
    })
}

/// The new texts of the files that a repair changes, and the lines that it adds to them. The texts so
/// far are those of `changed`, else those of `before`.
fn carry_out(
    repair: &Repair,
    (changed, before): (&Texts, &Texts),
    shifts: &Shifts,
) -> Result<(Texts, Vec<(String, u32)>), Reason> {
    let mut own = Texts::new();
    let mut added: Vec<(String, u32)> = Vec::new();
    for step in &repair.steps {
        let file = file_of(step);
        let text = own
            .get(file)
            .or_else(|| changed.get(file))
            .or_else(|| before.get(file))
            .ok_or_else(|| format!("`{file}` cannot be read as text"))?;
        let moved = |line: u32| {
            let above = shifts.get(file).into_iter().flatten();
            let above = above.filter(|(at, _)| *at <= line).map(|(_, count)| count);
            let own = added
                .iter()
                .filter(|(of, at)| of == file && *at <= line)
                .count();
            line + above.sum::<u32>() + own as u32
        };
        let after = match step {
            Step::DevVariable(variable) => compose_file::put(text, &["environment"], variable)?,
            Step::ProdVariable(variable) => {
                compose_file::put(text, &["x-envsim", "prod", "environment"], variable)?
            }
            Step::Host {
                line,
                column,
                host,
                variable,
                ..
            } => {
                let edited = source::read_from_environment(
                    file,
                    text,
                    (moved(*line), *column),
                    host,
                    variable,
                )?;
                if let Some(at) = edited.added_line {
                    added.push((file.to_owned(), at));
                }
                edited.text
            }
            Step::Copy {
                stage,
                source,
                target,
                directory,
                ..
            } => dockerfile::add_copy(text, file, *stage, (source, target), *directory)?,
            Step::Keep { path, .. } => ignore_file::keep(text, file, path)?,
            Step::Exec { line, .. } => dockerfile::exec_form(text, file, *line)?,
            Step::Pin {
                line,
                reference,
                digest,
                ..
            } => dockerfile::pin(text, file, moved(*line), reference, digest)?,
        };
        own.insert(file.to_owned(), after);
    }
    Ok((own, added))
}

/// The file that a step changes.
pub(super) fn file_of(step: &Step) -> &str {
    match step {
        Step::DevVariable(variable) | Step::ProdVariable(variable) => &variable.file,
        Step::Host { file, .. }
        | Step::Copy { file, .. }
        | Step::Keep { file, .. }
        | Step::Exec { file, .. }
        | Step::Pin { file, .. } => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::Variable;

    fn texts(files: &[(&str, &str)]) -> Texts {
        let files = files.iter();
        files
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
            .collect()
    }

    fn host(finding: usize, line: u32, column: u32, host: &str, variable: &str) -> Repair {
        Repair {
            finding,
            title: "read it".to_owned(),
            steps: vec![Step::Host {
                file: "app.py".to_owned(),
                line,
                column,
                host: host.to_owned(),
                variable: variable.to_owned(),
            }],
        }
    }

    #[test]
    fn several_hosts_of_one_file_are_repaired_although_an_import_is_added() {
        let before = texts(&[(
            "app.py",
            "import redis\nr = redis.Redis('cache')\nd = connect(host='db')\n",
        )]);
        let repairs = [
            host(0, 2, 18, "cache", "CACHE_HOST"),
            host(1, 3, 19, "db", "DB_HOST"),
        ];
        let outcome = apply(&repairs, &before);
        assert_eq!(outcome.refused, []);
        assert_eq!(
            outcome.texts["app.py"],
            "import os\nimport redis\nr = redis.Redis(os.environ[\"CACHE_HOST\"])\nd = connect(host=os.environ[\"DB_HOST\"])\n"
        );
    }

    #[test]
    fn an_image_is_pinned_in_a_file_that_a_host_above_it_makes_longer() {
        let before = texts(&[
            ("web.py", "import os\nr = Redis('cache')\n"),
            (
                "compose.yaml",
                "services:\n  web:\n    build: .\n  cache:\n    image: redis\n",
            ),
        ]);
        let mut read = host(0, 2, 12, "cache", "CACHE_HOST");
        let Step::Host { file, .. } = &mut read.steps[0] else {
            unreachable!()
        };
        *file = "web.py".to_owned();
        read.steps.push(Step::DevVariable(Variable {
            file: "compose.yaml".to_owned(),
            service: "web".to_owned(),
            name: "CACHE_HOST".to_owned(),
            value: "cache".to_owned(),
        }));
        let pin = Repair {
            finding: 1,
            title: "pin it".to_owned(),
            steps: vec![Step::Pin {
                file: "compose.yaml".to_owned(),
                line: 5,
                reference: "redis".to_owned(),
                digest: "sha256:1".to_owned(),
            }],
        };
        let outcome = apply(&[read, pin], &before);
        assert_eq!(outcome.refused, []);
        let after = &outcome.texts["compose.yaml"];
        assert!(
            after.contains("CACHE_HOST: \"cache\"\n  cache:\n    image: redis@sha256:1\n"),
            "{after}"
        );
    }

    #[test]
    fn a_repair_whose_second_step_is_refused_leaves_no_trace() {
        let before = texts(&[
            ("app.py", "import os\nr = Redis('cache')\n"),
            ("compose.yaml", "services:\n  other:\n    image: x\n"),
        ]);
        let mut repair = host(0, 2, 12, "cache", "CACHE_HOST");
        repair.steps.push(Step::DevVariable(Variable {
            file: "compose.yaml".to_owned(),
            service: "web".to_owned(),
            name: "CACHE_HOST".to_owned(),
            value: "cache".to_owned(),
        }));
        let outcome = apply(&[repair], &before);
        assert!(outcome.texts.is_empty());
        assert_eq!(outcome.refused.len(), 1);
    }
}
