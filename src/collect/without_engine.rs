//! What can be seen without an engine: the Compose files, the Dockerfiles and the build contexts.

use indexmap::IndexMap;

use super::{command, dockerfiles, files, secrets};
use crate::app::{App, Problem, Service};
use crate::evidence::{Evidence, Kind};
use crate::labels::{Labels, RunKind};
use crate::run::image::{self, Source};
use crate::run::owner;

/// What each service's image would be made from.
///
/// # Errors
/// A Dockerfile or a build context that cannot be read.
pub fn sources(app: &App) -> Result<IndexMap<String, Source>, Problem> {
    let services = app.services.values();
    services
        .map(|service| Ok((service.name.clone(), source(app, service)?)))
        .collect()
}

/// What the image of `service` would be made from.
///
/// # Errors
/// As [`sources`].
pub fn source(app: &App, service: &Service) -> Result<Source, Problem> {
    let labels = Labels {
        project: app.name.clone(),
        run: RunKind::ProdCheck,
        owner: owner::this(),
        task: None,
    };
    image::source(app, service, &labels.image(&service.name))
}

/// The evidence of the disk alone; what would take an engine is noted as missing.
///
/// # Errors
/// As [`sources`].
pub fn evidence(dev: App, prod: App) -> Result<Evidence, Problem> {
    let sources = sources(&prod)?;
    let files = files::look(&dev, &prod, &sources);
    let mut evidence = super::from_files(dev, prod, files);
    evidence.dockerfiles = dockerfiles::seen(&evidence.prod, sources.iter());
    evidence.secrets = secrets::of_files(&evidence.prod, sources.iter());
    let images = sources.iter().map(|(name, source)| (name, source, None));
    evidence.commands = command::seen(&evidence.dev, &evidence.prod, images);
    for kind in Kind::OF_A_RUN {
        evidence.lacks(*kind, "nothing was run (--static)");
    }
    Ok(evidence)
}
