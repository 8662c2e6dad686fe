//! Whether a command picks up changed source files by itself, so that nothing has to be restarted. General knowledge of
//! tools, none of any app.

use super::{Call, Environment, javascript, others, python, watcher};
use crate::evidence::{Process, ScriptKind};

/// How a program picks up changed files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// It watches them: "the development server of Vite".
    Watches(String),
    /// It reads them with each request: "nginx".
    PerRequest(String),
}

/// How `process`, or something that it starts, picks up changed files; none when it does not, as far as is known.
pub fn reload(process: &Process, environment: &Environment) -> Option<Reload> {
    let mut all = process.all().into_iter();
    all.find_map(|process| of_one(process, environment))
}

fn of_one(process: &Process, environment: &Environment) -> Option<Reload> {
    let call = Call::of(process)?;
    if let Some((what, _)) = watcher(&call) {
        return Some(Reload::Watches(what));
    }
    if let Some((what, _)) = javascript::found(&call, process) {
        // AdonisJS alone wants to be asked.
        let asked = call.program != "node" || call.has(&["--watch", "--hmr", "-w"]);
        return asked.then_some(Reload::Watches(what));
    }
    if let Some((what, _)) = python::found(&call) {
        let reloads = python_reloads(&call, process, environment);
        return reloads.then_some(Reload::Watches(what));
    }
    if reloads_in_its_source(process, environment) {
        return Some(Reload::Watches("a server with its file watcher".to_owned()));
    }
    if let Some((what, _)) = others::found(&call, process, environment) {
        return of_other(&call, what);
    }
    serves_files(&call).then(|| Reload::PerRequest(call.program.to_owned()))
}

/// A development server of Python: Flask and Quart reload in their debug mode only, Django unless it is told not to.
fn python_reloads(call: &Call, process: &Process, environment: &Environment) -> bool {
    match call.program {
        "flask" | "quart" => {
            let asked = call.has(&["--debug", "--reload"])
                || python::flask_mode(process, environment).is_some();
            asked && !call.has(&["--no-reload"])
        }
        "sanic" => call.has(&["--dev", "--reload", "-r", "--auto-reload"]),
        _ => !call.has(&["--noreload", "--no-reload"]),
    }
}

/// A Python program that starts a server which reloads, or one whose debug mode does.
fn reloads_in_its_source(process: &Process, environment: &Environment) -> bool {
    let script = process.reads.as_ref();
    let Some(script) = script.filter(|script| script.kind == ScriptKind::Source) else {
        return false;
    };
    let has = |wanted: &[&str]| {
        script.lines.iter().any(|line| {
            let text = line.text.replace(' ', "");
            wanted.iter().any(|wanted| text.contains(wanted))
        })
    };
    if has(&["use_reloader=False", "reload=False"])
        || python::source(process, environment).is_none()
    {
        return false;
    }
    has(&["debug=True", "reload=True", "use_reloader=True"])
        || python::flask_mode(process, environment).is_some()
}

/// A development server of PHP, Ruby, Java and others.
fn of_other(call: &Call, what: String) -> Option<Reload> {
    match call.program {
        // Rails loads changed classes with the next request, and so does Ring.
        "php" | "artisan" | "spark" | "yii" | "console" | "symfony" | "rails" | "lein" => {
            Some(Reload::PerRequest(what))
        }
        // Of the build tools' ways to start an app only these look at its sources.
        "mvn" | "mvnw" | "gradle" | "gradlew" => {
            let watches = |word: &&str| {
                let goal = word.rsplit(':').next().unwrap_or(word);
                matches!(goal, "quarkusDev" | "dev")
            };
            call.arguments
                .iter()
                .any(watches)
                .then_some(Reload::Watches(what))
        }
        _ => Some(Reload::Watches(what)),
    }
}

