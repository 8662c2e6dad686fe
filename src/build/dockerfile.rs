//! A Dockerfile as plain values: its stages and instructions with their lines, words as they are written.
//!
//! Nothing is expanded here; [`super::stages`] does that, given build arguments. The text is read with
//! `parse-dockerfile`; key/value lists and parser directives follow BuildKit's `frontend/dockerfile/parser`.

use std::fmt;

use indexmap::IndexMap;
use parse_dockerfile as reader;
use serde::Serialize;

use super::expand::ExpandError;
use super::heredoc;

/// A read Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dockerfile {
    /// Name of the file, as given to [`read`].
    pub file: String,
    /// The character that escapes and continues lines: `\`, or `` ` `` by directive.
    pub escape: char,
    /// The `# syntax=` directive. The builder fetches this image from a registry before it reads anything else.
    pub syntax: Option<Syntax>,
    /// Lines of the instructions with here-documents. The frontend inside Docker Engine 20.10 does not know them.
    pub heredocs: Vec<usize>,
    /// `ARG` instructions before the first `FROM`: they count in `FROM` lines, and in a stage that repeats the name.
    pub global_args: Vec<Arg>,
    /// In the order of the file; never empty.
    pub stages: Vec<Stage>,
}

/// A `# syntax=` directive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Syntax {
    /// Counted from 1.
    pub line: usize,
    /// The frontend's image reference.
    pub image: String,
}

/// One `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Counted from 0, as `COPY --from=0` does.
    pub index: usize,
    /// The name after `AS`, in lower case as BuildKit keeps it.
    pub name: Option<String>,
    /// Image reference or stage name, not expanded.
    pub base: String,
    /// Value of `--platform`, not expanded.
    pub platform: Option<String>,
    /// Line of the `FROM`.
    pub line: usize,
    /// What follows the `FROM`.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// The stage's name, else `stage N`: for messages.
    pub fn label(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| format!("stage {}", self.index))
    }
}

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instruction {
    /// Line it starts on, counted from 1.
    pub line: usize,
    #[serde(flatten)]
    pub kind: Kind,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "instruction", content = "value", rename_all = "UPPERCASE")]
pub enum Kind {
    Add(Copy),
    Arg(Vec<Arg>),
    Cmd(Command),
    Copy(Copy),
    Entrypoint(Command),
    Env(Vec<(String, String)>),
    /// `8080`, `53/udp`, `8000-8010`.
    Expose(Vec<String>),
    Healthcheck(Healthcheck),
    Label(Vec<(String, String)>),
    Maintainer(String),
    Onbuild(Box<Instruction>),
    Run(Run),
    Shell(Vec<String>),
    Stopsignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
}

/// One variable of an `ARG`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arg {
    pub line: usize,
    pub name: String,
    /// `None`: declared without a default.
    pub default: Option<String>,
}

/// A `COPY` or `ADD`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// Paths, URLs and git references; here-documents are only counted.
    pub sources: Vec<String>,
    pub dest: String,
    /// `--from`: a stage's name or index, or an image reference.
    pub from: Option<String>,
    /// Each `--exclude`.
    pub exclude: Vec<String>,
    /// `--parents`.
    pub parents: bool,
    /// Number of here-documents among the sources.
    pub heredocs: usize,
    /// The other flags, such as `chown`, `chmod`, `link`, `checksum`.
    pub flags: IndexMap<String, String>,
}

/// A command line, as text for a shell or as words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Run through the stage's `SHELL`.
    Shell(String),
    /// Run as is; JSON in the Dockerfile.
    Exec(Vec<String>),
}

/// A `HEALTHCHECK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    /// `interval`, `timeout`, `start-period`, `start-interval`, `retries`, as written.
    pub options: IndexMap<String, String>,
    /// `None`: `HEALTHCHECK NONE`.
    pub command: Option<Command>,
}

/// A `RUN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    pub command: Command,
    pub mounts: Vec<RunMount>,
    /// The command has a here-document.
    pub heredoc: bool,
}

/// A `RUN --mount`. Nothing of it stays in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunMount {
    /// `bind` when not said; also `cache`, `tmpfs`, `secret`, `ssh`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A stage's name or an image reference.
    pub from: Option<String>,
    pub source: Option<String>,
    pub target: Option<String>,
}

