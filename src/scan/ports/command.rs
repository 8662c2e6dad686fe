//! A command line to the ports that it makes its programs listen on.

use super::super::spot::pattern;
use super::programs::{self, Server};
use super::shell;

/// What a command tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Ports that stand in the command.
    pub ports: Vec<u16>,
    /// Further ports of a server, beside the one that it is for: a console, metrics.
    pub further: Vec<u16>,
    /// Servers that are started without a port: each listens on its default.
    pub servers: Vec<Server>,
    /// Scripts of package.json that are run.
    pub scripts: Vec<String>,
    /// Files that are run: source of an interpreter, or a shell script.
    pub files: Vec<String>,
    /// The variable `PORT`, set in the command itself.
    pub port_variable: Option<u16>,
    /// A part of the command that is not understood: it can listen on anything.
    pub unknown: bool,
    /// The first word of each program that listens on nothing.
    pub idle: Vec<String>,
}

impl Told {
    /// The program that runs and listens on nothing, when nothing else is run.
    pub fn listens_on_nothing(&self) -> Option<&str> {
        let other = self.unknown
            || !self.ports.is_empty()
            || !self.servers.is_empty()
            || !self.scripts.is_empty()
            || !self.files.is_empty();
        (!other)
            .then(|| self.idle.last().map(String::as_str))
            .flatten()
    }

    fn add(&mut self, other: Self) {
        self.ports.extend(other.ports);
        self.further.extend(other.further);
        self.servers.extend(other.servers);
        self.scripts.extend(other.scripts);
        self.files.extend(other.files);
        self.port_variable = self.port_variable.or(other.port_variable);
        self.unknown |= other.unknown;
        self.idle.extend(other.idle);
    }
}

/// Reads the words of a command in exec form; `lookup` knows the environment.
pub fn words(words: &[String], lookup: &dyn Fn(&str) -> Option<String>) -> Told {
    let words: Vec<String> = words
        .iter()
        .map(|word| shell::expand(word, lookup))
        .collect();
    simple(&words, lookup)
}

