//! Which `develop.watch` rule a path falls under, and why it does not. Pure.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::editors;
use crate::app::{Place, WatchAction, WatchRule};
use crate::build::ignore::{self, Ignore, IgnoreError};

/// A rule ready to be asked. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The rule.
    pub rule: Arc<WatchRule>,
    patterns: Arc<Patterns>,
}

#[derive(Debug)]
struct Patterns {
    ignore: Ignore,
    include: Option<Ignore>,
    /// The context's ignore file and its directory: what the image does not get is not synced.
    context: Option<(PathBuf, Ignore)>,
}

/// What a rule says of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule acts on it.
    Watched {
        /// The path below the rule's; empty for the rule's path itself.
        below: String,
        /// Where it goes in the container, for the sync actions.
        target: Option<String>,
    },
    /// The path is not below the rule's.
    Outside,
    /// It is below the rule's path and left out.
    Ignored(Reason),
}

/// Why a path below a rule's is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is in a directory that is never watched, such as `.git`.
    Private {
        /// Name of the directory.
        directory: String,
    },
    /// An editor or a tool keeps it for itself.
    Editor {
        /// Whose file it is: "Vim".
        owner: &'static str,
    },
    /// A pattern of the rule's `ignore`.
    Rule {
        /// As written.
        pattern: String,
        /// The rule.
        place: Place,
    },
    /// The rule has an `include`, and no pattern of it matches.
    NotIncluded {
        /// The rule.
        place: Place,
    },
    /// A line of the ignore file of the build context.
    ContextFile {
        /// Name of the file, as [`Ignore::file`] has it.
        file: String,
        /// Counted from 1.
        line: usize,
        /// As written.
        pattern: String,
    },
}

