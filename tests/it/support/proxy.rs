//! Stands between envsim and the engine's socket, so that a test can cut the connection.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

/// A socket that leads to the engine's.
pub struct Proxy {
    path: PathBuf,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    /// Listens at `path` for as long as the test runs.
    pub fn start(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket can be made");
        let open = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&open);
        let engine = match std::env::var("DOCKER_HOST") {
            Ok(host) => host.trim_start_matches("unix://").to_owned(),
            Err(_) => "/var/run/docker.sock".to_owned(),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = UnixStream::connect(&engine) else {
                    continue;
                };
                let ends = [&client, &server].map(|end| end.try_clone().expect("a handle"));
                kept.lock().expect("no thread panics").extend(ends);
                pass(&client, &server);
                pass(&server, &client);
            }
        });
        Self {
            path: path.to_owned(),
            open,
        }
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts every connection there is; new ones can be made.
    pub fn cut(&self) {
        for end in self.open.lock().expect("no thread panics").drain(..) {
            // One side may be gone already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what `from` says until it has said all.
fn pass(from: &UnixStream, to: &UnixStream) {
    let mut from = from.try_clone().expect("a handle");
    let mut to = to.try_clone().expect("a handle");
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
