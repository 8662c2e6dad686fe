//! Reads a project out of the input, prints it, and makes an app of it.
//!
//! The input is several files, one after another: a line `#>` and a path begin a file, and what
//! stands before the first such line is `compose.yaml`. So a corpus is text that can be read.

#![no_main]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use envsim::app::{Mode, read};
use envsim::compose::disk::Disk;
use envsim::compose::{self, Options, normal, write};
use libfuzzer_sys::fuzz_target;

/// The directory of the project.
const DIRECTORY: &str = "/project";

/// The files of the input.
struct Files(HashMap<PathBuf, String>);

impl Files {
    fn read_from(input: &str) -> Self {
        let mut files: HashMap<PathBuf, String> = HashMap::new();
        let mut path = Path::new(DIRECTORY).join("compose.yaml");
        files.insert(path.clone(), String::new());
        for line in input.split_inclusive('\n') {
            match line.strip_prefix("#>") {
                Some(name) => path = Path::new(DIRECTORY).join(name.trim()),
                None => files.entry(path.clone()).or_default().push_str(line),
            }
        }
        Self(files)
    }
}

impl Disk for Files {
    fn read(&self, path: &Path) -> Result<String, String> {
        let text = self.0.get(path).cloned();
        text.ok_or_else(|| "there is no such file".to_owned())
    }

    fn exists(&self, path: &Path) -> bool {
        self.0.contains_key(path) || self.is_directory(path)
    }

    fn is_directory(&self, path: &Path) -> bool {
        path == Path::new(DIRECTORY)
    }

    fn without_links(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

fuzz_target!(|input: &str| {
    let files = Files::read_from(input);
    let options = Options {
        working_directory: DIRECTORY.into(),
        environment: HashMap::from([("HOME".to_owned(), "/home/dev".to_owned())]),
        ..Options::default()
    };
    match compose::load(&options, &files) {
        Ok((project, mut cx)) => {
            let _ = normal::normal(&project.document).to_string();
            let _ = write::yaml(&normal::normal_yaml(&project.document));
            let _ = read::app(&project, Mode::Prod, &mut cx);
            render(&cx.problems);
        }
        Err(problems) => render(&problems),
    }
    let _ = compose::project_variables(&options, &files);
});

fn render(problems: &compose::Problems) {
    for problem in problems.0.iter().take(10) {
        let _ = problem.render(false);
    }
}
