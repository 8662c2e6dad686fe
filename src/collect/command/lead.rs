//! Follows a command to what it starts: shell texts and scripts, scripts of `package.json`, Makefiles,
//! Procfiles, and the source of a program.

use std::rc::Rc;

use super::files::{Files, Found};
use super::{recipes, shell, wrappers};
use crate::app::Place;
use crate::collect::dockerfiles::hidden;
use crate::evidence::{Process, Script, ScriptKind, SourceLine};
use crate::mask::mask;

/// A script that starts scripts deeper than this is not followed to its end.
const DEEPEST: usize = 8;
/// Programs that read a shell's language.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "ksh"];
/// Lines of a program that are kept.
const KEPT_LINES: usize = 60;

/// A word and where it is written.
#[derive(Clone, Debug)]
pub struct Word {
    /// Without quotes.
    pub text: String,
    /// Where.
    pub place: Rc<Place>,
}

/// Where a command is started.
#[derive(Clone)]
pub struct Start<'a> {
    /// The files of the container.
    pub files: &'a Files<'a>,
    /// Working directory.
    pub cwd: String,
    /// What `$@` is.
    pub arguments: Vec<Word>,
    /// Scripts around it.
    pub depth: usize,
}

/// Words of one place.
pub fn words(texts: &[String], place: &Place) -> Vec<Word> {
    let place = Rc::new(place.clone());
    let word = |text: &String| Word {
        text: text.clone(),
        place: place.clone(),
    };
    texts.iter().map(word).collect()
}

/// The process that `all` start; none for no words.
pub fn process(all: &[Word], start: &Start) -> Option<Process> {
    let mut rest = all;
    let mut wrapped_by = Vec::new();
    loop {
        let texts: Vec<&str> = rest.iter().map(|word| &*word.text).collect();
        let length = match wrappers::length(&texts) {
            0 => break,
            length => length,
        };
        let name = texts[0].rsplit('/').next().unwrap_or(texts[0]);
        wrapped_by.push(name.to_owned());
        rest = &rest[length..];
    }
    let first = rest.first()?;
    let reads = match start.depth < DEEPEST {
        true => follow(rest, start),
        false => None,
    };
    Some(Process {
        words: rest.iter().map(|word| mask(&word.text).into()).collect(),
        wrappers: wrapped_by,
        variables: Vec::new(),
        exec: false,
        background: false,
        conditional: false,
        place: (*first.place).clone(),
        reads,
    })
}

/// What the program of `words` reads.
fn follow(words: &[Word], start: &Start) -> Option<Script> {
    let texts: Vec<&str> = words.iter().map(|word| &*word.text).collect();
    let name = texts[0].rsplit('/').next().unwrap_or(texts[0]);
    let name = match (name, texts.get(1)) {
        ("busybox", Some(applet)) => applet,
        _ => name,
    };
    if SHELLS.contains(&name) {
        return shell_of(&words[1..], start);
    }
    if let Some(script) = recipes::follow(name, words, start) {
        return Some(script);
    }
    if name.starts_with("python") || name.starts_with("pypy") {
        return source(&texts[1..], start);
    }
    let found = start.files.program(&start.cwd, texts[0])?;
    if texts[0].ends_with(".py") || first_line(&found).contains("python") {
        return Some(program(&found));
    }
    let is_shell = texts[0].ends_with(".sh") || is_shell_script(&found);
    is_shell.then(|| script_file(&found, &words[1..], start))
}

fn first_line(found: &Found) -> &str {
    let line = found.text.lines().next().unwrap_or_default();
    if line.starts_with("#!") { line } else { "" }
}

fn is_shell_script(found: &Found) -> bool {
    let line = first_line(found);
    line.split(|c: char| c == '/' || c.is_whitespace())
        .any(|part| SHELLS.contains(&part))
}

