//! What a build makes by itself, as far as the Dockerfile tells: the packages that a `RUN` installs, the program that it
//! compiles, what a `COPY --from` brings that is no file of the context.
//!
//! Pure, and a guess in one direction only: what is named here is made by any build that succeeds, but a `RUN` can make
//! anything else as well.

use std::collections::BTreeMap;

use serde::Serialize;

use super::copied::Copies;
use super::copy::is_remote;
use super::dockerfile::{Command, Copy, Kind, Run};
use super::paths;
use super::stages::{Base, Resolved, ResolvedStage};

/// A path that the build makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Absolute path in the image.
    pub path: String,
    /// Line of the instruction.
    pub line: usize,
    /// The command, or the `COPY`, in short.
    pub by: String,
    /// What is there is known by the tool that makes it; of a `COPY --from` it can be anything.
    pub packages: bool,
}

/// Follows the stages that are built; what is in the image at the end, by path.
pub fn made(resolved: &Resolved, copies: &Copies) -> Vec<Made> {
    let mut stages: Vec<BTreeMap<String, Made>> = Vec::new();
    for stage in &resolved.stages {
        let made = of_stage(stage, &stages, (resolved, copies));
        stages.push(made);
    }
    stages.swap_remove(resolved.target).into_values().collect()
}

fn of_stage(
    stage: &ResolvedStage,
    earlier: &[BTreeMap<String, Made>],
    (resolved, copies): (&Resolved, &Copies),
) -> BTreeMap<String, Made> {
    let mut made = match stage.base {
        Base::Stage(below) => earlier[below].clone(),
        Base::Scratch | Base::Image(_) => BTreeMap::new(),
    };
    let add = |made: &mut BTreeMap<String, Made>, one: Made| {
        made.insert(one.path.clone(), one);
    };
    for step in &stage.steps {
        match &step.kind {
            Kind::Run(run) => {
                let text = command_text(run);
                made.retain(|path, _| !is_taken_away(&text, path));
                for (path, by) in installed(&text, &step.workdir) {
                    let line = step.line;
                    let one = Made {
                        path,
                        line,
                        by,
                        packages: true,
                    };
                    // A later command of the same line can take it away again.
                    if !is_taken_away(&text, &one.path) {
                        add(&mut made, one);
                    }
                }
            }
            Kind::Copy(copy) | Kind::Add(copy) => {
                let has = |stage: usize, path: &str| {
                    lineage(resolved, stage)
                        .iter()
                        .any(|stage| copies.stage_has(*stage, path))
                };
                for one in brought(copy, step.from_stage, &step.workdir, earlier, &has) {
                    add(
                        &mut made,
                        Made {
                            line: step.line,
                            ..one
                        },
                    );
                }
            }
            _ => {}
        }
    }
    made
}

/// A stage and those below it.
fn lineage(resolved: &Resolved, stage: usize) -> Vec<usize> {
    let mut all = vec![stage];
    while let Some(Base::Stage(below)) = all.last().map(|last| &resolved.stages[*last].base) {
        all.push(*below);
    }
    all
}

/// The text that a shell would get.
fn command_text(run: &Run) -> String {
    match &run.command {
        Command::Shell(text) => text.clone(),
        Command::Exec(words) => words.join(" "),
    }
}

/// The commands of a shell line with the directory each is run in, roughly: `cd` counts, the rest of the shell does not.
fn commands(text: &str, workdir: &str) -> Vec<(Vec<String>, String)> {
    let mut directory = workdir.to_owned();
    let joined = text.replace("\\\n", " ");
    let mut all = Vec::new();
    for part in joined.split(['\n', ';']).flat_map(|line| line.split("&&")) {
        for part in part.split("||") {
            let words: Vec<String> = part
                .split_whitespace()
                .map(|word| word.trim_matches(['"', '\'']).to_owned())
                .skip_while(|word| {
                    word.contains('=') || matches!(word.as_str(), "set" | "exec" | "env" | "(")
                })
                .collect();
            match words.as_slice() {
                [cd, to, ..] if cd == "cd" => directory = paths::absolute(&directory, to),
                [] => {}
                _ => all.push((words, directory.clone())),
            }
        }
    }
    all
}

/// What the commands of a `RUN` put where: (absolute path, command in short).
fn installed(text: &str, workdir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (words, directory) in commands(text, workdir) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Some(path) = output(&words, &directory) {
            let short = words.iter().take(3).copied().collect::<Vec<_>>().join(" ");
            found.push((path, short));
        }
    }
    found
}

