//! Dockerfiles: a `COPY` more, a command as a list of words, a base image by its digest.

use super::Reason;
use crate::build::dockerfile::{self as reader, Command, Instruction, Kind, Stage};

/// What makes a command line need a shell.
const SHELL_SYNTAX: &[char] = &[
    '$', '&', '|', ';', '<', '>', '(', ')', '*', '?', '[', ']', '{', '}', '~', '!', '`', '#', '\\',
    '\n',
];

/// Adds a `COPY` to a stage, after those that it has, else before its command.
///
/// # Errors
/// A text that is no Dockerfile, a stage that is not there.
pub fn add_copy(
    text: &str,
    file: &str,
    stage: usize,
    (source, target): (&str, &str),
    directory: bool,
) -> Result<String, Reason> {
    let stages = read(text, file)?;
    let number = stage;
    let stage = stages
        .get(number)
        .ok_or_else(|| format!("`{file}` has no stage {number}"))?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let after_stage = stages
        .get(number + 1)
        .map_or(lines.len() + 1, |next| next.line);
    let at = match last_copy(stage) {
        Some(copy) => {
            let mut starts = stage.instructions.iter().map(|other| other.line);
            let next = starts.find(|line| *line > copy.line).unwrap_or(after_stage);
            last_written(&lines, copy.line, next)
        }
        None => {
            let runs = |one: &&Instruction| matches!(one.kind, Kind::Cmd(_) | Kind::Entrypoint(_));
            match stage.instructions.iter().find(runs) {
                Some(command) => command.line - 1,
                None => last_written(&lines, stage.line, after_stage),
            }
        }
    };
    let line = copy_line(last_copy(stage), source, target, directory);
    Ok(with_line(&lines, at, &line))
}

/// The last instruction of a stage that copies from the build context.
fn last_copy(stage: &Stage) -> Option<&Instruction> {
    stage.instructions.iter().rfind(|one| match &one.kind {
        Kind::Copy(copy) | Kind::Add(copy) => copy.from.is_none(),
        _ => false,
    })
}

/// The instruction, with the owner that the stage gives its other files.
fn copy_line(like: Option<&Instruction>, source: &str, target: &str, directory: bool) -> String {
    let owner = like.and_then(|one| match &one.kind {
        Kind::Copy(copy) | Kind::Add(copy) => copy.flags.get("chown"),
        _ => None,
    });
    let owner = owner.map_or(String::new(), |owner| format!("--chown={owner} "));
    let slash = if directory && !target.ends_with('/') {
        "/"
    } else {
        ""
    };
    let target = format!("{target}{slash}");
    match format!("{source}{target}").contains(|c: char| c.is_whitespace() || "\"$\\".contains(c)) {
        true => format!("COPY {owner}{}", words_as_json(&[source, &target])),
        false => format!("COPY {owner}{source} {target}"),
    }
}

/// The number of the last line from `first` on, counted from 1, before the line `next`, that is
/// neither blank nor a comment.
fn last_written(lines: &[&str], first: usize, next: usize) -> usize {
    let written = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    let block = &lines[first - 1..(next - 1).min(lines.len())];
    first + block.iter().rposition(written).unwrap_or(0)
}

/// `lines` with one more after the first `at`.
fn with_line(lines: &[&str], at: usize, line: &str) -> String {
    let crlf = lines.iter().any(|line| line.ends_with("\r\n"));
    let newline = if crlf { "\r\n" } else { "\n" };
    let mut text: String = lines[..at].concat();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str(newline);
    }
    text.push_str(line);
    text.push_str(newline);
    text.push_str(&lines[at..].concat());
    text
}

/// `CMD node server.js` on `line` becomes `CMD ["node", "server.js"]`.
///
/// # Errors
/// A command that is a list already, or that needs its shell.
pub fn exec_form(text: &str, file: &str, line: u32) -> Result<String, Reason> {
    let stages = read(text, file)?;
    let mut all = stages.iter().flat_map(|stage| &stage.instructions);
    let found = all.find(|one| one.line == line as usize);
    let (word, command) = match found.map(|one| &one.kind) {
        Some(Kind::Cmd(Command::Shell(command))) => ("CMD", command),
        Some(Kind::Entrypoint(Command::Shell(command))) => ("ENTRYPOINT", command),
        _ => {
            return Err(format!(
                "line {line} of `{file}` has no command in shell form"
            ));
        }
    };
    let words = plain_words(command).ok_or_else(|| {
        format!("`{command}` needs a shell: put `exec` before its last command, or move it to a script that ends in `exec`")
    })?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let old = lines[line as usize - 1];
    if old.trim_end().ends_with('\\') {
        return Err("the command goes over several lines".to_owned());
    }
    let indent = &old[..old.len() - old.trim_start().len()];
    let end = &old[old.trim_end().len()..];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let new = format!("{indent}{word} {}{end}", words_as_json(&words));
    let mut after = lines.clone();
    after[line as usize - 1] = &new;
    Ok(after.concat())
}

