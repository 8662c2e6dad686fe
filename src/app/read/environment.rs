//! `environment` and `env_file` of a service.

use indexmap::IndexMap;

use super::short::host_path;
use super::{Context, Node, Resolve, Value};
use crate::app::{At, EnvFrom, EnvVar, Place, Service};
use crate::compose::env_file;

/// Variables of `env_file` and `environment`; the later file and then `environment` win.
pub fn environment(node: &Node, service: &mut Service, resolve: &Resolve, cx: &mut Context) {
    let mut variables: IndexMap<String, EnvVar> = IndexMap::new();
    let mut unset: IndexMap<String, At<String>> = IndexMap::new();
    if let Some(files) = node.get("env_file") {
        for (file, required) in env_files(files, cx) {
            let path = host_path(&file.value, resolve.directory, resolve.home);
            match (resolve.read_file)(&path) {
                Ok(text) => {
                    let shown = path.strip_prefix(resolve.directory).unwrap_or(&path);
                    let shown: std::sync::Arc<str> = shown.to_string_lossy().into();
                    match env_file::parse(&text, resolve.variable) {
                        Ok(entries) => {
                            for entry in entries {
                                let place = Place {
                                    path: shown.clone(),
                                    line: entry.line,
                                    column: entry.columns.0,
                                    end_column: entry.columns.1,
                                };
                                add(
                                    &mut variables,
                                    &mut unset,
                                    entry.name,
                                    entry.value,
                                    EnvFrom::EnvFile,
                                    place,
                                    resolve.host,
                                );
                            }
                        }
                        Err(bad) => {
                            let message = format!("{}:{}: {}", shown, bad.line, bad.message);
                            cx.error(&file.place, message);
                        }
                    }
                }
                Err(error) if required => {
                    cx.error(
                        &file.place,
                        format!("cannot read `{}`: {error}", path.display()),
                    )
                    .help = Some("create it, or write `path:` with `required: false`".to_owned());
                }
                Err(_) => {}
            }
        }
    }
    if let Some(own) = node.get("environment") {
        for (name, value) in cx.pairs(own, "`environment`") {
            add(
                &mut variables,
                &mut unset,
                name,
                value.value,
                EnvFrom::Environment,
                value.place,
                resolve.host,
            );
        }
    }
    service.environment = variables.into_values().collect();
    service.unset_environment = unset.into_values().collect();
}

fn add(
    variables: &mut IndexMap<String, EnvVar>,
    unset: &mut IndexMap<String, At<String>>,
    name: String,
    value: Option<String>,
    from: EnvFrom,
    place: Place,
    host: &dyn Fn(&str) -> Option<String>,
) {
    let (value, from) = match value {
        Some(value) => (Some(value), from),
        None => (host(&name), EnvFrom::Host),
    };
    match value {
        Some(value) => {
            unset.shift_remove(&name);
            let variable = EnvVar {
                name: name.clone(),
                value,
                from,
                place,
            };
            variables.insert(name, variable);
        }
        None => {
            variables.shift_remove(&name);
            unset.insert(name.clone(), At { value: name, place });
        }
    }
}

/// The variables of a mapping or list, and the names without a value anywhere.
pub fn environment_of(
    node: &Node,
    from: EnvFrom,
    host: &dyn Fn(&str) -> Option<String>,
    cx: &mut Context,
) -> (Vec<EnvVar>, Vec<At<String>>) {
    let mut variables = IndexMap::new();
    let mut unset = IndexMap::new();
    for (name, value) in cx.pairs(node, "`environment`") {
        add(
            &mut variables,
            &mut unset,
            name,
            value.value,
            from,
            value.place,
            host,
        );
    }
    (
        variables.into_values().collect(),
        unset.into_values().collect(),
    )
}

/// `env_file`: a path, a list of paths, or a list with `path`, `required` and `format`.
fn env_files(node: &Node, cx: &mut Context) -> Vec<(At<String>, bool)> {
    let items = match &node.value {
        Value::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut files = Vec::new();
    for item in items {
        if !matches!(item.value, Value::Mapping(_)) {
            files.extend(cx.string_at(item, "`env_file`").map(|file| (file, true)));
            continue;
        }
        let mut path = None;
        let mut required = true;
        for (key, place, value) in cx.entries(item, "`env_file`") {
            match key {
                "path" => path = cx.string_at(value, "`path`"),
                "required" => required = cx.boolean(value, "`required`").unwrap_or(true),
                "format" => {
                    cx.warn(place, "envsim does not use `format` of an env_file yet");
                }
                _ => cx.unknown_key(place, key, "`env_file`", &["path", "required", "format"]),
            }
        }
        match path {
            Some(path) => files.push((path, required)),
            None => {
                cx.error(&item.place, "an entry of `env_file` needs a `path`");
            }
        }
    }
    files
}
