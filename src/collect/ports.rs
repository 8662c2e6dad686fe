//! Looks for the ports that the services listen on: in their commands, their configuration and
//! source files, their health checks and labels, and in what is known of their images.

mod code;
mod program;

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::dockerfiles::Lines;
use crate::app::{App, At, Place, Service};
use crate::build::dockerfile::Command;
use crate::build::stages::{Base, Settings};
use crate::evidence::{PortClaim, PortSource, PortsSeen};
use crate::run::image::Source;
use crate::scan::ports::address::own_ports;

/// What the files tell of the ports of each service of `app`. `own` are the files of each image.
///
/// Blocking: reads the disk.
pub fn look(
    app: &App,
    sources: &IndexMap<String, Source>,
    own: &IndexMap<String, Vec<Arc<Path>>>,
) -> Vec<PortsSeen> {
    let services = app.services.values();
    let subjects: Vec<Subject> = services
        .filter_map(|service| Some(Subject::new(app, service, sources.get(&service.name)?, own)))
        .collect();
    subjects
        .iter()
        .map(|subject| seen(subject, &subjects))
        .collect()
}

/// A service with all that its ports are told by.
struct Subject<'a> {
    app: &'a App,
    service: &'a Service,
    source: &'a Source,
    /// What the Dockerfile sets.
    settings: Settings,
    lines: Option<Lines<'a>>,
    /// Files of the image.
    files: &'a [Arc<Path>],
}

/// A command and where it stands.
struct Written {
    command: Command,
    place: Place,
    text: String,
}

impl<'a> Subject<'a> {
    fn new(
        app: &'a App,
        service: &'a Service,
        source: &'a Source,
        own: &'a IndexMap<String, Vec<Arc<Path>>>,
    ) -> Self {
        let built = source.built.as_ref();
        Self {
            app,
            service,
            source,
            settings: built
                .map(|input| input.resolved.settings())
                .unwrap_or_default(),
            lines: built.map(|input| Lines::of(service, input)),
            files: own.get(&service.name).map_or(&[], Vec::as_slice),
        }
    }

    /// A variable of the container.
    fn variable(&self, name: &str) -> Option<String> {
        let mut written = self.service.environment.iter();
        let written = written.find(|variable| variable.name == name);
        let image = || self.settings.env.get(name).map(|(value, _)| value.clone());
        written
            .map(|variable| variable.value.clone())
            .or_else(image)
    }

    /// Where a variable of the container is set, when the Compose file sets it.
    fn variable_place(&self, name: &str) -> Option<Place> {
        let mut written = self.service.environment.iter();
        let written = written.find(|variable| variable.name == name);
        let set = || {
            let (_, line) = self.settings.env.get(name)?;
            Some(self.lines.as_ref()?.place(*line))
        };
        written.map(|variable| variable.place.clone()).or_else(set)
    }

    /// ENTRYPOINT and CMD as the container has them; none of both when the image's own run.
    fn written(&self) -> (Option<Written>, Option<Written>) {
        let of_compose = |words: &At<Vec<String>>| Written {
            command: Command::Exec(words.value.clone()),
            place: words.place.clone(),
            text: String::new(),
        };
        let of_file = |set: &Option<(Command, usize)>| {
            let (command, line) = set.as_ref()?;
            let lines = self.lines.as_ref()?;
            Some(Written {
                command: command.clone(),
                place: lines.place(*line),
                text: lines.text(*line),
            })
        };
        let entrypoint = self.service.entrypoint.as_ref();
        let command = self.service.command.as_ref();
        let image_entrypoint = || of_file(&self.settings.entrypoint);
        // An entrypoint of the Compose file takes the image's CMD away.
        let image_command = || {
            entrypoint
                .is_none()
                .then(|| of_file(&self.settings.cmd))
                .flatten()
        };
        (
            entrypoint.map(of_compose).or_else(image_entrypoint),
            command.map(of_compose).or_else(image_command),
        )
    }

