//! Which language a file is in: what is a comment there, what is a string, and
//! whether a bare word can be a value.

/// How a file's text carries host names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Source code: a host stands in a string literal.
    Code,
    /// Shell scripts and the like: words are arguments and values.
    Shell,
    /// A Dockerfile: shell and directives, at build time and at run time.
    Dockerfile,
    /// Configuration: keys and values, quoted or not.
    Data,
    /// Pages and style sheets: words are text, only URLs can be hosts.
    Markup,
    /// One value of a compose file, no file at all.
    Value,
}

/// Where the mark of a line comment may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    /// At the start of the line or after white space: `http://host/#part` has none.
    AfterSpace,
    /// Only white space before it on the line.
    LineStart,
}

/// Comments and strings of a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language {
    pub(super) family: Family,
    pub(super) line: &'static [(&'static str, Place)],
    pub(super) block: &'static [(&'static str, &'static str)],
    /// Characters that open and close a string.
    pub(super) quotes: &'static str,
    /// Of these, the ones whose string may go on over the line's end.
    pub(super) long_quotes: &'static str,
    /// Three quotes open a text block.
    pub(super) triple: bool,
    /// A text block that stands alone is documentation.
    pub(super) docstrings: bool,
    /// `/…/` is a literal, in which quotes and comment marks mean nothing.
    pub(super) regex_literals: bool,
    /// `'` opens a character, or is part of a name or a lifetime.
    pub(super) char_quotes: bool,
    /// Text before the opening tag is a page.
    pub(super) opening_tag: Option<&'static str>,
}

const PLAIN: Language = Language {
    family: Family::Code,
    line: &[],
    block: &[],
    quotes: "\"'",
    long_quotes: "",
    triple: false,
    docstrings: false,
    regex_literals: false,
    char_quotes: false,
    opening_tag: None,
};

const SLASHES: &[(&str, Place)] = &[("//", Place::Anywhere)];
const STARS: &[(&str, &str)] = &[("/*", "*/")];
const HASH_WORD: &[(&str, Place)] = &[("#", Place::AfterSpace)];

const JAVASCRIPT: Language = Language {
    line: SLASHES,
    block: STARS,
    quotes: "\"'`",
    long_quotes: "`",
    regex_literals: true,
    ..PLAIN
};
const COMPONENT: Language = Language {
    block: &[("<!--", "-->"), ("/*", "*/")],
    regex_literals: false,
    ..JAVASCRIPT
};
const JAVA: Language = Language {
    line: SLASHES,
    block: STARS,
    triple: true,
    char_quotes: true,
    ..PLAIN
};
const GROOVY: Language = Language {
    char_quotes: false,
    ..JAVA
};
const GO: Language = Language {
    line: SLASHES,
    block: STARS,
    quotes: "\"'`",
    long_quotes: "`",
    char_quotes: true,
    ..PLAIN
};
const RUST: Language = Language {
    line: SLASHES,
    block: STARS,
    char_quotes: true,
    long_quotes: "\"",
    ..PLAIN
};
const PYTHON: Language = Language {
    line: &[("#", Place::Anywhere)],
    triple: true,
    docstrings: true,
    ..PLAIN
};
const RUBY: Language = Language {
    line: HASH_WORD,
    block: &[("\n=begin", "\n=end")],
    ..PLAIN
};
const ELIXIR: Language = Language {
    line: HASH_WORD,
    triple: true,
    docstrings: true,
    ..PLAIN
};
const PHP: Language = Language {
    line: &[("//", Place::Anywhere), ("#", Place::AfterSpace)],
    block: STARS,
    opening_tag: Some("<?"),
    ..PLAIN
};
const LUA: Language = Language {
    line: &[("--", Place::Anywhere)],
    block: &[("--[[", "]]")],
    ..PLAIN
};
const SQL: Language = Language {
    line: &[("--", Place::AfterSpace), ("#", Place::LineStart)],
    block: STARS,
    quotes: "\"'`",
    long_quotes: "'",
    ..PLAIN
};
const HASKELL: Language = Language {
    line: &[("--", Place::AfterSpace)],
    block: &[("{-", "-}")],
    char_quotes: true,
    ..PLAIN
};
const LISP: Language = Language {
    line: &[(";", Place::AfterSpace)],
    quotes: "\"",
    long_quotes: "\"",
    ..PLAIN
};
const ERLANG: Language = Language {
    line: &[("%", Place::AfterSpace)],
    ..PLAIN
};
const PERL: Language = Language {
    line: HASH_WORD,
    block: &[("\n=pod", "\n=cut"), ("\n=head", "\n=cut")],
    ..PLAIN
};
const BASIC: Language = Language {
    line: &[("'", Place::AfterSpace)],
    quotes: "\"",
    ..PLAIN
};