/// A Dockerfile that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DockerfileError {
    /// The text is not a Dockerfile. `column` is counted in bytes from 1; past the first line of the file it points at
    /// the first word of the line.
    #[error("{file}:{line}:{column}: {problem}")]
    Syntax {
        file: String,
        line: usize,
        column: usize,
        problem: String,
    },
    #[error("{file} line {line}: cannot expand `{word}`: {problem}")]
    Expand {
        file: String,
        line: usize,
        word: String,
        problem: ExpandError,
    },
    #[error(
        "{file} line {line}: `FROM {written}` comes to nothing: give `{written}` a value with a build argument"
    )]
    BlankBase {
        file: String,
        line: usize,
        written: String,
    },
    #[error("{file} has no stage `{target}`{}", Candidates(.candidates, .known))]
    UnknownTarget {
        file: String,
        target: String,
        /// Stage names that look like it, nearest first.
        candidates: Vec<String>,
        /// Every stage name.
        known: Vec<String>,
    },
    #[error(
        "{file} line {line}: `--from={from}` names stage {from}, but there are only stages 0 to {last}"
    )]
    UnknownIndex {
        file: String,
        line: usize,
        from: String,
        last: usize,
    },
    #[error(
        "{file} line {line}: `--from={from}` copies from a stage that is not built yet: move it above this one"
    )]
    FromLaterStage {
        file: String,
        line: usize,
        from: String,
    },
}

struct Candidates<'a>(&'a [String], &'a [String]);

impl fmt::Display for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |names: &[String]| {
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
        };
        match (self.0, self.1) {
            ([], []) => write!(f, ": its stages have no names, add `AS <name>` to a `FROM`"),
            ([], known) => write!(f, ": it has {}", quoted(known).join(", ")),
            (near, _) => write!(f, ": did you mean {}?", quoted(near).join(" or ")),
        }
    }
}

/// Reads the text of a Dockerfile; `file` names it in messages.
///
/// # Errors
/// [`DockerfileError::Syntax`] for the first thing that cannot be read.
pub fn read(text: &str, file: &str) -> Result<Dockerfile, DockerfileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let directives = directives(text);
    let refuse = |line, column, problem| DockerfileError::Syntax {
        file: file.to_owned(),
        line,
        column,
        problem,
    };
    let blanked = heredoc::blank(text, directives.escape).map_err(|heredoc::Unterminated { line, name }| {
        refuse(line, 1, format!("the here-document `{name}` is not closed: end it with a line that is just `{name}`"))
    })?;
    let lowering = Lowering {
        text,
        heredocs: &blanked,
        escape: directives.escape,
        lines: line_starts(text),
    };
    let failed = |error: reader::Error| {
        let line = error.line().max(1);
        // The library's column is one only on the first line.
        let written = text.lines().nth(line - 1).unwrap_or_default();
        let column = if line == 1 {
            error.column()
        } else {
            written.len() - written.trim_start().len() + 1
        };
        refuse(line, column.max(1), format!("{error:#}"))
    };
    let mut read = Dockerfile {
        file: file.to_owned(),
        escape: directives.escape,
        syntax: directives.syntax,
        heredocs: blanked.lines.clone(),
        global_args: Vec::new(),
        stages: Vec::new(),
    };
    for instruction in reader::parse_iter(&blanked.text).map_err(failed)? {
        let instruction = instruction.map_err(failed)?;
        if let reader::Instruction::From(from) = &instruction {
            let index = read.stages.len();
            read.stages.push(lowering.stage(index, from));
            continue;
        }
        let (position, kind) = lowering.instruction(&instruction);
        let line = lowering.line(position);
        let kind = kind.map_err(|problem| refuse(line, lowering.column(position), problem))?;
        match (read.stages.last_mut(), kind) {
            (Some(stage), kind) => stage.instructions.push(Instruction { line, kind }),
            (None, Kind::Arg(args)) => read.global_args.extend(args),
            (None, _) => {
                return Err(refuse(
                    line,
                    1,
                    "a Dockerfile starts with `FROM`; only `ARG` may precede it".into(),
                ));
            }
        }
    }
    Ok(read)
}

struct Directives {
    escape: char,
    syntax: Option<Syntax>,
}

