//! Exit codes and the errors that lead to them. Nothing else chooses a code.

use super::source_lines;
use crate::app::{Level, Problem, Problems};
use crate::engine::EngineError;
use crate::run::RunError;
use crate::ui;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nothing is wrong.
    Clean,
    /// The app breaks in production.
    Findings,
    /// Bad usage or configuration.
    Usage,
    /// The engine is unreachable or failed.
    Engine,
    /// Ctrl-C.
    Interrupted,
    /// The exit code of a command run in a container.
    Command(u8),
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Engine => 3,
            Exit::Interrupted => 130,
            Exit::Command(code) => code,
        })
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// The user's files.
    Config(Problems),
    /// A run.
    Run(RunError),
}

impl Failure {
    /// Bad usage, in one sentence with advice.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Config(Problem::error(message).help(help).into())
    }

    /// The same with the lines of the files in `directory` that it points at.
    pub fn with_lines(mut self, directory: &std::path::Path) -> Self {
        match &mut self {
            Self::Config(problems) => {
                for problem in &mut problems.0 {
                    source_lines::fill_problem(problem, directory);
                }
            }
            Self::Run(RunError::Config(problem)) => {
                source_lines::fill_problem(problem, directory);
            }
            Self::Run(_) => {}
        }
        self
    }

    /// Prints the error on stderr and gives the exit code.
    pub fn print(&self) -> Exit {
        match self {
            Self::Config(problems) => {
                print(problems);
                Exit::Usage
            }
            Self::Run(RunError::Config(problem)) => {
                print(&Problems(vec![problem.clone()]));
                Exit::Usage
            }
            Self::Run(RunError::Interrupted) => Exit::Interrupted,
            Self::Run(RunError::Service { message, help }) => {
                print(
                    &Problem::error(crate::mask::mask(message))
                        .help(crate::mask::mask(help))
                        .into(),
                );
                Exit::Engine
            }
            Self::Run(RunError::Engine(error)) => {
                print(&engine_problem(error).into());
                Exit::Engine
            }
        }
    }
}

/// Prints problems on stderr, errors last so that they are what stays in view.
pub fn print(problems: &Problems) {
    let colour = ui::colour_stderr();
    for level in [Level::Warning, Level::Error] {
        for problem in problems.0.iter().filter(|problem| problem.level == level) {
            eprintln!("{}\n", problem.render(colour));
        }
    }
}

fn engine_problem(error: &EngineError) -> Problem {
    let text = crate::mask::mask(&error.to_string()).into_owned();
    let problem = Problem::error(text);
    match error {
        EngineError::Unreachable { .. } => {
            problem.help("`envsim doctor` shows what was looked for and how to mend it")
        }
        EngineError::Build(failure) if failure.unreachable => problem.help(
            "the image named above is not in the engine: let the engine reach the registry (network, DNS, proxy), or bring the image with `docker load`",
        ),
        EngineError::Build(failure) => {
            let mut help = String::from("the last lines of the build were:");
            for line in failure.log.iter().rev().take(15).rev() {
                help.push_str("\n  ");
                help.push_str(&crate::mask::mask(line));
            }
            match failure.log.is_empty() {
                true => problem.help("correct the Dockerfile at the step named above"),
                false => problem.help(help),
            }
        }
        EngineError::ImageNotFound { image, .. } => problem.help(format!(
            "check the name, or make the image available: `docker pull {image}`"
        )),
        EngineError::PortInUse { .. } => {
            problem.help("stop what uses the port, or publish another one in `ports`")
        }
        EngineError::MountSourceMissing { .. } => {
            problem.help("create it, or correct the path in `volumes`")
        }
        _ => problem,
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Run(error.into())
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Config(problems)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Config(problem.into())
    }
}
