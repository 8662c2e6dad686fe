//! Which rules a user's word means.

use super::RULES;
use crate::finding::RuleInfo;

fn infos() -> impl Iterator<Item = &'static RuleInfo> {
    RULES.iter().map(|rule| rule.info)
}

/// The rule with this code or name; the code in any case.
pub fn find(text: &str) -> Option<&'static RuleInfo> {
    infos().find(|info| info.code.eq_ignore_ascii_case(text) || info.name == text)
}

/// The rules that `text` means: a code, a name, or the first characters of codes (`H`, `E00`).
pub fn all(text: &str) -> Vec<&'static RuleInfo> {
    if let Some(one) = find(text) {
        return vec![one];
    }
    let upper = text.to_ascii_uppercase();
    let prefix = upper.starts_with(|c: char| c.is_ascii_uppercase())
        && upper.chars().skip(1).all(|c| c.is_ascii_digit());
    let begins = |info: &&RuleInfo| prefix && info.code.starts_with(&upper);
    infos().filter(begins).collect()
}

/// The code or name that was meant by a word that is none; codes are too alike to guess among them.
pub fn meant(text: &str) -> Option<&'static str> {
    if let Some(info) = infos().find(|info| info.code.eq_ignore_ascii_case(text)) {
        return Some(info.code);
    }
    let lower = text.to_ascii_lowercase().replace([' ', '_'], "-");
    crate::app::nearest(&lower, infos().map(|info| info.name))
}

/// Advice for a word that names no rule.
pub fn advice(text: &str) -> String {
    match meant(text) {
        Some(near) => format!("did you mean `{near}`? `envsim rules` lists all"),
        None => "`envsim rules` lists all codes and names".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_a_name_and_the_beginning_of_codes_mean_rules() {
        let codes = |text: &str| -> Vec<&str> { all(text).iter().map(|info| info.code).collect() };
        assert_eq!(codes("h001"), ["H001"]);
        assert_eq!(codes("port-clash"), ["T001"]);
        assert!(codes("H").len() >= 3 && codes("h").iter().all(|code| code.starts_with('H')));
        assert!(codes("E00").contains(&"E001"));
        assert!(codes("").is_empty() && codes("X").is_empty() && codes("port").is_empty());
    }

    #[test]
    fn the_advice_names_what_was_meant() {
        assert!(advice("port_clsh").contains("`port-clash`"));
        assert!(!advice("X999").contains("did you mean"));
    }
}
