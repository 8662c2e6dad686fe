//! Which commands are development servers, file watchers and debuggers, and what takes their place in
//! production. General knowledge of tools, none of any app.

use crate::app::{EnvVar, Place};
use crate::evidence::{Process, ScriptKind, VariableSeen};

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
const NEXT: &str = "run `next build` in the Dockerfile and start with `next start`";
const NUXT: &str =
    "run `nuxt build` in the Dockerfile and start with `node .output/server/index.mjs`";
const FLASK: &str = "serve the app with gunicorn: `gunicorn --bind 0.0.0.0:8000 app:app`";
const DJANGO: &str = "serve the app with gunicorn: `gunicorn --bind 0.0.0.0:8000 PROJECT.wsgi`";
const UVICORN: &str =
    "start it without `--reload`, and with `--workers` where one process is not enough";
const PHP: &str = "serve the app with php-fpm behind nginx, with Apache, or with FrankenPHP";
const RAILS: &str = "set RAILS_ENV=production and compile the assets in the Dockerfile";
const PHOENIX: &str = "build a release in the Dockerfile (`mix release`), or set MIX_ENV=prod";
const COMPILED: &str = "compile in the Dockerfile and start the program";
const JAR: &str = "build the jar in the Dockerfile and start it with `java -jar`";
const DEBUGGER: &str = "start the program without the debugger";
const SITE: &str =
    "build the pages in the Dockerfile and serve them as static files, with nginx for example";

