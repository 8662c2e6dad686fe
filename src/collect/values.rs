//! Searches the values that production gets from the Compose file for hosts of Docker's networks, and
//! finds the line on which each stands: a value can go over many, or come from an env file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::hosts::Search;
use crate::app::{App, At, FileKind, FileSource, Hook, Place, Service};
use crate::compose::disk::{Disk, Files};
use crate::evidence::{HostInValue, ValueOf};
use crate::mask::mask;
use crate::scan::Scanner;

/// One value that could name a host.
struct Candidate<'a> {
    of: ValueOf,
    /// Name of the variable or build argument, which says what the value is; else empty.
    key: &'a str,
    value: Cow<'a, str>,
    place: &'a Place,
    /// The place is that of the first of several items of a list.
    listed: bool,
}

/// The hosts in the values of `prod`; `search` has the names of dev.
pub fn look(prod: &App, search: &Search) -> Vec<HostInValue> {
    let mut texts = Texts {
        app: prod,
        files: HashMap::new(),
    };
    let mut all: Vec<HostInValue> = Vec::new();
    for service in prod.services.values() {
        for candidate in candidates(service) {
            for seen in hosts(service, &candidate, search, &mut texts) {
                add(&mut all, seen);
            }
        }
    }
    all
}

/// One place that several services have is one host.
fn add(all: &mut Vec<HostInValue>, seen: HostInValue) {
    let same = |other: &&mut HostInValue| {
        other.host == seen.host
            && other.place == seen.place
            && other.of == seen.of
            && other.value == seen.value
    };
    match all.iter_mut().find(same) {
        Some(known) => known.services.extend(seen.services),
        None => all.push(seen),
    }
}

fn hosts(
    service: &Service,
    candidate: &Candidate,
    search: &Search,
    texts: &mut Texts,
) -> Vec<HostInValue> {
    let value: &str = &candidate.value;
    let found: Vec<(String, usize)> = match &candidate.of {
        ValueOf::Config(_) => config_hosts(candidate, service, search),
        _ => search
            .scanner()
            .hosts_in_value(candidate.key, value)
            .into_iter()
            .map(|found| (found.host, found.start))
            .collect(),
    };
    let mut told: Vec<HostInValue> = Vec::new();
    for (host, start) in found {
        // One value is mended once, however often it names the host.
        if told.iter().any(|other| other.host == host) {
            continue;
        }
        let text = texts.of(&candidate.place.path);
        let place = text.and_then(|text| exact(text, candidate, &host, start, search.scanner()));
        told.push(HostInValue {
            services: vec![service.name.clone()],
            target: search.target(&host),
            of: candidate.of.clone(),
            value: shown(candidate),
            place: place.unwrap_or_else(|| candidate.place.clone()),
            host,
        });
    }
    told
}

/// A config is a file, so what its name and text tell counts.
fn config_hosts(candidate: &Candidate, service: &Service, search: &Search) -> Vec<(String, usize)> {
    let ValueOf::Config(name) = &candidate.of else {
        return Vec::new();
    };
    let file = service.files.iter().find(|file| file.name == *name);
    let path = file.map_or(&**name, |file| &*file.target);
    let text: &str = &candidate.value;
    let lines: Vec<&str> = text.split('\n').collect();
    let found = search.scanner().mentions(path, text).into_iter();
    let starts = found.map(|mention| {
        let above = &lines[..mention.line as usize - 1];
        let line = lines[above.len()].chars();
        let before: usize = line
            .take(mention.column as usize - 1)
            .map(char::len_utf8)
            .sum();
        let start = above.iter().map(|line| line.len() + 1).sum::<usize>() + before;
        (mention.host, start)
    });
    starts.collect()
}

/// A name such as `DB_PASSWORD` gives the value away as a secret, so both are masked together.
fn shown(candidate: &Candidate) -> String {
    let pair = format!("{}={}", candidate.key, candidate.value);
    mask(&pair)[candidate.key.len() + 1..].to_owned()
}

