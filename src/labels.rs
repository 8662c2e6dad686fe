//! Names and labels of everything that envsim makes in the engine.
//!
//! | label | value |
//! |---|---|
//! | `envsim.project` | the Compose project |
//! | `envsim.mode` | `dev`, `prod-check` or `compare` (the dev run beside a prod-check) |
//! | `envsim.service` | the service, on containers and images |
//! | `envsim.role` | `service`, `pre-start`, `holder`, `stand-in`, `forward`, `listeners`, `network`, `volume`, `image`, `look`, `agent` |
//! | `envsim.task` | the task's id, on everything of one task |
//! | `envsim.volume` | the key in the Compose file, on named volumes of the dev run |
//! | `envsim.depends_on` | the services that a container of the dev run depends on, with commas between, so that it can be stopped in order without the files |
//! | `envsim.owner` | `HOST:PID` of the envsim that made it, so that a crashed run is told from a live one |
//! | `envsim.version` | version of that envsim |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Label key of the project.
pub const PROJECT: &str = "envsim.project";
/// Label key of the mode.
pub const MODE: &str = "envsim.mode";
/// Label key of the service.
pub const SERVICE: &str = "envsim.service";
/// Label key of the role.
pub const ROLE: &str = "envsim.role";
/// Label key of the task.
pub const TASK: &str = "envsim.task";
/// Label key of a named volume's key in the Compose file.
pub const VOLUME: &str = "envsim.volume";
/// Label key of the services depended on.
pub const DEPENDS_ON: &str = "envsim.depends_on";
/// Label key of the process that made it.
pub const OWNER: &str = "envsim.owner";
/// Label key of envsim's version.
pub const VERSION: &str = "envsim.version";

/// A kind of run; its text is the label's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// `envsim dev`.
    Dev,
    /// The task of `envsim prod-check`.
    ProdCheck,
    /// The dev run beside it.
    Compare,
}

impl RunKind {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::ProdCheck => "prod-check",
            Self::Compare => "compare",
        }
    }
}

/// Who and what a resource belongs to.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Project.
    pub project: String,
    /// Run.
    pub run: RunKind,
    /// `HOST:PID`.
    pub owner: String,
    /// Task id, for a task.
    pub task: Option<String>,
}

impl Labels {
    /// The labels of a resource with `role`, for `service` when it belongs to one.
    pub fn of(&self, role: &str, service: Option<&str>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            (PROJECT.to_owned(), self.project.clone()),
            (MODE.to_owned(), self.run.as_str().to_owned()),
            (ROLE.to_owned(), role.to_owned()),
            (OWNER.to_owned(), self.owner.clone()),
            (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        if let Some(service) = service {
            labels.insert(SERVICE.to_owned(), service.to_owned());
        }
        if let Some(task) = &self.task {
            labels.insert(TASK.to_owned(), task.clone());
        }
        labels
    }

    /// The filter that finds everything of this run.
    pub fn filter(&self) -> [(&str, &str); 2] {
        [(PROJECT, &self.project), (MODE, self.run.as_str())]
    }

    /// Name of a container, network or volume: `envsim-PROJECT-WHAT` in the dev run, with the mode
    /// and the first digits of the task's id in between elsewhere.
    pub fn name(&self, what: &str) -> String {
        let Self { project, run, .. } = self;
        match (run, &self.task) {
            (RunKind::Dev, _) => format!("envsim-{project}-{what}"),
            (_, None) => format!("envsim-{project}-{}-{what}", run.as_str()),
            (_, Some(task)) => {
                let short = &task[..task.len().min(8)];
                format!("envsim-{project}-{}-{short}-{what}", run.as_str())
            }
        }
    }

    /// Name of the image that envsim builds for `service`.
    pub fn image(&self, service: &str) -> String {
        // The dev run and its twin beside a prod-check use the same image.
        let tag = match self.run {
            RunKind::Dev | RunKind::Compare => "dev",
            RunKind::ProdCheck => "prod-check",
        };
        let service = service.to_lowercase();
        format!(
            "envsim/{}/{}:{tag}",
            image_part(&self.project),
            image_part(&service)
        )
    }
}

/// A part of an image name may not begin or end with a separator or hold two in a row.
fn image_part(name: &str) -> String {
    let mut part = String::new();
    for c in name.chars() {
        let separator = matches!(c, '-' | '_' | '.');
        if separator && (part.is_empty() || part.ends_with(['-', '_', '.'])) {
            continue;
        }
        part.push(c);
    }
    part.trim_end_matches(['-', '_', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_two_runs_of_one_project_never_meet() {
        let labels = |run, task: Option<&str>| Labels {
            project: "shop".to_owned(),
            run,
            owner: "host:1".to_owned(),
            task: task.map(str::to_owned),
        };
        let names = [
            labels(RunKind::Dev, None).name("web"),
            labels(RunKind::Compare, None).name("web"),
            labels(RunKind::ProdCheck, Some("0123456789abcdef")).name("web"),
        ];
        assert_eq!(
            names,
            [
                "envsim-shop-web",
                "envsim-shop-compare-web",
                "envsim-shop-prod-check-01234567-web"
            ]
        );
    }

    #[test]
    fn an_image_name_is_one_the_engine_takes() {
        assert_eq!(image_part("my__app-"), "my_app");
        assert_eq!(image_part("_x..y"), "x.y");
    }
}
