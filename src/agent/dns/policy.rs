//! What a name means inside an ECS task. Pure: a name and a type in, a ruling out.
//!
//! The resolver of a VPC knows the task's own private name, private zones and the public DNS. It knows
//! no other container, no compose service, no alias and no bare word. The two kinds of "no such name"
//! are told apart, because only a name that works in dev is a bug that shows up in ECS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns::message::Record;
use crate::wire::RecordType;

/// What to do with a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Ruling {
    /// No such name: it exists in the dev environment only.
    Deny,
    /// No such name, as ECS's resolver says of it.
    NoSuchName,
    /// The name is known here; there may be no record of the type asked for.
    Answer(Option<Record>),
    /// For the upstream to say.
    Forward,
}

pub struct Policy {
    hostname: String,
    address: Ipv4Addr,
    /// `3.2.1.10.in-addr.arpa` for 10.1.2.3.
    reverse: String,
    /// With the dot in front.
    search: String,
    deny: Vec<String>,
    answers: Vec<(String, Ipv4Addr)>,
}

impl Policy {
    pub fn new(hostname: &str, address: Ipv4Addr, search: &str, deny: &[String]) -> Self {
        let [a, b, c, d] = address.octets();
        Self {
            hostname: hostname.to_ascii_lowercase(),
            address,
            reverse: format!("{d}.{c}.{b}.{a}.in-addr.arpa"),
            search: format!(".{}", search.to_ascii_lowercase()),
            deny: deny.iter().map(|name| name.to_ascii_lowercase()).collect(),
            answers: Vec::new(),
        }
    }

    /// With names that production knows and the addresses of what stands in for them here.
    pub fn with_answers(mut self, answers: &[(String, Ipv4Addr)]) -> Self {
        self.answers = answers.to_vec();
        self
    }

    /// The name as the program most likely gave it: libraries append the search domain to short names,
    /// and to long ones that were not found.
    pub fn as_given<'a>(&self, name: &'a str) -> &'a str {
        let mut given = name;
        while given != self.hostname
            && let Some(shorter) = given.strip_suffix(&self.search)
        {
            given = shorter;
        }
        given
    }

    /// `name` in lower case without a final dot.
    pub fn rule(&self, name: &str, record_type: RecordType) -> Ruling {
        if name == self.hostname {
            return Ruling::Answer(address_record(record_type, self.address.into()));
        }
        if name == self.reverse {
            return Ruling::Answer(self.pointer(record_type));
        }
        let given = self.as_given(name);
        if let Some((_, address)) = self.answers.iter().find(|(known, _)| known == given) {
            return Ruling::Answer(address_record(record_type, (*address).into()));
        }
        if self.is_denied(given) {
            return Ruling::Deny;
        }
        if name == "localhost" {
            return Ruling::Answer(localhost(record_type));
        }
        if name.is_empty() {
            return Ruling::Forward;
        }
        // Hosts of the region other than the task itself do not exist in the simulation.
        let below_search =
            name.ends_with(&self.search) || Some(name) == self.search.strip_prefix('.');
        if below_search || !name.contains('.') {
            Ruling::NoSuchName
        } else {
            Ruling::Forward
        }
    }

    /// Whole names only: a service called `app` must not take the public domain `example.app` away.
    fn is_denied(&self, name: &str) -> bool {
        let host = without_service_labels(name);
        self.deny.iter().any(|denied| denied == host)
    }

    fn pointer(&self, record_type: RecordType) -> Option<Record> {
        matches!(record_type, RecordType::PTR | RecordType::ANY)
            .then(|| Record::Pointer(self.hostname.clone()))
    }
}

/// SRV questions ask for `_mongodb._tcp.db`; the host meant is `db`.
fn without_service_labels(name: &str) -> &str {
    let mut host = name;
    while let Some((label, rest)) = host.split_once('.') {
        if !label.starts_with('_') {
            break;
        }
        host = rest;
    }
    host
}

fn localhost(record_type: RecordType) -> Option<Record> {
    match record_type {
        RecordType::AAAA => address_record(record_type, Ipv6Addr::LOCALHOST.into()),
        other => address_record(other, Ipv4Addr::LOCALHOST.into()),
    }
}

