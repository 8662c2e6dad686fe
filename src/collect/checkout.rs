//! Which files of the project git keeps out, so that a clean checkout (such as CI builds from) does not have them.
//!
//! Reads the `.gitignore` files on the way to a path. What git tracks although a pattern names it is not known here, nor
//! are `.git/info/exclude` and a user's own excludes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::build::gitignore::GitIgnore;

/// A line that keeps a path out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredBy {
    /// The `.gitignore`, relative to the top of the project.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// As written.
    pub pattern: String,
}

impl std::fmt::Display for IgnoredBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` in {} line {}", self.pattern, self.file, self.line)
    }
}

/// The top of the checkout that `directory` is in: the directory above with a `.git`, else itself.
pub fn top(directory: &Path) -> PathBuf {
    let top = directory
        .ancestors()
        .find(|above| above.join(".git").exists());
    top.unwrap_or(directory).to_owned()
}

/// The ignore files of a project, read as they are needed.
#[derive(Debug)]
pub struct Checkout {
    top: PathBuf,
    /// Where paths in messages start: the directory of the Compose file.
    shown_from: PathBuf,
    files: BTreeMap<PathBuf, Option<GitIgnore>>,
}

impl Checkout {
    /// The checkout that `directory` is in: the directory above with a `.git`, else `directory`
    /// itself, as of an archive of the sources.
    pub fn find(directory: &Path) -> Self {
        Self {
            top: top(directory),
            shown_from: directory.to_owned(),
            files: BTreeMap::new(),
        }
    }

    /// The line that keeps `path` (absolute) out of a clean checkout; none when git would have it.
    pub fn ignored(&mut self, path: &Path) -> Option<IgnoredBy> {
        let below = path.strip_prefix(&self.top).ok()?.to_owned();
        let parts: Vec<PathBuf> = below
            .ancestors()
            .filter(|part| !part.as_os_str().is_empty())
            .map(Path::to_owned)
            .collect();
        // From the top down: nothing below an ignored directory can be brought back.
        parts.iter().rev().find_map(|part| {
            let is_directory = part != &below || path.is_dir();
            self.decided(part, is_directory)
        })
    }

    /// The line that keeps one path out, looked for in its directory first and then upwards.
    fn decided(&mut self, part: &Path, is_directory: bool) -> Option<IgnoredBy> {
        let directories: Vec<PathBuf> = part.ancestors().skip(1).map(Path::to_owned).collect();
        for directory in directories {
            let full = self.top.join(&directory).join(".gitignore");
            let relative = part.strip_prefix(&directory).ok()?.to_string_lossy();
            let read = self.files.entry(full.clone()).or_insert_with(|| {
                let text = std::fs::read(&full).ok()?;
                Some(GitIgnore::parse(&String::from_utf8_lossy(&text)))
            });
            let Some(pattern) = read
                .as_ref()
                .and_then(|file| file.decide(&relative, is_directory))
            else {
                continue;
            };
            let shown = full.strip_prefix(&self.shown_from).unwrap_or(&full);
            return (!pattern.negated).then(|| IgnoredBy {
                file: shown.to_string_lossy().into_owned(),
                line: pattern.line,
                pattern: pattern.written.clone(),
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_nearest_file_is_named() {
        let folder = tempfile::tempdir().expect("a directory");
        let top = folder.path();
        for path in [".git", "app/web/dist", "app/node_modules/x"] {
            std::fs::create_dir_all(top.join(path)).expect("a directory");
        }
        std::fs::write(top.join(".gitignore"), "node_modules/\n*.js\n").expect("a file");
        std::fs::write(top.join("app/web/.gitignore"), "\ndist\n!keep.js\n").expect("a file");
        let mut checkout = Checkout::find(&top.join("app"));
        let mut told = |path: &str| {
            let found = checkout.ignored(&top.join(path));
            found.map(|by| by.to_string())
        };
        assert_eq!(
            told("app/web/dist/a.css").as_deref(),
            Some("`dist` in web/.gitignore line 2")
        );
        assert_eq!(told("app/web/keep.js"), None);
        let other = told("app/web/other.js").expect("ignored");
        assert!(
            other.starts_with("`*.js` in ") && other.ends_with(".gitignore line 2"),
            "{other}"
        );
        assert!(told("app/node_modules/x/index.html").is_some());
        assert_eq!(told("app/web/a.css"), None);
    }
}
