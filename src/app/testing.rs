//! An app out of a Compose text, for the tests of pure code.

use std::path::{Path, PathBuf};

use super::load::load_with_project;
use super::{App, Level, Mode, Problems};
use crate::compose::disk::Disk;
use crate::compose::{Options, Project};

/// Reads `text` as `compose.yaml` in `/project`.
///
/// # Panics
/// When the text has an error.
pub fn app(text: &str) -> App {
    app_for(text, Mode::Dev)
}

/// The same for one of the two modes.
pub fn app_for(text: &str, mode: Mode) -> App {
    project_for(text, mode).1
}

/// The same with the resolved tree it was read from.
///
/// # Panics
/// When the text has an error.
pub fn project_for(text: &str, mode: Mode) -> (Project, App) {
    let read = load_with_project(&options(), &OneFile(text), mode);
    let (project, loaded) = read.unwrap_or_else(|problems| panic!("{problems:?}"));
    (project, loaded.app)
}

/// What is said of `text`: each problem as `LINE:COLUMN level: message (help)`.
pub fn said(text: &str, mode: Mode) -> Vec<String> {
    let read = load_with_project(&options(), &OneFile(text), mode);
    let problems: Problems = match read {
        Ok((_, loaded)) => loaded.problems,
        Err(problems) => problems,
    };
    let said = problems.0.iter().map(|problem| {
        let level = match problem.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let place = problem.place.as_ref().map_or_else(String::new, |place| {
            format!("{}:{} ", place.line, place.column)
        });
        let help = problem.help.as_deref().unwrap_or_default();
        format!("{place}{level}: {} ({help})", problem.message)
    });
    said.collect()
}

fn options() -> Options {
    Options {
        files: vec!["compose.yaml".into()],
        working_directory: "/project".into(),
        drops_unused: false,
        ..Options::default()
    }
}

/// A disk with nothing but `/project/compose.yaml`.
struct OneFile<'a>(&'a str);

impl Disk for OneFile<'_> {
    fn read(&self, path: &Path) -> Result<String, String> {
        match self.exists(path) {
            true => Ok(self.0.to_owned()),
            false => Err("there is no such file".to_owned()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        path == Path::new("/project/compose.yaml")
    }

    fn is_directory(&self, path: &Path) -> bool {
        path == Path::new("/project")
    }

    fn without_links(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}
