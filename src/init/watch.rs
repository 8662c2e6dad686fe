//! `develop.watch` for an image: what to do when a file changes that went into it.
//!
//! Sources that a process only reads are copied into the container; what is compiled, and what says what to install,
//! means another build. The actions are those of the Compose Specification, "Compose Develop Specification".

use super::compose_file::{Map, Yaml};
use super::language::{self, Change, Language};
use super::project::Project;
use crate::build::compiles::compiles;
use crate::build::copied::FileKind;
use crate::build::dockerfile::{Copy, Kind};
use crate::build::stages::{Base, Resolved};
use crate::build::{glob, paths};

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    action: &'static str,
    /// In the project.
    path: String,
    target: Option<String>,
    ignore: Vec<String>,
}

/// Rules for an image that is built in `context`.
pub fn rules(image: &Resolved, project: &Project, context: &str) -> Option<Yaml> {
    let languages = language::of(project, context);
    let manifests: Vec<String> = languages
        .iter()
        .flat_map(|language| language.manifests_in(project, context))
        .collect();
    let mut rules = Vec::new();
    if languages
        .iter()
        .any(|language| language.change == Change::Rebuild)
    {
        rules.push(rebuild(paths::join(context, "")));
    } else {
        rules.extend(
            manifests
                .iter()
                .map(|name| rebuild(paths::join(context, name))),
        );
        rules.extend(sources(image, project, context, &languages));
    }
    let ignore: Vec<String> = languages
        .iter()
        .flat_map(|language| language.ignore)
        .map(|name| (*name).to_owned())
        .collect();
    for rule in &mut rules {
        if project.is_dir(&rule.path) {
            rule.ignore.extend(ignore.clone());
        }
    }
    let rules: Vec<Yaml> = without_covered(rules)
        .iter()
        .map(|rule| yaml(rule, project))
        .collect();
    (!rules.is_empty()).then(|| {
        let mut develop = Map::default();
        develop.put("watch", rules);
        Yaml::Map(develop)
    })
}

fn rebuild(path: String) -> Rule {
    Rule {
        action: "rebuild",
        path,
        target: None,
        ignore: Vec::new(),
    }
}

/// Rules for what the stages take from the context.
fn sources(
    image: &Resolved,
    project: &Project,
    context: &str,
    languages: &[&Language],
) -> Vec<Rule> {
    let lineage = image.lineage();
    let mut rules = Vec::new();
    for stage in image.reachable() {
        let mut taken: Vec<Rule> = Vec::new();
        for step in &stage.steps {
            match &step.kind {
                Kind::Copy(copy) | Kind::Add(copy) if copy.from.is_none() => {
                    let served = is_web_server(image)
                        && is_served(&paths::absolute(&step.workdir, &copy.dest));
                    let action = match languages
                        .iter()
                        .map(|language| language.change)
                        .max_by_key(|change| *change as u8)
                    {
                        _ if served => "sync",
                        Some(Change::Nothing) => "sync",
                        Some(Change::Restart) => "sync+restart",
                        Some(Change::Rebuild) | None => "rebuild",
                    };
                    taken.extend(copied(copy, &step.workdir, project, context, action));
                }
                Kind::Run(run) if compiles(&run.command) => taken
                    .iter_mut()
                    .for_each(|rule| *rule = rebuild(rule.path.clone())),
                _ => {}
            }
        }
        if !lineage.contains(&stage.index) {
            taken
                .iter_mut()
                .for_each(|rule| *rule = rebuild(rule.path.clone()));
        }
        rules.extend(taken);
    }
    rules
}

fn is_web_server(image: &Resolved) -> bool {
    let lowest = image.lineage()[0];
    let Base::Image(base) = &image.stages[lowest].base else {
        return false;
    };
    let name = base.split([':', '@']).next().unwrap_or_default();
    ["nginx", "httpd", "caddy", "nginx-unprivileged"].contains(&paths::base(name))
}

fn is_served(target: &str) -> bool {
    ["html", "htdocs", "/srv", "www"]
        .iter()
        .any(|part| target.contains(part))
}

