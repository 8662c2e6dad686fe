//! From the project flags to an app and a session.

use std::io::Read;
use std::path::PathBuf;

use super::exit::{Failure, print};
use super::{args, source_lines};
use crate::app::load::load;
use crate::app::{App, Level, Mode, Problem, Problems};
use crate::checks::ignore;
use crate::compose::Options;
use crate::compose::disk::{Files, MAX_BYTES};
use crate::dev::{Ground, check};
use crate::engine::Engine;
use crate::event::Sink;
use crate::labels::{Labels, RunKind};
use crate::plan::start;
use crate::run::{Cancel, Session, build_extras, owner};

/// The flags and this process's environment, for the loader.
pub fn options(project: &args::Project) -> Result<Options, Failure> {
    let working_directory = working_directory().map_err(|error| {
        Failure::usage(
            format!("the working directory is not there: {error}"),
            "change to another one",
        )
    })?;
    let standard_input = match project.file.iter().any(|file| file.as_os_str() == "-") {
        true => Some(read_standard_input()?),
        false => None,
    };
    Ok(Options {
        standard_input,
        files: project.file.clone(),
        project_name: project.project_name.clone(),
        project_directory: project.project_directory.clone(),
        env_files: project.env_file.clone(),
        profiles: project.profile.clone(),
        working_directory,
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        ..Options::default()
    })
}

/// The working directory as the shell names it: a directory reached through a symbolic link gives
/// the project the link's name, as it does with Docker Compose.
fn working_directory() -> std::io::Result<PathBuf> {
    let real = std::env::current_dir()?;
    let named = std::env::var_os("PWD").map(PathBuf::from);
    let named = named.filter(|path| path.is_absolute());
    Ok(match named {
        Some(path) if path.canonicalize().ok() == real.canonicalize().ok() => path,
        _ => real,
    })
}

/// The Compose file `-`.
fn read_standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text);
    let problem = match read {
        Ok(length) if length as u64 <= MAX_BYTES => return Ok(text),
        Ok(_) => format!("it has more than {MAX_BYTES} bytes"),
        Err(error) => error.to_string(),
    };
    Err(Failure::usage(
        format!("cannot read the Compose file from standard input: {problem}"),
        "name a file with `-f`",
    ))
}

/// Reads the project for `mode` and checks that its services can be ordered. Warnings are printed
/// when `warn`.
pub fn app(project: &args::Project, mode: Mode, warn: bool) -> Result<App, Failure> {
    app_of(&options(project)?, mode, warn)
}

/// The same for a look at the files alone: an env file that is not there, as in a fresh clone, is a
/// warning.
pub fn app_of_files(project: &args::Project, mode: Mode, warn: bool) -> Result<App, Failure> {
    let options = Options {
        requires_env_files: false,
        ..options(project)?
    };
    app_of(&options, mode, warn)
}

fn app_of(options: &Options, mode: Mode, warn: bool) -> Result<App, Failure> {
    let loaded = load(options, &Files, mode)?;
    if warn {
        print(&loaded.problems);
    }
    let checked = ignore::known(&loaded.app.ignore)
        .and_then(|()| start::order(&loaded.app).map_err(Problems::from));
    match checked {
        Ok(_) => Ok(loaded.app),
        Err(mut problems) => {
            source_lines::fill_problems(&mut problems, &loaded.app.directory);
            Err(problems.into())
        }
    }
}

/// Tells what the dev run on this engine does otherwise than the file says; warnings when `warn`.
///
/// # Errors
/// What it cannot do at all.
pub fn check_dev(app: &App, ground: &Ground, warn: bool) -> Result<(), Failure> {
    let mut problems = Problems(check::problems(app, ground));
    problems.0.extend(build_extras::problems(app, ground.api));
    tell(problems, app, warn)
}

/// The same of the production run, for what `told` the dev run has not said already.
///
/// # Errors
/// What it cannot do at all.
pub fn check_prod(app: &App, ground: &Ground, told: Option<&App>) -> Result<(), Failure> {
    let known = told.map(|dev| build_extras::problems(dev, ground.api));
    let known = known.unwrap_or_default();
    let mut problems = build_extras::problems(app, ground.api);
    problems.retain(|problem| !known.contains(problem));
    tell(Problems(problems), app, true)
}

fn tell(mut problems: Problems, app: &App, warn: bool) -> Result<(), Failure> {
    for problem in &mut problems.0 {
        source_lines::fill_problem(problem, &app.directory);
    }
    if problems.any_error() {
        return Err(problems.into());
    }
    if warn {
        print(&problems);
    }
    Ok(())
}

/// A session of `run` for the project `name`.
pub fn session(
    engine: &Engine,
    name: &str,
    run: RunKind,
    task: Option<String>,
    sink: &Sink,
    cancel: &Cancel,
) -> Session {
    Session {
        engine: engine.clone(),
        labels: Labels {
            project: name.to_owned(),
            run,
            owner: owner::this(),
            task,
        },
        sink: sink.clone(),
        cancel: cancel.clone(),
    }
}

/// Checks that `services` are all in the app.
pub fn known_services(app: &App, services: &[String]) -> Result<(), Failure> {
    match services
        .iter()
        .find(|name| !app.services.contains_key(*name))
    {
        None => Ok(()),
        Some(unknown) => {
            let all: Vec<&str> = app.services.keys().map(String::as_str).collect();
            let help = format!("the services are: {}", all.join(", "));
            Err(Failure::usage(
                format!("there is no service `{unknown}`"),
                help,
            ))
        }
    }
}

/// Says what does not work on an engine of another machine.
pub fn warn_when_remote(engine: &Engine) {
    let found = engine.found();
    if !found.local {
        let problem = Problem {
            level: Level::Warning,
            ..Problem::error(format!(
                "the engine at {} is on another machine",
                found.address
            ))
        };
        let help = "bind mounts show that machine's files and ports are published there, so probes cannot reach them: use an engine of this machine";
        print(&problem.help(help).into());
    }
}
