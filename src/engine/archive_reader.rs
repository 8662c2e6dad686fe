//! An archive on its way from the engine, read by code that blocks.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::EngineError;

/// Pieces that wait for their reader: some megabytes at most.
const WAITING: usize = 64;

/// The bytes of a stream, for a thread that may block. The stream ends when this is dropped.
pub struct ArchiveReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl ArchiveReader {
    /// Reads on from `first`. Must be called within the tokio runtime.
    pub(super) fn new(
        first: Bytes,
        mut stream: impl Stream<Item = Result<Bytes, EngineError>> + Send + Unpin + 'static,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            while let Some(piece) = stream.next().await {
                if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                    return;
                }
            }
        });
        Self {
            pieces,
            piece: first,
        }
    }
}

impl Read for ArchiveReader {
    /// Blocks: not to be called on a thread of the runtime.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(into.len());
        self.piece.copy_to_slice(&mut into[..count]);
        Ok(count)
    }
}
