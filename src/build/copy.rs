//! What one `COPY` or `ADD` picks from a file tree and where it puts it.
//!
//! The rules are those of BuildKit: `dispatchCopy` (`frontend/dockerfile/dockerfile2llb/convert_copy.go`) for paths and
//! flags, `tonistiigi/fsutil`'s `copy` for the copying: a directory stands for its contents, wildcards are Go's, links
//! named as a source are followed and links below one are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::dockerfile::Copy;
use super::ignore::{Ignore, IgnoreError};
use super::{glob, paths};

/// A tree of files, each with a value; paths are relative to its root.
#[derive(Debug, Clone)]
pub(crate) struct Tree<T> {
    pub(crate) files: BTreeMap<String, T>,
    /// Where each symbolic link points. Links are in `files` too.
    pub(crate) links: BTreeMap<String, String>,
    /// Directories, the root (an empty string) among them.
    pub(crate) dirs: BTreeSet<String>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            dirs: BTreeSet::from([String::new()]),
        }
    }
}

/// More links than this in one path are taken for a loop, as the kernel does.
const MAX_LINKS: usize = 40;

impl<T> Tree<T> {
    /// Adds a directory and those above it.
    pub(crate) fn add_dir(&mut self, path: &str) {
        if !self.dirs.contains(path) {
            self.add_above(path);
            self.dirs.insert(path.to_owned());
        }
    }

    /// Adds the directories above a path. Most are known: those above a known one are, too.
    fn add_above(&mut self, path: &str) {
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            if parent.is_empty() || self.dirs.contains(parent) {
                break;
            }
            self.dirs.insert(parent.to_owned());
            above = parent;
        }
    }

    /// Adds a file and the directories above it.
    pub(crate) fn add_file(&mut self, path: &str, value: T) -> Option<T> {
        self.add_above(path);
        self.files.insert(path.to_owned(), value)
    }

    /// The path with every link in it followed. Links cannot leave the tree.
    fn follow(&self, path: &str) -> String {
        let mut path = paths::below_root(path);
        for _ in 0..MAX_LINKS {
            let link = paths::ancestors(&path)
                .chain([path.as_str()])
                .find(|part| self.links.contains_key(*part));
            let Some(link) = link else { break };
            let target = &self.links[link];
            let rest = paths::within(&path, link).unwrap_or_default();
            let from = if target.starts_with('/') {
                ""
            } else {
                paths::parent(link)
            };
            path = paths::below_root(&format!("{from}/{target}/{rest}"));
        }
        path
    }

    /// What a source names: itself, or with wildcards every path that matches. A directory that matches is not searched
    /// for further matches.
    fn sources(&self, source: &str) -> Vec<String> {
        let source = paths::below_root(source);
        let literal = source
            .split('/')
            .take_while(|part| !glob::has_wildcards(part))
            .count();
        let parts: Vec<&str> = source.split('/').collect();
        if literal == parts.len() {
            return vec![source];
        }
        let root = self.follow(&parts[..literal].join("/"));
        let pattern = parts[literal..].join("/");
        let mut found: Vec<String> = Vec::new();
        let all: BTreeSet<&String> = self.files.keys().chain(&self.dirs).collect();
        for path in all {
            let Some(below) = paths::within(path, &root).filter(|below| !below.is_empty()) else {
                continue;
            };
            // A directory that matched stands for all that is in it.
            let taken = found
                .iter()
                .any(|dir| self.dirs.contains(dir) && paths::within(path, dir).is_some());
            if !taken && glob::matches(&pattern, below) == Ok(true) {
                found.push(path.clone());
            }
        }
        found
    }
}

/// One file a copy puts somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    /// Path in the destination tree.
    pub(crate) target: String,
    pub(crate) value: T,
    /// A local archive that `ADD` unpacks: `target` is the directory, and the archive itself is not in it.
    pub(crate) unpacked: bool,
}

/// What one instruction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome<T> {
    pub(crate) placed: Vec<Placed<T>>,
    /// Directories that exist afterwards.
    pub(crate) dirs: Vec<String>,
    /// Sources without wildcards that are not in the tree; the build fails on them.
    pub(crate) missing: Vec<String>,
}

