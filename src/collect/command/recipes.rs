//! Commands that are looked up in a file by name: scripts of `package.json`, targets of a Makefile,
//! entries of a Procfile.

use serde_json::Value;

use super::files::Found;
use super::lead::{Start, Word, process, text, words};
use crate::build::paths;
use crate::evidence::{Script, ScriptKind};

/// What the program `name` with `all` its words looks up; none when it is no such program or the file
/// has nothing of that name.
pub fn follow(name: &str, all: &[Word], start: &Start) -> Option<Script> {
    let arguments = &all[1..];
    let texts: Vec<&str> = arguments.iter().map(|word| &*word.text).collect();
    match name {
        "npm" | "yarn" | "pnpm" | "bun" | "yarnpkg" => package_manager(name, arguments, start),
        "concurrently" => Some(several(commands_of(arguments), all, start)),
        "npm-run-all" | "run-p" | "run-s" | "npm-run-all2" => {
            let names = texts.iter().filter(|word| !word.starts_with('-'));
            let scripts = names.map(|name| {
                words(
                    &["npm".into(), "run".into(), (*name).to_owned()],
                    &all[0].place,
                )
            });
            Some(several(scripts.collect(), all, start))
        }
        "make" | "gmake" => make(&texts, start),
        "foreman" | "honcho" | "goreman" | "overmind" | "hivemind" => procfile(name, &texts, start),
        "supervisord" => supervisord(&texts, start),
        _ => None,
    }
}

/// The words in one argument each: `concurrently "npm run a" "npm run b"`.
fn commands_of(arguments: &[Word]) -> Vec<Vec<Word>> {
    let quoted = arguments
        .iter()
        .filter(|word| word.text.contains(' ') || word.text.contains(':'));
    let split = quoted.filter_map(|word| {
        let texts = match word.text.strip_prefix("npm:") {
            Some(script) => vec!["npm".to_owned(), "run".to_owned(), script.to_owned()],
            None => shlex::split(&word.text)?,
        };
        Some(words(&texts, &word.place))
    });
    split.collect()
}

fn several(commands: Vec<Vec<Word>>, all: &[Word], start: &Start) -> Script {
    let mut inner = start.clone();
    inner.depth += 1;
    let starts = commands.iter().filter_map(|words| process(words, &inner));
    Script {
        kind: ScriptKind::Recipe,
        name: all[0].text.clone(),
        place: (*all[0].place).clone(),
        starts: starts.collect(),
        ends_in_exec: false,
        traps: true,
        finite: false,
        lines: Vec::new(),
    }
}

/// A script that a package manager runs by name.
fn package_manager(manager: &str, arguments: &[Word], start: &Start) -> Option<Script> {
    const WITH_VALUE: &[&str] = &[
        "--prefix",
        "--cwd",
        "-C",
        "--dir",
        "--workspace",
        "-w",
        "--filter",
        "-F",
    ];
    let mut cwd = start.cwd.clone();
    let mut names: Vec<&Word> = Vec::new();
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let text = &*word.text;
        let (option, value) = match text.split_once('=') {
            Some((option, value)) if option.starts_with('-') => (option, Some(value.to_owned())),
            _ => (text, None),
        };
        // pnpm's `-w` and yarn's have no value.
        let takes_value = WITH_VALUE.contains(&option) && !(option == "-w" && manager != "npm");
        if text == "--" {
            break;
        } else if takes_value {
            let value = value.or_else(|| {
                at += 1;
                arguments.get(at).map(|word| word.text.clone())
            });
            if matches!(option, "--prefix" | "--cwd" | "-C" | "--dir") {
                cwd = paths::absolute(&cwd, &value?);
            }
        } else if !text.starts_with('-') {
            names.push(word);
        }
        at += 1;
    }
    let first = names.first().map_or("", |word| &*word.text);
    let script = match (manager, first) {
        ("yarn" | "yarnpkg", "") => return None,
        (_, "run" | "run-script" | "rum" | "urn") => names.get(1).map(|word| &*word.text)?,
        (_, "start" | "test" | "stop" | "restart") => first,
        ("npm", _) => return None,
        // The others run a script by its bare name; `yarn workspace NAME SCRIPT` elsewhere.
        (_, "workspace") => return None,
        (_, name) => name,
    };
    let found = start.files.read(&cwd, "package.json")?;
    let manifest: Value = serde_json::from_str(&found.text).ok()?;
    let body = manifest["scripts"][script].as_str().map(str::to_owned);
    // "npm start: if there is no start script, npm runs node server.js".
    let default = || (manager == "npm" && script == "start").then(|| "node server.js".to_owned());
    let body = body.or_else(default)?;
    let line = line_of_script(&found, script);
    let place = |_| found.line(line).0;
    let mut inner = start.clone();
    inner.cwd = cwd;
    inner.arguments = Vec::new();
    let name = format!("`{script}` of {}", found.shown);
    Some(text(&body, ScriptKind::PackageScript, name, &inner, &place))
}