/// Servers that open a file for each request: of static files, and of PHP, whose processes end with the request.
fn serves_files(call: &Call) -> bool {
    match call.program {
        "nginx" | "nginx-debug" | "httpd" | "httpd-foreground" | "apache2"
        | "apache2-foreground" | "apachectl" | "apache2ctl" | "caddy" | "lighttpd"
        | "http-server" | "serve" | "sirv" | "static-web-server" | "darkhttpd" | "thttpd"
        | "http.server" => true,
        // A worker keeps the app in memory.
        "frankenphp" => !call.arguments.iter().any(|word| word.contains("worker")),
        "busybox" => call.action() == "httpd",
        name => name.starts_with("php-fpm"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::evidence::{Script, SourceLine, VariableSeen};

    fn of(process: &Process, image: &[VariableSeen]) -> Option<Reload> {
        let environment = Environment {
            service: &[],
            image,
        };
        reload(process, &environment)
    }

    #[test]
    fn commands_that_watch_their_files_are_known() {
        for words in [
            "nodemon server.js",
            "node --watch server.js",
            "vite --host",
            "next dev",
            "npm run dev",
            "flask --app web run --debug",
            "python manage.py runserver 0.0.0.0:8000",
            "uvicorn app:app --reload",
            "gunicorn --reload app",
            "fastapi dev main.py",
            "air",
            "cargo watch -x run",
            "mvn quarkus:dev",
            "mix phx.server",
            "hugo server",
        ] {
            let found = of(&Process::of_words(words), &[]);
            assert!(
                matches!(found, Some(Reload::Watches(_))),
                "{words}: {found:?}"
            );
        }
    }

    #[test]
    fn commands_that_read_their_files_per_request_are_known() {
        for words in [
            "php -S 0.0.0.0:8000",
            "php artisan serve",
            "php-fpm8.2 -F",
            "nginx -g daemon off;",
            "apache2-foreground",
            "rails server",
            "python -m http.server 8000",
            "busybox httpd -f",
        ] {
            let found = of(&Process::of_words(words), &[]);
            assert!(
                matches!(found, Some(Reload::PerRequest(_))),
                "{words}: {found:?}"
            );
        }
    }

    #[test]
    fn a_server_for_developers_that_does_not_reload_is_told_from_one_that_does() {
        for words in [
            "node server.js",
            "python app.py",
            "flask run",
            "python manage.py runserver --noreload",
            "gunicorn app:app",
            "celery -A app worker",
            "php artisan queue:work",
            "mvn spring-boot:run",
            "java -jar app.jar",
            "node --inspect server.js",
            "frankenphp php-server --worker index.php",
            "postgres",
        ] {
            assert_eq!(of(&Process::of_words(words), &[]), None, "{words}");
        }
        let debug = VariableSeen {
            name: "FLASK_DEBUG".to_owned(),
            instruction: "ENV".to_owned(),
            value: "1".to_owned(),
            literal: true,
            place: Place::start_of("Dockerfile"),
        };
        assert!(of(&Process::of_words("flask run"), &[debug]).is_some());
    }

    #[test]
    fn a_program_that_serves_itself_reloads_when_its_source_says_so() {
        let reading = |lines: &[&str]| {
            let mut process = Process::of_words("python app.py");
            let place = || Place::start_of("app.py");
            let line = |text: &&str| SourceLine {
                place: place(),
                text: (*text).to_owned(),
            };
            process.reads = Some(Script {
                kind: ScriptKind::Source,
                name: "app.py".to_owned(),
                place: place(),
                starts: Vec::new(),
                ends_in_exec: false,
                traps: false,
                finite: false,
                lines: lines.iter().map(line).collect(),
            });
            of(&process, &[])
        };
        let flask = "from flask import Flask";
        assert!(reading(&[flask, "app.run(debug=True)"]).is_some());
        assert!(reading(&[flask, "app.run(debug=True, use_reloader=False)"]).is_none());
        assert!(reading(&[flask, "app.run(host='0.0.0.0')"]).is_none());
        assert!(reading(&["uvicorn.run('main:app', reload=True)"]).is_some());
    }

    #[test]
    fn a_shell_script_is_what_it_starts() {
        let mut shell = Process::of_words("sh start.sh");
        shell.reads = Some(Script {
            kind: ScriptKind::ShellFile,
            name: "start.sh".to_owned(),
            place: Place::start_of("start.sh"),
            starts: vec![
                Process::of_words("npm ci"),
                Process::of_words("nodemon server.js"),
            ],
            ends_in_exec: true,
            traps: false,
            finite: false,
            lines: Vec::new(),
        });
        assert!(of(&shell, &[]).is_some());
    }
}
