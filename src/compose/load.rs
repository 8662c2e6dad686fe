//! From what the user chose to one resolved project.
//!
//! Source: Compose Specification, "Compose application model"; Docker's documentation of
//! `COMPOSE_FILE`, `COMPOSE_PROFILES` and the other predefined variables for the rest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::Disk;
use super::document::{Reader, Scope, Stop};
use super::host_path::fold;
use super::select::{self, Disabled};
use super::variables::EnvFile;
use super::{
    Context, Node, Problem, Problems, consistency, env_file, interpolate, normalize, validate,
};

/// Names looked for, in Compose's order.
pub const FILE_NAMES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
/// Laid over the first file when no file is named.
pub const OVERRIDE_NAMES: &[&str] = &[
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What the user chose on the command line and in the environment.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-f`; relative to the working directory. `-` is the text of [`Self::standard_input`].
    pub files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--env-file`; `.env` of the project directory when empty.
    pub env_files: Vec<PathBuf>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// Services to keep, with what they depend on; empty for all.
    pub services: Vec<String>,
    /// The working directory.
    pub working_directory: PathBuf,
    /// envsim's own environment.
    pub environment: HashMap<String, String>,
    /// Names of files laid over the first one when no file is named.
    pub override_names: &'static [&'static str],
    /// What was read for the file `-`.
    pub standard_input: Option<String>,
    /// Variables are replaced by their values.
    pub interpolates: bool,
    /// Implied names, networks and dependencies are added.
    pub normalizes: bool,
    /// Paths of the host are made absolute.
    pub absolute_paths: bool,
    /// References and contradictions are checked.
    pub checks: bool,
    /// Env files of services are read into their environment.
    pub reads_env_files: bool,
    /// An env file of a service that is not there is an error; else a warning, and it counts as empty.
    pub requires_env_files: bool,
    /// Networks, volumes, secrets and configs that no service uses are left out.
    pub drops_unused: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            project_name: None,
            project_directory: None,
            env_files: Vec::new(),
            profiles: Vec::new(),
            services: Vec::new(),
            working_directory: PathBuf::new(),
            environment: HashMap::new(),
            override_names: OVERRIDE_NAMES,
            standard_input: None,
            interpolates: true,
            normalizes: true,
            absolute_paths: true,
            checks: true,
            reads_env_files: true,
            requires_env_files: true,
            drops_unused: true,
        }
    }
}

/// A project as Compose resolves it.
#[derive(Debug)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Absolute path of the project directory.
    pub directory: PathBuf,
    /// The files of the command line, absolute.
    pub files: Vec<PathBuf>,
    /// The canonical document, with the services that take part.
    pub document: Node,
    /// The services that no active profile has.
    pub disabled: Vec<Disabled>,
    /// The profiles that services name, sorted.
    pub profiles: Vec<String>,
    /// The env files that services name; what they say is in the document.
    pub env_files: Vec<EnvFile>,
    /// The variables for interpolation: the shell's, then those of env files.
    pub environment: HashMap<String, String>,
}

/// Reads the project.
///
/// # Errors
/// Every problem found, warnings included, when one of them is an error.
pub fn load(options: &Options, disk: &dyn Disk) -> Result<(Project, Context), Problems> {
    let mut loading = Loading::begin(options, disk)?;
    let project = loading.project();
    let cx = loading.reader.cx;
    match project {
        Ok(project) if !cx.problems.any_error() => Ok((project, cx)),
        _ => {
            let mut problems = cx.problems;
            // What has no place concerns everything and stands first.
            problems.0.sort_by(|a, b| a.place.cmp(&b.place));
            Err(problems)
        }
    }
}

/// The variables that the project's files ask for, with their defaults.
///
/// # Errors
/// As [`load`].
pub fn project_variables(
    options: &Options,
    disk: &dyn Disk,
) -> Result<Vec<interpolate::Variable>, Problems> {
    let options = Options {
        interpolates: false,
        ..options.clone()
    };
    let mut loading = Loading::begin(&options, disk)?;
    let files = loading.files.clone();
    let scope = loading.scope();
    match loading.reader.read_main(&scope, &files) {
        Ok(mut document) => {
            // The name is settled before anything else is read.
            document.remove("name");
            Ok(interpolate::variables(&document))
        }
        Err(Stop) => Err(loading.reader.cx.problems),
    }
}

/// A project that is being read.
struct Loading<'a> {
    options: &'a Options,
    files: Vec<PathBuf>,
    directory: PathBuf,
    environment: HashMap<String, String>,
    reader: Reader<'a>,
}