fn candidates(service: &Service) -> Vec<Candidate<'_>> {
    let mut all: Vec<Candidate> = Vec::new();
    for variable in &service.environment {
        all.push(Candidate {
            of: ValueOf::Variable(variable.name.clone()),
            key: &variable.name,
            value: variable.value.as_str().into(),
            place: &variable.place,
            listed: false,
        });
    }
    let commands = [
        (ValueOf::Command, &service.command),
        (ValueOf::Entrypoint, &service.entrypoint),
    ];
    for (of, words) in commands {
        all.extend(words.as_ref().map(|words| command(of, words)));
    }
    if let Some(check) = &service.healthcheck {
        all.push(Candidate {
            of: ValueOf::HealthCheck,
            key: "",
            value: check.test.get(1..).unwrap_or_default().join(" ").into(),
            place: &check.place,
            listed: true,
        });
    }
    let hooks = [
        ("pre_start", &service.pre_start),
        ("post_start", &service.post_start),
        ("pre_stop", &service.pre_stop),
    ];
    for (key, hooks) in hooks {
        all.extend(hooks.iter().flat_map(|hook| of_hook(key, hook)));
    }
    for (name, argument) in service.build.iter().flat_map(|build| &build.args) {
        all.extend(argument.value.as_ref().map(|value| Candidate {
            of: ValueOf::BuildArgument(name.clone()),
            key: name,
            value: value.as_str().into(),
            place: &argument.place,
            listed: false,
        }));
    }
    for (name, value) in &service.labels {
        // The words of a label's name say little about its value, and a bare word there is no host.
        all.push(Candidate {
            of: ValueOf::Label(name.clone()),
            key: "",
            value: value.as_str().into(),
            place: service.label_places.get(name).unwrap_or(&service.place),
            listed: false,
        });
    }
    for file in service
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Config)
    {
        if let FileSource::Content(text) = &file.source {
            all.push(Candidate {
                of: ValueOf::Config(file.name.clone()),
                key: "",
                value: text.as_str().into(),
                place: &file.place,
                listed: false,
            });
        }
    }
    all
}

/// `-h` and `db` mean something only together, so the words of a command are read as one line.
fn command(of: ValueOf, words: &At<Vec<String>>) -> Candidate<'_> {
    Candidate {
        of,
        key: "",
        value: words.value.join(" ").into(),
        place: &words.place,
        listed: true,
    }
}

fn of_hook<'a>(key: &str, hook: &'a Hook) -> Vec<Candidate<'a>> {
    let words = hook.command.iter();
    let commands = words.map(|words| command(ValueOf::Hook(key.to_owned()), words));
    let variables = hook.environment.iter().map(|variable| Candidate {
        of: ValueOf::Hook(key.to_owned()),
        key: &variable.name,
        value: variable.value.as_str().into(),
        place: &variable.place,
        listed: false,
    });
    commands.chain(variables).collect()
}

/// The files that values stand in, each read once.
struct Texts<'a> {
    app: &'a App,
    files: HashMap<Arc<str>, Option<String>>,
}

impl Texts<'_> {
    fn of(&mut self, path: &Arc<str>) -> Option<&str> {
        let directory = &self.app.directory;
        let read = || Files.read(&directory.join(&**path)).ok();
        let text = self.files.entry(path.clone()).or_insert_with(read);
        text.as_deref()
    }
}

/// Where in `text` the host stands that begins at byte `start` of the value. None when the value has
/// it from elsewhere, as from a variable of the shell.
fn exact(
    text: &str,
    candidate: &Candidate,
    host: &str,
    start: usize,
    scanner: &Scanner,
) -> Option<Place> {
    if let ValueOf::Config(_) = candidate.of {
        return in_config(text, candidate, host, start, scanner);
    }
    let mut earlier = occurrences(&candidate.value[..], host, scanner)
        .filter(|(at, _)| *at < start)
        .count();
    let place = candidate.place;
    let lines = extent(text, place, candidate.listed);
    for (number, line, from) in lines {
        for (at, end) in occurrences(line, host, scanner).filter(|(at, _)| *at >= from) {
            if earlier == 0 {
                return Some(within(place, number, line, at, end));
            }
            earlier -= 1;
        }
    }
    None
}

/// The line of a config's text, which stands in the Compose file as it is.
fn in_config(
    text: &str,
    candidate: &Candidate,
    host: &str,
    start: usize,
    scanner: &Scanner,
) -> Option<Place> {
    let value = &candidate.value;
    let begin = value[..start].rfind('\n').map_or(0, |at| at + 1);
    let wanted = value[begin..].split('\n').next().unwrap_or_default();
    let column = start - begin;
    let nth = occurrences(wanted, host, scanner)
        .position(|(at, _)| at == column)
        .unwrap_or_default();
    let written = wanted.trim().replace('$', "$$");
    let mut lines = text.lines().enumerate();
    let (number, line) =
        lines.find(|(_, line)| line.trim() == wanted.trim() || line.trim() == written)?;
    let (at, end) = occurrences(line, host, scanner).nth(nth)?;
    Some(within(candidate.place, number + 1, line, at, end))
}

