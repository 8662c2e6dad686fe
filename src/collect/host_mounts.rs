//! Tells bind mounts of the host's own paths from those of the project, by how they are written: once
//! the Compose file is read, both are absolute.

use std::collections::BTreeMap;
use std::path::Path;

use crate::app::{App, Mount, MountKind, Place};
use crate::evidence::HostMount;
use crate::mask::mask;

/// The mounts of `app` that are written as paths of the host.
pub fn look(app: &App) -> Vec<HostMount> {
    let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut all = Vec::new();
    for service in app.services.values() {
        for mount in &service.volumes {
            let MountKind::Bind { source, .. } = &mount.kind else {
                continue;
            };
            let path = mount.place.path.to_string();
            let text = texts
                .entry(path)
                .or_insert_with_key(|path| std::fs::read_to_string(app.directory.join(path)).ok());
            let line = text.as_deref().and_then(|text| line(text, &mount.place));
            if is_of_host(app, source, line) {
                all.push(seen(&service.name, source, mount, line));
            }
        }
    }
    all
}

fn seen(service: &str, source: &Path, mount: &Mount, line: Option<&str>) -> HostMount {
    HostMount {
        service: service.to_owned(),
        source: source.to_string_lossy().into_owned(),
        target: mount.target.clone(),
        place: mount.place.clone(),
        text: line.map(|line| mask(line).into_owned()).unwrap_or_default(),
    }
}

fn line<'a>(text: &'a str, place: &Place) -> Option<&'a str> {
    text.lines().nth(place.line.checked_sub(1)? as usize)
}

/// Whether the path written at the place is one of the host. What a variable begins is judged by where
/// it leads.
fn is_of_host(app: &App, source: &Path, line: Option<&str>) -> bool {
    let outside = !source.starts_with(&app.directory);
    let Some(line) = line else {
        return outside;
    };
    // The place is the whole item in short syntax and the source in the long one: the first path of the
    // line is meant.
    let shown = line.trim_start().trim_start_matches('-').trim_start();
    let shown = match shown.split_once(':') {
        Some(("source" | "src" | "device", rest)) => rest.trim_start(),
        _ => shown,
    };
    let mut written = shown.trim_start_matches(['[', '{', ' ', '"', '\'']);
    if let Some((_, rest)) = written.split_once("source:") {
        written = rest.trim_start().trim_start_matches(['"', '\'']);
    }
    if let Some((_, rest)) = written.split_once("volumes:") {
        written = rest.trim_start().trim_start_matches(['[', ' ', '"', '\'']);
    }
    if written.starts_with("$PWD") || written.starts_with("${PWD") {
        return false;
    }
    match written.chars().next() {
        Some('/' | '~' | '\\') => outside,
        Some('.') => false,
        _ => outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::app;

    fn judged(source: &str, line: &str) -> bool {
        let app = app("services: {web: {image: web}}");
        is_of_host(&app, Path::new(source), Some(line))
    }

    #[test]
    fn a_path_is_of_the_host_as_it_is_written() {
        assert!(judged(
            "/var/run/docker.sock",
            "      - /var/run/docker.sock:/var/run/docker.sock"
        ));
        assert!(judged("/root/.aws", "      - ~/.aws:/root/.aws:ro"));
        assert!(judged("/etc", "        source: /etc"));
        assert!(judged("/srv/data", "      - ${DATA}:/data"));
        assert!(judged("/tmp", "    volumes: [\"/tmp:/tmp\"]"));
    }

    #[test]
    fn a_relative_path_is_of_the_project_even_outside_of_its_directory() {
        assert!(!judged("/shared", "      - ../shared:/app/shared"));
        assert!(!judged("/project/src", "      - ./src:/app/src"));
        assert!(!judged("/project/src", "      - ${PWD}/src:/app/src"));
        assert!(!judged("/elsewhere/src", "      - $PWD/src:/app/src"));
        assert!(!judged("/shared", "      - type: bind, source: ../shared"));
    }
}
