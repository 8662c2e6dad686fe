//! Repairs: what a person would change to mend a finding, as edits of the project's own files.
//!
//! Pure: [`plan`] says which steps mend which finding, [`apply`] carries them out on the texts of the
//! files. A repair is carried out whole or not at all, and what cannot be done safely is refused
//! with the reason. `cli::fix` reads and writes the files.
//!
//! | step | file |
//! |---|---|
//! | a variable with its dev and production values | [`compose_file`] |
//! | a host read from the environment | [`source`] |
//! | a `COPY`, the exec form of `CMD`, a pinned `FROM` | [`dockerfile`] |
//! | a path that the build context keeps | [`ignore_file`] |

pub mod apply;
mod compose_file;
mod dockerfile;
mod ignore_file;
mod plan;
mod source;

use std::collections::BTreeMap;

use crate::build::copied::ContextFile;
use crate::build::stages::Inputs;

pub use apply::{Outcome, apply};
pub use plan::{Ground, Plan, files, plan};

/// Texts of the project's files by path relative to the project.
pub type Texts = BTreeMap<String, String>;

/// Why something is not repaired, in a sentence.
pub type Reason = String;

/// What mends one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Which finding of the judgement, counted from 0.
    pub finding: usize,
    /// What is done, in a fragment that begins with a verb.
    pub title: String,
    /// Carried out together or not at all.
    pub steps: Vec<Step>,
}

impl Repair {
    /// The files that it changes, each once.
    pub fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        for step in &self.steps {
            let file = apply::file_of(step);
            if !files.iter().any(|known| known == file) {
                files.push(file.to_owned());
            }
        }
        files
    }
}

/// One change of one file; paths are relative to the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `environment` of a service: what dev has.
    DevVariable(Variable),
    /// `x-envsim.prod.environment` of a service: what production has.
    ProdVariable(Variable),
    /// A host in source code is read from the environment.
    Host {
        /// The source file.
        file: String,
        /// Line, from 1.
        line: u32,
        /// First character of the host in its line, from 1.
        column: u32,
        /// The host as it stands there.
        host: String,
        /// The variable that takes its place.
        variable: String,
    },
    /// A Dockerfile copies a path of its context.
    Copy {
        /// The Dockerfile.
        file: String,
        /// The stage that the image is made from, counted from 0.
        stage: usize,
        /// Path in the build context.
        source: String,
        /// Absolute path in the image.
        target: String,
        /// Whether it is a directory.
        directory: bool,
    },
    /// An ignore file keeps a path in the build context.
    Keep {
        /// The ignore file.
        file: String,
        /// Path in the build context.
        path: String,
    },
    /// `CMD` or `ENTRYPOINT` on this line becomes a list of words.
    Exec {
        /// The Dockerfile.
        file: String,
        /// Line, from 1.
        line: u32,
    },
    /// An image reference gets its digest.
    Pin {
        /// The Compose file or Dockerfile.
        file: String,
        /// Line, from 1.
        line: u32,
        /// The reference as it is written.
        reference: String,
        /// `sha256:…`.
        digest: String,
    },
}

/// A variable of a service in a Compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The Compose file.
    pub file: String,
    /// The service.
    pub service: String,
    /// Name of the variable.
    pub name: String,
    /// Value as the file has it: `$` of its own is doubled.
    pub value: String,
}

/// How the image of a service is built, for repairs of what it lacks.
#[derive(Clone, Debug)]
pub struct BuildFiles {
    /// The Dockerfile; none when it stands in the Compose file or outside of the project.
    pub dockerfile: Option<String>,
    /// The build context, relative to the project; empty for the project itself.
    pub context: String,
    /// The ignore file that counts, when there is one.
    pub ignore_file: Option<String>,
    /// Files of the context, those that the ignore file keeps.
    pub files: Vec<ContextFile>,
    /// Build arguments and target.
    pub inputs: Inputs,
}
