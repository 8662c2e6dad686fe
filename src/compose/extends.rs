//! `extends`: a service that begins as a copy of another one.
//!
//! Source: Compose Specification, "extends".

use std::path::{Path, PathBuf};

use super::document::{Reader, Scope, Stop};
use super::host_path::Base;
use super::reset::Resets;
use super::{Node, Value, host_path, merge, nearest};

/// The services that extend one another on the way to the present one.
type Trail = Vec<(PathBuf, String)>;

/// Where the services of one file are looked up.
struct Source<'a> {
    file: PathBuf,
    services: Node,
    resets: &'a Resets,
}

/// Replaces every service of `document` that extends another one by the result.
pub fn apply(
    reader: &mut Reader,
    scope: &Scope,
    file: &Path,
    document: &mut Node,
    resets: &Resets,
) -> Result<(), Stop> {
    let Some(services) = document.get("services") else {
        return Ok(());
    };
    let Value::Mapping(entries) = &services.value else {
        return Ok(());
    };
    let extending = |(_, service): &&(Node, Node)| service.get("extends").is_some();
    let names: Vec<String> = entries
        .iter()
        .filter(extending)
        .filter_map(|(name, _)| name.text().map(str::to_owned))
        .collect();
    let mut source = Source {
        file: file.to_owned(),
        services: services.clone(),
        resets,
    };
    for name in names {
        let merged = resolve(reader, scope, &mut source, &name, &mut Vec::new())?;
        if let Some(services) = document.get_mut("services") {
            services.set(&name, merged);
        }
    }
    Ok(())
}

/// The service `name` with all that it extends.
fn resolve(
    reader: &mut Reader,
    scope: &Scope,
    source: &mut Source,
    name: &str,
    trail: &mut Trail,
) -> Result<Node, Stop> {
    let service = source.services.get(name).cloned().unwrap_or_else(|| {
        let place = source.services.place.clone();
        Node::null(&place)
    });
    let Some(extends) = service.get("extends").cloned() else {
        return Ok(service);
    };
    let (wanted, other_file) = match &extends.value {
        Value::Mapping(_) => (extends.get("service"), extends.get("file")),
        _ => (Some(&extends), None),
    };
    let Some(base_name) = wanted.and_then(Node::as_string).map(str::to_owned) else {
        let problem = reader
            .cx
            .error(&extends.place, "`extends` names no `service`");
        problem.help = Some("write `extends: {service: NAME}`".to_owned());
        return Err(Stop);
    };
    let wanted_place = wanted.map_or(&extends.place, |node| &node.place).clone();
    let step = (source.file.clone(), name.to_owned());
    if trail.contains(&step) {
        let mut names: Vec<&str> = trail.iter().map(|(_, name)| name.as_str()).collect();
        names.push(name);
        let message = format!("`extends` goes in a circle: {}", names.join(" → "));
        reader.cx.error(&wanted_place, message);
        return Err(Stop);
    }
    trail.push(step);
    let base = match other_file.and_then(Node::as_string) {
        Some(text) => {
            let place = other_file
                .map_or(&extends.place, |node| &node.place)
                .clone();
            let (file, services, resets) = open(reader, scope, text, &place)?;
            let mut other = Source {
                file,
                services,
                resets: &resets,
            };
            find(reader, &other, &base_name, &wanted_place)?;
            resolve(reader, scope, &mut other, &base_name, trail)?
        }
        None => {
            find(reader, source, &base_name, &wanted_place)?;
            resolve(reader, scope, source, &base_name, trail)?
        }
    };
    trail.pop();
    // Compose leaves a service that extends an empty one as it is written.
    if base.is_null() {
        return Ok(service);
    }
    let mut base = base;
    source.resets.apply_to(&mut base, "services", name);
    let mut merged = merge::merge_service(base, service, &mut reader.cx);
    merged.remove("extends");
    source.services.set(name, merged.clone());
    Ok(merged)
}

/// An error unless the service that is to be extended exists.
fn find(
    reader: &mut Reader,
    source: &Source,
    name: &str,
    place: &super::Place,
) -> Result<(), Stop> {
    if source.services.get(name).is_some() {
        return Ok(());
    }
    let entries = source.services.as_mapping().unwrap_or(&[]);
    let names = entries.iter().filter_map(|(key, _)| key.text());
    let near = nearest(name, names).map(str::to_owned);
    let shown = reader.shown(&source.file);
    let problem = reader.cx.error(
        place,
        format!("`{shown}` has no service `{name}` to extend"),
    );
    problem.help = near.map(|near| format!("did you mean `{near}`?"));
    Err(Stop)
}

/// Reads another file for a service to extend: its path, its services with absolute paths, and
/// what it resets.
fn open(
    reader: &mut Reader,
    scope: &Scope,
    text: &str,
    place: &super::Place,
) -> Result<(PathBuf, Node, Resets), Stop> {
    let file = scope.base(reader).absolute(text);
    let (mut document, resets) = reader.read_extended(scope, &file, place)?;
    let base = Base {
        directory: file.parent().map(Path::to_owned).unwrap_or_default(),
        home: reader.home.clone(),
    };
    host_path::absolute(&mut document, &base, reader.disk);
    match document.remove("services") {
        Some(services) if services.as_mapping().is_some() => Ok((file, services, resets)),
        _ => {
            let shown = reader.shown(&file);
            reader
                .cx
                .error(place, format!("`{shown}` has no `services` to extend"));
            Err(Stop)
        }
    }
}
