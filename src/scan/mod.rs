//! Finds where one of an app's names is used as a network host.
//!
//! In a compose network every service's name resolves; in one ECS task only
//! `localhost` does.  So each place where a name is handed to something that
//! looks it up is a place that breaks.  A name is also a word (`db`, `web`,
//! `redis`), hence a place counts only by what stands around it: a URL's scheme,
//! a port, a key that speaks of hosts, a flag, a directive, a call that connects.
//!
//! The files by subject: [`names`] finds the words, [`language`] and [`lex`] tell
//! strings from comments, [`docker_host`] knows what Docker alone resolves, [`url`], [`host_port`], [`key`], [`call`], [`command`]
//! and [`directive`] each know one form, [`veto`] knows what never is a host,
//! [`env_default`] says which variable replaces a value, [`hostname`] finds who
//! listens on the container's own name, and [`files`] which files to read.  Nothing here reads a file or knows any app.

mod call;
mod command;
mod directive;
mod docker_host;
mod env_default;
mod files;
mod host_port;
mod hostname;
mod key;
mod language;
mod lex;
mod names;
pub mod ports;
mod spot;
#[cfg(test)]
mod testing;
mod url;
mod value;
mod veto;
mod words;

use serde::Serialize;

pub use files::{scannable, worth_opening, worth_reading, worth_searching};
pub use hostname::{HostnameFor, HostnameUse, hostname_uses, listens_on_hostname};
pub use names::{DOCKER_HOSTS, is_docker_host};
pub use value::ValueHost;

use names::Names;
use spot::{Source, Spot, pattern};

/// How a host is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `http://db/`
    Url,
    /// `db:5432`
    HostPort,
    /// `host: db`, `Server=db;`
    Key,
    /// `-h db`, `connect("db")`
    Argument,
    /// `server db;`
    Directive,
}

/// One place where a name is used as a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostMention {
    /// The name as it stands there.
    pub host: String,
    /// Line, from 1.
    pub line: u32,
    /// First character of the name in its line, from 1.
    pub column: u32,
    /// The character after the name.
    pub end_column: u32,
    /// The line; of a very long one, the part around the name.
    pub text: String,
    /// How many characters of the line are missing before `text`: column `c` of
    /// the line is column `c - text_offset` of the text.
    pub text_offset: u32,
    /// How the host is written.
    pub form: Form,
    /// The port beside it.
    pub port: Option<u16>,
    /// The environment variable whose default this is, so that setting it replaces the host.
    pub variable: Option<String>,
}

/// What a form's search says of a place.
#[derive(Debug, Clone, Copy)]
struct Found {
    form: Form,
    port: Option<u16>,
}

/// Looks for a set of names; made once for an app, used for each of its files.
#[derive(Debug)]
pub struct Scanner {
    names: Names,
}

impl Scanner {
    /// A scanner for services' names, container names, aliases and hostnames.
    pub fn new(names: &[String]) -> Self {
        Self {
            names: Names::new(names),
        }
    }

    /// The same, and [`Scanner::is_of_interest`] asks for `signs` as well: parts of a text for which
    /// others want to look at it.
    pub fn with_signs(names: &[String], signs: &[&str]) -> Self {
        Self {
            names: Names::with_signs(names, signs),
        }
    }

    /// The places in a file, in their order.  `path` tells the language.
    pub fn mentions(&self, path: &str, text: &str) -> Vec<HostMention> {
        if !self.names.occur_in(text) {
            return Vec::new();
        }
        let mut source = None;
        let mut lines = Lines::new(text);
        let mut found = Vec::new();
        for (start, end) in self.names.places(text) {
            let source: &Source = source.get_or_insert_with(|| Source::file(path, text));
            if source.clean.get(start..end) != Some(&text[start..end]) {
                continue; // in a comment
            }
            let spot = Spot::new(source, start, end);
            if let Some(host) = host_at(&spot) {
                found.push(lines.mention(&spot, host, env_default::variable(&spot)));
            }
        }
        in_order(&mut found, |mention| (mention.line, mention.column));
        found
    }

    /// Whether a file may have anything of interest, a name, a sign of the host name or of others: the
    /// cheap question that spares most of them all others.
    pub fn is_of_interest(&self, file: &[u8]) -> bool {
        self.names.occur_in_bytes(file)
    }

    /// Byte ranges of a text in which a name stands as a whole word, host or not.
    pub fn words<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        self.names.places(text)
    }

    /// The hosts in one value of a compose file.
    ///
    /// `key` is the variable's name, or empty for a command or a health check,
    /// whose words are best joined by spaces: `-h` and `db` belong together.
    pub fn hosts_in_value(&self, key: &str, value: &str) -> Vec<ValueHost> {
        value::find(&self.names, key, value)
    }
}

/// The places in a file where one of the names is used as a host, in their order.
pub fn mentions(path: &str, text: &str, names: &[String]) -> Vec<HostMention> {
    Scanner::new(names).mentions(path, text)
}

/// The names in a compose value that are used as hosts, in their order.
pub fn hosts_in_value(key: &str, value: &str, names: &[String]) -> Vec<ValueHost> {
    Scanner::new(names).hosts_in_value(key, value)
}

