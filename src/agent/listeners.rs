//! The role `listeners`: prints the listening TCP sockets of the network namespace it runs in.
//!
//! It leaves out the sockets that exist only because of the simulation: the engine's own resolver on
//! 127.0.0.11, and the agent's on port 53 of loopback. It does not say which process listens: the
//! sockets belong to other process namespaces.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::files;
use crate::output;
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

pub fn run() -> Result<(), String> {
    let mut found = listening(&files::read(Path::new("/proc/net/tcp"))?);
    // Kernels without IPv6 have no second table.
    if let Ok(table) = files::read(Path::new("/proc/net/tcp6")) {
        found.extend(listening(&table));
    }
    for Listener {
        port,
        v6,
        address,
        uid,
    } in found
    {
        output::say(&Event::Listener {
            address: address.to_string(),
            port,
            v6,
            uid,
        });
    }
    Ok(())
}

fn listening(table: &str) -> BTreeSet<Listener> {
    table
        .lines()
        .filter_map(listener)
        .filter(|l| !belongs_to_the_simulation(l))
        .collect()
}

fn belongs_to_the_simulation(listener: &Listener) -> bool {
    listener.address == ENGINE_RESOLVER || (listener.port == 53 && listener.address.is_loopback())
}

/// One line of the kernel's table: number, local, remote, state, queues, timer, retransmits, user, …
fn listener(line: &str) -> Option<Listener> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    let state = words.nth(1)?;
    let uid = words.nth(3)?;
    if state != LISTEN {
        return None;
    }
    Some(Listener {
        port: u16::from_str_radix(port, 16).ok()?,
        v6: address.len() == 32,
        address: parse_address(address)?,
        uid: uid.parse().ok()?,
    })
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
            .iter()
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
