//! Shorthands for the tests beside.

use super::{HostMention, mentions};

/// The mentions of names in a text.
pub(super) fn finds(path: &str, text: &str, names: &[&str]) -> Vec<HostMention> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    mentions(path, text, &names)
}

/// Asserts that no name in a text is a host.
#[track_caller]
pub(super) fn finds_nothing(path: &str, text: &str, names: &[&str]) {
    let found = finds(path, text, names);
    assert!(found.is_empty(), "{path}: {text}: {found:?}");
}