const SHELL: Language = Language {
    family: Family::Shell,
    line: HASH_WORD,
    ..PLAIN
};
const POWERSHELL: Language = Language {
    block: &[("<#", "#>")],
    ..SHELL
};
const BATCH: Language = Language {
    line: &[
        ("::", Place::LineStart),
        ("rem ", Place::LineStart),
        ("REM ", Place::LineStart),
        ("@rem ", Place::LineStart),
    ],
    ..SHELL
};
const DOCKERFILE: Language = Language {
    family: Family::Dockerfile,
    line: &[("#", Place::LineStart)],
    ..PLAIN
};

const DATA: Language = Language {
    family: Family::Data,
    line: HASH_WORD,
    ..PLAIN
};
const INI: Language = Language {
    line: &[
        ("#", Place::AfterSpace),
        (";", Place::LineStart),
        ("//", Place::LineStart),
    ],
    ..DATA
};
const UNKNOWN: Language = Language {
    line: &[
        ("#", Place::AfterSpace),
        (";", Place::LineStart),
        ("//", Place::LineStart),
        ("--", Place::LineStart),
    ],
    ..DATA
};
const PROPERTIES: Language = Language {
    line: &[("#", Place::LineStart), ("!", Place::LineStart)],
    quotes: "",
    ..DATA
};
const JSON: Language = Language {
    line: &[("//", Place::LineStart)],
    block: STARS,
    quotes: "\"",
    ..DATA
};
const BRACES: Language = Language {
    line: &[("//", Place::AfterSpace), ("#", Place::AfterSpace)],
    block: STARS,
    ..DATA
};
const XML: Language = Language {
    line: &[],
    block: &[("<!--", "-->")],
    ..DATA
};

const HTML: Language = Language {
    family: Family::Markup,
    line: &[("//", Place::LineStart)],
    block: &[("<!--", "-->"), ("/*", "*/")],
    quotes: "",
    ..PLAIN
};

/// One value of a compose file: no comments.
pub(super) const VALUE: Language = Language {
    family: Family::Value,
    quotes: "",
    ..PLAIN
};

/// The language of a file, by its name and, failing that, by its first line.
pub(super) fn of(path: &str, text: &str) -> Language {
    let name = path
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(path)
        .to_ascii_lowercase();
    let name = inner_name(&name);
    by_name(name)
        .or_else(|| by_extension(name))
        .or_else(|| by_first_line(text))
        .unwrap_or(UNKNOWN)
}

/// The name without what marks a template: `nginx.conf.template` is an nginx file.
fn inner_name(name: &str) -> &str {
    const TEMPLATE: &[&str] = &[
        ".template",
        ".tmpl",
        ".tpl",
        ".j2",
        ".jinja",
        ".jinja2",
        ".erb",
        ".in",
        ".mustache",
        ".ctmpl",
        ".gotmpl",
        ".hbs",
        ".envsubst",
    ];
    TEMPLATE
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|inner| inner.contains('.') || by_name(inner).is_some())
        .unwrap_or(name)
}

fn by_name(name: &str) -> Option<Language> {
    if name.starts_with("dockerfile")
        || name.starts_with("containerfile")
        || name.ends_with(".dockerfile")
    {
        return Some(DOCKERFILE);
    }
    if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") {
        return Some(INI);
    }
    match name {
        "makefile" | "gnumakefile" | "procfile" | "justfile" | ".bashrc" | ".profile"
        | ".envrc" => Some(SHELL),
        "caddyfile" | "haproxy.cfg" => Some(DATA),
        "gemfile" | "rakefile" | "config.ru" | "guardfile" | "capfile" => Some(RUBY),
        "jenkinsfile" => Some(GROOVY),
        _ => None,
    }
}

