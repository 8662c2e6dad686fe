//! A Compose project as Docker Compose reads it: one resolved tree with the place of every value.
//!
//! [`load()`] goes through the steps of the Compose Specification; one file is one step:
//!
//! | step | file |
//! |---|---|
//! | text to a tree | `yaml`, `scalar` |
//! | variables | `interpolate`, `env_file` |
//! | other files | `include`, `extends` |
//! | several documents | `reset`, `merge`, `unique` |
//! | the check of keys and types | `spec`, `validate` |
//! | short forms to long ones | `canonical`, `port`, `volume` |
//! | what is implied | `defaults`, `host_path`, `normalize` |
//! | who takes part | `select` |
//! | references and circles | `consistency` |
//! | env files and label files | `variables` |
//! | the tree as Compose prints it | `normal`, `write`, `quote` |

mod canonical;
mod consistency;
mod context;
mod defaults;
pub mod disk;
mod document;
pub mod ecs_env_file;
pub mod env_file;
mod extends;
pub mod host_path;
mod include;
pub mod interpolate;
mod load;
mod merge;
mod node;
pub mod normal;
mod normalize;
mod path;
mod place;
mod port;
mod problem;
pub mod quantity;
pub mod quote;
mod reset;
mod scalar;
mod select;
mod spec;
mod unique;
mod validate;
mod variables;
mod volume;
pub mod write;
mod yaml;

pub use context::{Context, nearest};
pub use load::{FILE_NAMES, OVERRIDE_NAMES, Options, Project, load, project_variables};
pub use node::{Kind, Node, Value};
pub use normalize::PASSED_THROUGH;
pub use place::{At, Place};
pub use problem::{Level, Problem, Problems};
pub use select::Disabled;
pub use spec::text::words;
pub use variables::{EnvFile, FROM_ENV_FILE, pairs};
pub use yaml::{parse, parse_all};

/// Every key that a service can have.
pub fn service_keys() -> Vec<&'static str> {
    spec::SERVICE.fields().map(|field| field.key).collect()
}