/// Where one command puts what it installs or compiles.
fn output(words: &[&str], directory: &str) -> Option<String> {
    let has = |word: &str| words.contains(&word);
    let after = |flags: &[&str]| -> Option<String> {
        words.iter().enumerate().find_map(|(at, word)| {
            let given = flags.iter().find_map(|flag| {
                let rest = word.strip_prefix(flag)?;
                match rest.strip_prefix('=') {
                    Some(value) => Some(value.to_owned()),
                    None if rest.is_empty() => words.get(at + 1).map(|value| (*value).to_owned()),
                    None => None,
                }
            });
            given.filter(|value| !value.contains('$'))
        })
    };
    let tool = paths::base(words.first()?);
    let within = |path: &str| Some(paths::absolute(directory, path));
    match tool {
        "npm" | "pnpm" | "yarn" | "bun" => {
            let elsewhere = has("-g") || has("--global") || has("global") || has("--version");
            let directory = after(&["--prefix", "--cwd", "-C"]);
            let directory = directory.as_deref().unwrap_or(".");
            let installs = ["install", "ci", "i", "clean-install", "add"]
                .iter()
                .any(|word| words.get(1..).is_some_and(|rest| rest.contains(word)));
            let bare = tool == "yarn" && words[1..].iter().all(|word| word.starts_with('-'));
            ((installs || bare) && !elsewhere)
                .then(|| within(&format!("{directory}/node_modules")))
                .flatten()
        }
        "composer" | "composer.phar" => {
            let directory = after(&["--working-dir", "-d"]);
            let directory = directory.as_deref().unwrap_or(".");
            let installs = has("install") || has("update") || has("require");
            (installs && !has("global"))
                .then(|| within(&format!("{directory}/vendor")))
                .flatten()
        }
        "bundle" if has("install") => after(&["--path"]).and_then(|path| within(&path)),
        "go" if has("build") => after(&["-o"]).and_then(|path| match path.ends_with('/') {
            true => None,
            false => within(&path),
        }),
        "pip" | "pip3" if has("install") => {
            after(&["--target", "-t"]).and_then(|path| within(&path))
        }
        "uv" if words.get(1) == Some(&"sync") => within(".venv"),
        "uv" if words.get(1) == Some(&"venv") => {
            let named = words.get(2).filter(|word| !word.starts_with('-'));
            within(named.copied().unwrap_or(".venv"))
        }
        "virtualenv" => words.last().and_then(|path| within(path)),
        _ if tool.starts_with("python") && has("venv") => {
            words.last().and_then(|path| within(path))
        }
        _ => None,
    }
}

/// Whether a `RUN` moves or removes the path, or one above it.
fn is_taken_away(text: &str, path: &str) -> bool {
    commands(text, "/").iter().any(|(words, _)| {
        let takes = matches!(words[0].as_str(), "mv" | "rm");
        takes
            && words[1..].iter().any(|word| {
                let word = word.trim_end_matches("/*").trim_end_matches('/');
                let absolute = word.starts_with('/') && paths::within(path, word).is_some();
                let named = !word.starts_with(['/', '-']) && !word.is_empty() && {
                    let relative = word.trim_start_matches("./");
                    path.ends_with(&format!("/{relative}"))
                };
                absolute || named
            })
    })
}

