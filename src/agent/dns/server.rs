//! The sockets of the resolver: one address for each asker, UDP and TCP.
//!
//! What can be answered from the policy is answered at once; what must be forwarded gets a thread of
//! its own, so one slow upstream holds up nobody else. The number of threads is bounded.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::dns::message::{Query, Rcode, Record, Unreadable, read_query};
use crate::dns::policy::{Policy, Ruling};
use crate::dns::tally::Tally;
use crate::dns::upstream::{LARGEST_MESSAGE, ask, read_framed, write_framed};
use crate::wire::{Event, Outcome, Question, Transport};

/// Nothing here recurses or keeps large values on the stack.
const STACK: usize = 64 * 1024;
/// Questions on their way to an upstream.
const MOST_FORWARDS: usize = 64;
/// Apart from the above, so that idle connections cannot use up the room for questions.
const MOST_CONNECTIONS: usize = 32;
const IDLE_CONNECTION: Duration = Duration::from_secs(10);
/// Keeps a failing accept or receive from turning into a busy loop.
const BREATH: Duration = Duration::from_millis(20);
/// A question fits many times over.
const LARGEST_UDP_QUESTION: usize = 4096;

/// Where questions of one service arrive; without a name, those of whoever uses the task's resolv.conf.
pub struct Place {
    pub address: Ipv4Addr,
    pub asker: Option<String>,
}

pub struct Resolver {
    policy: Policy,
    upstreams: Vec<SocketAddr>,
    tally: Mutex<Tally>,
    forwards: Slots,
    connections: Slots,
    report: Report,
}

/// Where events go.
type Report = Box<dyn Fn(&Event) + Send + Sync>;

/// What is left to do with a message after the policy has spoken.
enum Step {
    Ignore,
    Reply(Vec<u8>),
    Forward(Query),
}

impl Resolver {
    pub fn new(
        policy: Policy,
        upstreams: Vec<SocketAddr>,
        report: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Self {
        Self {
            policy,
            upstreams,
            tally: Mutex::default(),
            forwards: Slots::new(MOST_FORWARDS),
            connections: Slots::new(MOST_CONNECTIONS),
            report: Box::new(report),
        }
    }

    /// Reports the totals that were not reported yet.
    pub fn report_totals(&self) {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        for event in tally.totals() {
            (self.report)(&event);
        }
    }

    fn first_step(&self, bytes: &[u8], asker: Option<&str>, transport: Transport) -> Step {
        let query = match read_query(bytes) {
            Ok(query) => query,
            Err(Unreadable::Ignore) => return Step::Ignore,
            Err(Unreadable::Refuse(reply)) => return Step::Reply(reply),
        };
        let (outcome, rcode, record): (Outcome, Rcode, Option<Record>) =
            match self.policy.rule(&query.name, query.record_type) {
                Ruling::Forward => return Step::Forward(query),
                Ruling::Deny => (Outcome::Denied, Rcode::NoSuchName, None),
                Ruling::NoSuchName => (Outcome::NxDomain, Rcode::NoSuchName, None),
                Ruling::Answer(record) => (Outcome::Answered, Rcode::NoError, record),
            };
        self.note(&query, asker, outcome, transport);
        Step::Reply(query.reply(rcode, record.as_ref()))
    }

    fn forward(
        &self,
        bytes: &[u8],
        query: &Query,
        asker: Option<&str>,
        transport: Transport,
    ) -> Vec<u8> {
        let Some((reply, rcode)) = ask(&self.upstreams, bytes, query, transport) else {
            return self.give_up(query, asker, transport);
        };
        let outcome = match rcode {
            Rcode::NoError => Outcome::Answered,
            Rcode::NoSuchName => Outcome::NxDomain,
            _ => Outcome::Failed,
        };
        self.note(query, asker, outcome, transport);
        reply
    }

    fn give_up(&self, query: &Query, asker: Option<&str>, transport: Transport) -> Vec<u8> {
        self.note(query, asker, Outcome::Failed, transport);
        query.reply(Rcode::ServerFailure, None)
    }

    fn note(&self, query: &Query, asker: Option<&str>, outcome: Outcome, transport: Transport) {
        let question = Question {
            name: self.policy.as_given(&query.name).to_owned(),
            record_type: query.record_type,
            asker: asker.map(ToOwned::to_owned),
            outcome,
            transport,
        };
        // Reported under the lock: the last event of a question must carry its highest number.
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = tally.add(question, milliseconds_now()) {
            (self.report)(&event);
        }
    }
}

/// Since 1970.
fn milliseconds_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// Sockets that are bound and not served yet. All are bound before any is served, so that a task with
/// a missing resolver never looks ready.
pub struct Bound {
    udp: UdpSocket,
    tcp: TcpListener,
    asker: Option<String>,
}

pub fn bind(place: Place, port: u16) -> Result<Bound, String> {
    let address = SocketAddr::from((place.address, port));
    let failed = |e: io::Error| format!("cannot listen for DNS on {address}: {e}");
    let udp = UdpSocket::bind(address).map_err(failed)?;
    // The same number again when the system chose it (port 0, in tests).
    let tcp = udp
        .local_addr()
        .and_then(TcpListener::bind)
        .map_err(failed)?;
    Ok(Bound {
        udp,
        tcp,
        asker: place.asker,
    })
}

pub fn serve(resolver: &Arc<Resolver>, bound: Bound) -> Result<(), String> {
    let Bound { udp, tcp, asker } = bound;
    let (udp, asker) = (Arc::new(udp), asker.map(Arc::<str>::from));
    let started = {
        let (resolver, asker) = (Arc::clone(resolver), asker.clone());
        start(move || serve_udp(&resolver, &udp, asker.as_ref()))
    };
    let resolver = Arc::clone(resolver);
    started
        .and_then(|()| start(move || serve_tcp(&resolver, &tcp, asker.as_ref())))
        .map_err(|e| format!("cannot start a thread: {e}"))
}

fn serve_udp(resolver: &Arc<Resolver>, socket: &Arc<UdpSocket>, asker: Option<&Arc<str>>) {
    let mut buffer = vec![0; LARGEST_UDP_QUESTION];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            thread::sleep(BREATH);
            continue;
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        match resolver.first_step(bytes, asker.map(AsRef::as_ref), Transport::Udp) {
            Step::Ignore => {}
            Step::Reply(reply) => send(socket, &reply, from),
            Step::Forward(query) => {
                forward_apart(resolver, socket, asker, from, bytes.to_vec(), query)
            }
        }
    }
}

