//! An app out of a Compose text, for the tests of pure code.

use std::path::{Path, PathBuf};

use super::{App, Level, Mode, Problems};
use crate::compose::disk::Disk;
use crate::compose::{self, Options};

/// Reads `text` as `compose.yaml` in `/project`.
///
/// # Panics
/// When the text has an error.
pub fn app(text: &str) -> App {
    app_for(text, Mode::Dev)
}

/// The same for one of the two modes.
pub fn app_for(text: &str, mode: Mode) -> App {
    read(text, mode)
        .unwrap_or_else(|problems| panic!("{problems:?}"))
        .0
}

/// What is said of `text`: each problem as `LINE:COLUMN level: message (help)`.
pub fn said(text: &str, mode: Mode) -> Vec<String> {
    let problems = read(text, mode).map_or_else(|problems| problems, |(_, problems)| problems);
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

fn read(text: &str, mode: Mode) -> Result<(App, Problems), Problems> {
    let options = Options {
        files: vec!["compose.yaml".into()],
        working_directory: "/project".into(),
        drops_unused: false,
        ..Options::default()
    };
    let (project, mut cx) = compose::load(&options, &OneFile(text))?;
    let app = super::read::app(&project, mode, &mut cx);
    super::read::checked(app, cx)
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
