//! `envsim init`: from what a project has already to its first Compose file, and to what it cannot know.
//!
//! Pure: [`project::Project`] is what a look at the directory saw, [`Draft`] what is to be written. A Dockerfile, a
//! Procfile or an ECS task definition each becomes services; [`compose_file`] writes them as YAML.

mod clients;
pub mod compose_file;
mod dockerfile;
mod language;
pub mod notes;
mod ports;
mod probe;
mod procfile;
pub mod project;
mod service;
pub mod task_definition;
mod watch;

use crate::compose::Problem;
use notes::{Notes, listed};
use project::Project;

/// What is to be written and said.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The Compose file.
    pub text: String,
    /// Names of its services.
    pub services: Vec<String>,
    /// The files it was made from.
    pub sources: Vec<String>,
    pub notes: Notes,
}

/// A file that says what the services are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An ECS task definition: its name for messages, and its text.
    TaskDefinition { file: String, text: String },
    /// A Procfile: its path in the project.
    Procfile(String),
    /// Dockerfiles, each one a service.
    Dockerfiles(Vec<dockerfile::Found>),
}

/// The source that says most about the project: a task definition, else a Procfile, else Dockerfiles.
///
/// # Errors
/// There is none, or there are several task definitions.
pub fn find(project: &Project, notes: &mut Notes) -> Result<Source, Problem> {
    let definitions: Vec<&str> = project.task_definitions().collect();
    let procfile = project.text("Procfile").is_some();
    match definitions.as_slice() {
        [] => {}
        [file] => {
            if procfile {
                notes.general(format!(
                    "`{file}` was read; `--from Procfile` would read the Procfile instead"
                ));
            }
            let text = project.text(file).unwrap_or_default().to_owned();
            return Ok(Source::TaskDefinition {
                file: (*file).to_owned(),
                text,
            });
        }
        several => {
            let problem = Problem::error(format!(
                "there are several task definitions: {}",
                listed(several)
            ));
            return Err(problem.help(format!("choose one: `envsim init --from {}`", several[0])));
        }
    }
    if procfile {
        return Ok(Source::Procfile("Procfile".to_owned()));
    }
    let found = dockerfile::find(project, notes);
    if !found.is_empty() {
        return Ok(Source::Dockerfiles(found));
    }
    let problem = Problem::error(format!(
        "`{}` has no Dockerfile, no Procfile and no ECS task definition to start from",
        project.shown
    ));
    Err(problem.help("name the file: `envsim init --from FILE`, or `--from -` for the output of `aws ecs describe-task-definition`"))
}

/// The source that a path of the project is.
///
/// # Errors
/// It is none that can be read.
pub fn source_of(project: &Project, path: &str, text: &str) -> Result<Source, Problem> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let start = text.trim_start().chars().next();
    if name.starts_with("Procfile") {
        return Ok(Source::Procfile(path.to_owned()));
    }
    if matches!(start, Some('{' | '[')) || name.ends_with(".json") {
        return Ok(Source::TaskDefinition {
            file: path.to_owned(),
            text: text.to_owned(),
        });
    }
    if dockerfile::is_dockerfile(name) {
        return Ok(Source::Dockerfiles(vec![dockerfile::Found::named(
            project, path,
        )]));
    }
    let problem = Problem::error(format!(
        "`{path}` is neither a Dockerfile, nor a Procfile, nor the JSON of a task definition"
    ));
    Err(problem.help("`aws ecs describe-task-definition --task-definition NAME --output json` prints one as JSON"))
}

/// Turns a source into a Compose file.
///
/// # Errors
/// Everything that is wrong in the source.
pub fn draft(
    project: &Project,
    source: &Source,
    notes: Notes,
) -> Result<Draft, crate::compose::Problems> {
    match source {
        Source::TaskDefinition { file, text } => task_definition::draft(project, file, text, notes),
        Source::Procfile(file) => Ok(procfile::draft(project, file, notes)?),
        Source::Dockerfiles(found) => Ok(dockerfile::draft(project, found, notes)?),
    }
}
