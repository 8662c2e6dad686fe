//! Languages by the programs that run them, with what their sources are called. Pure.

use crate::evidence::Process;

/// What has to be known of a language to watch its sources.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// "Python".
    pub name: &'static str,
    /// Programs that run it, and read its sources when they start.
    programs: &'static [&'static str],
    /// Endings of its sources.
    pub sources: &'static [&'static str],
}

/// What tools write beside the sources of any language, as patterns. Names that a directory of sources can have as
/// well, such as `log` or `target`, are none of them.
pub const WRITTEN: &[&str] = &[
    "**/node_modules",
    "**/__pycache__",
    "**/.venv",
    "**/venv",
    "**/.pytest_cache",
    "**/.mypy_cache",
    "**/.next",
    "**/.nuxt",
    "**/.gradle",
    "**/vendor/bundle",
];

const LANGUAGES: &[Language] = &[
    Language {
        name: "Python",
        programs: &[
            "python",
            "pypy",
            "gunicorn",
            "uvicorn",
            "hypercorn",
            "daphne",
            "granian",
            "waitress-serve",
            "uwsgi",
            "flask",
            "quart",
            "fastapi",
            "django-admin",
            "manage.py",
            "celery",
            "rq",
            "dramatiq",
            "huey_consumer",
            "sanic",
            "streamlit",
            "litestar",
        ],
        sources: &["py"],
    },
    Language {
        name: "Node.js",
        programs: &[
            "node",
            "nodejs",
            "npm",
            "npx",
            "yarn",
            "pnpm",
            "pm2",
            "pm2-runtime",
            "ts-node",
            "tsx",
            "bun",
            "bunx",
            "deno",
            "next",
            "nuxt",
            "nest",
        ],
        sources: &["js", "mjs", "cjs", "ts", "mts", "cts", "jsx", "tsx"],
    },
    Language {
        name: "Ruby",
        programs: &[
            "ruby", "bundle", "rails", "puma", "rackup", "thin", "unicorn", "sidekiq", "rake",
            "resque",
        ],
        sources: &["rb", "ru", "rake"],
    },
    Language {
        name: "PHP",
        programs: &["php", "artisan", "frankenphp", "rr"],
        sources: &["php"],
    },
    Language {
        name: "Java",
        programs: &["java", "mvn", "mvnw", "gradle", "gradlew"],
        sources: &["java", "kt", "jar", "war", "class"],
    },
    Language {
        name: "Go",
        programs: &["go"],
        sources: &["go"],
    },
    Language {
        name: "Rust",
        programs: &["cargo"],
        sources: &["rs"],
    },
    Language {
        name: "Elixir",
        programs: &["mix", "elixir", "iex"],
        sources: &["ex", "exs", "heex"],
    },
    Language {
        name: ".NET",
        programs: &["dotnet"],
        sources: &["cs", "fs", "cshtml", "razor", "dll"],
    },
    Language {
        name: "Perl",
        programs: &["perl", "plackup", "starman", "hypnotoad"],
        sources: &["pl", "pm", "psgi"],
    },
    Language {
        name: "shell",
        programs: &["sh", "bash", "ash", "dash", "zsh"],
        sources: &["sh", "bash"],
    },
];

/// Endings of sources that are no use to a container before a compiler has seen them.
const COMPILED: &[&str] = &[
    "go", "rs", "java", "kt", "scala", "cs", "fs", "c", "cc", "cpp", "swift", "zig", "hs",
];

/// The language of a service's program. A shell that starts something else is only the way to it.
pub fn language(process: &Process) -> Option<&'static Language> {
    let of = |process: &&Process| {
        let name = process.program();
        LANGUAGES
            .iter()
            .find(|language| language.programs.contains(&name))
    };
    let all = process.all();
    let found = all.iter().filter_map(of);
    let (shells, others): (Vec<_>, Vec<_>) = found.partition(|language| language.name == "shell");
    // Of several the last one is what goes on.
    others.last().or(shells.last()).copied()
}

/// Whether a file of this path is a source of one of those endings.
pub fn ends_in(path: &str, endings: &[&str]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .is_some_and(|(stem, ending)| !stem.is_empty() && endings.contains(&ending))
}

/// Whether a file of this path has to be compiled.
pub fn is_compiled(path: &str) -> bool {
    ends_in(path, COMPILED)
}

/// Whether the file says what is to be installed: then only another build brings it in.
pub fn is_manifest(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "pyproject.toml",
        "poetry.lock",
        "uv.lock",
        "Pipfile",
        "Pipfile.lock",
        "setup.py",
        "setup.cfg",
        "Gemfile",
        "Gemfile.lock",
        "go.mod",
        "go.sum",
        "Cargo.toml",
        "Cargo.lock",
        "composer.json",
        "composer.lock",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "settings.gradle",
        "settings.gradle.kts",
        "mix.exs",
        "mix.lock",
        "packages.lock.json",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    NAMES.contains(&name)
        || (name.starts_with("requirements") && name.ends_with(".txt"))
        || ends_in(name, &["csproj", "fsproj", "gemspec"])
}
