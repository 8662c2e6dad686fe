//! `.dockerignore`: which paths of a build context stay at home.
//!
//! The behaviour is BuildKit's: `moby/patternmatcher` 0.6.1 (`ignorefile.ReadAll`, `PatternMatcher`) for the patterns and
//! `tonistiigi/fsutil` (`filter.go`) for the walk. Where the classic builder differs, BuildKit is followed. Nothing here
//! reads the disk.
//!
//! Known limits: a file that is not valid UTF-8 is matched as if its bad bytes were U+FFFD. The command line of Docker
//! 20.10 has an older matcher, which carries down only whether the directory above was excluded: with `**` and
//! `!**/keep` it leaves `keep/x/y` out, current versions and this one keep it.

use regex::Regex;
use serde::Serialize;

use super::{glob, go_regex, paths};

/// A read `.dockerignore`. The default one ignores nothing.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    file: String,
    patterns: Vec<Pattern>,
    /// Some `!pattern` has a wildcard that could match anywhere, so no excluded directory may be skipped.
    exceptions_anywhere: bool,
}

/// A line of a `.dockerignore` that decided something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Counted from 1.
    pub line: usize,
    /// As written, without surrounding white space.
    pub pattern: String,
}

/// What became of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The path is not part of the build context.
    pub excluded: bool,
    /// The last pattern that had a say, on the path or on a directory above it: for an excluded path the one that
    /// excluded it, for a kept one the `!pattern` that brought it back. `None`: no pattern matched.
    pub by: Option<Rule>,
}

/// What a directory's patterns came to, to be handed to its entries. The default value is the context's root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirState {
    matched: Vec<bool>,
}

/// A `.dockerignore` the builders refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line}: `{pattern}` {problem}")]
pub struct IgnoreError {
    /// Name of the file, as given to [`Ignore::parse`].
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// As written, without surrounding white space.
    pub pattern: String,
    /// What is wrong, and what to write instead.
    pub problem: &'static str,
}

#[derive(Debug, Clone)]
struct Pattern {
    rule: Rule,
    exception: bool,
    cleaned: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    Prefix(String),
    Suffix(String),
    Expression(Regex),
    /// Accepted when the file is read, refused when a path is first tried against it.
    Broken,
}

const LONE_BANG: &str = "is an exception to nothing: name a path after the `!`, or remove the line";
const MALFORMED: &str =
    "is not a pattern: close every `[`, and write a literal backslash as `\\\\`";
const BROKEN: &str = "is not a pattern: a range in `[…]` must run upwards, and a backslash may only precede a special character";

impl Ignore {
    /// Reads the text of a `.dockerignore`; `file` names it in messages.
    ///
    /// # Errors
    /// The first pattern the builders refuse when they load the file: a lone `!`, a trailing backslash, an unclosed `[`.
    pub fn parse(text: impl AsRef<[u8]>, file: &str) -> Result<Self, IgnoreError> {
        let bytes = text.as_ref();
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
            .into_owned();
        let lines = text
            .split('\n')
            .enumerate()
            .map(|(at, line)| (at + 1, line.strip_suffix('\r').unwrap_or(line)));
        let written =
            lines
                .filter(|(_, line)| !line.starts_with('#'))
                .filter_map(|(line, text)| {
                    let text = text.trim();
                    (!text.is_empty()).then(|| (line, text.to_owned(), normalise(text)))
                });
        Self::from_written(written, file)
    }

    /// Patterns that come from elsewhere than a file, such as `COPY --exclude`; the line of each is given. They are not
    /// normalised as lines of a file are (a leading slash stays).
    pub(crate) fn from_patterns<'a>(
        patterns: impl IntoIterator<Item = (usize, &'a str)>,
        file: &str,
    ) -> Result<Self, IgnoreError> {
        let written = patterns
            .into_iter()
            .map(|(line, text)| (line, text.to_owned(), text.to_owned()));
        Self::from_written(written, file)
    }

