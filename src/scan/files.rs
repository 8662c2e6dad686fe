//! Which files are worth reading: text that a container may run or be configured by.

use super::spot::pattern;

/// More than this is data, not source.
const LARGEST: u64 = 1024 * 1024;

/// Folders of other people's code, of tools, and of tests that no task runs.
const SKIPPED_DIRS: &[&str] = &[
    "node_modules",
    "bower_components",
    "vendor",
    "site-packages",
    "__pycache__",
    ".git",
    ".hg",
    ".svn",
    ".github",
    ".gitlab",
    ".circleci",
    ".idea",
    ".vscode",
    ".venv",
    "venv",
    ".tox",
    ".next",
    ".nuxt",
    ".gradle",
    ".terraform",
    ".yarn",
    ".cache",
    "__tests__",
    "__mocks__",
    "pods",
    ".devcontainer",
    ".ddev",
    "third_party",
    "helm",
    "charts",
];

const SKIPPED_EXTENSIONS: &[&str] = &[
    "md", "mdx", "rst", "adoc", "asciidoc", "txt", "lock", "map", "log", "png", "jpg", "jpeg",
    "gif", "ico", "webp", "avif", "bmp", "tif", "tiff", "svg", "woff", "woff2", "ttf", "otf",
    "eot", "pdf", "zip", "gz", "tgz", "bz2", "xz", "zst", "7z", "tar", "jar", "war", "class", "so",
    "dll", "exe", "o", "a", "pyc", "wasm", "mp3", "mp4", "webm", "ogg", "wav", "mov", "csv", "tsv",
    "parquet", "po", "pot", "mo", "pem", "crt", "cer", "key", "pub", "p12", "jks", "der", "snap",
    "drawio", "psd", "ai", "sketch", "sum", "db", "sqlite", "sqlite3", "bin", "dat", "diff",
    "patch", "http", "rest", "puml", "dot", "sln", "example", "sample", "dist", "bak", "orig",
    "rej", "swp", "iml",
];

const SKIPPED_NAMES: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "composer.lock",
    "yarn.lock",
    "poetry.lock",
    "gemfile.lock",
    "cargo.lock",
    "mix.lock",
    "license",
    "licence",
    "copying",
    "notice",
    "authors",
    "contributors",
    "changelog",
    "changes",
    "readme",
    "codeowners",
    ".gitignore",
    ".dockerignore",
    ".gitattributes",
    ".editorconfig",
    ".gitlab-ci.yml",
    ".travis.yml",
    "jenkinsfile",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "appveyor.yml",
    "skaffold.yaml",
    "tiltfile",
    "vagrantfile",
    "renovate.json",
    ".eslintrc",
    ".eslintrc.json",
    ".prettierrc",
    "tsconfig.json",
    "codecov.yml",
];

/// Whether a file may hold hosts: text of a size, a place and a kind that a container runs or reads.
///
/// `head` is the file's beginning, some kilobytes if it has them.
pub fn scannable(path: &str, size: u64, head: &[u8]) -> bool {
    worth_reading(size) && worth_opening(path) && worth_searching(path, head)
}

/// What a file's name says of that.
pub fn worth_opening(path: &str) -> bool {
    is_place(path) && !is_unit_test(path)
}

/// What its size says, in bytes.
pub fn worth_reading(size: u64) -> bool {
    size > 0 && size <= LARGEST
}

/// What its beginning says.
pub fn worth_searching(path: &str, head: &[u8]) -> bool {
    is_text(head) && !is_foreign(path, head) && !is_minified(path, head)
}

