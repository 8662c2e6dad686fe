//! DNS messages: reading a question, writing an answer.
//!
//! Pure, and safe with any bytes: every access is checked, and compression pointers are never followed
//! (none can stand in a question, where nothing comes before), so no message can make it loop. It does
//! not read the records of an upstream's answer; those are passed on as they came.

use std::net::IpAddr;

use crate::wire::RecordType;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
/// Long enough to spare repeats, short enough that nothing outlives a change.
const TTL: u32 = 60;
const LONGEST_NAME: usize = 255;

const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const OPCODE: u16 = 0x7800;
const RCODE: u16 = 0x000f;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rcode {
    NoError,
    FormatError,
    ServerFailure,
    NoSuchName,
    NotImplemented,
    /// As an upstream said it.
    Other(u16),
}

impl Rcode {
    fn number(self) -> u16 {
        match self {
            Self::NoError => 0,
            Self::FormatError => 1,
            Self::ServerFailure => 2,
            Self::NoSuchName => 3,
            Self::NotImplemented => 4,
            Self::Other(number) => number,
        }
    }

    fn from_number(number: u16) -> Self {
        match number {
            0 => Self::NoError,
            1 => Self::FormatError,
            2 => Self::ServerFailure,
            3 => Self::NoSuchName,
            4 => Self::NotImplemented,
            other => Self::Other(other),
        }
    }
}

/// A question that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    id: u16,
    flags: u16,
    /// Lower case, without the final dot; bytes that are not plain text are written as `\DDD`.
    pub name: String,
    pub record_type: RecordType,
    /// The question as it came, which the answer repeats byte for byte.
    question: Vec<u8>,
    edns: bool,
}

/// Why a message is not answered as a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Too short to answer, or itself an answer: replying could start a quarrel of two servers.
    Ignore,
    /// To be sent back.
    Refuse(Vec<u8>),
}

pub fn read_query(bytes: &[u8]) -> Result<Query, Unreadable> {
    let (Some(id), Some(flags)) = (u16_at(bytes, 0), u16_at(bytes, 2)) else {
        return Err(Unreadable::Ignore);
    };
    if bytes.len() < HEADER || flags & FLAG_RESPONSE != 0 {
        return Err(Unreadable::Ignore);
    }
    if flags & OPCODE != 0 {
        return Err(refuse(id, flags, Rcode::NotImplemented));
    }
    if u16_at(bytes, 4) != Some(1) {
        return Err(refuse(id, flags, Rcode::FormatError));
    }
    read_question(bytes, id, flags).ok_or_else(|| refuse(id, flags, Rcode::FormatError))
}

fn read_question(bytes: &[u8], id: u16, flags: u16) -> Option<Query> {
    let (name, after_name) = read_name(bytes, HEADER)?;
    let record_type = u16_at(bytes, after_name)?;
    let end = after_name + 4;
    let question = bytes.get(HEADER..end)?.to_vec();
    Some(Query {
        id,
        flags,
        name,
        record_type: RecordType(record_type),
        question,
        edns: has_edns(bytes, end),
    })
}

fn read_name(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = start;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        match length {
            0 => return Some((name, at)),
            1..=63 => {
                if !name.is_empty() {
                    name.push('.');
                }
                push_label(&mut name, bytes.get(at..at + length)?);
                at += length;
            }
            _ => return None,
        }
        if at - start > LONGEST_NAME {
            return None;
        }
    }
}

fn push_label(name: &mut String, label: &[u8]) {
    for &byte in label {
        match byte {
            b'.' | b'\\' => {
                name.push('\\');
                name.push(char::from(byte));
            }
            0x21..=0x7e => name.push(char::from(byte.to_ascii_lowercase())),
            odd => name.push_str(&format!("\\{odd:03}")),
        }
    }
}

/// Whether the records after the question hold the EDNS one. Damage there is no reason to refuse.
fn has_edns(bytes: &[u8], start: usize) -> bool {
    let records: u32 = [6, 8, 10]
        .iter()
        .filter_map(|&at| u16_at(bytes, at))
        .map(u32::from)
        .sum();
    let mut at = start;
    for _ in 0..records {
        let Some(after_name) = skip_name(bytes, at) else {
            return false;
        };
        let (Some(kind), Some(length)) = (u16_at(bytes, after_name), u16_at(bytes, after_name + 8))
        else {
            return false;
        };
        if RecordType(kind) == RecordType::OPT {
            return true;
        }
        at = after_name + 10 + usize::from(length);
    }
    false
}

