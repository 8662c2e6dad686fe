//! Development servers of Python, by command and by source.

use super::{Call, Environment, Found, SITE, Server, server};
use crate::app::Place;
use crate::evidence::{Process, ScriptKind};

const FLASK: &str = "serve the app with gunicorn: `gunicorn --bind 0.0.0.0:8000 app:app`";
const DJANGO: &str = "serve the app with gunicorn: `gunicorn --bind 0.0.0.0:8000 PROJECT.wsgi`";
const UVICORN: &str =
    "start it without `--reload`, and with `--workers` where one process is not enough";

/// The development server of a Python tool.
pub fn found(call: &Call) -> Found {
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

/// What makes `flask run` worse.
pub fn flask_mode(process: &Process, environment: &Environment) -> Option<(Option<Place>, String)> {
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
pub fn source(process: &Process, environment: &Environment) -> Option<Server> {
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
