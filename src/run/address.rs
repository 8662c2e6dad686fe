//! A free address range for a task's own network. Pure: the taken ranges are given.

use std::net::Ipv4Addr;

/// Addresses of a /28 besides its own, the gateway's and the broadcast.
const USABLE: u32 = 13;

/// A /28 of 10.0.0.0/8 that meets none of `taken` (CIDR texts), and the address of the task in it.
///
/// `seed` chooses where to look first, so that each task has a new address, as on ECS. None when
/// everything is taken.
pub fn free_range(taken: &[String], seed: u64) -> Option<TaskNetwork> {
    const SIZE: u32 = 16;
    const RANGES: u32 = (1 << 24) / SIZE;
    let taken: Vec<(u32, u32)> = taken.iter().filter_map(|text| range_of(text)).collect();
    let start = (seed % u64::from(RANGES)) as u32;
    (0..RANGES.min(100_000)).find_map(|step| {
        let index = (start + step * 7919) % RANGES;
        let first = u32::from(Ipv4Addr::new(10, 0, 0, 0)) + index * SIZE;
        let last = first + SIZE - 1;
        let free = taken.iter().all(|(from, to)| last < *from || first > *to);
        // Leave the ends of the range alone: many private networks begin or end there.
        let inner = (16..240).contains(&Ipv4Addr::from(first).octets()[1]);
        (free && inner).then(|| TaskNetwork {
            subnet: format!("{}/28", Ipv4Addr::from(first)),
            gateway: Ipv4Addr::from(first + 1),
            address: Ipv4Addr::from(first + 2 + (seed >> 32) as u32 % 12),
        })
    })
}

/// The network of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskNetwork {
    /// CIDR.
    pub subnet: String,
    /// Gateway.
    pub gateway: Ipv4Addr,
    /// The task's own address.
    pub address: Ipv4Addr,
}

impl TaskNetwork {
    /// The other addresses that containers can have here.
    pub fn neighbours(&self) -> impl Iterator<Item = Ipv4Addr> {
        let gateway = u32::from(self.gateway);
        let own = self.address;
        (gateway + 1..=gateway + USABLE)
            .map(Ipv4Addr::from)
            .filter(move |address| *address != own)
    }

    /// The private DNS name that ECS gives the task: `ip-10-1-2-3.REGION.compute.internal`.
    pub fn host_name(&self, region: &str) -> String {
        let [a, b, c, d] = self.address.octets();
        format!("ip-{a}-{b}-{c}-{d}.{}", search_domain(region))
    }
}

/// `REGION.compute.internal`, in us-east-1 `ec2.internal` (ecs-agent, VPC DNS).
pub fn search_domain(region: &str) -> String {
    match region {
        "us-east-1" => "ec2.internal".to_owned(),
        region => format!("{region}.compute.internal"),
    }
}

fn range_of(cidr: &str) -> Option<(u32, u32)> {
    let (address, bits) = cidr.split_once('/')?;
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let mask = if bits == 0 {
        0
    } else {
        u32::MAX << (32 - bits)
    };
    Some((address & mask, address | !mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_meets_no_taken_one() {
        let taken = ["10.0.0.0/9".to_owned(), "172.17.0.0/16".to_owned()];
        for seed in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let network = free_range(&taken, seed).expect("half of 10/8 is free");
            assert!(network.address.octets()[1] >= 128, "{network:?}");
            let (first, last) = range_of(&network.subnet).unwrap();
            let address = u32::from(network.address);
            assert!(first < address && address < last);
        }
    }

    #[test]
    fn the_neighbours_of_a_task_are_in_its_network_and_are_not_it() {
        let network = free_range(&[], 5 << 32).expect("a free range");
        let neighbours: Vec<Ipv4Addr> = network.neighbours().collect();
        let (_, last) = range_of(&network.subnet).unwrap();
        assert_eq!(neighbours.len(), 12);
        assert!(!neighbours.contains(&network.address) && !neighbours.contains(&network.gateway));
        assert!(neighbours.iter().all(|one| u32::from(*one) < last));
    }

    #[test]
    fn nothing_is_found_where_everything_is_taken() {
        assert_eq!(free_range(&["10.0.0.0/8".to_owned()], 7), None);
    }

    #[test]
    fn the_host_name_has_the_form_of_ecs() {
        let network = free_range(&[], 42).unwrap();
        let name = network.host_name("eu-west-1");
        assert!(
            name.starts_with("ip-10-") && name.ends_with(".eu-west-1.compute.internal"),
            "{name}"
        );
    }
}
