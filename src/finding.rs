//! A finding: one dev/prod difference with its places, its proof and its fix.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::app::Place;
use crate::evidence::Kind;

pub use crate::evidence::Fix;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The app breaks in production.
    #[default]
    Error,
    /// It can break in production, depending on what is set there.
    Warning,
}

impl Severity {
    /// The word used in every format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What a rule is.
#[derive(Debug, serde::Serialize)]
pub struct RuleInfo {
    /// Family letter and three digits; never used again for something else.
    pub code: &'static str,
    /// The defect's name; a contract.
    pub name: &'static str,
    /// Usual severity.
    pub severity: Severity,
    /// One sentence for lists.
    pub summary: &'static str,
    /// What must have been seen to judge.
    pub needs: &'static [Kind],
    /// First version that has it.
    pub since: &'static str,
    /// The text of its manual page, as the lines of a doc comment; [`Self::page`] is for readers.
    #[serde(skip)]
    pub manual: &'static str,
}

impl RuleInfo {
    /// The manual page, in Markdown.
    pub fn page(&self) -> String {
        let severity = self.severity.as_str();
        let mut page = format!("# {} {}\n\n", self.code, self.name);
        for line in self.manual.lines() {
            page.push_str(line.strip_prefix(' ').unwrap_or(line));
            page.push('\n');
        }
        let facts = format!("Severity: {severity}. Since: {}.", self.since);
        format!("{page}\n{facts}\n")
    }
}

impl RuleInfo {
    /// The family that its code's letter stands for.
    pub fn family(&self) -> &'static str {
        match self.code.as_bytes().first() {
            Some(b'E') => "image",
            Some(b'H') => "hosts",
            Some(b'P') => "probes",
            Some(b'T') => "task",
            _ => "other",
        }
    }

    /// Why it breaks on ECS: the first sentence of that section of its page.
    pub fn why(&self) -> Option<String> {
        let mut lines = self.manual.lines().map(str::trim);
        lines.find(|line| *line == "## Why it breaks on ECS")?;
        let paragraph: Vec<&str> = lines
            .skip_while(|line| line.is_empty())
            .take_while(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let paragraph = paragraph.join(" ");
        let end = paragraph.find(". ").unwrap_or(paragraph.len());
        let sentence = paragraph[..end].trim_end_matches('.');
        (!sentence.is_empty()).then(|| sentence.to_owned())
    }
}

/// A place of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where.
    pub place: Place,
    /// The line, to be shown with a caret; empty when it is not at hand.
    pub text: String,
    /// Set when the line is not to be shown: it can hold a secret that nothing gives away as one.
    pub withheld: bool,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static RuleInfo,
    /// Severity here, which can be another than the rule's usual one.
    pub severity: Severity,
    /// The service that breaks.
    pub service: Option<String>,
    /// What happens and why it matters, a sentence without a full stop.
    pub message: String,
    /// Where, the most telling place first.
    pub locations: Vec<Location>,
    /// For machines: keys fixed per rule.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// What was seen, sentence by sentence.
    pub evidence: Vec<String>,
    /// What to do.
    pub help: String,
    /// What `prod-check --fix` does about it, where it can.
    pub fix: Option<Fix>,
    /// Set when the user accepts it: it no longer counts.
    pub ignored: Option<Ignored>,
    /// The same for the same defect after lines moved; see `checks::fingerprint`.
    pub fingerprint: String,
}

/// What accepts a finding.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ignored {
    /// Which of the ways.
    pub by: IgnoredBy,
    /// Why, in the user's words.
    pub reason: String,
    /// Where that is written; a baseline has no place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// How a finding was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IgnoredBy {
    /// An entry of `x-envsim.ignore`.
    Settings,
    /// A comment at its line.
    Comment,
    /// The baseline file.
    Baseline,
}

