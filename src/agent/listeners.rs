//! The role `listeners`: prints the listening TCP sockets of the network namespace it runs in.
//!
//! It leaves out the sockets that exist only because of the simulation: the engine's own resolver on
//! 127.0.0.11, and the agent's on port 53 of loopback. Which container a socket belongs to is told
//! where the containers are named and their processes can be seen; see [`owners`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;

use crate::files;
use crate::output;
use crate::owners;
use crate::wire::Event;

const LISTEN: &str = "0A";
const ENGINE_RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listener {
    port: u16,
    v6: bool,
    address: IpAddr,
    uid: u32,
}

/// Prints the sockets; `containers` are the ids of those that can own one.
pub fn run(containers: &[String]) -> Result<(), String> {
    let mut found = listening(&files::read(Path::new("/proc/net/tcp"))?);
    // Kernels without IPv6 have no second table.
    if let Ok(table) = files::read(Path::new("/proc/net/tcp6")) {
        found.extend(listening(&table));
    }
    let owners = match containers {
        [] => Default::default(),
        containers => owners::of_sockets(Path::new("/proc"), containers),
    };
    for (listener, inodes) in &found {
        output::say(&Event::Listener {
            address: listener.address.to_string(),
            port: listener.port,
            v6: listener.v6,
            dual: is_dual(listener, found.keys()),
            uid: listener.uid,
            owner: inodes.iter().find_map(|inode| owners.get(inode)).cloned(),
        });
    }
    Ok(())
}

/// Whether an IPv6 socket for every address takes IPv4 connections too, which the kernel's table does
/// not tell. It refuses the IPv4 address to anybody else then; that address is asked for and given
/// back at once. A refusal for another reason is no sign of a socket for IPv6 alone.
fn is_dual<'a>(listener: &Listener, mut all: impl Iterator<Item = &'a Listener>) -> bool {
    if !listener.v6 || listener.address != IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        return false;
    }
    // A second socket for IPv4 on the same port can only stand beside one for IPv6 alone.
    if all.any(|other| other.port == listener.port && other.address.is_ipv4()) {
        return false;
    }
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, listener.port)).is_err()
}

/// The listening sockets of a table and the inodes of each: several workers can have one each.
fn listening(table: &str) -> BTreeMap<Listener, Vec<u64>> {
    let mut found: BTreeMap<Listener, Vec<u64>> = BTreeMap::new();
    let lines = table.lines().filter_map(listener);
    for (listener, inode) in lines.filter(|(l, _)| !belongs_to_the_simulation(l)) {
        found.entry(listener).or_default().push(inode);
    }
    found
}

fn belongs_to_the_simulation(listener: &Listener) -> bool {
    listener.address == ENGINE_RESOLVER || (listener.port == 53 && listener.address.is_loopback())
}

/// One line of the kernel's table: number, local, remote, state, queues, timer, retransmits, user, timeout, inode.
fn listener(line: &str) -> Option<(Listener, u64)> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    let state = words.nth(1)?;
    let uid = words.nth(3)?;
    let inode = words.nth(1)?.parse().ok()?;
    if state != LISTEN {
        return None;
    }
    let listener = Listener {
        port: u16::from_str_radix(port, 16).ok()?,
        v6: address.len() == 32,
        address: parse_address(address)?,
        uid: uid.parse().ok()?,
    };
    Some((listener, inode))
}

