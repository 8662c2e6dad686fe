//! The program that a service runs, and the ports it listens on.

use super::{Subject, Written, code};
use crate::app::Place;
use crate::build::dockerfile::Command;
use crate::evidence::{PortClaim, PortSource};
use crate::scan::ports::command::{self, Told};
use crate::scan::ports::stock::{StockImage, stock};

/// Scripts that start scripts are followed this far.
const DEEPEST: usize = 4;
/// Variables that common frameworks and platforms take the port from, the first one that is set.
const PORT_VARIABLES: &[&str] = &[
    "PORT",
    "SERVER_PORT",
    "ASPNETCORE_HTTP_PORTS",
    "ASPNETCORE_URLS",
    "FLASK_RUN_PORT",
];

/// What is known of the program.
#[derive(Default)]
pub struct Listens {
    /// Reasons to hold that it listens.
    pub claims: Vec<PortClaim>,
    /// Its name, when it listens on nothing.
    pub idle: Option<String>,
}

/// What the program of `subject` listens on. With `shared`, its files are another program's too.
pub fn listens(subject: &Subject, shared: bool) -> Listens {
    let (entrypoint, command) = subject.written();
    let image = subject.base().and_then(stock);
    if let Some(image) = image
        && let Some(listens) = of_stock(subject, &image, entrypoint.as_ref(), command.as_ref())
    {
        return listens;
    }
    let lookup = |name: &str| subject.variable(name);
    let mut told = Told::default();
    let mut at = None;
    for (written, one) in read(entrypoint.as_ref(), command.as_ref(), &lookup) {
        // The place of the last command that says something.
        if !one.ports.is_empty() || !one.servers.is_empty() || at.is_none() {
            at = Some(written);
        }
        add(&mut told, one);
    }
    let Some(at) = at else {
        // The image's own program, of which nothing is known.
        let claims = variable(subject).into_iter().collect();
        return Listens { claims, idle: None };
    };
    // The command names the program better than the scripts before it.
    let named = told.idle.last().cloned();
    let found = follow(subject, &mut told);
    if let Some(program) = told.listens_on_nothing() {
        return Listens {
            claims: Vec::new(),
            idle: named.or_else(|| Some(program.to_owned())),
        };
    }
    let claims = claims(subject, &told, at, found, shared);
    Listens { claims, idle: None }
}

/// Takes `other` into `told`.
fn add(told: &mut Told, other: Told) {
    told.ports.extend(other.ports);
    told.further.extend(other.further);
    told.servers.extend(other.servers);
    told.scripts.extend(other.scripts);
    told.files.extend(other.files);
    told.port_variable = told.port_variable.or(other.port_variable);
    told.unknown |= other.unknown;
    told.idle.extend(other.idle);
}

/// ENTRYPOINT and CMD, read as one command or, where the first is a script that runs the second, as two.
fn read<'a>(
    entrypoint: Option<&'a Written>,
    command: Option<&'a Written>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Vec<(&'a Written, Told)> {
    let told = |command: &Command| match command {
        Command::Shell(text) => command::text(text, lookup),
        Command::Exec(words) => command::words(words, lookup),
    };
    match (entrypoint, command) {
        (Some(entrypoint), Some(command)) => {
            if let (Command::Exec(first), Command::Exec(rest)) =
                (&entrypoint.command, &command.command)
                && !is_script(first)
            {
                let words: Vec<String> = first.iter().chain(rest).cloned().collect();
                return vec![(command, command::words(&words, lookup))];
            }
            let mut first = told(&entrypoint.command);
            let second = told(&command.command);
            // A script that hands over to the command says little of its own.
            first.unknown &= second == Told::default();
            vec![(entrypoint, first), (command, second)]
        }
        (Some(one), None) | (None, Some(one)) => vec![(one, told(&one.command))],
        (None, None) => Vec::new(),
    }
}

fn is_script(words: &[String]) -> bool {
    let last = words.last().map_or("", String::as_str);
    let name = last.rsplit('/').next().unwrap_or(last);
    name.ends_with(".sh")
        || name.contains("entrypoint")
        || (words.len() == 1 && last.starts_with('/') && !last.contains("/bin/"))
}

/// Follows scripts and shell files to the commands in them, and gives the claims of the source files that
/// they start.
fn follow(subject: &Subject, told: &mut Told) -> Vec<PortClaim> {
    let lookup = |name: &str| subject.variable(name);
    let mut claims = Vec::new();
    for _ in 0..DEEPEST {
        if told.scripts.is_empty() && told.files.is_empty() {
            break;
        }
        let scripts = std::mem::take(&mut told.scripts);
        let files = std::mem::take(&mut told.files);
        for script in scripts {
            match code::package_script(subject, &script) {
                Some(text) => add(told, command::text(&text, &lookup)),
                None => told.unknown = true,
            }
        }
        let mut known = false;
        for file in files {
            match code::file(subject, &file) {
                // Which of its programs is started depends on the arguments.
                Some((path, text)) if code::is_shell(&path, &text) && command::chooses(&text) => {
                    told.unknown = true;
                }
                Some((path, text)) if code::is_shell(&path, &text) => {
                    let mut inner = command::text(&text, &lookup);
                    // Functions, conditions and the like are not understood, and need not be where the
                    // script starts something known or hands over to the command.
                    let starts = !(inner.servers.is_empty()
                        && inner.ports.is_empty()
                        && inner.files.is_empty());
                    inner.unknown &= !starts && !text.contains("$@");
                    add(told, inner);
                    known = true;
                }
                Some((path, text)) => {
                    let found = code::claims_of(subject, &path, &text);
                    known |= !found.is_empty();
                    claims.extend(found);
                    told.unknown |= !known;
                }
                None => told.unknown |= !known,
            }
        }
    }
    claims
}