/// A shell with its arguments: `-c TEXT`, or a file.
fn shell_of(arguments: &[Word], start: &Start) -> Option<Script> {
    let mut command = false;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        match &*word.text {
            "-o" | "+o" | "-O" => at += 2,
            "--" => {
                at += 1;
                break;
            }
            option if option.starts_with('-') && option.len() > 1 => {
                command |= !option.starts_with("--") && option.contains('c');
                at += 1;
            }
            _ => break,
        }
    }
    let word = arguments.get(at)?;
    let rest = &arguments[at + 1..];
    if !command {
        let found = start.files.read(&start.cwd, &word.text)?;
        return Some(script_file(&found, rest, start));
    }
    // The first word behind the text is `$0`.
    let mut inner = start.clone();
    inner.arguments = rest.get(1..).unwrap_or_default().to_vec();
    let place = (*word.place).clone();
    let at_text = |_| place.clone();
    Some(text(
        &word.text,
        ScriptKind::ShellText,
        "the shell's text".to_owned(),
        &inner,
        &at_text,
    ))
}

fn script_file(found: &Found, arguments: &[Word], start: &Start) -> Script {
    let mut inner = start.clone();
    inner.arguments = arguments.to_vec();
    let at = |line| found.line(line).0;
    text(
        &found.text,
        ScriptKind::ShellFile,
        found.shown.clone(),
        &inner,
        &at,
    )
}

/// Reads a shell's text; `place` tells where its lines, counted from 0, are.
pub fn text(
    text: &str,
    kind: ScriptKind,
    name: String,
    start: &Start,
    place: &dyn Fn(usize) -> Place,
) -> Script {
    let read = shell::read(text);
    let mut inner = start.clone();
    inner.depth += 1;
    let mut starts = Vec::new();
    for command in &read.commands {
        let at = Rc::new(place(command.line));
        let mut words: Vec<Word> = Vec::new();
        for word in &command.words {
            match &**word {
                "$@" | "${@}" | "$*" | "${*}" => words.extend(inner.arguments.iter().cloned()),
                _ => words.push(Word {
                    text: word.clone(),
                    place: at.clone(),
                }),
            }
        }
        if let [first, directory, ..] = &*words
            && first.text == "cd"
        {
            inner.cwd = crate::build::paths::absolute(&inner.cwd, &directory.text);
        }
        let Some(mut process) = process(&words, &inner) else {
            continue;
        };
        process.exec = command.exec;
        process.background = command.background;
        process.conditional = command.conditional;
        process.variables = command
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), hidden(name, value)))
            .collect();
        starts.push(process);
    }
    Script {
        kind,
        name,
        place: place(0),
        starts,
        ends_in_exec: read.ends_in_exec(),
        traps: read.traps(),
        finite: read.finite(),
        lines: Vec::new(),
    }
}

/// The source of `python FILE` or `python -m MODULE`.
fn source(arguments: &[&str], start: &Start) -> Option<Script> {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        match *word {
            "-m" => {
                let module = arguments.get(at + 1)?.replace('.', "/");
                let files = [format!("{module}.py"), format!("{module}/__main__.py")];
                let found = files
                    .iter()
                    .find_map(|file| start.files.read(&start.cwd, file));
                return Some(program(&found?));
            }
            "-c" => return None,
            "-W" | "-X" => at += 2,
            option if option.starts_with('-') => at += 1,
            _ => break,
        }
    }
    let found = start.files.read(&start.cwd, arguments.get(at)?)?;
    Some(program(&found))
}

/// The lines of a program that say how it serves and what it does about signals.
fn program(found: &Found) -> Script {
    const TELLING: &[&str] = &[
        "run(", "debug", "reload", "flask", "signal.", "sigterm", "serve(", "listen(",
    ];
    let code = found.text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start().to_lowercase();
        !line.starts_with('#') && TELLING.iter().any(|word| line.contains(word))
    });
    let lines: Vec<SourceLine> = code
        .take(KEPT_LINES)
        .map(|(line, _)| {
            let (place, text) = found.line(line);
            SourceLine { place, text }
        })
        .collect();
    Script {
        kind: ScriptKind::Source,
        name: found.shown.clone(),
        place: found.line(0).0,
        starts: Vec::new(),
        ends_in_exec: false,
        traps: found.text.contains("SIGTERM"),
        finite: false,
        lines,
    }
}