    /// `patternmatcher.New`, over (line, pattern as written, pattern as `ignorefile.ReadAll` leaves it).
    fn from_written(
        written: impl Iterator<Item = (usize, String, String)>,
        file: &str,
    ) -> Result<Self, IgnoreError> {
        let mut patterns = Vec::new();
        for (line, text, normalised) in written {
            let refuse = |problem| IgnoreError {
                file: file.to_owned(),
                line,
                pattern: text.clone(),
                problem,
            };
            let trimmed = normalised.trim();
            if trimmed.is_empty() {
                continue;
            }
            let mut cleaned = paths::clean(trimmed);
            // Looked for only now: `/!foo` has lost its slash and is an exception too.
            let exception = cleaned.starts_with('!');
            if exception {
                cleaned.remove(0);
                if cleaned.is_empty() {
                    return Err(refuse(LONE_BANG));
                }
            }
            glob::check(&cleaned).map_err(|glob::BadPattern| refuse(MALFORMED))?;
            let matcher = compile(&cleaned);
            patterns.push(Pattern {
                rule: Rule {
                    line,
                    pattern: text,
                },
                exception,
                cleaned,
                matcher,
            });
        }
        let exceptions_anywhere = patterns.iter().any(|pattern| {
            pattern.exception
                && pattern
                    .without_trailing_glob()
                    .contains(['*', '[', ']', '?', '^', '\\'])
        });
        Ok(Self {
            file: file.to_owned(),
            patterns,
            exceptions_anywhere,
        })
    }

    /// Name of the file, as given to [`Ignore::parse`].
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether nothing at all is ignored.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Decides any path, relative to the context (`a/b`, no leading slash), as a walk that arrives at it would: with
    /// the results of every directory above it, and excluded when the walk would not have entered one of them.
    ///
    /// Whether the path is a file or a directory makes no difference: `foo/` and `foo` are the same pattern.
    ///
    /// # Errors
    /// A pattern that is only found to be malformed when it is tried, such as `x[z-a]`; BuildKit fails the build then.
    pub fn decide(&self, path: &str) -> Result<Verdict, IgnoreError> {
        let path = paths::below_root(path);
        let mut state = DirState::default();
        for dir in paths::ancestors(&path) {
            let (verdict, next) = self.step(&state, dir)?;
            if verdict.excluded && self.may_prune(dir) {
                return Ok(verdict);
            }
            state = next;
        }
        if path.is_empty() {
            return Ok(Verdict {
                excluded: false,
                by: None,
            });
        }
        Ok(self.step(&state, &path)?.0)
    }

    /// Whether the patterns match a path when no directory is ever skipped, as in `COPY --exclude` and `--parents`.
    ///
    /// # Errors
    /// As [`Ignore::decide`].
    pub(crate) fn matches(&self, path: &str) -> Result<bool, IgnoreError> {
        let mut state = DirState::default();
        for dir in paths::ancestors(path) {
            state = self.step(&state, dir)?.1;
        }
        Ok(self.step(&state, path)?.0.excluded)
    }

    /// Decides one entry of a directory during a walk. `parent` is the state of the directory it is in (default value:
    /// the context's root), `path` is relative to the context. The returned state is for the entries below it.
    ///
    /// # Errors
    /// As [`Ignore::decide`].
    pub fn step(&self, parent: &DirState, path: &str) -> Result<(Verdict, DirState), IgnoreError> {
        let mut state = DirState::default();
        let (excluded, by) = self.step_into(parent, path, &mut state)?;
        let by = by.cloned();
        Ok((Verdict { excluded, by }, state))
    }

    /// The same for very many paths: `state` is written over, and whether the path is excluded and by which line is
    /// borrowed.
    pub(crate) fn step_into(
        &self,
        parent: &DirState,
        path: &str,
        state: &mut DirState,
    ) -> Result<(bool, Option<&Rule>), IgnoreError> {
        state.matched.clear();
        state.matched.resize(self.patterns.len(), false);
        let mut excluded = false;
        let mut by = None;
        for (at, pattern) in self.patterns.iter().enumerate() {
            let mut matched = parent.matched.get(at).copied().unwrap_or(false);
            if !matched {
                // A pattern that could not change the outcome is not tried, and its not having matched is carried
                // down: this is why `foo/a`, `!foo` leaves foo/a excluded.
                if pattern.exception != excluded {
                    continue;
                }
                matched = pattern.matches(path).ok_or_else(|| IgnoreError {
                    file: self.file.clone(),
                    line: pattern.rule.line,
                    pattern: pattern.rule.pattern.clone(),
                    problem: BROKEN,
                })?;
            }
            state.matched[at] = matched;
            if matched {
                excluded = !pattern.exception;
                by = Some(&pattern.rule);
            }
        }
        Ok((excluded, by))
    }

