//! Passes TCP connections of one port on to another port of the same network namespace: production
//! reaches a managed service at a port that its stand-in does not listen on.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::output;
use crate::signals::Held;
use crate::wire::Event;

/// Two buffers of the copying and nothing deep.
const STACK: usize = 64 * 1024;
/// Keeps a failing accept from turning into a busy loop.
const BREATH: Duration = Duration::from_millis(20);

pub fn run(pairs: &[(u16, u16)]) -> Result<(), String> {
    let signals = Held::new()?;
    for &(from, to) in pairs {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, from))
            .map_err(|e| format!("cannot listen on port {from}: {e}"))?;
        start(move || serve(&listener, to)).map_err(|e| format!("cannot start a thread: {e}"))?;
    }
    output::say(&Event::Ready);
    signals.wait_for_stop()
}

fn serve(listener: &TcpListener, to: u16) {
    loop {
        let Ok((caller, _)) = listener.accept() else {
            thread::sleep(BREATH);
            continue;
        };
        // Whoever cannot be served sees the connection closed, as with a server that is down.
        let _ = start(move || drop(connect(caller, to)));
    }
}

fn connect(caller: TcpStream, to: u16) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to))?;
    let (from_server, to_caller) = (server.try_clone()?, caller.try_clone()?);
    start(move || pass(from_server, to_caller))?;
    pass(caller, server);
    Ok(())
}

/// Copies until one side has said all, and tells the other so.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn start(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn both_directions_pass_until_each_side_has_said_all() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap().port();
        let front = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = front.local_addr().unwrap();
        start(move || serve(&front, to)).unwrap();
        let echo = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            stream.write_all(said.to_uppercase().as_bytes()).unwrap();
        });
        let mut caller = TcpStream::connect(address).unwrap();
        caller.write_all(b"hello").unwrap();
        caller.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "HELLO");
        echo.join().unwrap();
    }
}
