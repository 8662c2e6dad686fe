//! Reads the JSON report of `envsim prod-check`.

use serde_json::Value;

use super::Outcome;

/// A report with the command that printed it, for messages.
#[derive(Clone, Debug)]
pub struct Report {
    /// The whole report.
    pub json: Value,
    /// The command.
    pub outcome: Outcome,
}

impl Report {
    /// Takes stdout as the report.
    #[track_caller]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            json: outcome.json(),
            outcome: outcome.clone(),
        }
    }

    /// All findings.
    #[track_caller]
    pub fn findings(&self) -> &[Value] {
        self.json["findings"]
            .as_array()
            .unwrap_or_else(|| panic!("`findings` is no list\n{}", self.outcome))
    }

    /// The findings of `rule`; the test fails when there is none.
    #[track_caller]
    pub fn of_rule(&self, rule: &str) -> Vec<&Value> {
        let found: Vec<&Value> = self
            .findings()
            .iter()
            .filter(|finding| finding["rule"] == rule)
            .collect();
        assert!(
            !found.is_empty(),
            "no finding of `{rule}`\n{}",
            self.outcome
        );
        found
    }

    /// The finding of `rule` whose `data` has `value` at `key`.
    #[track_caller]
    pub fn finding(&self, rule: &str, key: &str, value: &str) -> &Value {
        let found = self
            .of_rule(rule)
            .into_iter()
            .find(|finding| finding["data"][key] == value);
        found.unwrap_or_else(|| {
            panic!(
                "no finding of `{rule}` with `data.{key}` = `{value}`\n{}",
                self.outcome
            )
        })
    }

    /// The first place of a finding as `PATH:LINE`.
    pub fn place(finding: &Value) -> String {
        let location = &finding["locations"][0];
        format!(
            "{}:{}",
            location["path"].as_str().unwrap_or_default(),
            location["line"]
        )
    }

    /// Rules with findings of severity error.
    pub fn errors(&self) -> Vec<&str> {
        let findings = self
            .findings()
            .iter()
            .filter(|finding| finding["severity"] == "error");
        findings
            .filter_map(|finding| finding["rule"].as_str())
            .collect()
    }

    /// Fails the test unless the verdict is "pass", the exit code 0 and no error was found.
    #[track_caller]
    pub fn passes(&self) {
        self.outcome.exits(0);
        assert_eq!(self.json["verdict"], "pass", "{}", self.outcome);
        assert!(self.errors().is_empty(), "{}", self.outcome);
    }
}