fn by_extension(name: &str) -> Option<Language> {
    let language = match name.rsplit_once('.')?.1 {
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => JAVASCRIPT,
        "vue" | "svelte" | "astro" => COMPONENT,
        "java" | "kt" | "kts" | "scala" | "sc" | "cs" | "csx" | "swift" | "dart" => JAVA,
        "fs" | "fsx" | "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "m" | "mm" | "zig" | "proto"
        | "thrift" => JAVA,
        "groovy" | "gradle" | "d" | "v" => GROOVY,
        "go" => GO,
        "rs" => RUST,
        "py" | "pyw" | "pyi" | "pyx" => PYTHON,
        "rb" | "rake" | "ru" | "gemspec" | "cr" => RUBY,
        "ex" | "exs" | "eex" | "heex" => ELIXIR,
        "php" | "phtml" | "inc" => PHP,
        "lua" => LUA,
        "sql" | "ddl" | "psql" => SQL,
        "hs" | "elm" | "purs" => HASKELL,
        "clj" | "cljs" | "cljc" | "edn" | "lisp" | "el" | "scm" => LISP,
        "erl" | "hrl" => ERLANG,
        "pl" | "pm" | "t" => PERL,
        "r" | "jl" | "nim" | "gd" | "graphql" | "coffee" | "tcl" => RUBY,
        "vb" | "vbs" | "bas" => BASIC,
        "sh" | "bash" | "zsh" | "ksh" | "ash" | "fish" | "mk" | "command" => SHELL,
        "ps1" | "psm1" => POWERSHELL,
        "bat" | "cmd" => BATCH,
        "yml" | "yaml" | "toml" | "env" => DATA,
        "ini" | "cfg" | "conf" | "cnf" | "config" | "cf" => INI,
        "properties" => PROPERTIES,
        "json" | "json5" | "jsonc" | "avsc" | "ipynb" | "har" => JSON,
        "hcl" | "tf" | "tfvars" | "vcl" | "hocon" | "cue" | "nix" | "bicep" | "alloy" | "river" => {
            BRACES
        }
        "xml" | "xsd" | "xsl" | "wsdl" | "csproj" | "props" | "plist" | "pom" | "xaml" => XML,
        "html" | "htm" | "xhtml" | "css" | "scss" | "sass" | "less" | "svg" | "jsp" | "ftl"
        | "cshtml" | "razor" | "twig" | "haml" | "slim" | "pug" | "ejs" => HTML,
        _ => return None,
    };
    Some(language)
}

fn by_first_line(text: &str) -> Option<Language> {
    let first = text.lines().next()?.strip_prefix("#!")?;
    let is = |names: &[&str]| names.iter().any(|name| first.contains(name));
    if is(&["python"]) {
        Some(PYTHON)
    } else if is(&["node", "deno", "bun"]) {
        Some(JAVASCRIPT)
    } else if is(&["ruby"]) {
        Some(RUBY)
    } else if is(&["perl"]) {
        Some(PERL)
    } else if is(&["php"]) {
        Some(PHP)
    } else if is(&["elixir", "escript"]) {
        Some(ELIXIR)
    } else {
        Some(SHELL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_in_the_language_of_what_it_makes() {
        assert_eq!(of("etc/nginx.conf.template", "").family, Family::Data);
        assert_eq!(of("run.sh.j2", "").family, Family::Shell);
        assert_eq!(of("Dockerfile.tmpl", "").family, Family::Dockerfile);
        assert_eq!(of("view.tpl", "").family, Family::Data);
    }

    #[test]
    fn a_script_without_extension_is_known_by_its_first_line() {
        assert_eq!(
            of("bin/start", "#!/usr/bin/env python3\n").family,
            Family::Code
        );
        assert_eq!(of("bin/start", "#!/bin/sh -e\n").family, Family::Shell);
        assert_eq!(of("bin/start", "host = db\n").family, Family::Data);
    }

    #[test]
    fn an_entry_point_without_extension_that_names_docker_is_no_dockerfile() {
        assert_eq!(of("docker-entrypoint", "#!/bin/sh\n").family, Family::Shell);
        assert_eq!(of("Dockerfile.prod", "").family, Family::Dockerfile);
        assert_eq!(of("web.Dockerfile", "").family, Family::Dockerfile);
    }
}
