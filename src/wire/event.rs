//! The messages that the agent prints inside a container and envsim reads from that container's log.
//!
//! One event is one line: a marker, the kind, then `key=value` fields. Lines without the marker are
//! somebody else's and are skipped; kinds and fields that this version does not know are skipped too,
//! so an older envsim can read a newer agent. The module knows nothing about sockets, Docker or logs,
//! and uses `std` only, because both programs compile it.

use std::fmt;
use std::str::FromStr;

/// How every line of the agent begins. The number changes only when old readers would misread.
pub const MARKER: &str = "@envsim/1";

/// Something the agent did or saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// DNS is listening, the files are written, the limits have been tried.
    Ready,
    /// How the limit of the whole task was set, or why it was not.
    Limits { applied: bool, detail: String },
    /// How many files a process of a container may have open at most, as this engine starts it.
    Files { most: u64 },
    /// A DNS question, with how often it was asked so far. Not every repeat is reported: the last
    /// event for a question carries its number, and the totals are exact after `Stopped`. `first` is
    /// when it was asked first, in milliseconds since 1970; older agents do not tell.
    Lookup {
        question: Question,
        count: u64,
        first: Option<u64>,
    },
    /// A TCP socket in state LISTEN. `address` is in text form; an IPv4 address on an IPv6 socket
    /// is written as IPv4. `dual`: it is for every IPv6 address and takes IPv4 connections too.
    /// `owner` is the id of the container that has it open, where that can be told.
    Listener {
        address: String,
        port: u16,
        v6: bool,
        dual: bool,
        uid: u32,
        owner: Option<String>,
    },
    /// Memory of the whole task at its end: the limit and the most it ever used in bytes, and how often the
    /// kernel killed a process because it was full; without what the kernel does not count.
    Memory {
        limit: u64,
        peak: Option<u64>,
        kills: Option<u64>,
    },
    /// The agent has cleaned up and is about to exit.
    Stopped,
    /// Something the agent could not do.
    Problem { what: String },
}

/// A DNS question and what became of it: the key under which repeats are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// Lower case, without the final dot and without the search domain that a resolver appended.
    pub name: String,
    pub record_type: RecordType,
    /// The service that asked; none when its container reads the resolv.conf of the task.
    pub asker: Option<String>,
    pub outcome: Outcome,
    pub transport: Transport,
}

/// What the asker got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// "No such name", because the name exists in the dev environment only.
    Denied,
    /// "No such name", from ECS's rules or from the upstream resolver.
    NxDomain,
    /// The upstream's answer, or the agent's own. It may hold no record.
    Answered,
    /// No usable answer: no upstream replied, or it reported a failure of its own.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    Udp,
    Tcp,
}

/// A DNS record type: its number, shown by its name where there is a common one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    pub const A: Self = Self(1);
    pub const PTR: Self = Self(12);
    pub const AAAA: Self = Self(28);
    pub const SRV: Self = Self(33);
    pub const OPT: Self = Self(41);
    pub const ANY: Self = Self(255);
}

const RECORD_TYPE_NAMES: [(u16, &str); 12] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (255, "ANY"),
];

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RECORD_TYPE_NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
        {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for RecordType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((number, _)) = RECORD_TYPE_NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(Self(*number));
        }
        text.strip_prefix("TYPE")
            .and_then(|number| number.parse().ok())
            .map(Self)
            .ok_or(())
    }
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Denied, Self::NxDomain, Self::Answered, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NxDomain => "nxdomain",
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }
}

