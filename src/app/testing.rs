//! An app out of a Compose text, for the tests of pure code.

use std::path::Path;

use super::read::{self, Context, Resolve};
use super::{App, Mode};
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
    assert!(!cx.problems.any_error(), "{:?}", cx.problems);
    app
}
