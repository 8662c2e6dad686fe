//! The role `link`: changes files of a dev container as envsim asks, frame by frame.
//!
//! envsim executes it in the container as root. Frames come on standard input and go to standard output,
//! nothing else does; it ends with its input. What a frame asks for is either done or answered by one
//! `Failed` with a sentence; a stream that is damaged is answered once, and ends the link.

mod alone;
mod failure;
mod inotify;
mod new;
mod outbox;
mod roots;
mod serve;
mod synced;
mod tree;
mod watch;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::init;
use crate::poll;
use crate::wire::frame::{Decoder, Request};
use alone::Alone;
use outbox::Outbox;
use serve::Server;

/// What is read at once.
const READ: usize = 256 * 1024;
/// Answers wait for more while input comes without a break, but not longer.
const PATIENCE: Duration = Duration::from_millis(20);

/// The folder of `--control`, and whether the link is to be alone.
pub fn arguments(words: &[OsString]) -> Result<(PathBuf, bool), String> {
    match words {
        [flag, folder] if flag == "--control" => Ok((init::folder(Some(folder), false)?, false)),
        [flag, folder, alone] if flag == "--control" && alone == "--alone" => {
            Ok((init::folder(Some(folder), false)?, true))
        }
        _ => Err("expected `--control DIR` and perhaps `--alone`".into()),
    }
}

/// Serves until the input ends.
///
/// # Errors
/// A stream that cannot be used any more; the other side was told too.
pub fn run(control: &Path, alone: bool) -> Result<(), String> {
    let _held = alone.then(|| Alone::become_in(control)).transpose()?;
    let inherited = |fd: io::Result<_>| fd.map(File::from).map_err(|e| e.to_string());
    let input = inherited(io::stdin().as_fd().try_clone_to_owned())?;
    let output = inherited(io::stdout().as_fd().try_clone_to_owned())?;
    Link {
        input,
        decoder: Decoder::default(),
        next: 0,
        told: 0,
        flushed: Instant::now(),
        out: Outbox::new(output),
        server: Server::new(control),
    }
    .run()
    .map_err(|error| error.to_string())
}

struct Link {
    input: File,
    decoder: Decoder,
    /// Number of the next frame.
    next: u64,
    /// Frames whose answers were told.
    told: u64,
    flushed: Instant,
    out: Outbox,
    server: Server,
}

impl Link {
    fn run(mut self) -> io::Result<()> {
        let mut bytes = vec![0; READ];
        loop {
            self.serve_all()?;
            if self.flushed.elapsed() > PATIENCE || !self.wait(Some(Duration::ZERO))? {
                self.flush()?;
                while !self.wait(self.server.patience())? {
                    self.flush()?;
                }
            }
            match self.input.read(&mut bytes)? {
                0 => return self.flush(),
                count => self.decoder.push(&bytes[..count]),
            }
        }
    }

    /// Serves the frames that are there whole.
    fn serve_all(&mut self) -> io::Result<()> {
        loop {
            match self.decoder.decode::<Request>() {
                Ok(Some((number, request))) => {
                    self.next = number + 1;
                    if let Err(reason) = self.server.serve(number, request, &mut self.out)? {
                        return self.end(&reason);
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    let reason = error.to_string();
                    self.out.fail(self.next, serve::EPROTO, reason.clone())?;
                    return self.end(&reason);
                }
            }
            if self.flushed.elapsed() > PATIENCE {
                self.flush()?;
            }
        }
    }

    /// The stream is of no use any more, and the other side has been told why.
    fn end(&mut self, reason: &str) -> io::Result<()> {
        self.server.flush();
        self.out.flush()?;
        Err(io::Error::other(format!("the link ended: {reason}")))
    }

    /// Whether there is input. Changes that are seen meanwhile go to the outbox.
    fn wait(&mut self, patience: Option<Duration>) -> io::Result<bool> {
        let mut fds = vec![self.input.as_fd()];
        fds.extend(self.server.watched());
        let ready = poll::readable(&fds, patience)?;
        self.server.tell_changes(&mut self.out)?;
        Ok(ready.first() == Some(&true))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.server.flush();
        if self.told < self.next {
            self.told = self.next;
            self.out.done(self.next - 1)?;
        }
        self.flushed = Instant::now();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
