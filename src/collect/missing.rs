//! Which files that dev mounts are worth asking the image for. Pure.

/// True for files that a running app does not need: version control, documentation, editor settings,
/// caches, and the files that make the image itself.
pub fn never_needed(path: &str) -> bool {
    const PARTS: &[&str] = &[
        ".git",
        ".github",
        ".gitlab",
        ".svn",
        ".hg",
        ".idea",
        ".vscode",
        ".devcontainer",
        ".husky",
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
        ".cache",
        ".DS_Store",
        "coverage",
        ".nyc_output",
        "docs",
        "doc",
        ".circleci",
        "test",
        "tests",
        "spec",
        "__tests__",
        ".next",
        ".turbo",
        ".gradle",
        "tmp",
        "logs",
    ];
    const NAMES: &[&str] = &[
        "dockerfile",
        "containerfile",
        "makefile",
        "justfile",
        "license",
        "licence",
        "changelog",
        "contributing",
        "authors",
        "readme",
        "procfile",
        "jenkinsfile",
        "vagrantfile",
    ];
    const ENDINGS: &[&str] = &[
        ".md",
        ".rst",
        ".adoc",
        ".log",
        ".pyc",
        ".pyo",
        ".swp",
        ".swo",
        ".bak",
        ".orig",
        ".pid",
        ".test.js",
        ".test.ts",
        ".spec.js",
        ".spec.ts",
        ".tsbuildinfo",
    ];
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or_default();
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    PARTS.contains(&name)
        || parts.any(|part| PARTS.contains(&part))
        || NAMES.contains(&stem)
        || ENDINGS.iter().any(|ending| lower.ends_with(ending))
        || (lower.starts_with(".git")
            || lower.starts_with(".docker")
            || lower.starts_with(".editor"))
        || lower.starts_with(".eslint")
        || lower.starts_with(".prettier")
        || lower.starts_with("docker-compose")
        || (lower.starts_with("compose.") && (lower.ends_with(".yaml") || lower.ends_with(".yml")))
        || lower.ends_with(".dockerignore")
}

/// True for packages that are installed for the machine they are on: an image installs its own.
pub fn is_package(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(
            part,
            "node_modules" | "bower_components" | ".venv" | "venv" | "site-packages"
        )
    })
}

/// True for files that tell a package manager what to install: an image that has nothing else of the project has none
/// of its code.
pub fn is_manifest(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        "bun.lockb",
        "bun.lock",
        "pyproject.toml",
        "poetry.lock",
        "uv.lock",
        "Pipfile",
        "Pipfile.lock",
        "setup.cfg",
        "Gemfile",
        "Gemfile.lock",
        "composer.json",
        "composer.lock",
        "go.mod",
        "go.sum",
        "Cargo.toml",
        "Cargo.lock",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "mix.exs",
        "mix.lock",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    let requirements = name.starts_with("requirements") && name.ends_with(".txt");
    NAMES.contains(&name) || requirements || path.starts_with("requirements/")
}

/// True for the lock file of a package manager, which an installation writes anew.
pub fn is_lock_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    is_manifest(path)
        && (name.contains("lock") || name == "go.sum" || name == "npm-shrinkwrap.json")
}

/// Reduces files to the topmost directories of which nothing is `present`.
pub fn topmost(absent: &[String], present: &[String]) -> Vec<String> {
    let mut tops: Vec<String> = Vec::new();
    for path in absent {
        let mut top = path.as_str();
        let mut parent = path.as_str();
        while let Some((above, _)) = parent.rsplit_once('/') {
            let inside = format!("{above}/");
            if present.iter().any(|other| other.starts_with(&inside)) {
                break;
            }
            top = above;
            parent = above;
        }
        if !tops.iter().any(|known| known == top) {
            tops.push(top.to_owned());
        }
    }
    tops
}

/// Whether a log line says that something at `target` (absolute, in the container) is not there.
pub fn says_missing(line: &str, target: &str) -> bool {
    const SIGNS: &[&str] = &[
        "no such file",
        "enoent",
        "not found",
        "cannot find",
        "could not find",
        "does not exist",
        "filenotfound",
        "can't open",
        "cannot open",
        "can't find",
        "failed to open",
        "unable to open",
    ];
    let lower = line.to_lowercase();
    let name = target.rsplit('/').next().unwrap_or(target);
    SIGNS.iter().any(|sign| lower.contains(sign)) && (line.contains(target) || line.contains(name))
}

/// Byte offset at which `text` names the file or directory `name` as a path: between quotes, slashes
/// or white space, never as a part of a longer name.
pub fn named(text: &str, name: &str) -> Option<usize> {
    if name.len() < 3 {
        return None;
    }
    let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let quoted = |c: char| matches!(c, '/' | '"' | '\'' | '`');
        let starts = before.is_none_or(|c| !part_of_name(c));
        let ends = after.is_none_or(|c| !part_of_name(c) || c == '.');
        // A bare word is a path only next to a slash or in quotes; with a dot it is a file's name.
        let pathlike =
            name.contains('.') || (before.is_some_and(quoted) && after.is_some_and(quoted));
        starts && ends && pathlike
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_running_app_needs_is_told_from_what_only_the_project_needs() {
        for path in [
            "README.md",
            ".git/HEAD",
            "src/__pycache__/a.pyc",
            "Dockerfile",
            "compose.yaml",
            "tests/a.py",
            ".gitignore",
        ] {
            assert!(never_needed(path), "{path}");
        }
        for path in [
            "config/settings.json",
            "src/app.py",
            "package.json",
            "templates/index.html",
            "nginx.conf",
        ] {
            assert!(!never_needed(path), "{path}");
        }
    }

    #[test]
    fn whole_directories_are_named_once() {
        let list = |paths: &[&str]| {
            paths
                .iter()
                .map(|path| (*path).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            topmost(
                &list(&["config/a.json", "config/b/c.json", "src/x.js"]),
                &list(&["src/y.js"])
            ),
            ["config", "src/x.js"]
        );
    }

    #[test]
    fn a_file_is_named_by_a_path_and_not_by_a_part_of_a_word() {
        assert!(named("readFileSync('./config/settings.json')", "settings.json").is_some());
        assert!(named("require(\"../config/x\")", "config").is_some());
        assert!(named("const config = 1", "config").is_none());
        assert!(named("mysettings.json", "settings.json").is_none());
    }

    #[test]
    fn a_log_line_about_a_missing_file_is_recognised() {
        let line = "Error: ENOENT: no such file or directory, open '/app/config/settings.json'";
        assert!(says_missing(line, "/app/config/settings.json"));
        assert!(!says_missing(
            "loaded /app/config/settings.json",
            "/app/config/settings.json"
        ));
    }
}
