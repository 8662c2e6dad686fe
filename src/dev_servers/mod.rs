//! Which commands are development servers, file watchers and debuggers, and what takes their place in
//! production. General knowledge of tools, none of any app.

mod debuggers;
mod javascript;
mod others;
mod python;
pub mod reload;

use crate::app::{EnvVar, Place};
use crate::evidence::{Process, VariableSeen};

/// A command that is made for developers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is, in a fragment: "the file watcher nodemon".
    pub what: String,
    /// What to run instead, as something to do.
    pub instead: &'static str,
    /// Further places and what is said there.
    pub proofs: Vec<(Option<Place>, String)>,
}

/// The variables that a command sees.
pub struct Environment<'a> {
    /// Of the Compose file.
    pub service: &'a [EnvVar],
    /// Of the Dockerfile.
    pub image: &'a [VariableSeen],
}

impl Environment<'_> {
    /// The value of a variable for `process`, with the place it is set at.
    fn get(&self, process: &Process, name: &str) -> Option<(String, Place)> {
        let own = process
            .variables
            .iter()
            .rev()
            .find(|(other, _)| other == name);
        if let Some((_, value)) = own {
            return Some((value.clone(), process.place.clone()));
        }
        let written = self.service.iter().find(|variable| variable.name == name);
        if let Some(variable) = written {
            return Some((variable.value.clone(), variable.place.clone()));
        }
        let env = self
            .image
            .iter()
            .rev()
            .filter(|variable| variable.instruction == "ENV");
        env.into_iter()
            .find(|variable| variable.name == name)
            .map(|variable| (variable.value.clone(), variable.place.clone()))
    }

    fn is(&self, process: &Process, name: &str, value: &str) -> bool {
        let found = self.get(process, name);
        found.is_some_and(|(found, _)| found.eq_ignore_ascii_case(value))
    }
}

const NODE: &str = "build the app in the Dockerfile and start the result with `node`";
const NODE_WATCH: &str = "start the program with `node` itself";
const STATIC: &str = "build in the Dockerfile (`npm run build`) and serve the result as static files, with nginx for example";
const COMPILED: &str = "compile in the Dockerfile and start the program";
const SITE: &str =
    "build the pages in the Dockerfile and serve them as static files, with nginx for example";

/// The development server that `process` is, if it is one.
pub fn recognise(process: &Process, environment: &Environment) -> Option<Server> {
    let call = Call::of(process)?;
    let found = watcher(&call)
        .or_else(|| javascript::found(&call, process))
        .or_else(|| python::found(&call))
        .or_else(|| debuggers::found(&call))
        .or_else(|| others::found(&call, process, environment));
    match found {
        Some((what, instead)) => {
            let mut server = Server {
                what,
                instead,
                proofs: Vec::new(),
            };
            if call.program == "flask" {
                server
                    .proofs
                    .extend(python::flask_mode(process, environment));
            }
            Some(server)
        }
        None => python::source(process, environment)
            .or_else(|| debuggers::in_environment(&call, process, environment)),
    }
}

/// A program and its arguments, with what runs it taken off.
struct Call<'a> {
    program: &'a str,
    arguments: Vec<&'a str>,
}

impl<'a> Call<'a> {
    fn of(process: &'a Process) -> Option<Self> {
        let words: Vec<&str> = process.words.iter().map(String::as_str).collect();
        let mut call = Self {
            program: process.program(),
            arguments: words.get(1..)?.to_vec(),
        };
        // `python -m flask run` is flask, `yarn vite` is vite when there is no script of that name.
        if call.program == "python"
            && let Some(at) = call.arguments.iter().position(|word| *word == "-m")
            && call.arguments[..at]
                .iter()
                .all(|word| word.starts_with('-'))
        {
            call.program = *call.arguments.get(at + 1)?;
            call.arguments.drain(..=at + 1);
        }
        let runner = matches!(call.program, "yarn" | "pnpm" | "bun" | "bunx");
        if runner && process.reads.is_none() {
            let run = usize::from(call.arguments.first() == Some(&"run"));
            if let Some(tool) = call.arguments.get(run)
                && !tool.starts_with('-')
                && javascript::TOOLS.contains(tool)
            {
                call.program = tool;
                call.arguments.drain(..=run);
            }
        }
        Some(call)
    }