/// A rule for each source of a `COPY` that the project has.
fn copied(
    copy: &Copy,
    workdir: &str,
    project: &Project,
    context: &str,
    action: &'static str,
) -> Vec<Rule> {
    if copy.parents || !copy.exclude.is_empty() {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for source in &copy.sources {
        let source = paths::below_root(source);
        let many = copy.sources.len() > 1 || glob::has_wildcards(&source);
        for (path, kind) in matching(&source, project, context) {
            let into = paths::absolute(workdir, &copy.dest);
            let directory =
                many || copy.dest.ends_with('/') || copy.dest.ends_with('.') || into == workdir;
            let target = match kind {
                FileKind::File if directory => paths::absolute(&into, paths::base(&path)),
                _ => into,
            };
            let target = (action != "rebuild").then_some(target);
            rules.push(Rule {
                action,
                path,
                target,
                ignore: Vec::new(),
            });
        }
    }
    rules
}

/// Paths of the project that a source of a `COPY` means.
fn matching(source: &str, project: &Project, context: &str) -> Vec<(String, FileKind)> {
    let kind = |path: &str| match project.is_dir(path) {
        true => FileKind::Dir,
        false => FileKind::File,
    };
    let path = paths::join(context, source);
    if !glob::has_wildcards(source) {
        return project
            .exists(&path)
            .then(|| (path.clone(), kind(&path)))
            .into_iter()
            .collect();
    }
    let found = project
        .paths
        .keys()
        .filter(|known| glob::matches(&path, known).unwrap_or_default());
    found.map(|known| (known.clone(), kind(known))).collect()
}

/// One rule a path, none below a path that means another build anyway.
fn without_covered(rules: Vec<Rule>) -> Vec<Rule> {
    let mut kept: Vec<Rule> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let covered = rules.iter().enumerate().any(|(other, by)| {
            let below = paths::within(&rule.path, &by.path).is_some();
            let same = rule.path == by.path;
            by.action == "rebuild"
                && other != index
                && below
                && (!same || rule.action != "rebuild" || other < index)
        });
        if !covered && !kept.contains(rule) {
            kept.push(rule.clone());
        }
    }
    kept
}

fn yaml(rule: &Rule, project: &Project) -> Yaml {
    let mut map = Map::default();
    map.put("action", Yaml::literal(rule.action));
    map.put("path", Yaml::literal(&project.written(&rule.path)));
    if let Some(target) = &rule.target {
        map.put("target", Yaml::literal(target));
    }
    map.put_some("ignore", Yaml::literal_words(&rule.ignore));
    Yaml::Map(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::dockerfile::read;
    use crate::build::stages::Inputs;

    fn watched(dockerfile: &str, files: &[&str]) -> String {
        let files: Vec<(&str, &str)> = files.iter().map(|path| (*path, "")).collect();
        let project = Project::of(&files);
        let read = read(dockerfile, "Dockerfile").expect("a Dockerfile");
        let image = read.resolve(&Inputs::default()).expect("it resolves");
        let mut root = Map::default();
        if let Some(develop) = rules(&image, &project, "") {
            root.put("develop", develop);
        }
        super::super::compose_file::write(&[], &root)
    }

    #[test]
    fn sources_of_an_interpreted_language_are_synced_and_its_manifests_rebuild() {
        let text = watched(
            "FROM node:22\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY src ./src\nCOPY server.js .\n",
            &["package.json", "package-lock.json", "src/a.js", "server.js"],
        );
        insta::assert_snapshot!(text, @r#"
        develop:
          watch:
            - action: rebuild
              path: ./package.json
            - action: rebuild
              path: ./package-lock.json
            - action: sync+restart
              path: ./src
              target: /app/src
              ignore: [node_modules/]
            - action: sync+restart
              path: ./server.js
              target: /app/server.js
        "#);
    }

    #[test]
    fn a_compiled_language_is_built_again() {
        let text = watched(
            "FROM golang\nCOPY . .\nRUN go build\n",
            &["go.mod", "main.go"],
        );
        insta::assert_snapshot!(text, @r#"
        develop:
          watch:
            - action: rebuild
              path: .
        "#);
    }

    #[test]
    fn sources_that_a_run_or_another_stage_compiles_mean_another_build() {
        let files = ["package.json", "src/a.ts", "public/a.css"];
        let two = "FROM node AS build\nWORKDIR /b\nCOPY . .\nRUN npm run bundle\nFROM nginx\nCOPY --from=build /b/dist /usr/share/nginx/html\n";
        let text = watched(two, &files);
        assert!(text.contains("action: rebuild\n      path: .\n"), "{text}");
        assert!(!text.contains("sync"), "{text}");
        let one = "FROM node\nWORKDIR /b\nCOPY src src\nRUN npx tsc\nCOPY public public\n";
        let text = watched(one, &files);
        assert!(
            text.contains("action: rebuild\n      path: ./src"),
            "{text}"
        );
        assert!(text.contains("target: /b/public"), "{text}");
    }

    #[test]
    fn pages_of_a_web_server_are_synced_without_a_restart() {
        let text = watched(
            "FROM nginx:1\nCOPY html /usr/share/nginx/html\nCOPY nginx.conf /etc/nginx/\n",
            &["html/index.html", "nginx.conf"],
        );
        insta::assert_snapshot!(text, @r#"
        develop:
          watch:
            - action: sync
              path: ./html
              target: /usr/share/nginx/html
            - action: rebuild
              path: ./nginx.conf
        "#);
    }
}