/// The development server that `process` is, if it is one.
pub fn recognise(process: &Process, environment: &Environment) -> Option<Server> {
    let call = Call::of(process)?;
    let found = watcher(&call)
        .or_else(|| javascript(&call, process))
        .or_else(|| python(&call))
        .or_else(|| debugger(&call))
        .or_else(|| others(&call, process, environment));
    match found {
        Some((what, instead)) => {
            let mut server = Server {
                what,
                instead,
                proofs: Vec::new(),
            };
            if call.program == "flask" {
                server.proofs.extend(flask_mode(process, environment));
            }
            Some(server)
        }
        None => source(process, environment)
            .or_else(|| debugger_in_environment(&call, process, environment)),
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
                && JAVASCRIPT.contains(tool)
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

/// Tools whose binaries package managers run by name.
const JAVASCRIPT: &[&str] = &[
    "vite",
    "next",
    "nuxt",
    "nuxi",
    "react-scripts",
    "react-app-rewired",
    "craco",
    "ng",
    "vue-cli-service",
    "webpack",
    "webpack-dev-server",
    "nodemon",
    "ts-node-dev",
    "gatsby",
    "astro",
    "remix",
    "parcel",
    "snowpack",
    "tsx",
    "nest",
    "expo",
    "svelte-kit",
    "strapi",
    "vuepress",
    "vitepress",
    "docusaurus",
    "storybook",
    "turbo",
    "nx",
];

fn javascript(call: &Call, process: &Process) -> Found {
    let action = match call.program {
        "vite" | "next" | "nuxt" | "nuxi" | "astro" | "parcel" => optional_action(call),
        _ => call.action(),
    };
    match (call.program, action) {
        ("react-scripts" | "react-app-rewired" | "craco", "start") => {
            server("Create React App", STATIC)
        }
        ("next", "dev" | "") => server("Next.js", NEXT),
        ("next", path) if path.starts_with('.') || path.starts_with('/') => server("Next.js", NEXT),
        ("nuxt" | "nuxi", "dev" | "") => server("Nuxt", NUXT),
        ("vite", "" | "dev" | "serve") => server("Vite", STATIC),
        ("ng", "serve" | "s" | "dev") => server("Angular", STATIC),
        ("vue-cli-service", "serve") => server("Vue CLI", STATIC),
        ("webpack-dev-server", _) => server("webpack", STATIC),
        ("webpack" | "rspack", "serve" | "server" | "s") => server("webpack", STATIC),
        ("webpack" | "rspack" | "rollup" | "esbuild", _)
            if call.has(&["-w", "--watch", "--serve"]) =>
        {
            watching(&format!("{} --watch", call.program), STATIC)
        }
        ("parcel" | "parcel-bundler", action) if !matches!(action, "build" | "watch" | "help") => {
            server("Parcel", STATIC)
        }
        ("gatsby", "develop") => server("Gatsby", STATIC),
        ("astro", "dev" | "") => server("Astro", STATIC),
        ("remix", "dev" | "vite:dev") => server("Remix", NODE),
        ("react-router", "dev") => server("React Router", NODE),
        (
            "svelte-kit" | "snowpack" | "quasar" | "vuepress" | "vitepress" | "umi" | "ice",
            "dev",
        ) => server(call.program, STATIC),
        ("sirv", _) if call.has(&["--dev", "-D"]) => server("sirv", STATIC),
        ("ember", "serve" | "s" | "server") => server("Ember", STATIC),
        ("expo", "start") => server("Expo", STATIC),
        ("docusaurus" | "eleventy" | "storybook" | "start-storybook", "start" | "dev" | "")
            if call.program != "eleventy" =>
        {
            server(call.program, SITE)
        }
        ("eleventy", _) if call.has(&["--serve"]) => server("Eleventy", SITE),
        ("hexo", "server" | "s") => server("Hexo", SITE),
        ("live-server" | "lite-server" | "browser-sync" | "budo", _) => server(call.program, SITE),
        ("gulp" | "grunt", "watch" | "serve" | "dev" | "server") => server(call.program, STATIC),
        ("strapi", "develop" | "dev") => server(
            "Strapi",
            "run `strapi build` in the Dockerfile and start with `strapi start`",
        ),
        (
            "medusa" | "keystone" | "payload" | "redwood" | "rw" | "blitz" | "sst",
            "develop" | "dev",
        ) => server(call.program, NODE),
        ("wrangler" | "netlify" | "vercel", "dev") => server(call.program, NODE),
        ("serverless" | "sls", "offline") => server("Serverless Offline", NODE),
        ("nx", "serve") => server("Nx", NODE),
        ("turbo", _) if call.arguments.contains(&"dev") => server("Turborepo", NODE),
        ("lerna", "run") if call.arguments.contains(&"dev") => server("Lerna", NODE),
        ("meteor", "" | "run") => server(
            "Meteor",
            "run `meteor build` in the Dockerfile and start with `node main.js`",
        ),
        ("node", _)
            if call
                .arguments
                .iter()
                .any(|word| word.ends_with("/ace") || *word == "ace")
                && call.arguments.contains(&"serve") =>
        {
            server(
                "AdonisJS",
                "run `node ace build` in the Dockerfile and start with `node build/bin/server.js`",
            )
        }
        ("npm" | "yarn" | "pnpm" | "bun", _) if process.reads.is_none() => by_name_of_script(call),
        _ => None,
    }
}

/// The action of a tool that serves without one: options can come first, with their values.
fn optional_action<'a>(call: &Call<'a>) -> &'a str {
    const OTHERS: &[&str] = &[
        "build", "start", "preview", "generate", "export", "analyze", "prepare", "optimize",
    ];
    match call.arguments.first() {
        Some(first) if first.starts_with('-') => {
            let mut words = call.arguments.iter();
            words
                .find(|word| OTHERS.contains(word))
                .copied()
                .unwrap_or_default()
        }
        first => first.copied().unwrap_or_default(),
    }
}

/// A script that cannot be read, by what everybody calls it.
fn by_name_of_script(call: &Call) -> Found {
    let mut names = call.arguments.iter().filter(|word| !word.starts_with('-'));
    let first = names.next().copied().unwrap_or_default();
    let name = match first {
        "run" | "run-script" => names.next().copied().unwrap_or_default(),
        _ if call.program == "npm" => return None,
        name => name,
    };
    let parts: Vec<&str> = name.split([':', '-']).collect();
    let dev = parts
        .iter()
        .any(|part| matches!(*part, "dev" | "develop" | "development" | "watch"));
    let builds = parts
        .iter()
        .any(|part| matches!(*part, "build" | "install" | "test" | "lint"));
    (dev && !builds).then(|| {
        (
            format!("the script `{name}`, which is one for developers by its name,"),
            NODE,
        )
    })
}

