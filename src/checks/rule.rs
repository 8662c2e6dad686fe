//! How a rule is declared: its doc comment is its manual page.

use crate::evidence::Evidence;
use crate::finding::{Finding, RuleInfo};

/// A rule: what it is and how it judges.
pub struct Rule {
    /// Code, name and so on.
    pub info: &'static RuleInfo,
    /// The pure function.
    pub check: fn(&Evidence) -> Vec<Finding>,
}

/// Declares `INFO` and `RULE` of a rule's file from a doc comment, the page that `envsim explain`
/// prints and `docs/rules` holds, and the facts of [`RuleInfo`]. The file has to have a function
/// `check`.
///
/// A page begins with what the rule finds, and has the sections `## Why it breaks on ECS`, `## Broken`,
/// `## Repaired` and `## When to ignore it`.
macro_rules! rule {
    (
        $(#[doc = $line:literal])*
        $code:literal, $name:literal, $severity:ident, since $since:literal,
        needs [$($kind:ident),*],
        $summary:literal $(,)?
    ) => {
        static INFO: $crate::finding::RuleInfo = $crate::finding::RuleInfo {
            code: $code,
            name: $name,
            severity: $crate::finding::Severity::$severity,
            summary: $summary,
            needs: &[$($crate::evidence::Kind::$kind),*],
            since: $since,
            manual: concat!($($line, "\n"),*),
        };

        $(#[doc = $line])*
        pub const RULE: $crate::checks::Rule = $crate::checks::Rule { info: &INFO, check };
    };
}

pub(crate) use rule;
