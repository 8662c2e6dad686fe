//! What a look at the project's directory saw.

use std::collections::BTreeMap;

use crate::build::glob;

/// Directories below the project that are looked into, counted in steps.
pub const DEPTH: usize = 3;
/// A directory with more paths than this is looked at only in part.
pub const MAX_PATHS: usize = 20_000;

/// Directories in which other people's files are.
const SKIPPED: &[&str] = &[
    "node_modules",
    "vendor",
    "target",
    "dist",
    "venv",
    "__pycache__",
    "testdata",
    "fixtures",
];
/// Hidden directories in which container files are kept.
const HIDDEN: &[&str] = &[".aws", ".docker", ".ecs"];
/// Files of which the text is wanted, wherever they are.
const READ: &[&str] = &[
    "Procfile",
    "package.json",
    "composer.json",
    "requirements*.txt",
    "pyproject.toml",
    "Pipfile",
    "runtime.txt",
    ".python-version",
    ".nvmrc",
    ".node-version",
    ".ruby-version",
    "Gemfile",
    "go.mod",
    "Cargo.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "mix.exs",
    "*.csproj",
];

/// A project directory as plain values.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The directory as the user would name it.
    pub shown: String,
    /// The directory's own name.
    pub directory: String,
    /// The name that the user chose with `-p`.
    pub name: Option<String>,
    /// From the directory of the file to be written to the project: `./`, `../` and so on.
    pub prefix: String,
    /// Paths with `/` to whether they are directories.
    pub paths: BTreeMap<String, bool>,
    /// Texts of the files that [`is_read`] names.
    pub texts: BTreeMap<String, String>,
}

/// Whether the look goes into the directory `name`.
pub fn is_entered(name: &str) -> bool {
    !SKIPPED.contains(&name) && (!name.starts_with('.') || HIDDEN.contains(&name))
}

/// Whether the text of the file `name` is wanted.
pub fn is_read(name: &str) -> bool {
    let named = |pattern: &&str| glob::matches(pattern, name).unwrap_or_default();
    READ.iter().any(named) || super::dockerfile::is_dockerfile(name) || may_be_task_definition(name)
}

fn may_be_task_definition(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".json") && lower.contains("task")
}

impl Project {
    /// The text of a file, when it was read.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    pub fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || self.paths.get(path) == Some(&true)
    }

    pub fn exists(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains_key(path)
    }

    /// Names of what is directly in `directory`, and whether each is a directory.
    pub fn names<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
        self.paths.iter().filter_map(move |(path, is_dir)| {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            (parent == directory).then_some((name, *is_dir))
        })
    }

    /// A path as it stands in the written file.
    pub fn written(&self, path: &str) -> String {
        let prefix = match self.prefix.as_str() {
            "" => "./",
            prefix => prefix,
        };
        match (path, prefix) {
            ("" | ".", "./") => ".".to_owned(),
            ("" | ".", prefix) => prefix.trim_end_matches('/').to_owned(),
            (path, prefix) => format!("{prefix}{path}"),
        }
    }

    /// A name for a service made from the directory's own.
    pub fn service_name(&self) -> String {
        service_name(&self.directory).unwrap_or_else(|| "app".to_owned())
    }

    /// Paths of files that hold a task definition.
    pub fn task_definitions(&self) -> impl Iterator<Item = &str> {
        let texts = self.texts.iter().filter(|(path, text)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            may_be_task_definition(name)
                && text.to_ascii_lowercase().contains("containerdefinitions")
        });
        texts.map(|(path, _)| path.as_str())
    }
}

/// `text` with only the characters that the name of a service, an image and a project may all have.
pub fn service_name(text: &str) -> Option<String> {
    let kept = text.chars().map(|c| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '_') => c,
        _ => '-',
    });
    let name: String = kept.collect();
    let name = name.trim_matches(['-', '_']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
impl Project {
    /// A project with these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut project = Self {
            shown: "shop".to_owned(),
            directory: "shop".to_owned(),
            ..Self::default()
        };
        for (path, text) in files {
            for parent in crate::build::paths::ancestors(path) {
                project.paths.insert(parent.to_owned(), true);
            }
            project.paths.insert((*path).to_owned(), false);
            project.texts.insert((*path).to_owned(), (*text).to_owned());
        }
        project
    }
}
