//! Replies on their way out: many small ones go in one write.

use std::fs::File;
use std::io::{self, Write};

use crate::wire::frame::{Encoder, Reply};

/// More than this does not wait.
const ENOUGH: usize = 64 * 1024;

pub struct Outbox {
    to: File,
    encoder: Encoder,
    bytes: Vec<u8>,
}

impl Outbox {
    pub fn new(to: File) -> Self {
        Self {
            to,
            encoder: Encoder::default(),
            bytes: Vec::new(),
        }
    }

    /// Sends a reply, at the latest with the next [`Self::flush`].
    pub fn send(&mut self, reply: &Reply) -> io::Result<()> {
        self.encoder.encode(reply, &mut self.bytes);
        match self.bytes.len() > ENOUGH {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub fn fail(&mut self, request: u64, errno: i32, what: String) -> io::Result<()> {
        self.send(&Reply::Failed {
            request,
            errno,
            what,
        })
    }

    pub fn done(&mut self, through: u64) -> io::Result<()> {
        self.send(&Reply::Done { through })
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