fn within(place: &Place, number: usize, line: &str, at: usize, end: usize) -> Place {
    let columns = |bytes: usize| line[..bytes].chars().count() as u32 + 1;
    Place {
        path: place.path.clone(),
        line: number as u32,
        column: columns(at),
        end_column: columns(end),
    }
}

/// Where `host` stands as a whole word.
fn occurrences<'t>(
    text: &'t str,
    host: &'t str,
    scanner: &'t Scanner,
) -> impl Iterator<Item = (usize, usize)> + 't {
    scanner
        .words(text)
        .filter(move |(at, end)| &text[*at..*end] == host)
}

/// The lines that a value at `place` goes over: their numbers, from 1, their texts, and the byte from
/// which each belongs to the value. YAML goes on as long as the lines are indented further.
fn extent<'t>(
    text: &'t str,
    place: &Place,
    listed: bool,
) -> impl Iterator<Item = (usize, &'t str, usize)> {
    let first = place.line as usize;
    let own = text.lines().nth(first.saturating_sub(1)).unwrap_or("");
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own_indent = indent(own);
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let items = listed && is_item(own);
    let from: usize = own
        .chars()
        .take(place.column as usize - 1)
        .map(char::len_utf8)
        .sum();
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .skip(first.saturating_sub(1))
        .take_while(move |(number, line)| {
            *number == first
                || line.trim().is_empty()
                || indent(line) > own_indent
                || (items && indent(line) == own_indent && is_item(line))
        })
        .map(move |(number, line)| (number, line, if number == first { from } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Mode;
    use crate::app::testing::app_for;

    /// `host line:column` of each host in the Compose file `text`, with which value it is of.
    fn found(text: &str) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut app = app_for(text, Mode::Prod);
        app.directory = folder.path().to_owned();
        let path = app.services[0].place.path.to_string();
        std::fs::write(folder.path().join(path), text).expect("a file");
        let seen = look(&app, &Search::new(&app));
        seen.into_iter()
            .map(|seen| {
                let place = seen.place;
                let at = format!("{} {}:{}", seen.host, place.line, place.column);
                (seen.of.describe(), at)
            })
            .collect()
    }

    #[test]
    fn every_kind_of_value_is_searched_and_its_line_told() {
        let text = "services:
  web:
    image: web
    build:
      context: .
      args:
        API_URL: http://db:80
    command: >
      sh -c 'echo db &&
      wait-for-it.sh db:5432 && run'
    entrypoint: [wait, --host, db]
    environment:
      - PLAIN=db
      - DB_HOST=db
      - |-
        LONG=one
        http://db:81
    healthcheck:
      test:
        - CMD
        - curl
        - http://db:99
    labels:
      com.example.tier: db
      com.example.url: http://db:1
    post_start:
      - command: curl http://db/up
    configs: [proxy]
  db:
    image: db
configs:
  proxy:
    content: |
      upstream a {
        server db:80;
      }
";
        let expected = [
            ("the variable `DB_HOST`", "db 14:17"),
            ("the variable `LONG`", "db 17:16"),
            ("`command`", "db 10:22"),
            ("`entrypoint`", "db 11:32"),
            ("the health check", "db 22:18"),
            ("a command of `post_start`", "db 27:30"),
            ("the build argument `API_URL`", "db 7:25"),
            ("the label `com.example.url`", "db 25:31"),
            ("the config `proxy`", "db 35:16"),
        ];
        let found = found(text);
        let found: Vec<(&str, &str)> = found.iter().map(|(of, at)| (&**of, &**at)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_host_that_comes_from_elsewhere_is_at_its_value() {
        let text = "x-a: &a {DB_HOST: db}
services:
  web: {image: web, environment: {<<: *a}}
  db: {image: db}
";
        assert_eq!(
            found(text),
            [("the variable `DB_HOST`".to_owned(), "db 1:19".to_owned())]
        );
    }
}