/// Reads a command in shell form, or the text of a shell script.
pub fn text(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Told {
    let mut told = Told::default();
    for words in shell::commands(&shell::expand(text, lookup)) {
        told.add(simple(&words, lookup));
    }
    told
}

/// Whether a script chooses what it starts by its first argument.
pub fn chooses(script: &str) -> bool {
    pattern!(r#"(?m)^\s*case\s+["']?\$\{?(?:1|@|\*)|\bif\s+\[+\s+["']?\$\{?1\b"#).is_match(script)
}

/// Programs that start the one after them, with the number of words that are their own.
fn wrapped(program: &str, rest: &[String]) -> Option<usize> {
    let flags = |with_value: &[&str]| {
        let mut at = 0;
        while let Some(word) = rest.get(at).filter(|word| word.starts_with('-')) {
            at += 1;
            if word == "--" {
                break;
            }
            at += usize::from(with_value.contains(&&**word));
        }
        at
    };
    let after_dashes = || rest.iter().position(|word| word == "--").map(|at| at + 1);
    Some(match program {
        "exec"
        | "nohup"
        | "time"
        | "sudo"
        | "command"
        | "npx"
        | "bunx"
        | "then"
        | "do"
        | "else"
        | "{"
        | "if"
        | "while"
        | "until"
        | "!"
        | "ddtrace-run"
        | "opentelemetry-instrument"
        | "catchsegv"
        | "cross-env"
        | "env"
        | "xvfb-run"
        | "docker-entrypoint.sh"
        | "docker-php-entrypoint"
        | "pidproxy" => flags(&["-p", "-u", "-c"]),
        "tini" | "dumb-init" | "catatonit" | "s6-setuidgid" => flags(&["-p", "-e", "-r"]),
        "gosu" | "su-exec" | "timeout" => flags(&["-k", "-s"]) + 1,
        "poetry" | "pipenv" | "uv" | "pdm" | "rye" | "hatch" | "conda"
            if rest.first().is_some_and(|word| word == "run") =>
        {
            1 + rest[1..]
                .iter()
                .take_while(|word| word.starts_with('-'))
                .count()
        }
        "bundle" | "pnpm" | "npm" | "yarn"
            if rest
                .first()
                .is_some_and(|word| word == "exec" || word == "dlx") =>
        {
            1
        }
        "newrelic-admin" => 1,
        "dockerize" | "dotenv" | "dotenvx" | "doppler" | "infisical" | "chamber" | "aws-vault" => {
            after_dashes()?
        }
        "watchmedo" | "watchexec" => after_dashes()?,
        name if is_waiting(name) => after_dashes().or_else(|| {
            let hosts = rest
                .iter()
                .take_while(|word| word.contains(':') || word.starts_with('-'))
                .count();
            (hosts < rest.len()).then_some(hosts)
        })?,
        _ => return None,
    })
}

/// `wait-for-it.sh`, `wait-for`, `wait_for_db.sh`.
fn is_waiting(program: &str) -> bool {
    pattern!(r"^wait[-_]?(?:for|4|on)").is_match(program)
}

fn simple(words: &[String], lookup: &dyn Fn(&str) -> Option<String>) -> Told {
    let mut told = Told::default();
    let mut rest = words;
    // `PORT=3001 node server.js`
    while let Some(assigned) = rest
        .first()
        .and_then(|word| pattern!(r"^(\w+)=(.*)$").captures(word))
    {
        if &assigned[1] == "PORT" {
            told.port_variable = assigned[2].parse().ok();
        }
        rest = &rest[1..];
    }
    let Some(first) = rest.first() else {
        return told;
    };
    let program = base_name(first).to_owned();
    let arguments = &rest[1..];
    if let Some(own) = wrapped(&program, arguments) {
        told.add(simple(arguments.get(own..).unwrap_or(&[]), lookup));
        return told;
    }
    match program.as_str() {
        "export" => {
            told.add(simple(arguments, lookup));
            told.unknown = false;
            told.idle.push(program);
        }
        "sh" | "bash" | "ash" | "dash" | "zsh" => told.add(shell_of(arguments, &program, lookup)),
        "python" | "python3" | "python2" | "pypy" | "pypy3" => told.add(python(arguments, lookup)),
        "npm" | "yarn" | "pnpm" | "bun" | "nx" => {
            told.add(package_manager(&program, arguments, lookup))
        }
        "node" | "nodejs" | "nodemon" | "ts-node" | "ts-node-dev" | "tsx" | "pm2-runtime"
        | "deno" | "ruby" | "php" | "bash-source" | "go" | "pm2" | "tsnd" | "node-dev"
        | "supervisor" | "perl" | "forever" => told.add(interpreter(&program, arguments, lookup)),
        _ => told.add(of_program(&program, first, arguments)),
    }
    told
}

/// The last part of a path.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn shell_of(arguments: &[String], program: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Told {
    let mut told = Told::default();
    let script = arguments
        .iter()
        .position(|word| word.starts_with('-') && word.ends_with('c') && !word.starts_with("--"));
    if let Some(script) = script.and_then(|at| arguments.get(at + 1)) {
        return text(script, lookup);
    }
    match arguments.iter().find(|word| !word.starts_with('-')) {
        Some(file) => told.files.push(file.clone()),
        None => told.idle.push(program.to_owned()),
    }
    told
}

fn python(arguments: &[String], lookup: &dyn Fn(&str) -> Option<String>) -> Told {
    let mut at = 0;
    while let Some(word) = arguments.get(at).filter(|word| word.starts_with('-')) {
        at += 1;
        match word.as_str() {
            "-m" => return module(&arguments[at..], lookup),
            "-W" | "-X" => at += 1,
            "-c" => return unknown(),
            _ => {}
        }
    }
    let Some(file) = arguments.get(at) else {
        return Told {
            idle: vec!["python".to_owned()],
            ..Told::default()
        };
    };
    let rest = &arguments[at + 1..];
    if base_name(file) == "manage.py" {
        return of_program("manage.py", file, rest);
    }
    let mut told = flags_of(None, rest);
    told.files.push(file.clone());
    told
}

/// `python -m NAME`: a program by its module, else the file `NAME.py`.
fn module(words: &[String], lookup: &dyn Fn(&str) -> Option<String>) -> Told {
    let Some(name) = words.first() else {
        return unknown();
    };
    if programs::server_of(words).is_some() || programs::is_idle(words) {
        return of_program(name, name, &words[1..]);
    }
    if matches!(
        &**name,
        "debugpy" | "coverage" | "ddtrace" | "pdm" | "poetry" | "watchdog"
    ) {
        let rest = words
            .iter()
            .position(|word| word == "-m" || word.ends_with(".py"));
        return match rest {
            Some(at) if words[at] == "-m" => module(&words[at + 1..], lookup),
            Some(at) => python(&words[at..], lookup),
            None => unknown(),
        };
    }
    let mut told = flags_of(None, &words[1..]);
    told.files.push(format!("{}.py", name.replace('.', "/")));
    told.files
        .push(format!("{}/__main__.py", name.replace('.', "/")));
    told
}

/// `npm start`, `yarn dev`, `pnpm run start:prod`; ports after `--` belong to the script's program.
fn package_manager(
    program: &str,
    arguments: &[String],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Told {
    let mut words = arguments
        .iter()
        .enumerate()
        .filter(|(at, word)| !word.starts_with('-') && !follows_directory(arguments, *at));
    let script = match words.next() {
        None if program == "yarn" => None, // installs
        None => None,
        Some((_, word)) => match word.as_str() {
            "run" | "run-script" | "serve" if word != "serve" => words.next(),
            "start" | "test" | "serve" | "dev" | "develop" | "preview" => Some((0, word)),
            "install" | "ci" | "i" | "add" | "rebuild" | "prune" | "cache" | "config" | "set" => {
                None
            }
            _ if matches!(program, "yarn" | "pnpm" | "bun") => Some((0, word)),
            _ => None,
        },
    };
    let Some((_, script)) = script else {
        return Told {
            idle: vec![program.to_owned()],
            ..Told::default()
        };
    };
    if program == "bun" && script.contains('.') {
        return interpreter(program, arguments, lookup);
    }
    let mut told = flags_of(None, arguments);
    told.scripts.push(script.clone());
    told
}

/// `--prefix DIR`, `-w NAME`, `--cwd DIR`.
fn follows_directory(arguments: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| arguments.get(at));
    before.is_some_and(|word| {
        matches!(
            &**word,
            "--prefix" | "--cwd" | "-C" | "-w" | "--workspace" | "--filter" | "-F"
        )
    })
}

fn interpreter(
    program: &str,
    arguments: &[String],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Told {
    if program == "php" {
        if let Some(at) = arguments.iter().position(|word| word == "-S") {
            let ports = arguments.get(at + 1).and_then(|word| port_at_end(word));
            return Told {
                ports: ports.into_iter().collect(),
                ..Told::default()
            };
        }
        if let Some(at) = arguments
            .iter()
            .position(|word| matches!(base_name(word), "artisan" | "console"))
        {
            return of_program("artisan", "artisan", &arguments[at + 1..]);
        }
    }
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        let takes_value = matches!(
            &**word,
            "-r" | "--require"
                | "-w"
                | "--watch"
                | "-e"
                | "--ext"
                | "-I"
                | "--import"
                | "--loader"
                | "-P"
                | "--project"
                | "--exec"
                | "-i"
                | "--ignore"
        );
        if word == "--exec" || word == "-x" {
            let inner = arguments.get(at + 1).cloned().unwrap_or_default();
            let mut told = text(&inner, lookup);
            told.files.extend(
                arguments
                    .get(at + 2)
                    .filter(|word| !word.starts_with('-'))
                    .cloned(),
            );
            return told;
        }
        if word.starts_with('-') {
            at += 1 + usize::from(takes_value);
        } else if matches!(&**word, "run" | "start" | "serve" | "task" | "watch") {
            at += 1;
        } else {
            break;
        }
    }
    let Some(file) = arguments.get(at) else {
        return Told {
            unknown: program == "go" || program == "nodemon",
            idle: vec![program.to_owned()],
            ..Told::default()
        };
    };
    // `nodemon npm start`, `node node_modules/.bin/next start`
    let words = &arguments[at..];
    let name = base_name(file).trim_end_matches(".js");
    let mut named = words.to_vec();
    named[0] = name.to_owned();
    if programs::server_of(&named).is_some() || matches!(name, "npm" | "yarn" | "node" | "python") {
        return simple(&named, lookup);
    }
    let mut told = flags_of(None, &arguments[at + 1..]);
    told.files.push(file.clone());
    told
}

/// Any other program.
fn of_program(program: &str, path: &str, arguments: &[String]) -> Told {
    let mut words = vec![program.to_owned()];
    words.extend(arguments.iter().cloned());
    // Arguments of an entrypoint that is read apart.
    if program.starts_with('-') {
        return flags_of(None, &words);
    }
    if let Some(server) = programs::server_of(&words) {
        let mut told = flags_of(Some(&server), arguments);
        if told.ports.is_empty() {
            told.servers.push(server);
        }
        return told;
    }
    if programs::is_idle(&words) {
        return Told {
            idle: vec![program.to_owned()],
            ..Told::default()
        };
    }
    if matches!(
        program,
        "fi" | "done" | "esac" | "}" | "$@" | "case" | "for" | "function" | ":" | "." | "*"
    ) {
        return Told::default();
    }
    let mut told = flags_of(None, arguments);
    match program.rsplit_once('.') {
        Some((_, "sh" | "py" | "js" | "mjs" | "cjs" | "ts" | "rb" | "php")) => {
            told.files.push(path.to_owned())
        }
        _ if path.contains('/') && !path.contains('.') => {
            // A script without an extension, or a program.
            told.files.push(path.to_owned());
            told.unknown = true;
        }
        _ => told.unknown = true,
    }
    told
}

fn unknown() -> Told {
    Told {
        unknown: true,
        ..Told::default()
    }
}

/// Ports in flags and, for a server that takes them so, in its first words.
fn flags_of(server: Option<&Server>, arguments: &[String]) -> Told {
    let joined = arguments.join(" ");
    let aside = pattern!(
        r"(?x)(?:^|\s)-{1,2}[\w.-]*(?:console|metrics?|admin|debug|management|telemetry)[\w.-]*(?:port|addr|address|listen)(?:=|\s+)(?:\S*:)?(\d{2,5})(?:\s|$)"
    );
    let further = aside
        .captures_iter(&joined)
        .filter_map(|found| found[1].parse::<u16>().ok())
        .collect();
    let joined = aside.replace_all(&joined, " ");
    let mut ports = Vec::new();
    let named = pattern!(
        r#"(?x)(?:^|\s)-{1,2}(?:(?:server|http|web|listen|http-listen|grpc|api|service|app|rest)[.-])?port(?:=|\s+)["']?(?:tcp://)?(?:\S*:)?(\d{2,5})\b"#
    );
    ports.extend(
        named
            .captures_iter(&joined)
            .filter_map(|found| found[1].parse::<u16>().ok()),
    );
    let bound = pattern!(
        r#"(?x)(?:^|\s)-{1,2}(?:[\w.-]*[.-])?(?:bind|listen|address|addr|urls|listen-address|http-address)(?:=|\s+)["']?(?:\w+://)?(?:[\w.*\[\]:+-]*:)?(\d{2,5})(?:/\w*)?(?:\s|,|$|["'])"#
    );
    ports.extend(
        bound
            .captures_iter(&joined)
            .filter_map(|found| found[1].parse::<u16>().ok()),
    );
    // Any address is one's own: nothing can be reached at it.
    let own = pattern!(r#"(?:^|[\s=/"'])(?:0\.0\.0\.0|\[::\]|\*):(\d{2,5})\b"#);
    ports.extend(
        own.captures_iter(&joined)
            .filter_map(|found| found[1].parse::<u16>().ok()),
    );
    let bare = pattern!(r#"(?:^|[\s="'])(?:tcp://)?:(\d{2,5})(?:\s|$|["'/])"#);
    ports.extend(
        bare.captures_iter(&joined)
            .filter_map(|found| found[1].parse::<u16>().ok()),
    );
    if server.is_some() {
        let short = pattern!(r"(?x)(?:^|\s)-(?:p|b|l|P)(?:=|\s*)(?:[\w.*]+:)?(\d{2,5})(?:\s|,|$)");
        ports.extend(
            short
                .captures_iter(&joined)
                .filter_map(|found| found[1].parse::<u16>().ok()),
        );
        let setting = pattern!(r"(?:^|\s)-c\s+port\s*=\s*(\d{2,5})\b");
        ports.extend(
            setting
                .captures_iter(&joined)
                .filter_map(|found| found[1].parse::<u16>().ok()),
        );
    }
    if let Some(server) = server.filter(|server| server.positional) {
        let after = server.words.len() - 1;
        let first = arguments
            .iter()
            .filter(|word| !word.starts_with('-'))
            .nth(after);
        ports.extend(first.and_then(|word| port_at_end(word)));
    }
    ports.sort_unstable();
    ports.dedup();
    Told {
        ports,
        further,
        ..Told::default()
    }
}

/// `8000`, `0.0.0.0:8000`, `:8000`.
fn port_at_end(word: &str) -> Option<u16> {
    word.rsplit(':')
        .next()?
        .parse()
        .ok()
        .filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Told {
        text(line, &|name| (name == "PORT").then(|| "7000".to_owned()))
    }

    fn defaults(told: &Told) -> Vec<u16> {
        told.servers.iter().map(|server| server.port).collect()
    }

    #[test]
    fn a_port_in_a_flag_is_the_port() {
        for (line, port) in [
            ("gunicorn hello.wsgi:application --bind 0.0.0.0:8000", 8000),
            ("gunicorn -b :5001 app:app", 5001),
            ("python manage.py runserver 0.0.0.0:8001", 8001),
            ("python -m http.server 8002", 8002),
            (
                "uvicorn app.main:app --host 0.0.0.0 --port 8003 --reload",
                8003,
            ),
            (
                "sh -c 'python manage.py migrate && exec gunicorn -b 0.0.0.0:8004 x'",
                8004,
            ),
            ("redis-server --port 6380", 6380),
            ("traefik --entrypoints.web.address=:81", 81),
            ("bundle exec rails s -p 3001 -b 0.0.0.0", 3001),
            ("php -S 0.0.0.0:8080 -t public", 8080),
            (
                "./wait-for-it.sh db:5432 -- uvicorn main:app --port 9001",
                9001,
            ),
            ("uvicorn main:app --port $PORT", 7000),
            ("postgres -c port=5433", 5433),
            ("/prometheus --web.listen-address=:9091", 9091),
            ("npx vite --host 0.0.0.0 --port 5174", 5174),
        ] {
            assert_eq!(of(line).ports, [port], "{line}");
        }
    }

    #[test]
    fn a_server_without_a_port_has_its_default() {
        for (line, port) in [
            ("flask run --host=0.0.0.0", 5000),
            ("next start", 3000),
            ("gunicorn app:app", 8000),
            ("nginx -g 'daemon off;'", 80),
            ("poetry run uvicorn main:app --reload", 8000),
            ("celery -A app flower", 0),
        ] {
            let told = of(line);
            if port > 0 {
                assert_eq!(defaults(&told), [port], "{line}");
            }
        }
    }

    #[test]
    fn workers_clients_and_sleep_listen_on_nothing() {
        for line in [
            "celery -A proj worker -l info",
            "python manage.py migrate",
            "python manage.py rqworker default",
            "sleep infinity",
            "sh -c 'sleep 5; redis-cli -h redis ping'",
            "bundle exec sidekiq",
            "php artisan queue:work",
            "tail -f /dev/null",
            "npm install",
            "bash",
        ] {
            assert!(
                of(line).listens_on_nothing().is_some(),
                "{line}: {:?}",
                of(line)
            );
        }
    }

    #[test]
    fn what_is_not_understood_can_listen() {
        for line in [
            "./server",
            "node index.js",
            "npm start",
            "entrypoint.sh",
            "java -jar app.jar",
        ] {
            assert_eq!(of(line).listens_on_nothing(), None, "{line}");
        }
    }

    #[test]
    fn files_and_scripts_that_are_run_are_named() {
        assert_eq!(
            of("node --inspect=0.0.0.0:9229 src/index.js").files,
            ["src/index.js"]
        );
        assert_eq!(of("nodemon -w src app.js").files, ["app.js"]);
        assert_eq!(of("python -u /app/worker.py").files, ["/app/worker.py"]);
        assert_eq!(of("npm run start:prod").scripts, ["start:prod"]);
        assert_eq!(of("yarn dev").scripts, ["dev"]);
    }

    #[test]
    fn a_console_is_a_further_port_of_the_server() {
        let told = of("minio server /data --console-address ':9001'");
        assert_eq!(
            (told.further.as_slice(), defaults(&told)),
            (&[9001][..], vec![9000])
        );
    }

    #[test]
    fn flags_without_their_program_name_ports_too() {
        let told = of("--entrypoints.web.address=:80 --api");
        assert_eq!((told.ports, told.unknown), (vec![80], false));
    }

    #[test]
    fn ports_of_others_are_none() {
        for line in [
            "mkdir -p 8000",
            "consumer --group=generic-metrics-counters --max-time-ms 60",
            "rails s -b 127.0.0.1",
            "worker --redis-port 6379",
            "worker --redis redis:6379",
            "wait-for-it.sh db:5432",
            "app --db-url=postgres://db:5432/x",
        ] {
            assert_eq!(of(line).ports, [0u16; 0], "{line}");
        }
    }
}
