//! The short forms of ports and volumes.

use std::path::{Path, PathBuf};

use crate::app::{Mount, MountKind, Place, Port, Protocol};

/// Reads `[[IP:]HOST:]CONTAINER[/PROTOCOL]` where both ports may be ranges.
pub fn ports(text: &str, place: &Place) -> Result<Vec<Port>, String> {
    let (text, protocol) = match text.rsplit_once('/') {
        Some((text, "tcp")) => (text, Protocol::Tcp),
        Some((text, "udp")) => (text, Protocol::Udp),
        Some((_, other)) => return Err(format!("`{other}` is not a protocol: tcp or udp")),
        None => (text, Protocol::Tcp),
    };
    let (host, target) = match text.rsplit_once(':') {
        Some((host, target)) => (Some(host), target),
        None => (None, text),
    };
    let (ip, published) = match host {
        None => (None, None),
        Some(host) => match host.rsplit_once(':') {
            Some((ip, published)) => (Some(ip), Some(published)),
            // `127.0.0.1::80` was split above; a lone address is `IP:CONTAINER`.
            None if host.contains('.') => (Some(host), None),
            None => (None, Some(host)),
        },
    };
    let ip = ip.map(|ip| ip.trim_matches(['[', ']']).to_owned());
    if let Some(ip) = &ip
        && ip.parse::<std::net::IpAddr>().is_err()
    {
        return Err(format!("`{ip}` is not an IP address"));
    }
    let targets = range(target)?;
    let published = match published {
        None | Some("") => None,
        Some(published) => Some(range(published)?),
    };
    // A single container port may take any port of a host range; the first one is as good.
    if let Some(published) = &published
        && published.len() != targets.len()
        && targets.len() != 1
    {
        return Err("the two port ranges have different lengths".to_owned());
    }
    let one = |(index, target): (usize, u16)| Port {
        target,
        published: published.as_ref().map(|ports| ports[index]),
        host_ip: ip.clone(),
        protocol,
        place: place.clone(),
    };
    Ok(targets.into_iter().enumerate().map(one).collect())
}

/// Reads `80` or `80-82`.
pub fn range(text: &str) -> Result<Vec<u16>, String> {
    let port = |text: &str| match text.trim().parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("`{text}` is not a port (1 to 65535)")),
    };
    match text.split_once('-') {
        None => Ok(vec![port(text)?]),
        Some((from, to)) => {
            let (from, to) = (port(from)?, port(to)?);
            if from > to {
                return Err(format!("the port range `{text}` runs backwards"));
            }
            Ok((from..=to).collect())
        }
    }
}

/// Reads `[SOURCE:]TARGET[:MODE]`. A source that begins with `.`, `/` or `~` is a path.
pub fn volume(
    text: &str,
    base: &Path,
    home: Option<&Path>,
    place: &Place,
) -> Result<Mount, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match *parts {
        [target] => (None, target, ""),
        [source, target] if target.starts_with('/') => (Some(source), target, ""),
        [target, mode] if target.starts_with('/') => (None, target, mode),
        [source, target, mode] => (Some(source), target, mode),
        _ => return Err(format!("`{text}` is not `[SOURCE:]TARGET[:MODE]`")),
    };
    if !target.starts_with('/') {
        return Err(format!(
            "the path in the container, `{target}`, must begin with `/`"
        ));
    }
    let options: Vec<&str> = mode.split(',').collect();
    let kind = match source {
        None => MountKind::Anonymous,
        Some("") => return Err("the source before the first `:` is empty".to_owned()),
        Some(source) if source.starts_with(['.', '/', '~']) => MountKind::Bind {
            source: host_path(source, base, home),
            create: true,
        },
        Some(source) if source.contains('/') => {
            return Err(format!(
                "`{source}` is neither a volume name nor a path; write `./{source}` for a path"
            ));
        }
        Some(source) => MountKind::Volume {
            source: source.to_owned(),
        },
    };
    Ok(Mount {
        kind,
        target: clean_target(target),
        read_only: options.contains(&"ro"),
        no_copy: options.contains(&"nocopy"),
        place: place.clone(),
    })
}

/// An absolute path on the host: `~` and relative paths resolved, `.` and `..` folded.
pub fn host_path(source: &str, base: &Path, home: Option<&Path>) -> PathBuf {
    let path = match (source.strip_prefix('~'), home) {
        (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
        _ => base.join(source),
    };
    fold(&path)
}

/// Folds `.` and `..` without asking the disk.
pub fn fold(path: &Path) -> PathBuf {
    let mut folded = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                folded.pop();
            }
            part => folded.push(part),
        }
    }
    folded
}

/// A container path without a trailing slash.
pub fn clean_target(target: &str) -> String {
    match target.trim_end_matches('/') {
        "" => "/".to_owned(),
        target => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::start_of("compose.yaml")
    }

    type Read = Vec<(Option<String>, Option<u16>, u16)>;

    fn read(text: &str) -> Result<Read, String> {
        let ports = ports(text, &place())?;
        Ok(ports
            .into_iter()
            .map(|p| (p.host_ip, p.published, p.target))
            .collect())
    }

    #[test]
    fn short_ports_are_read_in_all_their_forms() {
        let ip = |text: &str| Some(text.to_owned());
        assert_eq!(read("3000"), Ok(vec![(None, None, 3000)]));
        assert_eq!(read("8080:80"), Ok(vec![(None, Some(8080), 80)]));
        assert_eq!(
            read("127.0.0.1:8080:80"),
            Ok(vec![(ip("127.0.0.1"), Some(8080), 80)])
        );
        assert_eq!(read("127.0.0.1::80"), Ok(vec![(ip("127.0.0.1"), None, 80)]));
        assert_eq!(
            read("90-91:80-81/udp"),
            Ok(vec![(None, Some(90), 80), (None, Some(91), 81)])
        );
        assert_eq!(read("[::1]:8080:80"), Ok(vec![(ip("::1"), Some(8080), 80)]));
        assert!(read("80:80:80:80").is_err());
        assert!(read("70000").is_err());
        assert!(read("80/sctp").is_err());
    }

    #[test]
    fn short_volumes_tell_paths_from_names() {
        let read = |text: &str| {
            let mount = volume(text, Path::new("/p"), Some(Path::new("/home/u")), &place());
            mount.map(|mount| (mount.kind, mount.target, mount.read_only))
        };
        let bind = |path: &str| MountKind::Bind {
            source: path.into(),
            create: true,
        };
        let name = |name: &str| MountKind::Volume {
            source: name.to_owned(),
        };
        let t = |text: &str| text.to_owned();
        assert_eq!(read("./src:/app:ro"), Ok((bind("/p/src"), t("/app"), true)));
        assert_eq!(read(".:/app/"), Ok((bind("/p"), t("/app"), false)));
        assert_eq!(read("../x:/app"), Ok((bind("/x"), t("/app"), false)));
        assert_eq!(read("~/x:/app"), Ok((bind("/home/u/x"), t("/app"), false)));
        assert_eq!(read("data:/data"), Ok((name("data"), t("/data"), false)));
        assert_eq!(read("/data"), Ok((MountKind::Anonymous, t("/data"), false)));
        assert!(read("src/app:/app").is_err());
        assert!(read("data:app").is_err());
    }
}