/// The directives at the very top: comment lines `# name=value`, up to the first line that is anything else.
fn directives(text: &str) -> Directives {
    let mut found = Directives {
        escape: '\\',
        syntax: None,
    };
    for (at, line) in text.lines().enumerate() {
        let Some((name, value)) = line
            .trim()
            .strip_prefix('#')
            .and_then(|rest| rest.split_once('='))
        else {
            break;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "syntax" if !value.is_empty() => {
                found.syntax = Some(Syntax {
                    line: at + 1,
                    image: value.to_owned(),
                })
            }
            "escape" if value == "`" => found.escape = '`',
            "escape" | "check" => {}
            _ => break,
        }
    }
    found
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

/// Turns the library's borrowed values with byte positions into owned ones with lines.
struct Lowering<'a> {
    text: &'a str,
    heredocs: &'a heredoc::Blanked,
    escape: char,
    lines: Vec<usize>,
}

type Lowered = Result<Kind, String>;

impl Lowering<'_> {
    fn line(&self, position: usize) -> usize {
        self.lines.partition_point(|&start| start <= position)
    }

    fn column(&self, position: usize) -> usize {
        position - self.lines[self.line(position) - 1] + 1
    }

    fn stage(&self, index: usize, from: &reader::FromInstruction<'_>) -> Stage {
        let platform = from
            .options
            .iter()
            .find(|flag| flag.name.value == "platform");
        Stage {
            index,
            name: from.as_.as_ref().map(|(_, name)| name.value.to_lowercase()),
            base: from.image.value.to_string(),
            platform: platform
                .and_then(|flag| flag.value.as_ref())
                .map(|value| value.value.to_string()),
            line: self.line(from.from.span.start),
            instructions: Vec::new(),
        }
    }

    /// The instruction's byte position and value.
    fn instruction(&self, instruction: &reader::Instruction<'_>) -> (usize, Lowered) {
        use reader::Instruction as I;
        match instruction {
            I::Add(i) => (
                i.add.span.start,
                Ok(Kind::Add(self.copy(&i.options, &i.src, &i.dest))),
            ),
            I::Arg(i) => {
                let line = self.line(i.arg.span.start);
                let args =
                    words(&i.arguments.value, self.escape)
                        .into_iter()
                        .map(|word| match word.split_once('=') {
                            Some((name, default)) => Arg {
                                line,
                                name: self.unquoted(name),
                                default: Some(default.to_owned()),
                            },
                            None => Arg {
                                line,
                                name: self.unquoted(&word),
                                default: None,
                            },
                        });
                (i.arg.span.start, Ok(Kind::Arg(args.collect())))
            }
            I::Cmd(i) => (i.cmd.span.start, Ok(Kind::Cmd(self.command(&i.arguments)))),
            I::Copy(i) => (
                i.copy.span.start,
                Ok(Kind::Copy(self.copy(&i.options, &i.src, &i.dest))),
            ),
            I::Entrypoint(i) => (
                i.entrypoint.span.start,
                Ok(Kind::Entrypoint(self.command(&i.arguments))),
            ),
            I::Env(i) => (
                i.env.span.start,
                key_values("ENV", &i.arguments.value, self.escape).map(Kind::Env),
            ),
            I::Expose(i) => (
                i.expose.span.start,
                Ok(Kind::Expose(
                    i.arguments
                        .iter()
                        .map(|port| port.value.to_string())
                        .collect(),
                )),
            ),
            I::Healthcheck(i) => {
                let command = match &i.arguments {
                    reader::HealthcheckArguments::Cmd { arguments, .. } => {
                        Some(self.command(arguments))
                    }
                    _ => None,
                };
                let options = i.options.iter().map(|flag| self.flag(flag)).collect();
                (
                    i.healthcheck.span.start,
                    Ok(Kind::Healthcheck(Healthcheck { options, command })),
                )
            }
            I::Label(i) => (
                i.label.span.start,
                key_values("LABEL", &i.arguments.value, self.escape).map(Kind::Label),
            ),
            I::Maintainer(i) => (
                i.maintainer.span.start,
                Ok(Kind::Maintainer(i.name.value.to_string())),
            ),
            I::Onbuild(i) => {
                let (position, kind) = self.instruction(&i.instruction);
                let line = self.line(position);
                (
                    i.onbuild.span.start,
                    kind.map(|kind| Kind::Onbuild(Box::new(Instruction { line, kind }))),
                )
            }
            I::Run(i) => {
                let line = self.line(i.run.span.start);
                let mounts = i
                    .options
                    .iter()
                    .map(|flag| self.flag(flag))
                    .filter(|(name, _)| name == "mount");
                let run = Run {
                    command: self.command(&i.arguments),
                    mounts: mounts.map(|(_, value)| run_mount(&value)).collect(),
                    heredoc: self.heredocs.lines.contains(&line),
                };
                (i.run.span.start, Ok(Kind::Run(run)))
            }
            I::Shell(i) => (
                i.shell.span.start,
                Ok(Kind::Shell(
                    i.arguments
                        .iter()
                        .map(|word| word.value.to_string())
                        .collect(),
                )),
            ),
            I::Stopsignal(i) => (
                i.stopsignal.span.start,
                Ok(Kind::Stopsignal(i.arguments.value.to_string())),
            ),
            I::User(i) => (
                i.user.span.start,
                Ok(Kind::User(i.arguments.value.to_string())),
            ),
            I::Volume(i) => {
                let paths: Vec<String> = match &i.arguments {
                    reader::JsonOrStringArray::Json(list) => {
                        list.value.iter().map(|p| p.value.to_string()).collect()
                    }
                    reader::JsonOrStringArray::String(list) => {
                        list.iter().map(|p| p.value.to_string()).collect()
                    }
                };
                (i.volume.span.start, Ok(Kind::Volume(paths)))
            }
            I::Workdir(i) => (
                i.workdir.span.start,
                Ok(Kind::Workdir(i.arguments.value.to_string())),
            ),
            I::From(i) => (
                i.from.span.start,
                Err("`FROM` cannot be triggered by `ONBUILD`: remove it".to_owned()),
            ),
            // The library may learn instructions; one nobody here knows copies nothing.
            _ => (
                0,
                Err("this instruction is not known: check its spelling".to_owned()),
            ),
        }
    }

    fn copy(
        &self,
        options: &[reader::Flag<'_>],
        sources: &[reader::Source<'_>],
        dest: &reader::UnescapedString<'_>,
    ) -> Copy {
        let mut copy = Copy {
            dest: dest.value.to_string(),
            ..Copy::default()
        };
        for source in sources {
            match source {
                reader::Source::Path(path) if !self.heredocs.markers.contains(&path.span.start) => {
                    copy.sources.push(path.value.to_string());
                }
                _ => copy.heredocs += 1,
            }
        }
        for (name, value) in options.iter().map(|flag| self.flag(flag)) {
            match name.as_str() {
                "from" => copy.from = Some(value),
                "exclude" => copy.exclude.push(value),
                "parents" => copy.parents = value != "false",
                _ => {
                    copy.flags.insert(name, value);
                }
            }
        }
        copy
    }

    /// A flag's name and value; one without value is `true`.
    fn flag(&self, flag: &reader::Flag<'_>) -> (String, String) {
        let value = flag
            .value
            .as_ref()
            .map_or_else(|| "true".to_owned(), |value| self.unquoted(&value.value));
        (flag.name.value.to_string(), value)
    }

    /// Text without quotes and escapes, as `extractBuilderFlags` leaves a flag.
    fn unquoted(&self, text: &str) -> String {
        let mut out = String::new();
        let mut quote = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (_, c) if c == self.escape => out.extend(chars.next()),
                (_, c) => out.push(c),
            }
        }
        out
    }

    fn command(&self, command: &reader::Command<'_>) -> Command {
        match command {
            reader::Command::Exec(words) => Command::Exec(
                words
                    .value
                    .iter()
                    .map(|word| word.value.to_string())
                    .collect(),
            ),
            // From the original text: the one that was read has its here-documents blanked.
            reader::Command::Shell(text) => Command::Shell(self.text[text.span.clone()].to_owned()),
            _ => Command::Shell(String::new()),
        }
    }
}

