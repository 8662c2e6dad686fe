//! Looks for secrets in the images that the project builds: in what the Dockerfiles copy, in their
//! variables, and in the layers themselves. What is written down has no value of any secret.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use bytes::{Buf, Bytes};
use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::copied_layers;
use super::files::InCopy;
use super::layers::{self, Found};
use crate::app::{App, Place, Service};
use crate::build::copied::Copies;
use crate::build::dockerfile::Kind;
use crate::build::stages::Base;
use crate::engine::{Engine, ImageInfo};
use crate::evidence::{Carrier, ImageOrigin, SecretSeen};
use crate::run::image::{BuildInput, Image, Source};
use crate::secrets::{self, LOOKED_INTO, SecretKind, Verdict};

use super::dockerfiles::Lines;

/// Pieces of an archive that may wait to be read.
const WAITING: usize = 16;

/// The secrets that the disk tells of: `copied` files, and variables.
pub fn of_files<'a>(
    app: &App,
    sources: impl Iterator<Item = (&'a String, &'a Source)>,
    copied: &[InCopy],
) -> Vec<SecretSeen> {
    let mut all = Vec::new();
    for (service, input) in built(app, sources) {
        for seen in copied_files(app, service, input, copied)
            .into_iter()
            .chain(variables(service, input))
        {
            add(&mut all, seen);
        }
    }
    all
}

/// The same without the files: the layers tell of them.
fn of_variables<'a>(
    app: &App,
    sources: impl Iterator<Item = (&'a String, &'a Source)>,
) -> Vec<SecretSeen> {
    let mut all = Vec::new();
    for (service, input) in built(app, sources) {
        for seen in variables(service, input) {
            add(&mut all, seen);
        }
    }
    all
}

fn built<'a, 'b>(
    app: &'b App,
    sources: impl Iterator<Item = (&'a String, &'a Source)>,
) -> impl Iterator<Item = (&'b Service, &'a BuildInput)> {
    sources.filter_map(|(name, source)| Some((app.services.get(name)?, source.built.as_ref()?)))
}

/// One secret of several services is told once.
fn add(all: &mut Vec<SecretSeen>, new: SecretSeen) {
    let same = |old: &&mut SecretSeen| {
        old.name == new.name
            && old.what == new.what
            && old.place == new.place
            && old.carrier == new.carrier
    };
    match all.iter_mut().find(same) {
        Some(old) => old.services.extend(new.services),
        None => all.push(new),
    }
}

fn copies_of(input: &BuildInput) -> Option<&Copies> {
    input.copies().ok()
}

fn copied_files(
    app: &App,
    service: &Service,
    input: &BuildInput,
    copied: &[InCopy],
) -> Vec<SecretSeen> {
    let (Some(copies), Some(build)) = (copies_of(input), &service.build) else {
        return Vec::new();
    };
    let lines = Lines::of(service, input);
    let mut found: Vec<SecretSeen> = Vec::new();
    for InCopy { copy, verdict, .. } in copied.iter().filter(|one| one.service == service.name) {
        let file = &copies.files[*copy];
        let path = build.context.join(&file.source);
        let name = shown_path(&file.target, verdict.kind);
        if found
            .iter()
            .any(|seen| seen.name == name && seen.what == verdict.kind.as_str())
        {
            continue;
        }
        found.push(SecretSeen {
            services: vec![service.name.clone()],
            what: verdict.kind.as_str().to_owned(),
            name,
            real: verdict.real,
            carrier: Carrier::Copied,
            place: Some(lines.place(file.instruction_line)),
            source: Some(shown_path(&app.relative(&path), verdict.kind)),
        });
    }
    found
}

/// A repository is named by its directory.
fn shown_path(path: &str, kind: SecretKind) -> String {
    let end = path
        .find(".git/")
        .filter(|_| kind == SecretKind::Repository);
    end.map_or(path, |at| &path[..at + 4]).to_owned()
}

/// What the file is to which the link at `path` leads, for an image that has the link at `target`.
pub fn judge_link(path: &Path, target: &str) -> Option<Verdict> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || !secrets::worth_reading(target, metadata.len()) {
        return None;
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(LOOKED_INTO as u64)
        .read_to_end(&mut content)
        .ok()?;
    secrets::judge(target, &content)
}