impl<'a> Loading<'a> {
    fn begin(options: &'a Options, disk: &'a dyn Disk) -> Result<Self, Problems> {
        let mut environment = options.environment.clone();
        environment
            .entry("PWD".to_owned())
            .or_insert_with(|| options.working_directory.to_string_lossy().into_owned());
        let first = options.directory_of(&options.files);
        read_env_files(options, &first, disk, &mut environment)?;
        let files = options.find_files(&environment, disk)?;
        let directory = options.directory_of(&files);
        if directory != first {
            read_env_files(options, &directory, disk, &mut environment)?;
        }
        let mut given = HashMap::new();
        if let Some(text) = &options.standard_input {
            given.insert(options.working_directory.join("-"), text.clone());
        }
        Ok(Self {
            options,
            files,
            reader: Reader {
                disk,
                cx: Context::default(),
                home: environment.get("HOME").map(PathBuf::from),
                root: directory.clone(),
                interpolates: options.interpolates,
                absolute_paths: options.absolute_paths,
                given,
                opened: HashMap::new(),
                extended: Default::default(),
            },
            directory,
            environment,
        })
    }

    fn scope(&self) -> Scope {
        Scope {
            directory: self.directory.clone(),
            environment: Rc::new(self.environment.clone()),
        }
    }

    fn project(&mut self) -> Result<Project, Stop> {
        let name = self.name()?;
        self.environment
            .insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
        let scope = self.scope();
        let files = self.files.clone();
        let active = self.active_profiles();
        let mut document = self.reader.read_main(&scope, &files)?;
        let cx = &mut self.reader.cx;
        // A variable's value is not known to be a size or a duration.
        if self.options.interpolates {
            validate::validate_values(&document, cx);
        }
        if cx.problems.any_error() {
            return Err(Stop);
        }
        if document.as_mapping().is_none_or(<[_]>::is_empty) {
            let message = format!("the Compose file `{}` is empty", files[0].display());
            cx.error_without_place(message).help =
                Some("write at least one service under `services:`".to_owned());
            return Err(Stop);
        }
        let profiles = select::profiles(&document);
        document.set("name", Node::string(&*name, &document.place.clone()));
        if self.options.normalizes {
            // With variables left as they are, names without a value are left alone too.
            let none = HashMap::new();
            let environment = match self.options.interpolates {
                true => &self.environment,
                false => &none,
            };
            normalize::normalize(&mut document, &name, environment, cx);
        }
        let mut project = Project {
            name,
            directory: self.directory.clone(),
            files,
            document,
            disabled: Vec::new(),
            env_files: Vec::new(),
            profiles,
            environment: self.environment.clone(),
        };
        if self.options.interpolates {
            self.choose(&mut project, active)?;
        }
        Ok(project)
    }

    /// Leaves out what does not take part, and checks and completes the rest.
    fn choose(&mut self, project: &mut Project, mut active: Vec<String>) -> Result<(), Stop> {
        let cx = &mut self.reader.cx;
        let document = &mut project.document;
        normalize::fill_empty(document);
        // A service that is asked for by name is started whatever its profiles are.
        for wanted in &self.options.services {
            let service = document.get("services").and_then(|all| all.get(wanted));
            active.extend(service.map(select::profiles_of).unwrap_or_default());
        }
        project.disabled = select::by_profile(document, &active);
        if self.options.checks {
            consistency::check_project(document, &project.disabled, cx);
        }
        if cx.problems.any_error() {
            return Err(Stop);
        }
        normalize::replicas(document);
        // Compose reads them for all services, also when only some are chosen.
        let (base, disk) = (&self.directory, self.reader.disk);
        project.env_files = super::variables::env_files_of(document, disk);
        if self.options.reads_env_files {
            let needs = self.options.requires_env_files;
            super::variables::read_env_files(document, &self.environment, (base, disk), needs, cx);
        }
        super::variables::read_label_files(document, base, disk, cx);
        if let Err(unknown) = select::by_name(document, &self.options.services) {
            cx.error_without_place(format!("there is no service `{unknown}`"));
            return Err(Stop);
        }
        if self.options.drops_unused {
            select::used_resources(document);
        }
        Ok(())
    }

    fn active_profiles(&self) -> Vec<String> {
        if !self.options.profiles.is_empty() {
            return self.options.profiles.clone();
        }
        let list = self.environment.get("COMPOSE_PROFILES");
        let names = list.map_or("", String::as_str).split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// `-p`, `COMPOSE_PROJECT_NAME`, the last `name:`, the directory's name; Compose's order.
    fn name(&mut self) -> Result<String, Stop> {
        let chosen = self.options.project_name.as_ref();
        let chosen = chosen.or_else(|| self.environment.get("COMPOSE_PROJECT_NAME"));
        if let Some(name) = chosen.filter(|name| !name.is_empty()) {
            if normal_name(name) != *name {
                let message = format!("`{name}` is not a project name");
                self.reader.cx.error_without_place(message).help = Some(
                    "use lower-case letters, digits, `-` and `_`, beginning with a letter or digit"
                        .to_owned(),
                );
                return Err(Stop);
            }
            return Ok(name.clone());
        }
        let scope = self.scope();
        let files = self.files.clone();
        let written = self.reader.names(&scope, &files);
        let name = match written {
            Some(written) => normal_name(&written),
            None => {
                let directory = self.directory.file_name().unwrap_or_default();
                normal_name(&directory.to_string_lossy())
            }
        };
        if name.is_empty() {
            let message = format!(
                "neither `name:` nor the directory `{}` gives a project name",
                self.directory.display()
            );
            self.reader.cx.error_without_place(message).help =
                Some("name the project with `-p` or a top-level `name:`".to_owned());
            return Err(Stop);
        }
        Ok(name)
    }
}

impl Options {
    /// The project directory, when these are the files.
    fn directory_of(&self, files: &[PathBuf]) -> PathBuf {
        let directory = match (
            &self.project_directory,
            files.iter().find(|file| !is_stdin(file)),
        ) {
            (Some(directory), _) => self.working_directory.join(directory),
            (None, Some(first)) => {
                let first = self.working_directory.join(first);
                first.parent().map(Path::to_owned).unwrap_or_default()
            }
            (None, None) => self.working_directory.clone(),
        };
        fold(&std::path::absolute(&directory).unwrap_or(directory))
    }

