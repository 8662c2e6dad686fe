//! Where the app's names stand in a text as whole host labels.

use regex::Regex;

/// Names that Docker alone gives an address, besides those of services: the developer's machine and
/// the gateway of Docker's virtual machine ("Explore networking features on Docker Desktop"), their
/// older spellings, and the DNS server of Docker's own networks ("Networking overview", DNS services).
pub const DOCKER_HOSTS: &[&str] = &[
    "host.docker.internal",
    "gateway.docker.internal",
    "docker.for.mac.host.internal",
    "docker.for.mac.localhost",
    "docker.for.win.host.internal",
    "docker.for.win.localhost",
    DOCKER_RESOLVER,
];

/// The DNS server of Docker's own networks.
pub(super) const DOCKER_RESOLVER: &str = "127.0.0.11";

/// Whether Docker alone knows this host, in any app.
pub fn is_docker_host(name: &str) -> bool {
    DOCKER_HOSTS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The names to look for, compiled once; those of Docker are always among them.
#[derive(Debug)]
pub(super) struct Names {
    pattern: Option<Regex>,
    /// The same for text that may not be UTF-8.
    bytes: Option<regex::bytes::Regex>,
}

impl Names {
    pub(super) fn new(names: &[String]) -> Self {
        Self::with_signs(names, &[])
    }

    /// `signs` are looked for in bytes only.
    pub(super) fn with_signs(names: &[String], signs: &[&str]) -> Self {
        let mut wanted: Vec<&str> = names
            .iter()
            .map(|name| name.trim())
            .filter(|name| could_be_host(name))
            .chain(DOCKER_HOSTS.iter().copied())
            .collect();
        // Longest first: an alternation takes its first branch, and `web-db`
        // must not be read as `web` with something after it.
        wanted.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        wanted.dedup();
        let branches: Vec<String> = wanted.iter().map(|name| regex::escape(name)).collect();
        let branches = branches.join("|");
        Self {
            pattern: Regex::new(&branches).ok(),
            bytes: regex::bytes::Regex::new(&with_signs(&branches, signs)).ok(),
        }
    }

    /// Whether a file as it is on disk has a name, or reads its container's own.
    pub(super) fn occur_in_bytes(&self, file: &[u8]) -> bool {
        self.bytes
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(file))
    }

    /// Whether any name occurs at all: the cheap question that spares most files.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        self.pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(text))
    }

    /// Byte ranges at which a name stands as a whole label.
    pub(super) fn places<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        self.pattern
            .iter()
            .flat_map(move |pattern| pattern.find_iter(text))
            .map(|found| (found.start(), found.end()))
            .filter(move |&(start, end)| opens_label(&text[..start]) && closes_label(&text[end..]))
    }
}

/// One search for all that is looked for in files. Nothing but literals, which is what makes it fast.
fn with_signs(branches: &str, signs: &[&str]) -> String {
    let signs = super::hostname::SIGNS.iter().chain(signs);
    let signs: Vec<String> = signs.map(|sign| regex::escape(sign)).collect();
    format!("{branches}|{}", signs.join("|"))
}

/// Loopback resolves everywhere, and a bare number is no name.
fn could_be_host(name: &str) -> bool {
    !name.is_empty() && name != "localhost" && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn opens_label(before: &str) -> bool {
    match before.chars().next_back() {
        None => true,
        Some('h') => glued_to_host_flag(before),
        Some('-') => opens_default(before),
        Some(last) => !(last.is_alphanumeric() || matches!(last, '_' | '-' | '.' | '$')),
    }
}

/// `mysql -hdb`: the one flag that is commonly written without a space.
fn glued_to_host_flag(before: &str) -> bool {
    before
        .strip_suffix("-h")
        .is_some_and(|rest| rest.ends_with([' ', '\t', '"', '\'']))
}

/// `${X:-db}`, `${X-db}`: the dash of a shell's default.
fn opens_default(before: &str) -> bool {
    let head = before.trim_end_matches('-').trim_end_matches(':');
    let open = head.trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':'));
    head.len() > open.len() && open.ends_with('{')
}

fn closes_label(after: &str) -> bool {
    let mut rest = after.chars();
    let Some(next) = rest.next() else { return true };
    match next {
        '_' | '-' | '(' | '[' | '=' => false,
        // `name.attribute` and `name.example.com` are other names; a full stop is not.
        '.' => !rest
            .next()
            .is_some_and(|after| after.is_alphanumeric() || matches!(after, '_' | '$' | '{' | '.')),
        // `redis::Client` is a module, `redis://` a scheme.
        ':' => !(after.starts_with("::") || after.starts_with("://")),
        _ => !next.is_alphanumeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let names = Names::new(&[
            "db".into(),
            "db-main".into(),
            "web".into(),
            "localhost".into(),
        ]);
        names
            .places(text)
            .map(|(start, end)| &text[start..end])
            .collect()
    }

    #[test]
    fn a_name_counts_only_as_a_whole_label() {
        assert_eq!(places("db:5432 'web' (db)"), ["db", "web", "db"]);
        assert_eq!(
            places("mydb db2 db_x x-db $db a.db db.b db() db[0] db=1 web::x db://x"),
            [""; 0]
        );
    }

    #[test]
    fn the_longest_name_is_read() {
        assert_eq!(places("//db-main/"), ["db-main"]);
    }

    #[test]
    fn a_glued_host_flag_leaves_the_name_whole() {
        assert_eq!(places("mysql -hdb -uroot"), ["db"]);
        assert_eq!(places("oh-hdb"), [""; 0]);
    }

    #[test]
    fn the_dash_of_a_default_is_no_part_of_the_name() {
        assert_eq!(
            places("${HOST:-db} ${HOST-db} ${1:-db} my-db {-db"),
            ["db", "db", "db"]
        );
    }

    #[test]
    fn loopback_is_never_looked_for() {
        assert!(!Names::new(&["localhost".into(), String::new()]).occur_in("localhost"));
    }
}