/// Folder and name.
fn is_place(path: &str) -> bool {
    let path = path.replace('\\', "/").to_ascii_lowercase();
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", &path));
    if dirs.split('/').any(|dir| SKIPPED_DIRS.contains(&dir))
        || dirs.contains("src/test/")
        || dirs.ends_with("src/test")
    {
        return false;
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if SKIPPED_NAMES.contains(&name)
        || (SKIPPED_EXTENSIONS.contains(&extension) && name != "cmakelists.txt")
    {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name);
    let prose = matches!(
        stem,
        "readme" | "license" | "licence" | "changelog" | "contributing"
    ) && !is_source(extension);
    !(prose || may_be_aside(name) && is_aside(name))
}

/// Whether a name has a part of what [`is_aside`] looks for, which takes longer.
fn may_be_aside(name: &str) -> bool {
    pattern!("compose|docker-|stack|test|spec|stor|cy|e2e|sampl|exampl|dist|template|tpl|min|bundle|chunk|~").is_match(name)
}

/// Orchestrators' files, unit tests, samples that someone copies, bundles.
fn is_aside(name: &str) -> bool {
    pattern!(
        r"(?x)
        ^(?:docker-)?compose(?:[._-].*)?\.ya?ml$ | ^docker-(?:stack|bake|cloud|swarm)[\w.\-]*\.(?:ya?ml|hcl|json)$
        | ^docker-compose[\w.\-]*$ | ^stack[\w.\-]*\.ya?ml$
        | _test\.(?:go|py|exs?|rb|dart|cc|cpp)$ | _spec\.rb$ | \.(?:test|spec|stories|cy|e2e)\.[cm]?[jt]sx?$ | ^test_.*\.py$ | ^conftest\.py$
        | [._-](?:example|sample|dist|template)$ | ^(?:example|sample)\.env | \.env[\w.\-]*(?:example|sample|dist|template|tpl)
        | \.(?:example|sample)\.\w+$ | [._-](?:min|bundle|chunk)\.(?:m?js|css)$ | ~$
        "
    )
    .is_match(name)
        && !pattern!(r"\.(?:conf|cfg|ya?ml|json|toml|ini|xml|properties|hcl|cnf|js|php|py|sh)\.template$").is_match(name)
}

/// `OrderTest.java`: told by its capital, which `contest.java` lacks.
fn is_unit_test(path: &str) -> bool {
    let parts = ["Test", "Spec", "IT"];
    parts.iter().any(|part| path.contains(part))
        && pattern!(r"[A-Za-z0-9](?:Tests?|Spec|IT)\.(?:java|kt|scala|groovy|cs|php)$")
            .is_match(path)
}

fn is_source(extension: &str) -> bool {
    matches!(
        extension,
        "js" | "ts" | "tsx" | "jsx" | "py" | "go" | "rb" | "java" | "php" | "vue"
    )
}

/// No NUL, and no more than a little that is not UTF-8.
fn is_text(head: &[u8]) -> bool {
    if head.contains(&0) {
        return false;
    }
    match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character cut at the end of the head is no fault.
        Err(fault) => {
            head.len() - fault.valid_up_to() < 4
                || String::from_utf8_lossy(head).matches('\u{fffd}').count() * 50 < head.len()
        }
    }
}

/// Manifests of an orchestrator that the run never reads.
fn is_foreign(path: &str, head: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    if !(lower.ends_with(".yml") || lower.ends_with(".yaml")) {
        return false;
    }
    let head = String::from_utf8_lossy(head);
    let manifest = pattern!(r"(?m)^apiVersion:\s*\S").is_match(&head)
        && pattern!(r"(?m)^kind:\s*\S").is_match(&head)
        && !pattern!(r"(?m)^apiVersion:\s*\d+\s*$").is_match(&head);
    let compose = pattern!(r"(?m)^services:\s*$").is_match(&head)
        && pattern!(r"(?m)^\s{2,8}(?:image|build|depends_on|container_name):").is_match(&head);
    manifest || compose
}

/// Generated bundles: lines longer than anyone writes.
fn is_minified(path: &str, head: &[u8]) -> bool {
    let lower = path.to_ascii_lowercase();
    let script = [".js", ".mjs", ".cjs", ".css"]
        .iter()
        .any(|ending| lower.ends_with(ending));
    script
        && head.len() > 1000
        && head
            .split(|&byte| byte == b'\n')
            .map(<[u8]>::len)
            .max()
            .unwrap_or(0)
            > 1000
        && head.len() / (head.iter().filter(|&&byte| byte == b'\n').count() + 1) > 250
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_configuration_are_read() {
        for path in [
            "app.py",
            "src/index.ts",
            "nginx/default.conf",
            "nginx/default.conf.template",
            ".env",
            "Dockerfile",
            "Caddyfile",
            "bin/start",
            "config/database.yml",
            "prometheus.yml",
            "a.unknown",
            "src/contest.java",
            "entrypoint.sh",
        ] {
            assert!(scannable(path, 10, b"host = db\n"), "{path}");
        }
    }

    #[test]
    fn documents_bundles_tests_and_manifests_are_not() {
        for path in [
            "README.md",
            "LICENSE",
            "requirements.txt",
            "package-lock.json",
            "node_modules/a/b.js",
            "vendor/x.php",
            "a.min.js",
            "docker-compose.prod.yml",
            "compose.yaml",
            "docker-stack.yml",
            ".env.example",
            ".env.prod-sample",
            "x_test.go",
            "src/test/java/A.java",
            "a.spec.ts",
            ".github/workflows/ci.yml",
            "logo.svg",
            "out.js.map",
            "config.php.dist",
        ] {
            assert!(!scannable(path, 10, b"host = db\n"), "{path}");
        }
        assert!(!scannable("k.yaml", 10, b"apiVersion: v1\nkind: Service\n"));
        assert!(!scannable("x.yml", 10, b"services:\n  db:\n    image: x\n"));
        assert!(scannable("datasource.yml", 10, b"apiVersion: 1\nkind: x\n"));
    }

    #[test]
    fn binaries_and_large_files_are_not_read() {
        assert!(!scannable("a", 4, b"a\0b\n"));
        assert!(!scannable("a.py", 2 << 20, b"x"));
        assert!(!scannable("a.py", 0, b""));
        assert!(!scannable("app.js", 5000, "x".repeat(5000).as_bytes()));
        assert!(scannable(
            "a.py",
            10,
            "h\u{e4}"
                .as_bytes()
                .split_last()
                .map_or(&b""[..], |(_, rest)| rest)
        ));
    }
}
