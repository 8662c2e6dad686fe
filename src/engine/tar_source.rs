//! Where the bytes of an archive come from: memory, a stream, or a writer on its own thread.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

/// Pieces that go to the engine are about this large.
const PIECE: usize = 64 * 1024;

/// A tar archive on its way to the engine.
pub enum TarSource {
    Bytes(Bytes),
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl TarSource {
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> TarSource {
        TarSource::Stream(Box::pin(stream))
    }

    /// Runs `write` on a blocking thread, typically around a `tar::Builder`, while the engine
    /// reads. An error it returns fails the call. When the engine stops listening, its next write
    /// fails with `BrokenPipe`.
    ///
    /// Must be called within the tokio runtime.
    pub fn produce(
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> TarSource {
        let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(8);
        tokio::task::spawn_blocking(move || {
            let mut pipe = Pipe {
                sender,
                piece: Vec::with_capacity(PIECE),
            };
            let done = write(&mut pipe).and_then(|()| pipe.flush());
            if let Err(e) = done {
                let _ = pipe.sender.blocking_send(Err(e));
            }
        });
        TarSource::stream(futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)))
    }

    /// As bollard's request body. The slot keeps the producer's own error, which would otherwise
    /// surface as a broken connection.
    pub(super) fn into_body(self) -> (Body, FailureSlot) {
        let slot = FailureSlot::default();
        let body = match self {
            TarSource::Bytes(bytes) => bollard::body_full(bytes),
            TarSource::Stream(stream) => {
                let slot = slot.clone();
                bollard::body_try_stream(stream.map(move |piece| {
                    if let Err(e) = &piece {
                        slot.set(e.to_string());
                    }
                    piece
                }))
            }
        };
        (body, slot)
    }
}

impl From<Vec<u8>> for TarSource {
    fn from(bytes: Vec<u8>) -> Self {
        TarSource::Bytes(bytes.into())
    }
}

impl From<Bytes> for TarSource {
    fn from(bytes: Bytes) -> Self {
        TarSource::Bytes(bytes)
    }
}

/// Bollard does not export the name of its body type, only of a request that carries one.
pub(super) type Body = <bollard::BollardRequest as RequestBody>::Body;

pub(super) trait RequestBody {
    type Body;
}

impl<B> RequestBody for hyper::Request<B> {
    type Body = B;
}

/// What went wrong while the archive was made, if anything.
#[derive(Clone, Default)]
pub(super) struct FailureSlot(Arc<Mutex<Option<String>>>);

impl FailureSlot {
    fn set(&self, message: String) {
        if let Ok(mut slot) = self.0.lock() {
            slot.get_or_insert(message);
        }
    }

    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().ok().and_then(|mut slot| slot.take())
    }
}

struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(data);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender
            .blocking_send(Ok(piece.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_becomes_a_stream() {
        let source = TarSource::produce(|out| {
            for _ in 0..3 {
                out.write_all(&vec![7; PIECE / 2 + 1])?;
            }
            Err(io::Error::other("disk gone"))
        });
        let TarSource::Stream(mut stream) = source else {
            panic!("not a stream")
        };
        let mut total = 0;
        let mut failure = None;
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(b) => total += b.len(),
                Err(e) => failure = Some(e.to_string()),
            }
        }
        assert_eq!(total, PIECE + 2);
        assert_eq!(failure.as_deref(), Some("disk gone"));
    }
}