/// The form in which a place is a host, the most telling first.
fn host_at(spot: &Spot) -> Option<Found> {
    let found = docker_host::find(spot)
        .or_else(|| url::find(spot))
        .or_else(|| directive::find(spot))
        .or_else(|| command::find(spot))
        .or_else(|| host_port::find(spot))
        .or_else(|| call::find(spot))
        .or_else(|| key::find(spot))?;
    if veto::forbids(spot) {
        return None;
    }
    Some(Found {
        port: found.port.or_else(|| port_beside(spot.after())),
        ..found
    })
}

/// The forms that need no code around them.
fn call_free(spot: &Spot) -> Option<Found> {
    let found = docker_host::find(spot)
        .or_else(|| url::find(spot))
        .or_else(|| command::find(spot))
        .or_else(|| host_port::find(spot))
        .or_else(|| key::find(spot))?;
    (!veto::forbids(spot)).then_some(found)
}

/// `host: 'db', port: 5432`: a port that the same line gives.
fn port_beside(after: &str) -> Option<u16> {
    pattern!(r#"(?i)^["'`]?\s*[,;&]?\s*["'`]?port["'`]?\s*(?:=>|=|:)\s*["']?(\d{2,5})\b"#)
        .captures(after)
        .and_then(|found| found[1].parse().ok())
}

/// Sorted, one for each place.
fn in_order<T, K: Ord>(items: &mut Vec<T>, place: impl Fn(&T) -> K) {
    items.sort_by_key(&place);
    items.dedup_by_key(|item| place(item));
}

/// Line numbers for places that come in order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    /// A longer line is cut around the name.
    const LONGEST: usize = 400;
    /// Characters kept before and after the name, then.
    const AROUND: usize = 100;

    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    fn mention(&mut self, spot: &Spot, found: Found, variable: Option<String>) -> HostMention {
        let newlines = self.text.as_bytes()[self.at..spot.start]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        self.line += u32::try_from(newlines).unwrap_or(u32::MAX);
        self.at = spot.start;
        let line_start = self.text[..spot.start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..]
            .split('\n')
            .next()
            .unwrap_or("")
            .trim_end_matches('\r');
        let before = self.text[line_start..spot.start].chars().count();
        let length = self.text[spot.start..spot.end].chars().count();
        let (text, offset) = excerpt(line, before, length);
        HostMention {
            host: spot.name().to_owned(),
            line: self.line,
            column: count(before + 1),
            end_column: count(before + length + 1),
            text,
            text_offset: count(offset),
            form: found.form,
            port: found.port,
            variable,
        }
    }
}

/// The line, or the part around the name, and how many characters are missing before it.
fn excerpt(line: &str, before: usize, length: usize) -> (String, usize) {
    if line.chars().count() <= Lines::LONGEST {
        return (line.to_owned(), 0);
    }
    let offset = before.saturating_sub(Lines::AROUND);
    (
        line.chars()
            .skip(offset)
            .take(before - offset + length + Lines::AROUND)
            .collect(),
        offset,
    )
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::testing::finds;
    use super::*;

    #[test]
    fn columns_count_characters() {
        let found = finds("a.py", "\n\u{fc}\u{fc} = 'http://db:80'\r\n", &["db"]);
        assert_eq!(found[0].line, 2);
        assert_eq!((found[0].column, found[0].end_column), (14, 16));
        assert_eq!(found[0].text, "\u{fc}\u{fc} = 'http://db:80'");
    }

    #[test]
    fn a_long_line_is_cut_and_says_where() {
        let text = format!("{}'http://db/'{}", "x ".repeat(400), " y".repeat(400));
        let found = finds("a.py", &text, &["db"]);
        let column = (found[0].column - found[0].text_offset - 1) as usize;
        assert_eq!(&found[0].text[column..column + 2], "db");
        assert!(found[0].text.len() < 300);
    }

    #[test]
    fn every_place_is_found_once_and_in_order() {
        let found = finds(
            "a.js",
            "const a = 'http://db:80', b = 'http://web', c = 'http://db'\nd('http://web')",
            &["web", "db"],
        );
        let places: Vec<_> = found
            .iter()
            .map(|mention| (mention.line, mention.host.as_str()))
            .collect();
        assert_eq!(places, [(1, "db"), (1, "web"), (1, "db"), (2, "web")]);
    }

    #[test]
    fn a_port_on_the_same_line_belongs_to_the_host() {
        assert_eq!(
            finds("a.py", "Redis(host='db', port=6379)", &["db"])[0].port,
            Some(6379)
        );
        assert_eq!(
            finds("a.go", "\"host=db port=5432\"", &["db"])[0].port,
            Some(5432)
        );
    }

    #[test]
    fn no_names_find_nothing() {
        assert_eq!(mentions("a.py", "http://db", &[]), []);
    }

    #[test]
    fn forms_are_written_in_kebab_case() {
        assert_eq!(Form::HostPort, finds("a.yml", "- db:5432", &["db"])[0].form);
    }
}
