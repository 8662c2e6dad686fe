//! The short form of a service's mounts: `[SOURCE:]TARGET[:OPTIONS]`.
//!
//! Source: Compose Specification, "Volumes", "Short syntax".

use super::{Kind, Node, Place};

/// A short form taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    source: String,
    target: String,
    options: String,
}

/// The long form of `text`.
///
/// # Errors
/// What is wrong with it, as a sentence without a full stop.
pub fn long_form(text: &str, place: &Place) -> Result<Node, String> {
    let parts = split(text)?;
    let mut mount = Node::mapping(place.clone());
    let is_path = is_path(&parts.source);
    mount.set(
        "type",
        Node::string(if is_path { "bind" } else { "volume" }, place),
    );
    if !parts.source.is_empty() {
        mount.set("source", Node::string(&*parts.source, place));
    }
    mount.set("target", Node::string(clean(&parts.target), place));
    let options: Vec<&str> = parts.options.split(',').collect();
    let last_of = |wanted: &[&str]| {
        let found = options.iter().rev().find(|option| wanted.contains(option));
        found.map(|option| (*option).to_owned())
    };
    if last_of(&["ro", "rw"]).as_deref() == Some("ro") {
        mount.set("read_only", Node::bool(true, place));
    }
    let mut bind = Node::mapping(place.clone());
    if let Some(propagation) = last_of(&[
        "rprivate", "private", "rshared", "shared", "rslave", "slave",
    ]) {
        bind.set("propagation", Node::string(propagation, place));
    }
    if let Some(label) = last_of(&["z", "Z"]) {
        bind.set("selinux", Node::string(label, place));
    }
    if is_path {
        bind.set("create_host_path", Node::bool(true, place));
    }
    if bind.as_mapping().is_some_and(|entries| !entries.is_empty()) {
        mount.set("bind", bind);
    }
    let mut volume = Node::mapping(place.clone());
    let no_copy = last_of(&["nocopy"]).is_some();
    if no_copy {
        volume.set("nocopy", Node::bool(true, place));
    }
    // One or two characters name a target alone; Compose gives such a mount no options.
    if no_copy || !is_path && text.len() > 2 {
        mount.set("volume", volume);
    }
    Ok(mount)
}

/// The target of a short form, as far as it can be told.
pub fn short_target(text: &str) -> String {
    split(text).map_or_else(|_| text.to_owned(), |parts| parts.target)
}

fn split(text: &str) -> Result<Parts, String> {
    let mut parts = Parts::default();
    if text.is_empty() {
        return Err("an empty text is no mount".to_owned());
    }
    if text.len() <= 2 {
        parts.target = text.to_owned();
        return Ok(parts);
    }
    let sections = sections(text);
    if sections.iter().any(String::is_empty) {
        return Err(format!("`{text}` has nothing between two colons"));
    }
    let mut sections = sections.into_iter();
    match sections.len() {
        1 => parts.target = sections.next().unwrap_or_default(),
        2 | 3 => {
            parts.source = sections.next().unwrap_or_default();
            parts.target = sections.next().unwrap_or_default();
            parts.options = sections.next().unwrap_or_default();
        }
        _ => return Err(format!("`{text}` has too many colons")),
    }
    Ok(parts)
}

/// The parts between colons; a colon after a Windows drive letter or inside `${…}` is text.
fn sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut braces = 0u32;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(current) = sections.last_mut() else {
            break;
        };
        let mut letters = current.chars();
        let drive = letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
        match c {
            '$' if chars.peek() == Some(&'{') => braces += 1,
            '}' if braces > 0 => braces -= 1,
            ':' if !drive && braces == 0 => {
                sections.push(String::new());
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    sections
}

/// True for what is a path of the host and not the name of a volume.
fn is_path(source: &str) -> bool {
    let mut chars = source.chars();
    match (chars.next(), chars.next()) {
        (Some('.' | '/' | '~'), _) => true,
        (Some(c), Some(':')) => c.is_alphabetic(),
        _ => source.starts_with(r"\\"),
    }
}

/// A path of the container as Go's `path.Clean` makes it.
pub fn clean(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

/// The long form of a device, `SOURCE[:TARGET[:PERMISSIONS]]`.
///
/// # Errors
/// What is wrong with it.
pub fn device(text: &str, place: &Place) -> Result<Node, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match *parts {
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => return Err(format!("`{text}` is not `SOURCE[:TARGET[:PERMISSIONS]]`")),
    };
    let target = if target.is_empty() { source } else { target };
    let mut device = Node::mapping(place.clone());
    for (key, value) in [
        ("source", source),
        ("target", target),
        ("permissions", permissions),
    ] {
        device.set(key, Node::scalar(value, Kind::Text, place.clone()));
    }
    Ok(device)
}
