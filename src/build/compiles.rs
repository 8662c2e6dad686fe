//! Which `RUN` makes something of the sources that were copied before it. Pure.

use std::sync::LazyLock;

use regex::Regex;

use super::dockerfile::Command;

static COMPILES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(build|compile|tsc|webpack|vite|rollup|esbuild|precompile|collectstatic|make|cmake|gcc|generate)\b")
        .expect("a constant pattern")
});

/// Whether the command of a `RUN` makes something of the sources copied above it.
pub fn compiles(command: &Command) -> bool {
    match command {
        Command::Shell(text) => COMPILES.is_match(text),
        Command::Exec(words) => COMPILES.is_match(&words.join(" ")),
    }
}
