//! An app out of a Compose text, for the tests of pure code.

use std::path::Path;

use super::read::{self, Context, Resolve};
use super::{App, Level, Mode, Problems};
use crate::compose;

/// Reads `text` as `compose.yaml` in `/project`.
///
/// # Panics
/// When the text has an error.
pub fn app(text: &str) -> App {
    app_for(text, Mode::Dev)
}

/// The same for one of the two modes.
pub fn app_for(text: &str, mode: Mode) -> App {
    let (app, problems) = read(text, mode);
    assert!(!problems.any_error(), "{problems:?}");
    app
}

/// What is said of `text`: each problem as `LINE:COLUMN level: message (help)`.
pub fn said(text: &str, mode: Mode) -> Vec<String> {
    let (_, problems) = read(text, mode);
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

fn read(text: &str, mode: Mode) -> (App, Problems) {
    let mut cx = Context::default();
    cx.enter("compose.yaml", text);
    let root = compose::parse(text, &mut cx).expect("valid YAML");
    let resolve = Resolve {
        directory: Path::new("/project"),
        mode,
        home: None,
        profiles: &[],
        host: &|_| None,
        variable: &|_| None,
        read_file: &|_| Err(std::io::ErrorKind::NotFound.into()),
    };
    let app = read::app(&root, "project".to_owned(), Vec::new(), &resolve, &mut cx);
    (app, cx.problems)
}