    /// The first argument that is no option.
    fn action(&self) -> &'a str {
        let mut words = self.arguments.iter();
        words
            .find(|word| !word.starts_with('-'))
            .copied()
            .unwrap_or_default()
    }

    fn has(&self, flags: &[&str]) -> bool {
        self.arguments.iter().any(|word| {
            let name = word.split('=').next().unwrap_or(word);
            flags.contains(&name)
        })
    }
}

type Found = Option<(String, &'static str)>;

fn server(tool: &str, instead: &'static str) -> Found {
    Some((format!("the development server of {tool}"), instead))
}

fn watching(tool: &str, instead: &'static str) -> Found {
    Some((format!("the file watcher {tool}"), instead))
}

/// Programs that do nothing but run another one again when a file changes.
fn watcher(call: &Call) -> Found {
    let program = call.program;
    match program {
        "nodemon" | "node-dev" | "ts-node-dev" | "tsnd" | "pm2-dev" => {
            watching(program, NODE_WATCH)
        }
        "watchmedo" | "watchfiles" | "hupper" | "py-autoreload" => {
            watching(program, "start the program itself, without the watcher")
        }
        "air" | "CompileDaemon" | "reflex" | "fresh" | "gow" | "modd" | "arelo" | "wgo"
        | "realize" | "cargo-watch" | "bacon" => watching(program, COMPILED),
        "watchexec" | "entr" | "rerun" | "guard" | "shotgun" | "chokidar" | "onchange" => {
            watching(program, "start the program itself, without the watcher")
        }
        "cargo" if call.action() == "watch" => watching("cargo watch", COMPILED),
        "dotnet" if call.action() == "watch" => watching(
            "dotnet watch",
            "run `dotnet publish` in the Dockerfile and start the DLL with `dotnet`",
        ),
        "node" | "tsx" | "bun" | "deno" | "ts-node"
            if early(call, &["--watch", "--hot", "--watch-path"]) =>
        {
            watching(&format!("{program} --watch"), NODE_WATCH)
        }
        "tsx" if call.action() == "watch" => watching("tsx watch", NODE),
        "tsc" if call.has(&["-w", "--watch"]) => watching("tsc --watch", NODE),
        "nest" if call.action() == "start" && call.has(&["--watch", "-w", "--debug", "-d"]) => {
            watching(
                "nest start --watch",
                "run `nest build` in the Dockerfile and start with `node dist/main`",
            )
        }
        "fastify" if call.has(&["--watch", "-w"]) => watching("fastify start --watch", NODE_WATCH),
        _ => None,
    }
}

/// A flag in front of the first argument that is no option: what follows belongs to the program.
fn early(call: &Call, flags: &[&str]) -> bool {
    let own = call
        .arguments
        .iter()
        .take_while(|word| word.starts_with('-') || **word == "run");
    own.map(|word| word.split('=').next().unwrap_or(word))
        .any(|word| flags.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Script, ScriptKind, SourceLine};

    fn variables(pairs: &[(&str, &str)]) -> Vec<VariableSeen> {
        pairs
            .iter()
            .map(|(name, value)| VariableSeen {
                name: (*name).to_owned(),
                instruction: "ENV".to_owned(),
                value: (*value).to_owned(),
                literal: true,
                place: Place::start_of("Dockerfile"),
            })
            .collect()
    }

    fn found(process: &Process, image: &[(&str, &str)]) -> Option<Server> {
        let image = variables(image);
        recognise(
            process,
            &Environment {
                service: &[],
                image: &image,
            },
        )
    }

    #[test]
    fn development_servers_watchers_and_debuggers_are_known() {
        for words in [
            "nodemon -L src/index.js",
            "/usr/local/bin/nodemon --inspect=0.0.0.0 server.js",
            "npm run dev",
            "yarn start:dev",
            "yarn workspace web dev",
            "pnpm --filter web dev",
            "yarn vite --host",
            "next dev -p 3000",
            "vite --host 0.0.0.0",
            "react-scripts start",
            "ng serve --host 0.0.0.0",
            "node --watch server.js",
            "node --inspect=0.0.0.0:9229 server.js",
            "tsx watch src/index.ts",
            "nest start --watch",
            "webpack serve --mode development",
            "flask --app web run",
            "python -m flask run --host=0.0.0.0",
            "python3 manage.py runserver 0.0.0.0:8000",
            "./manage.py runserver",
            "uvicorn app:app --reload",
            "gunicorn --reload app",
            "fastapi dev main.py",
            "python -m debugpy --listen 5678 -m uvicorn app:app",
            "php artisan serve --host=0.0.0.0",
            "php -S 0.0.0.0:8000 -t public",
            "bin/rails server -b 0.0.0.0",
            "mix phx.server",
            "air -c .air.toml",
            "cargo watch -x run",
            "dotnet watch run",
            "dlv exec ./app",
            "java -agentlib:jdwp=transport=dt_socket,server=y -jar app.jar",
            "./mvnw spring-boot:run",
            "mvn quarkus:dev",
            "hugo server",
        ] {
            assert!(found(&Process::of_words(words), &[]).is_some(), "{words}");
        }
    }

    #[test]
    fn production_servers_are_not() {
        for words in [
            "node server.js --watch",
            "npm start",
            "npm run build:dev",
            "npm install --include dev",
            "yarn migrate:dev",
            "yarn build",
            "next start",
            "next build",
            "vite build",
            "vite preview",
            "nuxt start",
            "react-scripts build",
            "flask db upgrade",
            "python manage.py migrate",
            "gunicorn --bind 0.0.0.0:8000 app:app",
            "uvicorn app:app --host 0.0.0.0",
            "php artisan queue:work",
            "php-fpm",
            "rails db:migrate",
            "nginx -g daemon off;",
            "java -jar app.jar",
            "mvn package",
            "dotnet app.dll",
            "cargo run --release",
            "celery -A app worker",
            "webpack --mode production",
        ] {
            assert_eq!(found(&Process::of_words(words), &[]), None, "{words}");
        }
    }

    #[test]
    fn the_environment_decides_where_it_has_a_say() {
        assert!(
            found(
                &Process::of_words("rails s"),
                &[("RAILS_ENV", "production")]
            )
            .is_none()
        );
        assert!(
            found(
                &Process::of_words("rails s"),
                &[("RAILS_ENV", "development")]
            )
            .is_some()
        );
        assert!(found(&Process::of_words("mix phx.server"), &[("MIX_ENV", "prod")]).is_none());
        assert!(
            found(
                &Process::of_words("node a.js"),
                &[("NODE_OPTIONS", "--inspect=0.0.0.0:9229")]
            )
            .is_some()
        );
        let debug =
            found(&Process::of_words("flask run"), &[("FLASK_DEBUG", "1")]).expect("a server");
        assert_eq!(debug.proofs.len(), 1);
    }

    #[test]
    fn a_program_that_serves_itself_is_read() {
        let reading = |lines: &[&str]| {
            let mut process = Process::of_words("python app.py");
            process.reads = Some(Script {
                kind: ScriptKind::Source,
                name: "app.py".to_owned(),
                place: Place::start_of("app.py"),
                starts: Vec::new(),
                ends_in_exec: false,
                traps: false,
                finite: false,
                lines: lines
                    .iter()
                    .map(|text| SourceLine {
                        place: Place::start_of("app.py"),
                        text: (*text).to_owned(),
                    })
                    .collect(),
            });
            found(&process, &[])
        };
        let flask = "from flask import Flask";
        assert!(reading(&[flask, "app.run(host='0.0.0.0', debug = True)"]).is_some());
        assert!(reading(&["from web import app", "app.run(debug=True)"]).is_some());
        assert!(reading(&[flask, "app.run(host='0.0.0.0')"]).is_some());
        assert!(reading(&["uvicorn.run('main:app', reload=True)"]).is_some());
        assert!(reading(&["uvicorn.run(app)"]).is_none());
        assert!(reading(&["asyncio.run(main(), debug=True)"]).is_none());
        assert!(reading(&[flask, "socketio.run(app)"]).is_none());
        assert!(reading(&["server.run(port=80)"]).is_none());
    }
}
