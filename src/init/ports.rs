//! Ports of a service, and the host's ports that are still free for them.

use std::collections::BTreeSet;

/// Container ports with a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
    pub udp: bool,
}

impl PortRange {
    /// Reads `8080`, `8000-8010` and either with `/tcp` or `/udp`.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let udp = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => false,
            "udp" => true,
            _ => return None,
        };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first > 0 && first <= last).then_some(Self { first, last, udp })
    }
}

/// Ports of 127.0.0.1 that the written file uses already.
#[derive(Clone, Debug, Default)]
pub struct HostPorts(BTreeSet<(u16, bool)>);

impl HostPorts {
    /// The first of a run of free ports as long as `range`, at `wanted` or above it.
    pub fn take(&mut self, wanted: u16, range: PortRange) -> u16 {
        let length = range.last - range.first;
        let free =
            |start: u16| (start..=start + length).all(|port| !self.0.contains(&(port, range.udp)));
        let start = (wanted..=u16::MAX - length)
            .find(|&start| free(start))
            .unwrap_or(wanted);
        self.0
            .extend((start..=start.saturating_add(length)).map(|port| (port, range.udp)));
        start
    }

    /// A line of `ports` that publishes `range` on 127.0.0.1, and its first port there.
    pub fn publish(&mut self, wanted: u16, range: PortRange) -> (String, u16) {
        let start = self.take(wanted, range);
        let span = |first: u16| match range.last - range.first {
            0 => first.to_string(),
            length => format!("{first}-{}", first.saturating_add(length)),
        };
        let protocol = if range.udp { "/udp" } else { "" };
        (
            format!("127.0.0.1:{}:{}{protocol}", span(start), span(range.first)),
            start,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_moves_up_on_the_host_only() {
        let mut host = HostPorts::default();
        let port = |text| PortRange::parse(text).expect("a port");
        assert_eq!(host.publish(3000, port("3000")).0, "127.0.0.1:3000:3000");
        assert_eq!(host.publish(3000, port("3000")).0, "127.0.0.1:3001:3000");
        assert_eq!(
            host.publish(3000, port("3000/udp")).0,
            "127.0.0.1:3000:3000/udp"
        );
        assert_eq!(
            host.publish(2999, port("2999-3002/TCP")).0,
            "127.0.0.1:3002-3005:2999-3002"
        );
        assert_eq!(
            host.publish(65535, port("65535")).0,
            "127.0.0.1:65535:65535"
        );
    }

    #[test]
    fn what_is_no_port_is_told_from_one() {
        for text in ["", "0", "http", "80/sctp", "90-80", "70000", "${PORT}"] {
            assert_eq!(PortRange::parse(text), None, "{text}");
        }
    }
}