/// The reason without its words: what the frequent questions are content with.
enum Out<'a> {
    Private(&'a str),
    Editor(&'static str),
    Rule(Option<ignore::Rule>),
    NotIncluded,
    Context(Option<ignore::Rule>),
}

impl Matcher {
    /// Prepares `rule`; `context` is the service's build context with its ignore file.
    ///
    /// # Errors
    /// A pattern that is not valid.
    pub fn new(rule: &WatchRule, context: Option<(PathBuf, Ignore)>) -> Result<Self, IgnoreError> {
        let parse = |patterns: &[String], name: &str| Ignore::parse(patterns.join("\n"), name);
        let patterns = Patterns {
            ignore: parse(&rule.ignore, "ignore")?,
            include: match rule.include.is_empty() {
                true => None,
                false => Some(parse(&rule.include, "include")?),
            },
            // What means another build may well be what only the build sees, such as the Dockerfile.
            context: context.filter(|_| rule.action != WatchAction::Rebuild),
        };
        Ok(Self {
            rule: Arc::new(rule.clone()),
            patterns: Arc::new(patterns),
        })
    }

    /// What the rule says of `path`, with the reason.
    pub fn verdict(&self, path: &Path) -> Verdict {
        let Some(below) = self.below(path) else {
            return Verdict::Outside;
        };
        let place = || self.rule.place.clone();
        let pattern = |rule: Option<ignore::Rule>| rule.map(|rule| (rule.line, rule.pattern));
        let reason = match self.out(path, &below) {
            None => {
                let target = self.target(&below);
                return Verdict::Watched { below, target };
            }
            Some(Out::Private(directory)) => Reason::Private {
                directory: directory.to_owned(),
            },
            Some(Out::Editor(owner)) => Reason::Editor { owner },
            Some(Out::Rule(rule)) => Reason::Rule {
                pattern: pattern(rule).unwrap_or_default().1,
                place: place(),
            },
            Some(Out::NotIncluded) => Reason::NotIncluded { place: place() },
            Some(Out::Context(rule)) => {
                let (line, pattern) = pattern(rule).unwrap_or_default();
                let file = self.patterns.context.as_ref();
                Reason::ContextFile {
                    file: file.map_or("", |(_, ignore)| ignore.file()).to_owned(),
                    line,
                    pattern,
                }
            }
        };
        Verdict::Ignored(reason)
    }

    /// The path below the rule's, when the rule is about `path`; empty for the rule's path itself.
    pub fn relevant(&self, path: &Path) -> Option<String> {
        let below = self.below(path)?;
        let out = self.out(path, &below).is_some();
        (!out).then_some(below)
    }

    /// Whether a directory need not be watched at all: nothing below it can be relevant.
    pub fn prunes(&self, directory: &Path) -> bool {
        let Some(below) = self.below(directory) else {
            return true;
        };
        if below.split('/').any(editors::is_private_directory) {
            return true;
        }
        // An include pattern names files further down, so it cannot prune. Others prune unless an exception can bring
        // something back.
        let pruned = |ignore: &Ignore, path: &str| {
            let verdict = ignore.decide(path);
            verdict.is_ok_and(|verdict| verdict.excluded) && ignore.may_prune(path)
        };
        pruned(&self.patterns.ignore, &below)
            || self
                .patterns
                .context
                .as_ref()
                .is_some_and(|(root, ignore)| {
                    let inside = directory.strip_prefix(root);
                    inside.is_ok_and(|inside| pruned(ignore, &inside.to_string_lossy()))
                })
    }

    /// Where `below` goes in the container, for the sync actions.
    pub fn target(&self, below: &str) -> Option<String> {
        let target = self.rule.target.as_ref()?;
        Some(match below {
            "" => target.clone(),
            below => format!("{}/{below}", target.trim_end_matches('/')),
        })
    }

    fn below(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.rule.path).ok()?;
        Some(below.to_string_lossy().into_owned())
    }

    /// Why the path is left out; none when it is not.
    fn out<'a>(&self, path: &Path, below: &'a str) -> Option<Out<'a>> {
        let patterns = &*self.patterns;
        let mut parts = below.split('/');
        if let Some(directory) = parts.find(|part| editors::is_private_directory(part)) {
            return Some(Out::Private(directory));
        }
        if let Some(owner) = editors::owner(below.rsplit('/').next().unwrap_or_default()) {
            return Some(Out::Editor(owner));
        }
        // A pattern that turns out to be broken only now has no say.
        let excluded = |ignore: &Ignore, path: &str| {
            let verdict = ignore.decide(path).ok();
            verdict.filter(|verdict| verdict.excluded)
        };
        if let Some(verdict) = excluded(&patterns.ignore, below) {
            return Some(Out::Rule(verdict.by));
        }
        if let Some(include) = &patterns.include
            && !below.is_empty()
            && excluded(include, below).is_none()
        {
            return Some(Out::NotIncluded);
        }
        let (directory, ignore) = patterns.context.as_ref()?;
        let inside = path.strip_prefix(directory).ok()?;
        let verdict = excluded(ignore, &inside.to_string_lossy())?;
        Some(Out::Context(verdict.by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher_in(ignore: &[&str], include: &[&str], context: &str) -> Matcher {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let rule = WatchRule {
            path: "/p/src".into(),
            action: WatchAction::Sync,
            target: Some("/app/src".to_owned()),
            ignore: own(ignore),
            include: own(include),
            initial_sync: false,
            place: Place::start_of("compose.yaml"),
        };
        let context = Ignore::parse(context, ".dockerignore").expect("valid patterns");
        Matcher::new(&rule, Some(("/p".into(), context))).expect("valid patterns")
    }

    fn matcher(ignore: &[&str], include: &[&str]) -> Matcher {
        matcher_in(ignore, include, "")
    }

    #[test]
    fn a_path_is_relevant_below_the_rule_and_not_ignored() {
        let matcher = matcher(&["node_modules", "**/*.tmp"], &[]);
        let relevant = |path: &str| matcher.relevant(Path::new(path));
        assert_eq!(relevant("/p/src/a/b.js").as_deref(), Some("a/b.js"));
        assert_eq!(relevant("/p/other.js"), None);
        assert_eq!(relevant("/p/src/node_modules/x/y.js"), None);
        assert_eq!(relevant("/p/src/a/b.tmp"), None);
        assert_eq!(relevant("/p/src/.git/HEAD"), None);
        assert_eq!(matcher.target("a/b.js").as_deref(), Some("/app/src/a/b.js"));
    }

    #[test]
    fn with_include_only_what_it_names_counts_and_directories_stay_open() {
        let matcher = matcher(&[], &["**/*.py"]);
        assert!(matcher.relevant(Path::new("/p/src/a/b.py")).is_some());
        assert!(matcher.relevant(Path::new("/p/src/a/b.js")).is_none());
        assert!(!matcher.prunes(Path::new("/p/src/a")));
    }

    #[test]
    fn a_verdict_names_what_decided() {
        let matcher = matcher_in(
            &["*.log", "cache/"],
            &["**/*.py", "**/*.log"],
            "a\nsrc/old\n",
        );
        let verdict = |path: &str| matcher.verdict(Path::new(path));
        let place = || Place::start_of("compose.yaml");
        let ignored = |reason| Verdict::Ignored(reason);
        assert_eq!(
            verdict("/p/src/a.py"),
            Verdict::Watched {
                below: "a.py".to_owned(),
                target: Some("/app/src/a.py".to_owned())
            }
        );
        assert_eq!(verdict("/p/b.py"), Verdict::Outside);
        assert_eq!(
            verdict("/p/src/.git/x.py"),
            ignored(Reason::Private {
                directory: ".git".to_owned()
            })
        );
        assert_eq!(
            verdict("/p/src/a.py~"),
            ignored(Reason::Editor {
                owner: "an editor (a backup)"
            })
        );
        assert_eq!(
            verdict("/p/src/cache/a.py"),
            ignored(Reason::Rule {
                pattern: "cache/".to_owned(),
                place: place()
            })
        );
        assert_eq!(
            verdict("/p/src/a.js"),
            ignored(Reason::NotIncluded { place: place() })
        );
        assert_eq!(
            verdict("/p/src/old/a.py"),
            ignored(Reason::ContextFile {
                file: ".dockerignore".to_owned(),
                line: 2,
                pattern: "src/old".to_owned()
            })
        );
    }

    #[test]
    fn a_directory_is_pruned_unless_an_exception_can_bring_something_back() {
        let pruned = |context: &str, path: &str| {
            matcher_in(&["build", "!build/keep"], &[], context).prunes(Path::new(path))
        };
        assert!(pruned("src/gen\n", "/p/src/gen"));
        assert!(!pruned("src/gen\n!src/gen/api\n", "/p/src/gen"));
        assert!(!pruned("", "/p/src/build"));
        assert!(pruned("", "/p/src/build/other"));
        assert!(pruned("", "/p/src/.git"));
        assert!(pruned("", "/q"));
        // A name of a file of Vim's can be that of a directory with something in it.
        assert!(!pruned("", "/p/src/4913"));
    }
}