/// Variables whose values stay in the configuration or the history of the image.
fn variables(service: &Service, input: &BuildInput) -> Vec<SecretSeen> {
    let lines = Lines::of(service, input);
    let given = service.build.as_ref().map(|build| &build.args);
    let mut all = Vec::new();
    let mut tell = |name: &str, value: &str, instruction: &str, place: Place| {
        if secrets::value_of(name, value) != Some(true) {
            return;
        }
        all.push(SecretSeen {
            services: vec![service.name.clone()],
            what: SecretKind::Variable.as_str().to_owned(),
            name: name.to_owned(),
            real: true,
            carrier: Carrier::Variable {
                instruction: instruction.to_owned(),
            },
            place: Some(place),
            source: None,
        });
    };
    for index in input.resolved.lineage() {
        for instruction in &input.dockerfile.stages[index].instructions {
            match &instruction.kind {
                Kind::Env(pairs) => {
                    for (name, value) in pairs {
                        tell(name, value, "ENV", lines.place(instruction.line));
                    }
                }
                Kind::Arg(args) => {
                    for arg in args {
                        let given = given.and_then(|given| given.get(&arg.name));
                        let given =
                            given.and_then(|given| Some((given.value.as_deref()?, &given.place)));
                        match given {
                            Some((value, place)) => tell(&arg.name, value, "ARG", place.clone()),
                            None => {
                                let default = arg.default.as_deref().unwrap_or_default();
                                tell(&arg.name, default, "ARG", lines.place(arg.line));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }
    all
}

/// What the layers of the images show.
#[derive(Debug, Default)]
pub struct InLayers {
    /// Secrets, those of the Dockerfiles' variables included.
    pub secrets: Vec<SecretSeen>,
    /// Images that could not be looked into, as sentences.
    pub unread: Vec<String>,
}

/// Looks into every image that the project builds; two services with one image have it read once.
/// `copied` are the secrets among the files that make up whole layers.
pub async fn of_images(
    engine: Engine,
    app: App,
    images: IndexMap<String, Image>,
    copied: Vec<InCopy>,
) -> InLayers {
    let sources = images.iter().map(|(name, image)| (name, &image.source));
    let mut seen = InLayers {
        secrets: of_variables(&app, sources),
        unread: Vec::new(),
    };
    let mut by_id: BTreeMap<&str, Vec<(&String, &Image)>> = BTreeMap::new();
    for (name, image) in &images {
        if image.origin == ImageOrigin::Built {
            by_id.entry(&image.info.id).or_default().push((name, image));
        }
    }
    for (id, users) in by_id {
        let (first, image) = users[0];
        let base = base_of(&engine, image).await;
        let from_disk = from_disk(&engine, first, image, &base, &copied).await;
        let found = match from_disk {
            Some(found) => Ok(found),
            None => {
                read(
                    &engine,
                    id,
                    base.map(|base| base.layers).unwrap_or_default(),
                )
                .await
            }
        };
        match found {
            Ok(found) => {
                for (name, image) in &users {
                    let Some(service) = app.services.get(*name) else {
                        continue;
                    };
                    let secrets = in_layers(&app, service, image, &found);
                    secrets
                        .into_iter()
                        .for_each(|one| add(&mut seen.secrets, one));
                }
            }
            Err(reason) => seen.unread.push(format!("{}: {reason}", users[0].0)),
        }
    }
    seen
}

/// What the layers hold when all of it is copied from the context: then the image is not read.
async fn from_disk(
    engine: &Engine,
    service: &str,
    image: &Image,
    base: &Option<ImageInfo>,
    copied: &[InCopy],
) -> Option<Vec<Found>> {
    let input = image.built.as_ref()?;
    copied_layers::known(input)?;
    let history = engine.history(&image.info.id).await.ok()?;
    let below = match base {
        Some(base) if image.info.layers.starts_with(&base.layers) => {
            engine.history(&base.id).await.ok()?
        }
        Some(_) => return None,
        None => match input.resolved.stages[input.resolved.lineage()[0]].base {
            Base::Scratch => Vec::new(),
            Base::Image(_) | Base::Stage(_) => return None,
        },
    };
    let own = history.strip_prefix(&*below)?;
    let of_service = copied.iter().filter(|one| one.service == service);
    let verdicts = of_service.map(|one| (one.copy, one.verdict)).collect();
    copied_layers::found(input, &verdicts, own)
}

/// The image that the image stands on, when the engine has it.
async fn base_of(engine: &Engine, image: &Image) -> Option<ImageInfo> {
    let lowest = image.built.as_ref().map(|input| {
        let lowest = input.resolved.lineage()[0];
        &input.resolved.stages[lowest].base
    });
    let Some(Base::Image(reference)) = lowest else {
        return None;
    };
    engine.image(reference).await.ok().flatten()
}

/// Streams the image from the engine through a walk of its layers.
async fn read(engine: &Engine, id: &str, base: Vec<String>) -> Result<Vec<Found>, String> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let walking = tokio::task::spawn_blocking(move || {
        layers::secrets(
            Pieces {
                receiver,
                current: Bytes::new(),
            },
            &base,
        )
    });
    let (sent, walked) = tokio::join!(engine.save_image(id, sender), walking);
    sent.map_err(|error| error.to_string())?;
    let walked = walked.map_err(|error| error.to_string())?;
    walked.map_err(|error| format!("its layers could not be read: {error}"))
}

/// The pieces that the engine sends, as something to read from.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.current.len());
        self.current.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

fn in_layers(app: &App, service: &Service, image: &Image, found: &[Found]) -> Vec<SecretSeen> {
    let input = image.built.as_ref();
    let copies = input.and_then(copies_of);
    let all = found.iter().map(|found| {
        let repository = found.verdict.kind == SecretKind::Repository;
        let asked = match repository {
            true => format!("{}/HEAD", found.path),
            false => found.path.clone(),
        };
        let copied = copies.as_ref().and_then(|copies| copies.at(&asked));
        let place = input
            .zip(copied)
            .map(|(input, copied)| Lines::of(service, input).place(copied.instruction_line));
        let source = copied.zip(service.build.as_ref()).map(|(copied, build)| {
            shown_path(
                &app.relative(&build.context.join(&copied.source)),
                found.verdict.kind,
            )
        });
        SecretSeen {
            services: vec![service.name.clone()],
            what: found.verdict.kind.as_str().to_owned(),
            name: found.path.clone(),
            real: found.verdict.real,
            carrier: Carrier::Layer {
                instruction: found.instruction.clone(),
                removed: found.removed,
            },
            place: place.or_else(|| Some(service.build.as_ref()?.place.clone())),
            source,
        }
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::dockerfiles::tests::project;
    use crate::collect::{files, without_engine};

    fn secrets_of(files: &[(&str, &str)]) -> Vec<SecretSeen> {
        let (_directory, app) = project(files);
        let sources = without_engine::sources(&app).0;
        let files = files::look(&app, &app, &sources, files::Secrets::LookedFor);
        of_files(&app, sources.iter(), &files.secrets)
    }

    const COMPOSE: (&str, &str) = ("compose.yaml", "services: {web: {build: .}}\n");

    #[test]
    fn what_a_copy_brings_is_told_with_its_line_and_without_the_value() {
        let found = secrets_of(&[
            COMPOSE,
            (
                "Dockerfile",
                "FROM node:22\nWORKDIR /app\nCOPY . .\nENV API_TOKEN=k9f8Hq27sLx PORT=80\n",
            ),
            (".env", "DB_PASSWORD=k9f8Hq27sLx\n"),
            (".env.example", "DB_PASSWORD=\n"),
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/config", "[core]\n"),
        ]);
        let told: Vec<_> = found
            .iter()
            .map(|seen| {
                (
                    &*seen.name,
                    &*seen.what,
                    seen.place.as_ref().map(|place| place.line),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("/app/.env", "an env file with secret values", Some(3)),
                ("/app/.git", "the repository with all its history", Some(3)),
                ("API_TOKEN", "a variable with a secret value", Some(4)),
            ]
        );
        assert!(!format!("{found:?}").contains("k9f8Hq27sLx"));
    }

    #[test]
    fn what_is_ignored_or_stays_in_another_stage_is_not_in_the_image() {
        let env = (".env", "DB_PASSWORD=k9f8Hq27sLx\n");
        let dockerfile = ("Dockerfile", "FROM node:22\nCOPY . /app\n");
        assert!(secrets_of(&[COMPOSE, dockerfile, env, (".dockerignore", ".env\n")]).is_empty());
        let stages = (
            "Dockerfile",
            "FROM node:22 AS build\nARG NPM_TOKEN=k9f8Hq27sLx\nCOPY . /app\nFROM node:22\nCOPY --from=build /app/dist /app\n",
        );
        assert!(secrets_of(&[COMPOSE, stages, env, ("dist/a.js", "1")]).is_empty());
    }
}