/// `RUN --mount`: comma-separated `key=value`.
fn run_mount(text: &str) -> RunMount {
    let mut mount = RunMount {
        kind: "bind".to_owned(),
        from: None,
        source: None,
        target: None,
    };
    for field in text.split(',') {
        let Some((key, value)) = field.trim_matches('"').split_once('=') else {
            continue;
        };
        let value = value.to_owned();
        match key.to_ascii_lowercase().as_str() {
            "type" => mount.kind = value.to_ascii_lowercase(),
            "from" => mount.from = Some(value),
            "source" | "src" => mount.source = Some(value),
            "target" | "dst" | "destination" => mount.target = Some(value),
            _ => {}
        }
    }
    mount
}

/// The pairs of an `ENV` or `LABEL`: `a=b c="d e"`, or the old form `a b c` with a single name. Quotes stay; they go
/// when the words are expanded. BuildKit's `parseNameVal`.
fn key_values(
    instruction: &str,
    text: &str,
    escape: char,
) -> Result<Vec<(String, String)>, String> {
    let words = words(text, escape);
    if !words.first().is_some_and(|word| word.contains('=')) {
        let text = text.trim();
        let (name, value) = text
            .split_once([' ', '\t', '\x0B', '\x0C', '\r'])
            .ok_or_else(|| {
                format!("`{instruction} {text}` has no value: write `{instruction} {text}=…`")
            })?;
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(format!(
                "`{word}` is not `name=value`: put quotes around a value with spaces"
            )),
        })
        .collect()
}

