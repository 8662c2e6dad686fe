//! A Procfile to services: one for each process type, all of the same image.
//!
//! Lines are read as Heroku does ("The Procfile": `<process type>: <command>`). The `release` process runs before the
//! others start, as it does there ("Release Phase"); a `web` process gets its port in `PORT`.

use std::sync::LazyLock;

use regex::Regex;

use super::compose_file::{Map, Yaml};
use super::notes::{Notes, listed};
use super::ports::{HostPorts, PortRange};
use super::probe::Probe;
use super::project::Project;
use super::service::{Parts, Service};
use super::{Draft, clients, dockerfile, language, watch};
use crate::build::paths;
use crate::build::stages::Resolved;
use crate::compose::Problem;

/// Where a web process without a port of its own listens.
const PORT: u16 = 8080;

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*([A-Za-z0-9_-]+)\s*:\s*(.+?)\s*$").expect("a constant pattern")
});

/// A port written into a command: `--port 8000`, `-p 3000`, `--bind 0.0.0.0:8000`.
static WRITTEN_PORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:--(?:port|listen|http-port)[ =]|\s-p[ =]?|(?:0\.0\.0\.0|\[::\]|localhost|127\.0\.0\.1|\*):)(\d{2,5})\b")
        .expect("a constant pattern")
});

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    name: String,
    command: String,
}

/// Reads the lines.
fn read(text: &str, file: &str) -> Result<Vec<Process>, Problem> {
    let mut all: Vec<Process> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let place = format!("{file}:{}:1", index + 1);
        let Some(found) = LINE.captures(line) else {
            let problem =
                Problem::error(format!("{place}: `{}` is not `TYPE: COMMAND`", line.trim()));
            return Err(problem.help("for example `web: gunicorn app:app`"));
        };
        if all.iter().any(|known| known.name == found[1]) {
            return Err(Problem::error(format!(
                "{place}: the process type `{}` is there twice",
                &found[1]
            )));
        }
        all.push(Process {
            name: found[1].to_owned(),
            command: found[2].to_owned(),
        });
    }
    match all.is_empty() {
        true => Err(Problem::error(format!("{file} has no process types"))
            .help("for example `web: gunicorn app:app`")),
        false => Ok(all),
    }
}

/// The Compose file for a Procfile.
///
/// # Errors
/// A line or a Dockerfile that cannot be read.
pub fn draft(project: &Project, file: &str, mut notes: Notes) -> Result<Draft, Problem> {
    let processes = read(project.text(file).unwrap_or_default(), file)?;
    let directory = paths::parent(file).to_owned();
    let image = image(project, &directory, &mut notes)?;
    let mut parts = Parts {
        sources: std::iter::once(file.to_owned())
            .chain(image.source.clone())
            .collect(),
        notes,
        ..Parts::default()
    };
    let mut host = HostPorts::default();
    let shared = processes.len() > 1;
    for (index, process) in processes.iter().enumerate() {
        let mut service = service(process, &image, &processes, &mut host, &mut parts.notes);
        if index == 0 || !shared {
            image.first(&mut service.keys, shared);
        } else {
            image.again(&mut service.keys);
        }
        parts.services.push(order(service));
    }
    if processes.iter().any(|process| process.name == "release") {
        let text = "runs to its end before the others start, in dev and in the task; take it out of `depends_on` if it needs a server that is not there";
        parts.notes.service("release", file, text);
    }
    clients::note(project, &directory, &mut parts.notes);
    Ok(parts.draft(project))
}

/// How all the processes' image is made.
struct Image {
    build: Yaml,
    comment: Option<String>,
    develop: Option<Yaml>,
    resolved: Option<Resolved>,
    /// The Dockerfile, when there is one.
    source: Option<String>,
}

impl Image {
    fn first(&self, keys: &mut Map, shared: bool) {
        let named = |name, value: &Yaml| match value {
            Yaml::Map(_) if shared => Yaml::Anchor(name, Box::new(value.clone())),
            value => value.clone(),
        };
        let entry = keys.put("build", named("build", &self.build));
        if let Some(comment) = &self.comment {
            entry.comment(comment);
        }
        if let Some(develop) = &self.develop {
            keys.put("develop", named("develop", develop));
        }
    }

    fn again(&self, keys: &mut Map) {
        let build = match &self.build {
            Yaml::Map(_) => Yaml::Alias("build"),
            value => value.clone(),
        };
        keys.put("build", build);
        if self.develop.is_some() {
            keys.put("develop", Yaml::Alias("develop"));
        }
    }
}

