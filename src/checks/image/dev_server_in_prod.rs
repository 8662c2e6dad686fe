//! E009 `dev-server-in-prod`.

use crate::app::Place;
use crate::checks::rule;
use crate::checks::words::list;
use crate::dev_servers::{self, Environment, Server};
use crate::evidence::{CommandOrigin, CommandSeen, Evidence, Process};
use crate::finding::Finding;

rule! {
    /// The production command starts a development server, a file watcher or a debugger.
    ///
    /// The command is the one that counts: the Compose file's over the Dockerfile's. It is followed through
    /// shell scripts, scripts of `package.json`, Makefiles and Procfiles, and a Python program that is
    /// started is read for `app.run(debug=True)` and its like. What a script only starts on a condition is
    /// left alone.
    ///
    /// ## Why it breaks on ECS
    ///
    /// A development server is made for one person at one machine. It compiles in memory while requests
    /// wait, so the container needs a multiple of its memory and is killed by the task's limit; it serves
    /// one request at a time; it watches files that never change in an image; and its error pages, with
    /// Flask's debugger a Python prompt among them, are there for everybody who can reach the task. When
    /// the code crashes, a watcher such as nodemon stays and waits for a file to change: the container
    /// seems to run, and ECS never replaces the task.
    ///
    /// ## Broken
    ///
    /// ```dockerfile
    /// CMD ["npx", "nodemon", "server.js"]
    /// ```
    ///
    /// ## Repaired
    ///
    /// ```dockerfile
    /// CMD ["node", "server.js"]
    /// ```
    ///
    /// To keep the watcher in dev, give the two runs two commands: `command:` in
    /// `compose.override.yaml` for dev, or `x-envsim.prod.command` for production.
    ///
    /// ## When to ignore it
    ///
    /// When the service is a tool for developers that is deployed as such, a preview environment for example.
    "E009", "dev-server-in-prod", Warning, since "0.1.0",
    needs [],
    "a development server, file watcher or debugger as the production command",
}

fn check(evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<(Found, Vec<&str>)> = Vec::new();
    for command in &evidence.commands {
        let Some(new) = of_service(evidence, command) else {
            continue;
        };
        let same = |(old, _): &&mut (Found, Vec<&str>)| {
            old.at == new.at && old.server.what == new.server.what
        };
        match found.iter_mut().find(same) {
            Some((_, services)) => services.push(&command.service),
            None => found.push((new, vec![&command.service])),
        }
    }
    found
        .iter()
        .map(|(found, services)| finding(found, services))
        .collect()
}

/// A development server and the way to it.
struct Found<'a> {
    server: Server,
    /// The process that is it.
    process: &'a Process,
    /// Where the service's command is written.
    at: &'a Place,
}

fn of_service<'a>(evidence: &Evidence, command: &'a CommandSeen) -> Option<Found<'a>> {
    // What a stock image runs is its maker's choice.
    if command.origin == CommandOrigin::Image {
        return None;
    }
    let service = evidence.prod.services.get(&command.service)?;
    let dockerfile = evidence
        .dockerfiles
        .iter()
        .find(|seen| seen.service == command.service);
    let environment = Environment {
        service: &service.environment,
        image: dockerfile.map_or(&[], |seen| &*seen.variables),
    };
    unconditional(&command.process)
        .into_iter()
        .find_map(|process| {
            let server = dev_servers::recognise(process, &environment)?;
            Some(Found {
                server,
                process,
                at: &command.process.place,
            })
        })
}

/// The process and what it starts on no condition.
fn unconditional(process: &Process) -> Vec<&Process> {
    let mut all = vec![process];
    let starts = process.reads.iter().flat_map(|script| &script.starts);
    for started in starts.filter(|started| !started.conditional) {
        all.extend(unconditional(started));
    }
    all
}

fn finding(found: &Found, services: &[&str]) -> Finding {
    let Found {
        server,
        process,
        at,
    } = found;
    let written = process.words.join(" ");
    let message = format!(
        "{} starts {} in production: `{}`",
        list(services),
        server.what,
        shortened(&written)
    );
    let mut finding = Finding::new(&INFO, message, server.instead)
        .service(services[0])
        .at(at, "")
        .data("command", &*written)
        .data("services", services.to_vec());
    if process.place != **at {
        finding = finding.at(&process.place, "");
    }
    for (place, sentence) in &server.proofs {
        if let Some(place) = place.as_ref().filter(|place| **place != process.place) {
            finding = finding.at(place, "");
        }
        finding = finding.proof(sentence.clone());
    }
    finding
}

/// The start of a long command.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}