/// Carries out one instruction. `exists_as_dir` says whether a path of the destination is a directory already: a file
/// copied onto one goes into it.
pub(crate) fn copy<T: Clone>(
    tree: &Tree<T>,
    copy: &Copy,
    is_add: bool,
    workdir: &str,
    exists_as_dir: &dyn Fn(&str) -> bool,
) -> Result<Outcome<T>, IgnoreError> {
    let dest = Dest::new(workdir, &copy.dest);
    let exclude = Ignore::from_patterns(
        copy.exclude.iter().map(|pattern| (0, pattern.as_str())),
        "--exclude",
    )?;
    let mut outcome = Outcome {
        placed: Vec::new(),
        dirs: Vec::new(),
        missing: Vec::new(),
    };
    for source in copy.sources.iter().filter(|source| !is_remote(source)) {
        let (root, include) = if copy.parents {
            pivot(source)?
        } else {
            (source.clone(), None)
        };
        for named in tree.sources(&root) {
            let found = tree.follow(&named);
            if tree.dirs.contains(&found) {
                outcome.dirs.push(dest.path.clone());
                let below = tree
                    .files
                    .iter()
                    .filter_map(|(path, value)| Some((paths::within(path, &found)?, value)));
                for (below, value) in below.filter(|(below, _)| !below.is_empty()) {
                    if (!exclude.is_empty() && exclude.matches(below)?)
                        || !include
                            .as_ref()
                            .map_or(Ok(true), |only| only.matches(below))?
                    {
                        continue;
                    }
                    let target = paths::join(&dest.path, below);
                    outcome.placed.push(Placed {
                        target,
                        value: value.clone(),
                        unpacked: false,
                    });
                }
                // Directories on the way are made even when they stay empty.
                if include.is_none() {
                    let dirs = tree
                        .dirs
                        .iter()
                        .filter_map(|dir| paths::within(dir, &found));
                    outcome
                        .dirs
                        .extend(dirs.map(|below| paths::join(&dest.path, below)));
                }
            } else if let Some(value) = tree.files.get(&found) {
                let unpacked = is_add && is_archive(&named);
                let into =
                    dest.is_dir || exists_as_dir(&dest.path) || outcome.dirs.contains(&dest.path);
                let target = match (unpacked, into) {
                    (true, _) | (false, false) => dest.path.clone(),
                    (false, true) => paths::join(&dest.path, paths::base(&named)),
                };
                if dest.is_dir || unpacked {
                    outcome.dirs.push(dest.path.clone());
                }
                outcome.placed.push(Placed {
                    target,
                    value: value.clone(),
                    unpacked,
                });
            } else {
                outcome.missing.push(source.clone());
            }
        }
    }
    Ok(outcome)
}

/// The destination, relative to the root; a trailing `/` or `/.` makes it a directory even if it does not exist. (The
/// builder in Engine 20.10 takes `/x/.` for the file `/x`.)
struct Dest {
    path: String,
    is_dir: bool,
}

impl Dest {
    fn new(workdir: &str, dest: &str) -> Self {
        let is_dir = matches!(dest, "" | ".") || dest.ends_with('/') || dest.ends_with("/.");
        Self {
            path: paths::below_root(&paths::absolute(workdir, dest)),
            is_dir,
        }
    }
}

/// `--parents`: the directory to copy from, and the pattern of what to take of it with its path kept. `a/./b` keeps
/// only what follows the `/./`.
fn pivot(source: &str) -> Result<(String, Option<Ignore>), IgnoreError> {
    let (root, pattern) = source.split_once("/./").unwrap_or(("/", source));
    let pattern = paths::below_root(pattern);
    Ok((
        root.to_owned(),
        Some(Ignore::from_patterns([(0, pattern.as_str())], "--parents")?),
    ))
}

/// A source that is fetched: an address, or a git repository.
pub(crate) fn is_remote(source: &str) -> bool {
    let schemes = ["http://", "https://", "git://", "ssh://", "git@"];
    schemes.iter().any(|scheme| source.starts_with(scheme))
}

