//! What can be seen without an engine: the Compose files, the Dockerfiles and the build contexts.

use indexmap::IndexMap;

use super::{command, dockerfiles, files, secrets};
use crate::app::{App, Problem, Problems, Service};
use crate::evidence::{Evidence, Kind};
use crate::labels::{Labels, RunKind};
use crate::run::image::{self, Source};
use crate::run::owner;

/// What the disk tells, and what of it could not be read.
#[derive(Debug)]
pub struct Seen {
    /// The evidence; what would take an engine is noted as missing, and so is what could not be read.
    pub evidence: Evidence,
    /// A problem for each service whose image cannot be known.
    pub problems: Problems,
}

/// What the image of `service` would be made from.
///
/// # Errors
/// A Dockerfile or a build context that cannot be read.
pub fn source(app: &App, service: &Service) -> Result<Source, Problem> {
    let labels = Labels {
        project: app.name.clone(),
        run: RunKind::ProdCheck,
        owner: owner::this(),
        task: None,
    };
    image::source(app, service, &labels.image(&service.name))
}

/// What each service's image would be made from. A service whose Dockerfile or context cannot be read
/// does not keep the others from being judged: its problem is in the second map.
pub fn sources(app: &App) -> (IndexMap<String, Source>, IndexMap<String, Problem>) {
    let (mut sources, mut problems) = (IndexMap::new(), IndexMap::new());
    for service in app.services.values() {
        let name = service.name.clone();
        match source(app, service) {
            Ok(source) => drop(sources.insert(name, source)),
            Err(problem) => drop(problems.insert(name, problem)),
        }
    }
    (sources, problems)
}

/// Looks at the disk alone.
///
/// # Errors
/// All problems, when no image of the app can be known: then there is nothing to judge.
pub fn look(dev: App, prod: App) -> Result<Seen, Problems> {
    let (sources, unknown) = sources(&prod);
    if sources.is_empty() && !unknown.is_empty() {
        return Err(Problems(distinct(unknown.into_values())));
    }
    let mut files = files::look(&dev, &prod, &sources, files::Secrets::LookedFor);
    let copied = std::mem::take(&mut files.secrets);
    let mut evidence = super::from_files(dev, prod, files);
    evidence.dockerfiles = dockerfiles::seen(&evidence.prod, sources.iter());
    evidence.secrets = secrets::of_files(&evidence.prod, sources.iter(), &copied);
    let images = sources.iter().map(|(name, source)| (name, source, None));
    evidence.commands = command::seen(&evidence.dev, &evidence.prod, images);
    for kind in Kind::OF_A_RUN {
        evidence.lacks(*kind, "nothing was run (--static)");
    }
    for (service, problem) in &unknown {
        let reason = format!("the image of `{service}` is not known: {}", problem.message);
        evidence.lacks(Kind::Files, reason);
    }
    let problems = Problems(distinct(unknown.into_values()));
    Ok(Seen { evidence, problems })
}

/// Each problem once: two services can have one Dockerfile.
fn distinct(problems: impl Iterator<Item = Problem>) -> Vec<Problem> {
    let mut all: Vec<Problem> = Vec::new();
    for problem in problems {
        if !all.contains(&problem) {
            all.push(problem);
        }
    }
    all
}
