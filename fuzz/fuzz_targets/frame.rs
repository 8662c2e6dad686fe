//! Reads any bytes, in any pieces, as frames of both directions of the stream to the agent.

#![no_main]

use libfuzzer_sys::fuzz_target;

use envsim::wire::frame::{Decoder, Encoder, Message, Reply, Request, is_below};

/// What decodes encodes to the same bytes, so nothing of a frame is lost or made up.
fn read<M: Message>(bytes: &[u8], piece: usize) -> Vec<M> {
    let mut decoder = Decoder::default();
    let mut encoder = Encoder::default();
    let mut again = Vec::new();
    let mut all = Vec::new();
    'pieces: for piece in bytes.chunks(piece) {
        decoder.push(piece);
        loop {
            match decoder.decode::<M>() {
                Ok(Some((number, message))) => {
                    assert_eq!(number, all.len() as u64);
                    encoder.encode(&message, &mut again);
                    all.push(message);
                }
                Ok(None) => break,
                Err(_) => break 'pieces,
            }
        }
    }
    assert_eq!(again, bytes[..again.len()]);
    all
}

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first() else {
        return;
    };
    let piece = usize::from(*piece).max(1);
    for request in read::<Request>(bytes, piece) {
        let path = match request {
            Request::Put { file, .. } | Request::Begin { file, .. } => file.at.path,
            Request::Directory { at, .. } | Request::Link { at, .. } | Request::Remove { at, .. } => {
                at.path
            }
            _ => continue,
        };
        assert!(is_below(&path));
    }
    read::<Reply>(bytes, piece);
});
