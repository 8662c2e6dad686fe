//! envsim runs a container app the way it is developed and the way ECS runs it, and proves the
//! difference.
//!
//! # The map
//!
//! Looking, deciding and acting are separate code. Decisions take plain values and return plain
//! values; only [`engine`] talks to the container engine.
//!
//! | module | subject | uses |
//! |---|---|---|
//! | [`compose`] | a Compose project, read as Docker Compose reads it, to one tree with places | `mask` |
//! | [`app`] | the user's application: that tree to typed values | `compose` |
//! | [`build`] | build contexts, ignore files, Dockerfiles: which file ends up where | |
//! | [`init`] | a Dockerfile, Procfile or task definition to a first Compose file | `app`, `build`, `compose` |
//! | [`scan`] | text to the service names it uses as network hosts, and to the ports it listens on | |
//! | [`secrets`] | the path and content of a file to the kind of secret that it is | |
//! | [`mask`] | passwords out of everything printed | |
//! | [`wire`] | messages of the agent, the program of ours inside containers | |
//! | [`labels`] | names and labels of what envsim makes | |
//! | [`evidence`] | plain records of what was seen | `app`, `mask` |
//! | [`finding`] | a finding and what a rule is | `app`, `evidence` |
//! | [`event`] | what happens during a run | `labels` |
//! | [`plan`] | order: what may start now, what may stop now | `app` |
//! | [`checks`] | the rules: evidence in, findings out | `app`, `evidence`, `finding`, `scan` |
//! | [`engine`] | the container engine, the only user of its client library | |
//! | [`run`] | what both runs share: images, starting, stopping, probes, clean-up | `app`, `build`, `engine`, `event`, `evidence`, `labels`, `mask`, `plan`, `wire` |
//! | [`dev`] | the app as it is developed | `app`, `build`, `compose`, `engine`, `event`, `evidence`, `labels`, `plan`, `run`, `wire` |
//! | [`prod`] | the app as ECS tasks | `app`, `compose`, `engine`, `event`, `evidence`, `labels`, `mask`, `plan`, `run`, `wire` |
//! | [`collect`] | looks at disk, images and both runs, and writes down evidence | `app`, `build`, `compose`, `dev`, `engine`, `event`, `evidence`, `labels`, `mask`, `prod`, `run`, `scan`, `secrets` |
//! | [`fix`] | findings to edits of the project's files | `app`, `build`, `compose`, `evidence`, `finding`, `scan`, `secrets` |
//! | [`report`] | findings to text | `app`, `evidence`, `finding` |
//! | [`ui`] | events to a terminal | `event`, `labels` |
//! | [`cli`] | one file per command; joins everything | all |
//!
//! `src/agent` is a program of its own: `build.rs` compiles it without dependencies, [`run::agent`]
//! embeds it. It shares only [`wire`] with this crate.
//!
//! `tests/layout.rs` reads this table and fails when a module uses one that its row does not name.
//!
//! # The path of a finding
//!
//! `cli::prod_check` lets [`collect`] build the images, run the tasks ([`prod::tasks`]) and the dev run
//! beside them ([`dev::run`]), and look at the files of the images. All of it becomes one
//! [`evidence::Evidence`]. [`checks::run`] lets every rule judge it, and [`report`] writes the
//! [`finding::Judgement`].

pub mod app;
pub mod build;
pub mod checks;
pub mod cli;
pub mod collect;
pub mod compose;
pub mod dev;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod fix;
pub mod init;
pub mod labels;
pub mod mask;
pub mod plan;
pub mod prod;
pub mod report;
pub mod run;
pub mod scan;
pub mod secrets;
pub mod ui;
pub mod wire;