/// The line, from 0, of a script in `package.json`; the first when it cannot be told.
fn line_of_script(found: &Found, name: &str) -> usize {
    let key = format!("\"{name}\"");
    let mut lines = found.text.lines().enumerate();
    let mut inside = lines
        .by_ref()
        .skip_while(|(_, line)| !line.contains("\"scripts\""));
    let at = inside.find(|(_, line)| {
        let rest = line.find(&key).map(|at| &line[at + key.len()..]);
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    at.map_or(0, |(line, _)| line)
}

/// The recipe of a Makefile's target.
fn make(arguments: &[&str], start: &Start) -> Option<Script> {
    let mut cwd = start.cwd.clone();
    let mut wanted = None;
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        match *word {
            "-C" => {
                at += 1;
                cwd = paths::absolute(&cwd, arguments.get(at)?);
            }
            "-f" | "-j" => at += 1,
            option if option.starts_with('-') || option.contains('=') => {}
            target => wanted = wanted.or(Some(target)),
        }
        at += 1;
    }
    let names = ["GNUmakefile", "makefile", "Makefile"];
    let found = names.iter().find_map(|name| start.files.read(&cwd, name))?;
    let head = |line: &str| -> Option<String> {
        let (target, _) = line.split_once(':')?;
        let plain = !line.starts_with(['\t', ' ', '#', '.'])
            && !line.contains(":=")
            && !target.contains('=');
        plain.then(|| target.trim().to_owned())
    };
    let mut lines = found.text.lines().enumerate();
    let (first, _) = lines.find(|(_, line)| {
        head(line).is_some_and(|target| {
            wanted.is_none_or(|wanted| target.split(' ').any(|one| one == wanted))
        })
    })?;
    let recipe: Vec<&str> = found
        .text
        .lines()
        .skip(first + 1)
        .take_while(|line| line.starts_with('\t') || line.trim().is_empty())
        .map(|line| line.trim_start().trim_start_matches(['@', '-', '+']))
        .collect();
    let mut inner = start.clone();
    inner.cwd = cwd;
    let place = |line| found.line(first + 1 + line).0;
    let name = format!(
        "the target `{}` of {}",
        wanted.unwrap_or("all"),
        found.shown
    );
    Some(text(
        &recipe.join("\n"),
        ScriptKind::Recipe,
        name,
        &inner,
        &place,
    ))
}

/// The programs of a supervisord configuration.
fn supervisord(arguments: &[&str], start: &Start) -> Option<Script> {
    const USUAL: &[&str] = &[
        "/etc/supervisor/conf.d/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
        "/etc/supervisord.conf",
        "supervisord.conf",
    ];
    let at = arguments
        .iter()
        .position(|word| matches!(*word, "-c" | "--configuration"));
    let named = at.and_then(|at| arguments.get(at + 1));
    let found = match named {
        Some(file) => start.files.read(&start.cwd, file),
        None => USUAL
            .iter()
            .find_map(|file| start.files.read(&start.cwd, file)),
    }?;
    let mut script = supervised(&found, "supervisord");
    for (line, entry) in found.text.lines().enumerate() {
        let command = entry.strip_prefix("command").map(str::trim_start);
        if let Some(command) = command.and_then(|rest| rest.strip_prefix('=')) {
            let place = |_| found.line(line).0;
            let read = text(command, ScriptKind::Recipe, String::new(), start, &place);
            script.starts.extend(read.starts);
        }
    }
    Some(script)
}

/// What a process manager reads; it handles signals itself.
fn supervised(found: &Found, manager: &str) -> Script {
    Script {
        kind: ScriptKind::Recipe,
        name: format!("{} ({manager})", found.shown),
        place: found.line(0).0,
        starts: Vec::new(),
        ends_in_exec: false,
        traps: true,
        finite: false,
        lines: Vec::new(),
    }
}

/// The entries of a Procfile.
fn procfile(manager: &str, arguments: &[&str], start: &Start) -> Option<Script> {
    let at = arguments
        .iter()
        .position(|word| matches!(*word, "-f" | "--procfile"));
    let file = at
        .and_then(|at| arguments.get(at + 1))
        .copied()
        .unwrap_or("Procfile");
    let wanted: Vec<&str> = {
        let names = arguments
            .iter()
            .filter(|word| !word.starts_with('-') && **word != file);
        names
            .copied()
            .filter(|word| *word != "start" && *word != "s")
            .collect()
    };
    let found = start.files.read(&start.cwd, file)?;
    let mut script = supervised(&found, manager);
    for (line, entry) in found.text.lines().enumerate() {
        let Some((name, command)) = entry.split_once(':') else {
            continue;
        };
        if name.trim_start().starts_with('#')
            || !(wanted.is_empty() || wanted.contains(&name.trim()))
        {
            continue;
        }
        let place = |_| found.line(line).0;
        let read = text(command, ScriptKind::Recipe, String::new(), start, &place);
        script.starts.extend(read.starts);
    }
    Some(script)
}