/// The claims of a program that is no well-known image's.
fn claims(
    subject: &Subject,
    told: &Told,
    at: &Written,
    found: Vec<PortClaim>,
    shared: bool,
) -> Vec<PortClaim> {
    let claim = |port: u16, what: String| PortClaim {
        port,
        how: PortSource::Command,
        what,
        place: Some(at.place.clone()),
        text: at.text.clone(),
    };
    let explicit = told.ports.iter().chain(&told.further);
    let mut claims: Vec<PortClaim> = explicit
        .map(|port| claim(*port, format!("its command says port {port}")))
        .collect();
    if !told.ports.is_empty() {
        return claims;
    }
    for server in &told.servers {
        let configured = code::configured(subject, server.files);
        if !configured.is_empty() {
            claims.extend(configured);
            continue;
        }
        let moved = told.port_variable.or_else(|| {
            let written = subject.variable("PORT").filter(|_| server.by_port)?;
            written.parse().ok()
        });
        let name = server.words[0];
        claims.push(match moved {
            Some(port) => claim(
                port,
                format!("`{name}` listens on the port in the variable `PORT`, {port}"),
            ),
            None => claim(
                server.port,
                format!("`{name}` listens on port {} by default", server.port),
            ),
        });
    }
    if !told.servers.is_empty() {
        return claims;
    }
    let mut found = found;
    if found.is_empty() && told.unknown && !shared {
        found = code::everywhere(subject);
    }
    if found.is_empty() && (told.unknown || told.port_variable.is_some()) {
        let own = told
            .port_variable
            .map(|port| claim(port, format!("its command sets `PORT` to {port}")));
        found.extend(own.or_else(|| variable(subject)));
    }
    claims.extend(found);
    claims
}

/// The claim of a variable that means the port, whatever program reads it.
fn variable(subject: &Subject) -> Option<PortClaim> {
    PORT_VARIABLES.iter().find_map(|name| {
        let value = subject.variable(name)?;
        let port = last_number(&value)?;
        Some(of_variable(name, port, subject.variable_place(name)))
    })
}

/// `variable` means the port.
pub fn of_variable(name: &str, port: u16, place: Option<Place>) -> PortClaim {
    PortClaim {
        port,
        how: PortSource::Variable,
        what: format!("its variable `{name}` is {port}"),
        place,
        text: String::new(),
    }
}

/// `8080`, `http://+:8080`.
fn last_number(value: &str) -> Option<u16> {
    let last = value.trim_end_matches('/').rsplit([':', ';']).next()?;
    last.parse().ok().filter(|port| *port > 0)
}

/// The ports of a well-known image's server; none when the service runs something that may be another
/// program.
fn of_stock(
    subject: &Subject,
    image: &StockImage,
    entrypoint: Option<&Written>,
    command: Option<&Written>,
) -> Option<Listens> {
    let lookup = |name: &str| subject.variable(name);
    let text = |written: &Written| match &written.command {
        Command::Shell(text) => text.clone(),
        Command::Exec(words) => words.join(" "),
    };
    let whole: Vec<String> = entrypoint.into_iter().chain(command).map(text).collect();
    let whole = whole.join(" ");
    let starts_server = whole
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '/'))
        .any(|word| image.programs.contains(&word));
    let only_flags = entrypoint.is_none() && whole.trim_start().starts_with('-');
    if !(whole.trim().is_empty() || starts_server || only_flags) {
        return None;
    }
    let mut told = Told::default();
    if let Some(command) = command.or(entrypoint) {
        told = match &command.command {
            Command::Shell(text) => command::text(text, &lookup),
            Command::Exec(words) if only_flags => {
                let server = image.programs.first().map_or("server", |name| *name);
                let words: Vec<String> = std::iter::once(server.to_owned())
                    .chain(words.iter().cloned())
                    .collect();
                command::words(&words, &lookup)
            }
            Command::Exec(words) => command::words(words, &lookup),
        };
    }
    let claim = |port: u16, how: PortSource, what: String, place: Option<Place>| PortClaim {
        port,
        how,
        what,
        place,
        text: String::new(),
    };
    let at = command.or(entrypoint).map(|written| written.place.clone());
    let said = |port: &u16| {
        claim(
            *port,
            PortSource::Command,
            format!("its command says port {port}"),
            at.clone(),
        )
    };
    let mut claims: Vec<PortClaim> = told.further.iter().map(said).collect();
    if !told.ports.is_empty() {
        claims.extend(told.ports.iter().map(said));
        return Some(Listens { claims, idle: None });
    }
    let configured = code::configured_server(subject, image.programs);
    if !configured.is_empty() {
        claims.extend(configured);
        return Some(Listens { claims, idle: None });
    }
    let moved = image.variables.iter().find_map(|name| {
        let port = last_number(&subject.variable(name)?)?;
        Some(of_variable(name, port, subject.variable_place(name)))
    });
    let skipped = usize::from(moved.is_some());
    claims.extend(moved);
    let reference = subject.base().unwrap_or_default();
    let place = subject
        .service
        .image
        .as_ref()
        .filter(|_| subject.source.built.is_none())
        .map(|image| image.place.clone());
    claims.extend(image.ports.iter().skip(skipped).map(|port| {
        let what = format!("the server of the image `{reference}` listens on port {port}");
        claim(*port, PortSource::Stock, what, place.clone())
    }));
    Some(Listens { claims, idle: None })
}
