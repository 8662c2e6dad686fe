//! Looks at the Dockerfiles that the images are built from.

use std::sync::Arc;

use crate::app::{App, At, Place, Service};
use crate::build::dockerfile::{Command, Kind};
use crate::build::stages::Base;
use crate::evidence::{DockerfileSeen, ExposeSeen, FromSeen, InstructionSeen, VariableSeen};
use crate::mask::mask;
use crate::run::image::{BuildInput, Source};

/// A range of `EXPOSE` as large as this is taken apart no further.
const LARGEST_RANGE: u16 = 100;

/// The Dockerfile of each service of `app` that has a build.
pub fn seen<'a>(
    app: &App,
    sources: impl Iterator<Item = (&'a String, &'a Source)>,
) -> Vec<DockerfileSeen> {
    let built = sources.filter_map(|(name, source)| {
        let service = app.services.get(name)?;
        Some(dockerfile(service, source.built.as_ref()?))
    });
    built.collect()
}

/// Lines of a Dockerfile and their places. One that stands in the Compose file has the place of its
/// `build` for every line.
pub struct Lines<'a> {
    path: Arc<str>,
    lines: Vec<&'a str>,
    inline: Option<&'a Place>,
}

impl<'a> Lines<'a> {
    /// The lines of the Dockerfile of `service`.
    pub fn of(service: &'a Service, input: &'a BuildInput) -> Self {
        let build = service.build.as_ref();
        let inline = build.filter(|build| build.dockerfile_inline.is_some());
        Self {
            path: input.shown.as_str().into(),
            lines: input.text.lines().collect(),
            inline: inline.map(|build| &build.place),
        }
    }

    /// The place of a line, counted from 1.
    pub fn place(&self, line: usize) -> Place {
        if let Some(place) = self.inline {
            return place.clone();
        }
        let text = self.line(line);
        let indent = text.chars().take_while(|c| c.is_whitespace()).count();
        Place {
            path: self.path.clone(),
            line: line as u32,
            column: indent as u32 + 1,
            end_column: text.trim_end().chars().count() as u32 + 1,
        }
    }

    /// The text of a line without secrets; empty when there is none.
    pub fn text(&self, line: usize) -> String {
        match self.inline {
            Some(_) => String::new(),
            None => mask(self.line(line)).into_owned(),
        }
    }

    fn line(&self, line: usize) -> &'a str {
        self.lines.get(line - 1).copied().unwrap_or_default()
    }
}

fn dockerfile(service: &Service, input: &BuildInput) -> DockerfileSeen {
    let lines = Lines::of(service, input);
    let settings = input.resolved.settings();
    let at = |set: &Option<(String, usize)>| {
        set.as_ref().map(|(value, line)| At {
            value: value.clone(),
            place: lines.place(*line),
        })
    };
    let instruction = |set: &Option<(Command, usize)>| {
        let (command, line) = set.as_ref()?;
        let (words, shell_form) = match command {
            Command::Shell(text) => (vec![mask(text).into_owned()], true),
            Command::Exec(words) => (words.iter().map(|word| mask(word).into()).collect(), false),
        };
        Some(InstructionSeen {
            words,
            shell_form,
            place: lines.place(*line),
            text: lines.text(*line),
        })
    };
    let healthcheck = settings.healthcheck.as_ref().map(|(check, line)| At {
        value: match &check.command {
            None => String::new(),
            Some(Command::Shell(text)) => mask(text).into_owned(),
            Some(Command::Exec(words)) => mask(&words.join(" ")).into_owned(),
        },
        place: lines.place(*line),
    });
    DockerfileSeen {
        service: service.name.clone(),
        path: input.shown.clone(),
        froms: froms(input, &lines),
        exposes: exposes(&settings.expose, &lines),
        entrypoint: instruction(&settings.entrypoint),
        cmd: instruction(&settings.cmd),
        variables: variables(service, input, &lines),
        healthcheck,
        user: at(&settings.user),
        stop_signal: at(&settings.stopsignal),
        shell: shell(input),
    }
}

fn froms(input: &BuildInput, lines: &Lines) -> Vec<FromSeen> {
    let lineage = input.resolved.lineage();
    let reached = input.resolved.reachable().map(|stage| FromSeen {
        image: match &stage.base {
            Base::Image(reference) => Some(reference.clone()),
            Base::Scratch | Base::Stage(_) => None,
        },
        platform: input.dockerfile.stages[stage.index].platform.clone(),
        in_image: lineage.contains(&stage.index),
        place: lines.place(stage.line),
        text: lines.text(stage.line),
    });
    reached.collect()
}

