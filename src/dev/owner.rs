//! Whom synced files belong to where no agent can tell: the user that the image or the file names, as the engine
//! resolves it (moby, `oci_linux.go`, `getUser`).

use std::io::Read;

use crate::engine::Engine;

/// A passwd or group file is never larger; what is, is something else.
const MOST: u64 = 1024 * 1024;

/// User and group id of `user` (`node`, `1000`, `node:staff`) in the container; root where nothing can be told.
pub async fn ids(engine: &Engine, container: &str, user: &str) -> (u32, u32) {
    if let Some(ids) = resolve(user, "", "") {
        return ids;
    }
    let passwd = text(engine, container, "/etc/passwd").await;
    let group = text(engine, container, "/etc/group").await;
    resolve(user, &passwd, &group).unwrap_or_default()
}

async fn text(engine: &Engine, container: &str, path: &str) -> String {
    let Ok(Some(archive)) = engine.open_archive(container, path).await else {
        return String::new();
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut archive = tar::Archive::new(archive);
        let mut text = String::new();
        if let Some(Ok(entry)) = archive.entries().ok()?.next() {
            entry.take(MOST).read_to_string(&mut text).ok()?;
        }
        Some(text)
    });
    read.await.ok().flatten().unwrap_or_default()
}

/// The ids of `user` by the texts of `/etc/passwd` and `/etc/group`; none when they do not tell. A number that they
/// do not know has the group 0.
fn resolve(user: &str, passwd: &str, groups: &str) -> Option<(u32, u32)> {
    let (name, group) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (user, None),
    };
    let entry = |name: &str, text: &str| -> Option<Vec<String>> {
        let mut lines = text.lines().map(|line| line.split(':'));
        lines.find_map(|fields| {
            let fields: Vec<&str> = fields.collect();
            let known = fields.first() == Some(&name) || fields.get(2) == Some(&name);
            known.then(|| fields.iter().map(|&field| field.to_owned()).collect())
        })
    };
    let number = |fields: &Vec<String>, at: usize| fields.get(at)?.parse::<u32>().ok();
    let found = entry(name, passwd);
    let id = match name {
        "" | "root" => 0,
        name => match name.parse() {
            Ok(id) => id,
            Err(_) => number(found.as_ref()?, 2)?,
        },
    };
    let group = match group {
        Some(group) => match group.parse() {
            Ok(id) => id,
            Err(_) => number(&entry(group, groups)?, 2)?,
        },
        None if found.is_none() && id != 0 && passwd.is_empty() => return None,
        None => found.and_then(|found| number(&found, 3)).unwrap_or(0),
    };
    Some((id, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nstaff:x:50:\n";

    #[test]
    fn a_user_is_found_by_name_and_by_number_with_its_own_group() {
        let of = |user| resolve(user, PASSWD, GROUP);
        assert_eq!(of("node"), Some((1000, 1001)));
        assert_eq!(of("1000"), Some((1000, 1001)));
        assert_eq!(of("node:staff"), Some((1000, 50)));
        assert_eq!(of("node:7"), Some((1000, 7)));
        assert_eq!(of("4711"), Some((4711, 0)));
        assert_eq!(of("root"), Some((0, 0)));
        assert_eq!(of(""), Some((0, 0)));
        assert_eq!(of("nobody"), None);
    }

    #[test]
    fn only_what_the_files_could_tell_waits_for_them() {
        assert_eq!(resolve("1000:1000", "", ""), Some((1000, 1000)));
        assert_eq!(resolve("1000", "", ""), None);
        assert_eq!(resolve("", "", ""), Some((0, 0)));
    }
}
