//! Looks at what a service without `develop.watch` runs and is made of, for the rules it gets by itself. Needs no engine.

use std::path::Path;

use super::{checkout, command, dockerfiles, files::files_below, without_engine};
use crate::app::{App, MountKind, Problem, Service};
use crate::build::copied::copied;
use crate::build::gitignore::GitIgnore;
use crate::build::paths;
use crate::dev::watch::defaults::{Building, DefaultRule, Facts, Mounted, not_kept, rules};
use crate::engine::ImageConfig;

/// The rules that `service` of the dev run gets when it has none; `config` is what the engine knows of its image, where
/// there is one.
///
/// # Errors
/// A Dockerfile or a build context that cannot be read.
pub fn of(
    app: &App,
    service: &Service,
    config: Option<&ImageConfig>,
) -> Result<Vec<DefaultRule>, Problem> {
    let source = without_engine::source(app, service)?;
    let one = || std::iter::once((&service.name, &source));
    let commands = command::seen(app, app, one().map(|(name, source)| (name, source, config)));
    let process = commands.first().map(|command| &command.process);
    let instructions = dockerfiles::seen(app, one());
    let stage = source
        .built
        .as_ref()
        .map(|input| input.resolved.target_stage());
    let of_image = config
        .and_then(|config| config.working_dir.as_deref())
        .filter(|path| !path.is_empty())
        .or(stage.map(|stage| &*stage.workdir))
        .unwrap_or("/");
    let workdir = match &service.working_dir {
        Some(written) => paths::absolute(of_image, written),
        None => of_image.to_owned(),
    };
    // Without a program nothing of them is watched, and a directory of data can be large.
    let mounts = match process {
        Some(_) => mounted(service, app),
        None => Vec::new(),
    };
    let copies = source.built.as_ref().and_then(|input| {
        let copies = copied(&input.resolved, &input.listing.files());
        Some((input, copies.ok()?))
    });
    let build = service.build.as_ref().zip(copies.as_ref());
    let build = build.map(|(build, (input, copies))| {
        let file = build
            .dockerfile_inline
            .is_none()
            .then(|| build.dockerfile.clone());
        let ignore = build.context.join(input.ignore.file());
        let ignore = (!input.ignore.file().is_empty()).then_some(ignore);
        Building {
            context: &build.context,
            instructions: file.into_iter().chain(ignore).collect(),
            shown: &input.shown,
            resolved: &input.resolved,
            copies,
            not_kept: not_kept_in(&build.context, app),
        }
    });
    Ok(rules(&Facts {
        service,
        process,
        variables: instructions.first().map_or(&[], |seen| &*seen.variables),
        workdir: &workdir,
        mounts,
        build,
    }))
}

fn mounted(service: &Service, app: &App) -> Vec<Mounted> {
    let binds = service.volumes.iter().filter_map(|mount| {
        let MountKind::Bind { source, .. } = &mount.kind else {
            return None;
        };
        let files = match source.is_dir() {
            false => vec![String::new()],
            true => files_below(source)
                .iter()
                .filter_map(|file| file.strip_prefix(source).ok())
                .map(|below| below.to_string_lossy().into_owned())
                .collect(),
        };
        Some(Mounted {
            source: source.clone(),
            target: mount.target.trim_end_matches('/').to_owned(),
            not_kept: not_kept_in(source, app),
            files,
        })
    });
    binds.collect()
}

/// What the ignore files of git in `directory` and above it leave out, the outermost first.
fn not_kept_in(directory: &Path, app: &App) -> Vec<String> {
    let top = checkout::top(&app.directory);
    let top = match directory.starts_with(&top) {
        true => top,
        false => checkout::top(directory),
    };
    let above: Vec<&Path> = directory
        .ancestors()
        .take_while(|above| above.starts_with(&top))
        .collect();
    let patterns = above.into_iter().rev().filter_map(|above| {
        let text = std::fs::read(above.join(".gitignore")).ok()?;
        let below = directory.strip_prefix(above).ok()?.to_string_lossy();
        let ignore = GitIgnore::parse(&String::from_utf8_lossy(&text));
        Some(not_kept(&ignore, &below))
    });
    patterns.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::WatchAction;
    use crate::collect::dockerfiles::tests::project;

    #[test]
    fn a_service_gets_the_rules_that_its_files_call_for() {
        let (_kept, app) = project(&[
            (
                "compose.yaml",
                "services:\n  api:\n    build: .\n  web:\n    image: python:3.12\n    command: python server.py\n    working_dir: /srv\n    volumes: [./web:/srv]\n  db:\n    image: postgres:16\n    volumes: [./data:/var/lib/postgresql/data]\n",
            ),
            (
                "Dockerfile",
                "FROM node:22\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY src ./src\nCMD [\"node\", \"src/a.js\"]\n",
            ),
            (".gitignore", "*.local.py\n/web/generated/\n"),
            ("package.json", "{}"),
            ("src/a.js", ""),
            ("web/server.py", "print()"),
            ("data/PG_VERSION", "16"),
        ]);
        let of = |name: &str| of(&app, &app.services[name], None).expect("it can be read");
        let api = of("api");
        let actions: Vec<_> = api.iter().map(|default| &default.rule.action).collect();
        let sync = WatchAction::SyncAndRestart;
        assert_eq!(
            actions,
            [&WatchAction::Rebuild, &WatchAction::Rebuild, &sync]
        );
        assert_eq!(api[2].rule.path, app.directory.join("src"));
        let web = of("web");
        assert_eq!(web.len(), 1);
        assert_eq!(web[0].rule.action, WatchAction::Restart);
        assert_eq!(web[0].rule.include, ["**/*.py"]);
        for pattern in ["**/*.local.py", "generated"] {
            let ignore = &web[0].rule.ignore;
            assert!(ignore.iter().any(|other| other == pattern), "{ignore:?}");
        }
        assert_eq!(of("db"), []);
    }
}