    /// Whether an excluded directory can be skipped without looking inside: no `!pattern` could bring back anything
    /// below it. The rule is `fsutil`'s: one exception with a wildcard that is not just a trailing `/*` or `/**` means
    /// that every directory is entered.
    pub fn may_prune(&self, dir: &str) -> bool {
        if self.exceptions_anywhere {
            return false;
        }
        let dir = format!("{dir}/");
        !self.patterns.iter().any(|pattern| {
            pattern.exception && format!("{}/", pattern.without_trailing_glob()).starts_with(&dir)
        })
    }
}

impl Pattern {
    /// `None` where Go reports a bad pattern.
    fn matches(&self, path: &str) -> Option<bool> {
        Some(match &self.matcher {
            Matcher::Exact => path == self.cleaned,
            Matcher::Prefix(prefix) => path.starts_with(prefix),
            // `**/foo` is the suffix `/foo`, and `foo` itself.
            Matcher::Suffix(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            Matcher::Expression(expression) => expression.is_match(path),
            Matcher::Broken => return None,
        })
    }

    fn without_trailing_glob(&self) -> &str {
        let text = &self.cleaned;
        let text = text.strip_suffix("/**").unwrap_or(text);
        text.strip_suffix("/*").unwrap_or(text)
    }
}

/// `ignorefile.ReadAll` on one trimmed line: cleaned, without leading slash, `!` kept in front.
fn normalise(line: &str) -> String {
    let (bang, path) = match line.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", line),
    };
    if path.is_empty() {
        return bang.to_owned();
    }
    let path = paths::clean(path);
    let path = if path.len() > 1 {
        path.strip_prefix('/').unwrap_or(&path)
    } else {
        &path
    };
    format!("{bang}{path}")
}

