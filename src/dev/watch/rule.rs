//! Which `develop.watch` rule a changed path falls under. Pure.

use std::path::{Path, PathBuf};

use crate::app::{WatchAction, WatchRule};
use crate::build::ignore::{Ignore, IgnoreError};

/// A rule ready to be asked.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The rule.
    pub rule: WatchRule,
    ignore: Ignore,
    include: Option<Ignore>,
    /// The context's ignore file and its directory: what the image does not get is not synced.
    context: Option<(PathBuf, Ignore)>,
}

/// Directories that nobody means to watch.
const ALWAYS_IGNORED: &[&str] = &[".git", ".hg", ".svn"];

impl Matcher {
    /// Prepares `rule`; `context` is the service's build context with its ignore file.
    ///
    /// # Errors
    /// A pattern that is not valid.
    pub fn new(rule: &WatchRule, context: Option<(PathBuf, Ignore)>) -> Result<Self, IgnoreError> {
        let parse = |patterns: &[String], name: &str| Ignore::parse(patterns.join("\n"), name);
        Ok(Self {
            ignore: parse(&rule.ignore, "ignore")?,
            include: match rule.include.is_empty() {
                true => None,
                false => Some(parse(&rule.include, "include")?),
            },
            rule: rule.clone(),
            context,
        })
    }

    /// The path below the rule's, when the rule is about `path`; empty for the rule's path itself.
    pub fn relevant(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.rule.path).ok()?;
        let below = below.to_string_lossy().into_owned();
        if below.split('/').any(|part| ALWAYS_IGNORED.contains(&part)) {
            return None;
        }
        let excluded =
            |ignore: &Ignore, path: &str| ignore.decide(path).is_ok_and(|verdict| verdict.excluded);
        if excluded(&self.ignore, &below) {
            return None;
        }
        if let Some(include) = &self.include
            && !below.is_empty()
            && !excluded(include, &below)
        {
            return None;
        }
        if let Some((directory, ignore)) = &self.context
            && self.rule.action != WatchAction::Rebuild
            && let Ok(inside) = path.strip_prefix(directory)
            && excluded(ignore, &inside.to_string_lossy())
        {
            return None;
        }
        Some(below)
    }

    /// Whether a directory need not be watched at all.
    pub fn prunes(&self, directory: &Path) -> bool {
        // An include pattern names files further down, so it cannot prune.
        let without_include = Self {
            include: None,
            ..self.clone()
        };
        let below = directory
            .strip_prefix(&self.rule.path)
            .map(|below| below.to_string_lossy().into_owned());
        let reopened = below
            .as_ref()
            .is_ok_and(|below| !self.ignore.may_prune(below));
        !reopened && without_include.relevant(directory).is_none()
    }

    /// Where `below` goes in the container, for the sync actions.
    pub fn target(&self, below: &str) -> Option<String> {
        let target = self.rule.target.as_ref()?;
        Some(match below {
            "" => target.clone(),
            below => format!("{}/{below}", target.trim_end_matches('/')),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;

    fn matcher(ignore: &[&str], include: &[&str]) -> Matcher {
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
        Matcher::new(&rule, None).expect("valid patterns")
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
}