    /// The files named by `-f` or `COMPOSE_FILE`, else those found upward from the directory.
    fn find_files(
        &self,
        environment: &HashMap<String, String>,
        disk: &dyn Disk,
    ) -> Result<Vec<PathBuf>, Problems> {
        let absolute = |file: &Path| match is_stdin(file) {
            true => self.working_directory.join("-"),
            false => fold(&self.working_directory.join(file)),
        };
        if !self.files.is_empty() {
            return Ok(self.files.iter().map(|file| absolute(file)).collect());
        }
        let separator = environment
            .get("COMPOSE_PATH_SEPARATOR")
            .filter(|text| !text.is_empty())
            .map_or(":", String::as_str);
        if let Some(list) = environment.get("COMPOSE_FILE") {
            let files = list.split(separator);
            return Ok(files.map(|file| absolute(Path::new(file))).collect());
        }
        let start = self.directory_of(&[]);
        for directory in start.ancestors() {
            let first_of = |names: &[&str]| {
                let mut paths = names.iter().map(|name| directory.join(name));
                paths.find(|path| disk.exists(path))
            };
            if let Some(file) = first_of(FILE_NAMES) {
                let more = first_of(self.override_names);
                return Ok(std::iter::once(file).chain(more).collect());
            }
        }
        let message = format!("no Compose file in `{}` or above it", start.display());
        let names = FILE_NAMES.join(", ");
        Err(Problem::error(message)
            .help(format!(
                "envsim looks for {names}; name another with `-f`, or let `envsim init` write one"
            ))
            .into())
    }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Lower-case letters, digits, `-` and `_`, beginning with a letter or digit; the rest is dropped.
fn normal_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    let name: String = kept.collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

/// Adds the variables of the env files; what is set already stays.
fn read_env_files(
    options: &Options,
    directory: &Path,
    disk: &dyn Disk,
    environment: &mut HashMap<String, String>,
) -> Result<(), Problems> {
    let mut variables: HashMap<String, String> = HashMap::new();
    for file in options.env_files_in(directory, disk) {
        let text = disk
            .read(&file)
            .map_err(|why| Problem::error(format!("cannot read `{}`: {why}", file.display())))?;
        let lookup = |name: &str| environment.get(name).cloned();
        let earlier = |name: &str| variables.get(name).cloned();
        let entries = env_file::parse_after(&text, &lookup, &earlier).map_err(|bad| {
            let mut cx = Context::default();
            let shown = file.strip_prefix(directory).unwrap_or(&file);
            cx.enter_hidden(&shown.to_string_lossy(), &text);
            super::variables::bad_line(&mut cx, &bad);
            cx.problems
        })?;
        variables.extend(
            entries
                .into_iter()
                .filter_map(|entry| Some((entry.name, entry.value?))),
        );
    }
    for (name, value) in variables {
        environment.entry(name).or_insert(value);
    }
    Ok(())
}

impl Options {
    /// `--env-file`, `COMPOSE_ENV_FILES`, or `.env` when there is one.
    fn env_files_in(&self, directory: &Path, disk: &dyn Disk) -> Vec<PathBuf> {
        let base = &self.working_directory;
        if !self.env_files.is_empty() {
            return self.env_files.iter().map(|file| base.join(file)).collect();
        }
        let list = self.environment.get("COMPOSE_ENV_FILES");
        let names = list.map_or("", String::as_str).split(',');
        let named: Vec<PathBuf> = names
            .filter(|name| !name.is_empty())
            .map(|name| base.join(name))
            .collect();
        if !named.is_empty() {
            return named;
        }
        let disabled = self.environment.get("COMPOSE_DISABLE_ENV_FILE");
        let disabled =
            disabled.is_some_and(|text| matches!(&*text.to_lowercase(), "1" | "t" | "true"));
        let own = directory.join(".env");
        match !disabled && disk.exists(&own) && !disk.is_directory(&own) {
            true => vec![own],
            false => Vec::new(),
        }
    }
}