impl Transport {
    const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl Event {
    /// The event as one line, without a line end.
    pub fn encode(&self) -> String {
        match self {
            Self::Ready => Line::new("ready").0,
            Self::Limits { applied, detail } => {
                Line::new("limits")
                    .field("applied", &applied.to_string())
                    .field("detail", detail)
                    .0
            }
            Self::Lookup {
                question,
                count,
                first,
            } => encode_lookup(question, *count, *first),
            Self::Files { most } => Line::new("files").field("most", &most.to_string()).0,
            Self::Memory { limit, peak, kills } => {
                let mut line = Line::new("memory").field("limit", &limit.to_string());
                for (key, value) in [("peak", peak), ("kills", kills)] {
                    if let Some(value) = value {
                        line = line.field(key, &value.to_string());
                    }
                }
                line.0
            }
            Self::Listener {
                address,
                port,
                v6,
                dual,
                uid,
                owner,
            } => {
                let mut line = Line::new("listener")
                    .field("address", address)
                    .field("port", &port.to_string())
                    .field("v6", &v6.to_string())
                    .field("dual", &dual.to_string())
                    .field("uid", &uid.to_string());
                if let Some(owner) = owner {
                    line = line.field("owner", owner);
                }
                line.0
            }
            Self::Stopped => Line::new("stopped").0,
            Self::Problem { what } => Line::new("problem").field("what", what).0,
        }
    }

    /// The event that a line of log holds; none for lines of others, of unknown kinds and damaged ones.
    pub fn decode(line: &str) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        let mut words = line.strip_prefix(MARKER)?.strip_prefix(' ')?.split(' ');
        let kind = words.next()?;
        let fields = Fields(words.filter_map(|word| word.split_once('=')).collect());
        match kind {
            "ready" => Some(Self::Ready),
            "limits" => Some(Self::Limits {
                applied: fields.parse("applied")?,
                detail: fields.text("detail")?,
            }),
            "files" => Some(Self::Files {
                most: fields.parse("most")?,
            }),
            "lookup" => decode_lookup(&fields),
            "listener" => Some(Self::Listener {
                address: fields.text("address")?,
                port: fields.parse("port")?,
                v6: fields.parse("v6")?,
                dual: fields.parse("dual")?,
                uid: fields.parse("uid")?,
                owner: fields.text("owner"),
            }),
            "memory" => Some(Self::Memory {
                limit: fields.parse("limit")?,
                peak: fields.parse("peak"),
                kills: fields.parse("kills"),
            }),
            "stopped" => Some(Self::Stopped),
            "problem" => Some(Self::Problem {
                what: fields.text("what")?,
            }),
            _ => None,
        }
    }
}

fn encode_lookup(question: &Question, count: u64, first: Option<u64>) -> String {
    let mut line = Line::new("lookup")
        .field("name", &question.name)
        .field("type", &question.record_type.to_string())
        .field("outcome", question.outcome.as_str())
        .field("transport", question.transport.as_str())
        .field("count", &count.to_string());
    if let Some(asker) = &question.asker {
        line = line.field("asker", asker);
    }
    if let Some(first) = first {
        line = line.field("first", &first.to_string());
    }
    line.0
}

fn decode_lookup(fields: &Fields<'_>) -> Option<Event> {
    let question = Question {
        name: fields.text("name")?,
        record_type: fields.parse("type")?,
        asker: fields.text("asker"),
        outcome: fields.one_of("outcome", &Outcome::ALL, Outcome::as_str)?,
        transport: fields.one_of("transport", &Transport::ALL, Transport::as_str)?,
    };
    Some(Event::Lookup {
        question,
        count: fields.parse("count")?,
        first: fields.parse("first"),
    })
}

struct Line(String);

impl Line {
    fn new(kind: &str) -> Self {
        Self(format!("{MARKER} {kind}"))
    }

    fn field(mut self, key: &str, value: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(key);
        self.0.push('=');
        for byte in value.bytes() {
            match byte {
                b'%' | 0..=b' ' | 0x7f.. => self.0.push_str(&format!("%{byte:02x}")),
                plain => self.0.push(char::from(plain)),
            }
        }
        self
    }
}

struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl Fields<'_> {
    fn raw(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }

    fn text(&self, key: &str) -> Option<String> {
        unescape(self.raw(key)?)
    }

    fn parse<T: FromStr>(&self, key: &str) -> Option<T> {
        self.raw(key)?.parse().ok()
    }

    fn one_of<T: Copy>(&self, key: &str, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
        let text = self.raw(key)?;
        all.iter().copied().find(|&value| name(value) == text)
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, asker: Option<&str>) -> Question {
        Question {
            name: name.into(),
            record_type: RecordType::A,
            asker: asker.map(Into::into),
            outcome: Outcome::Denied,
            transport: Transport::Udp,
        }
    }

    fn samples() -> Vec<Event> {
        let mut events = vec![
            Event::Ready,
            Event::Stopped,
            Event::Limits {
                applied: true,
                detail: "cgroup v1: memory 67108864 bytes, 100 %".into(),
            },
            Event::Limits {
                applied: false,
                detail: String::new(),
            },
            Event::Memory {
                limit: 67_108_864,
                peak: Some(67_108_864),
                kills: None,
            },
            Event::Files { most: u64::MAX },
            Event::Problem {
                what: "line one\nline=two\t\"ü\" \u{1f980}\0".into(),
            },
            Event::Listener {
                address: "::".into(),
                port: 3000,
                v6: true,
                dual: true,
                uid: 1000,
                owner: None,
            },
            Event::Listener {
                address: "127.0.0.1".into(),
                port: 80,
                v6: false,
                dual: false,
                uid: 0,
                owner: Some("0f3a".into()),
            },
            Event::Lookup {
                question: question("mongodb", None),
                count: 1,
                first: Some(1_764_000_000_123),
            },
            Event::Lookup {
                question: question("odd name\\.%41=\\000", Some("web app")),
                count: u64::MAX,
                first: None,
            },
            Event::Lookup {
                question: question("", Some("")),
                count: 0,
                first: Some(0),
            },
        ];
        for outcome in Outcome::ALL {
            for transport in Transport::ALL {
                for record_type in [RecordType::AAAA, RecordType::SRV, RecordType(4711)] {
                    let question = Question {
                        record_type,
                        outcome,
                        transport,
                        ..question("db", Some("web"))
                    };
                    events.push(Event::Lookup {
                        question,
                        count: 8,
                        first: None,
                    });
                }
            }
        }
        events
    }

    #[test]
    fn every_event_survives_the_round_trip() {
        for event in samples() {
            assert_eq!(Event::decode(&event.encode()), Some(event));
        }
    }

    #[test]
    fn an_event_is_one_printable_ascii_line() {
        for event in samples() {
            let line = event.encode();
            assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{line:?}");
            assert!(line.starts_with("@envsim/1 "));
        }
    }

    #[test]
    fn a_line_end_from_the_log_is_ignored() {
        assert_eq!(Event::decode("@envsim/1 ready\r\n"), Some(Event::Ready));
    }

    #[test]
    fn lines_of_others_are_no_events() {
        for line in [
            "",
            "ready",
            "hello @envsim/1 ready",
            "@envsim/1",
            "@envsim/2 ready",
            "@envsim/1ready",
        ] {
            assert_eq!(Event::decode(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_kind_from_a_newer_agent_is_no_event() {
        assert_eq!(Event::decode("@envsim/1 teleport to=mars"), None);
    }

    #[test]
    fn a_field_from_a_newer_agent_is_ignored() {
        let line = "@envsim/1 problem colour=red what=no%20disk words-without-sign";
        assert_eq!(
            Event::decode(line),
            Some(Event::Problem {
                what: "no disk".into()
            })
        );
    }

    #[test]
    fn damaged_events_are_no_events() {
        for line in [
            "@envsim/1 problem",
            "@envsim/1 problem what=%4",
            "@envsim/1 problem what=%zz",
            "@envsim/1 problem what=%ff",
            "@envsim/1 listener address=:: port=70000 v6=true dual=true uid=0",
            "@envsim/1 lookup name=db type=A outcome=eaten transport=udp count=1",
            "@envsim/1 limits applied=perhaps detail=x",
        ] {
            assert_eq!(Event::decode(line), None, "{line}");
        }
    }

    #[test]
    fn record_types_without_a_common_name_keep_their_number() {
        assert_eq!(RecordType(4711).to_string(), "TYPE4711");
        assert_eq!("TYPE4711".parse(), Ok(RecordType(4711)));
        assert_eq!("SRV".parse(), Ok(RecordType::SRV));
        assert_eq!("srv!".parse::<RecordType>(), Err(()));
    }
}