fn address_record(record_type: RecordType, address: IpAddr) -> Option<Record> {
    let fitting = if address.is_ipv4() {
        RecordType::A
    } else {
        RecordType::AAAA
    };
    (record_type == fitting || record_type == RecordType::ANY).then_some(Record::Address(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTNAME: &str = "ip-10-1-2-3.eu-west-1.compute.internal";

    fn policy() -> Policy {
        let deny = [
            "mongodb",
            "my_api",
            "app",
            "db.local",
            "host.docker.internal",
        ]
        .map(String::from);
        Policy::new(
            HOSTNAME,
            Ipv4Addr::new(10, 1, 2, 3),
            "eu-west-1.compute.internal",
            &deny,
        )
    }

    fn rule(name: &str) -> Ruling {
        policy().rule(name, RecordType::A)
    }

    #[test]
    fn a_name_of_the_dev_environment_is_denied() {
        for name in ["mongodb", "my_api", "db.local", "host.docker.internal"] {
            assert_eq!(rule(name), Ruling::Deny, "{name}");
        }
    }

    #[test]
    fn a_denied_name_is_denied_with_the_search_domain_appended() {
        assert_eq!(rule("mongodb.eu-west-1.compute.internal"), Ruling::Deny);
        assert_eq!(
            rule("host.docker.internal.eu-west-1.compute.internal"),
            Ruling::Deny
        );
    }

    #[test]
    fn a_service_record_of_a_denied_host_is_denied() {
        assert_eq!(
            policy().rule("_mongodb._tcp.mongodb", RecordType::SRV),
            Ruling::Deny
        );
        assert_eq!(
            policy().rule("_mongodb._tcp.example.com", RecordType::SRV),
            Ruling::Forward
        );
    }

    #[test]
    fn a_public_domain_that_ends_like_a_service_is_not_denied() {
        assert_eq!(rule("example.app"), Ruling::Forward);
    }

    #[test]
    fn denying_ignores_the_case_of_the_list() {
        let policy = Policy::new(
            HOSTNAME,
            Ipv4Addr::new(10, 1, 2, 3),
            "x.internal",
            &["MongoDB".into()],
        );
        assert_eq!(policy.rule("mongodb", RecordType::A), Ruling::Deny);
    }

    #[test]
    fn a_name_of_production_has_the_address_of_its_stand_in() {
        let address = Ipv4Addr::new(10, 1, 2, 4);
        let answers = ["orders.example.com", "orders"].map(|name| (name.to_owned(), address));
        let policy = policy().with_answers(&answers);
        let answer = Ruling::Answer(Some(Record::Address(address.into())));
        for name in [
            "orders.example.com",
            "orders",
            "orders.eu-west-1.compute.internal",
        ] {
            assert_eq!(policy.rule(name, RecordType::A), answer, "{name}");
        }
        assert_eq!(
            policy.rule("orders.example.com", RecordType::AAAA),
            Ruling::Answer(None)
        );
        assert_eq!(
            policy.rule("more.orders.example.com", RecordType::A),
            Ruling::Forward
        );
    }

    #[test]
    fn a_bare_word_does_not_exist() {
        assert_eq!(rule("payments"), Ruling::NoSuchName);
    }

    #[test]
    fn nothing_else_exists_below_the_search_domain() {
        for name in [
            "payments.eu-west-1.compute.internal",
            "a.b.eu-west-1.compute.internal",
            "eu-west-1.compute.internal",
        ] {
            assert_eq!(rule(name), Ruling::NoSuchName, "{name}");
        }
    }

    #[test]
    fn the_tasks_own_name_has_its_address_and_no_other_record() {
        let address = Record::Address(Ipv4Addr::new(10, 1, 2, 3).into());
        assert_eq!(rule(HOSTNAME), Ruling::Answer(Some(address)));
        assert_eq!(
            policy().rule(HOSTNAME, RecordType::AAAA),
            Ruling::Answer(None)
        );
    }

    #[test]
    fn the_tasks_own_address_has_its_name() {
        let pointer = Record::Pointer(HOSTNAME.into());
        assert_eq!(
            policy().rule("3.2.1.10.in-addr.arpa", RecordType::PTR),
            Ruling::Answer(Some(pointer))
        );
        assert_eq!(
            policy().rule("4.2.1.10.in-addr.arpa", RecordType::PTR),
            Ruling::Forward
        );
    }

    #[test]
    fn localhost_is_loopback_in_both_families() {
        let v4 = Ruling::Answer(Some(Record::Address(Ipv4Addr::LOCALHOST.into())));
        let v6 = Ruling::Answer(Some(Record::Address(Ipv6Addr::LOCALHOST.into())));
        assert_eq!(rule("localhost"), v4);
        assert_eq!(policy().rule("localhost", RecordType::AAAA), v6);
        assert_eq!(
            policy().rule("localhost", RecordType::SRV),
            Ruling::Answer(None)
        );
    }

    #[test]
    fn public_names_and_the_root_are_for_the_upstream() {
        for name in [
            "",
            "example.com",
            "s3.eu-west-1.amazonaws.com",
            "noteu-west-1.compute.internal",
        ] {
            assert_eq!(rule(name), Ruling::Forward, "{name}");
        }
    }

    #[test]
    fn the_reported_name_is_the_one_the_program_gave() {
        let policy = policy();
        assert_eq!(
            policy.as_given("mongodb.eu-west-1.compute.internal"),
            "mongodb"
        );
        assert_eq!(policy.as_given("mongodb"), "mongodb");
        let twice = format!("mongodb{0}{0}", policy.search);
        assert_eq!(policy.as_given(&twice), "mongodb");
        assert_eq!(policy.as_given(HOSTNAME), HOSTNAME);
    }
}
