//! The languages of a directory, told by their manifests.

use crate::build::glob;

use super::project::Project;

/// What envsim has to know about a language.
#[derive(Debug)]
pub struct Language {
    pub name: &'static str,
    /// Files that name what is installed; when one changes, the image has to be built again. The first ones tell that
    /// the language is used.
    pub manifests: &'static [&'static str],
    /// How a change of the source gets into a running container.
    pub change: Change,
    /// What the language's tools write beside the source.
    pub ignore: &'static [&'static str],
}

/// What has to happen after a change of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is read with each request.
    Nothing,
    /// The process reads it when it starts.
    Restart,
    /// It is compiled.
    Rebuild,
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "Node.js",
        manifests: &[
            "package.json",
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "bun.lock",
            "bun.lockb",
        ],
        change: Change::Restart,
        ignore: &["node_modules/"],
    },
    Language {
        name: "Python",
        manifests: &[
            "requirements*.txt",
            "pyproject.toml",
            "Pipfile",
            "setup.py",
            "setup.cfg",
            "Pipfile.lock",
            "poetry.lock",
            "uv.lock",
        ],
        change: Change::Restart,
        ignore: &[".venv/", "**/__pycache__/"],
    },
    Language {
        name: "Ruby",
        manifests: &["Gemfile", "Gemfile.lock"],
        change: Change::Restart,
        ignore: &["log/", "tmp/"],
    },
    Language {
        name: "PHP",
        manifests: &["composer.json", "composer.lock"],
        change: Change::Nothing,
        ignore: &["vendor/"],
    },
    Language {
        name: "Elixir",
        manifests: &["mix.exs", "mix.lock"],
        change: Change::Rebuild,
        ignore: &["_build/", "deps/"],
    },
    Language {
        name: "Go",
        manifests: &["go.mod", "go.sum"],
        change: Change::Rebuild,
        ignore: &[],
    },
    Language {
        name: "Rust",
        manifests: &["Cargo.toml", "Cargo.lock"],
        change: Change::Rebuild,
        ignore: &["target/"],
    },
    Language {
        name: "Java",
        manifests: &["pom.xml", "build.gradle", "build.gradle.kts"],
        change: Change::Rebuild,
        ignore: &["target/", "build/", ".gradle/"],
    },
    Language {
        name: ".NET",
        manifests: &["*.csproj", "*.fsproj", "*.sln"],
        change: Change::Rebuild,
        ignore: &["**/bin/", "**/obj/"],
    },
];

impl Language {
    /// Manifests of the language among the files of `directory`.
    pub fn manifests_in(&self, project: &Project, directory: &str) -> Vec<String> {
        let mut found = Vec::new();
        for pattern in self.manifests {
            let names = project.names(directory).filter(|(_, is_dir)| !is_dir);
            let matching =
                names.filter(|(name, _)| glob::matches(pattern, name).unwrap_or_default());
            found.extend(matching.map(|(name, _)| name.to_owned()));
        }
        found
    }
}

/// The languages of `directory`.
pub fn of(project: &Project, directory: &str) -> Vec<&'static Language> {
    let used = LANGUAGES
        .iter()
        .filter(|language| !language.manifests_in(project, directory).is_empty());
    used.collect()
}

/// A Dockerfile for a directory that has none, with what it assumes.
pub fn dockerfile(project: &Project, directory: &str) -> Option<(String, &'static str)> {
    let has = |name: &str| project.exists(&crate::build::paths::join(directory, name));
    let text = |name: &str| project.text(&crate::build::paths::join(directory, name));
    let version = |names: &[&str], default: &str| -> String {
        let found = names
            .iter()
            .filter_map(|name| text(name))
            .find_map(version_in);
        found.unwrap_or_else(|| default.to_owned())
    };
    if has("requirements.txt") {
        let version = version(&[".python-version", "runtime.txt"], "3.13");
        let lines = "COPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\nENV PYTHONUNBUFFERED=1\nCOPY . .\n";
        return Some((
            format!("FROM python:{version}\nWORKDIR /app\n{lines}"),
            "Python",
        ));
    }
    if has("package.json") {
        let version = version(&[".nvmrc", ".node-version"], "22");
        let install = match has("package-lock.json") {
            true => "COPY package.json package-lock.json ./\nRUN npm ci\n",
            false if has("yarn.lock") => {
                "COPY package.json yarn.lock ./\nRUN yarn install --frozen-lockfile\n"
            }
            false if has("pnpm-lock.yaml") => {
                "COPY package.json pnpm-lock.yaml ./\nRUN corepack enable && pnpm install --frozen-lockfile\n"
            }
            false => "COPY package.json ./\nRUN npm install\n",
        };
        return Some((
            format!("FROM node:{version}\nWORKDIR /app\n{install}COPY . .\n"),
            "Node.js",
        ));
    }
    if has("Gemfile") {
        let version = version(&[".ruby-version"], "3.4");
        let lock = if has("Gemfile.lock") {
            " Gemfile.lock"
        } else {
            ""
        };
        let lines = format!("COPY Gemfile{lock} ./\nRUN bundle install\nCOPY . .\n");
        return Some((
            format!("FROM ruby:{version}\nWORKDIR /app\n{lines}"),
            "Ruby",
        ));
    }
    None
}

/// The first version number of a text such as `python-3.12.1` or `v20`.
fn version_in(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let version: String = text[start..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    Some(version.trim_end_matches('.').to_owned())
}