/// Forwards in a new thread; fails the question when no more can be started.
fn forward_apart(
    resolver: &Arc<Resolver>,
    socket: &Arc<UdpSocket>,
    asker: Option<&Arc<str>>,
    from: SocketAddr,
    bytes: Vec<u8>,
    query: Query,
) {
    let query = Arc::new(query);
    let work = {
        let (resolver, socket) = (Arc::clone(resolver), Arc::clone(socket));
        let (asker, query) = (asker.cloned(), Arc::clone(&query));
        move || {
            let reply = resolver.forward(&bytes, &query, asker.as_deref(), Transport::Udp);
            send(&socket, &reply, from);
        }
    };
    if !start_in(resolver, |resolver| &resolver.forwards, work) {
        let reply = resolver.give_up(&query, asker.map(AsRef::as_ref), Transport::Udp);
        send(socket, &reply, from);
    }
}

/// An asker that went away is no concern of the resolver.
fn send(socket: &UdpSocket, reply: &[u8], to: SocketAddr) {
    let _ = socket.send_to(reply, to);
}

fn serve_tcp(resolver: &Arc<Resolver>, listener: &TcpListener, asker: Option<&Arc<str>>) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(BREATH);
            continue;
        };
        let work = {
            let (resolver, asker) = (Arc::clone(resolver), asker.cloned());
            // The connection simply ends when the asker closes it, is silent for long or sends garbage.
            move || drop(converse(&resolver, stream, asker.as_deref()))
        };
        // Without a free slot the stream is dropped, and with it closed.
        start_in(resolver, |resolver| &resolver.connections, work);
    }
}

fn converse(resolver: &Resolver, mut stream: TcpStream, asker: Option<&str>) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE_CONNECTION))?;
    stream.set_write_timeout(Some(IDLE_CONNECTION))?;
    loop {
        let bytes = read_framed(&mut stream)?;
        let mut reply = match resolver.first_step(&bytes, asker, Transport::Tcp) {
            Step::Ignore => return Ok(()),
            Step::Reply(reply) => reply,
            Step::Forward(query) => resolver.forward(&bytes, &query, asker, Transport::Tcp),
        };
        reply.truncate(LARGEST_MESSAGE);
        write_framed(&mut stream, &reply)?;
    }
}

fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
}

/// Starts a thread if a slot is free; says whether it did. The slot is given back when the thread ends.
fn start_in(
    resolver: &Arc<Resolver>,
    slots: fn(&Resolver) -> &Slots,
    work: impl FnOnce() + Send + 'static,
) -> bool {
    if !slots(resolver).take() {
        return false;
    }
    let owner = Arc::clone(resolver);
    let started = start(move || {
        work();
        slots(&owner).give_back();
    });
    if started.is_err() {
        slots(resolver).give_back();
    }
    started.is_ok()
}

