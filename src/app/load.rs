//! Finds and opens the files of a project: the only file of this folder that touches the disk.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::read::{self, Context, Node, Resolve};
use super::{App, Mode, Problem, Problems, merge};
use crate::compose::{self, env_file};

/// Names looked for, in Compose's order.
pub const FILE_NAMES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];
/// Merged over the first file in the dev run when no file is named.
const OVERRIDE_NAMES: &[&str] = &[
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];
/// Merged over the first file in the production run when no file is named.
const PROD_NAMES: &[&str] = &[
    "compose.prod.yaml",
    "compose.prod.yml",
    "docker-compose.prod.yaml",
    "docker-compose.prod.yml",
];
/// A Compose file of more bytes is refused; real ones have some kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// What the user chose on the command line and in the environment.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `-f`; relative to the working directory.
    pub files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--env-file`; `.env` of the project directory when empty.
    pub env_files: Vec<PathBuf>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// The working directory.
    pub working_directory: PathBuf,
    /// envsim's own environment.
    pub environment: HashMap<String, String>,
}

/// A project that could be read.
pub struct Loaded {
    /// The resolved app.
    pub app: App,
    /// Warnings to show.
    pub problems: Problems,
}

/// Reads the project for `mode`.
///
/// # Errors
/// Every problem found, warnings included, when one of them is an error.
pub fn load(options: &LoadOptions, mode: Mode) -> Result<Loaded, Problems> {
    let files = find_files(options, mode)?;
    let first = files.first().cloned().unwrap_or_default();
    let directory = match &options.project_directory {
        Some(directory) => options.working_directory.join(directory),
        None => first.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let directory = std::path::absolute(&directory).unwrap_or(directory);
    let dotenv = read_dotenv(options, &directory)?;
    let variable = |name: &str| {
        let own = options.environment.get(name);
        own.or_else(|| dotenv.get(name)).cloned()
    };

    let mut cx = Context::default();
    let mut merged: Option<Node> = None;
    for file in &files {
        let text = read_text(file, MAX_BYTES).map_err(|message| {
            Problem::error(format!("cannot read `{}`: {message}", file.display()))
        })?;
        let shown = file.strip_prefix(&directory).unwrap_or(file);
        cx.enter(&shown.to_string_lossy(), &text);
        let Some(mut node) = compose::parse(&text, &mut cx) else {
            return Err(cx.problems);
        };
        compose::interpolate::interpolate(&mut node, &variable, &mut cx);
        merged = Some(match merged {
            None => node,
            Some(base) => merge::merge(base, node),
        });
    }
    let Some(root) = merged else {
        return Err(Problem::error("no Compose file was read").into());
    };
    let name = project_name(options, &root, &directory, &variable)?;
    let mut profiles = options.profiles.clone();
    if let Some(more) = variable("COMPOSE_PROFILES") {
        let more = more
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        profiles.extend(more.map(str::to_owned));
    }
    let home = options.environment.get("HOME").map(PathBuf::from);
    let resolve = Resolve {
        directory: &directory,
        mode,
        home: home.as_deref(),
        profiles: &profiles,
        host: &|name| options.environment.get(name).cloned(),
        variable: &variable,
        read_file: &|path| read_text(path, MAX_BYTES).map_err(std::io::Error::other),
    };
    let app = read::app(&root, name, files.clone(), &resolve, &mut cx);
    if cx.problems.any_error() {
        return Err(cx.problems);
    }
    Ok(Loaded {
        app,
        problems: cx.problems,
    })
}

/// The files named by `-f` or `COMPOSE_FILE`, else those found upward from the working directory.
fn find_files(options: &LoadOptions, mode: Mode) -> Result<Vec<PathBuf>, Problems> {
    let named: Vec<PathBuf> = if options.files.is_empty() {
        let separator = options
            .environment
            .get("COMPOSE_PATH_SEPARATOR")
            .filter(|text| !text.is_empty())
            .map_or(":", String::as_str);
        match options.environment.get("COMPOSE_FILE") {
            Some(list) if !list.is_empty() => list.split(separator).map(PathBuf::from).collect(),
            _ => Vec::new(),
        }
    } else {
        options.files.clone()
    };
    if !named.is_empty() {
        let base = &options.working_directory;
        return Ok(named.iter().map(|file| base.join(file)).collect());
    }
    let start = match &options.project_directory {
        Some(directory) => options.working_directory.join(directory),
        None => options.working_directory.clone(),
    };
    let first_of = |directory: &Path, names: &[&str]| {
        let paths = names.iter().map(|name| directory.join(name));
        paths.into_iter().find(|path| path.exists())
    };
    for directory in start.ancestors() {
        let Some(file) = first_of(directory, FILE_NAMES) else {
            continue;
        };
        let more = match mode {
            Mode::Dev => OVERRIDE_NAMES,
            Mode::Prod => PROD_NAMES,
        };
        return Ok(std::iter::once(file)
            .chain(first_of(directory, more))
            .collect());
    }
    let problem = Problem::error(format!(
        "no Compose file in `{}` or above it",
        start.display()
    ));
    Err(problem
        .help(format!(
            "envsim looks for {}; name another with `-f`, or let `envsim init` write a first one",
            FILE_NAMES.join(", ")
        ))
        .into())
}

fn read_dotenv(
    options: &LoadOptions,
    directory: &Path,
) -> Result<HashMap<String, String>, Problems> {
    let files: Vec<(PathBuf, bool)> = match options.env_files.is_empty() {
        true => vec![(directory.join(".env"), false)],
        false => {
            let base = &options.working_directory;
            options
                .env_files
                .iter()
                .map(|file| (base.join(file), true))
                .collect()
        }
    };
    let mut variables = HashMap::new();
    for (file, required) in files {
        if !required && !file.is_file() {
            continue;
        }
        let text = read_text(&file, MAX_BYTES).map_err(|message| {
            Problem::error(format!("cannot read `{}`: {message}", file.display()))
        })?;
        let lookup = |name: &str| options.environment.get(name).cloned();
        let entries = env_file::parse(&text, &lookup).map_err(|bad| {
            let place = format!("{}:{}", file.display(), bad.line);
            Problem::error(format!("{place}: {}", bad.message))
        })?;
        for entry in entries {
            let value = entry
                .value
                .or_else(|| options.environment.get(&entry.name).cloned());
            if let Some(value) = value {
                variables.insert(entry.name, value);
            }
        }
    }
    Ok(variables)
}

/// `-p`, `COMPOSE_PROJECT_NAME`, `name:`, the directory's name; Compose's order and form.
fn project_name(
    options: &LoadOptions,
    root: &Node,
    directory: &Path,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Problems> {
    let written = options
        .project_name
        .clone()
        .or_else(|| variable("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()))
        .or_else(|| read::header(root).name);
    if let Some(name) = written {
        let valid = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        if !valid {
            let problem = Problem::error(format!("`{name}` is not a project name"));
            let help =
                "use lower-case letters, digits, `-` and `_`, beginning with a letter or digit";
            return Err(problem.help(help).into());
        }
        return Ok(name);
    }
    let base = directory
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let name: String = base
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    match name.trim_start_matches(['-', '_']) {
        "" => Err(Problem::error(format!(
            "the directory `{}` gives no project name",
            directory.display()
        ))
        .help("name the project with `-p` or a top-level `name:`")
        .into()),
        name => Ok(name.to_owned()),
    }
}

/// Reads a regular UTF-8 file of at most `max` bytes. A FIFO or a device is never opened: that
/// could wait for ever.
fn read_text(path: &Path, max: u64) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if metadata.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > max {
        return Err(format!(
            "it has {} bytes; the limit is {max}",
            metadata.len()
        ));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(max + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        format!("line {line} is not UTF-8 text")
    })
}
