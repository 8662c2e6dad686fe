//! `envsim init`: writes a first Compose file from what the project has already.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::args;
use super::exit::{Exit, Failure};
use crate::compose::FILE_NAMES;
use crate::compose::Problem;
use crate::init::project::{DEPTH, MAX_PATHS, Project, is_entered, is_read};
use crate::init::{Draft, Source, draft, find, notes::Notes, source_of};

/// A source of more bytes is not read; a large real task definition has some ten kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// Where the file goes.
enum Target {
    Stdout,
    File(PathBuf),
}

/// Runs the command.
pub fn run(flags: &args::Project, args: &args::Init) -> Result<Exit, Failure> {
    if !flags.file.is_empty() {
        return Err(Failure::usage(
            "`-f` names a Compose file to read, and `envsim init` writes one",
            "name the file to write with `-o FILE`",
        ));
    }
    let directory = flags
        .project_directory
        .clone()
        .unwrap_or_else(|| PathBuf::from("."));
    let directory = fs::canonicalize(&directory).map_err(|error| {
        Failure::usage(
            format!("cannot look into `{}`: {error}", directory.display()),
            "name a directory that is there",
        )
    })?;
    let target = target(args, &directory)?;
    let mut project = look(&directory, flags, &target)?;
    let mut notes = Notes::default();
    let source = source(&mut project, args, &directory, &mut notes)?;
    let draft = draft(&project, &source, notes)?;
    match &target {
        Target::Stdout => {
            // The reader of a pipe may have seen enough.
            let _ = std::io::stdout().write_all(draft.text.as_bytes());
        }
        Target::File(path) => {
            write_new(path, draft.text.as_bytes())?;
            eprintln!("wrote {}: {}", shown(path, &directory), contents(&draft));
        }
    }
    for note in &draft.notes.0 {
        // Names and places only: a note never holds a value that could be secret.
        eprintln!("note: {note}");
    }
    if matches!(target, Target::File(_)) {
        eprintln!("next: `envsim dev` runs the app, `envsim prod-check` checks it for production");
    }
    Ok(Exit::Clean)
}

fn contents(draft: &Draft) -> String {
    let count = draft.services.len();
    let noun = if count == 1 { "service" } else { "services" };
    format!(
        "{count} {noun} ({}) from {}",
        draft.services.join(", "),
        draft.sources.join(", ")
    )
}

