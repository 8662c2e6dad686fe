//! Forwarding a question to the resolvers that the container had before.
//!
//! Questions and answers pass as they are, cut-off answers included: the asker then repeats over TCP.
//! One upstream after the other, each with a time limit, so that a dead one delays and never blocks.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::dns::message::{Query, Rcode};
use crate::wire::Transport;

/// Below the five seconds after which the C library repeats its question.
const PATIENCE: Duration = Duration::from_secs(2);
pub const LARGEST_MESSAGE: usize = u16::MAX as usize;

/// The first answer that settles the question. An upstream that reports its own failure is skipped
/// while others are left, as the C library does.
pub fn ask(
    upstreams: &[SocketAddr],
    bytes: &[u8],
    query: &Query,
    transport: Transport,
) -> Option<(Vec<u8>, Rcode)> {
    let mut failure = None;
    for &upstream in upstreams {
        let reply = match transport {
            Transport::Udp => over_udp(upstream, bytes, query),
            Transport::Tcp => over_tcp(upstream, bytes),
        };
        let Ok(reply) = reply else { continue };
        match query.verdict(&reply) {
            Some(rcode @ (Rcode::NoError | Rcode::NoSuchName)) => return Some((reply, rcode)),
            Some(rcode) => failure = Some((reply, rcode)),
            None => {}
        }
    }
    failure
}

fn over_udp(upstream: SocketAddr, bytes: &[u8], query: &Query) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match upstream {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // Connected: the kernel drops what comes from elsewhere.
    socket.connect(upstream)?;
    socket.send(bytes)?;
    let end = Instant::now() + PATIENCE;
    let mut reply = vec![0; LARGEST_MESSAGE];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.recv(&mut reply)?;
        if reply
            .get(..length)
            .is_some_and(|reply| query.verdict(reply).is_some())
        {
            reply.truncate(length);
            return Ok(reply);
        }
    }
}

fn over_tcp(upstream: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&upstream, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write_framed(&mut stream, bytes)?;
    read_framed(&mut stream)
}

/// Over TCP a message follows its length in two bytes.
pub fn read_framed(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// In one write: some servers do not wait for a second segment.
pub fn write_framed(stream: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::{read_query, tests::question};
    use crate::wire::RecordType;
    use std::net::TcpListener;
    use std::thread;

    fn stub(rcode: Option<Rcode>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let query = read_query(&bytes[..length]).unwrap();
                // Noise first: an answer to another question must not be taken.
                let mut noise = query.reply(Rcode::NoError, None);
                noise[0] ^= 0xff;
                socket.send_to(&noise, from).unwrap();
                if let Some(rcode) = rcode {
                    socket.send_to(&query.reply(rcode, None), from).unwrap();
                }
            }
        });
        address
    }

    fn verdict(upstreams: &[SocketAddr]) -> Option<Rcode> {
        let bytes = question("example.com", RecordType::A);
        let query = read_query(&bytes).unwrap();
        ask(upstreams, &bytes, &query, Transport::Udp).map(|(_, rcode)| rcode)
    }

    #[test]
    fn the_first_upstream_that_settles_the_question_is_taken() {
        assert_eq!(
            verdict(&[stub(Some(Rcode::NoSuchName)), stub(Some(Rcode::NoError))]),
            Some(Rcode::NoSuchName)
        );
    }

    #[test]
    fn an_upstream_that_fails_is_skipped_while_others_are_left() {
        assert_eq!(
            verdict(&[stub(Some(Rcode::ServerFailure)), stub(Some(Rcode::NoError))]),
            Some(Rcode::NoError)
        );
        assert_eq!(
            verdict(&[stub(Some(Rcode::Other(5)))]),
            Some(Rcode::Other(5))
        );
    }

    #[test]
    fn a_silent_upstream_costs_its_patience_and_no_more() {
        let start = Instant::now();
        assert_eq!(
            verdict(&[stub(None), stub(Some(Rcode::NoError))]),
            Some(Rcode::NoError)
        );
        assert!(start.elapsed() < PATIENCE * 2);
        assert_eq!(verdict(&[]), None);
    }

    #[test]
    fn a_question_over_tcp_is_forwarded_over_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let query = read_query(&read_framed(&mut stream).unwrap()).unwrap();
            write_framed(&mut stream, &query.reply(Rcode::NoSuchName, None)).unwrap();
        });
        let bytes = question("example.com", RecordType::A);
        let query = read_query(&bytes).unwrap();
        let answer = ask(&[upstream], &bytes, &query, Transport::Tcp);
        assert_eq!(answer.map(|(_, rcode)| rcode), Some(Rcode::NoSuchName));
    }

    #[test]
    fn framed_messages_survive_the_round_trip() {
        let mut sent = Vec::new();
        write_framed(&mut sent, b"hello").unwrap();
        assert_eq!(read_framed(&mut &sent[..]).unwrap(), b"hello");
        assert!(read_framed(&mut &sent[..4]).is_err());
    }
}
