//! Reads a project for one of the two runs.

use super::{App, Mode, Problems, read};
use crate::compose::disk::Disk;
use crate::compose::{self, Options, Project};

/// Laid over the first file in the production run when no file is named.
const PRODUCTION_NAMES: &[&str] = &[
    "compose.prod.yaml",
    "compose.prod.yml",
    "docker-compose.prod.yaml",
    "docker-compose.prod.yml",
];

/// A project that could be read.
pub struct Loaded {
    /// The resolved app.
    pub app: App,
    /// Warnings to show.
    pub problems: Problems,
}

/// Names of the files that are laid over the first one in `mode` when no file is named.
pub fn override_names(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Dev => compose::OVERRIDE_NAMES,
        Mode::Prod => PRODUCTION_NAMES,
    }
}

/// Reads the project for `mode`.
///
/// # Errors
/// Every problem found, warnings included, when one of them is an error.
pub fn load(options: &Options, disk: &dyn Disk, mode: Mode) -> Result<Loaded, Problems> {
    load_with_project(options, disk, mode).map(|(_, loaded)| loaded)
}

/// The same, with the resolved tree that the app was read from.
///
/// # Errors
/// As [`load`].
pub fn load_with_project(
    options: &Options,
    disk: &dyn Disk,
    mode: Mode,
) -> Result<(Project, Loaded), Problems> {
    let options = Options {
        override_names: override_names(mode),
        ..options.clone()
    };
    let (project, mut cx) = compose::load(&options, disk)?;
    let app = read::app(&project, mode, &mut cx);
    let (app, problems) = read::checked(app, cx)?;
    Ok((project, Loaded { app, problems }))
}