fn image(project: &Project, directory: &str, notes: &mut Notes) -> Result<Image, Problem> {
    let path = paths::join(directory, "Dockerfile");
    if project.text(&path).is_some() {
        let found = dockerfile::Found::named(project, &path);
        let resolved = dockerfile::read(project, &path, notes)?;
        if let Some(settings) = resolved.as_ref().map(Resolved::settings) {
            if settings.entrypoint.is_some() {
                notes.field(
                    path.clone(),
                    "has an `ENTRYPOINT`: the commands of the Procfile are its arguments",
                );
            }
            for (other, (_, line)) in settings.cmd.iter().map(|cmd| ("CMD", cmd)) {
                notes.field(
                    path.clone(),
                    format!("line {line}: its `{other}` is not used; the Procfile's commands are"),
                );
            }
        }
        return Ok(Image {
            build: dockerfile::build(project, &found),
            comment: None,
            develop: resolved
                .as_ref()
                .and_then(|image| watch::rules(image, project, directory)),
            resolved,
            source: Some(path),
        });
    }
    let context = project.written(directory);
    let Some((text, language)) = language::dockerfile(project, directory) else {
        let known: Vec<&str> = language::of(project, directory)
            .iter()
            .map(|language| language.name)
            .collect();
        let what = if known.is_empty() {
            String::new()
        } else {
            format!(" ({} was found)", listed(&known))
        };
        notes.general(format!("there is no Dockerfile in `{context}`, and envsim does not know how to write one here{what}: write it before the first run"));
        return Ok(Image {
            build: Yaml::literal(&context),
            comment: Some("The Dockerfile is still to be written.".to_owned()),
            develop: None,
            resolved: None,
            source: None,
        });
    };
    notes.general(format!("there is no Dockerfile: `dockerfile_inline` builds a plain {language} image; check its version, and move it to a file when it grows"));
    let mut build = Map::default();
    build.put("context", Yaml::literal(&context));
    build.put("dockerfile_inline", Yaml::Block(text.replace('$', "$$")));
    let resolved = crate::build::dockerfile::read(&text, "Dockerfile")
        .and_then(|read| read.resolve(&crate::build::stages::Inputs::default()))
        .ok();
    if !project.exists(&paths::join(directory, ".dockerignore")) {
        notes.general("there is no `.dockerignore`: everything in the folder goes into the image, `.git` and `.env` too");
    }
    Ok(Image {
        build: Yaml::Map(build),
        comment: None,
        develop: resolved
            .as_ref()
            .and_then(|image| watch::rules(image, project, directory)),
        resolved,
        source: None,
    })
}

fn service(
    process: &Process,
    image: &Image,
    all: &[Process],
    host: &mut HostPorts,
    notes: &mut Notes,
) -> Service {
    let mut service = Service {
        name: process.name.clone(),
        ..Service::default()
    };
    service.keys.put("command", command(&process.command));
    if process.name == "web" {
        let port = port(process, image);
        let mut environment = Map::default();
        environment.put("PORT", Yaml::literal(&port.to_string()));
        service.keys.put("environment", environment);
        let range = PortRange {
            first: port,
            last: port,
            udp: false,
        };
        let (line, _) = host.publish(port, range);
        service.keys.put("ports", vec![Yaml::literal(&line)]);
        service.port = Some(port);
        service.probe = Probe::of(Some(port), "");
        notes.service(
            "web",
            "PORT",
            format!("the app is expected to listen on {port}, on all addresses (0.0.0.0)"),
        );
    }
    if process.name == "release" {
        service.settings.put("essential", false);
        service
            .comment
            .push("Runs to its end before the others start.".to_owned());
    } else if all.iter().any(|other| other.name == "release") {
        let mut condition = Map::default();
        condition.put("condition", Yaml::literal("service_completed_successfully"));
        let mut depends = Map::default();
        depends.put("release", condition);
        service.keys.put("depends_on", depends);
    }
    service
}

/// The keys in the order in which people write them.
fn order(mut service: Service) -> Service {
    service.keys.order(&[
        "build",
        "command",
        "environment",
        "ports",
        "develop",
        "depends_on",
    ]);
    service
}

/// A shell where the command needs one, else its words.
fn command(text: &str) -> Yaml {
    let needs_shell = text.contains(['$', '|', '&', ';', '<', '>', '*', '?', '`', '(', '~', '#'])
        || text
            .split_whitespace()
            .next()
            .is_some_and(|word| word.contains('=') || word == "cd");
    match shlex::split(text).filter(|_| !needs_shell) {
        Some(words) => Yaml::literal_words(&words),
        None => {
            // Without `exec` the shell would get the stop signal, and not the process.
            let simple = !text.contains(['|', '&', ';'])
                && !text
                    .split_whitespace()
                    .next()
                    .is_some_and(|word| word.contains('='));
            let exec = if simple && !text.starts_with("exec ") {
                "exec "
            } else {
                ""
            };
            Yaml::literal_words(&[
                "/bin/sh".to_owned(),
                "-c".to_owned(),
                format!("{exec}{text}"),
            ])
        }
    }
}

