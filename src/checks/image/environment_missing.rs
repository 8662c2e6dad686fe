//! E006 `environment-missing`.

use crate::checks::rule;
use crate::evidence::{EnvFileLine, Evidence};
use crate::finding::Finding;

rule! {
    /// A variable that dev has and production has not, or has with another value.
    ///
    /// Compose and ECS read the same env file in two ways: ECS takes each line as it stands. Quotes
    /// become part of the value, `${…}` is not replaced, `export` is no keyword. Of two files with one
    /// variable ECS takes the first, Compose the last. In dev all is well.
    ///
    /// Fix: write the line so that both read the same, or set the variable in the task definition.
    "E006", "environment-missing", Warning, since "0.1.0",
    needs [EnvFiles],
    "a variable that production does not have as dev has it",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut files: Vec<&[EnvFileLine]> = Vec::new();
    let same_file = |a: &EnvFileLine, b: &EnvFileLine| a.place.path == b.place.path;
    files.extend(evidence.env_file_lines.chunk_by(same_file));
    files.into_iter().map(of_file).collect()
}

/// One finding per file, for one habit of writing makes many lines. Their text is left out: it can
/// be a secret.
fn of_file(lines: &[EnvFileLine]) -> Finding {
    let first = &lines[0];
    let path = &first.place.path;
    let message = match lines.len() {
        1 => format!("one line of `{path}` is read otherwise by ECS than by Compose"),
        count => format!("{count} lines of `{path}` are read otherwise by ECS than by Compose"),
    };
    let help = "as `environmentFiles` on ECS write `NAME=value` without quotes, variables and comments on the line, and each variable in one file alone; or set the variables in the task definition";
    let mut finding = Finding::new(&INFO, message, help)
        .data("path", &**path)
        .data("services", first.services.clone());
    if let Some(service) = first.services.first() {
        finding = finding.service(service);
    }
    for line in lines {
        let what = match &*line.name {
            "" => String::new(),
            name => format!("`{name}`: "),
        };
        finding = finding
            .at(&line.place, "")
            .proof(format!("line {}: {what}{}", line.place.line, line.reason));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::checks::words::tests::evidence;
    use crate::finding::Severity;

    #[test]
    fn a_line_that_ecs_reads_otherwise_is_a_warning_without_its_text() {
        let mut seen = evidence("services: {web: {image: x}}\n");
        seen.env_file_lines.push(EnvFileLine {
            services: vec!["web".to_owned()],
            name: "TOKEN".to_owned(),
            reason: "ECS keeps the quotes".to_owned(),
            place: Place::start_of("web.env"),
        });
        let findings = check(&seen);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(findings[0].message.contains("one line of `web.env`"));
        assert_eq!(
            findings[0].evidence,
            ["line 1: `TOKEN`: ECS keeps the quotes"]
        );
    }
}