fn python(call: &Call) -> Found {
    let manages = call.program == "manage.py"
        || call.program == "django-admin"
        || call
            .arguments
            .iter()
            .any(|word| word.ends_with("manage.py"));
    let runs = |name: &str| call.arguments.contains(&name);
    match call.program {
        _ if manages && (runs("runserver") || runs("runserver_plus") || runs("runsslserver")) => {
            server("Django", DJANGO)
        }
        "flask" if runs("run") => server("Flask", FLASK),
        "quart" if runs("run") => server("Quart", "serve the app with hypercorn"),
        "fastapi" if call.action() == "dev" => server("FastAPI", "start with `fastapi run`"),
        "uvicorn" | "hypercorn" if call.has(&["--reload"]) => Some((
            format!("{} with its file watcher (`--reload`)", call.program),
            UVICORN,
        )),
        "gunicorn" if call.has(&["--reload"]) => Some((
            "gunicorn with its file watcher (`--reload`)".to_owned(),
            "start it without `--reload`",
        )),
        "sanic" if call.has(&["--dev", "-d", "--debug", "--reload", "-r", "--auto-reload"]) => {
            server("Sanic", "start it without the development flags")
        }
        "pserve" | "waitress-serve" if call.has(&["--reload"]) => Some((
            format!("{} with its file watcher", call.program),
            "start it without `--reload`",
        )),
        "mkdocs" if call.action() == "serve" => server("MkDocs", SITE),
        _ => None,
    }
}

fn debugger(call: &Call) -> Found {
    let debugging = |name: &str| Some((format!("the debugger {name}"), DEBUGGER));
    match call.program {
        "debugpy" | "ptvsd" | "pdb" | "ipdb" | "pudb" | "dlv" | "gdbserver" | "rdebug-ide"
        | "rdbg" => debugging(call.program),
        "python"
            if call
                .arguments
                .iter()
                .any(|word| matches!(*word, "debugpy" | "ptvsd")) =>
        {
            debugging("debugpy")
        }
        "node" | "tsx" | "ts-node"
            if early(call, &["--inspect", "--inspect-brk", "--inspect-wait"]) =>
        {
            debugging("of Node.js (`--inspect`)")
        }
        "java" if call.arguments.iter().any(|word| is_jdwp(word)) => debugging("of Java (JDWP)"),
        _ => None,
    }
}

fn is_jdwp(word: &str) -> bool {
    word.contains("-agentlib:jdwp") || word.contains("-Xrunjdwp")
}

fn debugger_in_environment(
    call: &Call,
    process: &Process,
    environment: &Environment,
) -> Option<Server> {
    let variables: &[&str] = match call.program {
        "node" | "npm" | "yarn" | "pnpm" | "next" | "tsx" => &["NODE_OPTIONS"],
        "java" | "catalina.sh" => &[
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "JAVA_OPTS",
            "CATALINA_OPTS",
        ],
        _ => &[],
    };
    variables.iter().find_map(|name| {
        let (value, place) = environment.get(process, name)?;
        let debugs = is_jdwp(&value)
            || value
                .split_whitespace()
                .any(|word| word.starts_with("--inspect"));
        debugs.then(|| Server {
            what: format!("the debugger that `{name}` asks for"),
            instead: "take the debugger out of the variable for production",
            proofs: vec![(Some(place), format!("`{name}` is `{value}`"))],
        })
    })
}