/// The kernel prints addresses as 32-bit words in the machine's byte order, which is little-endian
/// on both supported architectures.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for word in hex.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_le_bytes());
    }
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))),
        32 => {
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            // Java, for one, listens on `::ffff:127.0.0.1`: an IPv4 address in all but name.
            Some(
                address
                    .to_ipv4_mapped()
                    .map_or(IpAddr::V6(address), IpAddr::V4),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn v4(local: &str, state: &str) -> String {
        format!(
            "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 4242 1\n"
        )
    }

    fn v6(local: &str) -> String {
        let any = "00000000000000000000000000000000:0000";
        format!(
            "   0: {local} {any} 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n"
        )
    }

    fn seen(table: &str) -> Vec<String> {
        listening(table)
            .keys()
            .map(|l| format!("{} {} v6={} uid={}", l.address, l.port, l.v6, l.uid))
            .collect()
    }

    #[test]
    fn a_listening_socket_is_reported_with_address_port_and_user() {
        let table = format!("{HEADER}{}", v4("0100007F:1F90", "0A"));
        assert_eq!(seen(&table), ["127.0.0.1 8080 v6=false uid=1000"]);
    }

    #[test]
    fn sockets_in_other_states_are_not_reported() {
        let table = format!(
            "{HEADER}{}{}",
            v4("00000000:0050", "01"),
            v4("00000000:0050", "06")
        );
        assert!(seen(&table).is_empty());
    }

    #[test]
    fn ipv6_addresses_are_read_word_by_word() {
        let table = format!(
            "{HEADER}{}{}{}",
            v6("00000000000000000000000000000000:0BB8"),
            v6("00000000000000000000000001000000:0BB9"),
            v6("B80D0120000000000000000001000000:0BBA"),
        );
        assert_eq!(
            seen(&table),
            [
                ":: 3000 v6=true uid=0",
                "::1 3001 v6=true uid=0",
                "2001:db8::1 3002 v6=true uid=0"
            ]
        );
    }

    #[test]
    fn an_ipv4_address_on_an_ipv6_socket_is_written_as_ipv4() {
        let table = v6("0000000000000000FFFF00000100007F:1F90");
        assert_eq!(seen(&table), ["127.0.0.1 8080 v6=true uid=0"]);
    }

    #[test]
    fn several_workers_on_one_socket_address_are_one_listener() {
        let table = format!("{}{}", v4("00000000:0050", "0A"), v4("00000000:0050", "0A"));
        assert_eq!(seen(&table).len(), 1);
    }

    #[test]
    fn each_worker_s_socket_is_kept_to_find_its_owner() {
        let one = v4("00000000:0050", "0A");
        let table = format!("{one}{}", one.replace(" 4242 ", " 4243 "));
        let all: Vec<Vec<u64>> = listening(&table).into_values().collect();
        assert_eq!(all, [vec![4242, 4243]]);
    }

    #[test]
    fn a_socket_for_every_ipv6_address_is_dual_unless_ipv4_is_free_beside_it() {
        let Ok(dual) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) else {
            return; // A kernel without IPv6.
        };
        let listener = |port| Listener {
            port,
            v6: true,
            address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            uid: 0,
        };
        let port = dual.local_addr().unwrap().port();
        assert!(is_dual(&listener(port), [].iter()));
        drop(dual);
        assert!(!is_dual(&listener(port), [].iter()));
        let v4 = Listener {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            v6: false,
            ..listener(port)
        };
        assert!(!is_dual(&listener(port), [v4.clone()].iter()));
        assert!(!is_dual(&v4, [].iter()));
    }

    #[test]
    fn the_resolvers_of_the_simulation_are_left_out() {
        let table = format!(
            "{}{}{}",
            v4("0B00007F:A1B2", "0A"),
            v4("0100007F:0035", "0A"),
            v4("0200007F:0035", "0A")
        );
        assert!(seen(&table).is_empty());
        assert_eq!(
            seen(&v4("00000000:0035", "0A")),
            ["0.0.0.0 53 v6=false uid=1000"]
        );
    }

    #[test]
    fn damaged_lines_are_skipped() {
        for line in [
            "",
            "   0:",
            "   0: 0100007F",
            "   0: XX:YY 0:0 0A 0:0 0:0 0 0",
            "   0: 01:0050 0:0 0A 0:0 0:0 0 0 0",
        ] {
            assert_eq!(listener(line), None, "{line:?}");
        }
    }
}
