//! What the user can type.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::report::Format;

/// Run a container app the way you develop it and the way ECS runs it, and prove the difference
#[derive(Debug, Parser)]
#[command(
    name = "envsim",
    version,
    propagate_version = false,
    after_help = "Exit codes: 0 clean, 1 findings, 2 bad usage or configuration, 3 engine unreachable or failed, 130 interrupted"
)]
pub struct Args {
    #[command(flatten)]
    pub project: Project,
    #[command(subcommand)]
    pub command: Command,
}

/// Which project; the flags may stand before or after the command, as users type them. After `logs`
/// they may not: there `-f` means `--follow`, as in Compose
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Project {
    /// Compose file (repeatable; later ones are merged over earlier ones)
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Project name
    #[arg(short, long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Directory that relative paths in the files are relative to
    #[arg(long, value_name = "DIR")]
    pub project_directory: Option<PathBuf>,
    /// File with variables for interpolation, instead of `.env` (repeatable)
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Profile to activate (repeatable)
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
}

impl Project {
    /// These flags with those that stand after the command.
    pub fn with(mut self, after: &Self) -> Self {
        self.file.extend(after.file.iter().cloned());
        self.env_file.extend(after.env_file.iter().cloned());
        self.profile.extend(after.profile.iter().cloned());
        self.project_name = after.project_name.clone().or(self.project_name);
        self.project_directory = after.project_directory.clone().or(self.project_directory);
        self
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first Compose file from a Dockerfile, a Procfile or an ECS task definition
    Init(Init),
    /// Run the app with bind mounts, service names and file watching
    Dev(Dev),
    /// Build self-contained images, run them as one ECS task, probe and report what breaks
    #[command(name = "prod-check")]
    ProdCheck(ProdCheck),
    /// Judge the evidence that an earlier prod-check saved
    Check(Check),
    /// List the rules
    Rules(Rules),
    /// Show the manual page of a rule
    Explain(Explain),
    /// List the project's containers
    Ps(Ps),
    /// Show the logs of the dev run
    Logs(Logs),
    /// Run a command in a service of the dev run
    Exec(Exec),
    /// Compare the dev run's containers with the project's files, and repair what differs
    Sync(Sync),
    /// Stop and remove everything of the project
    Down(Down),
    /// Show the Dockerfile that production needs for a service
    Dockerfile(Dockerfile),
    /// Print the project as it is resolved, in the form of `docker compose config`
    Config(Config),
    /// Show which engine is used and what it lacks
    Doctor(Doctor),
    /// Print the JSON Schema of the `x-envsim` settings, for editors, or of the JSON report
    Schema(Schema),
}

#[derive(Debug, clap::Args)]
pub struct Init {
    #[command(flatten)]
    pub project: Project,
    /// What to start from: a Dockerfile, a Procfile or the JSON of a task definition; `-` reads that JSON from stdin
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Write this file of the project instead of compose.yaml; `-` writes to stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Dev {
    #[command(flatten)]
    pub project: Project,
    /// Leave the app running in the background
    #[arg(short, long)]
    pub detach: bool,
    /// Bring files and restarts into the containers through the engine, without envsim's agent in them
    #[arg(long)]
    pub no_agent: bool,
    /// Services to run, with what they depend on; all when none is named
    pub services: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Sync {
    #[command(flatten)]
    pub project: Project,
    /// Show what only the container has, too
    #[arg(long)]
    pub verify: bool,
    /// Repair nothing; the exit code is 1 when something differs
    #[arg(long)]
    pub dry_run: bool,
    /// Services to compare; all when none is named
    pub services: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct ProdCheck {
    #[command(flatten)]
    pub project: Project,
    /// Judge the files alone: nothing is built or run, and no engine is needed
    #[arg(long)]
    pub r#static: bool,
    /// Do not run the app as in dev beside the task
    #[arg(long)]
    pub no_compare: bool,
    /// Then replace the task by a fresh one, as every deployment does, and repeat the probes that only read
    #[arg(long, conflicts_with = "static")]
    pub replace: bool,
    /// Then start the task again with each service late that another one seems to need and does not wait for
    #[arg(long, conflicts_with = "static")]
    pub start_order: bool,
    /// Show the containers' logs as they come, on stderr
    #[arg(long)]
    pub logs: bool,
    /// Show what `--fix` would change, as a patch on stdout in place of the report
    #[arg(long)]
    pub diff: bool,
    /// Show and make the changes that mend findings and are safe to make by machine
    #[arg(long, conflicts_with = "diff")]
    pub fix: bool,
    /// Save what was seen, for `envsim check --from`
    #[arg(long, value_name = "FILE")]
    pub evidence: Option<PathBuf>,
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Which findings are reported, and how.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Report format
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Report")]
    pub format: Format,
    /// Write the report to a file instead of stdout
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    pub output: Option<PathBuf>,
    /// Write a further report to a file (repeatable): `--report sarif=envsim.sarif`
    #[arg(long, value_name = "FORMAT=FILE", value_parser = further_report, help_heading = "Report")]
    pub report: Vec<(Format, PathBuf)>,
    /// Show everything: each change that ECS makes, each finding of many alike
    #[arg(short, long, help_heading = "Report")]
    pub verbose: bool,
    /// Report only these rules: codes, names or beginnings of codes (`H`, `E00`)
    #[arg(
        long,
        value_name = "RULE,…",
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    pub select: Vec<String>,
    /// Leave out these rules
    #[arg(
        long,
        value_name = "RULE,…",
        value_delimiter = ',',
        help_heading = "Selection"
    )]
    pub ignore: Vec<String>,
    /// Least severity that is reported and fails; without it all are reported and errors fail
    #[arg(long, value_enum, value_name = "SEVERITY", help_heading = "Selection")]
    pub severity: Option<LeastSeverity>,
    /// Accept the findings that are listed in this file
    #[arg(long, value_name = "FILE", help_heading = "Selection")]
    pub baseline: Option<PathBuf>,
    /// Write all findings that count to this file, and accept them
    #[arg(long, value_name = "FILE", help_heading = "Selection")]
    pub write_baseline: Option<PathBuf>,
}

/// A severity as the user types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LeastSeverity {
    Error,
    Warning,
}

/// `FORMAT=FILE`.
fn further_report(text: &str) -> Result<(Format, PathBuf), String> {
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("it has the form FORMAT=FILE, such as sarif=envsim.sarif")?;
    let format = <Format as clap::ValueEnum>::from_str(format, true).map_err(|_| {
        let all = <Format as clap::ValueEnum>::value_variants();
        let names: Vec<String> = all
            .iter()
            .filter_map(clap::ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        format!(
            "there is no format `{format}`; the formats are {}",
            names.join(", ")
        )
    })?;
    Ok((format, file.into()))
}

#[derive(Debug, clap::Args)]
pub struct Check {
    /// The file that `envsim prod-check --evidence` wrote
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    #[command(flatten)]
    pub report: ReportArgs,
}

#[derive(Debug, clap::Args)]
pub struct Rules {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Code or name of a rule: `H001`, `port-clash`
    pub rule: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Of what
    #[arg(value_enum, default_value_t = SchemaOf::XEnvsim)]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaOf {
    /// The settings in the Compose file
    XEnvsim,
    /// The report of `--format json`
    Report,
}

#[derive(Debug, clap::Args)]
pub struct Ps {
    #[command(flatten)]
    pub project: Project,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Logs {
    /// Go on as new lines come
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines of each service
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
    /// Services; all when none is named
    pub services: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Exec {
    #[command(flatten)]
    pub project: Project,
    /// No terminal, even when there is one
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// User to run as
    #[arg(short, long)]
    pub user: Option<String>,
    /// Service
    pub service: String,
    /// Command and arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Down {
    #[command(flatten)]
    pub project: Project,
    /// Remove the named volumes too, with their data
    #[arg(short, long)]
    pub volumes: bool,
    /// Seconds from the stop signal to SIGKILL, instead of each service's `stop_grace_period`
    #[arg(short, long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub struct Dockerfile {
    #[command(flatten)]
    pub project: Project,
    /// Service
    pub service: String,
    /// Write it to this file instead of stdout; an existing file is not replaced
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Config {
    #[command(flatten)]
    pub project: Project,
    /// Output format
    #[arg(long, value_enum, default_value_t = ConfigFormat::Yaml)]
    pub format: ConfigFormat,
    /// What this run really uses, instead of what Docker Compose reads
    #[arg(long, value_enum, value_name = "RUN")]
    pub mode: Option<RunMode>,
    /// Only check the project
    #[arg(short, long)]
    pub quiet: bool,
    /// Leave variables as they are written
    #[arg(long)]
    pub no_interpolate: bool,
    /// Do not add what is implied: names, networks, dependencies
    #[arg(long)]
    pub no_normalize: bool,
    /// Leave paths as they are written
    #[arg(long)]
    pub no_path_resolution: bool,
    /// Do not check references and contradictions
    #[arg(long)]
    pub no_consistency: bool,
    /// Leave env files of services unread
    #[arg(long)]
    pub no_env_resolution: bool,
    /// Print the names of the services
    #[arg(long, group = "list")]
    pub services: bool,
    /// Print the images
    #[arg(long, group = "list")]
    pub images: bool,
    /// Print the names of the volumes
    #[arg(long, group = "list")]
    pub volumes: bool,
    /// Print the names of the networks
    #[arg(long, group = "list")]
    pub networks: bool,
    /// Print the AI models
    #[arg(long, group = "list")]
    pub models: bool,
    /// Print the names of the profiles
    #[arg(long, group = "list")]
    pub profiles: bool,
    /// Print a hash of each service's configuration; `*` for all services
    #[arg(long, group = "list", value_name = "SERVICE,…")]
    pub hash: Option<String>,
    /// Print the variables that the files ask for, with their defaults
    #[arg(long, group = "list")]
    pub variables: bool,
    /// Print the variables that interpolation knows
    #[arg(long, group = "list")]
    pub environment: bool,
    /// Write to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Services, with what they depend on; all when none is named
    #[arg(value_name = "SERVICE")]
    pub selected: Vec<String>,
}

/// Output format of `config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ConfigFormat {
    Yaml,
    Json,
}

/// One of the two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RunMode {
    Dev,
    Prod,
}

#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