fn others(call: &Call, process: &Process, environment: &Environment) -> Found {
    let action = call.action();
    let has = |word: &str| call.arguments.contains(&word);
    let php_script = |name: &str| {
        call.program == name
            || call
                .arguments
                .first()
                .is_some_and(|word| word.rsplit('/').next() == Some(name))
    };
    match call.program {
        "php" if call.has(&["-S"]) || call.arguments.iter().any(|word| word.starts_with("-S")) => {
            server("PHP", PHP)
        }
        _ if php_script("artisan") && has("serve") => server("Laravel", PHP),
        _ if php_script("spark") && has("serve") => server("CodeIgniter", PHP),
        _ if php_script("yii") && has("serve") => server("Yii", PHP),
        _ if php_script("console") && (has("server:run") || has("server:start")) => {
            server("Symfony", PHP)
        }
        "symfony" if matches!(action, "serve" | "server:start" | "local:server:start") => {
            server("Symfony", PHP)
        }
        "rails" if matches!(action, "server" | "s") => {
            let production = ["RAILS_ENV", "RACK_ENV"].iter().any(|name| {
                environment
                    .get(process, name)
                    .is_some_and(|(value, _)| value != "development")
            });
            let flagged =
                call.arguments.windows(2).any(|pair| {
                    matches!(pair[0], "-e" | "--environment") && pair[1] != "development"
                }) || call.arguments.iter().any(|word| {
                    word.strip_prefix("--environment=")
                        .is_some_and(|value| value != "development")
                });
            match production || flagged {
                true => None,
                false => Some((
                    "Rails in its development mode (no RAILS_ENV=production)".to_owned(),
                    RAILS,
                )),
            }
        }
        "mix" if action == "phx.server" => {
            let production = environment.is(process, "MIX_ENV", "prod");
            match production {
                true => None,
                false => Some((
                    "Phoenix in its development mode (no MIX_ENV=prod)".to_owned(),
                    PHOENIX,
                )),
            }
        }
        "jekyll" if matches!(action, "serve" | "server" | "s") => server("Jekyll", SITE),
        "middleman" if matches!(action, "server" | "") => server("Middleman", SITE),
        "hugo" if matches!(action, "server" | "serve") => server("Hugo", SITE),
        "trunk" | "dx" if action == "serve" => server(call.program, SITE),
        "mvn" | "mvnw" | "gradle" | "gradlew" => call.arguments.iter().find_map(|word| {
            let goal = word.rsplit(':').next().unwrap_or(word);
            let plugin = word.contains(':');
            match (goal, plugin) {
                ("run", true)
                    if [
                        "spring-boot",
                        "jetty",
                        "tomcat7",
                        "cargo",
                        "wildfly",
                        "liberty",
                    ]
                    .iter()
                    .any(|name| word.contains(name)) =>
                {
                    Some((format!("the build tool's `{word}`"), JAR))
                }
                ("bootRun" | "quarkusDev", _) | ("dev", true) => {
                    Some((format!("the build tool's `{word}`"), JAR))
                }
                _ => None,
            }
        }),
        "lein" if matches!(action, "ring" | "figwheel") => server("Leiningen", JAR),
        "sbt" if call.arguments.iter().any(|word| word.starts_with('~')) => watching("sbt ~", JAR),
        _ => None,
    }
}

/// What makes `flask run` worse.
fn flask_mode(process: &Process, environment: &Environment) -> Option<(Option<Place>, String)> {
    ["FLASK_DEBUG", "FLASK_ENV"].iter().find_map(|name| {
        let (value, place) = environment.get(process, name)?;
        let on = matches!(&*value.to_lowercase(), "1" | "true" | "development");
        on.then(|| {
            (
                Some(place),
                format!("`{name}={value}` turns the debugger on: whoever reaches it can run code"),
            )
        })
    })
}