fn skip_name(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + length,
            // A pointer ends the name; where it points to does not matter here.
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// What an answer holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Record {
    Address(IpAddr),
    Pointer(String),
}

impl Query {
    pub fn reply(&self, rcode: Rcode, record: Option<&Record>) -> Vec<u8> {
        let mut out = header(self.id, self.flags, rcode);
        put(&mut out, 4, 1);
        out.extend(&self.question);
        if let Some(record) = record {
            put(&mut out, 6, 1);
            push_record(&mut out, record);
        }
        if self.edns {
            put(&mut out, 10, 1);
            // The root's name, type OPT, 1232 bytes taken, no flags, no options.
            out.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
        }
        out
    }

    /// What an upstream's message says to this question; none when it is not an answer to it.
    pub fn verdict(&self, reply: &[u8]) -> Option<Rcode> {
        let flags = u16_at(reply, 2)?;
        let ours =
            reply.len() >= HEADER && u16_at(reply, 0)? == self.id && flags & FLAG_RESPONSE != 0;
        ours.then(|| Rcode::from_number(flags & RCODE))
    }
}

fn refuse(id: u16, flags: u16, rcode: Rcode) -> Unreadable {
    Unreadable::Refuse(header(id, flags, rcode))
}

fn header(id: u16, asked: u16, rcode: Rcode) -> Vec<u8> {
    let kept = asked & (OPCODE | FLAG_RECURSION_DESIRED);
    let flags = kept | FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE | rcode.number();
    let mut out = Vec::with_capacity(128);
    out.extend(id.to_be_bytes());
    out.extend(flags.to_be_bytes());
    out.extend([0; 8]);
    out
}

fn push_record(out: &mut Vec<u8>, record: &Record) {
    let (record_type, data) = match record {
        Record::Address(IpAddr::V4(address)) => (RecordType::A, address.octets().to_vec()),
        Record::Address(IpAddr::V6(address)) => (RecordType::AAAA, address.octets().to_vec()),
        Record::Pointer(name) => (RecordType::PTR, encode_name(name)),
    };
    // The name is a pointer to the question's.
    out.extend([0xc0, 0x0c]);
    out.extend(record_type.0.to_be_bytes());
    out.extend(CLASS_IN.to_be_bytes());
    out.extend(TTL.to_be_bytes());
    out.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    out.extend(data);
}

/// For names that were checked when the flags were read: plain labels of at most 63 bytes.
fn encode_name(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap_or_default());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([*pair.first()?, *pair.last()?]))
}

