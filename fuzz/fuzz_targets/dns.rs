//! Reads any bytes as a DNS question, as the task's holder gets them from containers, and answers it.

#![no_main]

use libfuzzer_sys::fuzz_target;

// The agent is a program of its own and no part of the library, so its files are taken in here.
#[allow(dead_code)]
#[path = "../../src/wire/mod.rs"]
mod wire;
#[allow(dead_code)]
#[path = "../../src/agent/dns"]
mod dns {
    pub mod message;
    pub mod policy;
}

use dns::message::{Rcode, Record, read_query};
use dns::policy::{Policy, Ruling};

fuzz_target!(|bytes: &[u8]| {
    // The first half is a question, the second what an upstream said to it.
    let (question, reply) = bytes.split_at(bytes.len() / 2);
    for message in [bytes, question] {
        let Ok(query) = read_query(message) else {
            continue;
        };
        let address = std::net::Ipv4Addr::new(10, 0, 0, 2);
        let policy = Policy::new(
            "ip-10-0-0-2.us-east-1.compute.internal",
            address,
            "us-east-1.compute.internal",
            &["mongodb".to_owned()],
        );
        let given = policy.as_given(&query.name);
        assert!(query.name.starts_with(given));
        let record = match policy.rule(&query.name, query.record_type) {
            Ruling::Answer(record) => record,
            _ => Some(Record::Address(address.into())),
        };
        let answer = query.reply(Rcode::NoError, record.as_ref());
        // An answer repeats the question, and is one to it.
        assert_eq!(answer[..2], message[..2]);
        assert_eq!(query.verdict(&answer), Some(Rcode::NoError));
        let _ = query.verdict(reply);
    }
});
