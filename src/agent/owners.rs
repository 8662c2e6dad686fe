//! Which container a socket belongs to: the processes of all containers are looked through for it.
//!
//! It takes the process namespace of the engine's host, the right to look into processes of other
//! users, and the ids of the containers: a process's cgroup names its container.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Inode of each socket that a process of one of `containers` has open, with the container's id.
pub fn of_sockets(proc: &Path, containers: &[String]) -> HashMap<u64, String> {
    let mut owners = HashMap::new();
    let Ok(processes) = fs::read_dir(proc) else {
        return owners;
    };
    for process in processes.flatten() {
        let path = process.path();
        // What is no process has no such file, and a process can end in between.
        let Ok(cgroup) = fs::read_to_string(path.join("cgroup")) else {
            continue;
        };
        let Some(container) = container(&cgroup, containers) else {
            continue;
        };
        let Ok(open) = fs::read_dir(path.join("fd")) else {
            continue;
        };
        for file in open.flatten() {
            let target = fs::read_link(file.path()).ok();
            if let Some(inode) = target.as_deref().and_then(Path::to_str).and_then(socket) {
                owners.insert(inode, container.to_owned());
            }
        }
    }
    owners
}

/// The container that a process with this `/proc/PID/cgroup` belongs to: every engine has the id in
/// the path, `/docker/ID` or `docker-ID.scope`.
fn container<'a>(cgroup: &str, containers: &'a [String]) -> Option<&'a str> {
    let mut named = containers.iter().filter(|id| cgroup.contains(id.as_str()));
    named.next().map(String::as_str)
}

/// The inode in `socket:[4242]`.
fn socket(link: &str) -> Option<u64> {
    let inode = link.strip_prefix("socket:[")?.strip_suffix(']')?;
    inode.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_of_a_process_names_its_container() {
        let ids = ["aaa111".to_owned(), "bbb222".to_owned()];
        for (cgroup, found) in [
            (
                "12:memory:/envsim-1/bbb222\n1:name=systemd:/x\n",
                Some("bbb222"),
            ),
            (
                "0::/system.slice/docker-aaa111.scope/init\n",
                Some("aaa111"),
            ),
            (
                "0::/../../envsim1.slice/docker-bbb222.scope\n",
                Some("bbb222"),
            ),
            ("0::/user.slice\n", None),
            ("", None),
        ] {
            assert_eq!(container(cgroup, &ids), found, "{cgroup}");
        }
    }

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket("socket:[4242]"), Some(4242));
        for link in ["pipe:[4242]", "/dev/null", "socket:[", "socket:[x]"] {
            assert_eq!(socket(link), None, "{link}");
        }
    }

    #[test]
    fn the_open_files_of_a_process_lead_to_its_container() {
        let root = std::env::temp_dir().join(format!("envsim-owners-{}", std::process::id()));
        let fd = root.join("17/fd");
        fs::create_dir_all(&fd).unwrap();
        fs::write(root.join("17/cgroup"), "0::/docker/aaa111\n").unwrap();
        std::os::unix::fs::symlink("socket:[4242]", fd.join("3")).unwrap();
        std::os::unix::fs::symlink("/dev/null", fd.join("0")).unwrap();
        fs::write(root.join("uptime"), "1 1\n").unwrap();
        let owners = of_sockets(&root, &["aaa111".to_owned()]);
        let none = of_sockets(&root, &["other".to_owned()]);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(owners, HashMap::from([(4242, "aaa111".to_owned())]));
        assert!(none.is_empty());
    }
}
