//! E006 `environment-missing`.

use super::only_in_dev;
use crate::checks::rule;
use crate::evidence::{EnvFileLine, Evidence};
use crate::finding::Finding;

rule! {
    /// A variable that dev has and production has not, or has with another value.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A task gets the variables of its task definition and of the image, and nothing else. It has no shell of
    /// a developer, so a variable that `environment` names without a value (`API_KEY` or `- API_KEY`) is not
    /// there. It does not read `compose.override.yaml` or an env file that only dev has. An app without its
    /// variable stops at the start, or worse: runs with a default that was meant for nobody.
    ///
    /// Compose and ECS also read the same env file in two ways. ECS takes each line of a file of
    /// `environmentFiles` as it stands: quotes become part of the value, `${…}` is not replaced, `export` is
    /// no keyword, and a comment behind a value belongs to the value. Of two files with one variable ECS takes
    /// the first, Compose the last.
    ///
    /// A variable is reported when it is passed through from the shell, when a file of the image reads it, or
    /// when the task's log or a failed probe names it; the latter two are errors. Values are not shown.
    ///
    /// ## Broken
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     environment:
    ///       - API_KEY
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```yaml
    /// services:
    ///   web:
    ///     build: .
    ///     environment:
    ///       - API_KEY
    ///     x-envsim:
    ///       prod:
    ///         environment:
    ///           API_KEY: taken-from-secrets-manager
    /// ```
    ///
    /// The value stands for what `secrets` or `environment` of the task definition gives. Of an env file,
    /// write the lines so that both read the same: `NAME=value` without quotes, variables and comments.
    ///
    /// ## When to ignore it
    ///
    /// When the app does without the variable in production and its default is right there, or when the env
    /// file is for dev alone and the task definition sets the variables itself.
    "E006", "environment-missing", Warning, since "0.1.0",
    needs [EnvFiles],
    "a variable that production does not have as dev has it",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut files: Vec<&[EnvFileLine]> = Vec::new();
    let same_file = |a: &EnvFileLine, b: &EnvFileLine| a.place.path == b.place.path;
    files.extend(evidence.env_file_lines.chunk_by(same_file));
    let mut findings = only_in_dev::findings(evidence, &INFO);
    findings.extend(files.into_iter().map(of_file));
    findings
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
            .at_withheld(&line.place)
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
