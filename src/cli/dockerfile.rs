//! `envsim dockerfile SERVICE`: the Dockerfile that production needs.

use std::io::Write;

use super::args;
use super::exit::{Exit, Failure};
use super::project;
use crate::app::Mode;
use crate::engine::Engine;
use crate::run::image;

/// Runs the command.
pub async fn run(project: &args::Project, args: args::Dockerfile) -> Result<Exit, Failure> {
    let app = project::app(project, Mode::Prod, false)?;
    project::known_services(&app, std::slice::from_ref(&args.service))?;
    let service = &app.services[&args.service];
    if let Some(build) = &service.build {
        let path = app.relative(&build.dockerfile);
        return Err(Failure::usage(
            format!("`{}` is built from `{path}` already", service.name),
            "a Dockerfile is generated only for a service without `build`",
        ));
    }
    let Some(reference) = &service.image else {
        return Err(Failure::usage(
            format!("`{}` has no image", service.name),
            "name one with `image`",
        ));
    };
    // Where the image keeps data, nothing is copied. Without an engine that is not known, and the
    // file is only a little longer for it.
    let volumes = match Engine::connect().await {
        Ok(engine) => engine
            .image(&reference.value)
            .await?
            .map(|info| info.config.volumes),
        Err(error) => {
            eprintln!(
                "note: {error}; the volumes of `{}` are not known",
                reference.value
            );
            None
        }
    };
    let generated = image::generated(
        &app,
        service,
        &reference.value,
        &volumes.unwrap_or_default(),
    );
    let Some(generated) = generated else {
        return Err(Failure::usage(
            format!(
                "`{}` needs no Dockerfile: no bind mount brings files to it",
                service.name
            ),
            "its image is used as it is",
        ));
    };
    for note in &generated.dockerignore_notes {
        eprintln!("note: add to .dockerignore: {note}");
    }
    for skipped in &generated.skipped {
        eprintln!(
            "note: `{}` is not copied: {}",
            skipped.source, skipped.reason
        );
    }
    match &args.output {
        None => print!("{}", generated.dockerfile),
        Some(path) => {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(path);
            file.and_then(|mut file| file.write_all(generated.dockerfile.as_bytes()))
                .map_err(|error| {
                    Failure::usage(
                        format!("cannot write `{}`: {error}", path.display()),
                        "name a file that is not there yet",
                    )
                })?;
            eprintln!("wrote {}", path.display());
        }
    }
    Ok(Exit::Clean)
}
