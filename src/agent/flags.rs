//! The flags of the roles `hold` and `forward`. Pure: words in, checked settings out; it looks at no
//! file or socket.
//!
//! | flag | meaning |
//! |---|---|
//! | `--hostname NAME` | required; the task's private DNS name, at most 64 bytes as the kernel allows |
//! | `--address IPV4` | required; the address of the task, that `NAME` resolves to |
//! | `--search DOMAIN` | required; the search domain of resolv.conf |
//! | `--deny NAME` | repeatable; a name of the dev environment that ECS does not know |
//! | `--answer NAME=IPV4` | repeatable; a name that production knows, with the address of its stand-in |
//! | `--asker SERVICE=127.X.Y.Z` | repeatable; questions that arrive at this address come from SERVICE |
//! | `--resolv-dir DIR` | where the resolv.conf of each asker is written, as a file named SERVICE |
//! | `--upstream IP[:PORT]` | repeatable; whom to forward to, instead of the servers in /etc/resolv.conf |
//! | `--cgroup-root DIR` | where the cgroup file system of the engine's host is mounted |
//! | `--cgroup-path REL` | the task's cgroup below it, the same as the containers' cgroup parent |
//! | `--memory BYTES` | memory of the whole task |
//! | `--cpu-millis N` | processor time of the whole task, in thousandths of a processor |
//!
//! Values follow as the next word. A flag that is not repeatable may stand once.
//!
//! The role `forward` has words of the form `PORT=PORT` instead: from where to where.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

/// Docker Engine answers these itself, so every dev environment knows them.
const ALWAYS_DENIED: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];
/// What the kernel takes as a host name.
const LONGEST_HOSTNAME: usize = 64;
const LONGEST_NAME: usize = 253;
/// Below this the engine cannot start a container.
const LEAST_MEMORY: u64 = 6 * 1024 * 1024;
/// A hundredth of a processor: the smallest quota that the kernel takes.
const LEAST_CPU_MILLIS: u64 = 10;
/// Docker redirects this address to its own resolver before any socket sees the packet.
const ENGINE_RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const DNS_PORT: u16 = 53;