/// What a `COPY --from`, an `ADD` of an address or a here-document brings that is no file of the context.
fn brought(
    copy: &Copy,
    from: Option<usize>,
    workdir: &str,
    earlier: &[BTreeMap<String, Made>],
    has: &dyn Fn(usize, &str) -> bool,
) -> Vec<Made> {
    let dest = paths::absolute(workdir, &copy.dest);
    let into_directory = copy.dest.ends_with('/') || copy.sources.len() > 1 || copy.dest == ".";
    let one = |path: String, by: String, packages| Made {
        path,
        line: 0,
        by,
        packages,
    };
    let named = |source: &str| match into_directory && paths::base(source).contains('.') {
        // With an ending it is most likely a file, which goes into the directory.
        true => paths::join(&dest, paths::base(source)),
        false => dest.clone(),
    };
    let Some(from_name) = &copy.from else {
        let remote = copy.sources.iter().filter(|source| is_remote(source));
        let mut all: Vec<Made> = remote
            .map(|source| one(named(source), format!("ADD {source}"), false))
            .collect();
        if copy.heredocs > 0 {
            all.push(one(dest.clone(), "a here-document".to_owned(), false));
        }
        return all;
    };
    let by = format!("COPY --from={from_name}");
    let mut all = Vec::new();
    for source in &copy.sources {
        let source = paths::absolute("/", source);
        let Some(stage) = from else {
            all.push(one(named(&source), by.clone(), false));
            continue;
        };
        let mut known = has(stage, &source);
        for (path, made) in &earlier[stage] {
            if let Some(below) = paths::within(path, &source) {
                known = true;
                let packages = made.packages;
                let by = format!("{by}, made by `{}` in line {}", made.by, made.line);
                all.push(one(paths::join(&dest, below), by, packages));
            } else if paths::within(&source, path).is_some() {
                known = true;
                all.push(one(named(&source), by.clone(), made.packages));
            }
        }
        if !known && !paths::base(&source).contains('*') {
            all.push(one(named(&source), by.clone(), false));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::copied::{ContextFile, FileKind, copied};
    use super::super::dockerfile::read;
    use super::super::stages::Inputs;
    use super::*;

    fn made_by(dockerfile: &str, files: &[&str]) -> Vec<String> {
        let resolved = read(dockerfile, "Dockerfile")
            .unwrap()
            .resolve(&Inputs::default())
            .unwrap();
        let context: Vec<ContextFile> = files
            .iter()
            .map(|path| ContextFile {
                path: (*path).to_owned(),
                kind: FileKind::File,
            })
            .collect();
        let copies = copied(&resolved, &context).unwrap();
        made(&resolved, &copies)
            .into_iter()
            .map(|made| format!("{} {} {}", made.path, made.line, made.by))
            .collect()
    }

    #[test]
    fn package_managers_install_where_they_are_run() {
        for (run, wanted) in [
            ("npm ci --omit=dev", Some("/app/node_modules")),
            ("corepack enable && yarn", Some("/app/node_modules")),
            (
                "yarn install --frozen-lockfile && yarn cache clean",
                Some("/app/node_modules"),
            ),
            ("cd web && npm i", Some("/app/web/node_modules")),
            (
                "npm --prefix client install",
                Some("/app/client/node_modules"),
            ),
            ("npm install -g nodemon", None),
            (
                "npm ci && npm cache clean --force && mv /app/node_modules /node_modules",
                None,
            ),
            ("npm ci && npm run build && rm -rf node_modules", None),
            ("npm run build", None),
            ("composer install --no-dev", Some("/app/vendor")),
            (
                "CGO_ENABLED=0 go build -o /app/server ./cmd",
                Some("/app/server"),
            ),
            ("go build -o server .", Some("/app/server")),
            ("python -m venv /app/.venv", Some("/app/.venv")),
            ("uv sync --frozen", Some("/app/.venv")),
            ("pip install -r requirements.txt", None),
            ("apt-get update && apt-get install -y curl", None),
            ("echo npm install", None),
        ] {
            let found = made_by(&format!("FROM x\nWORKDIR /app\nRUN {run}\n"), &[]);
            let paths: Vec<&str> = found
                .iter()
                .map(|text| text.split(' ').next().unwrap())
                .collect();
            assert_eq!(paths, wanted.into_iter().collect::<Vec<_>>(), "{run}");
        }
    }

    #[test]
    fn what_a_stage_made_comes_along_with_a_copy() {
        let text = "FROM node AS deps\nWORKDIR /d\nCOPY package.json ./\nRUN npm ci\nRUN npm run build\n\
                    FROM node\nWORKDIR /app\nCOPY --from=deps /d/node_modules ./node_modules\n\
                    COPY --from=deps /d/dist ./dist\nCOPY --from=deps /d/package.json ./\nCOPY src ./src\n";
        assert_eq!(
            made_by(text, &["package.json", "src/a.js"]),
            [
                "/app/dist 9 COPY --from=deps",
                "/app/node_modules 8 COPY --from=deps, made by `npm ci` in line 4"
            ]
        );
    }

    #[test]
    fn a_later_run_takes_it_away() {
        let text = "FROM node\nWORKDIR /app\nRUN npm install\nRUN mv node_modules /\n";
        assert_eq!(made_by(text, &[]), [] as [&str; 0]);
    }

    #[test]
    fn other_images_and_addresses_bring_what_no_context_has() {
        let text = "FROM x\nCOPY --from=nginx:1 /etc/nginx/mime.types /etc/nginx/\nADD https://example.com/a.tgz /srv/a.tgz\n";
        assert_eq!(
            made_by(text, &[]),
            [
                "/etc/nginx/mime.types 2 COPY --from=nginx:1",
                "/srv/a.tgz 3 ADD https://example.com/a.tgz"
            ]
        );
    }
}