/// A Python program that starts a development server itself.
fn source(process: &Process, environment: &Environment) -> Option<Server> {
    let script = process
        .reads
        .as_ref()
        .filter(|script| script.kind == ScriptKind::Source)?;
    let line = |wanted: &dyn Fn(&str) -> bool| {
        script
            .lines
            .iter()
            .find(|line| wanted(&line.text.replace(' ', "")))
    };
    let serves = line(&serves_itself);
    let debug = line(&|text| text.contains("debug=True"));
    let reload = line(&|text| text.contains("reload=True") || text.contains("use_reloader=True"));
    let flask = line(&|text| text.to_lowercase().contains("flask"));
    let uvicorn = line(&|text| text.contains("uvicorn.run("));
    if let (Some(_), Some(debug)) = (serves, debug) {
        let proof = format!(
            "{} has `debug=True`: the debugger lets whoever reaches it run code",
            debug.place
        );
        let mut found = vec![(Some(debug.place.clone()), proof)];
        found.extend(flask_mode(process, environment));
        return Some(Server {
            what: "the development server of the web framework, with its debugger,".to_owned(),
            instead: FLASK,
            proofs: found,
        });
    }
    if let (Some(_), Some(reload)) = (serves.or(uvicorn), reload) {
        let proof = format!("{} has `reload=True`", reload.place);
        return Some(Server {
            what: "a server with its file watcher".to_owned(),
            instead: UVICORN,
            proofs: vec![(Some(reload.place.clone()), proof)],
        });
    }
    let socketio = line(&|text| text.contains("socketio.run("));
    let served = line(&|text| text.contains("serve(") && !text.contains("run("));
    let (serves, _) = (serves?, flask?);
    if socketio.is_some() || served.is_some() {
        return None;
    }
    let mut proofs = vec![(
        Some(serves.place.clone()),
        format!(
            "{} starts the server that Flask brings for development",
            serves.place
        ),
    )];
    proofs.extend(flask_mode(process, environment));
    Some(Server {
        what: "the development server of Flask".to_owned(),
        instead: FLASK,
        proofs,
    })
}

/// `app.run(`, whatever the app is called; not the `run` of modules that start other things.
fn serves_itself(text: &str) -> bool {
    const OTHERS: &[&str] = &[
        "subprocess",
        "asyncio",
        "uvicorn",
        "anyio",
        "trio",
        "mcp",
        "loop",
        "socketio",
        "unittest",
        "pytest",
    ];
    text.match_indices(".run(").any(|(at, _)| {
        let owner: String = text[..at]
            .chars()
            .rev()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let owner: String = owner.chars().rev().collect();
        !owner.is_empty() && !OTHERS.contains(&&*owner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Script, SourceLine};

    fn process(words: &str) -> Process {
        Process {
            words: words.split(' ').map(str::to_owned).collect(),
            wrappers: Vec::new(),
            variables: Vec::new(),
            exec: false,
            background: false,
            conditional: false,
            place: Place::start_of("compose.yaml"),
            reads: None,
        }
    }

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
            assert!(found(&process(words), &[]).is_some(), "{words}");
        }
    }

    #[test]
    fn production_servers_are_not() {
        for words in [
            "node server.js --watch",
            "npm start",
            "npm run build:dev",
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
            assert_eq!(found(&process(words), &[]), None, "{words}");
        }
    }

    #[test]
    fn the_environment_decides_where_it_has_a_say() {
        assert!(found(&process("rails s"), &[("RAILS_ENV", "production")]).is_none());
        assert!(found(&process("rails s"), &[("RAILS_ENV", "development")]).is_some());
        assert!(found(&process("mix phx.server"), &[("MIX_ENV", "prod")]).is_none());
        assert!(
            found(
                &process("node a.js"),
                &[("NODE_OPTIONS", "--inspect=0.0.0.0:9229")]
            )
            .is_some()
        );
        let debug = found(&process("flask run"), &[("FLASK_DEBUG", "1")]).expect("a server");
        assert_eq!(debug.proofs.len(), 1);
    }

    #[test]
    fn a_program_that_serves_itself_is_read() {
        let reading = |lines: &[&str]| {
            let mut process = process("python app.py");
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