/// The words of a command that any program could start without a shell.
fn plain_words(command: &str) -> Option<Vec<String>> {
    if command.contains(SHELL_SYNTAX) {
        return None;
    }
    let words = shlex::split(command)?;
    let first = words.first()?;
    // `PORT=80 node` sets a variable, `exec`, `cd` and the like are the shell's own.
    let built_in = [
        "exec", "cd", "source", ".", "export", "set", "eval", "ulimit", "umask",
    ];
    (!first.contains('=') && !built_in.contains(&&**first)).then_some(words)
}

fn words_as_json(words: &[&str]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|word| serde_json::Value::from(*word).to_string())
        .collect();
    format!("[{}]", quoted.join(", "))
}

/// Adds the digest to an image reference on `line` of a Dockerfile or a Compose file.
///
/// # Errors
/// A line that does not have the reference.
pub fn pin(
    text: &str,
    file: &str,
    line: u32,
    reference: &str,
    digest: &str,
) -> Result<String, Reason> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let gone = || format!("line {line} of `{file}` does not name `{reference}` as it stands");
    let old = lines.get_mut(line as usize - 1).ok_or_else(gone)?;
    let part = |c: char| c.is_alphanumeric() || "._-/:@$}".contains(c);
    let at = old.match_indices(reference).map(|(at, _)| at).find(|at| {
        let before = old[..*at].chars().next_back();
        let after = old[at + reference.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    });
    let end = at.ok_or_else(gone)? + reference.len();
    old.insert_str(end, &format!("@{digest}"));
    Ok(lines.concat())
}

fn read(text: &str, file: &str) -> Result<Vec<Stage>, Reason> {
    let read = reader::read(text, file).map_err(|error| error.to_string())?;
    Ok(read.stages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_after_the_others_with_their_owner() {
        let text = "FROM a AS b\nCOPY x .\nFROM c\nCOPY --chown=app src ./src \\\n  /app/\n# why\nCMD [\"x\"]\n";
        let after = add_copy(text, "Dockerfile", 1, ("config", "/app/config"), true);
        assert_eq!(
            after.as_deref(),
            Ok(
                "FROM a AS b\nCOPY x .\nFROM c\nCOPY --chown=app src ./src \\\n  /app/\nCOPY --chown=app config /app/config/\n# why\nCMD [\"x\"]\n"
            )
        );
    }

    #[test]
    fn a_stage_without_a_copy_gets_it_before_its_command_or_at_its_end() {
        let add =
            |text: &str| add_copy(text, "Dockerfile", 0, ("a b", "/x"), false).unwrap_or_default();
        assert_eq!(
            add("FROM a\nRUN y\n\nCMD z\n"),
            "FROM a\nRUN y\n\nCOPY [\"a b\", \"/x\"]\nCMD z\n"
        );
        assert_eq!(add("FROM a"), "FROM a\nCOPY [\"a b\", \"/x\"]\n");
    }

    #[test]
    fn a_plain_command_becomes_a_list_and_one_that_needs_a_shell_is_refused() {
        let exec = |command: &str| exec_form(&format!("FROM a\n{command}\n"), "Dockerfile", 2);
        assert_eq!(
            exec("CMD node 'my server.js'").as_deref(),
            Ok("FROM a\nCMD [\"node\", \"my server.js\"]\n")
        );
        for command in [
            "CMD a && b",
            "CMD PORT=1 a",
            "CMD echo $X",
            "CMD exec a",
            "CMD [\"a\"]",
        ] {
            assert!(exec(command).is_err(), "{command}");
        }
    }

    #[test]
    fn a_reference_gets_its_digest_and_a_part_of_a_longer_one_does_not() {
        let text = "FROM --platform=$X node:22 AS build # node:22-slim\n";
        assert_eq!(
            pin(text, "Dockerfile", 1, "node:22", "sha256:1").as_deref(),
            Ok("FROM --platform=$X node:22@sha256:1 AS build # node:22-slim\n")
        );
        assert!(pin("image: node:22-slim\n", "c", 1, "node:22", "sha256:1").is_err());
    }
}