fn put(out: &mut [u8], at: usize, value: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// A question as a resolver library sends it.
    pub fn question(name: &str, record_type: RecordType) -> Vec<u8> {
        let mut out = vec![0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
        out.extend(if name.is_empty() {
            vec![0]
        } else {
            encode_name(name)
        });
        out.extend(record_type.0.to_be_bytes());
        out.extend([0, 1]);
        out
    }

    fn with_edns(mut bytes: Vec<u8>) -> Vec<u8> {
        put(&mut bytes, 10, 1);
        bytes.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    fn read(bytes: &[u8]) -> Query {
        read_query(bytes).expect("a readable question")
    }

    #[test]
    fn a_question_is_read_in_lower_case() {
        let query = read(&question("MongoDB.Example", RecordType::AAAA));
        assert_eq!(
            (query.name.as_str(), query.record_type),
            ("mongodb.example", RecordType::AAAA)
        );
    }

    #[test]
    fn the_root_is_the_empty_name() {
        assert_eq!(read(&question("", RecordType(2))).name, "");
    }

    #[test]
    fn odd_bytes_and_dots_inside_a_label_stay_visible() {
        let mut bytes = question("", RecordType::A);
        bytes.splice(12..13, [5, b'a', b'.', 0, 0xff, b'\\', 0]);
        assert_eq!(read(&bytes).name, "a\\.\\000\\255\\\\");
    }

    #[test]
    fn a_compression_pointer_in_a_question_is_refused_not_followed() {
        let mut bytes = question("", RecordType::A);
        bytes.splice(12..13, [0xc0, 0x0c]);
        assert!(
            matches!(read_query(&bytes), Err(Unreadable::Refuse(reply)) if reply[3] & 0x0f == 1)
        );
    }

    #[test]
    fn a_name_longer_than_dns_allows_is_refused() {
        let long = vec!["a".repeat(63); 4].join(".");
        assert!(matches!(
            read_query(&question(&long, RecordType::A)),
            Err(Unreadable::Refuse(_))
        ));
        let fits = format!("{}.{}", vec!["a".repeat(63); 3].join("."), "b".repeat(61));
        assert_eq!(read(&question(&fits, RecordType::A)).name, fits);
    }

    #[test]
    fn answers_and_stumps_are_ignored() {
        let mut answer = question("db", RecordType::A);
        answer[2] |= 0x80;
        for bytes in [&answer[..], &[], &[0; 3], &[0; 11]] {
            assert_eq!(read_query(bytes), Err(Unreadable::Ignore));
        }
    }

    #[test]
    fn other_operations_are_not_implemented() {
        let mut update = question("db", RecordType::A);
        update[2] |= 5 << 3;
        assert!(
            matches!(read_query(&update), Err(Unreadable::Refuse(reply)) if reply[3] & 0x0f == 4)
        );
    }

    #[test]
    fn a_message_with_two_questions_is_refused() {
        let mut bytes = question("db", RecordType::A);
        bytes[5] = 2;
        assert!(matches!(read_query(&bytes), Err(Unreadable::Refuse(_))));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_survived() {
        let whole = with_edns(question("db.eu-west-1.compute.internal", RecordType::SRV));
        for length in 0..whole.len() {
            let _ = read_query(&whole[..length]);
        }
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _ = read_query(&bytes);
            }
        }
    }

    #[test]
    fn random_bytes_are_survived() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..20_000 {
            let bytes: Vec<u8> = (0..round % 80)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()[3]
                })
                .collect();
            let _ = read_query(&bytes);
        }
    }

    #[test]
    fn no_such_name_repeats_the_question_and_nothing_else() {
        let asked = question("mongodb", RecordType::A);
        let reply = read(&asked).reply(Rcode::NoSuchName, None);
        assert_eq!(
            reply[..12],
            [0xab, 0xcd, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(reply[12..], asked[12..]);
    }

    #[test]
    fn an_address_is_answered_with_a_record() {
        let query = read(&question("h", RecordType::A));
        let reply = query.reply(
            Rcode::NoError,
            Some(&Record::Address(Ipv4Addr::new(10, 1, 2, 3).into())),
        );
        assert_eq!(reply[6..8], [0, 1]);
        assert_eq!(
            reply[19..],
            [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 2, 3]
        );
        let reply = query.reply(
            Rcode::NoError,
            Some(&Record::Address(Ipv6Addr::LOCALHOST.into())),
        );
        assert_eq!(
            reply[19..35],
            [0xc0, 0x0c, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0, 0, 0, 0]
        );
        assert_eq!(reply.len(), 47);
    }

    #[test]
    fn a_pointer_record_holds_an_encoded_name() {
        let query = read(&question("h", RecordType::PTR));
        let reply = query.reply(
            Rcode::NoError,
            Some(&Record::Pointer("ip-1.internal".into())),
        );
        assert_eq!(reply[29..31], [0, 15]);
        assert_eq!(&reply[31..], b"\x04ip-1\x08internal\0");
    }

    #[test]
    fn edns_is_answered_with_edns_only_when_asked() {
        let plain = read(&question("db", RecordType::A)).reply(Rcode::NoSuchName, None);
        let edns = read(&with_edns(question("db", RecordType::A))).reply(Rcode::NoSuchName, None);
        assert_eq!(plain[11], 0);
        assert_eq!(edns[11], 1);
        assert_eq!(edns.len(), plain.len() + 11);
    }

    #[test]
    fn a_verdict_is_read_from_an_answer_to_this_question_only() {
        let query = read(&question("db", RecordType::A));
        assert_eq!(
            query.verdict(&query.reply(Rcode::NoSuchName, None)),
            Some(Rcode::NoSuchName)
        );
        assert_eq!(
            query.verdict(&query.reply(Rcode::Other(5), None)),
            Some(Rcode::Other(5))
        );
        let mut foreign = query.reply(Rcode::NoError, None);
        foreign[0] ^= 1;
        assert_eq!(query.verdict(&foreign), None);
        assert_eq!(query.verdict(&question("db", RecordType::A)), None);
        assert_eq!(query.verdict(&foreign[..8]), None);
    }
}