/// Words separated by white space, with quotes and escapes respected and kept. BuildKit's `parseWords`.
fn words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        // Nothing can be escaped between single quotes. An escape character at the very end is dropped.
        if c == escape && quote != Some('\'') {
            if let Some(next) = chars.next() {
                word.get_or_insert_default().extend([c, next]);
            }
            continue;
        }
        word.get_or_insert_default().push(c);
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let read = read(text, "Dockerfile").unwrap();
        read.stages
            .into_iter()
            .flat_map(|stage| stage.instructions)
            .map(|instruction| instruction.kind)
            .collect()
    }

    #[test]
    fn stages_carry_names_bases_and_lines() {
        let read = read(
            "ARG V=1\n\nFROM node:$V AS Build\nRUN x\nFROM build\n",
            "Dockerfile",
        )
        .unwrap();
        assert_eq!(
            read.global_args,
            [Arg {
                line: 1,
                name: "V".into(),
                default: Some("1".into())
            }]
        );
        let stages: Vec<_> = read
            .stages
            .iter()
            .map(|s| (s.name.as_deref(), s.base.as_str(), s.line))
            .collect();
        assert_eq!(stages, [(Some("build"), "node:$V", 3), (None, "build", 5)]);
    }

    #[test]
    fn copy_keeps_sources_destination_and_flags() {
        let text = "FROM a\nCOPY --from=build --chown=\"1:1\" --link --exclude=*.md --exclude=x --parents a b \\\n  /app/\n";
        let [Kind::Copy(copy)] = &kinds(text)[..] else {
            panic!()
        };
        assert_eq!(copy.sources, ["a", "b"]);
        assert_eq!(copy.dest, "/app/");
        assert_eq!(copy.from.as_deref(), Some("build"));
        assert_eq!(copy.exclude, ["*.md", "x"]);
        assert!(copy.parents);
        assert_eq!(copy.flags["chown"], "1:1");
        assert_eq!(copy.flags["link"], "true");
    }

    #[test]
    fn the_json_form_of_copy_allows_spaces() {
        let [Kind::Copy(copy)] = &kinds("FROM a\nCOPY [\"my dir/\", \"/app dir/\"]\n")[..] else {
            panic!()
        };
        assert_eq!(
            (copy.sources[0].as_str(), copy.dest.as_str()),
            ("my dir/", "/app dir/")
        );
    }

    #[test]
    fn commands_are_told_apart_by_form() {
        let text = "FROM a\nCMD npm start\nENTRYPOINT [\"/bin/app\", \"-v\"]\nHEALTHCHECK --interval=5s CMD curl x\n";
        let wanted = [
            Kind::Cmd(Command::Shell("npm start".into())),
            Kind::Entrypoint(Command::Exec(vec!["/bin/app".into(), "-v".into()])),
            Kind::Healthcheck(Healthcheck {
                options: IndexMap::from([("interval".into(), "5s".into())]),
                command: Some(Command::Shell("curl x".into())),
            }),
        ];
        assert_eq!(kinds(text), wanted);
    }

    #[test]
    fn environment_pairs_come_in_two_forms() {
        let text = "FROM a\nENV A=1 B=\"x y\" C=a\\ b\nENV OLD one two\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [
            Kind::Env(vec![
                pair("A", "1"),
                pair("B", "\"x y\""),
                pair("C", "a\\ b"),
            ]),
            Kind::Env(vec![pair("OLD", "one two")]),
        ];
        assert_eq!(kinds(text), wanted);
    }

    #[test]
    fn other_instructions_keep_their_words() {
        let text = "FROM a\nEXPOSE 80 53/udp\nUSER app:app\nWORKDIR /a b\nSTOPSIGNAL SIGINT\nVOLUME /a /b\nVOLUME [\"/c\"]\n";
        let wanted = [
            Kind::Expose(vec!["80".into(), "53/udp".into()]),
            Kind::User("app:app".into()),
            Kind::Workdir("/a b".into()),
            Kind::Stopsignal("SIGINT".into()),
            Kind::Volume(vec!["/a".into(), "/b".into()]),
            Kind::Volume(vec!["/c".into()]),
        ];
        assert_eq!(kinds(text), wanted);
    }

    #[test]
    fn what_old_engines_do_not_know_is_flagged_with_its_line() {
        let text = "# syntax=docker/dockerfile:1\nFROM a\nRUN sh <<EOF\nFROM x\nEOF\nCOPY <<EOF a /x/\nhi\nEOF\n";
        let read = read(text, "Dockerfile").unwrap();
        assert_eq!(
            read.syntax,
            Some(Syntax {
                line: 1,
                image: "docker/dockerfile:1".into()
            })
        );
        assert_eq!(read.heredocs, [3, 6]);
        assert_eq!(read.stages.len(), 1);
        let Kind::Run(run) = &read.stages[0].instructions[0].kind else {
            panic!()
        };
        assert_eq!(run.command, Command::Shell("sh <<EOF".into()));
        let Kind::Copy(copy) = &read.stages[0].instructions[1].kind else {
            panic!()
        };
        assert_eq!(
            (&copy.sources[..], copy.heredocs),
            (&["a".to_owned()][..], 1)
        );
    }

    #[test]
    fn run_mounts_name_where_they_come_from() {
        let [Kind::Run(run)] =
            &kinds("FROM a\nRUN --mount=type=cache,target=/c --mount=from=b,source=/s,dst=/d x\n")
                [..]
        else {
            panic!()
        };
        let kinds: Vec<_> = run
            .mounts
            .iter()
            .map(|mount| (mount.kind.as_str(), mount.from.as_deref()))
            .collect();
        assert_eq!(kinds, [("cache", None), ("bind", Some("b"))]);
    }

    #[test]
    fn another_escape_character_is_respected() {
        let read = read("# escape=`\nFROM a\nCOPY x `\n  C:\\app\\\n", "Dockerfile").unwrap();
        let Kind::Copy(copy) = &read.stages[0].instructions[0].kind else {
            panic!()
        };
        assert_eq!(copy.dest, "C:\\app\\");
    }

    #[test]
    fn errors_carry_their_place() {
        for (text, place) in [
            ("FRM a\n", "Dockerfile:1:1: "),
            ("FROM a\n  CPY x y\n", "Dockerfile:2:3: "),
            ("RUN x\n", "Dockerfile:1:1: "),
            ("FROM a\nCOPY x\n", "Dockerfile:2:1: "),
            ("FROM a\nENV X\n", "Dockerfile:2:1: "),
            ("FROM a\nRUN <<EOF\n", "Dockerfile:2:1: "),
            ("", "Dockerfile:1:1: "),
        ] {
            let error = read(text, "Dockerfile").unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            lines in proptest::collection::vec("(FROM|RUN|COPY|ENV|ARG|CMD|#|ONBUILD|VOLUME| )?[ a-z=\"'\\[\\],<$\\\\{}\r\t-]{0,12}", 0..6)
        ) {
            let _ = read(&format!("FROM a\n{}", lines.join("\n")), "Dockerfile");
            let _ = read(&lines.join("\n"), "Dockerfile");
        }
    }
}