/// `ENV` and `ARG` of the image's stages.
fn variables(service: &Service, input: &BuildInput, lines: &Lines) -> Vec<VariableSeen> {
    let given = service.build.as_ref().map(|build| &build.args);
    let mut all = Vec::new();
    for index in input.resolved.lineage() {
        let written = &input.dockerfile.stages[index].instructions;
        for step in &input.resolved.stages[index].steps {
            let variable =
                |name: &str, instruction: &str, value: &str, literal, place| VariableSeen {
                    value: hidden(name, value),
                    name: name.to_owned(),
                    instruction: instruction.to_owned(),
                    literal,
                    place,
                };
            match &step.kind {
                Kind::Env(pairs) => {
                    let expands = |name: &str| {
                        let mut same = written.iter().filter(|one| one.line == step.line);
                        same.any(|one| match &one.kind {
                            Kind::Env(pairs) => pairs
                                .iter()
                                .any(|(other, value)| other == name && value.contains('$')),
                            _ => false,
                        })
                    };
                    all.extend(pairs.iter().map(|(name, value)| {
                        variable(name, "ENV", value, !expands(name), lines.place(step.line))
                    }));
                }
                Kind::Arg(args) => all.extend(args.iter().map(|arg| {
                    let given = given.and_then(|given| given.get(&arg.name));
                    match given.and_then(|given| Some((given.value.as_deref()?, &given.place))) {
                        Some((value, place)) => {
                            variable(&arg.name, "ARG", value, true, place.clone())
                        }
                        None => {
                            let default = arg.default.as_deref().unwrap_or_default();
                            let literal = !default.contains('$');
                            variable(&arg.name, "ARG", default, literal, lines.place(arg.line))
                        }
                    }
                })),
                _ => {}
            }
        }
    }
    all
}

/// A variable's value without what its name or form says is a secret.
pub fn hidden(name: &str, value: &str) -> String {
    let written = format!("{name}={value}");
    match mask(&written) {
        std::borrow::Cow::Borrowed(_) => value.to_owned(),
        std::borrow::Cow::Owned(masked) => masked.get(name.len() + 1..).unwrap_or("***").to_owned(),
    }
}

/// The ports of `EXPOSE` words: `8080`, `53/udp`, `8000-8010`.
fn exposes(words: &[(String, usize)], lines: &Lines) -> Vec<ExposeSeen> {
    let mut all = Vec::new();
    for (word, line) in words {
        let (ports, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            continue;
        };
        for port in first..=last.min(first.saturating_add(LARGEST_RANGE)) {
            all.push(ExposeSeen {
                port,
                protocol: protocol.to_lowercase(),
                place: lines.place(*line),
                text: lines.text(*line),
            });
        }
    }
    all
}

/// The last `SHELL` of the image's stages.
pub fn shell(input: &BuildInput) -> Option<Vec<String>> {
    let stages = input.resolved.lineage().into_iter();
    let steps = stages.flat_map(|stage| &input.resolved.stages[stage].steps);
    let mut shells = steps.filter_map(|step| match &step.kind {
        Kind::Shell(words) => Some(words.clone()),
        _ => None,
    });
    shells.next_back()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;
    use crate::collect::without_engine;

    /// The app of `files` in a directory of its own; `compose.yaml` is one of them.
    pub fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, App) {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        let compose = files.iter().find(|(name, _)| *name == "compose.yaml");
        let mut app = app_for(compose.expect("compose.yaml").1, Mode::Prod);
        let old = app.directory.clone();
        app.directory = directory.path().to_owned();
        let moved = |path: &mut std::path::PathBuf| {
            if let Ok(inside) = path.strip_prefix(&old) {
                *path = app.directory.join(inside);
            }
        };
        for service in app.services.values_mut() {
            if let Some(build) = &mut service.build {
                moved(&mut build.context);
                moved(&mut build.dockerfile);
            }
            for mount in &mut service.volumes {
                if let crate::app::MountKind::Bind { source, .. } = &mut mount.kind {
                    moved(source);
                }
            }
        }
        (directory, app)
    }

    fn dockerfiles(files: &[(&str, &str)]) -> Vec<DockerfileSeen> {
        let (_directory, app) = project(files);
        let sources = without_engine::sources(&app).0;
        seen(&app, sources.iter())
    }

    #[test]
    fn only_the_stages_that_the_target_needs_are_told() {
        let seen = dockerfiles(&[
            (
                "compose.yaml",
                "services: {web: {build: {context: ., target: app}}}\n",
            ),
            (
                "Dockerfile",
                "ARG TAG=latest\nFROM node:$TAG AS tools\nFROM python AS app\nCOPY --from=tools /a /a\nEXPOSE 80 53/udp 8000-8001\nSTOPSIGNAL SIGINT\nUSER app\nCMD serve --token=abc\nFROM app AS dev\nEXPOSE 9229\n",
            ),
        ]);
        let [web] = &*seen else {
            panic!("one Dockerfile: {seen:?}")
        };
        let froms: Vec<_> = web
            .froms
            .iter()
            .map(|from| (from.image.as_deref(), from.in_image, from.place.line))
            .collect();
        assert_eq!(
            froms,
            [(Some("node:latest"), false, 2), (Some("python"), true, 3)]
        );
        let ports: Vec<_> = web
            .exposes
            .iter()
            .map(|port| (port.port, &*port.protocol, port.place.line))
            .collect();
        assert_eq!(
            ports,
            [
                (80, "tcp", 5),
                (53, "udp", 5),
                (8000, "tcp", 5),
                (8001, "tcp", 5)
            ]
        );
        let cmd = web.cmd.as_ref().expect("CMD");
        assert!(cmd.shell_form && !cmd.words[0].contains("abc"), "{cmd:?}");
        assert_eq!(cmd.place.line, 8);
        assert_eq!(web.user.as_ref().map(|user| &*user.value), Some("app"));
        let signal = web.stop_signal.as_ref().map(|signal| &*signal.value);
        assert_eq!(signal, Some("SIGINT"));
    }
}