impl Finding {
    /// A finding of `rule` without places, data and proof yet.
    pub fn new(
        rule: &'static RuleInfo,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity: rule.severity,
            service: None,
            message: message.into(),
            locations: Vec::new(),
            data: serde_json::Map::new(),
            evidence: Vec::new(),
            help: help.into(),
            fix: None,
            ignored: None,
            fingerprint: String::new(),
        }
    }

    /// Names the service that breaks.
    pub fn service(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    /// Adds a place with its line.
    pub fn at(mut self, place: &Place, text: &str) -> Self {
        self.locations.push(Location {
            place: place.clone(),
            text: text.to_owned(),
            withheld: false,
        });
        self
    }

    /// Adds a place whose line is not shown.
    pub fn at_withheld(mut self, place: &Place) -> Self {
        self.locations.push(Location {
            place: place.clone(),
            text: String::new(),
            withheld: true,
        });
        self
    }

    /// Adds a sentence of proof.
    pub fn proof(mut self, sentence: impl Into<String>) -> Self {
        self.evidence.push(sentence.into());
        self
    }

    /// Adds a value for machines.
    pub fn data(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places: Vec<&Place> = self
            .locations
            .iter()
            .map(|location| &location.place)
            .collect();
        let mut out = serializer.serialize_struct("Finding", 12)?;
        out.serialize_field("code", self.rule.code)?;
        out.serialize_field("rule", self.rule.name)?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("service", &self.service)?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("locations", &places)?;
        out.serialize_field("data", &self.data)?;
        out.serialize_field("evidence", &self.evidence)?;
        out.serialize_field("help", &self.help)?;
        match &self.fix {
            Some(fix) => out.serialize_field("fix", fix)?,
            None => out.skip_field("fix")?,
        }
        out.serialize_field("fingerprint", &self.fingerprint)?;
        match &self.ignored {
            Some(ignored) => out.serialize_field("ignored", ignored)?,
            None => out.skip_field("ignored")?,
        }
        out.end()
    }
}

/// A rule that could not judge.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NotChecked {
    /// The rule's name.
    pub rule: &'static str,
    /// What it lacked.
    pub reason: String,
}

/// An entry of `x-envsim.ignore` that matches no finding.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UnusedIgnore {
    /// Name of the rule that it is for.
    pub rule: &'static str,
    /// Where it stands.
    pub place: Place,
    /// The line, to be shown with a caret; empty when it is not at hand.
    #[serde(skip)]
    pub text: String,
}

/// Something wrong with a comment that was to ignore findings.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Where the comment stands.
    pub place: Place,
    /// Its line.
    #[serde(skip)]
    pub text: String,
}

/// Findings of a rule that the user did not ask for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Code of the rule.
    pub code: &'static str,
    /// Its name.
    pub rule: &'static str,
    /// How many.
    pub count: usize,
}

/// A finding that a baseline accepts; only the fingerprint decides, the rest is for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct BaselineEntry {
    /// File of the first place, relative to the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Code of the rule.
    pub code: String,
    /// The line, without secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// [`Finding::fingerprint`].
    pub fingerprint: String,
}

/// What all rules said of one run.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Sorted by severity, code and place; those that the user accepts are among them.
    pub findings: Vec<Finding>,
    /// Rules that could not judge.
    pub not_checked: Vec<NotChecked>,
    /// Entries of `x-envsim.ignore` that match no finding.
    pub unused_ignores: Vec<UnusedIgnore>,
    /// Comments that ignore nothing, because something is wrong with them.
    pub remarks: Vec<Remark>,
    /// Findings that the user did not ask for.
    pub left_out: Vec<LeftOut>,
    /// Entries of the baseline that match no finding.
    pub stale_baseline: Vec<BaselineEntry>,
    /// The least severity that fails.
    pub fails_on: Severity,
}

impl Judgement {
    /// The findings that count.
    pub fn counted(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.ignored.is_none())
    }

    /// The findings that the user accepts, each with its reason.
    pub fn accepted(&self) -> impl Iterator<Item = (&Finding, &Ignored)> {
        self.findings
            .iter()
            .filter_map(|finding| Some((finding, finding.ignored.as_ref()?)))
    }

    /// How many findings of `severity` count; what is wrong with the user's own entries and comments
    /// is a warning.
    pub fn count(&self, severity: Severity) -> usize {
        let found = self.counted().filter(|one| one.severity == severity);
        let told = self.unused_ignores.len() + self.remarks.len();
        found.count()
            + if severity == Severity::Warning {
                told
            } else {
                0
            }
    }

    /// True when nothing breaks in production. Warnings count only when the user said so.
    pub fn passes(&self) -> bool {
        let warned = self.fails_on == Severity::Warning && self.count(Severity::Warning) > 0;
        self.count(Severity::Error) == 0 && !warned
    }
}