/// `Pattern.compile` of `moby/patternmatcher`, quirks included: the kind of match is only what the last special
/// character made it.
fn compile(cleaned: &str) -> Matcher {
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Expression,
    }
    let mut kind = Kind::Exact;
    let mut go = String::from("^");
    let mut chars = cleaned.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                if chars.peek().is_some() {
                    go.push_str("(.*/)?");
                    kind = Kind::Expression;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    go.push_str(".*");
                    kind = Kind::Expression;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                go.push_str("[^/]*");
                kind = Kind::Expression;
            }
            '?' => {
                go.push_str("[^/]");
                kind = Kind::Expression;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                go.push('\\');
                go.push(c);
            }
            '\\' => {
                go.push('\\');
                if let Some(escaped) = chars.next() {
                    go.push(escaped);
                    kind = Kind::Expression;
                }
            }
            '[' | ']' => {
                go.push(c);
                kind = Kind::Expression;
            }
            c => go.push(c),
        }
        first = false;
    }
    match kind {
        Kind::Exact => Matcher::Exact,
        Kind::Prefix => Matcher::Prefix(cleaned[..cleaned.len() - 2].to_owned()),
        Kind::Suffix => Matcher::Suffix(cleaned[2..].to_owned()),
        Kind::Expression => {
            go.push('$');
            go_regex::compile(&go).map_or(Matcher::Broken, Matcher::Expression)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        dockerignore: String,
        files: Vec<String>,
        kept: Option<Vec<String>>,
        kept_buildkit: Option<Vec<String>>,
        load_error: Option<String>,
    }

    /// Every path of a tree, directories included, in the order of a walk.
    fn tree(files: &[String]) -> BTreeMap<String, bool> {
        let mut all = BTreeMap::new();
        for file in files {
            let path = file.trim_end_matches('/');
            all.extend(paths::ancestors(path).map(|dir| (dir.to_owned(), true)));
            all.insert(path.to_owned(), file.ends_with('/'));
        }
        all
    }

    /// What BuildKit's walk keeps, through the incremental form.
    fn walk(
        ignore: &Ignore,
        tree: &BTreeMap<String, bool>,
    ) -> Result<BTreeSet<String>, IgnoreError> {
        let mut kept = BTreeSet::new();
        let mut states = BTreeMap::from([(String::new(), DirState::default())]);
        for (path, &is_dir) in tree {
            let Some(parent) = states.get(paths::parent(path)) else {
                continue;
            };
            let (verdict, state) = ignore.step(parent, path)?;
            if is_dir && !(verdict.excluded && ignore.may_prune(path)) {
                states.insert(path.clone(), state);
            }
            if !verdict.excluded {
                kept.insert(path.clone());
            }
        }
        Ok(kept)
    }

    fn cases() -> Vec<Case> {
        serde_json::from_str(include_str!("../../tests/fixtures/dockerignore-cases.json")).unwrap()
    }

    #[test]
    fn every_recorded_case_keeps_what_buildkit_keeps() {
        let cases = cases();
        assert_eq!(cases.len(), 84);
        for case in cases {
            let name = &case.name;
            let parsed = Ignore::parse(&case.dockerignore, ".dockerignore");
            if case.load_error.is_some() {
                assert!(parsed.is_err(), "{name}: is refused when loaded");
                continue;
            }
            let ignore = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
            let wanted = case.kept_buildkit.or(case.kept).unwrap();
            let walked = walk(&ignore, &tree(&case.files));
            if wanted.iter().any(|kept| kept.starts_with("ERR:")) {
                assert!(walked.is_err(), "{name}: fails during the walk");
                continue;
            }
            let walked = walked.unwrap_or_else(|error| panic!("{name}: {error}"));
            let offered = case
                .files
                .iter()
                .filter(|file| walked.contains(file.trim_end_matches('/')));
            let kept: BTreeSet<_> = offered.cloned().collect();
            assert_eq!(kept, wanted.into_iter().collect(), "{name}");
        }
    }

    #[test]
    fn a_single_question_gets_the_answer_of_the_walk() {
        for case in cases() {
            let Ok(ignore) = Ignore::parse(&case.dockerignore, ".dockerignore") else {
                continue;
            };
            let tree = tree(&case.files);
            let Ok(walked) = walk(&ignore, &tree) else {
                continue;
            };
            for path in tree.keys() {
                let verdict = ignore.decide(path).unwrap();
                assert_eq!(
                    verdict.excluded,
                    !walked.contains(path),
                    "{}: {path}",
                    case.name
                );
            }
        }
    }

    #[test]
    fn a_verdict_names_the_line_and_the_pattern_as_written() {
        let ignore =
            Ignore::parse("# secrets\n\n/.env*\n!.env.example \n", ".dockerignore").unwrap();
        let rule = |line, pattern: &str| {
            Some(Rule {
                line,
                pattern: pattern.to_owned(),
            })
        };
        assert_eq!(
            ignore.decide(".env").unwrap(),
            Verdict {
                excluded: true,
                by: rule(3, "/.env*")
            }
        );
        assert_eq!(
            ignore.decide(".env.example").unwrap(),
            Verdict {
                excluded: false,
                by: rule(4, "!.env.example")
            }
        );
        assert_eq!(
            ignore.decide("app.js").unwrap(),
            Verdict {
                excluded: false,
                by: None
            }
        );
    }

    #[test]
    fn a_directory_that_excludes_its_files_is_named_for_them() {
        let ignore = Ignore::parse("node_modules\n", ".dockerignore").unwrap();
        let verdict = ignore.decide("node_modules/a/b.js").unwrap();
        assert!(verdict.excluded);
        assert_eq!(verdict.by.unwrap().line, 1);
        assert!(ignore.may_prune("node_modules"));
    }

    #[test]
    fn an_exception_with_a_wildcard_keeps_every_directory_open() {
        let pruned = |text: &str, dir| Ignore::parse(text, "").unwrap().may_prune(dir);
        assert!(!pruned("node_modules\n!**/keep.txt\n", "node_modules"));
        assert!(!pruned("*\n!src/**\n", "src"));
        assert!(pruned("*\n!src/**\n", "node_modules"));
        assert!(pruned("*\n!src/*\n", "srcs"));
    }

    #[test]
    fn a_refused_line_is_named() {
        let error = Ignore::parse("a\nb[\n", "api/.dockerignore").unwrap_err();
        assert_eq!((error.line, error.pattern.as_str()), (2, "b["));
        assert!(
            error
                .to_string()
                .starts_with("api/.dockerignore line 2: `b[` is not a pattern")
        );
    }

    #[test]
    fn a_slash_before_a_bang_still_makes_an_exception() {
        let ignore = Ignore::parse("*\n/!foo\n", ".dockerignore").unwrap();
        assert!(!ignore.decide("foo").unwrap().excluded);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c!*?/\\[\\]\\\\^.\\-QEdpx{}\n]{0,24}", path in "[a-c./]{0,12}") {
            if let Ok(ignore) = Ignore::parse(&text, ".dockerignore") {
                let _ = ignore.decide(&path);
            }
        }
    }
}
