//! `environment` of a service, with what its env files add.

use super::Node;
use crate::app::{At, EnvFrom, EnvVar};
use crate::compose::{FROM_ENV_FILE, PASSED_THROUGH, pairs};

/// The variables, and the names that have no value anywhere.
pub fn environment(node: &Node) -> (Vec<EnvVar>, Vec<At<String>>) {
    let mut variables = Vec::new();
    let mut unset = Vec::new();
    for (name, value) in pairs(Some(node)) {
        let place = value.place.clone();
        if value.is_null() {
            unset.push(At { value: name, place });
            continue;
        }
        let from = match value.tag.as_deref() {
            Some(PASSED_THROUGH) => EnvFrom::Host,
            Some(FROM_ENV_FILE) => EnvFrom::EnvFile,
            _ => EnvFrom::Environment,
        };
        variables.push(EnvVar {
            name,
            value: value.text().unwrap_or_default().to_owned(),
            from,
            place,
        });
    }
    (variables, unset)
}