#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    pub hostname: String,
    pub address: Ipv4Addr,
    pub search: String,
    pub deny: Vec<String>,
    pub answers: Vec<(String, Ipv4Addr)>,
    pub askers: Vec<Asker>,
    pub resolv_dir: Option<PathBuf>,
    /// Empty: those in /etc/resolv.conf.
    pub upstreams: Vec<SocketAddr>,
    pub limits: Option<Limits>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Asker {
    pub service: String,
    pub address: Ipv4Addr,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Limits {
    pub root: PathBuf,
    pub path: PathBuf,
    pub memory: Option<u64>,
    pub cpu_millis: Option<u64>,
}

#[derive(Default)]
struct Given {
    hostname: Option<String>,
    address: Option<Ipv4Addr>,
    search: Option<String>,
    deny: Vec<String>,
    answers: Vec<(String, Ipv4Addr)>,
    askers: Vec<Asker>,
    resolv_dir: Option<PathBuf>,
    upstreams: Vec<SocketAddr>,
    cgroup_root: Option<PathBuf>,
    cgroup_path: Option<PathBuf>,
    memory: Option<u64>,
    cpu_millis: Option<u64>,
}

pub fn parse(words: &[String]) -> Result<Settings, String> {
    let mut given = Given::default();
    let mut words = words.iter();
    while let Some(flag) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{flag}` needs a value"))?;
        given
            .take(flag, value)
            .map_err(|why| format!("`{flag} {value}`: {why}"))?;
    }
    given.check()
}

impl Given {
    fn take(&mut self, flag: &str, value: &str) -> Result<(), String> {
        match flag {
            "--hostname" => once(&mut self.hostname, host_name(value)?),
            "--address" => once(&mut self.address, task_address(value)?),
            "--search" => once(&mut self.search, domain(value)?),
            "--resolv-dir" => once(&mut self.resolv_dir, absolute(value)?),
            "--cgroup-root" => once(&mut self.cgroup_root, absolute(value)?),
            "--cgroup-path" => once(&mut self.cgroup_path, relative(value)?),
            "--memory" => once(&mut self.memory, at_least(value, LEAST_MEMORY)?),
            "--cpu-millis" => once(&mut self.cpu_millis, at_least(value, LEAST_CPU_MILLIS)?),
            "--deny" => {
                self.deny.push(domain(value)?);
                Ok(())
            }
            "--upstream" => {
                self.upstreams.push(upstream(value)?);
                Ok(())
            }
            "--answer" => {
                let (name, address) = value.split_once('=').ok_or("expected NAME=IPV4")?;
                self.answers.push((domain(name)?, task_address(address)?));
                Ok(())
            }
            "--asker" => self.add_asker(asker(value)?),
            _ => Err("unknown flag".into()),
        }
    }

    fn add_asker(&mut self, asker: Asker) -> Result<(), String> {
        if let Some(other) = self.askers.iter().find(|a| a.address == asker.address) {
            return Err(format!(
                "the address already stands for `{}`",
                other.service
            ));
        }
        if self.askers.iter().any(|a| a.service == asker.service) {
            return Err("the service already has an address".into());
        }
        self.askers.push(asker);
        Ok(())
    }

    fn check(self) -> Result<Settings, String> {
        if !self.askers.is_empty() && self.resolv_dir.is_none() {
            return Err("`--asker` needs `--resolv-dir`".into());
        }
        let mut deny: Vec<String> = ALWAYS_DENIED.map(String::from).into();
        deny.extend(self.deny);
        let limits = limits(
            self.cgroup_root,
            self.cgroup_path,
            self.memory,
            self.cpu_millis,
        )?;
        Ok(Settings {
            hostname: self.hostname.ok_or("`--hostname` is missing")?,
            address: self.address.ok_or("`--address` is missing")?,
            search: self.search.ok_or("`--search` is missing")?,
            deny,
            answers: self.answers,
            askers: self.askers,
            resolv_dir: self.resolv_dir,
            upstreams: self.upstreams,
            limits,
        })
    }
}

/// Two different ports: where connections arrive, and where they go.
pub fn parse_forward(words: &[String]) -> Result<Vec<(u16, u16)>, String> {
    if words.is_empty() {
        return Err("expected PORT=PORT".into());
    }
    let pair = |word: &String| {
        let (from, to) = word.split_once('=')?;
        let port = |text: &str| text.parse().ok().filter(|port: &u16| *port > 0);
        let (from, to) = (port(from)?, port(to)?);
        (from != to).then_some((from, to))
    };
    words
        .iter()
        .map(|word| pair(word).ok_or_else(|| format!("`{word}` is not PORT=PORT")))
        .collect()
}

fn limits(
    root: Option<PathBuf>,
    path: Option<PathBuf>,
    memory: Option<u64>,
    cpu_millis: Option<u64>,
) -> Result<Option<Limits>, String> {
    match (root, path) {
        (Some(root), Some(path)) if memory.is_some() || cpu_millis.is_some() => Ok(Some(Limits {
            root,
            path,
            memory,
            cpu_millis,
        })),
        (Some(_), Some(_)) => Err("`--cgroup-root` needs `--memory` or `--cpu-millis`".into()),
        (Some(_), None) => Err("`--cgroup-root` needs `--cgroup-path`".into()),
        (None, None) if memory.is_none() && cpu_millis.is_none() => Ok(None),
        (None, _) => {
            Err("`--cgroup-path`, `--memory` and `--cpu-millis` need `--cgroup-root`".into())
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    if place.replace(value).is_some() {
        Err("given twice".into())
    } else {
        Ok(())
    }
}

fn host_name(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_HOSTNAME {
        return Err(format!(
            "longer than the {LONGEST_HOSTNAME} bytes that a host name may have"
        ));
    }
    domain(text)
}

/// Underscores are allowed: Compose takes them in service names.
fn domain(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(format!("a name has 1 to {LONGEST_NAME} bytes"));
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("the parts between the dots have 1 to 63 bytes".into());
        }
        if let Some(odd) = label
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
        {
            return Err(format!("`{}` cannot stand in a name", odd.escape_default()));
        }
    }
    Ok(name.to_ascii_lowercase())
}

fn task_address(text: &str) -> Result<Ipv4Addr, String> {
    let address: Ipv4Addr = text.parse().map_err(|_| "not an IPv4 address")?;
    if address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
    {
        return Err("not an address that a task can have".into());
    }
    Ok(address)
}

fn asker(text: &str) -> Result<Asker, String> {
    let (service, address) = text.split_once('=').ok_or("expected SERVICE=127.X.Y.Z")?;
    let address: Ipv4Addr = address
        .parse()
        .map_err(|_| "not an IPv4 address after `=`")?;
    if !address.is_loopback() {
        return Err("the address must begin with 127".into());
    }
    if address == Ipv4Addr::LOCALHOST {
        return Err("127.0.0.1 stands for askers that are not known".into());
    }
    if address == ENGINE_RESOLVER {
        return Err("127.0.0.11 belongs to the engine's own resolver".into());
    }
    Ok(Asker {
        service: file_name(service)?,
        address,
    })
}

/// A service's name becomes a file's name.
fn file_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty()
        || text.len() > LONGEST_NAME
        || text.starts_with('.')
        || !text.chars().all(plain)
    {
        return Err("the service's name must be letters, digits, `.`, `_` and `-`".into());
    }
    Ok(text.to_owned())
}

fn upstream(text: &str) -> Result<SocketAddr, String> {
    text.parse::<IpAddr>()
        .map(|address| SocketAddr::new(address, DNS_PORT))
        .or_else(|_| text.parse())
        .map_err(|_| "not an IP address, with or without a port".into())
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if path.is_absolute() {
        Ok(path.to_owned())
    } else {
        Err("must be an absolute path".into())
    }
}

/// The agent makes and removes this folder on the host, so it must not lead out of the mount.
fn relative(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_));
    if text.is_empty() || !path.components().all(normal) {
        return Err("must be a relative path without `.` and `..`".into());
    }
    Ok(path.to_owned())
}

fn at_least(text: &str, least: u64) -> Result<u64, String> {
    let number: u64 = text.parse().map_err(|_| "not a whole number")?;
    if number < least {
        Err(format!("must be at least {least}"))
    } else {
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 6] = [
        "--hostname",
        "ip-10-1-2-3.eu-west-1.compute.internal",
        "--address",
        "10.1.2.3",
        "--search",
        "eu-west-1.compute.internal",
    ];

    fn with(more: &[&str]) -> Result<Settings, String> {
        let words: Vec<String> = NEEDED
            .iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect();
        parse(&words)
    }

    fn complaint(more: &[&str]) -> String {
        with(more).expect_err("must be refused")
    }

    #[test]
    fn an_answer_is_a_name_with_an_address() {
        let settings = with(&["--answer", "DB.example.com=10.1.2.4"]).unwrap();
        assert_eq!(
            settings.answers,
            [("db.example.com".to_owned(), Ipv4Addr::new(10, 1, 2, 4))]
        );
        assert!(complaint(&["--answer", "db.example.com"]).contains("NAME=IPV4"));
        assert!(complaint(&["--answer", "db=127.0.0.1"]).contains("not an address"));
    }

    #[test]
    fn a_forward_names_two_different_ports() {
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            parse_forward(&words)
        };
        assert_eq!(parse(&["6380=6379"]), Ok(vec![(6380, 6379)]));
        for words in [&[][..], &["80"], &["80=80"], &["0=80"], &["80=http"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn the_three_required_flags_are_enough() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.address, Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(settings.deny, ALWAYS_DENIED);
        assert!(
            settings.limits.is_none()
                && settings.askers.is_empty()
                && settings.upstreams.is_empty()
        );
    }

    #[test]
    fn each_required_flag_is_missed_by_name() {
        for (at, flag) in [(0, "--hostname"), (2, "--address"), (4, "--search")] {
            let mut words: Vec<String> = NEEDED.iter().map(|word| (*word).to_owned()).collect();
            words.drain(at..at + 2);
            assert_eq!(parse(&words), Err(format!("`{flag}` is missing")));
        }
    }

    #[test]
    fn repeatable_flags_collect() {
        let settings = with(&[
            "--deny",
            "MongoDB",
            "--deny",
            "my_db.",
            "--asker",
            "web=127.0.0.2",
            "--asker",
            "db=127.0.0.3",
            "--resolv-dir",
            "/resolv",
            "--upstream",
            "10.0.0.2",
            "--upstream",
            "[::1]:5353",
        ])
        .unwrap();
        assert_eq!(settings.deny[2..], ["mongodb", "my_db"]);
        assert_eq!(settings.askers.len(), 2);
        assert_eq!(settings.upstreams[0].to_string(), "10.0.0.2:53");
        assert_eq!(settings.upstreams[1].to_string(), "[::1]:5353");
    }

    #[test]
    fn limits_need_a_place_and_an_amount() {
        let place = ["--cgroup-root", "/cgroup", "--cgroup-path", "envsim-1"];
        assert!(complaint(&place).contains("`--memory` or `--cpu-millis`"));
        assert!(complaint(&place[..2]).contains("needs `--cgroup-path`"));
        assert!(complaint(&["--memory", "67108864"]).contains("need `--cgroup-root`"));
        let settings = with(&[&place[..], &["--memory", "67108864"]].concat()).unwrap();
        let limits = settings.limits.unwrap();
        assert_eq!((limits.memory, limits.cpu_millis), (Some(67_108_864), None));
    }

    #[test]
    fn a_cgroup_path_cannot_lead_out_of_the_mount() {
        for path in ["/envsim", "../envsim", "a/../../b", "", "./a"] {
            assert!(
                complaint(&["--cgroup-path", path]).contains("relative path"),
                "{path}"
            );
        }
    }

    #[test]
    fn an_asker_has_a_loopback_address_of_its_own() {
        let refused = |value: &str| {
            complaint(&[
                "--resolv-dir",
                "/r",
                "--asker",
                "db=127.0.0.2",
                "--asker",
                value,
            ])
        };
        assert!(refused("web=10.0.0.1").contains("begin with 127"));
        assert!(refused("web=127.0.0.1").contains("not known"));
        assert!(refused("web=127.0.0.11").contains("engine's own"));
        assert!(refused("web=127.0.0.2").contains("stands for `db`"));
        assert!(refused("db=127.0.0.3").contains("already has an address"));
        assert!(refused("web").contains("SERVICE="));
        assert!(refused("../web=127.0.0.3").contains("letters"));
        assert!(refused("=127.0.0.3").contains("letters"));
        assert!(complaint(&["--asker", "web=127.0.0.2"]).contains("needs `--resolv-dir`"));
    }

    #[test]
    fn mistakes_are_shown_with_the_words_that_made_them() {
        assert_eq!(
            complaint(&["--memory", "12"]),
            "`--memory 12`: must be at least 6291456"
        );
        assert_eq!(complaint(&["--deny"]), "`--deny` needs a value");
        assert_eq!(complaint(&["--denny", "db"]), "`--denny db`: unknown flag");
        assert_eq!(
            complaint(&["--address", "10.1.2.4"]),
            "`--address 10.1.2.4`: given twice"
        );
        assert_eq!(
            complaint(&["--deny", "a b"]),
            "`--deny a b`: ` ` cannot stand in a name"
        );
    }

    #[test]
    fn addresses_and_names_that_no_task_has_are_refused() {
        let refused = |words: &[&str]| {
            parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()).unwrap_err()
        };
        assert!(refused(&["--address", "127.0.0.1"]).contains("a task can have"));
        assert!(refused(&["--address", "ten"]).contains("not an IPv4 address"));
        assert!(refused(&["--hostname", &"a".repeat(65)]).contains("64 bytes"));
        assert!(refused(&["--search", "a..b"]).contains("between the dots"));
    }
}
