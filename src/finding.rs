//! A finding: one dev/prod difference with its places, its proof and its fix.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::app::Place;
use crate::evidence::Kind;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The app breaks in production.
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
}

/// A repair that a machine can make.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fix {
    /// What it does, in a fragment that begins with a verb.
    pub description: String,
    /// The files that it changes, relative to the project.
    pub files: Vec<String>,
}

/// The entry of `x-envsim.ignore` that accepts a finding.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ignored {
    /// Why, in the user's words.
    pub reason: String,
    /// Where the entry stands.
    pub place: Place,
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
        let mut out = serializer.serialize_struct("Finding", 11)?;
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

/// What all rules said of one run.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Sorted by severity, code and place; those that the user accepts are among them.
    pub findings: Vec<Finding>,
    /// Rules that could not judge.
    pub not_checked: Vec<NotChecked>,
    /// Entries of `x-envsim.ignore` that match no finding.
    pub unused_ignores: Vec<UnusedIgnore>,
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

    /// True when nothing breaks in production: there may be warnings.
    pub fn passes(&self) -> bool {
        self.counted()
            .all(|finding| finding.severity != Severity::Error)
    }
}
