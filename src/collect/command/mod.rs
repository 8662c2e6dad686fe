//! Looks at what each service runs in production, and follows it through the project's scripts.

mod files;
mod lead;
mod recipes;
mod shell;
mod wrappers;

use crate::app::{App, Service};
use crate::build::dockerfile::Command;
use crate::engine::ImageConfig;
use crate::evidence::{CommandOrigin, CommandSeen};
use crate::run::image::Source;

use super::dockerfiles::Lines;
use files::Files;
use lead::{Start, Word};

/// The command of each service of `prod`. `images` has what is known of each service's image: its
/// source, and its configuration where there is an engine.
pub fn seen<'a>(
    dev: &App,
    prod: &App,
    images: impl Iterator<Item = (&'a String, &'a Source, Option<&'a ImageConfig>)>,
) -> Vec<CommandSeen> {
    let commands = images.filter_map(|(name, source, config)| {
        let service = prod.services.get(name)?;
        command(dev.services.get(name), prod, service, source, config)
    });
    commands.collect()
}

/// Words and who wrote them.
struct Part {
    words: Vec<Word>,
    origin: CommandOrigin,
    /// A text for a shell, which takes no further words.
    shell_form: bool,
}

fn command(
    dev: Option<&Service>,
    prod: &App,
    service: &Service,
    source: &Source,
    config: Option<&ImageConfig>,
) -> Option<CommandSeen> {
    let [entrypoint, command] = parts(service, source, config);
    let whole = entrypoint.as_ref().is_some_and(|part| part.shell_form);
    let command = command.filter(|_| !whole);
    let origin = command.as_ref().or(entrypoint.as_ref())?.origin;
    // The entrypoints of the usual images run the command that is given to them.
    let passes_on = entrypoint.as_ref().is_some_and(|part| {
        part.origin == CommandOrigin::Image
            && part
                .words
                .first()
                .is_some_and(|word| is_entrypoint_script(&word.text))
    });
    let entrypoint = entrypoint.filter(|_| !(passes_on && command.is_some()));
    let words: Vec<Word> = [entrypoint, command]
        .into_iter()
        .flatten()
        .flat_map(|part| part.words)
        .collect();
    let workdir = config.and_then(|config| config.working_dir.as_deref());
    let files = Files::of(prod, service, dev, source, workdir);
    let start = Start {
        cwd: files.workdir.clone(),
        files: &files,
        arguments: Vec::new(),
        depth: 0,
    };
    Some(CommandSeen {
        service: service.name.clone(),
        origin,
        init: service.init,
        process: lead::process(&words, &start)?,
    })
}

fn is_entrypoint_script(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.ends_with(".sh") || name.contains("entrypoint")
}

/// Entrypoint and command that count.
///
/// An `entrypoint` of the Compose file clears the image's command, an `ENTRYPOINT` the base image's
/// ("Interaction of CMD and ENTRYPOINT", Dockerfile reference).
fn parts(service: &Service, source: &Source, config: Option<&ImageConfig>) -> [Option<Part>; 2] {
    let compose = |words: &Option<crate::app::At<Vec<String>>>| {
        words.as_ref().map(|words| Part {
            words: lead::words(&words.value, &words.place),
            origin: CommandOrigin::Compose,
            shell_form: false,
        })
    };
    let settings = source.built.as_ref().map(|input| {
        let lines = Lines::of(service, input);
        let settings = input.resolved.settings();
        [settings.entrypoint, settings.cmd].map(|set| {
            let (command, line) = set?;
            let shell_form = matches!(command, Command::Shell(_));
            let words = match command {
                Command::Exec(words) => words,
                Command::Shell(text) => {
                    let mut words = shell_words(input);
                    words.push(text);
                    words
                }
            };
            Some(Part {
                words: lead::words(&words, &lines.place(line)),
                origin: CommandOrigin::Dockerfile,
                shell_form,
            })
        })
    });
    let [own_entrypoint, own_cmd] = settings.unwrap_or_default();
    let place = service
        .image
        .as_ref()
        .map_or(&service.place, |image| &image.place);
    let of_image = |words: Option<&Vec<String>>| {
        let words = words.filter(|words| !words.is_empty())?;
        Some(Part {
            words: lead::words(words, place),
            origin: CommandOrigin::Image,
            shell_form: false,
        })
    };
    let entrypoint_written = service.entrypoint.is_some();
    let resets_base = own_entrypoint.is_some();
    let entrypoint = compose(&service.entrypoint)
        .or(own_entrypoint)
        .or_else(|| of_image(config?.entrypoint.as_ref()));
    let command = compose(&service.command).or_else(|| match entrypoint_written {
        true => None,
        false => own_cmd.or_else(|| match resets_base {
            true => None,
            false => of_image(config?.cmd.as_ref()),
        }),
    });
    let command = command.filter(|part| !part.words.is_empty());
    [entrypoint.filter(|part| !part.words.is_empty()), command]
}

/// The shell of shell forms.
fn shell_words(input: &crate::run::image::BuildInput) -> Vec<String> {
    super::dockerfiles::shell(input).unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()])
}

#[cfg(test)]
mod tests;
