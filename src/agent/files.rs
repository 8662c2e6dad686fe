//! The resolver files of a task: what ECS has in them, and reading what the engine had.
//!
//! The texts are made by pure functions. Writing keeps the file that is there, because the engine has
//! bind-mounted it into every container of the task: a renamed replacement would be seen by nobody.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// As many as the C library looks at.
const MOST_UPSTREAMS: usize = 3;

/// ECS's file: where to ask and one search domain, without options, so that `ndots` is 1.
pub fn resolv_conf(server: Ipv4Addr, search: &str) -> String {
    format!("nameserver {server}\nsearch {search}\n")
}

/// ECS's file, exactly: no IPv6 lines, no names of siblings.
pub fn hosts(address: Ipv4Addr, hostname: &str) -> String {
    format!("127.0.0.1 localhost\n{address} {hostname}\n")
}

/// The upstream resolvers in a resolv.conf. `own` addresses are left out: they are there when the
/// container was started a second time, and asking oneself would never end.
pub fn nameservers(resolv_conf: &str, own: &[Ipv4Addr]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for line in resolv_conf.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
            continue;
        };
        let is_own = own.iter().any(|mine| address == IpAddr::V4(*mine));
        if !is_own && !found.contains(&address) {
            found.push(address);
        }
    }
    found.truncate(MOST_UPSTREAMS);
    found
}

/// The hard limit on open files in the text of `/proc/PID/limits`.
pub fn most_open(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().nth(1)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

pub fn read(path: &Path) -> Result<String, String> {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|e| format!("cannot read `{}`: {e}", path.display()))
}

/// Replaces the content and keeps the inode.
pub fn overwrite(path: &Path, text: &str) -> Result<(), String> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| format!("cannot write `{}`: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

    #[test]
    fn the_hard_limit_is_the_second_number() {
        let text = "Limit Soft Hard Units\nMax processes 1 2 processes\nMax open files            1024                 524288               files     \n";
        assert_eq!(most_open(text), Some(524_288));
        assert_eq!(
            most_open("Max open files 1 unlimited files\n"),
            Some(u64::MAX)
        );
        assert_eq!(most_open(""), None);
    }

    #[test]
    fn resolv_conf_names_the_server_and_the_search_domain_only() {
        let text = resolv_conf(LOOPBACK, "eu-west-1.compute.internal");
        assert_eq!(
            text,
            "nameserver 127.0.0.1\nsearch eu-west-1.compute.internal\n"
        );
    }

    #[test]
    fn hosts_has_the_two_lines_of_ecs() {
        let text = hosts(
            Ipv4Addr::new(10, 1, 2, 3),
            "ip-10-1-2-3.eu-west-1.compute.internal",
        );
        assert_eq!(
            text,
            "127.0.0.1 localhost\n10.1.2.3 ip-10-1-2-3.eu-west-1.compute.internal\n"
        );
    }

    #[test]
    fn upstreams_are_read_in_order_and_noise_is_skipped() {
        let text = "# made by the engine\nsearch x\nnameserver 127.0.0.11\n  nameserver\t2001:db8::1 # v6\n\
                    nameserver nonsense\nnameserver\nnameservers 9.9.9.9\noptions ndots:0\nnameserver 127.0.0.11\n";
        let expected: Vec<IpAddr> = ["127.0.0.11", "2001:db8::1"]
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        assert_eq!(nameservers(text, &[LOOPBACK]), expected);
    }

    #[test]
    fn the_agent_never_becomes_its_own_upstream() {
        let own = [LOOPBACK, Ipv4Addr::new(127, 0, 0, 2)];
        assert!(nameservers("nameserver 127.0.0.1\nnameserver 127.0.0.2\n", &own).is_empty());
    }

    #[test]
    fn only_as_many_upstreams_are_kept_as_the_c_library_asks() {
        let text: String = (1..=5)
            .map(|n| format!("nameserver 10.0.0.{n}\n"))
            .collect();
        assert_eq!(nameservers(&text, &[]).len(), 3);
    }

    #[test]
    fn overwriting_keeps_the_inode_and_leaves_nothing_of_the_old_text() {
        use std::os::unix::fs::MetadataExt;
        let path = std::env::temp_dir().join(format!("envsim-agent-files-{}", std::process::id()));
        fs::write(&path, "a much longer text than the new one\n").unwrap();
        let before = fs::metadata(&path).unwrap().ino();
        overwrite(&path, "short\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
        assert_eq!(fs::metadata(&path).unwrap().ino(), before);
        fs::remove_file(&path).unwrap();
    }
}
