//! The images of both runs: built or found, all at once, and what is seen of them.

use futures::future::try_join_all;
use indexmap::IndexMap;

use crate::app::{App, Service};
use crate::event::Event;
use crate::evidence::ImageSeen;
use crate::mask::mask;
use crate::run::image::{self, Image, Want};
use crate::run::{RunError, Session};

/// Builds or finds the self-contained images of `services`, all at once.
pub async fn of_task(
    session: &Session,
    app: &App,
    services: impl Iterator<Item = &Service>,
) -> Result<IndexMap<String, Image>, RunError> {
    let all = services.map(|service| async move {
        let image = image::ensure(session, app, service, Want::SelfContained).await?;
        Ok::<_, RunError>((service.name.clone(), image))
    });
    Ok(try_join_all(all).await?.into_iter().collect())
}

/// The images of the dev run. One that both runs build from the same things is built once.
pub async fn of_dev(
    session: &Session,
    dev: &App,
    built: (&App, &IndexMap<String, Image>),
) -> Result<IndexMap<String, Image>, RunError> {
    let (prod, images) = built;
    let all = dev.services.values().map(|service| async move {
        let same = prod
            .services
            .get(&service.name)
            .is_some_and(|other| other.build == service.build);
        let image = match images
            .get(&service.name)
            .filter(|_| same && service.build.is_some())
        {
            Some(image) => image.clone(),
            None => image::ensure(session, dev, service, Want::Dev).await?,
        };
        Ok::<_, RunError>((service.name.clone(), image))
    });
    Ok(try_join_all(all).await?.into_iter().collect())
}

/// Shows the Dockerfiles that were generated because the code comes by a bind mount.
pub fn show_generated(session: &Session, images: &IndexMap<String, Image>) {
    for (service, image) in images {
        let Some(generated) = &image.generated else {
            continue;
        };
        let mut text = format!(
            "{service} has no build; this Dockerfile makes its image self-contained (`envsim dockerfile {service}` writes it):"
        );
        for line in generated.dockerfile.lines() {
            text.push_str("\n    ");
            text.push_str(line);
        }
        session.emit(Event::Note(text));
    }
}

/// What is seen of the image of `service`.
pub fn seen(service: &str, image: &Image) -> ImageSeen {
    let config = &image.info.config;
    let words = |words: Option<&[String]>| -> Vec<String> {
        let words = words.unwrap_or_default().iter();
        words.map(|word| mask(word).into_owned()).collect()
    };
    ImageSeen {
        service: service.to_owned(),
        reference: image.reference.clone(),
        id: image.info.id.clone(),
        origin: image.origin,
        exposed: config
            .exposed_ports
            .iter()
            .filter(|(_, protocol)| protocol == "tcp")
            .map(|(port, _)| *port)
            .collect(),
        volumes: config.volumes.clone(),
        has_healthcheck: config.healthcheck.is_some(),
        architecture: image.info.arch.clone(),
        os: image.info.os.clone(),
        repo_digests: image.info.repo_digests.clone(),
        entrypoint: words(config.entrypoint.as_deref()),
        cmd: words(config.cmd.as_deref()),
        user: config.user.clone().unwrap_or_default(),
        stop_signal: config.stop_signal.clone(),
        healthcheck: words(config.healthcheck.as_ref().map(|check| &*check.test)),
        layers: image.info.layers.len(),
    }
}