/// Whether `ADD` would unpack the file. The builder looks at the content; the name is all there is to go by here.
fn is_archive(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    [
        ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> Tree<String> {
        let mut tree = Tree::default();
        for file in files {
            match (file.split_once(" -> "), file.strip_suffix('/')) {
                (Some((link, target)), _) => {
                    tree.add_file(link, link.to_owned());
                    tree.links.insert(link.to_owned(), target.to_owned());
                }
                (None, Some(dir)) => tree.add_dir(dir),
                (None, None) => {
                    tree.add_file(file, (*file).to_owned());
                }
            }
        }
        tree
    }

    /// "source -> target" for each file, for a `COPY` with these words in `/w`.
    fn placed(tree: &Tree<String>, words: &str) -> Vec<String> {
        let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let dest = words.pop().unwrap();
        let (flags, sources): (Vec<_>, Vec<_>) =
            words.into_iter().partition(|word| word.starts_with("--"));
        let exclude = flags
            .iter()
            .filter_map(|flag| flag.strip_prefix("--exclude="))
            .map(str::to_owned)
            .collect();
        let parents = flags.iter().any(|flag| flag == "--parents");
        let given = Copy {
            sources,
            dest,
            exclude,
            parents,
            ..Copy::default()
        };
        let outcome = copy(tree, &given, false, "/w", &|path| {
            path == "w" || path == "etc"
        })
        .unwrap();
        outcome
            .placed
            .into_iter()
            .map(|placed| format!("{} -> {}", placed.value, placed.target))
            .collect()
    }

    #[test]
    fn a_directory_stands_for_its_contents() {
        let tree = tree(&["src/a", "src/b/c", "x"]);
        let wanted = ["src/a -> app/a", "src/b/c -> app/b/c"];
        for words in [
            "src /app",
            "src/ /app/",
            "./src /app",
            "/src /app",
            "../src /app",
        ] {
            assert_eq!(placed(&tree, words), wanted, "{words}");
        }
        assert_eq!(
            placed(&tree, ". ."),
            ["src/a -> w/src/a", "src/b/c -> w/src/b/c", "x -> w/x"]
        );
    }

    #[test]
    fn a_file_goes_into_a_directory_or_takes_the_name() {
        let tree = tree(&["d/x"]);
        for (words, target) in [
            ("d/x /y", "y"),
            ("d/x /y/", "y/x"),
            ("d/x /etc", "etc/x"),
            ("d/x .", "w/x"),
            ("d/x ./", "w/x"),
            ("d/x z", "w/z"),
            ("d/x ../z", "z"),
            ("d/x /a/.", "a/x"),
        ] {
            assert_eq!(
                placed(&tree, words),
                [format!("d/x -> {target}")],
                "{words}"
            );
        }
    }

    #[test]
    fn wildcards_stay_in_one_directory_and_open_the_directories_they_match() {
        let tree = tree(&["a.js", "b.js", "lib/c.js", "lib2/d", "package.json"]);
        assert_eq!(
            placed(&tree, "*.js /s/"),
            ["a.js -> s/a.js", "b.js -> s/b.js"]
        );
        assert_eq!(
            placed(&tree, "lib* /s/"),
            ["lib/c.js -> s/c.js", "lib2/d -> s/d"]
        );
        assert_eq!(placed(&tree, "*/c.js /s/"), ["lib/c.js -> s/c.js"]);
        assert_eq!(
            placed(&tree, "package*.json yarn.loc[k] ./"),
            ["package.json -> w/package.json"]
        );
    }

    #[test]
    fn a_link_named_as_source_is_followed_and_one_below_it_is_kept() {
        let tree = tree(&[
            "real/a",
            "real/l -> a",
            "link -> real",
            "file -> real/a",
            "up -> /real/../real",
        ]);
        assert_eq!(placed(&tree, "link /s"), ["real/a -> s/a", "real/l -> s/l"]);
        assert_eq!(placed(&tree, "file /s/"), ["real/a -> s/file"]);
        assert_eq!(placed(&tree, "link/a /s"), ["real/a -> s"]);
        assert_eq!(placed(&tree, "up/a /s"), ["real/a -> s"]);
        assert_eq!(placed(&tree, "fil* /s/"), ["real/a -> s/file"]);
    }

    #[test]
    fn a_loop_of_links_ends() {
        assert_eq!(placed(&tree(&["a -> b", "b -> a"]), "a /s").len(), 1);
    }

    #[test]
    fn exclusions_count_below_the_source() {
        let tree = tree(&["src/a.md", "src/b.js", "src/d/c.md"]);
        assert_eq!(
            placed(&tree, "--exclude=*.md src /s"),
            ["src/b.js -> s/b.js", "src/d/c.md -> s/d/c.md"]
        );
        assert_eq!(
            placed(&tree, "--exclude=**/*.md src /s"),
            ["src/b.js -> s/b.js"]
        );
    }

    #[test]
    fn parents_keep_the_path_from_the_pivot_on() {
        let tree = tree(&["x/a.txt", "y/a.txt", "y/b.txt", "z/v/s/f"]);
        assert_eq!(
            placed(&tree, "--parents x/a.txt y/a.txt /p/"),
            ["x/a.txt -> p/x/a.txt", "y/a.txt -> p/y/a.txt"]
        );
        assert_eq!(
            placed(&tree, "--parents z/./v/s /p/"),
            ["z/v/s/f -> p/v/s/f"]
        );
        assert_eq!(
            placed(&tree, "--parents */a.txt /p"),
            ["x/a.txt -> p/x/a.txt", "y/a.txt -> p/y/a.txt"]
        );
    }

    #[test]
    fn a_source_that_is_not_there_is_reported_unless_it_has_wildcards() {
        let given = Copy {
            sources: vec!["nope".into(), "nope*".into()],
            dest: "/x/".into(),
            ..Copy::default()
        };
        let outcome = copy(&tree(&["a"]), &given, false, "/", &|_| false).unwrap();
        assert_eq!(outcome.missing, ["nope"]);
    }

    #[test]
    fn add_fetches_addresses_and_unpacks_archives() {
        let sources = vec![
            "https://example.com/a".into(),
            "git@github.com:a/b.git".into(),
            "a.tar.gz".into(),
            "b".into(),
        ];
        let given = Copy {
            sources,
            dest: "/x/".into(),
            ..Copy::default()
        };
        let outcome = copy(&tree(&["a.tar.gz", "b"]), &given, true, "/", &|_| false).unwrap();
        let placed: Vec<_> = outcome
            .placed
            .iter()
            .map(|placed| (placed.target.as_str(), placed.unpacked))
            .collect();
        assert_eq!(placed, [("x", true), ("x/b", false)]);
    }
}