struct Slots {
    used: AtomicUsize,
    most: usize,
}

impl Slots {
    fn new(most: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            most,
        }
    }

    fn take(&self) -> bool {
        let more = |used| (used < self.most).then_some(used + 1);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    fn give_back(&self) {
        self.used.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::tests::question;
    use crate::wire::RecordType;
    use std::sync::mpsc;
    use std::time::Instant;

    /// A running resolver, whose only upstream takes questions and never answers.
    struct Running {
        address: SocketAddr,
        events: mpsc::Receiver<Event>,
        resolver: Arc<Resolver>,
        _silent: UdpSocket,
    }

    fn running() -> Running {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let policy = Policy::new(
            "ip-1.x.internal",
            Ipv4Addr::new(10, 1, 2, 3),
            "x.internal",
            &["db".into()],
        );
        let (sender, events) = mpsc::channel();
        let report = move |event: &Event| sender.send(event.clone()).unwrap_or_default();
        let resolver = Arc::new(Resolver::new(
            policy,
            vec![silent.local_addr().unwrap()],
            report,
        ));
        let place = Place {
            address: Ipv4Addr::LOCALHOST,
            asker: Some("web".into()),
        };
        let bound = bind(place, 0).unwrap();
        let address = bound.udp.local_addr().unwrap();
        serve(&resolver, bound).unwrap();
        Running {
            address,
            events,
            resolver,
            _silent: silent,
        }
    }

    impl Running {
        fn reported(&self) -> Vec<String> {
            let lines = self.events.try_iter().map(|event| event.encode());
            // Each tells when it was asked first; that is no constant.
            lines
                .map(|line| {
                    let line = line.trim_start_matches("@envsim/1 lookup ");
                    let (line, first) = line.split_once(" first=").expect("a time");
                    assert!(first.parse::<u64>().is_ok_and(|time| time > 0), "{first}");
                    line.to_owned()
                })
                .collect()
        }
    }

    fn client(server: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(4)))
            .unwrap();
        socket
    }

    fn rcode(socket: &UdpSocket) -> u8 {
        let mut reply = [0; 512];
        let length = socket.recv(&mut reply).unwrap();
        reply[..length][3] & 0x0f
    }

    #[test]
    fn a_denied_name_is_answered_while_an_upstream_is_silent() {
        let running = running();
        let (slow, fast) = (client(running.address), client(running.address));
        slow.send(&question("example.com", RecordType::A)).unwrap();
        let start = Instant::now();
        fast.send(&question("db", RecordType::A)).unwrap();
        assert_eq!(rcode(&fast), 3);
        assert!(start.elapsed() < Duration::from_secs(1));
        assert_eq!(
            rcode(&slow),
            2,
            "and the silent one ends as a server failure"
        );
        assert_eq!(
            running.reported(),
            [
                "name=db type=A outcome=denied transport=udp count=1 asker=web",
                "name=example.com type=A outcome=failed transport=udp count=1 asker=web",
            ]
        );
    }

    #[test]
    fn several_questions_are_answered_on_one_connection_and_counted() {
        let running = running();
        let mut stream = TcpStream::connect(running.address).unwrap();
        for name in ["db", "db.x.internal", "DB"] {
            write_framed(&mut stream, &question(name, RecordType::A)).unwrap();
            assert_eq!(read_framed(&mut stream).unwrap()[3] & 0x0f, 3);
        }
        running.resolver.report_totals();
        assert_eq!(
            running.reported(),
            [1, 2, 3].map(|n| format!(
                "name=db type=A outcome=denied transport=tcp count={n} asker=web"
            ))
        );
    }

    #[test]
    fn garbage_is_survived() {
        let running = running();
        let socket = client(running.address);
        for bytes in [&[0u8; 0][..], &[0xff; 40], &[0; 11], &[0; 600]] {
            socket.send(bytes).unwrap();
        }
        let mut rude = TcpStream::connect(running.address).unwrap();
        io::Write::write_all(&mut rude, &[0xff; 9]).unwrap();
        drop(rude);
        let asking = client(running.address);
        asking.send(&question("db", RecordType::A)).unwrap();
        assert_eq!(rcode(&asking), 3);
    }

    #[test]
    fn more_questions_than_there_are_threads_fail_at_once() {
        let running = running();
        let socket = client(running.address);
        for _ in 0..=MOST_FORWARDS {
            socket
                .send(&question("example.com", RecordType::A))
                .unwrap();
        }
        let start = Instant::now();
        assert_eq!(rcode(&socket), 2);
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn slots_are_bounded_and_come_back() {
        let slots = Slots::new(2);
        assert!(slots.take() && slots.take() && !slots.take());
        slots.give_back();
        assert!(slots.take());
    }
}
