//! Development servers of JavaScript tools.

use super::{Call, Found, NODE, SITE, STATIC, server, watching};
use crate::evidence::Process;

const NEXT: &str = "run `next build` in the Dockerfile and start with `next start`";
const NUXT: &str =
    "run `nuxt build` in the Dockerfile and start with `node .output/server/index.mjs`";

/// Tools whose binaries package managers run by name.
pub const TOOLS: &[&str] = &[
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

/// The development server of a JavaScript tool.
pub fn found(call: &Call, process: &Process) -> Found {
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
    const OTHERS: &[&str] = &["install", "i", "ci", "add", "build", "test", "exec", "dlx"];
    let words = call.arguments.iter().filter(|word| !word.starts_with('-'));
    let words: Vec<&str> = words.copied().collect();
    let first = words.first().copied().unwrap_or_default();
    // npm wants `run`; the others take the bare name, behind that of a workspace maybe.
    let runs = matches!(first, "run" | "run-script");
    if OTHERS.contains(&first) || (call.program == "npm" && !runs) {
        return None;
    }
    let name = words.into_iter().find(|word| is_for_developers(word))?;
    Some((
        format!("the script `{name}`, which is one for developers by its name,"),
        NODE,
    ))
}

/// `dev`, `start:dev`, `dev-server`, but not `build:dev`.
fn is_for_developers(script: &str) -> bool {
    let parts: Vec<&str> = script.split([':', '-']).collect();
    let has = |names: &[&str]| parts.iter().any(|part| names.contains(part));
    has(&["dev", "develop", "development", "watch"])
        && !has(&["build", "install", "test", "lint", "migrate", "seed"])
}