/// The port in the command, else what the image exposes or sets, else a usual one.
fn port(process: &Process, image: &Image) -> u16 {
    let written = WRITTEN_PORT
        .captures(&process.command)
        .and_then(|found| found[1].parse().ok());
    let settings = image.resolved.as_ref().map(Resolved::settings);
    let exposed = settings.as_ref().and_then(|settings| {
        let exposed = settings
            .expose
            .iter()
            .filter_map(|(text, _)| PortRange::parse(text))
            .find(|range| !range.udp);
        exposed
            .map(|range| range.first)
            .or_else(|| settings.env.get("PORT")?.0.parse().ok())
    });
    written.or(exposed).unwrap_or(PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drafted(files: &[(&str, &str)]) -> (String, Vec<String>) {
        let draft =
            draft(&Project::of(files), "Procfile", Notes::default()).expect("it can be drafted");
        let notes = draft.notes.0.iter().map(|note| note.to_string()).collect();
        (draft.text, notes)
    }

    #[test]
    fn each_process_type_is_a_service_of_one_image() {
        let (text, notes) = drafted(&[
            (
                "Procfile",
                "# what runs\nweb: gunicorn app:app --bind 0.0.0.0:$PORT\nworker: celery -A app worker\nrelease: python manage.py migrate && echo done\n",
            ),
            ("requirements.txt", "celery\n"),
            (".python-version", "3.12.4\n"),
        ]);
        insta::assert_snapshot!(text, @r#"
        # Made by `envsim init` from Procfile. It is yours now: change what you like.

        # Read by envsim; Docker Compose skips every key that starts with "x-".
        x-envsim:
          probes:
            - service: web
              # a guess: name a page that must work
              http: GET /

        services:
          web:
            build: &build
              context: .
              dockerfile_inline: |
                FROM python:3.12.4
                WORKDIR /app
                COPY requirements.txt ./
                RUN pip install --no-cache-dir -r requirements.txt
                ENV PYTHONUNBUFFERED=1
                COPY . .
            command: [/bin/sh, "-c", "exec gunicorn app:app --bind 0.0.0.0:$$PORT"]
            environment:
              PORT: "8080"
            ports:
              - "127.0.0.1:8080:8080"
            develop: &develop
              watch:
                - action: rebuild
                  path: ./requirements.txt
                - action: sync+restart
                  path: .
                  target: /app
                  ignore: [.venv/, "**/__pycache__/"]
            depends_on:
              release:
                condition: service_completed_successfully

          worker:
            build: *build
            command: [celery, "-A", app, worker]
            develop: *develop
            depends_on:
              release:
                condition: service_completed_successfully

          # Runs to its end before the others start.
          release:
            build: *build
            command: [/bin/sh, "-c", "python manage.py migrate && echo done"]
            develop: *develop
            x-envsim:
              essential: false
        "#);
        insta::assert_snapshot!(notes.join("\n"), @r"
        there is no Dockerfile: `dockerfile_inline` builds a plain Python image; check its version, and move it to a file when it grows
        there is no `.dockerignore`: everything in the folder goes into the image, `.git` and `.env` too
        `PORT` of `web`: the app is expected to listen on 8080, on all addresses (0.0.0.0)
        `Procfile` of `release`: runs to its end before the others start, in dev and in the task; take it out of `depends_on` if it needs a server that is not there
        `requirements.txt`: has `celery`: if the app needs a broker such as Redis or RabbitMQ, add a service for it and pass its address in `environment`
        ");
    }

    #[test]
    fn a_dockerfile_beside_it_makes_the_image_and_names_the_port() {
        let (text, notes) = drafted(&[
            ("Procfile", "web: ./serve\n"),
            ("Dockerfile", "FROM a\nEXPOSE 5000\nCMD ./other\n"),
        ]);
        assert!(
            text.contains("build: .\n    command: [./serve]\n"),
            "{text}"
        );
        assert!(text.contains("127.0.0.1:5000:5000"), "{text}");
        assert!(
            notes[0].contains("line 3: its `CMD` is not used"),
            "{notes:?}"
        );
    }

    #[test]
    fn the_port_written_into_the_command_is_published() {
        let (text, _) = drafted(&[
            (
                "Procfile",
                "web: uvicorn app:app --host 0.0.0.0 --port 9123",
            ),
            ("requirements.txt", ""),
        ]);
        assert!(text.contains("127.0.0.1:9123:9123"), "{text}");
    }

    #[test]
    fn a_runtime_without_a_recipe_needs_a_dockerfile_first() {
        let (text, notes) = drafted(&[("Procfile", "web: bin/app\n"), ("go.mod", "module x\n")]);
        assert!(
            text.contains("# The Dockerfile is still to be written.\n    build: .\n"),
            "{text}"
        );
        assert!(
            notes[0].contains("(`Go` was found): write it before the first run"),
            "{notes:?}"
        );
    }

    #[test]
    fn a_line_that_is_no_process_is_an_error_with_its_place() {
        for (text, expected) in [
            ("web: a\nnonsense\n", "Procfile:2:1"),
            ("web: a\nweb: b\n", "there twice"),
            ("# none\n", "no process types"),
        ] {
            let error = draft(
                &Project::of(&[("Procfile", text)]),
                "Procfile",
                Notes::default(),
            );
            let error = error.expect_err("an error");
            assert!(error.message.contains(expected), "{error:?}");
        }
    }
}