    /// The image that the service's image is, or stands on.
    fn base(&self) -> Option<&str> {
        let Some(input) = &self.source.built else {
            let image = self.service.image.as_ref();
            return image.map(|image| &*image.value);
        };
        let lowest = *input.resolved.lineage().first()?;
        match &input.resolved.stages[lowest].base {
            Base::Image(reference) => Some(reference),
            _ => None,
        }
    }

    /// Whether another service is built from the same Dockerfile and runs another command: what is in
    /// the files can be that one's.
    fn shares_files(&self, others: &[Self]) -> bool {
        let Some(build) = &self.service.build else {
            return false;
        };
        let same = |other: &&Self| {
            other.service.name != self.service.name
                && other.service.build.as_ref().is_some_and(|other| {
                    other.context == build.context
                        && other.dockerfile == build.dockerfile
                        && other.target == build.target
                })
        };
        let words = |service: &Service| {
            let words =
                |words: &Option<At<Vec<String>>>| words.as_ref().map(|words| words.value.clone());
            (words(&service.entrypoint), words(&service.command))
        };
        let mut same = others.iter().filter(same);
        same.any(|other| words(other.service) != words(self.service))
    }
}

fn seen(subject: &Subject, all: &[Subject]) -> PortsSeen {
    let program = program::listens(subject, subject.shares_files(all));
    let mut claims = program.claims;
    claims.extend(health_checks(subject));
    claims.extend(labels(subject.service));
    claims.sort_by_key(|claim| (claim.port, claim.how));
    claims.dedup_by_key(|claim| (claim.port, claim.how));
    PortsSeen {
        service: subject.service.name.clone(),
        claims,
        idle: program.idle,
    }
}

/// The ports at which the service's own health check asks the container itself.
fn health_checks(subject: &Subject) -> Vec<PortClaim> {
    let written = subject.service.healthcheck.as_ref();
    let (words, place) = match written {
        Some(check) if check.disable => return Vec::new(),
        Some(check) if !check.test.is_empty() => (check.test.clone(), Some(check.place.clone())),
        _ => {
            let Some((check, line)) = &subject.settings.healthcheck else {
                return Vec::new();
            };
            let words = match &check.command {
                None => return Vec::new(),
                Some(Command::Shell(text)) => vec![text.clone()],
                Some(Command::Exec(words)) => words.clone(),
            };
            (
                words,
                subject.lines.as_ref().map(|lines| lines.place(*line)),
            )
        }
    };
    // A list begins at a place without a width.
    let place = place.map(|place| Place {
        end_column: place.end_column.max(place.column + 1),
        ..place
    });
    let ports = own_ports(&words).into_iter();
    let claims = ports.map(|port| PortClaim {
        port,
        how: PortSource::HealthCheck,
        what: format!("its health check asks itself on port {port}"),
        place: place.clone(),
        text: String::new(),
    });
    claims.collect()
}

