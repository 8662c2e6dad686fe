//! Slash paths as the Go standard library treats them. Docker's rules are written in terms of these functions, so
//! `std::path` (which keeps `..` and knows the host's separator) would give other answers.

/// The shortest equivalent of `path`, as Go's `path.Clean`: no doubled slashes, no `.`, `..` taken back where possible.
/// An empty result is `.`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                // `/..` is `/`; a relative path keeps what it cannot take back.
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// `path` made absolute against `parent` (itself absolute) and cleaned.
pub(crate) fn absolute(parent: &str, path: &str) -> String {
    if path.starts_with('/') {
        clean(path)
    } else {
        clean(&format!("{parent}/{path}"))
    }
}

/// `path` below the root it is relative to, without leading slash; the root itself is the empty string. `..` cannot
/// leave the root, as in a build context.
pub(crate) fn below_root(path: &str) -> String {
    clean(&format!("/{path}"))
        .trim_start_matches('/')
        .to_owned()
}

/// Joins two relative paths, either of which may be empty.
pub(crate) fn join(parent: &str, child: &str) -> String {
    match (parent.is_empty(), child.is_empty()) {
        (true, _) => child.to_owned(),
        (_, true) => parent.to_owned(),
        _ if parent == "/" => format!("/{child}"),
        _ => format!("{parent}/{child}"),
    }
}

/// What follows `dir` in `path` when `path` is `dir` (empty string) or lies below it. An empty `dir` holds every
/// relative path, `/` every absolute one.
pub(crate) fn within<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    if dir.is_empty() {
        return Some(path);
    }
    if dir == "/" {
        return path.strip_prefix('/');
    }
    match path.strip_prefix(dir)? {
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    }
}

/// The last component.
pub(crate) fn base(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

/// The path without its last component: empty for a relative name, `/` for a name in the root.
pub(crate) fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(at) => &path[..at],
        None => "",
    }
}

/// Every proper ancestor directory of a relative path, outermost first: `a`, `a/b` for `a/b/c`.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(at, _)| &path[..at])
        .filter(|dir| !dir.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_gives_what_go_gives() {
        for (given, wanted) in [
            ("", "."),
            ("/", "/"),
            ("a//b/./c/", "a/b/c"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("a/../../b", "../b"),
            ("/../a", "/a"),
            ("//foo//bar", "/foo/bar"),
            ("foo/**/", "foo/**"),
        ] {
            assert_eq!(clean(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn nothing_leaves_the_root_of_a_context() {
        assert_eq!(below_root("../../etc"), "etc");
        assert_eq!(below_root("./"), "");
    }

    #[test]
    fn a_directory_holds_itself_and_what_is_below_but_not_its_namesakes() {
        assert_eq!(within("app/x", "app"), Some("x"));
        assert_eq!(within("app", "app"), Some(""));
        assert_eq!(within("apple", "app"), None);
        assert_eq!(within("/x", "/"), Some("x"));
        assert_eq!(within("x", ""), Some("x"));
    }

    #[test]
    fn ancestors_come_outermost_first() {
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(ancestors("a").count(), 0);
    }
}