fn shown(path: &Path, directory: &Path) -> String {
    path.strip_prefix(directory)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The file to write: `compose.yaml` unless said otherwise, never one that is there, never outside of the project.
fn target(args: &args::Init, directory: &Path) -> Result<Target, Failure> {
    let Some(output) = &args.output else {
        let there = FILE_NAMES
            .iter()
            .find(|name| directory.join(name).symlink_metadata().is_ok());
        return match there {
            Some(name) => Err(Failure::usage(
                format!("`{name}` is there already, and `envsim init` replaces nothing"),
                "edit it, or write another file with `-o FILE`, or to stdout with `-o -`",
            )),
            None => Ok(Target::File(directory.join(FILE_NAMES[0]))),
        };
    };
    if output.as_os_str() == "-" {
        return Ok(Target::Stdout);
    }
    let base = std::env::current_dir().unwrap_or_default();
    let path = base.join(output);
    let refused = |message: String| {
        Failure::usage(
            message,
            "name a new file in the project, or write to stdout with `-o -`",
        )
    };
    let parent = path.parent().map(fs::canonicalize);
    let (Some(Ok(parent)), Some(name)) = (parent, path.file_name()) else {
        return Err(refused(format!(
            "cannot write `{}`: its directory is not there",
            output.display()
        )));
    };
    if !parent.starts_with(directory) {
        return Err(refused(format!(
            "`{}` is outside of the project `{}`",
            output.display(),
            directory.display()
        )));
    }
    let path = parent.join(name);
    match path.symlink_metadata() {
        Ok(_) => Err(refused(format!(
            "`{}` is there already, and `envsim init` replaces nothing",
            output.display()
        ))),
        Err(_) => Ok(Target::File(path)),
    }
}

/// Lists the directory and reads the files that matter.
fn look(directory: &Path, flags: &args::Project, target: &Target) -> Result<Project, Failure> {
    let name = directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let below = match target {
        Target::Stdout => 0,
        Target::File(path) => path
            .strip_prefix(directory)
            .map_or(0, |path| path.components().count() - 1),
    };
    let mut project = Project {
        shown: directory.display().to_string(),
        directory: name.unwrap_or_default(),
        name: flags.project_name.clone(),
        prefix: "../".repeat(below),
        paths: BTreeMap::new(),
        texts: BTreeMap::new(),
    };
    let mut waiting = vec![(directory.to_owned(), String::new(), 0)];
    while let Some((place, prefix, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => {
                return Err(Failure::usage(
                    format!("cannot look into `{}`: {error}", place.display()),
                    "make it readable",
                ));
            }
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if project.paths.len() >= MAX_PATHS {
                return Ok(project);
            }
            let path = format!("{prefix}{name}");
            if kind.is_dir() && depth < DEPTH && is_entered(&name) {
                waiting.push((entry.path(), format!("{path}/"), depth + 1));
            }
            if kind.is_file()
                && is_read(&name)
                && let Ok(text) = read(&entry.path())
            {
                project.texts.insert(path.clone(), text);
            }
            project.paths.insert(path, kind.is_dir());
        }
    }
    Ok(project)
}

/// The named source, else the best one there is.
fn source(
    project: &mut Project,
    args: &args::Init,
    directory: &Path,
    notes: &mut Notes,
) -> Result<Source, Failure> {
    let Some(from) = &args.from else {
        return Ok(find(project, notes)?);
    };
    if from.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin()
            .lock()
            .take(MAX_BYTES)
            .read_to_end(&mut bytes);
        read.map_err(|error| {
            Failure::usage(
                format!("cannot read stdin: {error}"),
                "pass the JSON of a task definition",
            )
        })?;
        let text = utf8(bytes).map_err(|message| {
            Failure::usage(
                format!("stdin {message}"),
                "pass the JSON of a task definition",
            )
        })?;
        return Ok(Source::TaskDefinition {
            file: "stdin".to_owned(),
            text,
        });
    }
    let text = read(from).map_err(|message| {
        Failure::usage(
            format!("cannot read `{}`: {message}", from.display()),
            "name a file that is there",
        )
    })?;
    // A file of the project is called as in the project; another one as the user wrote it.
    let inside = fs::canonicalize(from)
        .ok()
        .and_then(|path| path.strip_prefix(directory).ok().map(Path::to_owned));
    let path = inside
        .as_deref()
        .unwrap_or(from)
        .to_string_lossy()
        .into_owned();
    let source = source_of(project, &path, &text)?;
    if inside.is_none() && !matches!(source, Source::TaskDefinition { .. }) {
        let message =
            format!("`{path}` is outside of the project, so nothing can be built from it");
        return Err(Failure::usage(
            message,
            "run `envsim init` in its directory",
        ));
    }
    project.texts.insert(path, text);
    Ok(source_of_read(project, source))
}

/// A Dockerfile is judged with its text at hand.
fn source_of_read(project: &Project, source: Source) -> Source {
    match &source {
        Source::Dockerfiles(found) => {
            let path = found[0].path.clone();
            source_of(project, &path, "").unwrap_or(source)
        }
        _ => source,
    }
}

/// The text of a regular file of sensible size.
fn read(path: &Path) -> Result<String, String> {
    let found = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if found.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if found.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    utf8(fs::read(path).map_err(|error| error.to_string())?)
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
}

/// Writes a file that is there whole or not at all, and replaces none.
fn write_new(path: &Path, content: &[u8]) -> Result<(), Problem> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Problem::error(format!(
            "`{}` is there already, and `envsim init` replaces nothing",
            path.display()
        )),
        _ => Problem::error(format!("cannot write `{}`: {error}", path.display()))
            .help("write to stdout instead: `-o -`"),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let half = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let create = |path: &Path| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    let written = create(&half).and_then(|()| match fs::hard_link(&half, path) {
        // Not every file system has links.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => create(path),
        linked => linked,
    });
    // It may not have been made at all.
    let _ = fs::remove_file(&half);
    written.map_err(failed)
}