/// Labels by which a reverse proxy learns a container's port, and the variable of nginx-proxy.
fn labels(service: &Service) -> Vec<PortClaim> {
    let place = service.keys.get("labels");
    let of_label = service.labels.iter().filter_map(|(name, value)| {
        let is_port = name.ends_with(".loadbalancer.server.port") || name == "traefik.port";
        let port = value.parse().ok().filter(|_| is_port)?;
        Some((
            port,
            format!("its label `{name}` is {port}"),
            place.cloned(),
        ))
    });
    let of_variable = service.environment.iter().filter_map(|variable| {
        let port = variable
            .value
            .parse()
            .ok()
            .filter(|_| variable.name == "VIRTUAL_PORT")?;
        let place = Some(variable.place.clone());
        Some((
            port,
            format!("its variable `VIRTUAL_PORT` is {port}"),
            place,
        ))
    });
    let all = of_label.chain(of_variable);
    all.map(|(port, what, place)| PortClaim {
        port,
        how: PortSource::ProxyLabel,
        what,
        place,
        text: String::new(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use crate::collect::dockerfiles::tests::project;
    use crate::collect::{files, without_engine};

    /// Each service's ports, or what it runs when that listens on nothing.
    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let (_directory, app) = project(files);
        let (sources, problems) = without_engine::sources(&app);
        assert!(problems.is_empty(), "{problems:?}");
        let seen = files::look(&app, &app, &sources, files::Secrets::InLayers)
            .ports
            .into_iter();
        seen.map(|seen| {
            let mut ports: Vec<u16> = seen.claims.iter().map(|claim| claim.port).collect();
            ports.dedup();
            match seen.idle {
                Some(idle) => format!("{}: {idle}", seen.service),
                None => format!("{}: {ports:?}", seen.service),
            }
        })
        .collect()
    }

    #[test]
    fn a_script_is_followed_to_the_file_that_listens_and_a_variable_moves_it() {
        let files = [
            (
                "Dockerfile",
                "FROM node:22-slim\nCOPY . .\nCMD [\"npm\", \"start\"]\n",
            ),
            (
                "package.json",
                "{\"scripts\": {\"start\": \"node src/server.js\"}}",
            ),
            (
                "src/server.js",
                "const port = process.env.PORT || 3000\napp.listen(port)\n",
            ),
            ("src/other.js", "other.listen(9999)\n"),
            (
                "compose.yaml",
                "services:\n  a: {build: .}\n  b: {build: ., environment: {PORT: '4000'}}\n",
            ),
        ];
        assert_eq!(told(&files), ["a: [3000]", "b: [4000]"]);
    }

    #[test]
    fn of_one_image_the_server_listens_and_the_worker_does_not() {
        let files = [
            (
                "Dockerfile",
                "FROM python:3.12\nCOPY . .\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD gunicorn -b :$PORT app\nENV PORT=8001\n",
            ),
            (
                "entrypoint.sh",
                "#!/bin/sh\nwhile ! nc -z db 5432; do sleep 0.1; done\nexec \"$@\"\n",
            ),
            ("app.py", "app.run(port=5000)\n"),
            (
                "compose.yaml",
                "services:\n  web: {build: .}\n  worker: {build: ., command: celery -A app worker}\n",
            ),
        ];
        assert_eq!(told(&files), ["web: [8001]", "worker: celery"]);
    }

    #[test]
    fn commands_and_configuration_move_the_port_of_a_well_known_server() {
        let files = [
            ("nginx.conf", "server {\n  listen 8080;\n}\n"),
            ("templates/a.conf.template", "server {\n  listen ${NGINX_HTTP};\n}\n"),
            (
                "compose.yaml",
                "services:
  proxy: {image: nginx, volumes: ['./nginx.conf:/etc/nginx/conf.d/default.conf']}
  plain: {image: 'nginx:1.27'}
  filled: {image: nginx, environment: {NGINX_HTTP: 8081}, volumes: ['./templates:/etc/nginx/templates']}
  cache: {image: redis, command: redis-server --port 6380}
  client: {image: redis, command: redis-cli -h cache ping}
  db: {image: postgres, environment: {PGPORT: '5433'}}
  files: {image: minio/minio, command: 'server /data --console-address :9001'}
",
            ),
        ];
        assert_eq!(
            told(&files),
            [
                "proxy: [8080]",
                "plain: [80]",
                "filled: [8081]",
                "cache: [6380]",
                "client: redis-cli",
                "db: [5433]",
                "files: [9000, 9001]",
            ]
        );
    }

    #[test]
    fn health_checks_and_labels_tell_what_nothing_else_does() {
        let files = [(
            "compose.yaml",
            "services:
  a: {image: some/app, healthcheck: {test: 'curl -f http://localhost:7000/health'}}
  b: {image: some/app, labels: {traefik.http.services.b.loadbalancer.server.port: '7001'}}
  c: {image: some/app}
",
        )];
        assert_eq!(told(&files), ["a: [7000]", "b: [7001]", "c: []"]);
    }
}
