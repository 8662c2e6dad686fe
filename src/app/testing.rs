//! An app out of a Compose text, for the tests of pure code.

use std::path::{Path, PathBuf};

use super::load::{load, load_with_project};
use super::{App, Mode};
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
    let options = options();
    let loaded = load(&options, &OneFile(text), mode);
    loaded.unwrap_or_else(|problems| panic!("{problems:?}")).app
}

/// The same with the resolved tree it was read from.
///
/// # Panics
/// When the text has an error.
pub fn project_for(text: &str, mode: Mode) -> (Project, App) {
    let options = options();
    let read = load_with_project(&options, &OneFile(text), mode);
    let (project, loaded) = read.unwrap_or_else(|problems| panic!("{problems:?}"));
    (project, loaded.app)
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
