//! The one builder of the tests, the runner of commands and the look into the engine.

mod cgroup;
mod command;
mod engine;
mod project;
mod proxy;
mod random;
mod registry;
mod report;

pub use cgroup::memory_limit;
pub use command::{Outcome, Running};
pub use engine::Eye;
pub use project::Project;
pub use proxy::Proxy;
pub use random::Random;
pub use registry::Registry;
pub use report::Report;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; a test that works never waits for it.
pub const DEADLINE: Duration = Duration::from_secs(180);
/// Between two looks at something that changes.
const POLL: Duration = Duration::from_millis(50);

/// Looks again and again until `look` finds something.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(POLL);
    }
}

/// A TCP port of 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// What `GET /path` on 127.0.0.1 answers, head and body; none while nobody answers.
pub fn get(port: u16, path: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (!answer.is_empty()).then_some(answer)
}
